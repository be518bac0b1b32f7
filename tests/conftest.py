"""What tests of several folders share: servers that run once for all who need them."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import free_port, program, running

MOSQUITTO = Path(__file__).parents[1] / "deploy/mosquitto"


@pytest.fixture(scope="session")
def victoria_metrics() -> Iterator[str]:
    """The address of a VictoriaMetrics without data."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        command = [
            program("victoria-metrics"), f"-storageDataPath={folder}/data",
            f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y",
            "-memory.allowedBytes=64MB",
        ]  # fmt: skip
        with running(command, port, Path(folder) / "log"):
            yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True)
class GuardedBroker:
    """A mosquitto with the configuration that we recommend, and certificates of its house."""

    port: int
    house: Path  # ca, server, heatherd, zigbee2mqtt, guest; and expired, of the same authority
    strangers: Path  # heatherd, of another authority


@pytest.fixture(scope="session")
def guarded_broker() -> Iterator[GuardedBroker]:
    """mosquitto behind TLS: nobody gets in without a certificate of the house."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hd") as name:
        folder = Path(name)
        house, strangers = folder / "house", folder / "strangers"
        make = [str(MOSQUITTO / "make-certificates.sh")]
        names = ["127.0.0.1", "heatherd", "zigbee2mqtt", "guest"]
        subprocess.run([*make, house, *names], check=True)
        expired = {**os.environ, "DAYS": "-1"}
        subprocess.run([*make, house, "127.0.0.1", "expired"], check=True, env=expired)
        subprocess.run([*make, strangers, "127.0.0.1", "heatherd"], check=True)
        shutil.copy(MOSQUITTO / "acl", house / "acl")
        (house / "acl").chmod(0o600)
        text = (MOSQUITTO / "heatherd.conf").read_text()
        text = text.replace("listener 8883", f"listener {port} 127.0.0.1")
        text = text.replace("/etc/mosquitto/heatherd", str(house))
        text = text.replace("persistence true", f"persistence false\nuser {getpass.getuser()}")
        (folder / "mosquitto.conf").write_text(text)
        command = [program("mosquitto"), "-c", str(folder / "mosquitto.conf")]
        with running(command, port, folder / "log"):
            yield GuardedBroker(port, house, strangers)
