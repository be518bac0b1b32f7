"""The MQTT half of a profile: the device's base topic, its availability, its topics. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.api import Capability, Knob
from drivers.derived import RULES
from drivers.points import LARGEST_SCALE, SMALLEST_SCALE
from drivers.section import Section, suggestion
from drivers.topics import Place, TopicPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConnection:
    """How this family is found on a broker. Topics of points lie below the base topic."""

    base_topic: str
    stale_after_s: float  # a value not renewed for longer is no value
    poll_s: float | None = None  # how often points with an ask_topic are asked for
    prepare: Mapping[str, str] = field(default_factory=dict)  # topic -> payload, before any write
    availability_topic: str = ""  # "": the device announces nothing
    online: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()
    retained: bool = False  # whether the device lets the broker keep its values


def read_connection(section: Section) -> MqttConnection:
    """The table [connection]."""
    connection = MqttConnection(
        base_topic=section.text("base_topic"),
        stale_after_s=section.number("stale_after_s"),
        poll_s=section.optional_number("poll_s"),
        prepare=_texts_by_name(section, "prepare"),
        availability_topic=section.text("availability_topic", ""),
        online=section.texts("online"),
        offline=section.texts("offline"),
        retained=section.flag("retained", default=False),
    )
    if not _is_topic(connection.base_topic):
        section.problem("base_topic", "must be a topic without wildcards and outer slashes")
    if connection.stale_after_s <= 0:
        section.problem("stale_after_s", "must be above 0")
    if connection.poll_s is not None and not 0 < connection.poll_s < connection.stale_after_s:
        section.problem("poll_s", "must be above 0 and below stale_after_s")
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
    pathless = "rule" in section.keys or "command_topic" in section.keys
    topic = section.text("topic", "" if pathless else None)
    point = TopicPoint(
        name=name,
        topic=topic,
        pointer=section.text("pointer", ""),
        field=section.optional_whole("field", low=0, high=99),
        also=_places(section, topic),
        rule=section.text("rule", ""),
        of=section.texts("of"),
        scale=scale,
        offset=section.number("offset", 0.0),
        decimals=section.optional_whole("decimals", low=0, high=6),
        unit=section.text("unit", ""),
        minimum=section.optional_number("minimum"),
        maximum=section.optional_number("maximum"),
        absent=section.texts("absent"),
        codes=_codes(section),
        other_code=section.optional_whole("other_code", low=-1, high=0xFFFF),
        ask_topic=section.text("ask_topic", ""),
        ask=section.text("ask", ""),
        command_topic=section.text("command_topic", ""),
        command=section.text("command", "{value}"),
        commands=_texts_by_name(section, "commands"),
        documented=section.text("documented", ""),
        source=section.text("source", source),
    )
    _check_places(point, section)
    _check_command(point, section)
    if point.minimum is not None and point.maximum is not None and point.minimum > point.maximum:
        section.problem("minimum", "is above maximum")
    if point.other_code is not None and not point.codes:
        section.problem("other_code", "is for a point with codes")
    if bool(point.rule) != bool(point.of):
        section.problem("rule", "comes together with of, the points it takes")
    if point.rule and (point.topic or point.command_topic or point.codes):
        section.problem("rule", "makes a value of other points: no topic, command_topic or codes")
    section.done()
    return point


def derived_problems(
    points: Mapping[str, TopicPoint], knobs: Mapping[Capability, Knob]
) -> list[str]:
    """Derived points whose rule or parts do not exist, or do not fit together."""
    problems = [
        f"knobs.{knob.capability}.point: {part}, of which {knob.point} is made, is not writable"
        for knob in knobs.values()
        for part in points[knob.point].of
        if part in points and not points[part].writable
    ]
    for point in points.values():
        if not point.rule:
            continue
        rule = RULES.get(point.rule)
        if rule is None:
            hint = suggestion(point.rule, list(RULES))
            problems.append(f"points.{point.name}.rule: there is no rule '{point.rule}'{hint}")
        elif rule.count not in (None, len(point.of)):
            problems.append(f"points.{point.name}.of: {point.rule} takes {rule.count} points")
        for part in point.of:
            if part not in points:
                hint = suggestion(part, list(points))
                problems.append(f"points.{point.name}.of: there is no point '{part}'{hint}")
            elif points[part].rule:
                problems.append(f"points.{point.name}.of: {part} is itself derived")
    return problems


def _check_places(point: TopicPoint, section: Section) -> None:
    for key in ("topic", "ask_topic", "command_topic"):
        topic = getattr(point, key)
        if topic and not _is_topic(topic):
            section.problem(key, "must be a topic without wildcards and outer slashes")
    _check_place(Place(topic=point.topic, pointer=point.pointer, field=point.field), section)
    if point.ask and not point.ask_topic:
        section.problem("ask", "comes together with ask_topic")


def _check_place(place: Place, section: Section) -> None:
    if place.pointer and not place.pointer.startswith("/"):
        section.problem("pointer", "a JSON pointer starts with /")
    if place.pointer and place.field is not None:
        section.problem("field", "is for text, pointer for JSON: give one of them")


def _check_command(point: TopicPoint, section: Section) -> None:
    if "{value}" not in point.command:
        section.problem("command", "must hold {value}")
    if not point.command_topic and (point.command != "{value}" or point.commands):
        section.problem("command", "comes together with command_topic")
    if point.commands and set(point.commands) != set(point.codes):
        section.problem("commands", "must name the same texts as codes")


def _places(section: Section, topic: str) -> tuple[Place, ...]:
    """The table `also`: further places by any name, each with what differs."""
    names = section.part("also")
    if names is None:
        return ()
    places: list[Place] = []
    for name in names.keys:
        part = names.part(name)
        if part is not None:
            place = Place(
                topic=part.text("topic", topic),
                pointer=part.text("pointer", ""),
                field=part.optional_whole("field", low=0, high=99),
            )
            if not _is_topic(place.topic):
                part.problem("topic", "must be a topic without wildcards and outer slashes")
            _check_place(place, part)
            part.done()
            places.append(place)
    return tuple(places)


def _texts_by_name(section: Section, key: str) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for name, text in section.tables(key).items():
        if isinstance(text, str):
            texts[name] = text
        else:
            section.problem(key, f"{name} must be a text, not {text!r}")
    return texts


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
