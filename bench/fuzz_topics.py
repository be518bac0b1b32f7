"""Random and spoilt MQTT messages through every driver that listens, judged by a second reader.

Pumps, relays and meters: a reading must be what the newest message says at the profile's place, in
its range, and no "no value" text. Rooms take many shapes: there a reading must be one that a
thermometer or thermostat can have meant.
"""

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.fuzz_messages import Spoiler, device_messages, room_messages, telling_words
from bench.fuzz_tally import Tally, out_of, tried
from drivers.api import Device, Sample, Signal
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.meters.mqtt_meter import MqttMeter
from drivers.profile import DeviceKind, MqttProfile, Transport, load_mqtt_profile, shipped_profiles
from drivers.testing_messages import Message
from drivers.testing_rooms import CLIMATE, DISCOVERY, listeners
from drivers.topics import TopicPoint, full_topic, places
from drivers.transports.in_memory import MemoryMqttLink
from drivers.transports.mqtt import OnMessage

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
MESSAGES = 12
"""A driver hears so many before a fresh one takes its place."""

LONGEST = 64 * 1024
"""Longer messages are no device state: no reading may come of them."""

ROOM_RANGES: Mapping[Signal, tuple[float, float]] = {
    Signal.ROOM_C: (-20.0, 60.0),
    Signal.ROOM_SETPOINT_C: (4.0, 35.0),
    Signal.ROOM_HEATING_ENABLED: (0.0, 1.0),
    Signal.ROOM_DEMAND_FRAC: (0.0, 1.0),
    Signal.METER_POWER_W: (-200_000.0, 200_000.0),
    Signal.METER_ENERGY_KWH: (0.0, 1e12),
    Signal.FREQUENCY_HZ: (40.0, 70.0),
}
STATES = {"sg_contacts": (1.0, 2.0, 3.0, 4.0), "running_state": (0.0, 1.0, 2.0, 3.0)}
"""What these rules can make."""

_PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TopicSubject:
    """A profile as it is, and as the driver under test has it: normally the same."""

    truth: MqttProfile
    tried: MqttProfile


def topic_subjects() -> list[TopicSubject]:
    """Every shipped MQTT profile with a driver of its own; rooms are added by `fuzz_topics`."""
    profiles = [load_mqtt_profile(name) for name in shipped_profiles(Transport.MQTT)]
    return [
        TopicSubject(profile, profile)
        for profile in profiles
        if profile.kind is not DeviceKind.ROOM
    ]


async def fuzz_topics(
    count: int, seed: int, subjects: Sequence[TopicSubject], *, rooms: bool = True
) -> Tally:
    """Let drivers hear so many messages, each looked at after it."""
    tally = Tally("MQTT messages")
    chance = random.Random(f"topics {seed}")
    in_rooms = Spoiler(chance, room_messages())
    spoilers = [
        Spoiler(chance, device_messages(subject.truth), telling_words(subject.truth))
        for subject in subjects
    ]
    turn = 0
    while tally.payloads < count:
        place = turn % (len(subjects) + 2 * rooms)  # rooms are several devices
        if place < len(subjects):
            await _hear(subjects[place], spoilers[place], tally)
        else:
            await _hear_rooms(in_rooms, tally)
        turn += 1
    return tally


class Broker(MemoryMqttLink):
    """Hands messages over, live or as the broker had kept them; as strict as a real one."""

    def subscribe(self, topic: str, on_message: OnMessage) -> None:
        """Raises `ValueError` for what no broker takes (MQTT 3.1.1, 4.7)."""
        levels = topic.split("/")
        odd = any(len(level) > 1 and set(level) & set("+#") for level in levels)
        if not topic or "\0" in topic or "#" in levels[:-1] or odd:
            raise ValueError(f"{topic!r} cannot be subscribed to")
        super().subscribe(topic, on_message)

    async def hand_over(self, message: Message) -> None:
        """Call who has subscribed to the topic."""
        for topic, on_message in list(self._subscribers):
            if topic == message.topic:
                on_message(message.topic, message.payload, message.retained)


async def _hear(subject: TopicSubject, spoiler: Spoiler, tally: Tally) -> None:
    """A pump or meter hears some messages."""
    broker = Broker()
    name = subject.tried.name
    device: MqttHeatPump | MqttMeter
    if subject.tried.kind is DeviceKind.HEAT_PUMP:
        device = MqttHeatPump(name, subject.tried, broker, now=lambda: NOON)
    else:
        device = MqttMeter(name, subject.tried, broker, now=lambda: NOON)
    judge = Judge(subject.truth)
    for _ in range(MESSAGES):
        message = spoiler.message(tally)
        await tried(tally, name, broker.hand_over(message), message)
        judge.hear(message)
        seen = await tried(tally, name, device.read(), message)
        shown = {subject.truth.signals[signal]: outcome for signal, outcome in (seen or {}).items()}
        if isinstance(device, MqttHeatPump):
            for capability, knob in device.knobs.items():
                held = await tried(tally, name, device.read_back(capability), message)
                if held is not None:
                    shown[knob.point] = held
        for point, outcome in shown.items():
            if isinstance(outcome, Sample):
                tally.readings += 1
                fault = judge.fault(point, outcome.value)
                if fault is not None:
                    tally.violated(name, fault, (point, outcome.value, message))
            else:
                tally.refusals += 1


async def _hear_rooms(spoiler: Spoiler, tally: Tally) -> None:
    """One device of each kind that only listens hears some messages."""
    broker = Broker()
    broker.deliver(DISCOVERY, json.dumps(CLIMATE), retain=True)
    devices: list[Device] = listeners(broker, lambda: NOON)
    for _ in range(MESSAGES):
        message = spoiler.message(tally)
        await tried(tally, "rooms", broker.hand_over(message), message)
        for device in devices:
            seen = await tried(tally, device.name, device.read(), message)
            for signal, outcome in (seen or {}).items():
                if not isinstance(outcome, Sample):
                    tally.refusals += 1
                    continue
                tally.readings += 1
                if out_of(*ROOM_RANGES[signal], outcome.value):
                    story = (signal.value, outcome.value, message)
                    tally.violated(device.name, "a reading outside its range", story)


# ---- the judge ---


class Judge:
    """What a profile's points mean by the newest messages, read without drivers/topics.py."""

    def __init__(self, profile: MqttProfile) -> None:
        self._points = profile.points
        self._means: dict[str, float | None] = {}
        self._by_topic: dict[str, list[TopicPoint]] = {}
        for point in profile.points.values():
            for place in places(point):
                topic = full_topic(profile.connection.base_topic, place.topic)
                self._by_topic.setdefault(topic, []).append(place)

    def hear(self, message: Message) -> None:
        """Take note of a live message."""
        for place in () if message.retained else self._by_topic.get(message.topic, ()):
            said, text = text_at(place, message.payload)
            if said:
                self._means[place.name] = None if text is None else _meaning(place, text)

    def fault(self, name: str, value: float) -> str | None:
        """Why a reading is wrong; None where it is what the messages say."""
        point = self._points[name]
        if not math.isfinite(value):
            return "a reading that is no number"
        if point.rule:
            return _wrong_rule(point.rule, value, [self._means.get(part) for part in point.of])
        if not point.codes and out_of(point.minimum, point.maximum, value):
            return "a reading outside its range"
        expected = self._means.get(name)
        if expected is None:
            return "a reading of a message without a value"
        return None if math.isclose(value, expected, abs_tol=1e-9) else "another number"


def _wrong_rule(rule: str, value: float, parts: Sequence[float | None]) -> str | None:
    known = [part for part in parts if part is not None]
    if len(known) != len(parts):
        return "a derived reading without all its parts"
    if rule == "sum":
        return None if math.isclose(value, sum(known), abs_tol=1e-6) else "another sum"
    if rule == "same":
        return None if set(known) == {value} else "parts that differ"
    return None if value in STATES[rule] else "a state that does not exist"


def _meaning(point: TopicPoint, text: str) -> float | None:
    """What a text at the point's place means."""
    if text in point.absent:
        return None
    if point.codes:
        code = point.codes.get(text, point.other_code)
        return None if code is None else float(code)
    if not _PLAIN.fullmatch(text):
        return None
    value = float(text) * point.scale + point.offset
    return None if out_of(point.minimum, point.maximum, value) else value


def text_at(place: TopicPoint, payload: bytes) -> tuple[bool, str | None]:
    """Whether a message speaks of a place, and the text there."""
    if len(payload) > LONGEST:
        return True, None
    try:
        whole = payload.decode()
        if not place.pointer:
            fields = [whole] if place.field is None else whole.split(";")
            number = place.field or 0
            return True, fields[number].strip() if number < len(fields) else None
        found: object = json.loads(payload)
    except (ValueError, RecursionError):
        return True, None
    for step in place.pointer[1:].split("/"):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return False, None
    if isinstance(found, bool):
        return True, str(found).lower()
    return True, str(found).strip() if isinstance(found, str | int | float) else None
