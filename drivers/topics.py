"""A topic point is one value in a device's MQTT messages: where it stands, how it is coded. Pure.

`decode` answers a payload with a number or with the reason why there is none; `encode` gives the
payload that asks for a value. Text that means "no value" is compared before anything is made of it.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.errors import OutOfRangeError
from drivers.points import Undecodable

LONGEST_PAYLOAD_BYTES = 64 * 1024
"""Larger messages are passed over unread: no device state is that long."""

BASE = "{base}"
"""Stands for the device's base topic in topics that do not simply lie below it."""

_SHOWN = 40  # characters of a bad value that a reason quotes
_MISSING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a device may say the same a second time, or where its older firmware said it."""

    topic: str
    pointer: str = ""
    field: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPoint:
    """Topic (below the device's base topic), place in the message, coding, unit and origin.

    A derived point has no topic of its own: a rule (drivers/derived.py) makes it from other points.
    A point with nothing but a command topic is taken by the device but never reported.
    """

    name: str
    topic: str = ""
    pointer: str = ""  # JSON pointer (RFC 6901) into the message; "" with no field: all of it
    field: int | None = None  # of a text whose fields are separated by ";", counted from 0
    also: tuple[Place, ...] = ()  # further places of the same value
    rule: str = ""  # of a derived point
    of: tuple[str, ...] = ()  # the points that the rule takes
    scale: float = 1.0  # engineering value = number in the message * scale + offset
    offset: float = 0.0
    decimals: int | None = None  # of the numbers that the device takes and gives; None: any
    unit: str = ""
    minimum: float | None = None  # engineering; outside means no value
    maximum: float | None = None
    absent: tuple[str, ...] = ()  # texts meaning "no value"
    codes: Mapping[str, int] = dataclasses.field(default_factory=dict)  # text -> our code
    other_code: int | None = None  # of a text that is not listed; None: such a text is no value
    ask_topic: str = ""  # a message here makes the device publish the value
    ask: str = ""  # what is published there
    command_topic: str = ""  # "" : only read
    command: str = "{value}"  # what is published there; {value} stands for number or text
    commands: Mapping[str, str] = dataclasses.field(default_factory=dict)  # by text, instead
    documented: str = ""
    source: str = ""

    @property
    def writable(self) -> bool:
        """Whether the device takes this value; a derived one is taken by its parts."""
        return self.command_topic != "" or self.rule != ""


def full_topic(base_topic: str, topic: str) -> str:
    """A profile's topic as the broker knows it: below the base topic, or around it."""
    return topic.replace(BASE, base_topic) if BASE in topic else f"{base_topic}/{topic}"


def places(point: TopicPoint) -> tuple[TopicPoint, ...]:
    """The point once for each of its places; none where the device does not publish it."""
    if not point.topic:
        return ()
    others = (
        dataclasses.replace(point, topic=place.topic, pointer=place.pointer, field=place.field)
        for place in point.also
    )
    return (point, *others)


def decode(point: TopicPoint, payload: bytes) -> float | Undecodable | None:
    """The engineering value in a message; None if the message does not speak of it; never raises.

    A JSON message without the point's key says nothing of it: devices leave out what they lack.
    """
    if len(payload) > LONGEST_PAYLOAD_BYTES:
        return Undecodable(f"{point.name}: the message is too long")
    found = _found(point, payload)
    return _judged(point, found) if isinstance(found, str) else found


def _judged(point: TopicPoint, found: str) -> float | Undecodable:
    """What a text means: nothing, a code, or a number in the plausible range."""
    if found in point.absent:
        return Undecodable(f"the device reports no value for {point.name} ({_quoted(found)})")
    if point.codes:
        code = point.codes.get(found, point.other_code)
        if code is None:
            return Undecodable(f"{point.name}: unknown code {_quoted(found)}")
        return float(code)
    value = _number(found)
    if value is None:
        return Undecodable(f"{point.name} is not a number: {_quoted(found)}")
    scaled = value * point.scale + point.offset
    if not _in_range(point, scaled):
        return Undecodable(f"{point.name} = {scaled:g} {point.unit} is outside its plausible range")
    return scaled


def encode(point: TopicPoint, value: float) -> str:
    """The payload that asks for `value`.

    Raises `OutOfRangeError` for NaN, for a value outside the range, and for an unknown code.
    """
    if not _in_range(point, value):
        raise OutOfRangeError(
            f"{point.name}: {value:g} {point.unit} is outside {point.minimum} .. {point.maximum}"
        )
    text = text_of(point, value)
    return point.commands.get(text, point.command).replace("{value}", text)


def requested(point: TopicPoint, message: str) -> float | None:
    """The value that a message on the command topic asks for, None if none; inverse of `encode`.

    Other placeholders in the command ("{base}", "{lapse_s}") may stand for anything.
    """
    for text, command in point.commands.items():
        if _pattern(command).fullmatch(message):
            return float(point.codes[text])
    match = None if point.commands else _pattern(point.command).fullmatch(message)
    if match is None:
        return None
    value = decode(dataclasses.replace(point, pointer="", field=None), match["value"].encode())
    return value if isinstance(value, float) else None


def _pattern(command: str) -> re.Pattern[str]:
    """What a command looks like with its placeholders filled in."""
    parts = re.split(r"\{([a-z_]+)\}", command)
    literals = [re.escape(part) for part in parts[::2]]
    groups = ["(?P<value>.*)" if name == "value" else ".*" for name in parts[1::2]]
    return re.compile(
        "".join(part for pair in zip(literals, [*groups, ""], strict=True) for part in pair)
    )


def text_of(point: TopicPoint, value: float) -> str:
    """The number or code as the device spells it. Raises `OutOfRangeError` for an unknown code."""
    if point.codes:
        text = next((text for text, code in point.codes.items() if code == value), None)
        if text is None:
            raise OutOfRangeError(f"{point.name}: {value:g} is not one of its codes")
        return text
    number = (value - point.offset) / point.scale
    if point.decimals is not None:
        number = round(number, point.decimals)
    return f"{number + 0.0:.10g}"  # no "-0"


def _in_range(point: TopicPoint, value: float) -> bool:
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    return math.isfinite(value) and low <= value <= high


def _found(point: TopicPoint, payload: bytes) -> str | Undecodable | None:
    """The scalar at the point's place in the message, as text."""
    if point.pointer:
        return _at_pointer(point, payload)
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        return Undecodable(f"{point.name}: the message is not text")
    if point.field is None:
        return text
    fields = text.split(";")
    if point.field >= len(fields):
        return Undecodable(f"{point.name}: the message has only {len(fields)} fields")
    return fields[point.field].strip()


def _at_pointer(point: TopicPoint, payload: bytes) -> str | Undecodable | None:
    try:
        place: object = json.loads(payload)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
        return Undecodable(f"{point.name}: the message is not JSON")
    for step in point.pointer.split("/")[1:]:
        place = _inside(place, step.replace("~1", "/").replace("~0", "~"))
        if place is _MISSING:
            return None
    if place is None:
        return Undecodable(f"the device reports no value for {point.name} (null)")
    if isinstance(place, bool):
        return "true" if place else "false"
    if isinstance(place, int | float | str):
        return str(place).strip()
    return Undecodable(f"{point.name} is nested: not a value")


def _inside(place: object, step: str) -> object:
    """One step of a JSON pointer (RFC 6901, section 4)."""
    if isinstance(place, dict):
        return place.get(step, _MISSING)
    if isinstance(place, list) and step.isascii() and step.isdigit() and len(step) < 6:
        index = int(step)
        return place[index] if index < len(place) else _MISSING
    return _MISSING


def _number(text: str) -> float | None:
    """A plain decimal number; no "nan", "inf", "1_000" or hexadecimal, which Python would take."""
    if not text or not set(text) <= set("0123456789+-.eE"):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _quoted(text: str) -> str:
    return repr(text[:_SHOWN])
