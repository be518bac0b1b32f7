"""The Modbus half of a profile: connection, registers and how they are read in blocks. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from drivers.points import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    Gate,
    Kind,
    Point,
    Space,
    Switch,
    WordOrder,
    register_count,
)
from drivers.section import Section, suggestion

_LAST_ADDRESS = 0xFFFF
_WORD = 0xFFFF
_EVERY_BIT = 0xFFFFFFFF
_LARGEST_READ = 125
"""Registers in one answer (Modbus Application Protocol V1.1b3, 6.3 and 6.4)."""


class Parity(StrEnum):
    """Parity of a serial line."""

    NONE = "N"
    EVEN = "E"
    ODD = "O"


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """How the device talks on RS-485."""

    baudrate: int = 9600
    parity: Parity = Parity.NONE
    stop_bits: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusConnection:
    """How one talks to this family over Modbus."""

    port: int = 502
    unit: int = 1
    timeout_s: float = 3.0
    gap_s: float = 0.0  # pause between two requests
    largest_block: int = 1  # registers in one read of adjacent points
    write_function: int = 16  # 6: the device takes single registers only
    read_interval_s: float = 0.0  # the device asks not to be read more often
    poll_within_s: float | None = None  # the device stops when it is not asked this often
    serial: SerialLine | None = None  # None: no source says that it has a serial line


@dataclass(frozen=True, slots=True)
class Block:
    """Adjacent points of one space that are read in one request."""

    space: Space
    address: int
    count: int
    points: tuple[Point, ...]


def merged_blocks(points: Iterable[Point], largest_block: int) -> list[Block]:
    """The requests that read these points.

    Only points that touch are merged, never across a hole, never beyond `largest_block`.
    """
    merged: list[Block] = []
    for point in sorted(points, key=lambda point: (point.space, point.address)):
        end = point.address + register_count(point)
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.space is point.space
            and point.address <= last.address + last.count
            and end - last.address <= largest_block
        ):
            count = max(last.count, end - last.address)
            merged[-1] = Block(last.space, last.address, count, (*last.points, point))
        else:
            merged.append(Block(point.space, point.address, end - point.address, (point,)))
    return merged


def in_steps(point: Point, connection: ModbusConnection) -> bool:
    """Whether the device learns a new value of the point by more than one request."""
    one_by_one = connection.write_function == 6 and register_count(point) > 1
    return one_by_one or point.switch is not None


def read_connection(section: Section) -> ModbusConnection:
    """The table [connection]."""
    defaults = ModbusConnection()
    connection = ModbusConnection(
        port=section.whole("port", defaults.port, low=1, high=0xFFFF),
        unit=section.whole("unit", defaults.unit, low=0, high=255),
        timeout_s=section.number("timeout_s", defaults.timeout_s),
        gap_s=section.number("gap_s", defaults.gap_s),
        largest_block=section.whole(
            "largest_block", defaults.largest_block, low=1, high=_LARGEST_READ
        ),
        write_function=section.whole("write_function", defaults.write_function, low=6, high=16),
        read_interval_s=section.number("read_interval_s", defaults.read_interval_s),
        poll_within_s=section.optional_number("poll_within_s"),
        serial=_serial(section),
    )
    if connection.timeout_s <= 0:
        section.problem("timeout_s", "must be above 0")
    if connection.gap_s < 0:
        section.problem("gap_s", "must not be negative")
    if connection.read_interval_s < 0:
        section.problem("read_interval_s", "must not be negative")
    if connection.write_function not in (6, 16):
        section.problem("write_function", "must be 6 or 16")
    if connection.poll_within_s is not None and connection.poll_within_s <= 0:
        section.problem("poll_within_s", "must be above 0")
    section.done()
    return connection


def _serial(section: Section) -> SerialLine | None:
    part = section.part("serial")
    if part is None:
        return None
    line = SerialLine(
        baudrate=part.whole("baudrate", SerialLine().baudrate, low=300, high=921600),
        parity=part.choice("parity", Parity, Parity.NONE),
        stop_bits=part.whole("stop_bits", SerialLine().stop_bits, low=1, high=2),
    )
    part.done()
    return line


def read_point(name: str, section: Section, source: str) -> Point:
    """The table [points.<name>]."""
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
        switch=_switch(section),
        not_below=section.text("not_below", ""),
        not_above=section.text("not_above", ""),
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
    if (point.not_below or point.not_above) and not point.writable:
        section.problem("not_below", "and not_above are for a point that is written")
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


def _switch(section: Section) -> Switch | None:
    """The register elsewhere that lets the value act, if there is one."""
    part = section.part("switch")
    if part is None:
        return None
    switch = Switch(
        points=part.texts("points"),
        on=part.whole("on", low=0, high=_WORD),
        off=part.whole("off", low=0, high=_WORD),
        value_when_off=part.number("value_when_off"),
        value_beside_off=part.number("value_beside_off"),
        wait_s=part.number("wait_s", 0.0),
    )
    if not switch.points:
        part.problem("points", "names no point")
    if switch.on == switch.off:
        part.problem("on", "must differ from off")
    if switch.wait_s < 0:
        part.problem("wait_s", "must not be negative")
    part.done()
    return switch


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


def layout_problems(points: Mapping[str, Point], connection: ModbusConnection) -> list[str]:
    """Points that contradict each other or the connection."""
    problems: list[str] = []
    order = sorted(points.values(), key=lambda point: (point.space, point.address))
    for point in order:
        count = register_count(point)
        if count > connection.largest_block:
            problems.append(f"points.{point.name}: needs a largest_block of {count} registers")
        flags = point.weights and point.codes
        if point.writable and count > 1 and not flags and connection.write_function == 6:
            problems.append(f"points.{point.name}: function 6 would tear its {count} registers")
        problems += _reference_problems(point, points)
    for before, after in pairwise(order):
        end = before.address + register_count(before)
        if before.space is after.space and after.address < end:
            problems.append(f"points.{after.name}.address: overlaps {before.name}")
    return problems


def _reference_problems(point: Point, points: Mapping[str, Point]) -> list[str]:
    """Other points that it names and that do not exist, or cannot do what is asked of them."""
    named = [("not_below", point.not_below), ("not_above", point.not_above)]
    if point.switch is not None:
        named += [("switch.points", name) for name in point.switch.points]
    problems = [
        f"points.{point.name}.{key}: there is no point '{name}'{suggestion(name, list(points))}"
        for key, name in named
        if name and name not in points
    ]
    problems += [
        f"points.{point.name}.switch.points: {name} is not writable"
        for key, name in named
        if key == "switch.points" and name in points and not points[name].writable
    ]
    return problems
