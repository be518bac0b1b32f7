"""Messages that are well formed and come at a bad time: from the future, kept, or in a flood."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from controller.sense import freeze
from controller.snapshot import Missing
from drivers.api import Absent, Device, Sample, Signal
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.profile import load_mqtt_profile
from drivers.rooms.zigbee2mqtt import ZigbeeRoom
from drivers.testing_messages import healthy_messages
from drivers.testing_rooms import CLIMATE, DISCOVERY, listeners
from drivers.transports.in_memory import MemoryMqttLink

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SENSOR = "zigbee2mqtt/sensor"
BURST = 10_000
KEPT_BYTES = 50_000
"""What a burst may leave behind: nothing per message."""


def reading(at: datetime, room_c: float = 21.5) -> str:
    return json.dumps({"temperature": room_c, "last_seen": at.isoformat()})


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=400)])
async def test_a_message_from_the_future_is_stamped_by_our_clock_or_does_not_count(
    ahead: timedelta,
) -> None:
    link = MemoryMqttLink()
    link.deliver(SENSOR, reading(NOON + ahead), retain=True)
    room = ZigbeeRoom("room", link, sensor_topic=SENSOR, now=lambda: NOON)
    kept = (await room.read())[Signal.ROOM_C]
    assert isinstance(kept, Absent)
    assert "age unknown" in kept.reason
    link.deliver(SENSOR, reading(NOON + ahead))
    assert (await room.read())[Signal.ROOM_C] == Sample(21.5, NOON)


def test_a_sample_from_the_future_is_no_reading() -> None:
    sample = Sample(21.5, NOON + timedelta(hours=1))
    snapshot = freeze([{Signal.ROOM_C: sample}], at=NOON, before=None, stale_s={})
    assert snapshot.signals[Signal.ROOM_C] == Missing("stamped in the future", NOON)


async def test_a_storm_of_retained_messages_makes_no_reading_and_one_live_message_does() -> None:
    profile = load_mqtt_profile("heishamon")
    link = MemoryMqttLink()
    storm = healthy_messages(profile)
    for number in range(BURST // 10):
        message = storm[number % len(storm)]
        link.deliver(message.topic, message.payload, retain=True)
        link.deliver(f"other/{number}", b"21.5", retain=True)
    pump = MqttHeatPump("pump", profile, link, now=lambda: NOON)
    observed = await pump.read()
    assert {type(outcome) for outcome in observed.values()} == {Absent}
    link.deliver("panasonic_heat_pump/LWT", b"Online")
    link.deliver("panasonic_heat_pump/main/Outside_Temp", b"-5")
    observed = await pump.read()
    assert observed[Signal.OUTDOOR_C] == Sample(-5.0, NOON)
    assert isinstance(observed[Signal.FLOW_C], Absent)


def flooded() -> tuple[MemoryMqttLink, list[Device]]:
    """A broker with everything that listens."""
    link = MemoryMqttLink()
    link.deliver(DISCOVERY, json.dumps(CLIMATE), retain=True)
    devices = listeners(link, lambda: NOON)
    devices.append(MqttHeatPump("pump", load_mqtt_profile("heishamon"), link, now=lambda: NOON))
    return link, devices


@pytest.mark.parametrize(
    ("topic", "payloads"),
    [
        (SENSOR, [reading(NOON, 20.0 + tenths / 10) for tenths in range(10)]),
        (SENSOR, ["junk", '{"temperature": 1e400}', "{}"]),
        ("home/living/state", ['{"temperature": 20.5, "mode": "heat"}', '{"temperature": 21}']),
        ("OTGW/value/otgw/Tr", ["20.5", "nan"]),
        ("panasonic_heat_pump/main/Outside_Temp", ["-5", "-4.75", "x" * 1000]),
        ("shellypro3em/status/em:0", ['{"total_act_power": 1234.5, "a_freq": 50.0}']),
    ],
)
async def test_a_burst_on_one_topic_leaves_nothing_behind(topic: str, payloads: list[str]) -> None:
    link, devices = flooded()
    for number in range(100):
        link.deliver(topic, payloads[number % len(payloads)])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(BURST):
            link.deliver(topic, payloads[number % len(payloads)])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < KEPT_BYTES
    for device in devices:
        await device.read()
