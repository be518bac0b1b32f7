"""Servers for the tests come unpacked beside the virtual environment, or it is said why not."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy/environment.sh"
TOOLS = ("bash", "awk", "grep", "mkdir", "rm", "touch")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the shell's tools, without apt."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return folder


def pretend(folder: Path, name: str, body: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)


def fetch(tools: Path, clone: Path, server: str) -> str:
    """What it says; asked for a server that no system has."""
    clone.mkdir(exist_ok=True)
    answer = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f". {SCRIPT}; SERVERS=({server}); fetch_servers"],
        cwd=clone, env={"PATH": str(tools)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer.stderr


def test_without_apt_the_tests_will_be_skipped_and_it_says_so(tools: Path, tmp_path: Path) -> None:
    said = fetch(tools, tmp_path / "clone", "no-such-server")
    assert "tests with no-such-server will be skipped" in said


def test_what_is_missing_is_unpacked_and_not_installed(tools: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    pretend(
        tools,
        "apt-get",
        'case "$*" in *"-s install"*) echo "Inst liba (1)"; echo "Inst no-such-server (1)";;\n'
        '*download*) for p in liba no-such-server; do touch "$p.deb"; done;; *) exit 1;; esac',
    )
    pretend(tools, "dpkg-deb", 'mkdir -p "$3/usr/sbin"; touch "$3/usr/sbin/${2##*/}"')
    assert "fetching no-such-server" in fetch(tools, clone, "no-such-server")
    unpacked = sorted(file.name for file in (clone / ".venv/servers/usr/sbin").iterdir())
    assert unpacked == ["liba.deb", "no-such-server.deb"]
    assert not (clone / ".venv/servers/packages").exists()


def test_a_network_that_is_down_costs_a_word(tools: Path, tmp_path: Path) -> None:
    pretend(
        tools,
        "apt-get",
        'case "$*" in *"-s install"*) echo "Inst no-such-server (1)";; *) exit 1;; esac',
    )  # fmt: skip
    assert "they could not be fetched" in fetch(tools, tmp_path / "clone", "no-such-server")


def test_a_server_that_is_there_is_not_fetched(tools: Path, tmp_path: Path) -> None:
    pretend(tools, "a-server", "")
    assert fetch(tools, tmp_path / "clone", "a-server") == ""
