"""A heat pump, or the relays at its SG Ready contacts, behind MQTT; steered from its profile."""

from collections.abc import Mapping

from drivers.api import (
    Absent,
    Capability,
    Knob,
    Maturity,
    Now,
    Observation,
    OnSilence,
    Sample,
)
from drivers.derived import RULES
from drivers.errors import ConfigurationError, TransientError
from drivers.permission import check_mode, check_value, knob_of
from drivers.profile import DeviceKind, MqttProfile
from drivers.topics import BASE, TopicPoint, encode, full_topic
from drivers.topics_reader import TopicsReader
from drivers.transports.mqtt import MqttLink

LAPSE = "{lapse_s}"
"""Stands, in the payload of a command, for the seconds after which the device forgets it."""

PATIENCE_S = 10.0
"""How long a device may take to show a new value before it is told again, once (HeishaMon's own
advice), and before what it shows then is taken for its answer."""


class MqttHeatPump:
    """A `HeatPump` whose signals and knobs are the profile's. Only `write` ever commands."""

    def __init__(
        self,
        name: str,
        profile: MqttProfile,
        link: MqttLink,
        *,
        base_topic: str | None = None,
        now: Now,
    ) -> None:
        if profile.kind != DeviceKind.HEAT_PUMP:
            raise ConfigurationError(f"{name}: profile {profile.name} is not of a heat pump")
        self._name = name
        self._profile = profile
        self._link = link
        self._reader = TopicsReader(profile, link, base_topic=base_topic, now=now)
        self._prepared_after: int | None = None  # how many losses of contact ago

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._name

    @property
    def knobs(self) -> Mapping[Capability, Knob]:
        """What it can be asked to do."""
        return self._profile.knobs

    @property
    def on_silence(self) -> OnSilence:
        """What it does when nobody writes any more."""
        return self._profile.on_silence

    @property
    def maturity(self) -> Maturity:
        """How far its profile has been proven."""
        return self._profile.maturity

    @property
    def rejected(self) -> int:
        """How many messages held something unusable."""
        return self._reader.rejected

    @property
    def last_rejection(self) -> str:
        """The last of them, and why."""
        return self._reader.last_rejection

    async def read(self) -> Observation:
        """Every signal of the profile; an absent device makes every signal `Absent`."""
        return await self._reader.read()

    async def write(self, capability: Capability, value: float) -> None:
        """Write once; back when the device shows the value, or has had its time to.

        A value that does not appear is sent once more. Allowed are the knob's range and its
        release value. Raises a `DriverError`.
        """
        knob = knob_of(self._profile, capability, self._name)
        check_value(knob, value, self._name)
        if self._reader.away:
            raise TransientError(f"{self._name}: {self._reader.away}")
        await self._prepare(knob)
        await check_mode(knob, value, self._name, self._look)
        point = self._profile.points[knob.point]
        if not point.rule:
            await self._command(point, value, knob)
            return
        for place, share in RULES[point.rule].split(value, len(point.of)):
            part = self._profile.points[point.of[place]]
            if not await self._command(part, share, knob):
                # the next contact must not meet one that has not moved yet
                raise TransientError(f"{self._name}: {part.name} does not show {share:g}")

    async def read_back(self, capability: Capability) -> Sample | Absent:
        """What the device says it holds for this knob."""
        knob = knob_of(self._profile, capability, self._name)
        point = self._profile.points[knob.point]
        if not point.rule and not point.topic:
            return Absent(f"{self._name} takes {point.name} but does not report it")
        return await self._reader.read_point(knob.point)

    async def close(self) -> None:
        """The link is shared; there is nothing to close."""

    async def _command(self, point: TopicPoint, value: float, knob: Knob) -> bool:
        """Send a value until the device shows it, at most twice; whether it does.

        Where the device can be asked, only its answer counts, not what it had said before.
        """
        topic = full_topic(self._reader.base_topic, point.command_topic)
        lapse_s = 0.0 if knob.lapse_s is None else knob.lapse_s
        asked = encode(point, value)
        payload = asked.replace(BASE, self._reader.base_topic).replace(LAPSE, f"{lapse_s:g}")
        before = self._reader.messages(point.name)
        answers = False

        def shown() -> bool:
            held = self._reader.shows(point.name)
            if answers and self._reader.messages(point.name) == before:
                return False
            return isinstance(held, Sample) and encode(point, held.value) == asked

        for _ in range(2):
            await self._link.publish(topic, payload, qos=1, retain=False)
            if not point.topic:
                return True  # a device that does not report it
            answers = await self._reader.ask([point.name])
            if await self._reader.heard(shown, PATIENCE_S):
                return True
        return False

    async def _look(self, name: str) -> Sample | Absent:
        """A point as it is known; asked for, where it is unknown and the device can be asked."""
        known = self._reader.shows(name)
        if isinstance(known, Sample) or not await self._reader.ask([name]):
            return known
        await self._reader.heard(lambda: isinstance(self._reader.shows(name), Sample), PATIENCE_S)
        return self._reader.shows(name)

    async def _prepare(self, knob: Knob) -> None:
        """Tell a device how to behave before it is commanded, again after each loss of contact.

        Where the knob depends on that, its answer is waited for: what it had said before is old.
        """
        if self._prepared_after == self._reader.losses:
            return
        for topic, payload in self._profile.connection.prepare.items():
            await self._link.publish(
                full_topic(self._reader.base_topic, topic), payload, qos=1, retain=False
            )
        self._prepared_after = self._reader.losses
        needed = knob.only_when
        if needed is None or not await self._reader.ask([needed.point]):
            return

        def ready() -> bool:
            mode = self._reader.shows(needed.point)
            return isinstance(mode, Sample) and mode.value in needed.values

        await self._reader.heard(ready, PATIENCE_S)
