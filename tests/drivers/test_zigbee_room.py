"""The room driver: last good value wins, nothing in a message can hurt it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import Absent, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.rooms.zigbee2mqtt import ROOM_RANGE_C, SETPOINT_RANGE_C, ZigbeeRoom
from drivers.transports.in_memory import MemoryMqttLink

SENSOR, THERMOSTAT = "zigbee2mqtt/living_room", "zigbee2mqtt/thermostat"
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


class House:
    """A room on an in-memory broker, and a clock that moves by hand."""

    def __init__(self, sensor: str | None = SENSOR, thermostat: str | None = THERMOSTAT) -> None:
        self.at = NOON
        self.link = MemoryMqttLink()
        self._topics = (sensor, thermostat)
        self.room = self.connect()

    def connect(self) -> ZigbeeRoom:
        """A room that has just subscribed."""
        sensor, thermostat = self._topics
        return ZigbeeRoom(
            "living", self.link, sensor_topic=sensor, thermostat_topic=thermostat, now=self.now
        )

    def now(self) -> datetime:
        return self.at

    def say(self, topic: str, state: object, *, retain: bool = False) -> None:
        payload = state if isinstance(state, bytes) else json.dumps(state)
        self.link.deliver(topic, payload, retain=retain)

    def seen(self, signal: Signal) -> Sample | Absent:
        return asyncio.run(self.room.read())[signal]


def test_a_sensor_message_gives_the_room_temperature_at_receipt() -> None:
    house = House()
    house.say(SENSOR, {"temperature": 20.43, "humidity": 41.2, "battery": 90})
    house.at += timedelta(minutes=5)
    assert house.seen(Signal.ROOM_C) == Sample(20.43, NOON)


def test_zero_degrees_is_a_value() -> None:
    house = House()
    house.say(SENSOR, {"temperature": 0})
    assert house.seen(Signal.ROOM_C) == Sample(0.0, NOON)


@pytest.mark.parametrize("key", ["occupied_heating_setpoint", "current_heating_setpoint"])
def test_a_thermostat_gives_setpoint_and_mode(key: str) -> None:
    house = House()
    house.say(THERMOSTAT, {"local_temperature": 19.0, key: 21.5, "system_mode": "heat"})
    assert house.seen(Signal.ROOM_SETPOINT_C) == Sample(21.5, NOON)
    assert house.seen(Signal.ROOM_HEATING_ENABLED) == Sample(1.0, NOON)
    assert isinstance(house.seen(Signal.ROOM_C), Absent)  # the sensor's business


def test_without_a_sensor_the_thermostat_measures() -> None:
    house = House(sensor=None)
    house.say(THERMOSTAT, {"local_temperature": 19.0, "system_mode": "off"})
    assert house.seen(Signal.ROOM_C) == Sample(19.0, NOON)
    assert house.seen(Signal.ROOM_HEATING_ENABLED) == Sample(0.0, NOON)


def test_a_room_needs_a_topic() -> None:
    with pytest.raises(ConfigurationError, match="sensor or a thermostat"):
        House(sensor=None, thermostat=None)


def test_only_promised_signals_are_answered() -> None:
    assert set(asyncio.run(House(thermostat=None).room.read())) == {Signal.ROOM_C}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"20.4",
        b"[20.4]",
        b'{"temperature": 20.4',
        b"[" * 100_000,
        b'{"temperature": NaN}',
        b'{"temperature": Infinity}',
        b'{"temperature": null}',
        b'{"temperature": true}',
        b'{"temperature": "20,4"}',
        b'{"temperature": [20.4]}',
        b'{"temperature": 60.1}',
        b'{"temperature": -20.1}',
        b'{"temperature": 1' + b"0" * 400 + b"}",
    ],
)
def test_a_useless_message_keeps_the_previous_value_and_is_counted(payload: bytes) -> None:
    house = House()
    house.say(SENSOR, {"temperature": 20.4})
    house.at += timedelta(minutes=1)
    house.say(SENSOR, payload)
    assert house.seen(Signal.ROOM_C) == Sample(20.4, NOON)
    assert house.room.rejected == 1
    assert house.room.last_rejection.startswith(SENSOR)


@pytest.mark.parametrize(
    "state",
    [
        {"occupied_heating_setpoint": 3.9},
        {"occupied_heating_setpoint": 35.1},
        {"system_mode": "cool"},
        {"system_mode": 1},
        {"system_mode": ["heat"]},
    ],
)
def test_an_implausible_thermostat_is_passed_over(state: dict[str, object]) -> None:
    house = House()
    house.say(THERMOSTAT, {"occupied_heating_setpoint": 21.0, "system_mode": "auto"})
    house.at += timedelta(minutes=1)
    house.say(THERMOSTAT, state)
    assert house.seen(Signal.ROOM_SETPOINT_C) == Sample(21.0, NOON)
    assert house.seen(Signal.ROOM_HEATING_ENABLED) == Sample(1.0, NOON)
    assert house.room.rejected == 1


def test_one_bad_value_does_not_spoil_the_others_of_its_message() -> None:
    house = House()
    house.say(THERMOSTAT, {"occupied_heating_setpoint": 99, "system_mode": "off"})
    assert isinstance(house.seen(Signal.ROOM_SETPOINT_C), Absent)
    assert house.seen(Signal.ROOM_HEATING_ENABLED) == Sample(0.0, NOON)


def test_a_message_that_does_not_speak_of_a_signal_is_no_mistake() -> None:
    house = House()
    house.say(SENSOR, {"battery": 80})
    assert "no message" in str(house.seen(Signal.ROOM_C))
    assert house.room.rejected == 0


def test_a_retained_message_has_unknown_age_until_a_live_one_comes() -> None:
    house = House()
    house.say(SENSOR, {"temperature": 18.0}, retain=True)
    house.room = house.connect()
    assert "age unknown" in str(house.seen(Signal.ROOM_C))
    house.say(SENSOR, {"temperature": 20.0})
    assert house.seen(Signal.ROOM_C) == Sample(20.0, NOON)


@pytest.mark.parametrize(
    "stamp", ["2026-01-15T11:30:00Z", "2026-01-15T12:30:00+01:00", 1768476600000]
)
def test_a_retained_message_that_tells_its_age_counts(stamp: object) -> None:
    house = House()
    house.say(SENSOR, {"temperature": 18.0, "last_seen": stamp}, retain=True)
    house.room = house.connect()
    assert house.seen(Signal.ROOM_C) == Sample(18.0, NOON - timedelta(minutes=30))


@pytest.mark.parametrize(
    "stamp",
    ["2026-01-15T11:30:00", "yesterday", "2026-01-15T12:30:00Z", 10**30, True, None,
     "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_a_retained_message_with_a_useless_stamp_does_not_count(stamp: object) -> None:
    house = House()
    house.say(SENSOR, {"temperature": 18.0, "last_seen": stamp}, retain=True)
    house.room = house.connect()
    assert "age unknown" in str(house.seen(Signal.ROOM_C))


def test_an_older_retained_message_does_not_replace_a_live_one() -> None:
    house = House()
    house.say(SENSOR, {"temperature": 20.0})
    house.room._on_state(SENSOR, b'{"temperature": 18, "last_seen": "2026-01-15T11:00:00Z"}', True)
    assert house.seen(Signal.ROOM_C) == Sample(20.0, NOON)


@pytest.mark.parametrize("gone", ["offline", {"state": "offline"}, {"state": "unavailable"}])
def test_an_offline_device_has_no_values_until_it_is_back(gone: object) -> None:
    house = House()
    house.say(SENSOR, {"temperature": 20.0})
    house.say(f"{SENSOR}/availability", gone if not isinstance(gone, str) else gone.encode())
    assert "offline" in str(house.seen(Signal.ROOM_C))
    house.say(f"{SENSOR}/availability", b"online", retain=True)
    assert house.seen(Signal.ROOM_C) == Sample(20.0, NOON)


@pytest.mark.parametrize("payload", [b"perhaps", b'{"state": 1}', b"{}", b"\xff"])
def test_an_unknown_availability_changes_nothing(payload: bytes) -> None:
    house = House()
    house.say(SENSOR, {"temperature": 20.0})
    house.say(f"{SENSOR}/availability", payload)
    assert house.seen(Signal.ROOM_C) == Sample(20.0, NOON)
    assert house.room.rejected == 1


WORD = st.text("heatofu019.,-:TZ ", max_size=12)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | WORD
JSON = LEAF | st.lists(LEAF, max_size=2) | st.dictionaries(WORD, LEAF, max_size=2)
STAMP = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
KEYS = ["temperature", "local_temperature", "occupied_heating_setpoint", "system_mode"]
STATES = st.dictionaries(st.sampled_from([*KEYS, "last_seen", "state"]), JSON | STAMP, max_size=4)
PAYLOADS = st.binary(max_size=60) | STATES.map(lambda state: json.dumps(state).encode())


@settings(deadline=None)
@given(st.sampled_from([SENSOR, THERMOSTAT]), st.sampled_from(["", "/availability"]),
       PAYLOADS, st.booleans())  # fmt: skip
def test_no_payload_raises_or_gives_an_implausible_value(
    topic: str, suffix: str, payload: bytes, retain: bool
) -> None:
    house = House()
    house.say(topic + suffix, payload, retain=retain)
    house.room = house.connect()
    for signal, bounds in (
        (Signal.ROOM_C, ROOM_RANGE_C),
        (Signal.ROOM_SETPOINT_C, SETPOINT_RANGE_C),
        (Signal.ROOM_HEATING_ENABLED, (0.0, 1.0)),
    ):
        seen = house.seen(signal)
        assert isinstance(seen, Absent) or bounds[0] <= seen.value <= bounds[1]


async def test_closing_leaves_the_link_to_its_owner() -> None:
    house = House()
    await house.room.close()
    assert house.room.name == "living"
    assert house.link.connected


# ---- radiator thermostats and the bridge ---


def trv(*names: str, suffix: str = "") -> dict[str, object]:
    """A thermostat in the bridge's list, exposing these names."""
    features = [{"name": name, "property": f"{name}{suffix}", "type": "numeric"} for name in names]
    exposes: list[object] = [{"type": "climate", "features": features}, {"type": "x"}, "junk"]
    return {"friendly_name": "thermostat", "definition": {"exposes": exposes}}


@pytest.mark.parametrize(
    ("state", "share"),
    [
        ({"pi_heating_demand": 40, "running_state": "idle"}, 0.4),
        ({"position": 0}, 0.0),
        ({"pi_heating_demand": None, "position": 100}, 1.0),
        ({"running_state": "heat"}, 1.0),
        ({"running_state": "idle"}, 0.0),
    ],
)
def test_a_radiator_thermostat_tells_how_far_it_is_open(
    state: dict[str, object], share: float
) -> None:
    house = House()
    house.say(THERMOSTAT, state)
    assert house.seen(Signal.ROOM_DEMAND_FRAC) == Sample(share, NOON)


@pytest.mark.parametrize(
    "state", [{"position": 101}, {"pi_heating_demand": -1}, {"running_state": "cool"}]
)
def test_an_impossible_opening_is_passed_over(state: dict[str, object]) -> None:
    house = House()
    house.say(THERMOSTAT, state)
    assert isinstance(house.seen(Signal.ROOM_DEMAND_FRAC), Absent)
    assert house.room.rejected == 1


def test_what_a_model_calls_its_values_is_learnt_from_the_bridge() -> None:
    house = House(sensor=None)
    names = ("local_temperature", "current_heating_setpoint", "system_mode")
    house.say("zigbee2mqtt/bridge/devices", [trv(*names, suffix="_l1")], retain=True)
    house.room = house.connect()
    house.say(
        THERMOSTAT,
        {"local_temperature_l1": 19.0, "current_heating_setpoint_l1": 20, "system_mode_l1": "heat"},
    )
    assert house.seen(Signal.ROOM_C) == Sample(19.0, NOON)
    assert house.seen(Signal.ROOM_SETPOINT_C) == Sample(20.0, NOON)
    assert house.seen(Signal.ROOM_HEATING_ENABLED) == Sample(1.0, NOON)


@pytest.mark.parametrize(
    "listed",
    [b"", b"[" * 100_000, {}, [1, None], [{"friendly_name": 1}], [{"friendly_name": "thermostat"}],
     [{"friendly_name": "thermostat", "definition": {"exposes": {"name": "x"}}}]],
)  # fmt: skip
def test_a_useless_device_list_leaves_the_usual_names(listed: object) -> None:
    house = House()
    house.say("zigbee2mqtt/bridge/devices", listed)
    house.say(THERMOSTAT, {"occupied_heating_setpoint": 21.5})
    assert house.seen(Signal.ROOM_SETPOINT_C) == Sample(21.5, NOON)


def test_a_list_nested_without_end_is_read_as_deep_as_devices_are() -> None:
    nest: dict[str, object] = {"name": "system_mode", "property": "deep"}
    for _ in range(9):
        nest = {"features": [nest]}
    house = House()
    device = {"friendly_name": "thermostat", "definition": {"exposes": [nest]}}
    house.say("zigbee2mqtt/bridge/devices", [device])
    house.say(THERMOSTAT, {"system_mode": "off"})
    assert house.seen(Signal.ROOM_HEATING_ENABLED) == Sample(0.0, NOON)


@pytest.mark.parametrize("gone", [b"offline", {"state": "offline"}])
def test_without_the_bridge_no_device_has_values(gone: object) -> None:
    house = House()
    house.say(SENSOR, {"temperature": 20.0})
    house.say("zigbee2mqtt/bridge/state", gone, retain=True)
    assert "zigbee2mqtt/bridge is offline" in str(house.seen(Signal.ROOM_C))
    house.say("zigbee2mqtt/bridge/state", {"state": "online"}, retain=True)
    assert house.seen(Signal.ROOM_C) == Sample(20.0, NOON)
