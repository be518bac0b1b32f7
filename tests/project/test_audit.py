"""The audit of what is installed: known vulnerabilities on demand, hashes and reasons always."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
COMMAND = tomllib.loads(PROJECT)["tool"]["poe"]["tasks"]["audit"]["cmd"]
NOBODY = "http://127.0.0.1:9"


class Known(BaseHTTPRequestHandler):
    """Answers like the open source vulnerability database (osv.dev), of one bad package."""

    asked: set[tuple[str, str]]
    bad: str

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.asked |= {(query["package"]["name"], query["version"]) for query in queries}
        names = [query["package"]["name"] for query in queries]
        when = "2026-01-01T00:00:00Z"
        vulnerable = {"vulns": [{"id": "BAD-1", "modified": when}]}
        self._say({"results": [vulnerable if name == self.bad else {} for name in names]})

    def do_GET(self) -> None:
        self._say({"id": "BAD-1", "modified": "2026-01-01T00:00:00Z", "summary": "it is bad"})

    def _say(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def database() -> Iterator[tuple[type[Known], str]]:
    """The handler, to look at and to change, and the address."""
    handler = type("KnownHere", (Known,), {"asked": set(), "bad": ""})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def audited(address: str) -> subprocess.CompletedProcess[str]:
    """`poe audit` with this database; no other address is reached."""
    program, *arguments = shlex.split(COMMAND)
    known = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
    return subprocess.run(
        [Path(sys.executable).parent / program, *arguments, "--service-url", address],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**known, "UV_HTTP_RETRIES": "0", "HTTPS_PROXY": NOBODY, "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip


def pins() -> dict[str, str]:
    """Every package that the installation fixes, and all that is said of it there."""
    text = (ROOT / "deploy/requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "==" in line]
    return {line.split("==")[0]: line for line in lines}


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.timeout(90)
def test_the_audit_asks_for_every_package_that_is_installed_and_names_a_bad_one(
    database: tuple[type[Known], str],
) -> None:
    known, address = database
    fine = audited(address)
    assert fine.returncode == 0, fine.stderr
    assert {name for name, _ in known.asked} >= set(pins())
    known.bad = "h11"
    found = audited(address)
    assert found.returncode == 1
    assert "h11" in found.stdout
    assert "BAD-1" in found.stdout


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.timeout(90)
def test_without_an_answer_the_audit_fails_and_says_whom_it_asked() -> None:
    silent = audited(NOBODY)
    assert silent.returncode not in (0, 1)
    assert NOBODY in silent.stderr


def test_every_pin_has_its_hashes_and_the_installation_demands_them() -> None:
    assert len(pins()) > 30
    assert [name for name, line in pins().items() if "--hash=sha256:" not in line] == []
    assert "--require-hashes" in (ROOT / "deploy/environment.sh").read_text(encoding="utf-8")


def test_every_dependency_says_what_it_is_for() -> None:
    listed = re.findall(r'^  "([A-Za-z0-9-]+)[=<>][^"]*",? *(#.*)?$', PROJECT, re.MULTILINE)
    project = tomllib.loads(PROJECT)
    groups = project["dependency-groups"].values()
    named = [*project["project"]["dependencies"], *(d for group in groups for d in group)]
    assert {name for name, _ in listed} == {
        re.split("[=<>]", one)[0] for one in named if isinstance(one, str)
    }
    assert [name for name, reason in listed if not reason] == []
