"""The MQTT half of a profile: the device's base topic, its availability, its topics. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.points import LARGEST_SCALE, SMALLEST_SCALE
from drivers.section import Section
from drivers.topics import TopicPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConnection:
    """How this family is found on a broker. Topics of points lie below the base topic."""

    base_topic: str
    stale_after_s: float  # a value not renewed for longer is no value
    availability_topic: str = ""  # "": the device announces nothing
    online: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()


def read_connection(section: Section) -> MqttConnection:
    """The table [connection]."""
    connection = MqttConnection(
        base_topic=section.text("base_topic"),
        stale_after_s=section.number("stale_after_s"),
        availability_topic=section.text("availability_topic", ""),
        online=section.texts("online"),
        offline=section.texts("offline"),
    )
    if not _is_topic(connection.base_topic):
        section.problem("base_topic", "must be a topic without wildcards and outer slashes")
    if connection.stale_after_s <= 0:
        section.problem("stale_after_s", "must be above 0")
    if connection.availability_topic and not (connection.online and connection.offline):
        section.problem("availability_topic", "comes together with online and offline")
    section.done()
    return connection


def read_point(name: str, section: Section, source: str) -> TopicPoint:
    """The table [points.<name>]."""
    scale = section.number("scale", 1.0)
    if not SMALLEST_SCALE <= abs(scale) <= LARGEST_SCALE:
        section.problem("scale", f"{scale} is no usable scale")
        scale = 1.0
    point = TopicPoint(
        name=name,
        topic=section.text("topic"),
        pointer=section.text("pointer", ""),
        field=section.optional_whole("field", low=0, high=99),
        scale=scale,
        unit=section.text("unit", ""),
        minimum=section.optional_number("minimum"),
        maximum=section.optional_number("maximum"),
        absent=section.texts("absent"),
        codes=_codes(section),
        other_code=section.optional_whole("other_code", low=-1, high=0xFFFF),
        ask_topic=section.text("ask_topic", ""),
        command_topic=section.text("command_topic", ""),
        command=section.text("command", "{value}"),
        documented=section.text("documented", ""),
        source=section.text("source", source),
    )
    for key in ("topic", "ask_topic", "command_topic"):
        topic = getattr(point, key)
        if topic and not _is_topic(topic):
            section.problem(key, "must be a topic without wildcards and outer slashes")
    if point.pointer and not point.pointer.startswith("/"):
        section.problem("pointer", "a JSON pointer starts with /")
    if point.pointer and point.field is not None:
        section.problem("field", "is for text, pointer for JSON: give one of them")
    if point.minimum is not None and point.maximum is not None and point.minimum > point.maximum:
        section.problem("minimum", "is above maximum")
    if point.other_code is not None and not point.codes:
        section.problem("other_code", "is for a point with codes")
    if "{value}" not in point.command:
        section.problem("command", "must hold {value}")
    if not point.command_topic and point.command != "{value}":
        section.problem("command", "comes together with command_topic")
    section.done()
    return point


def _codes(section: Section) -> Mapping[str, int]:
    codes: dict[str, int] = {}
    for text, code in section.tables("codes").items():
        if type(code) is int:
            codes[text] = code
        else:
            section.problem("codes", f"{text} must map to a whole number, not {code!r}")
    return codes


def _is_topic(topic: str) -> bool:
    return topic != "" and not set(topic) & set("+#\0") and topic.strip("/ ") == topic
