"""What every heat pump behind MQTT must survive: any bytes on any of its topics, live or retained.

Messages are healthy ones, spoilt: cut, bytes turned, numbers and words replaced, nested without
end. A pump that raises, or that makes a reading of what no device can have meant, is caught.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.api import Absent, Sample
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.profile import MqttProfile
from drivers.testing import AN_INSTANT, ConformanceError
from drivers.testing_topics import TopicBank
from drivers.topics import full_topic
from drivers.transports.in_memory import MemoryMqttLink

JUNK = (
    b"",
    b"-1",
    b"NaN",
    b"Infinity",
    b"1e400",
    b"-32768",
    b"9" * 5000,
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'"',
    b"\xff\xfe\x00",
    b"[" * 20_000,
    b'{"a":' * 5_000,
    b"1_000",
    b"0x20",
    b"21,5",
    b"ON;OFF;;",
)


@dataclass(frozen=True, slots=True)
class Message:
    """Topic, payload, and whether the broker had kept it."""

    topic: str
    payload: bytes
    retained: bool


def healthy_messages(profile: MqttProfile) -> list[Message]:
    """What a device says when all is well, availability included."""
    heard: list[Message] = []
    bank = TopicBank(profile)
    bank.subscribe("#", lambda topic, payload, _: heard.append(Message(topic, payload, False)))
    bank.publish_all()
    connection = profile.connection
    if connection.availability_topic:
        topic = full_topic(connection.base_topic, connection.availability_topic)
        words = (*connection.online, *connection.offline)
        heard += [Message(topic, word.encode(), False) for word in words]
    for point in profile.points.values():  # further places of the same values
        for place in point.also:
            topic = full_topic(connection.base_topic, place.topic)
            heard.append(Message(topic, b'{"%s": 1}' % place.pointer[1:].encode(), False))
    return heard


def spoilt_messages(profile: MqttProfile, count: int, *, seed: int) -> Iterator[Message]:
    """Healthy messages with something wrong in them; the same seed gives the same ones."""
    chance = random.Random(seed)
    healthy = healthy_messages(profile)
    for _ in range(count):
        message = chance.choice(healthy)
        payload = bytearray(message.payload)
        for _ in range(chance.randint(0, 3)):
            place = chance.randint(0, len(payload))
            end = min(len(payload), place + chance.randint(0, 4))
            if chance.random() < 0.5:
                payload[place:end] = chance.choice(JUNK)
            elif chance.random() < 0.5:
                payload[place:end] = chance.randbytes(chance.randint(0, 3))
            else:
                del payload[place:]
        yield Message(message.topic, bytes(payload), chance.random() < 0.1)


class _Broker(MemoryMqttLink):
    """Hands over messages as live or as kept."""

    def hand_over(self, message: Message) -> None:
        for pattern, on_message in self._subscribers:
            if pattern == message.topic:
                on_message(message.topic, message.payload, message.retained)


async def check_pump_survives(profile: MqttProfile, count: int, *, seed: int) -> int:
    """Let a pump hear spoilt messages and look at it after each; how many readings it made.

    Raises `ConformanceError`.
    """
    link = _Broker()
    pump = MqttHeatPump(profile.name, profile, link, now=lambda: AN_INSTANT)
    await pump.read()  # asks what has to be asked; at a standing clock never again
    readings = 0
    for message in spoilt_messages(profile, count, seed=seed):
        link.hand_over(message)
        shown = {profile.signals[signal]: o for signal, o in (await pump.read()).items()}
        shown |= {k.point: await pump.read_back(c) for c, k in pump.knobs.items()}
        for name, outcome in shown.items():
            if not isinstance(outcome, Absent):
                readings += 1
                _judge(profile, name, outcome)
    return readings


def _judge(profile: MqttProfile, name: str, sample: Sample) -> None:
    """A reading is one of the point's codes, or between its bounds."""
    point = profile.points[name]
    low = sum(_end(profile, part, "minimum") for part in point.of or (name,))
    high = sum(_end(profile, part, "maximum") for part in point.of or (name,))
    codes = {float(code) for code in point.codes.values()} | {point.other_code}
    possible = sample.value in codes if point.codes else low <= sample.value <= high
    if point.rule not in ("", "sum"):
        possible = sample.value == int(sample.value)
    if not possible:
        raise ConformanceError(f"{profile.name}: {name} = {sample.value} was made of nonsense")


def _end(profile: MqttProfile, name: str, key: str) -> float:
    end: float | None = getattr(profile.points[name], key)
    return end if end is not None else float("-inf" if key == "minimum" else "inf")
