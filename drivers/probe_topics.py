"""What speaks on a broker: families recognised by their topics, rooms by what announces them.

Only listens: the prober is given something that can subscribe, nothing that can publish. Where a
device's base topic is the owner's choice, it is read off the topics that are heard.
"""

import asyncio
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from drivers.derived import RULES
from drivers.evidence import Candidate, RuledOut, best_first, has_identity, judged, questions
from drivers.points import Undecodable
from drivers.profile import MqttProfile
from drivers.rooms.discovery import Refusal, climate_of
from drivers.rooms.exposes import LARGEST_LIST_BYTES, exposed_devices
from drivers.topics import BASE, LONGEST_PAYLOAD_BYTES, TopicPoint, decode, full_topic, places
from drivers.transports.mqtt import BrokerLink, OnMessage

Messages = Mapping[str, bytes]
"""The newest message by topic."""

MOST_TOPICS = 20_000
"""More are passed over: no house has so many."""

_DEVICE_LIST = "/bridge/devices"
_DISCOVERY = re.compile(r"[^/]+/(?:climate|device)(?:/[^/]+){1,2}/config")
_ROOM_VALUES = ("temperature", "local_temperature")
_THERMOSTAT_VALUES = ("occupied_heating_setpoint", "current_heating_setpoint")


class Ears(Protocol):
    """As much of an MQTT link as a prober may have."""

    def subscribe(self, topic: str, on_message: OnMessage) -> None: ...

    async def run(self) -> None: ...

    async def wait_connected(self, timeout_s: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFound:
    """A room sensor or thermostat on the broker, as keys of the section [room]."""

    title: str
    keys: Mapping[str, str]
    refused: str = ""  # why heatherd cannot use it


def ears_at(broker: str, client_id: str) -> Ears:
    """A link to the broker at mqtt://user:password@host:1883. Raises `ConfigurationError`."""
    return BrokerLink(broker, client_id)


async def overheard(ears: Ears, *, listen_s: float, timeout_s: float) -> Messages:
    """Everything said within `listen_s`. Raises `LinkLostError` when there is no broker."""
    said: dict[str, bytes] = {}

    def keep(topic: str, payload: bytes, retained: bool) -> None:
        del retained
        largest = LARGEST_LIST_BYTES if topic.endswith(_DEVICE_LIST) else LONGEST_PAYLOAD_BYTES
        if len(payload) <= largest and (topic in said or len(said) < MOST_TOPICS):
            said[topic] = payload

    ears.subscribe("#", keep)
    running = asyncio.create_task(ears.run())
    try:
        await ears.wait_connected(timeout_s)
        await asyncio.wait({running}, timeout=listen_s)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    return said


def candidates_in(
    messages: Messages, profiles: Iterable[MqttProfile]
) -> tuple[list[Candidate], list[RuledOut]]:
    """The families among the messages, best first, and what looked like one but is not. Pure."""
    found: list[Candidate] = []
    not_it: list[RuledOut] = []
    for profile in profiles:
        if not has_identity(profile):
            continue
        for base_topic in base_topics(profile, messages):
            verdict = judged(profile, base_topic, answers_in(profile, base_topic, messages))
            if isinstance(verdict, Candidate):
                found.append(verdict)
            else:
                not_it.append(verdict)
    return best_first(found), not_it


def base_topics(profile: MqttProfile, messages: Messages) -> list[str]:
    """Under which base topics something like the profile's identity is heard."""
    named = (*profile.identity.values, *profile.identity.plausible)
    patterns = [
        _pattern(place.topic)
        for name in named
        for part in _parts(profile, name)
        for place in places(part)
    ]
    matches = (pattern.fullmatch(topic) for topic in messages for pattern in patterns)
    return sorted({match["base"] for match in matches if match is not None})


def answers_in(profile: MqttProfile, base_topic: str, messages: Messages) -> dict[str, float | str]:
    """What the messages say of the points that matter, or why they do not."""
    names = (name for round_ in questions(profile) for name in round_)
    return {name: _answer(profile, name, base_topic, messages) for name in names}


def _answer(profile: MqttProfile, name: str, base_topic: str, messages: Messages) -> float | str:
    point = profile.points[name]
    values: list[float] = []
    for part in _parts(profile, name):
        value = _heard(part, base_topic, messages)
        if isinstance(value, str):
            return value
        values.append(value)
    if not point.rule:
        return values[0]
    combined = RULES[point.rule].combine(values)
    return combined.reason if isinstance(combined, Undecodable) else combined


def _heard(point: TopicPoint, base_topic: str, messages: Messages) -> float | str:
    """The point's value from the first of its places that speaks of it."""
    reason = "nothing heard of it"
    for place in places(point):
        payload = messages.get(full_topic(base_topic, place.topic))
        value = None if payload is None else decode(place, payload)
        if isinstance(value, float):
            return value
        if isinstance(value, Undecodable):
            reason = value.reason
    return reason


def _parts(profile: MqttProfile, name: str) -> list[TopicPoint]:
    """The points of the device behind a point: itself, or what it is derived from."""
    point = profile.points[name]
    return [profile.points[part] for part in point.of] if point.rule else [point]


def _pattern(topic: str) -> re.Pattern[str]:
    """A profile's topic with the base topic left open."""
    before, *after = (re.escape(part) for part in full_topic(BASE, topic).split(BASE))
    return re.compile(f"{before}(?P<base>[^/].*?)" + "(?P=base)".join(after))


# ---- rooms ---


def rooms_in(messages: Messages) -> list[RoomFound]:
    """Sensors and thermostats of zigbee2mqtt, and what announces itself to Home Assistant. Pure."""
    found: list[RoomFound] = []
    for topic, payload in sorted(messages.items()):
        if topic.endswith(_DEVICE_LIST):
            found += _zigbee(topic.removesuffix(_DEVICE_LIST), payload)
        elif _DISCOVERY.fullmatch(topic):
            found += _announced(topic, payload)
    return found


def _zigbee(base_topic: str, payload: bytes) -> Iterator[RoomFound]:
    for device in exposed_devices(payload):
        topic = f"{base_topic}/{device.friendly_name}"
        if any(name in device.keys for name in _THERMOSTAT_VALUES):
            yield RoomFound(title="thermostat (zigbee2mqtt)", keys={"thermostat_topic": topic})
        elif any(name in device.keys for name in _ROOM_VALUES):
            yield RoomFound(title="room sensor (zigbee2mqtt)", keys={"sensor_topic": topic})


def _announced(topic: str, payload: bytes) -> Iterator[RoomFound]:
    climate = climate_of(payload)
    refused = climate.reason if isinstance(climate, Refusal) else ""
    if "/device/" in topic and "climate components" in refused:
        return  # a device of another sort
    keys = {"kind": "home_assistant", "discovery_topic": topic}
    yield RoomFound(title="thermostat (Home Assistant discovery)", keys=keys, refused=refused)
