"""A point is one value in a device's registers: where it lies and how it is coded. Pure.

`decode` answers registers with a number or with the reason why there is none; `encode` is its
inverse and refuses every value that would not come back as itself.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from drivers.errors import ConfigurationError, OutOfRangeError

SMALLEST_SCALE, LARGEST_SCALE = 1e-9, 1e9
"""No register is coarser or finer; it keeps every scaled value finite."""


class Space(StrEnum):
    """Modbus table of a point."""

    INPUT = "input"  # FC04
    HOLDING = "holding"  # FC03, written with FC16 or FC06
    DISCRETE = "discrete"  # FC02: single bits, each as a register of 0 or 1
    COIL = "coil"  # FC01: as above, and only read


class Kind(StrEnum):
    """How the registers of a point are to be read."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"


class WordOrder(StrEnum):
    """Which word of a 32-bit value comes first. Bytes inside a word are always big-endian."""

    BIG = "big"
    LITTLE = "little"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A mode register just before the value, which acts only while the mode is `on`.

    Both are read and written in one request, so that neither is ever in force without the other.
    """

    on: int
    off: int
    value_when_off: float  # engineering: how "off" reads, and what to write to switch off
    register_when_off: int  # raw: what is left beside `off`, so that the device takes the write


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A register elsewhere in the device; the value acts only while it is `on`.

    Which register that is may depend on the firmware: it is the first of `points` that exists.
    """

    points: tuple[str, ...]
    on: int
    off: int
    value_when_off: float  # how "off" reads, and what to write to switch off
    value_beside_off: float  # what is left in the value's own register then
    wait_s: float = 0.0  # after switching on, before the device takes the value


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Address (0-based, as on the wire), coding, unit and origin of one value."""

    name: str
    space: Space
    address: int
    kind: Kind
    word_order: WordOrder = WordOrder.BIG
    scale: float = 1.0  # engineering value = raw * scale
    unit: str = ""
    minimum: float | None = None  # engineering; outside means no value
    maximum: float | None = None
    sentinels: tuple[int, ...] = ()  # raw values meaning "no value", compared before scaling
    codes: Mapping[int, int] = field(default_factory=dict)  # raw enum -> our code
    mask: int = 0xFFFFFFFF  # the bits that make up the code; applied after the sentinels
    weights: tuple[int, ...] = ()  # of adjacent registers, whose weighted sum is the raw value
    gate: Gate | None = None
    switch: Switch | None = None
    not_below: str = ""  # a point whose present value is the least that may be written here
    not_above: str = ""  # the same for the most
    writable: bool = False
    documented: str = ""  # the address as the source prints it
    source: str = ""

    def __post_init__(self) -> None:
        if not SMALLEST_SCALE <= abs(self.scale) <= LARGEST_SCALE:
            raise ConfigurationError(f"{self.name}: {self.scale} is no usable scale")


@dataclass(frozen=True, slots=True)
class Undecodable:
    """The registers hold no value, and why."""

    reason: str


_BITS = {
    Kind.INT8: 8,
    Kind.UINT8: 8,
    Kind.INT16: 16,
    Kind.UINT16: 16,
    Kind.INT32: 32,
    Kind.UINT32: 32,
    Kind.FLOAT32: 32,
}
_SIGNED = frozenset({Kind.INT8, Kind.INT16, Kind.INT32})
_WORD = 0xFFFF


def register_count(point: Point) -> int:
    """How many registers the point occupies."""
    if point.weights:
        return len(point.weights)
    return (2 if _BITS[point.kind] == 32 else 1) + (point.gate is not None)


def decode(point: Point, registers: Sequence[int]) -> float | Undecodable:
    """The engineering value in the registers, or why there is none; never raises.

    Order of judgement: number of registers, mode, width, sentinel, code, finite number, range.
    A sentinel matches by bit pattern, so -32768 and 0x8000 mean the same.
    """
    if len(registers) != register_count(point):
        return Undecodable(
            f"{len(registers)} registers instead of {register_count(point)} for {point.name}"
        )
    gate = point.gate
    if gate is None:
        return _value(point, registers)
    if registers[0] == gate.off:
        return gate.value_when_off
    if registers[0] != gate.on:
        return Undecodable(f"{point.name} is not in force: its mode is {registers[0]}")
    return _value(point, registers[1:])


def encode(point: Point, value: float) -> tuple[int, ...]:
    """The registers that stand for `value`, rounded to the point's step.

    Raises `OutOfRangeError` for NaN, for a value outside the range or the width, for an unknown
    code, and for a value whose registers would read as "no value".
    """
    gate = point.gate
    if gate is not None and value == gate.value_when_off:
        return (gate.off, gate.register_when_off)
    if not _in_range(point, value):
        raise OutOfRangeError(
            f"{point.name}: {value:g} {point.unit} is outside {point.minimum} .. {point.maximum}"
        )
    if point.weights:
        shares = _shares(point, _raw(point, value))
        if shares is None:
            raise OutOfRangeError(f"{point.name}: {value:g} does not fit in its registers")
        registers = shares
    else:
        registers = _registers(point, _raw_pattern(point, value))
    if gate is not None:
        registers = (gate.on, *registers)
    back = decode(point, registers)
    if isinstance(back, Undecodable):
        raise OutOfRangeError(f"{point.name}: {value:g} cannot be written: {back.reason}")
    return registers


def _in_range(point: Point, value: float) -> bool:
    """Whether the value is finite and between the point's bounds."""
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    return math.isfinite(value) and low <= value <= high


def _value(point: Point, registers: Sequence[int]) -> float | Undecodable:
    """The value in the registers that follow the mode, if there is one."""
    if point.weights:
        return _weighted(point, registers)
    bits = _BITS[point.kind]
    pattern = _pattern(registers, point.word_order)
    if bits == 8 and not _fits_a_byte(pattern, signed=point.kind in _SIGNED):
        return Undecodable(f"{point.name} does not fit in 8 bits (register {pattern})")
    mask = (1 << bits) - 1
    pattern &= mask
    for sentinel in point.sentinels:
        if sentinel & mask == pattern:
            return Undecodable(f"the device reports no value for {point.name} (raw {sentinel})")
    return _plausible(point, _engineering(point, pattern & point.mask))


def _plausible(point: Point, value: float | Undecodable) -> float | Undecodable:
    """The value if it lies in the point's range."""
    if isinstance(value, Undecodable) or _in_range(point, value):
        return value
    return Undecodable(f"{point.name} = {value:g} {point.unit} is outside its plausible range")


def _weighted(point: Point, registers: Sequence[int]) -> float | Undecodable:
    """The weighted sum; one register without a value leaves none, where its weight is not 0."""
    sentinels = {sentinel & _WORD for sentinel in point.sentinels}
    raw = 0
    for weight, register in zip(point.weights, registers, strict=True):
        if weight and register in sentinels:
            return Undecodable(f"the device reports no value for {point.name} (raw {register})")
        raw += weight * register
    if point.codes and tuple(registers) != _shares(point, raw):
        return Undecodable(f"{point.name}: {list(registers)} are no flags")
    return _plausible(point, _coded(point, raw))


def _shares(point: Point, raw: int) -> tuple[int, ...] | None:
    """Registers whose weighted sum is `raw`, the heaviest taking as much as they can, if any."""
    rest = raw
    shares = [0] * len(point.weights)
    for place in sorted(range(len(shares)), key=lambda place: -point.weights[place]):
        weight = point.weights[place]
        shares[place] = min(max(rest, 0) // weight, _WORD) if weight else 0
        rest -= shares[place] * weight
    return None if rest else tuple(shares)


def _pattern(registers: Sequence[int], order: WordOrder) -> int:
    """The registers as one unsigned number."""
    if len(registers) == 1:
        return registers[0]
    first, second = registers
    return first << 16 | second if order is WordOrder.BIG else second << 16 | first


def _fits_a_byte(word: int, *, signed: bool) -> bool:
    """Whether a register holds an 8-bit value: plain, or sign-extended to 16 bits."""
    return word <= 0xFF or (signed and word >= 0xFF80)


def _engineering(point: Point, pattern: int) -> float | Undecodable:
    """The bit pattern as a number in the point's unit."""
    if point.kind is Kind.FLOAT32:
        unpacked: float = struct.unpack(">f", pattern.to_bytes(4, "big"))[0]
        return unpacked * point.scale
    bits = _BITS[point.kind]
    raw = pattern - (1 << bits) if point.kind in _SIGNED and pattern >> (bits - 1) else pattern
    return _coded(point, raw)


def _coded(point: Point, raw: int) -> float | Undecodable:
    """Our code for the raw number, or the raw number scaled."""
    if point.codes:
        code = point.codes.get(raw)
        return Undecodable(f"{point.name}: unknown code {raw}") if code is None else float(code)
    return _scaled(raw, point.scale)


def _scaled(raw: int, scale: float) -> float:
    """raw * scale, dividing where 1/scale is whole: 213 tenths are 21.3, not 21.300000000000001."""
    divisor = round(1.0 / scale)
    return raw / divisor if divisor and 1.0 / divisor == scale else raw * scale


def _nearest(point: Point, value: float) -> int:
    """value / scale as a whole number; raises `OutOfRangeError` beyond the largest float."""
    try:
        return round(value / point.scale)
    except OverflowError as error:
        raise OutOfRangeError(f"{point.name}: {value:g} does not fit in {point.kind}") from error


def _raw(point: Point, value: float) -> int:
    """The raw number that stands for the value; raises `OutOfRangeError` for an unknown code."""
    if not point.codes:
        return _nearest(point, value)
    within = {raw: code for raw, code in point.codes.items() if not raw & ~point.mask & 0xFFFFFFFF}
    raw = next((raw for raw, code in within.items() if code == value), None)
    if raw is None:
        raise OutOfRangeError(f"{point.name}: {value:g} is not one of its codes")
    return raw


def _raw_pattern(point: Point, value: float) -> int:
    """The nearest bit pattern to `value`; raises `OutOfRangeError` when the width is too small."""
    if point.kind is Kind.FLOAT32:
        try:
            return int.from_bytes(struct.pack(">f", value / point.scale), "big")
        except OverflowError as error:
            raise OutOfRangeError(f"{point.name}: {value:g} is too large for float32") from error
    raw = _raw(point, value)
    bits = _BITS[point.kind]
    low = -(1 << (bits - 1)) if point.kind in _SIGNED else 0
    if not low <= raw < low + (1 << bits):
        raise OutOfRangeError(f"{point.name}: {value:g} does not fit in {point.kind}")
    return raw & ((1 << max(bits, 16)) - 1)  # 8-bit values are sign-extended to their register


def _registers(point: Point, pattern: int) -> tuple[int, ...]:
    """The bit pattern cut into registers."""
    if _BITS[point.kind] < 32:
        return (pattern,)
    high, low = pattern >> 16, pattern & _WORD
    return (high, low) if point.word_order is WordOrder.BIG else (low, high)
