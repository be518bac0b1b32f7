"""The emulated devices' registers, laid out by the same profiles the drivers read.

Addresses the profile does not know are holes and are refused. A volatile command lapses after its
time in simulated seconds; a persistent one stays, and every write of it is counted as wear.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from drivers.api import Capability, Knob, OperatingState, Precondition, Signal
from drivers.errors import OutOfRangeError, RefusedByDeviceError
from drivers.points import (
    Kind,
    Point,
    Space,
    Undecodable,
    WordOrder,
    decode,
    encode,
    register_count,
)
from drivers.profile import ModbusProfile, Profile
from hil.knob_memory import KnobMemory, OnWrite
from hil.manners import WRITE_SEVERAL, Manners

Readings = Callable[[], Mapping[Signal, float | None]]

REGISTERS = (Space.HOLDING, Space.INPUT)
CURVE_KNOBS = (Capability.CURVE_OFFSET, Capability.ROOM_SETPOINT)
"""A pump whose owner chose the heating curve: what it comes with."""

QUIET_NAN = (0x7FC0, 0x0000)


class IllegalValueError(RefusedByDeviceError):
    """The device knows the register and does not take this value (exception 3)."""


def absent_registers(point: Point) -> tuple[int, ...]:
    """What the device shows where it has no value: the sentinel, NaN, or zeros."""
    if point.gate is not None:
        return (point.gate.off, point.gate.register_when_off)
    if point.sentinels and point.weights:
        return (point.sentinels[0] & 0xFFFF,) * register_count(point)
    if point.sentinels:
        pattern = point.sentinels[0] & (0xFFFFFFFF if register_count(point) == 2 else 0xFFFF)
        if register_count(point) == 1:
            return (pattern,)
        high, low = pattern >> 16, pattern & 0xFFFF
        return (high, low) if point.word_order == "big" else (low, high)
    if point.kind is Kind.FLOAT32:
        return QUIET_NAN if point.word_order == "big" else QUIET_NAN[::-1]
    return (0,) * register_count(point)


def shown_registers(point: Point, value: float | None) -> tuple[int, ...]:
    """Registers of a reading; a value the point cannot hold is shown at the end of its range."""
    if value is None or not math.isfinite(value):
        return absent_registers(point)
    if point.codes and value == OperatingState.DEFROST and value not in point.codes.values():
        value = float(OperatingState.HEATING)  # makes that call a defrost part of heating
    if point.gate is not None and value == point.gate.value_when_off:
        return absent_registers(point)
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    try:
        return encode(point, min(max(value, low), high))
    except OutOfRangeError:
        return absent_registers(point)


class RegisterImage:
    """The registers of one device; `turned` names 32-bit points whose words are exchanged."""

    def __init__(
        self,
        profile: ModbusProfile,
        *,
        readings: Readings,
        on_write: OnWrite,
        manners: Manners | None = None,
        turned: Collection[str] = (),
    ) -> None:
        manners = Manners() if manners is None else manners
        self.profile = profile
        self.clock_s = 0.0
        self._one_table = manners.one_table
        self._readings = readings
        self._fresh = False
        self._cells: dict[tuple[Space, int], int] = {}
        self._points = {
            name: _turned(point) if name in turned else point
            for name, point in profile.points.items()
        }
        for name, address in manners.more_registers.items():
            self._points[name] = Point(
                name=name, space=Space.HOLDING, address=address, kind=Kind.UINT16, writable=True
            )
        self._knobs = {
            capability: _switched(profile, knob) for capability, knob in profile.knobs.items()
        }
        self._knob_points = {knob.point for knob in profile.knobs.values()}
        single = WRITE_SEVERAL not in manners.write_functions
        self._single = {name for name, point in self._points.items() if single or point.weights}
        self._writable = {
            point.address + offset: point
            for point in self._points.values()
            if point.space is Space.HOLDING and point.writable
            for offset in range(register_count(point) if point.name in self._single else 1)
        }
        self._memory = KnobMemory(
            self._knobs.values(),
            show=self._show_knob,
            held=lambda knob: self._value(knob.point),
            on_write=on_write,
            meets=self._meets,
            power_up={Capability(name): value for name, value in manners.power_up.items()},
        )
        for point in self._points.values():
            self._show(point, absent_registers(point))
        for name, values in profile.identity.values.items():
            self._show_value(name, float(values[0]))
        for needed in needed_modes(profile):
            self._show_value(needed.point, float(needed.values[0]))
        for name, value in manners.settings.items():
            self._show_value(name, value)
        self._memory.start()

    @property
    def write_counts(self) -> dict[str, int]:
        """Writes to the device's lasting memory since it was built, by point."""
        return self._memory.write_counts

    def hold(self, capability: Capability, value: float) -> None:
        """Show what the device holds for a knob, as if set at its own panel."""
        if self.in_force(capability):
            self._show_value(self.profile.knobs[capability].point, value)

    def in_force(self, capability: Capability) -> bool:
        """Whether the device has such a knob and is in the mode in which it acts."""
        knob = self._knobs.get(capability)
        return knob is not None and (knob.only_when is None or self._meets(knob.only_when))

    def held(self, capability: Capability) -> float | None:
        """What the device shows for a knob; None where it shows nothing or has no such knob."""
        knob = self.profile.knobs.get(capability)
        return None if knob is None else self._value(knob.point)

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start; volatile commands end when their time is over."""
        self.clock_s = clock_s
        self._fresh = False
        self._memory.pass_time(clock_s)

    def restart(self) -> None:
        """Power was away for a moment: volatile values are gone, stored ones stay."""
        self._memory.restart()

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Registers as on the wire; refuses a request that touches a hole."""
        if not self._fresh:
            self._refresh()
        one = self._one_table and space in REGISTERS
        for table in REGISTERS if one else (space,):
            cells = [self._cells.get((table, address + offset)) for offset in range(count)]
            found = [cell for cell in cells if cell is not None]
            if len(found) == count:
                return found
        raise RefusedByDeviceError(
            f"illegal address: unit {unit} has no {space} {address}..{address + count - 1}"
        )

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Take whole points; refuses holes, read-only registers and values without meaning.

        Registers that stand for contacts are taken singly too, and all of them where the device
        knows no other way to write.
        """
        accepted: list[tuple[Point, tuple[int, ...], float]] = []
        offset = 0
        while offset < len(values):
            point = self._writable.get(address + offset)
            if point is None:
                raise RefusedByDeviceError(
                    f"illegal address: unit {unit} takes no write at {address + offset}"
                )
            registers = self._registers_after(point, address + offset, values[offset:])
            value = decode(point, registers)
            if isinstance(value, Undecodable):
                raise IllegalValueError(f"illegal value: {value.reason}")
            accepted.append((point, registers, value))
            offset += point.address + register_count(point) - (address + offset)
        for point, registers, value in accepted:
            self._show(point, registers)
            if point.name in self.profile.points:
                self._memory.take(point.name, value)

    def written(self, address: int) -> str | None:
        """The name of the point that a write to an address means."""
        point = self._writable.get(address)
        return None if point is None else point.name

    def _refresh(self) -> None:
        self._fresh = True
        readings = self._readings()
        for signal, name in self.profile.signals.items():
            if name not in self._knob_points:
                value = readings.get(signal)
                if signal is Signal.ALARM and value is not None:
                    value = _alarm_code(self._points[name], value)
                self._show_value(name, value)

    def _registers_after(
        self, point: Point, address: int, values: Sequence[int]
    ) -> tuple[int, ...]:
        """What the point would hold after a write that begins at an address."""
        count = register_count(point)
        if point.name not in self._single:
            return tuple(values[:count])
        cells = [self._cells[point.space, point.address + place] for place in range(count)]
        first = address - point.address
        written = values[: count - first]
        cells[first : first + len(written)] = written
        return tuple(cells)

    def _value(self, name: str) -> float | None:
        point = self._points[name]
        cells = [
            self._cells[point.space, point.address + offset]
            for offset in range(register_count(point))
        ]
        value = decode(point, cells)
        return None if isinstance(value, Undecodable) else value

    def _meets(self, needed: Precondition) -> bool:
        return self._value(needed.point) in needed.values

    def _show_knob(self, knob: Knob, value: float | None) -> None:
        self._show_value(knob.point, knob.release_value if value is None else value)

    def _show_value(self, name: str, value: float | None) -> None:
        point = self._points[name]
        self._show(point, shown_registers(point, value))

    def _show(self, point: Point, registers: tuple[int, ...]) -> None:
        for offset, register in enumerate(registers):
            self._cells[point.space, point.address + offset] = register


def _switched(profile: ModbusProfile, knob: Knob) -> Knob:
    """A knob with a switch elsewhere acts, in the device, only while the (newest) switch is on."""
    switch = profile.points[knob.point].switch
    if switch is None:
        return knob
    return replace(knob, only_when=Precondition(switch.points[0], (switch.on,)))


def _alarm_code(point: Point, alarm: float) -> float:
    """The alarm as the device has it: one without codes of its own only tells that there is one."""
    codes = point.codes.values()
    if not codes or alarm in codes:
        return alarm
    return next((float(code) for code in codes if code != 0), alarm)


def _turned(point: Point) -> Point:
    """The point with its two words the other way round."""
    if register_count(point) != 2 or point.gate is not None or point.weights:
        raise ValueError(f"{point.name} has no two words that could be exchanged")
    other = WordOrder.LITTLE if point.word_order is WordOrder.BIG else WordOrder.BIG
    return replace(point, word_order=other)


def needed_modes(profile: Profile) -> list[Precondition]:
    """The modes in which the knobs act; of two for one point the heating curve's comes last."""
    knobs = sorted(profile.knobs.values(), key=lambda knob: knob.capability in CURVE_KNOBS)
    return [knob.only_when for knob in knobs if knob.only_when is not None]
