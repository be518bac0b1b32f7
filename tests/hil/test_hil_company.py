"""Meters and room devices around the emulated pump, read by the drivers of their profiles."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from drivers.api import Absent, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.meters.mqtt_meter import MqttMeter
from drivers.profile import DeviceKind, Transport, load_mqtt_profile, load_profile, shipped_profiles
from drivers.topics_reader import TopicsReader
from drivers.transports.in_memory import MemoryMqttLink
from hil.house import load_house
from hil.simulated_house import SimulatedHouse
from hil.weather import plain_winter

START = datetime(2024, 1, 15, tzinfo=UTC)
AROUND = [
    name
    for name in shipped_profiles(Transport.MQTT)
    if load_profile(name).kind is not DeviceKind.HEAT_PUMP
]


def house_with(**around):
    return SimulatedHouse(
        load_house("timber1972"), plain_winter(START, days=3), start_at=START, seed=1, **around
    )


def live(house, link, minutes=10):
    for minute in range(1, minutes + 1):
        house.advance(START + timedelta(minutes=minute))
        for topic, payload, retain in house.pop_messages():
            link.deliver(topic, payload, retain=retain)


@pytest.mark.parametrize("name", AROUND)
def test_every_device_behind_a_broker_is_emulated_as_its_profile_says(name):
    profile = load_mqtt_profile(name)
    house, link = house_with(**{profile.kind.value: name}), MemoryMqttLink()
    reader = TopicsReader(profile, link, now=lambda: house.at)
    live(house, link)
    seen = asyncio.run(reader.read())
    assert set(seen) == set(profile.signals)
    assert all(isinstance(outcome, Sample) for outcome in seen.values())


def test_a_meter_behind_a_broker_shows_what_the_pump_draws():
    house, link = house_with(meter="shelly_pro_3em"), MemoryMqttLink()
    profile = load_mqtt_profile("shelly_pro_3em")
    meter = MqttMeter("meter", profile, link, topic=None, now=lambda: house.at)
    before = asyncio.run(meter.read())[Signal.METER_POWER_W]
    assert isinstance(before, Absent)
    live(house, link)
    power = asyncio.run(meter.read())[Signal.METER_POWER_W]
    assert power.value == pytest.approx(house.truth().power_w, rel=0.1, abs=5.0)


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        ({"meter": "nibe_s"}, "nibe_s is the profile of a heat_pump, not of a meter"),
        ({"room": "sdm630"}, "sdm630 is the profile of a meter, not of a room"),
    ],
)
def test_a_profile_of_something_else_is_refused(around, reason):
    with pytest.raises(ConfigurationError, match=reason):
        house_with(**around)
