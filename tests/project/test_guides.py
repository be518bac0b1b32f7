"""Every example on the pages about signals, written into a whole configuration, passes `check`."""

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import app

ROOT = Path(__file__).parents[2]
PAGES = ("live-prices", "tariffs", "weather", "grid-operators-limit")
BASE = tomllib.loads((ROOT / "deploy/examples/generic-modbus.toml").read_text("utf-8"))
PLACE = {"latitude_deg": 55.4, "longitude_deg": 10.4}
WHOLE = frozenset({"prices", "weather", "meter", "grid_meter"})
"""Sections of which an example says all."""

EXAMPLES = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(
            r"^```toml\n(.*?)^```",
            (ROOT / f"docs/how-to/{page}.md").read_text("utf-8"),
            re.DOTALL | re.MULTILINE,
        )
    )
]


def written(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(k)} = {written(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return json.dumps(value)


def house(example: Mapping[str, Any], secret: Path) -> str:
    """The example in place of the same keys of a whole configuration."""
    document = {**BASE, "house": {**BASE["house"], **PLACE}}
    document["heat_pump"] = {**BASE["heat_pump"], "accept_maturity": "simulated"}
    document["mqtt"] = {"broker": "mqtt://192.168.1.2"}
    for name, section in example.items():
        told = section if name in WHOLE else {**document.get(name, {}), **section}
        document[name] = told
    for section in document.values():
        for part in (section, section.get("backup", {})):
            if "token_file" in part:
                part["token_file"] = str(secret)
    return "\n".join(f"{name} = {written(section)}" for name, section in document.items())


@pytest.mark.parametrize("block", EXAMPLES)
def test_an_example_of_the_guide_in_a_whole_configuration_passes_check(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PRICES", "PRICES_BACKUP", "WEATHER", "GRID"):
        monkeypatch.setenv(f"HEATHERD_{name}_TOKEN", "a-secret-of-24-characters")
    secret = tmp_path / "secret"
    secret.write_text("another-secret-of-characters", "utf-8")
    secret.chmod(0o600)
    path = tmp_path / "house.toml"
    path.write_text(house(tomllib.loads(block), secret), "utf-8")
    answer = CliRunner().invoke(app, ["check", "-c", str(path)])
    assert answer.exit_code == 0, answer.output
    assert "It is valid." in answer.output
