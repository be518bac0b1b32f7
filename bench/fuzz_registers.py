"""Random and spoilt registers through the real Modbus drivers, judged by a second decoder.

The judge here reads raw registers with `struct` and knows nothing of drivers/points.py: a reading
must be the number that the registers hold, finite, in the profile's range, and no sentinel.
"""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from bench.fuzz_tally import Tally, out_of, tried
from drivers.api import Observation, Sample
from drivers.errors import (
    DriverError,
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.meters.modbus_meter import ModbusMeter
from drivers.points import Kind, Point, Space, WordOrder, register_count
from drivers.profile import DeviceKind, ModbusProfile, Transport, load_modbus_profile
from drivers.profile import shipped_profiles as shipped
from drivers.testing import RegisterBank
from drivers.transports.modbus_client import WRITE_SEVERAL

START = datetime(2026, 1, 15, tzinfo=UTC)
CYCLES = 4
PAUSE = timedelta(hours=2)
"""Longer than any device's rest, and than a missing point is left alone."""

EXTREMES = (0, 1, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xFFFE, 0xFFFF)
ODD_FLOATS = (0x7FC00000, 0x7F800000, 0xFF800000, 0x00000001, 0x7F7FFFFF, 0xFF7FFFFF, 0x80000000)
"""NaN, both infinities, the smallest, the largest, minus zero."""

FORMATS = {
    Kind.INT8: "b",
    Kind.UINT8: "B",
    Kind.INT16: ">h",
    Kind.UINT16: ">H",
    Kind.INT32: ">i",
    Kind.UINT32: ">I",
    Kind.FLOAT32: ">f",
}
FAILURES: tuple[type[DriverError], ...] = (
    RefusedByDeviceError,
    TransientError,
    NoAnswerError,
    LinkLostError,
)
Registers = list[int]


@dataclass(frozen=True, slots=True)
class ModbusSubject:
    """A profile as it is, and as the driver under test has it: normally the same."""

    truth: ModbusProfile
    tried: ModbusProfile


def modbus_subjects() -> list[ModbusSubject]:
    """Every shipped Modbus profile."""
    profiles = [load_modbus_profile(name) for name in shipped(Transport.MODBUS)]
    return [ModbusSubject(profile, profile) for profile in profiles]


async def fuzz_registers(count: int, seed: int, subjects: Sequence[ModbusSubject]) -> Tally:
    """Let drivers read until the links have given so many answers."""
    tally = Tally("Modbus registers")
    chance = random.Random(f"registers {seed}")
    number = 0
    while tally.payloads < count:
        subject = subjects[number % len(subjects)]
        await _read_spoilt(subject, chance, tally)
        number += 1
    return tally


async def _read_spoilt(subject: ModbusSubject, chance: random.Random, tally: Tally) -> None:
    """Some cycles of one driver, each judged."""
    link = SpoiltRegisters(subject.truth, chance, tally)
    now = START
    unit = subject.tried.connection.unit
    make = ModbusHeatPump if subject.tried.kind is DeviceKind.HEAT_PUMP else ModbusMeter
    device = make(subject.tried.name, subject.tried, link, unit=unit, now=lambda: now)
    points = {signal: subject.truth.points[name] for signal, name in subject.truth.signals.items()}
    for _ in range(CYCLES):
        link.given.clear()
        seen: Observation | None = await tried(tally, device.name, device.read(), link.given)
        for signal, outcome in (seen or {}).items():
            _judge(outcome, points[signal], link.given, device=device.name, tally=tally)
        if isinstance(device, ModbusHeatPump):
            for capability, knob in device.knobs.items():
                link.given.clear()
                held = await tried(tally, device.name, device.read_back(capability), link.given)
                point = subject.truth.points[knob.point]
                _judge(held, point, link.given, device=device.name, tally=tally)
        now += PAUSE


def _judge(
    outcome: object, point: Point, given: "Given", *, device: str, tally: Tally
) -> None:  # fmt: skip
    if not isinstance(outcome, Sample):
        tally.refusals += 1
        return
    tally.readings += 1
    switch = point.switch
    if switch is not None and outcome.value == switch.value_when_off:
        return  # made of the switch, not of these registers
    where = range(point.address, point.address + register_count(point))
    registers = [given.get((point.space, address)) for address in where]
    fault = wrong(point, registers, outcome.value)
    if fault is not None:
        tally.violated(device, fault, (point.name, outcome.value, registers))


# ---- the judge ---


def wrong(point: Point, registers: Sequence[int | None], value: float) -> str | None:
    """Why a value cannot be what the registers mean; None where it can."""
    cells = [register for register in registers if register is not None]
    if len(cells) != len(registers):
        return "a reading without an answer of the right length"
    if point.gate is None:
        return _wrong_value(point, cells, value)
    mode, *rest = cells
    if mode == point.gate.off:
        return None if value == point.gate.value_when_off else "not what off means"
    return _wrong_value(point, rest, value) if mode == point.gate.on else "an unknown mode"


def _wrong_value(point: Point, cells: Sequence[int], value: float) -> str | None:
    if _is_sentinel(point, cells):
        return "a reading made of a sentinel"
    if out_of(point.minimum, point.maximum, value):
        return "a reading outside its range"
    expected = _meaning(point, cells)
    if expected is None:
        return "a reading of registers that mean nothing"
    return None if abs(value - expected) <= 1e-9 * max(1.0, abs(expected)) else "another number"


def _is_sentinel(point: Point, cells: Sequence[int]) -> bool:
    if point.weights:
        counted = [cell for weight, cell in zip(point.weights, cells, strict=True) if weight]
        return any(sentinel % 0x10000 == cell for sentinel in point.sentinels for cell in counted)
    data = _bytes(point, cells)
    number = int.from_bytes(data, "big")
    return any(sentinel % 256 ** len(data) == number for sentinel in point.sentinels)


def _meaning(point: Point, cells: Sequence[int]) -> float | None:
    """The number in the registers, by the letter of the profile."""
    if point.weights:
        raw: float = sum(w * cell for w, cell in zip(point.weights, cells, strict=True))
    else:
        data = _bytes(point, cells)
        if len(data) == 1 and not _is_a_byte(point, cells[0]):
            return None
        masked = int.from_bytes(data, "big") & point.mask
        (raw,) = struct.unpack(FORMATS[point.kind], masked.to_bytes(len(data), "big"))
    if point.codes:
        code = point.codes.get(int(raw))
        return None if code is None else float(code)
    return float(Fraction(raw) * Fraction(str(point.scale))) if raw - raw == 0.0 else None


def _is_a_byte(point: Point, cell: int) -> bool:
    return cell < 0x100 or (point.kind is Kind.INT8 and cell >= 0xFF80)


def _bytes(point: Point, cells: Sequence[int]) -> bytes:
    words = list(cells) if point.word_order is WordOrder.BIG else list(cells)[::-1]
    data = b"".join(word.to_bytes(2, "big") for word in words)
    return data[-1:] if point.kind in (Kind.INT8, Kind.UINT8) else data


# ---- the device ---

Given = dict[tuple[Space, int], int | None]
"""The newest register at each address; None where the answer was not of the length asked for."""


class SpoiltRegisters:
    """A `ModbusLink` to a device whose answers are spoilt."""

    def __init__(self, profile: ModbusProfile, chance: random.Random, tally: Tally) -> None:
        self.given: Given = {}
        self._bank = RegisterBank(profile)
        self._points = list(profile.points.values())
        self._chance = chance
        self._tally = tally
        self._ways: dict[str, Callable[[Registers, Point, int], Registers]] = {
            "healthy": lambda registers, _point, _first: registers,
            "random": self._random,
            "extreme": self._extreme,
            "bits flipped": self._flipped,
            "sentinel": lambda registers, point, first: self._sentinel(registers, point, first, 0),
            "beside a sentinel": lambda registers, point, first: self._sentinel(
                registers, point, first, self._chance.choice((-1, 1))
            ),
            "odd float": self._odd_float,
            "words turned": self._turned,
            "wrong length": self._wrong_length,
            "no answer": self._failure,
        }

    async def read(self, unit: int, space: Space, address: int, count: int) -> Registers:
        """An answer, often a bad one. Raises a `DriverError`."""
        self._tally.payloads += 1
        way = self._chance.choice(tuple(self._ways))
        self._tally.spoilt[way] += 1
        asked = range(address, address + count)
        for place in asked:
            self.given[space, place] = None
        point = self._chance.choice(
            [p for p in self._points if p.space is space and p.address in asked]
        )
        healthy = self._bank.read(unit, space, address, count)
        registers = self._ways[way](healthy, point, point.address - address)
        if len(registers) == count:
            self.given.update(zip(((space, place) for place in asked), registers, strict=True))
        return registers

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        """Reading never writes."""
        self._tally.violated(f"unit {unit}", "a write", (address, list(values), function))

    async def close(self) -> None:
        """There is nothing to close."""

    def _random(self, registers: Registers, _point: Point, _first: int) -> Registers:
        return [self._chance.randrange(0x10000) for _ in registers]

    def _extreme(self, registers: Registers, _point: Point, _first: int) -> Registers:
        return [self._chance.choice((*EXTREMES, register)) for register in registers]

    def _flipped(self, registers: Registers, _point: Point, _first: int) -> Registers:
        place = self._chance.randrange(len(registers))
        return _put(registers, place, [registers[place] ^ 1 << self._chance.randrange(16)])

    def _sentinel(
        self, registers: Registers, point: Point, first: int, beside: int
    ) -> Registers:  # fmt: skip
        raw = self._chance.choice(point.sentinels or (-1, -32768, 32767)) + beside
        if point.weights or register_count(point) == 1:
            return _put(registers, first, [raw & 0xFFFF] * register_count(point))
        if point.gate is not None:
            return _put(registers, first, [point.gate.on, raw & 0xFFFF])
        words = [raw >> 16 & 0xFFFF, raw & 0xFFFF]
        return _put(registers, first, words if point.word_order is WordOrder.BIG else words[::-1])

    def _odd_float(self, registers: Registers, point: Point, first: int) -> Registers:
        raw = self._chance.choice(ODD_FLOATS)
        words = [raw >> 16, raw & 0xFFFF]
        turned = words if point.word_order is WordOrder.BIG else words[::-1]
        return _put(registers, first, turned[: register_count(point)])

    def _turned(self, registers: Registers, point: Point, first: int) -> Registers:
        last = first + register_count(point)
        return _put(registers, first, registers[first:last][::-1])

    def _wrong_length(self, registers: Registers, _point: Point, _first: int) -> Registers:
        longer = [*registers, *registers]
        return self._chance.choice(([], registers[:-1], registers[1:], [0, *registers], longer))

    def _failure(self, _registers: Registers, _point: Point, _first: int) -> Registers:
        raise self._chance.choice(FAILURES)("spoilt")


def _put(registers: Registers, first: int, values: Sequence[int]) -> Registers:
    """With other values from a place on; what lies outside is left."""
    changed = list(registers)
    for place, value in enumerate(values, first):
        if 0 <= place < len(changed):
            changed[place] = value
    return changed
