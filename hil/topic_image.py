"""An emulated device behind MQTT: what it publishes and takes, laid out by the driver's profile.

It publishes what has changed, and everything again after a while, as such devices do; a device that
has to be asked speaks only when it is. A command is taken where the profile says, answered with the
new state at once, and obeyed as the knob's memory allows (hil/knob_memory.py).
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from drivers.api import Capability, Knob, OperatingState, Precondition
from drivers.derived import RULES
from drivers.errors import OutOfRangeError
from drivers.profile import MqttProfile
from drivers.topics import TopicPoint, decode, full_topic, requested, text_of
from hil.knob_memory import KnobMemory, OnWrite
from hil.manners import Manners
from hil.registers import Readings, needed_modes
from hil.sensors import Message

HEARTBEAT_FRAC = 1.0 / 3.0
"""Of the time after which the driver calls a value stale: how often all is said again."""

DECIMALS = {"°C": 1, "kWh": 2, "W": 0}
"""How readings are rounded where the profile does not say."""

Place = tuple[str, int | None]
"""Where in a message: JSON pointer, field."""


class TopicImage:
    """The topics of one device."""

    def __init__(
        self,
        profile: MqttProfile,
        *,
        readings: Readings,
        on_write: OnWrite,
        manners: Manners | None = None,
    ) -> None:
        manners = Manners() if manners is None else manners
        self.profile = profile
        self.clock_s = 0.0
        self._base = profile.connection.base_topic
        self._readings = readings
        self._outbox: list[Message] = []
        self._said: dict[str, tuple[str, float]] = {}  # by topic: what, when
        self._messages: dict[str, dict[Place, str | None]] = {}  # by topic below the base
        self._readers = Counter((point.topic, _place(point)) for point in profile.points.values())
        for point in profile.points.values():
            if point.topic:
                self._messages.setdefault(point.topic, {})[_place(point)] = None
        self._asked = {
            point.topic
            for point in profile.points.values()
            if point.ask_topic and profile.connection.poll_s is not None
        }
        self._knob_points = {knob.point for knob in profile.knobs.values()}
        self._memory = KnobMemory(
            profile.knobs.values(),
            show=self._show_knob,
            held=lambda knob: self._value(knob.point),
            on_write=on_write,
            meets=self._meets,
            power_up={Capability(name): value for name, value in manners.power_up.items()},
        )
        for needed in needed_modes(profile):
            self._show(needed.point, float(needed.values[0]))
        for name, value in manners.settings.items():
            self._show(name, value)
        self._memory.start()

    # ---- the device as a whole ---

    @property
    def listens(self) -> tuple[str, ...]:
        """The topics it has subscribed to."""
        topics = {
            full_topic(self._base, topic)
            for point in self.profile.points.values()
            for topic in (point.command_topic, point.ask_topic)
            if topic
        }
        return tuple(sorted(topics))

    @property
    def write_counts(self) -> Mapping[str, int]:
        """Writes to the device's lasting memory since it was built, by point."""
        return self._memory.write_counts

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start; volatile commands end when their time is over."""
        self.clock_s = clock_s
        self._memory.pass_time(clock_s)

    def restart(self) -> None:
        """Power was away for a moment: volatile values are gone, everything is said again."""
        self._memory.restart()
        self._said.clear()

    def in_force(self, capability: Capability) -> bool:
        """Whether the device has such a knob and is in the mode in which it acts."""
        knob = self.profile.knobs.get(capability)
        return knob is not None and (knob.only_when is None or self._meets(knob.only_when))

    def hold(self, capability: Capability, value: float) -> None:
        """Show what the device holds for a knob, as if set at its own panel."""
        if self.in_force(capability):
            self._show(self.profile.knobs[capability].point, value)

    def held(self, capability: Capability) -> float | None:
        """What the device shows for a knob; None where it shows nothing or has no such knob."""
        knob = self.profile.knobs.get(capability)
        return None if knob is None else self._value(knob.point)

    # ---- what it says ---

    def report(self) -> None:
        """Look at the readings; say what has changed, and what was not said for long."""
        readings = self._readings()
        named = self.profile.signals.items()
        for derived in (True, False):  # a value of its own has the last word over a share
            for signal, name in named:
                if (
                    name not in self._knob_points
                    and bool(self.profile.points[name].rule) == derived
                ):
                    self._show(name, readings.get(signal))
        longest_s = self.profile.connection.stale_after_s * HEARTBEAT_FRAC
        for topic in self._messages:
            if topic in self._asked:
                continue
            said, at_s = self._said.get(topic, (None, -math.inf))
            if self._payload(topic) != said or self.clock_s - at_s >= longest_s:
                self._say(topic)

    def appear(self, present: bool) -> None:
        """Be announced as there, or (the broker does it) as gone."""
        connection = self.profile.connection
        if connection.availability_topic:
            topic = full_topic(self._base, connection.availability_topic)
            word = connection.online[0] if present else connection.offline[0]
            self._outbox.append((topic, word, not present))
        if present:
            self._said.clear()

    def pop_messages(self) -> list[Message]:
        """What it has said since the last call."""
        messages, self._outbox = self._outbox, []
        return messages

    # ---- what it is told ---

    def command(self, topic: str, payload: str) -> str | None:
        """Take a message; answers with the name of the point it wrote to, if it did."""
        for point in self.profile.points.values():
            if not point.command_topic or topic != full_topic(self._base, point.command_topic):
                continue
            value = requested(point, payload) if payload else None
            if value is not None and self._takes(point.name):
                self._show(point.name, value)
                self._memory.take(point.name, value)
                if point.topic:
                    self._say(point.topic)
                return point.name
        asked = {
            point.topic
            for point in self.profile.points.values()
            if point.ask_topic and topic == full_topic(self._base, point.ask_topic)
        }
        if asked:
            self.report()
        for topic_asked in sorted(asked):
            self._say(topic_asked)
        return None

    def _takes(self, name: str) -> bool:
        """Whether a point means something in the present mode."""
        knobs = [knob for knob in self.profile.knobs.values() if knob.point == name]
        return not knobs or any(self.in_force(knob.capability) for knob in knobs)

    # ---- texts ---

    def _meets(self, needed: Precondition) -> bool:
        return self._value(needed.point) in needed.values

    def _value(self, name: str) -> float | None:
        point = self.profile.points[name]
        text = self._messages.get(point.topic, {}).get(_place(point))
        plain = replace(point, pointer="", field=None)
        value = None if text is None else decode(plain, text.encode())
        return value if isinstance(value, float) else None

    def _show_knob(self, knob: Knob, value: float | None) -> None:
        self._show(knob.point, knob.release_value if value is None else value)

    def _show(self, name: str, value: float | None) -> None:
        point = self.profile.points[name]
        if point.rule:
            shares = RULES[point.rule].split(value, len(point.of)) if value is not None else ()
            for place, share in shares:
                self._show(point.of[place], share)
        elif point.topic and not self._left_to_others(point, value):
            self._messages[point.topic][_place(point)] = shown_text(point, value)

    def _left_to_others(self, point: TopicPoint, value: float | None) -> bool:
        """Whether a text has several meanings, and this one is the ordinary one of them."""
        return (
            value == point.other_code
            and value not in point.codes.values()
            and self._readers[point.topic, _place(point)] > 1
        )

    def _say(self, topic: str) -> None:
        payload = self._payload(topic)
        if payload is not None:
            self._said[topic] = (payload, self.clock_s)
            retained = self.profile.connection.retained
            self._outbox.append((full_topic(self._base, topic), payload, retained))

    def _payload(self, topic: str) -> str | None:
        """The message as it would be sent now; None when there is nothing to say."""
        texts = self._messages[topic]
        if any(pointer for pointer, _ in texts):
            document: dict[str, object] = {}
            for (pointer, _), text in texts.items():
                if text is not None:
                    _put(document, pointer, _scalar(text))
            return json.dumps(document)
        fields = {field: text for (_, field), text in texts.items()}
        if None in fields:
            return fields[None]
        last = max(field for field in fields if field is not None)
        return ";".join(fields.get(place) or "-" for place in range(last + 1))


def shown_text(point: TopicPoint, value: float | None) -> str | None:
    """The text of a reading; beyond the point's range its end, and without a value what says so."""
    nothing = point.absent[0] if point.absent else None
    if value is None or not math.isfinite(value):
        return nothing
    if point.codes and value == OperatingState.DEFROST and value not in point.codes.values():
        value = float(OperatingState.HEATING)  # makes that call a defrost part of heating
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    if point.decimals is None and not point.codes:
        point = replace(point, decimals=DECIMALS.get(point.unit, 1))
        if abs(point.scale) > 1.0:
            point = replace(point, decimals=1)
    try:
        return text_of(point, min(max(value, low), high))
    except OutOfRangeError:
        if point.other_code is None:
            return nothing
        faults = [text for text, code in point.codes.items() if code != 0]
        return faults[0] if faults else f"H{value:02.0f}"  # as Panasonic numbers its errors


def _place(point: TopicPoint) -> Place:
    return point.pointer, point.field


def _put(document: dict[str, object], pointer: str, value: object) -> None:
    """Set a place in a JSON document, with the objects on the way to it."""
    *path, last = pointer.split("/")[1:]
    place = document
    for step in path:
        inner = place.setdefault(step, {})
        if isinstance(inner, dict):
            place = inner
    place[last] = value


def _scalar(text: str) -> object:
    """Numbers and flags as JSON has them."""
    try:
        return json.loads(text)
    except ValueError:
        return text
