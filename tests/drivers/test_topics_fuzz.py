"""Spoilt messages on every topic of every pump behind MQTT: nothing raises, nothing is made up."""

import pytest

from drivers.profile import DeviceKind, Transport, load_mqtt_profile, shipped_profiles
from drivers.testing_messages import check_pump_survives, healthy_messages

COUNT = 2000
"""A slice; the same check takes any number."""

PUMPS = [
    name
    for name in shipped_profiles(Transport.MQTT)
    if load_mqtt_profile(name).kind is DeviceKind.HEAT_PUMP
]


@pytest.mark.parametrize("name", PUMPS)
async def test_spoilt_messages_make_no_exception_and_no_reading(name: str) -> None:
    profile = load_mqtt_profile(name)
    readings = await check_pump_survives(profile, COUNT, seed=1)
    assert readings > COUNT / 100


@pytest.mark.parametrize("name", PUMPS)
def test_the_messages_cover_every_topic(name: str) -> None:
    profile = load_mqtt_profile(name)
    topics = {message.topic for message in healthy_messages(profile)}
    reported = {point.topic for point in profile.points.values() if point.topic}
    assert len(topics) >= len(reported)
