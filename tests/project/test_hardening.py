"""What the service may do on the computer, and what the broker examples promise."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/systemd/heatherd.service"
MOST_EXPOSED = 2.0


def test_the_service_exposes_little() -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is missing: it comes with systemd 250 or newer")
    answer = subprocess.run(
        [tool, "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", answer.stdout)
    assert found is not None, answer.stderr
    assert float(found[1]) <= MOST_EXPOSED


@pytest.mark.parametrize(
    "line",
    [
        "User=heatherd",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "Type=notify",
        "WatchdogSec=300",
        "UMask=0007",
    ],
)
def test_the_service_keeps_what_protects_and_watches_it(line: str) -> None:
    assert line in UNIT.read_text(encoding="utf-8").splitlines()


def test_the_recommended_broker_lets_nobody_in_without_a_certificate() -> None:
    lines = (ROOT / "deploy/mosquitto/heatherd.conf").read_text(encoding="utf-8").splitlines()
    assert "require_certificate true" in lines
    assert "allow_anonymous false" in lines
    assert [line for line in lines if line.startswith("listener")] == ["listener 8883"]


def test_no_example_configuration_holds_a_secret() -> None:
    for path in (ROOT / "deploy/examples").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*#?\s*(password|token|secret)\s*=", text, re.MULTILINE), path
