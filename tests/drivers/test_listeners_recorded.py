"""Shipped profiles of meters and rooms on a broker, against messages worked by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.points import Undecodable
from drivers.profile import DeviceKind, Transport, load_mqtt_profile, shipped_profiles
from drivers.topics import decode, full_topic, places

FOLDER = Path(__file__).parent.parent / "recorded"
NAMES = [
    name
    for name in shipped_profiles(Transport.MQTT)
    if load_mqtt_profile(name).kind is not DeviceKind.HEAT_PUMP
]
FILES = {name: json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in NAMES}
ROWS = [
    pytest.param(name, row, id=f"{name}-{row['point']}-{row['working']}")
    for name, file in FILES.items()
    for row in file["rows"]
]


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_a_message_means_what_the_source_says(name: str, row: dict[str, Any]) -> None:
    profile = load_mqtt_profile(name)
    base = profile.connection.base_topic
    heard = [
        decode(place, row["payload"].encode())
        for place in places(profile.points[row["point"]])
        if full_topic(base, place.topic) == row["topic"]
    ]
    assert len(heard) == 1
    if row["value"] is None:
        assert isinstance(heard[0], Undecodable)
    else:
        assert heard[0] == pytest.approx(row["value"])


@pytest.mark.parametrize("name", NAMES)
def test_every_point_has_a_row_and_none_can_be_written(name: str) -> None:
    points = load_mqtt_profile(name).points
    assert {row["point"] for row in FILES[name]["rows"]} == set(points)
    assert not any(point.writable for point in points.values())
    assert all(
        row["working"] and row["source"] and row["confidence"] for row in FILES[name]["rows"]
    )
