"""What tests of several folders share: servers that run once for all who need them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import free_port, program, running


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
