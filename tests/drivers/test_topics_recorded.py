"""Shipped MQTT profiles against messages worked by hand from their sources.

Driver and simulator share the profiles, so a wrong topic or scale would cancel out between them;
these rows repeat topic, message, value and command independently.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.api import Absent, Sample
from drivers.heat_pumps.mqtt_pump import LAPSE
from drivers.profile import DeviceKind, Transport, load_mqtt_profile, shipped_profiles
from drivers.topics import BASE, encode, full_topic, requested
from drivers.topics_reader import TopicsReader
from drivers.transports.in_memory import MemoryMqttLink

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
UNSAID = "unsaid"
FOLDER = Path(__file__).parent.parent / "recorded"
PUMPS = [
    name
    for name in shipped_profiles(Transport.MQTT)
    if load_mqtt_profile(name).kind is DeviceKind.HEAT_PUMP
]
FILES = {name: json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in PUMPS}
ROWS = [
    pytest.param(name, row, id=f"{name}-{row['point']}-{row['working']}")
    for name, file in FILES.items()
    for row in file["rows"]
]


@pytest.mark.parametrize(("name", "row"), [case for case in ROWS if case.values[1]["topic"]])
def test_a_message_means_what_the_source_says(name: str, row: dict[str, Any]) -> None:
    link = MemoryMqttLink()
    reader = TopicsReader(load_mqtt_profile(name), link, now=lambda: NOON)
    link.deliver(row["topic"], row["payload"])
    shown = reader.shows(row["point"])
    if row["value"] == UNSAID:
        assert reader.messages(row["point"]) == 0
    elif row["value"] is None:
        assert isinstance(shown, Absent)
        assert reader.rejected > 0
    else:
        assert shown == Sample(pytest.approx(row["value"]), NOON)


@pytest.mark.parametrize(("name", "row"), [case for case in ROWS if "command" in case.values[1]])
def test_a_command_is_the_one_of_the_source(name: str, row: dict[str, Any]) -> None:
    profile = load_mqtt_profile(name)
    base = profile.connection.base_topic
    point = profile.points[row["point"]]
    lapses = {knob.lapse_s for knob in profile.knobs.values()}
    message = encode(point, row["value"]).replace(BASE, base)
    if LAPSE in message:
        message = message.replace(LAPSE, f"{lapses.pop():g}")
    assert [full_topic(base, point.command_topic), message] == row["command"]
    assert requested(point, message) == pytest.approx(row["value"], rel=0.01)


@pytest.mark.parametrize("name", PUMPS)
def test_every_point_of_a_shipped_pump_has_a_row(name: str) -> None:
    rows, points = FILES[name]["rows"], load_mqtt_profile(name).points
    own = {point.name for point in points.values() if not point.rule}
    assert {row["point"] for row in rows} == own
    told = {row["point"] for row in rows if "command" in row}
    assert {point.name for point in points.values() if point.command_topic} == told
    assert all(row["working"] and row["source"] and row["confidence"] for row in rows)
