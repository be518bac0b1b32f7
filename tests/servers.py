"""Real servers for the tests: mosquitto and VictoriaMetrics from Debian, on loopback.

`deploy/check.sh` unpacks them into the virtual environment; installed ones are found as well.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

UNPACKED = Path(sys.prefix) / "servers"
PLACES = (UNPACKED / "usr/sbin", UNPACKED / "usr/bin", "/usr/sbin", "/usr/local/sbin")
PATIENCE_S = 15.0


def program(name: str) -> str:
    """Where a server is; a test that needs an absent one is skipped with the way to get it."""
    path = os.pathsep.join(map(str, (*PLACES, os.environ.get("PATH", ""))))
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is missing: deploy/check.sh fetches it, or: apt install {name}")
    return found


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """A server from the moment it listens until the end of the block."""
    libraries = os.pathsep.join(map(str, (UNPACKED / "usr/lib").glob("*-linux-gnu*")))
    with (
        log.open("ab") as words,
        subprocess.Popen(
            command, stdout=words, stderr=words, env={**os.environ, "LD_LIBRARY_PATH": libraries}
        ) as process,
    ):
        try:
            _wait_until_it_listens(process, port, log)
            yield
        finally:
            process.terminate()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    gives_up_at = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < gives_up_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args} does not listen: {log.read_text(errors='replace')}")
