"""Shipped profiles against raw registers worked by hand from their sources.

Driver and simulator share the profiles, so a wrong scale or address would cancel out between them;
these rows repeat address, registers and value independently.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.points import Undecodable, decode, encode
from drivers.profile import Transport, load_modbus_profile, shipped_profiles

FOLDER = Path(__file__).parent.parent / "recorded"
EVERY = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
FILES = {name: file for name, file in EVERY.items() if file.get("transport") != "mqtt"}
ROWS = [
    pytest.param(file["profile"], row, id=f"{name}-{row['point']}-{row['registers']}")
    for name, file in FILES.items()
    for row in file["rows"]
]


@pytest.mark.parametrize(("profile", "row"), ROWS)
def test_registers_mean_what_the_source_says(profile: str, row: dict[str, Any]) -> None:
    point = load_modbus_profile(profile).points[row["point"]]
    assert (point.space, point.address) == (row["space"], row["address"])
    value = decode(point, row["registers"])
    if row["value"] is None:
        assert isinstance(value, Undecodable)
    else:
        assert value == row["value"]


@pytest.mark.parametrize(
    ("profile", "row"),
    [
        case
        for case in ROWS
        if case.values[1]["value"] is not None
        and load_modbus_profile(case.values[0]).points[case.values[1]["point"]].writable
    ],
)
def test_writing_a_value_gives_the_registers_of_the_source(
    profile: str, row: dict[str, Any]
) -> None:
    point = load_modbus_profile(profile).points[row["point"]]
    assert list(encode(point, row["value"])) == row["registers"]


@pytest.mark.parametrize("name", shipped_profiles(Transport.MODBUS))
def test_every_point_of_a_shipped_profile_has_a_row(name: str) -> None:
    rows = FILES[name]["rows"]
    assert {row["point"] for row in rows} == set(load_modbus_profile(name).points)
    assert all(row["working"] and row["source"] and row["confidence"] for row in rows)
