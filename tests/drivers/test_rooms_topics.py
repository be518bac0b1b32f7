"""Rooms on plain topics, behind an OpenTherm Gateway, and announced to Home Assistant."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Absent, Device, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.rooms.discovery import Refusal, climate_of
from drivers.rooms.home_assistant import HomeAssistantRoom
from drivers.rooms.opentherm_gateway import gateway_topics
from drivers.rooms.templates import pointer_of
from drivers.rooms.topics_room import Presence, RoomTopics, TopicsRoom, room_point
from drivers.transports.in_memory import MemoryMqttLink

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DISCOVERY = "homeassistant/climate/living/config"
ROOM = room_point(Signal.ROOM_C, "home/air", "/bme280/0/t")
WANTED = room_point(Signal.ROOM_SETPOINT_C, "home/wanted")
MODE = room_point(Signal.ROOM_HEATING_ENABLED, "home/mode")
OWN = RoomTopics(
    points={
        Signal.ROOM_C: [ROOM],
        Signal.ROOM_SETPOINT_C: [WANTED],
        Signal.ROOM_HEATING_ENABLED: [MODE],
    },
    presences=[Presence(topic="home/online")],
)


class Bench:
    """A broker in memory and a clock that moves by hand."""

    def __init__(self) -> None:
        self.at = NOON
        self.link = MemoryMqttLink()

    def now(self) -> datetime:
        return self.at

    def say(self, topic: str, state: object, *, retain: bool = False) -> None:
        payload = state if isinstance(state, bytes | str) else json.dumps(state)
        self.link.deliver(topic, payload, retain=retain)

    def own(self, topics: RoomTopics = OWN) -> TopicsRoom:
        return TopicsRoom("room", self.link, topics, now=self.now)

    def announced(self) -> HomeAssistantRoom:
        return HomeAssistantRoom("room", self.link, discovery_topic=DISCOVERY, now=self.now)


def seen(room: Device, signal: Signal) -> Sample | Absent:
    return asyncio.run(room.read())[signal]


def value(room: Device, signal: Signal) -> float:
    sample = seen(room, signal)
    assert isinstance(sample, Sample), sample
    return sample.value


# ---- topics of the owner's own ---


def test_a_temperature_is_found_in_a_json_message_and_zero_is_a_value() -> None:
    bench = Bench()
    room = bench.own()
    bench.say("home/air", {"bme280": [{"t": 0.0, "h": 40}]})
    assert seen(room, Signal.ROOM_C) == Sample(0.0, NOON)


@pytest.mark.parametrize("word", ["None", "unavailable", "unknown", "", "nan", "21,5", "-21", "61"])
def test_what_is_no_temperature_takes_the_previous_one_away(word: str) -> None:
    bench = Bench()
    topics = RoomTopics(points={Signal.ROOM_C: [room_point(Signal.ROOM_C, "home/t")]})
    room = bench.own(topics)
    bench.say("home/t", "21.5")
    bench.say("home/t", word)
    assert isinstance(seen(room, Signal.ROOM_C), Absent)
    assert room.rejected == 1
    assert room.last_rejection.startswith("home/t: ")


def test_a_retained_temperature_does_not_count() -> None:
    bench = Bench()
    bench.say("home/air", {"bme280": [{"t": 20.0}]}, retain=True)
    room = bench.own()
    assert "age unknown" in str(seen(room, Signal.ROOM_C))


def test_a_retained_setting_counts_once_the_device_is_heard() -> None:
    bench = Bench()
    bench.say("home/wanted", "22.5", retain=True)
    room = bench.own()
    assert "age unknown" in str(seen(room, Signal.ROOM_SETPOINT_C))
    bench.at += timedelta(minutes=3)
    bench.say("home/air", {"bme280": [{"t": 20.0}]})
    assert seen(room, Signal.ROOM_SETPOINT_C) == Sample(22.5, bench.at)


def test_a_setting_stays_as_fresh_as_the_device_and_a_measurement_does_not() -> None:
    bench = Bench()
    room = bench.own()
    bench.say("home/wanted", "21")
    bench.say("home/air", {"bme280": [{"t": 20.0}]})
    bench.at += timedelta(hours=9)
    bench.say("home/mode", "off")
    assert seen(room, Signal.ROOM_SETPOINT_C) == Sample(21.0, bench.at)
    assert seen(room, Signal.ROOM_HEATING_ENABLED) == Sample(0.0, bench.at)
    assert seen(room, Signal.ROOM_C) == Sample(20.0, NOON)


def test_an_unknown_mode_is_no_mode() -> None:
    bench = Bench()
    room = bench.own()
    bench.say("home/mode", "heat")
    assert value(room, Signal.ROOM_HEATING_ENABLED) == 1.0
    bench.say("home/mode", "cool")
    assert "unknown code" in str(seen(room, Signal.ROOM_HEATING_ENABLED))


def test_an_offline_device_has_no_values_until_it_is_back() -> None:
    bench = Bench()
    bench.say("home/online", "offline", retain=True)
    room = bench.own()
    bench.say("home/air", {"bme280": [{"t": 20.0}]})
    assert str(seen(room, Signal.ROOM_C)) == str(Absent("home/online says offline"))
    bench.say("home/online", "perhaps")
    assert isinstance(seen(room, Signal.ROOM_C), Absent)
    bench.say("home/online", "online")
    assert value(room, Signal.ROOM_C) == 20.0


def test_a_message_that_does_not_speak_of_the_room_changes_nothing() -> None:
    bench = Bench()
    room = bench.own()
    bench.say("home/air", {"bme280": [{"t": 20.0}]})
    bench.say("home/air", {"battery": 80})
    assert value(room, Signal.ROOM_C) == 20.0
    assert room.rejected == 0


def test_a_room_without_topics_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="needs a temperature or a set-point"):
        Bench().own(RoomTopics(points={}))


async def test_closing_leaves_the_link_to_its_owner() -> None:
    bench = Bench()
    for room in (bench.own(), bench.announced()):
        await room.close()
        assert room.name == "room"
    assert bench.link.connected


# ---- OpenTherm Gateway ---


@pytest.mark.parametrize("labels", [("Tr", "TrSet"), ("roomtemperature", "roomsetpoint")])
def test_a_gateway_is_read_by_both_generations_of_labels(labels: tuple[str, str]) -> None:
    bench = Bench()
    room = bench.own(gateway_topics("OTGW/value/otgw-1"))
    bench.say(f"OTGW/value/otgw-1/{labels[0]}", "19.87")
    bench.say(f"OTGW/value/otgw-1/{labels[1]}", "20.00")
    assert value(room, Signal.ROOM_C) == 19.87
    assert value(room, Signal.ROOM_SETPOINT_C) == 20.0


def test_labels_of_the_owner_replace_the_known_ones() -> None:
    bench = Bench()
    room = bench.own(gateway_topics("OTGW/value/x", temperature="kamertemp", setpoint="wens"))
    bench.say("OTGW/value/x/Tr", "10")
    bench.say("OTGW/value/x/kamertemp", "19")
    bench.say("OTGW/value/x/wens", "20")
    assert value(room, Signal.ROOM_C) == 19.0
    assert value(room, Signal.ROOM_SETPOINT_C) == 20.0


def test_a_gateway_that_is_offline_has_no_values() -> None:
    bench = Bench()
    room = bench.own(gateway_topics("OTGW/value/x"))
    bench.say("OTGW/value/x/Tr", "19")
    bench.say("OTGW/value/x", "offline", retain=True)
    assert "offline" in str(seen(room, Signal.ROOM_C))


# ---- value templates ---


@pytest.mark.parametrize(
    ("template", "pointer"),
    [
        ("", ""),
        ("{{ value }}", ""),
        ("{{value|float}}", ""),
        ("{{ value_json.local_temperature }}", "/local_temperature"),
        ("{{ value_json['t'] | float }}", "/t"),
        ('{{ value_json["a/b"]["c~d"] }}', "/a~1b/c~0d"),
        ("{{ value_json.sensors[0].t | float(0) | round(1) }}", "/sensors/0/t"),
        ("{{- value_json.x | is_defined -}}", "/x"),
    ],
)
def test_a_template_that_takes_one_value_is_a_pointer(template: str, pointer: str) -> None:
    assert pointer_of(template) == pointer


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.x * 2 }}",
        "{{ value_json.x | int }}",
        "{% if value_json.x %}1{% endif %}",
        "{{ value_json.get('x') }}",
        "{{ value_json.x if value_json.x else 20 }}",
        "{{ states('sensor.x') }}",
        "value_json.x",
        "20.5",
        "{{ value_json.x }}{{ value_json.y }}",
        "{{ value_json" + ".x" * 200 + " }}",
    ],
)
def test_a_template_that_does_more_is_not_understood(template: str) -> None:
    assert pointer_of(template) is None


@given(st.text("{} value_json.['x\"]|float()-%", max_size=250))
def test_templates_are_understood_or_not_but_never_raise(template: str) -> None:
    pointer = pointer_of(template)
    assert pointer is None or pointer == "" or pointer.startswith("/")


# ---- discovery ---

PLAIN = {
    "current_temperature_topic": "esp/living/current/state",
    "temperature_state_topic": "esp/living/target/state",
    "mode_state_topic": "esp/living/mode/state",
    "availability_topic": "esp/status",
    "temperature_command_topic": "esp/living/target/command",
}
ZIGBEE = {
    "~": "zigbee2mqtt/trv",
    "curr_temp_t": "~",
    "curr_temp_tpl": "{{ value_json.local_temperature }}",
    "temp_stat_t": "~",
    "temp_stat_tpl": "{{ value_json.occupied_heating_setpoint }}",
    "mode_stat_t": "~",
    "mode_stat_tpl": "{{ value_json.system_mode }}",
    "act_t": "~",
    "act_tpl": "{{ value_json.action }}",
    "avty": [
        {"t": "zigbee2mqtt/bridge/state", "val_tpl": "{{ value_json.state }}"},
        {"t": "~/availability", "val_tpl": "{{ value_json.state }}"},
    ],
    "avty_mode": "all",
}
DEVICE = {
    "dev": {"ids": ["x"]},
    "avty": [{"t": "hp/status"}],
    "cmps": {
        "room": {
            "p": "climate",
            "current_temperature_topic": "hp/room",
            "temperature_state_topic": "hp/target",
            "mode_state_topic": "hp/mode",
        },
        "power": {"p": "sensor", "state_topic": "hp/power"},
    },
}


def test_an_announced_thermostat_with_plain_topics_is_read() -> None:
    bench = Bench()
    bench.say(DISCOVERY, PLAIN, retain=True)
    room = bench.announced()
    bench.say("esp/living/current/state", "20.1")
    bench.say("esp/living/target/state", "21.0")
    bench.say("esp/living/mode/state", "off")
    assert value(room, Signal.ROOM_C) == 20.1
    assert value(room, Signal.ROOM_SETPOINT_C) == 21.0
    assert value(room, Signal.ROOM_HEATING_ENABLED) == 0.0
    bench.say("esp/status", "offline", retain=True)
    assert "esp/status says offline" in str(seen(room, Signal.ROOM_C))


def test_short_names_templates_and_two_availabilities_are_understood() -> None:
    bench = Bench()
    bench.say(DISCOVERY, ZIGBEE, retain=True)
    room = bench.announced()
    state = {
        "local_temperature": 19.5,
        "occupied_heating_setpoint": 20,
        "system_mode": "auto",
        "action": "heating",
    }
    bench.say("zigbee2mqtt/trv", state)
    assert value(room, Signal.ROOM_C) == 19.5
    assert value(room, Signal.ROOM_SETPOINT_C) == 20.0
    assert value(room, Signal.ROOM_HEATING_ENABLED) == 1.0
    assert value(room, Signal.ROOM_DEMAND_FRAC) == 1.0
    bench.say("zigbee2mqtt/bridge/state", {"state": "offline"}, retain=True)
    assert isinstance(seen(room, Signal.ROOM_C), Absent)
    bench.say("zigbee2mqtt/bridge/state", {"state": "online"}, retain=True)
    assert value(room, Signal.ROOM_C) == 19.5


def test_one_availability_of_any_is_enough() -> None:
    bench = Bench()
    bench.say(DISCOVERY, ZIGBEE | {"avty_mode": "any"}, retain=True)
    room = bench.announced()
    bench.say("zigbee2mqtt/trv", {"local_temperature": 19.5})
    bench.say("zigbee2mqtt/bridge/state", {"state": "offline"})
    assert value(room, Signal.ROOM_C) == 19.5
    bench.say("zigbee2mqtt/trv/availability", {"state": "offline"})
    assert isinstance(seen(room, Signal.ROOM_C), Absent)


def test_the_climate_component_of_a_device_is_found() -> None:
    bench = Bench()
    bench.say(DISCOVERY, DEVICE, retain=True)
    room = bench.announced()
    bench.say("hp/room", "20")
    assert value(room, Signal.ROOM_C) == 20.0
    bench.say("hp/status", "offline")
    assert isinstance(seen(room, Signal.ROOM_C), Absent)


def test_a_changed_configuration_is_followed_and_a_repeated_one_forgets_nothing() -> None:
    bench = Bench()
    bench.say(DISCOVERY, PLAIN, retain=True)
    room = bench.announced()
    bench.say("esp/living/current/state", "20.1")
    bench.say(DISCOVERY, PLAIN, retain=True)
    assert value(room, Signal.ROOM_C) == 20.1
    bench.say(DISCOVERY, PLAIN | {"current_temperature_topic": "esp/new"}, retain=True)
    assert isinstance(seen(room, Signal.ROOM_C), Absent)
    bench.say("esp/living/current/state", "25")
    bench.say("esp/new", "19")
    assert value(room, Signal.ROOM_C) == 19.0


def test_a_withdrawn_configuration_leaves_no_values() -> None:
    bench = Bench()
    room = bench.announced()
    assert "no configuration message yet" in str(seen(room, Signal.ROOM_C))
    bench.say(DISCOVERY, PLAIN, retain=True)
    bench.say("esp/living/current/state", "20.1")
    bench.say(DISCOVERY, b"", retain=True)
    assert "withdrawn" in str(seen(room, Signal.ROOM_C))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b" " * 300_000, "too long"),
        ({}, "neither current_temperature_topic nor"),
        (PLAIN | {"temperature_unit": "F"}, "'F', only °C"),
        (PLAIN | {"current_temperature_topic": 5}, "current_temperature_topic is not a text"),
        (PLAIN | {"current_temperature_topic": "a/#"}, "is not a topic"),
        (PLAIN | {"availability": "x"}, "availability is neither"),
        (PLAIN | {"availability": ["x"]}, "not a JSON object"),
        ({"cmps": {}}, "0 climate components"),
        (
            PLAIN | {"current_temperature_template": "{{ value | int / 10 }}"},
            r"current_temperature_template '\{\{ value \| int / 10 \}\}' does more",
        ),
        (PLAIN | {"availability_template": "{% x %}"}, "availability_template '{% x %}'"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_by_name(
    message: object, reason: str
) -> None:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    refusal = climate_of(payload)
    assert isinstance(refusal, Refusal)
    assert re.search(reason, refusal.reason)
