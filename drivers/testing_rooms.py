"""What every room and MQTT meter must survive: any bytes on any of its topics, live or retained.

`check_listeners_survive` feeds messages to one of each kind and raises `ConformanceError` for a
reading that no thermometer, thermostat or meter can have meant; an exception of a driver passes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from drivers.api import Device, Now, Sample, Signal
from drivers.meters.mqtt_meter import MqttMeter
from drivers.profile import MqttProfile, load_mqtt_profile
from drivers.rooms.home_assistant import HomeAssistantRoom
from drivers.rooms.opentherm_gateway import gateway_topics
from drivers.rooms.topics_room import (
    ROOM_RANGE_C,
    SETPOINT_RANGE_C,
    Presence,
    RoomTopics,
    TopicsRoom,
    room_point,
)
from drivers.rooms.zigbee2mqtt import ZigbeeRoom
from drivers.testing import AN_INSTANT, ConformanceError
from drivers.transports.in_memory import MemoryMqttLink
from drivers.transports.mqtt import MqttLink

POSSIBLE: Mapping[Signal, tuple[float, float]] = {
    Signal.ROOM_C: ROOM_RANGE_C,
    Signal.ROOM_SETPOINT_C: SETPOINT_RANGE_C,
    Signal.ROOM_HEATING_ENABLED: (0.0, 1.0),
    Signal.ROOM_DEMAND_FRAC: (0.0, 1.0),
    Signal.METER_POWER_W: (-200_000.0, 200_000.0),
    Signal.METER_ENERGY_KWH: (0.0, 1e12),
    Signal.FREQUENCY_HZ: (40.0, 70.0),
}
CLIMATE = {
    "~": "home/living",
    "current_temperature_topic": "~/state",
    "current_temperature_template": "{{ value_json.temperature | float }}",
    "temp_stat_t": "~/wanted",
    "mode_stat_t": "~/state",
    "mode_stat_tpl": "{{ value_json['mode'] }}",
    "action_topic": "~/action",
    "availability": [{"topic": "~/online", "value_template": "{{ value_json.state }}"}],
}
DISCOVERY = "homeassistant/climate/living/config"
TOPICS = (
    "zigbee2mqtt/sensor",
    "zigbee2mqtt/sensor/availability",
    "zigbee2mqtt/trv",
    "zigbee2mqtt/trv/availability",
    "zigbee2mqtt/bridge/devices",
    "zigbee2mqtt/bridge/state",
    DISCOVERY,
    "home/living/state",
    "home/living/wanted",
    "home/living/action",
    "home/living/online",
    "OTGW/value/otgw",
    "OTGW/value/otgw/Tr",
    "OTGW/value/otgw/TrSet",
    "own/room",
    "own/online",
    "shellypro3em/status/em:0",
    "shellypro3em/status/emdata:0",
    "shellypro3em/online",
)
"""Every topic that one of the devices listens to."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message: which of the topics, what, and whether the broker keeps it."""

    topic: int
    payload: bytes
    retain: bool


def listeners(link: MqttLink, now: Now) -> list[Device]:
    """One device of each kind that only listens."""
    own = RoomTopics(
        points={
            Signal.ROOM_C: [room_point(Signal.ROOM_C, "own/room", "/a/0/t")],
            Signal.ROOM_SETPOINT_C: [room_point(Signal.ROOM_SETPOINT_C, "own/room", "/set")],
            Signal.ROOM_HEATING_ENABLED: [
                room_point(Signal.ROOM_HEATING_ENABLED, "own/room", "/mode")
            ],
        },
        presences=[Presence(topic="own/online")],
    )
    return [
        ZigbeeRoom(
            "zigbee",
            link,
            sensor_topic="zigbee2mqtt/sensor",
            thermostat_topic="zigbee2mqtt/trv",
            now=now,
        ),
        HomeAssistantRoom("announced", link, discovery_topic=DISCOVERY, now=now),
        TopicsRoom("gateway", link, _gateway(), now=now),
        TopicsRoom("own", link, own, now=now),
        MqttMeter("meter", _meter(), link, now=now),
    ]


async def check_listeners_survive(messages: Sequence[Heard]) -> None:
    """Nothing raises, and no reading is impossible; also for who subscribes after the messages."""
    link = MemoryMqttLink()
    link.deliver(DISCOVERY, json.dumps(CLIMATE), retain=True)
    before = listeners(link, _now)
    for heard in messages:
        link.deliver(TOPICS[heard.topic % len(TOPICS)], heard.payload, retain=heard.retain)
    for device in [*before, *listeners(link, _now)]:
        for signal, outcome in (await device.read()).items():
            low, high = POSSIBLE[signal]
            if isinstance(outcome, Sample) and not low <= outcome.value <= high:
                raise ConformanceError(f"{device.name}: {signal} = {outcome.value}")


@cache
def _gateway() -> RoomTopics:
    return gateway_topics("OTGW/value/otgw")


@cache
def _meter() -> MqttProfile:
    return load_mqtt_profile("shelly_pro_3em")


def _now() -> datetime:
    return AN_INSTANT
