"""A device behind MQTT to try drivers on: broker and device in one, with plausible values."""

import json
from collections.abc import Iterator

from drivers.api import Knob
from drivers.profile import MqttProfile
from drivers.topics import TopicPoint, full_topic, requested, text_of
from drivers.transports.in_memory import MemoryMqttLink

Place = tuple[str, str, int]
"""Topic, JSON pointer, and field: -1 where the message has no fields."""


class TopicBank(MemoryMqttLink):
    """Publishes what its points hold, takes commands, and answers when it is asked."""

    def __init__(self, profile: MqttProfile) -> None:
        super().__init__()
        self.connected = True
        self.reads = 0  # messages that were delivered
        self.writes: list[tuple[str, str]] = []
        self._profile = profile
        self._base = profile.connection.base_topic
        self._texts: dict[Place, str | None] = {}
        for point in profile.points.values():
            if point.topic:
                self._texts.setdefault(_place(point), text_of(point, plausible(point)))

    # ---- for the kit ---

    def publish_all(self) -> None:
        """Say everything, as a device does when it comes up."""
        for topic in dict.fromkeys(topic for topic, _, _ in self._texts):
            self._say(topic)

    def spoilt(self, name: str) -> Iterator[str]:
        """Let a point hold each of its "no value" texts in turn; good again at the end."""
        point = self._profile.points[name]
        for text in point.absent if point.topic else ():
            self.put(name, text)
            yield text
        if point.topic:
            self.put(name, text_of(point, plausible(point)))

    def put(self, name: str, text: str | None) -> None:
        """Let a point show a text, or nothing."""
        place = _place(self._profile.points[name])
        self._texts[place] = text
        self._say(place[0])

    def remove(self, name: str) -> None:
        """Let a point not exist on this model."""
        point = self._profile.points[name]
        for part in point.of or (name,):
            self._texts[_place(self._profile.points[part])] = None

    def set_mode(self, knob: Knob) -> None:
        """Put the device in the mode in which a knob acts."""
        if knob.only_when is None:
            return
        mode = self._profile.points[knob.only_when.point]
        for part in mode.of or (mode.name,):
            self.put(part, text_of(self._profile.points[part], float(knob.only_when.values[0])))

    def cut(self) -> str:
        """Be a broker that is away."""
        self.connected = False
        return "no connection"

    def mend(self) -> None:
        """Be back; the device speaks again."""
        self.connected = True
        self.publish_all()

    def reports(self, point: str) -> bool:
        """Whether the device publishes what it holds there."""
        found = self._profile.points[point]
        return bool(found.topic or found.rule)

    # ---- for the driver ---

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Take a command or a question, and answer it."""
        del qos, retain
        message = payload.decode() if isinstance(payload, bytes) else payload
        for point in self._profile.points.values():
            if point.command_topic and self._is(topic, point.command_topic) and message:
                value = requested(point, message)
                if value is not None:
                    self.writes.append((topic, message))
                    if point.topic:
                        self.put(point.name, text_of(point, value))
                    return
        for point in self._profile.points.values():
            if point.ask_topic and self._is(topic, point.ask_topic):
                self._say(point.topic)

    def _is(self, topic: str, pattern: str) -> bool:
        return topic == full_topic(self._base, pattern)

    def _say(self, topic: str) -> None:
        """Publish a topic as a whole, as it is now."""
        texts = {place: text for place, text in self._texts.items() if place[0] == topic}
        fields = {field: text for (_, pointer, field), text in texts.items() if not pointer}
        document: dict[str, object] = {}
        for (_, pointer, _), text in texts.items():
            if pointer and text is not None:
                _put(document, pointer, text)
        if not fields:
            payload = json.dumps(document)
        elif None in fields.values():
            return
        elif -1 in fields:
            payload = str(fields[-1])
        else:
            payload = ";".join(str(fields.get(place, "0")) for place in range(max(fields) + 1))
        self.reads += 1
        self.deliver(full_topic(self._base, topic), payload)


def plausible(point: TopicPoint) -> float:
    """A value that the point can hold: the middle of its range, or its first code."""
    if point.codes:
        return float(next(iter(point.codes.values())))
    low = 0.0 if point.minimum is None else point.minimum
    high = low + 100.0 * abs(point.scale) if point.maximum is None else point.maximum
    return (low + high) / 2.0


def _place(point: TopicPoint) -> Place:
    return point.topic, point.pointer, -1 if point.field is None else point.field


def _put(document: dict[str, object], pointer: str, text: str) -> None:
    """Set a place in a JSON document, with the objects on the way to it."""
    *path, last = pointer.split("/")[1:]
    place = document
    for step in path:
        inner = place.setdefault(step, {})
        if isinstance(inner, dict):
            place = inner
    place[last] = _scalar(text)


def _scalar(text: str) -> object:
    """Numbers and flags as JSON has them."""
    try:
        return json.loads(text)
    except ValueError:
        return text
