"""The shell scripts: syntax, answers when something is missing, and what the installer would do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*(ROOT / "deploy").glob("*.sh"), ROOT / ".ci/run"])
TOOLS = ("bash", "cat", "cksum", "dirname", "getconf", "grep", "mkdir", "rm", "touch")


def _run(*command: str | Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ if path is None else {"PATH": str(path)}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env=dict(environment),
        cwd="/",
    )


@pytest.fixture
def bare_clone(tmp_path: Path) -> Path:
    """A clone without its code: what the scripts need, and nothing installed."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "deploy", clone / "deploy")
    for name in ("uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, clone / name)
    return clone


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the shell's tools, without Python and without uv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return folder


def _pretend(folder: Path, name: str, body: str) -> None:
    program = folder / name
    program.unlink(missing_ok=True)
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_has_valid_syntax(script: Path) -> None:
    assert _run("bash", "-n", script).stderr == ""


@pytest.mark.parametrize("name", ["check.sh", "demo.sh", "install.sh"])
def test_script_can_be_executed(name: str) -> None:
    assert os.access(ROOT / "deploy" / name, os.X_OK)


def test_ci_runs_the_command_of_the_readme() -> None:
    assert "exec ./deploy/check.sh\n" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "./deploy/check.sh" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_missing_python_is_said_in_one_line(bare_clone: Path, tools: Path) -> None:
    answer = _run(bare_clone / "deploy/demo.sh", path=tools)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == (
        "heatherd: python3 is missing: sudo apt install python3 python3-venv"
    )
    assert not (bare_clone / ".venv").exists()


def test_old_python_is_said_in_one_line(bare_clone: Path, tools: Path) -> None:
    _pretend(tools, "python3", '[ "$1" = --version ] && echo "Python 3.9.2"')
    answer = _run(bare_clone / "deploy/check.sh", path=tools)
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed, this is Python 3.9.2" in answer.stderr.splitlines()[-1]


def test_missing_venv_module_is_said_in_one_line(bare_clone: Path, tools: Path) -> None:
    _pretend(tools, "python3", 'case "$*" in *ensurepip*) exit 1 ;; esac')
    answer = _run(bare_clone / "deploy/check.sh", path=tools)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1] == (
        "heatherd: python3-venv is missing: sudo apt install python3-venv"
    )


def test_32_bit_system_is_refused_in_one_line(bare_clone: Path, tools: Path) -> None:
    _pretend(tools, "getconf", "echo 32")
    answer = _run(bare_clone / "deploy/check.sh", path=tools)
    assert answer.returncode == 1
    assert "32-bit" in answer.stderr


def test_dry_run_of_the_installer_changes_nothing(tmp_path: Path) -> None:
    answer = _run(ROOT / "deploy/install.sh", "--dry-run", "--prefix", tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "pip_install" in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_first_installation_does_not_start_the_service() -> None:
    if Path("/etc/heatherd/house.toml").exists():
        pytest.skip("heatherd is installed on this machine")
    answer = _run(ROOT / "deploy/install.sh", "--dry-run")
    assert "useradd" in answer.stdout
    assert "house.toml" in answer.stdout
    assert "systemctl restart" not in answer.stdout
    assert "systemctl enable" not in answer.stdout


def test_installer_keeps_an_existing_configuration(tmp_path: Path) -> None:
    config = tmp_path / "etc/heatherd/house.toml"
    config.parent.mkdir(parents=True)
    config.write_text("mine", encoding="utf-8")
    answer = _run(ROOT / "deploy/install.sh", "--dry-run", "--prefix", tmp_path)
    assert "generic-modbus.toml" not in answer.stdout
    assert "heatherd check -c" in answer.stdout
    assert config.read_text(encoding="utf-8") == "mine"


def test_removal_keeps_configuration_and_records(tmp_path: Path) -> None:
    for kept in ("etc/heatherd/house.toml", "var/lib/heatherd/records.db"):
        (tmp_path / kept).parent.mkdir(parents=True)
        (tmp_path / kept).touch()
    (tmp_path / "opt/heatherd/venv-a").mkdir(parents=True)
    answer = _run(ROOT / "deploy/install.sh", "--uninstall", "--prefix", tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert not (tmp_path / "opt/heatherd").exists()
    assert (tmp_path / "etc/heatherd/house.toml").exists()
    assert (tmp_path / "var/lib/heatherd/records.db").exists()


def test_installer_refuses_an_unknown_option() -> None:
    answer = _run(ROOT / "deploy/install.sh", "--bogus")
    assert answer.returncode == 1
    assert "unknown option --bogus" in answer.stderr


def test_service_hands_the_pump_back_after_every_end() -> None:
    unit = (ROOT / "deploy/systemd/heatherd.service").read_text(encoding="utf-8")
    assert "ExecStopPost=/opt/heatherd/venv/bin/heatherd release --once" in unit
    assert "Restart=on-failure" in unit
