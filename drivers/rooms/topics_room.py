"""Room temperature and thermostat from any MQTT topics: plain text or a place in a JSON message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from drivers.api import Absent, Now, Observation, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.points import Undecodable
from drivers.topics import TopicPoint, decode
from drivers.transports.mqtt import MqttLink

ROOM_RANGE_C = (-20.0, 60.0)  # what a sensor indoors can mean
SETPOINT_RANGE_C = (4.0, 35.0)  # the range of room thermostats, frost protection included
MODES = {"heat": 1, "auto": 1, "heat_cool": 1, "off": 0}
DEMANDS = {"heating": 1, "preheating": 1, "heat": 1, "idle": 0, "off": 0}
NO_VALUE = ("", "None", "none", "null", "nan", "unavailable", "unknown")
SETTINGS = frozenset({Signal.ROOM_SETPOINT_C, Signal.ROOM_HEATING_ENABLED})
"""What somebody has set stands until it is set anew; a measurement does not."""
_SHOWN = 40  # characters of a bad word that a reason quotes


def room_point(signal: Signal, topic: str, pointer: str = "") -> TopicPoint:
    """The usual point behind a room signal, on a topic as the broker knows it."""
    enabled = signal is Signal.ROOM_HEATING_ENABLED
    low_c, high_c = SETPOINT_RANGE_C if signal is Signal.ROOM_SETPOINT_C else ROOM_RANGE_C
    return TopicPoint(
        name=signal.value,
        topic=topic,
        pointer=pointer,
        unit="" if enabled else "°C",
        minimum=None if enabled else low_c,
        maximum=None if enabled else high_c,
        absent=NO_VALUE,
        codes=MODES if enabled else {},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A topic that tells whether the device, or a bridge before it, is there."""

    topic: str
    pointer: str = ""
    online: tuple[str, ...] = ("online",)
    offline: tuple[str, ...] = ("offline",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomTopics:
    """Where a room's signals are published; of several points of one signal the newest counts."""

    points: Mapping[Signal, Sequence[TopicPoint]]
    presences: Sequence[Presence] = ()
    one_presence_is_enough: bool = False


@dataclass(slots=True)
class _Heard:
    """What is known of the present topics."""

    words: dict[Signal, Sample | Absent] = field(default_factory=dict)
    kept: dict[Signal, float] = field(default_factory=dict)  # settings of retained messages
    silent_about: set[Signal] = field(default_factory=set)  # only of unknown age
    away: dict[str, str] = field(default_factory=dict)  # presence topic -> what it said
    alive_at: datetime | None = None  # the last live message


class TopicsRoom:
    """A `Device` that keeps the newest word on each room signal; no payload can hurt it.

    A retained message is of unknown age: a temperature in it does not count. A setting in it does,
    once the device has been heard live, and then stays as fresh as the device's last message.
    """

    def __init__(
        self, name: str, link: MqttLink, topics: RoomTopics | None = None, *, now: Now
    ) -> None:
        self.rejected = 0
        self.last_rejection = ""
        self._name = name
        self._link = link
        self._now = now
        self._subscribed: set[str] = set()
        self._topics = RoomTopics(points={})
        self._heard = _Heard()
        if topics is not None:
            if not topics.points:
                raise ConfigurationError(f"{name}: a room needs a temperature or a set-point")
            self.listen(topics)

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._name

    def listen(self, topics: RoomTopics) -> None:
        """From now on these topics count; what was heard on others is forgotten."""
        self._topics = topics
        self._heard = _Heard()
        wanted = [point.topic for points in topics.points.values() for point in points]
        for topic in dict.fromkeys([*wanted, *(presence.topic for presence in topics.presences)]):
            if topic not in self._subscribed:
                self._subscribed.add(topic)
                self._link.subscribe(topic, self._on_message)

    async def read(self) -> Observation:
        """The newest word on every signal, with the time it was received."""
        return {signal: self._observed(signal) for signal in self._topics.points}

    async def close(self) -> None:
        """The link is not ours; there is nothing to close."""

    def _observed(self, signal: Signal) -> Sample | Absent:
        heard = self._heard
        where = ", ".join(dict.fromkeys(point.topic for point in self._topics.points[signal]))
        away = self._away()
        if away:
            return Absent(away)
        word = heard.words.get(signal)
        if signal in SETTINGS and heard.alive_at is not None:
            if isinstance(word, Sample):
                return Sample(word.value, heard.alive_at)
            if word is None and signal in heard.kept:
                return Sample(heard.kept[signal], heard.alive_at)
        if word is not None:
            return word
        if signal in heard.silent_about:
            return Absent(f"{where}: retained, age unknown; waiting for a live message")
        return Absent(f"{where}: no message with {signal} yet")

    def _away(self) -> str:
        """Why the device is not there, as far as it or its bridges say."""
        away = self._heard.away
        if not away or (self._topics.one_presence_is_enough and len(away) < self._presences()):
            return ""
        topic, word = next(iter(away.items()))
        return f"{topic} says {word}"

    def _presences(self) -> int:
        return len({presence.topic for presence in self._topics.presences})

    def _on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take what is usable. Total: no payload makes it raise."""
        for presence in self._topics.presences:
            if presence.topic == topic:
                self._on_presence(presence, payload)
        for signal, points in self._topics.points.items():
            for point in points:
                if point.topic == topic:
                    self._on_word(signal, point, payload, retained)

    def _on_word(self, signal: Signal, point: TopicPoint, payload: bytes, retained: bool) -> None:
        value = decode(point, payload)
        heard = self._heard
        if isinstance(value, Undecodable):
            self._reject(point.topic, value.reason)
        if retained:
            if isinstance(value, float):
                heard.silent_about.add(signal)
                if signal in SETTINGS:
                    heard.kept[signal] = value
            return
        heard.alive_at = self._now()
        if isinstance(value, Undecodable):
            heard.words[signal] = Absent(f"{point.topic}: {value.reason}")
        elif value is not None:
            heard.words[signal] = Sample(value, heard.alive_at)

    def _on_presence(self, presence: Presence, payload: bytes) -> None:
        """Note whether a device is reachable; here a retained message is as good as a live one."""
        word = _word(presence, payload)
        if word in presence.offline:
            self._heard.away[presence.topic] = word
        elif word in presence.online:
            self._heard.away.pop(presence.topic, None)
        else:
            self._reject(presence.topic, f"neither online nor offline: {word[:_SHOWN]!r}")

    def _reject(self, topic: str, reason: str) -> None:
        self.rejected += 1
        self.last_rejection = f"{topic}: {reason}"


def _word(presence: Presence, payload: bytes) -> str:
    """What a presence topic says."""
    texts = (*presence.online, *presence.offline)
    codes = {text: number for number, text in enumerate(texts)}
    point = TopicPoint(name="presence", topic=presence.topic, pointer=presence.pointer, codes=codes)
    number = decode(point, payload)
    if isinstance(number, float):
        return texts[int(number)]
    return payload[:_SHOWN].decode(errors="replace")
