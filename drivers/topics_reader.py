"""Keeps what a device last said over MQTT, and knows how old it is.

The newest word on a value counts: a sentinel or an impossible number makes it absent until a good
one comes. A message that the broker had kept is of unknown age and never counts as a value. A
device that is offline, or a broker that was away, makes everything absent until it speaks again.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from drivers.api import Absent, Now, Sample, Signal
from drivers.derived import RULES
from drivers.errors import LinkLostError
from drivers.points import Undecodable
from drivers.profile import MqttProfile
from drivers.topics import BASE, TopicPoint, decode, full_topic, places
from drivers.transports.mqtt import MqttLink

_SHOWN = 40  # characters of a bad payload that a reason quotes


PATIENCE_S = 3.0
"""How long a reading waits for the answers to what was asked for it."""


class TopicsReader:
    """The signals of one device behind a broker, as its profile describes them; never writes.

    `base_topic` is the owner's, by default the profile's.
    """

    def __init__(
        self,
        profile: MqttProfile,
        link: MqttLink,
        *,
        base_topic: str | None = None,
        now: Now,
    ) -> None:
        self.rejected = 0
        self.last_rejection = ""
        self.losses = 0  # how often contact was lost
        self.base_topic = profile.connection.base_topic if base_topic is None else base_topic
        self._profile = profile
        self._link = link
        self._now = now
        self._known: dict[str, Sample | Absent] = {}
        self._kept: set[str] = set()  # points of which only a retained message is known
        self._messages: dict[str, int] = {}  # live ones, by point
        self._lost = ""  # why the broker cannot be reached
        self._offline = ""  # who says that the device cannot
        self._asked_at: datetime | None = None
        self._news = asyncio.Event()
        self._by_topic: dict[str, list[TopicPoint]] = {}
        for point in profile.points.values():
            for place in places(point):
                topic = full_topic(self.base_topic, place.topic)
                self._by_topic.setdefault(topic, []).append(place)
        for topic in self._by_topic:
            link.subscribe(topic, self._on_state)
        if profile.connection.availability_topic:
            topic = full_topic(self.base_topic, profile.connection.availability_topic)
            link.subscribe(topic, self._on_availability)

    async def read(self) -> dict[Signal, Sample | Absent]:
        """Every signal of the profile as it is known now; never raises a `DriverError`."""
        await self._poll()
        return {signal: self._point(name) for signal, name in self._profile.signals.items()}

    async def read_point(self, name: str) -> Sample | Absent:
        """One point as it is known now; never raises a `DriverError`."""
        await self._poll()
        return self._point(name)

    async def ask(self, names: Iterable[str]) -> bool:
        """Ask the device for points; False if none can be asked. Raises `LinkLostError`."""
        requests = {
            (point.ask_topic, point.ask)
            for name in names
            for point in self._parts(name)
            if point.ask_topic
        }
        for topic, payload in sorted(requests):
            await self._link.publish(
                full_topic(self.base_topic, topic),
                payload.replace(BASE, self.base_topic),
                qos=1,
                retain=False,
            )
        return bool(requests)

    async def heard(self, met: Callable[[], bool], timeout_s: float) -> bool:
        """Whether `met` becomes true with some message within the time (the event loop's)."""
        if self._link.immediate:
            return met()
        try:
            async with asyncio.timeout(timeout_s):
                while not met():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def messages(self, name: str) -> int:
        """How many live messages have spoken of a point."""
        return self._messages.get(name, 0)

    @property
    def away(self) -> str:
        """Why the device cannot be reached, as far as is known; empty when it can."""
        return self._lost or self._offline

    def shows(self, name: str) -> Sample | Absent:
        """One point as it is known now, without asking."""
        return self._point(name)

    # ---- what is known ---

    def _parts(self, name: str) -> list[TopicPoint]:
        """The points of the device behind a point: itself, or what it is derived from."""
        point = self._profile.points[name]
        return [self._profile.points[part] for part in point.of] if point.rule else [point]

    def _point(self, name: str) -> Sample | Absent:
        point = self._profile.points[name]
        if not point.rule:
            return self._own(point)
        samples: list[Sample] = []
        for part in point.of:
            outcome = self._own(self._profile.points[part])
            if isinstance(outcome, Absent):
                return outcome
            samples.append(outcome)
        value = RULES[point.rule].combine([sample.value for sample in samples])
        if isinstance(value, Undecodable):
            return Absent(f"{name}: {value.reason}")
        return Sample(value, min(sample.at for sample in samples))

    def _own(self, point: TopicPoint) -> Sample | Absent:
        topic = full_topic(self.base_topic, point.topic)
        if self.away:
            return Absent(self.away)
        known = self._known.get(point.name)
        if known is None and point.name in self._kept:
            return Absent(f"{topic}: retained, age unknown; waiting for a live message")
        if known is None:
            return Absent(f"{topic}: no message with {point.name} yet")
        if isinstance(known, Absent):
            return known
        age_s = (self._now() - known.at).total_seconds()
        if age_s > self._profile.connection.stale_after_s:
            return Absent(f"{topic}: silent for {age_s / 60:.0f} min")
        return known

    async def _poll(self) -> None:
        """Notice a lost broker, and ask what has to be asked, at the profile's pace."""
        if not self._link.connected:
            self._forget()
            self._lost = "no connection to the broker"
            return
        self._lost = ""  # values count again as they come
        poll_s = self._profile.connection.poll_s
        if poll_s is None:
            return
        now = self._now()
        if self._asked_at is not None and (now - self._asked_at).total_seconds() < poll_s:
            return
        before = dict(self._messages)
        try:
            await self.ask(self._profile.points)
        except LinkLostError as error:
            self._forget()
            self._lost = str(error)
            return
        self._asked_at = now
        asked = [point.name for point in self._profile.points.values() if point.ask_topic]
        await self.heard(
            lambda: all(self.messages(name) > before.get(name, 0) for name in asked),
            PATIENCE_S,
        )

    def _forget(self) -> None:
        """What was known no longer counts: the device may have changed behind our back."""
        self.losses += 1
        self._known.clear()
        self._kept.clear()
        self._asked_at = None

    # ---- what is heard; no payload makes it raise ---

    def _on_state(self, topic: str, payload: bytes, retained: bool) -> None:
        points = self._by_topic[topic]
        if retained:
            self._kept.update(point.name for point in points)
            return
        self._offline = ""  # who speaks is there, whatever an old message said
        now = self._now()
        for point in points:
            value = decode(point, payload)
            if value is None:
                continue
            self._messages[point.name] = self.messages(point.name) + 1
            if isinstance(value, Undecodable):
                self._reject(topic, value.reason)
                self._known[point.name] = Absent(value.reason)
            else:
                self._known[point.name] = Sample(value, now)
        self._news.set()

    def _on_availability(self, topic: str, payload: bytes, retained: bool) -> None:
        """Note whether the device is there; here a kept message is as good as a live one."""
        del retained
        connection = self._profile.connection
        word = payload[:_SHOWN].decode(errors="replace").strip()
        if word in connection.offline:
            self._forget()
            self._offline = f"{topic} says {word}"
        elif word in connection.online:
            self._offline = ""
        else:
            self._reject(topic, f"neither online nor offline: {word!r}")
        self._news.set()

    def _reject(self, topic: str, reason: str) -> None:
        self.rejected += 1
        self.last_rejection = f"{topic}: {reason}"
