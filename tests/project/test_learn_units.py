"""The nightly timer: beside the service, never in its way."""

from pathlib import Path

SYSTEMD = Path(__file__).resolve().parents[2] / "deploy" / "systemd"


def test_learning_runs_with_the_lowest_priority_and_a_limit() -> None:
    unit = (SYSTEMD / "heatherd-learn.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/heatherd/venv/bin/heatherd learn " in unit
    assert "Nice=19" in unit
    assert "MemoryMax=400M" in unit
    assert "SuccessExitStatus=5" in unit


def test_the_installer_brings_and_removes_the_timer() -> None:
    script = (SYSTEMD.parent / "install.sh").read_text(encoding="utf-8")
    assert "enable --now heatherd-learn.timer" in script
    assert "disable --now heatherd-learn.timer" in script
    assert (SYSTEMD / "heatherd-learn.timer").is_file()
