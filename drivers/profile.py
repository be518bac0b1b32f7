"""A profile: one heat-pump or meter family as data, read from TOML and validated. Pure.

Shipped profiles lie in drivers/profiles; an owner copies one, changes addresses, and names the
file in the configuration. Reading is strict: an unknown key is an error with a suggestion, and
one `ConfigurationError` lists every problem of the file.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from drivers.api import Capability, Knob, Maturity, OnSilence, Signal, WriteClass
from drivers.errors import ConfigurationError, OutOfRangeError
from drivers.points import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    Gate,
    Kind,
    Point,
    Space,
    WordOrder,
    encode,
    register_count,
)
from drivers.section import Section, suggestion

_FOLDER = Path(__file__).parent / "profiles"
_LAST_ADDRESS = 0xFFFF
_WORD = 0xFFFF
_EVERY_BIT = 0xFFFFFFFF
_LARGEST_READ = 125
"""Registers in one answer (Modbus Application Protocol V1.1b3, 6.3 and 6.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How one talks to this family over Modbus."""

    port: int = 502
    unit: int = 1
    timeout_s: float = 3.0
    gap_s: float = 0.0  # pause between two requests
    largest_block: int = 1  # registers in one read of adjacent points


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything about a device family that data can express."""

    name: str
    title: str
    kind: str  # "heat_pump" or "meter"
    maturity: Maturity
    evidence: str
    on_silence: OnSilence
    on_silence_note: str
    connection: Connection
    points: Mapping[str, Point]  # by point name
    signals: Mapping[Signal, str]  # signal -> point name, read every cycle
    knobs: Mapping[Capability, Knob]
    left_out: str = ""  # what the device has and the profile has not, and why; a list


@dataclass(frozen=True, slots=True)
class Block:
    """Adjacent points of one space that are read in one request."""

    space: Space
    address: int
    count: int
    points: tuple[Point, ...]


class _DeviceKind(StrEnum):
    HEAT_PUMP = "heat_pump"
    METER = "meter"


def shipped_profiles() -> tuple[str, ...]:
    """The names of the profiles that come with heatherd."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_profile(name_or_path: str | Path) -> Profile:
    """A shipped profile by name, or the owner's own by the path of its TOML file.

    Raises `ConfigurationError` with every problem found.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        name = str(name_or_path)
        shipped = shipped_profiles()
        if name not in shipped:
            raise ConfigurationError(
                f"no profile '{name}'{suggestion(name, list(shipped))}; shipped are "
                f"{', '.join(shipped)}; your own is given as the path of a .toml file"
            )
        path = _FOLDER / f"{name}.toml"
    try:
        mapping = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: is not valid TOML: {error}") from error
    return parse_profile(mapping, str(path))


def parse_profile(mapping: Mapping[str, object], origin: str) -> Profile:
    """The profile in a parsed TOML document; `origin` names it in error messages.

    Raises `ConfigurationError` with every problem found.
    """
    problems: list[str] = []
    section = Section(mapping, "", problems)
    source = section.text("source", "")
    points = {
        name: _point(name, Section(table, f"points.{name}", problems), source)
        for name, table in section.tables("points").items()
    }
    profile = Profile(
        name=section.text("name"),
        title=section.text("title"),
        kind=section.choice("kind", _DeviceKind).value,
        maturity=section.choice("maturity", Maturity),
        evidence=section.text("evidence"),
        on_silence=section.choice("on_silence", OnSilence, OnSilence.UNKNOWN),
        on_silence_note=section.text("on_silence_note", ""),
        connection=_connection(Section(section.tables("connection"), "connection", problems)),
        points=points,
        signals=_signals(section, points),
        knobs=_knobs(section, points, problems),
        left_out=section.text("left_out", ""),
    )
    section.done()
    if not problems:
        problems = [*_layout_problems(profile), *_knob_problems(profile)]
    if problems:
        raise ConfigurationError("\n".join(f"{origin}: {problem}" for problem in problems))
    return profile


def blocks(profile: Profile, names: Iterable[str] | None = None) -> list[Block]:
    """The requests that read the named points (default: those behind the signals).

    Only points that touch are merged, never across a hole, never beyond `largest_block`.
    """
    wanted = set(profile.signals.values() if names is None else names)
    order = sorted(
        (profile.points[name] for name in wanted), key=lambda point: (point.space, point.address)
    )
    merged: list[Block] = []
    for point in order:
        end = point.address + register_count(point)
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.space is point.space
            and point.address <= last.address + last.count
            and end - last.address <= profile.connection.largest_block
        ):
            count = max(last.count, end - last.address)
            merged[-1] = Block(last.space, last.address, count, (*last.points, point))
        else:
            merged.append(Block(point.space, point.address, end - point.address, (point,)))
    return merged


def _connection(section: Section) -> Connection:
    defaults = Connection()
    connection = Connection(
        port=section.whole("port", defaults.port, low=1, high=0xFFFF),
        unit=section.whole("unit", defaults.unit, low=0, high=255),
        timeout_s=section.number("timeout_s", defaults.timeout_s),
        gap_s=section.number("gap_s", defaults.gap_s),
        largest_block=section.whole(
            "largest_block", defaults.largest_block, low=1, high=_LARGEST_READ
        ),
    )
    if connection.timeout_s <= 0:
        section.problem("timeout_s", "must be above 0")
    if connection.gap_s < 0:
        section.problem("gap_s", "must not be negative")
    section.done()
    return connection


def _point(name: str, section: Section, source: str) -> Point:
    scale = section.number("scale", 1.0)
    if not SMALLEST_SCALE <= abs(scale) <= LARGEST_SCALE:
        section.problem("scale", f"{scale} is no usable scale")
        scale = 1.0
    point = Point(
        name=name,
        space=section.choice("space", Space),
        address=section.whole("address", low=0, high=_LAST_ADDRESS),
        kind=section.choice("kind", Kind),
        word_order=section.choice("word_order", WordOrder, WordOrder.BIG),
        scale=scale,
        unit=section.text("unit", ""),
        minimum=section.optional_number("minimum"),
        maximum=section.optional_number("maximum"),
        sentinels=section.wholes("sentinels"),
        codes=_codes(section),
        mask=section.whole("mask", _EVERY_BIT, low=1, high=_EVERY_BIT),
        weights=section.wholes("weights"),
        gate=_gate(section),
        writable=section.flag("writable", default=False),
        documented=section.text("documented", ""),
        source=section.text("source", source),
    )
    if point.minimum is not None and point.maximum is not None and point.minimum > point.maximum:
        section.problem("minimum", "is above maximum")
    if point.writable and point.space is not Space.HOLDING:
        section.problem("writable", "only holding registers can be written")
    if point.address + register_count(point) - 1 > _LAST_ADDRESS:
        section.problem("address", "its last register lies beyond 65535")
    if point.codes and point.kind is Kind.FLOAT32:
        section.problem("codes", "a float32 has no codes")
    if point.mask != _EVERY_BIT and (not point.codes or point.writable):
        section.problem("mask", "is for the codes of a point that is only read")
    if point.weights and (point.kind is not Kind.UINT16 or point.gate is not None):
        section.problem("weights", "are for plain uint16 registers")
    if point.weights and (min(point.weights) < 0 or max(point.weights) == 0):
        section.problem("weights", "must not be negative, and not all 0")
    section.done()
    return point


def _gate(section: Section) -> Gate | None:
    """The mode register before the value, if there is one."""
    part = section.part("gate")
    if part is None:
        return None
    gate = Gate(
        on=part.whole("on", low=0, high=_WORD),
        off=part.whole("off", low=0, high=_WORD),
        value_when_off=part.number("value_when_off"),
        register_when_off=part.whole("register_when_off", low=0, high=_WORD),
    )
    if gate.on == gate.off:
        part.problem("on", "must differ from off")
    part.done()
    return gate


def _codes(section: Section) -> dict[int, int]:
    codes: dict[int, int] = {}
    for raw, code in section.tables("codes").items():
        try:
            number = int(raw)
        except ValueError:
            section.problem("codes", f"'{raw}' is not a whole number")
            continue
        if type(code) is int:
            codes[number] = code
        else:
            section.problem("codes", f"{raw} must map to a whole number, not {code!r}")
    return codes


def _signals(section: Section, points: Mapping[str, Point]) -> dict[Signal, str]:
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


def _knobs(
    section: Section, points: Mapping[str, Point], problems: list[str]
) -> dict[Capability, Knob]:
    known = [str(capability) for capability in Capability]
    knobs: dict[Capability, Knob] = {}
    for name, table in section.tables("knobs").items():
        if name not in known:
            section.problem(f"knobs.{name}", f"no such capability{suggestion(name, known)}")
            continue
        knob = _knob(Capability(name), Section(table, f"knobs.{name}", problems))
        if knob.point in points:
            knobs[knob.capability] = knob
        else:
            hint = suggestion(knob.point, list(points))
            section.problem(f"knobs.{name}.point", f"there is no point '{knob.point}'{hint}")
    return knobs


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
        release_value=section.optional_number("release_value"),
        safe_minimum=section.optional_number("safe_minimum"),
        safe_maximum=section.optional_number("safe_maximum"),
    )
    section.done()
    return knob


def _layout_problems(profile: Profile) -> list[str]:
    """Points that contradict each other or the connection."""
    problems: list[str] = []
    order = sorted(profile.points.values(), key=lambda point: (point.space, point.address))
    for point in order:
        count = register_count(point)
        if count > profile.connection.largest_block:
            problems.append(f"points.{point.name}: needs a largest_block of {count} registers")
    for before, after in pairwise(order):
        end = before.address + register_count(before)
        if before.space is after.space and after.address < end:
            problems.append(f"points.{after.name}.address: overlaps {before.name}")
    return problems


def _knob_problems(profile: Profile) -> list[str]:
    """Knobs whose promises do not fit together or do not fit in their register."""
    problems: list[str] = []
    for capability, knob in profile.knobs.items():
        found = [*_range_problems(knob), *_time_problems(knob)]
        point = profile.points[knob.point]
        if knob.write_class is WriteClass.PERSISTENT:
            found += _restore_problems(knob, point)
        if not point.writable:
            found.append(f"point: {knob.point} is not writable")
        if point.kind is not Kind.FLOAT32 and abs(point.scale) > knob.resolution:
            found.append(f"resolution: is finer than a step of {knob.point}")
        for key in ("minimum", "maximum", "release_value", "safe_minimum", "safe_maximum"):
            value = getattr(knob, key)
            try:
                if value is not None:
                    encode(point, value)
            except OutOfRangeError as error:
                found.append(f"{key}: {error}")
        problems += [f"knobs.{capability}.{problem}" for problem in found]
    return problems


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


def _restore_problems(knob: Knob, point: Point) -> list[str]:
    """A persistent knob must reach every value that the owner may have set before us."""
    if (point.minimum, point.maximum) == (knob.minimum, knob.maximum):
        return []
    return [f"minimum: a persistent knob has the minimum and maximum of its point {point.name}"]


def _time_problems(knob: Knob) -> list[str]:
    problems = [
        f"{key}: must not be negative"
        for key in ("minimum_interval_s", "settle_s")
        if getattr(knob, key) < 0
    ]
    if knob.lapse_s is not None and knob.lapse_s <= 0:
        problems.append("lapse_s: must be above 0")
    if knob.write_class is not WriteClass.VOLATILE:
        problems += [
            f"{key}: only a volatile knob has one"
            for key in ("lapse_s", "release_value")
            if getattr(knob, key) is not None
        ]
    return problems
