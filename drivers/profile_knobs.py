"""The knobs and signals of a profile: read from its tables and checked against its points. Pure."""

from collections.abc import Mapping

from drivers.api import Capability, Knob, Precondition, Signal, WriteClass
from drivers.errors import OutOfRangeError
from drivers.points import Kind, Point
from drivers.points import encode as encode_registers
from drivers.section import Section, suggestion
from drivers.topics import TopicPoint
from drivers.topics import encode as encode_message

Points = Mapping[str, Point] | Mapping[str, TopicPoint]


def read_signals(section: Section, points: Points) -> dict[Signal, str]:
    """The table [signals]: the point behind each."""
    known = [str(signal) for signal in Signal]
    signals: dict[Signal, str] = {}
    for name, target in section.tables("signals").items():
        if name not in known:
            section.problem(f"signals.{name}", f"no such signal{suggestion(name, known)}")
        elif not isinstance(target, str) or target not in points:
            hint = suggestion(str(target), list(points))
            section.problem(f"signals.{name}", f"there is no point {target!r}{hint}")
        else:
            signals[Signal(name)] = target
    return signals


def read_knobs(section: Section, points: Points, problems: list[str]) -> dict[Capability, Knob]:
    """The tables [knobs.*]; only knobs on known points are returned."""
    known = [str(capability) for capability in Capability]
    knobs: dict[Capability, Knob] = {}
    for name, table in section.tables("knobs").items():
        if name not in known:
            section.problem(f"knobs.{name}", f"no such capability{suggestion(name, known)}")
            continue
        knob = _knob(Capability(name), Section(table, f"knobs.{name}", problems))
        needed = [("point", knob.point)]
        if knob.only_when is not None:
            needed.append(("only_when.point", knob.only_when.point))
        missing = [(key, point) for key, point in needed if point not in points]
        for key, point in missing:
            hint = suggestion(point, list(points))
            section.problem(f"knobs.{name}.{key}", f"there is no point '{point}'{hint}")
        if not missing:
            knobs[knob.capability] = knob
    return knobs


def knob_problems(knobs: Mapping[Capability, Knob], points: Points) -> list[str]:
    """Knobs whose promises do not fit together or do not fit in their point."""
    problems: list[str] = []
    for capability, knob in knobs.items():
        found = [*_range_problems(knob), *_time_problems(knob)]
        point = points[knob.point]
        if knob.write_class is WriteClass.PERSISTENT:
            found += _restore_problems(knob, point)
        if not point.writable:
            found.append(f"point: {knob.point} is not writable")
        found += _resolution_problems(knob, point)
        for key in ("minimum", "maximum", "release_value", "safe_minimum", "safe_maximum"):
            value = getattr(knob, key)
            try:
                if value is not None:
                    _encode(point, value)
            except OutOfRangeError as error:
                found.append(f"{key}: {error}")
        problems += [f"knobs.{capability}.{problem}" for problem in found]
    return problems


def _encode(point: Point | TopicPoint, value: float) -> None:
    if isinstance(point, Point):
        encode_registers(point, value)
    else:
        encode_message(point, value)


def _knob(capability: Capability, section: Section) -> Knob:
    knob = Knob(
        capability=capability,
        point=section.text("point"),
        minimum=section.number("minimum"),
        maximum=section.number("maximum"),
        resolution=section.number("resolution"),
        # what nobody has classified may wear out a memory
        write_class=section.choice("write_class", WriteClass, WriteClass.PERSISTENT),
        lapse_s=section.optional_number("lapse_s"),
        minimum_interval_s=section.number("minimum_interval_s", 0.0),
        settle_s=section.number("settle_s", 0.0),
        latency_s=section.number("latency_s", 0.0),
        weekly_writes=section.optional_number("weekly_writes"),
        only_when=_precondition(section),
        automatic=section.flag("automatic", default=True),
        release_value=section.optional_number("release_value"),
        safe_minimum=section.optional_number("safe_minimum"),
        safe_maximum=section.optional_number("safe_maximum"),
    )
    section.done()
    return knob


def _precondition(section: Section) -> Precondition | None:
    part = section.part("only_when")
    if part is None:
        return None
    condition = Precondition(part.text("point"), part.wholes("values"))
    if not condition.values:
        part.problem("values", "names no value")
    part.done()
    return condition


def _resolution_problems(knob: Knob, point: Point | TopicPoint) -> list[str]:
    if isinstance(point, TopicPoint) or point.kind is Kind.FLOAT32 or point.codes:
        return []
    if abs(point.scale) > knob.resolution:
        return [f"resolution: is finer than a step of {knob.point}"]
    return []


def _range_problems(knob: Knob) -> list[str]:
    problems: list[str] = []
    if knob.minimum >= knob.maximum:
        problems.append("minimum: must be below maximum")
    if knob.resolution <= 0:
        problems.append("resolution: must be above 0")
    if (knob.safe_minimum is None) != (knob.safe_maximum is None):
        problems.append("safe_minimum: comes together with safe_maximum")
    if knob.safe_minimum is not None and knob.safe_maximum is not None:
        if not knob.minimum <= knob.safe_minimum <= knob.safe_maximum <= knob.maximum:
            problems.append("safe_minimum: minimum, safe_minimum, safe_maximum, maximum must rise")
    elif knob.write_class is WriteClass.PERSISTENT:
        # the device keeps it when we are gone, so it must say what a house can live with
        problems.append("safe_minimum: a persistent knob needs safe_minimum and safe_maximum")
    return problems


def _restore_problems(knob: Knob, point: Point | TopicPoint) -> list[str]:
    """A persistent knob must reach every value that the owner may have set before us."""
    if point.codes or (point.minimum, point.maximum) == (knob.minimum, knob.maximum):
        return []
    return [f"minimum: a persistent knob has the minimum and maximum of its point {point.name}"]


def _time_problems(knob: Knob) -> list[str]:
    problems = [
        f"{key}: must not be negative"
        for key in ("minimum_interval_s", "settle_s", "latency_s")
        if getattr(knob, key) < 0
    ]
    if knob.lapse_s is not None and knob.lapse_s <= 0:
        problems.append("lapse_s: must be above 0")
    if knob.weekly_writes is not None and knob.weekly_writes <= 0:
        problems.append(
            "weekly_writes: must be above 0; a knob that must not be written is forbidden"
        )
    if knob.write_class is WriteClass.VOLATILE:
        if knob.weekly_writes is not None:
            problems.append("weekly_writes: a volatile knob wears nothing")
    else:
        problems += [
            f"{key}: only a volatile knob has one"
            for key in ("lapse_s", "release_value")
            if getattr(knob, key) is not None
        ]
    return problems
