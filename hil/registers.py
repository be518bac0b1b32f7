"""The emulated devices' registers, laid out by the same profiles the drivers read.

Addresses the profile does not know are holes and are refused. A volatile command lapses after its
time in simulated seconds; a persistent one stays, and every write of it is counted as wear.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from drivers.api import Capability, Knob, OperatingState, Signal, WriteClass
from drivers.errors import OutOfRangeError, RefusedByDeviceError
from drivers.points import Kind, Point, Space, Undecodable, decode, encode, register_count
from drivers.profile import ModbusProfile

Readings = Callable[[], Mapping[Signal, float | None]]
OnWrite = Callable[[Capability, float | None], None]
"""Called with the value of a knob, or None when its request ended."""

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
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    try:
        return encode(point, min(max(value, low), high))
    except OutOfRangeError:
        return absent_registers(point)


class RegisterImage:
    """The registers of one device."""

    def __init__(self, profile: ModbusProfile, *, readings: Readings, on_write: OnWrite) -> None:
        self.profile = profile
        self.write_counts: dict[str, int] = {}
        self.clock_s = 0.0
        self._readings = readings
        self._on_write = on_write
        self._knobs = {knob.point: knob for knob in profile.knobs.values()}
        self._deadlines_s: dict[Capability, float] = {}
        self._fresh = False
        self._cells: dict[tuple[Space, int], int] = {}
        self._writable = {
            point.address: point
            for point in profile.points.values()
            if point.space is Space.HOLDING and point.writable
        }
        for point in profile.points.values():
            knob = self._knobs.get(point.name)
            if knob is not None and knob.release_value is not None:
                self._show(point, encode(point, knob.release_value))
            else:
                self._show(point, absent_registers(point))

    def hold(self, capability: Capability, value: float) -> None:
        """Show what the device holds for a knob, as if set at its own panel."""
        knob = self.profile.knobs.get(capability)
        if knob is not None:
            point = self.profile.points[knob.point]
            self._show(point, shown_registers(point, value))

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start; volatile commands end when their time is over."""
        self.clock_s = clock_s
        self._fresh = False
        if self._deadlines_s:
            for capability in [
                known for known, ends_s in self._deadlines_s.items() if ends_s <= clock_s
            ]:
                self._release(self.profile.knobs[capability])

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Registers as on the wire; refuses a request that touches a hole."""
        if not self._fresh:
            self._refresh()
        cells = self._cells
        try:
            return [cells[space, address + offset] for offset in range(count)]
        except KeyError:
            raise RefusedByDeviceError(
                f"illegal address: unit {unit} has no {space} {address}..{address + count - 1}"
            ) from None

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Take whole points only; refuses holes, read-only registers and values without meaning."""
        accepted: list[tuple[Point, tuple[int, ...], float]] = []
        offset = 0
        while offset < len(values):
            point = self._writable.get(address + offset)
            if point is None:
                raise RefusedByDeviceError(
                    f"illegal address: unit {unit} takes no write at {address + offset}"
                )
            registers = tuple(values[offset : offset + register_count(point)])
            value = decode(point, registers)
            if isinstance(value, Undecodable):
                raise IllegalValueError(f"illegal value: {value.reason}")
            accepted.append((point, registers, value))
            offset += register_count(point)
        for point, registers, value in accepted:
            self._take(point, registers, value)

    def _take(self, point: Point, registers: tuple[int, ...], value: float) -> None:
        knob = self._knobs.get(point.name)
        if knob is None or knob.write_class is not WriteClass.VOLATILE:
            self.write_counts[point.name] = self.write_counts.get(point.name, 0) + 1
        self._show(point, registers)
        if knob is None:
            return
        if knob.release_value is not None and value == knob.release_value:
            self._release(knob)
            return
        if knob.lapse_s is not None:
            self._deadlines_s[knob.capability] = self.clock_s + knob.lapse_s
        self._on_write(knob.capability, value)

    def _release(self, knob: Knob) -> None:
        self._deadlines_s.pop(knob.capability, None)
        point = self.profile.points[knob.point]
        if knob.release_value is not None:
            self._show(point, encode(point, knob.release_value))
        else:
            self._show(point, absent_registers(point))
        self._on_write(knob.capability, None)

    def _refresh(self) -> None:
        self._fresh = True
        readings = self._readings()
        points = self.profile.points
        for signal, name in self.profile.signals.items():
            point = points[name]
            if name not in self._knobs:
                self._show(point, shown_registers(point, readings.get(signal)))

    def _show(self, point: Point, registers: tuple[int, ...]) -> None:
        for offset, register in enumerate(registers):
            self._cells[point.space, point.address + offset] = register


class Bus:
    """Several devices behind one Modbus address, told apart by their unit."""

    def __init__(self, devices: Mapping[int, RegisterImage]) -> None:
        self.devices = dict(devices)

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Read from one unit; an unknown unit is refused."""
        return self._device(unit).read(unit, space, address, count)

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Write to one unit; an unknown unit is refused."""
        self._device(unit).write(unit, address, values)

    def _device(self, unit: int) -> RegisterImage:
        device = self.devices.get(unit)
        if device is None:
            raise RefusedByDeviceError(f"no device answers as unit {unit}")
        return device
