"""The conformance kit: what every heat-pump driver and profile must do, and a device to try it on.

A test runs every function in `CHECKS` on a fresh `Rig`; each raises `ConformanceError` with the
fact that was found. A rig stands on an in-memory transport, so the kit needs no network, and the
same checks serve every profile of every transport.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from drivers.api import Absent, Capability, HeatPump, Knob, Now, Sample, Signal, WriteClass
from drivers.errors import DriverError, LinkLostError, RefusedByDeviceError
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.points import Point, Space, encode, register_count
from drivers.profile import AnyProfile, ModbusProfile, MqttProfile
from drivers.testing_topics import TopicBank
from drivers.transports.in_memory import MemoryModbusLink
from drivers.transports.modbus import ModbusLink

AN_INSTANT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
MakePump = Callable[[ModbusProfile, ModbusLink, Now], HeatPump]


class ConformanceError(Exception):
    """A driver breaks a rule that all drivers keep."""


class Bank(Protocol):
    """A device filled with plausible values, to be tried on; whatever it speaks."""

    @property
    def reads(self) -> int:
        """How much the driver has read or heard."""
        ...

    @property
    def writes(self) -> Sequence[object]:
        """What the driver has written."""
        ...

    def spoilt(self, name: str) -> Iterator[str]:
        """Let a point hold each of its "no value"s in turn; good again at the end."""
        ...

    def remove(self, name: str) -> None:
        """Let a point not exist on this model."""
        ...

    def set_mode(self, knob: Knob) -> None:
        """Put the device in the mode in which a knob acts."""
        ...

    def cut(self) -> str:
        """Fail at everything; answers with what a reason must then say."""
        ...

    def mend(self) -> None:
        """Work again."""
        ...

    def reports(self, point: str) -> bool:
        """Whether the device tells what it holds there."""
        ...


AnyBank = TypeVar("AnyBank", bound=Bank, covariant=True)


class RegisterBank:
    """The registers of one unit, filled with plausible values; a hole refuses like a device."""

    def __init__(self, profile: ModbusProfile) -> None:
        self.reads = 0
        self.writes: list[tuple[int, tuple[int, ...]]] = []
        self.failure: DriverError | None = None  # raised by every request while set
        self._profile = profile
        self._registers: dict[tuple[Space, int], int] = {}
        for point in profile.points.values():
            self.put(point.name, encode(point, plausible(point)))
        for point in profile.points.values():
            self._make_room(point)

    def put(self, name: str, registers: Sequence[int]) -> None:
        """Let a point hold these raw registers."""
        point = self._profile.points[name]
        for offset, register in enumerate(registers):
            self._registers[point.space, point.address + offset] = register

    def _make_room(self, point: Point) -> None:
        """Put the neighbours with which a set-point keeps an order at their ends."""
        below = self._profile.points.get(point.not_below)
        above = self._profile.points.get(point.not_above)
        if below is not None and below.minimum is not None:
            self.put(below.name, encode(below, below.minimum))
        if above is not None and above.maximum is not None:
            self.put(above.name, encode(above, above.maximum))

    def spoilt(self, name: str) -> Iterator[str]:
        """Let a point hold each of its sentinels in turn; good again at the end."""
        point = self._profile.points[name]
        for sentinel in point.sentinels:
            self.put(name, _raw_registers(point, sentinel))
            yield str(sentinel)
        self.put(name, encode(point, plausible(point)))

    def set_mode(self, knob: Knob) -> None:
        """Put the device in the mode in which a knob acts."""
        if knob.only_when is not None:
            mode = self._profile.points[knob.only_when.point]
            self.put(mode.name, encode(mode, knob.only_when.values[0]))

    def cut(self) -> str:
        """Fail at everything; answers with what a reason must then say."""
        self.failure = LinkLostError("unplugged")
        return "unplugged"

    def mend(self) -> None:
        """Work again."""
        self.failure = None

    def reports(self, point: str) -> bool:
        """Every register can be read."""
        return point in self._profile.points

    def remove(self, name: str) -> None:
        """Let a point not exist on this model."""
        point = self._profile.points[name]
        for offset in range(register_count(point)):
            del self._registers[point.space, point.address + offset]

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """The registers, or the refusal of an illegal address."""
        self.reads += 1
        self._answer(unit, space, range(address, address + count))
        return [self._registers[space, address + offset] for offset in range(count)]

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Take holding registers, or refuse an illegal address."""
        self._answer(unit, Space.HOLDING, range(address, address + len(values)))
        self.writes.append((address, tuple(values)))
        for offset, value in enumerate(values):
            self._registers[Space.HOLDING, address + offset] = value

    def _answer(self, unit: int, space: Space, addresses: Iterable[int]) -> None:
        if self.failure is not None:
            raise self.failure
        for address in addresses:
            if (space, address) not in self._registers:
                raise RefusedByDeviceError(f"unit {unit}: no {space} register {address}")


def plausible(point: Point) -> float:
    """A value that the point can hold: the middle of its range, or its first code."""
    if point.codes:
        return float(next(iter(point.codes.values())))
    low = 0.0 if point.minimum is None else point.minimum
    high = low + 100.0 * abs(point.scale) if point.maximum is None else point.maximum
    steps = round((low + high) / 2.0 / point.scale)
    return steps * point.scale


@dataclass(frozen=True, slots=True)
class Rig(Generic[AnyBank]):
    """A pump on a device to try it on."""

    profile: AnyProfile
    bank: AnyBank
    pump: HeatPump
    make_again: "Callable[[str], Rig[AnyBank]]"

    def without(self, point: str) -> "Rig[AnyBank]":
        """The same on a fresh device that lacks a point."""
        return self.make_again(point)


def _standing() -> datetime:
    return AN_INSTANT


async def _no_pause(_wait_s: float) -> None:
    """The bank is never busy."""


def make_rig(
    profile: ModbusProfile, make_pump: MakePump | None = None, *, without: str = ""
) -> Rig[RegisterBank]:
    """A fresh pump on fresh registers, at a standing clock; `without` names a point it lacks."""
    bank = RegisterBank(profile)
    link = MemoryModbusLink(bank)
    if without:
        bank.remove(without)
    if make_pump is None:
        pump: HeatPump = ModbusHeatPump(
            profile.name, profile, link, unit=1, now=_standing, pause=_no_pause
        )
    else:
        pump = make_pump(profile, link, _standing)
    return Rig(profile, bank, pump, lambda point: make_rig(profile, make_pump, without=point))


def make_mqtt_rig(profile: MqttProfile, *, without: str = "") -> Rig[TopicBank]:
    """A fresh pump on fresh topics, at a standing clock; `without` names a point it lacks."""
    bank = TopicBank(profile)
    if without:
        bank.remove(without)
    pump = MqttHeatPump(profile.name, profile, bank, now=_standing)
    bank.publish_all()
    return Rig(profile, bank, pump, lambda point: make_mqtt_rig(profile, without=point))


def make_any_rig(profile: AnyProfile) -> Rig[Bank]:
    """The rig of a profile, whatever it speaks."""
    if isinstance(profile, ModbusProfile):
        return make_rig(profile)
    return make_mqtt_rig(profile)


def users_of(profile: AnyProfile, name: str) -> set[Signal]:
    """The signals that have no value when a point has none."""
    if isinstance(profile, ModbusProfile):
        return {signal for signal, user in profile.signals.items() if user == name}
    place = profile.points[name]
    if not place.topic:
        return set()  # derived: its parts can be missing; never reported: nothing can
    twins = {
        other.name
        for other in profile.points.values()
        if (other.topic, other.pointer, other.field) == (place.topic, place.pointer, place.field)
    }
    return {
        signal
        for signal, user in profile.signals.items()
        if twins & {user, *profile.points[user].of}
    }


async def check_heat_pump(profile: ModbusProfile, make_pump: MakePump | None = None) -> None:
    """Every check, each on a fresh rig. Raises `ConformanceError`."""
    for check in CHECKS:
        await check(make_rig(profile, make_pump))


async def check_every_promised_signal_has_a_value(rig: Rig[Bank]) -> None:
    """With healthy registers every signal of the profile is a sample, and nothing else is."""
    observed = await rig.pump.read()
    _require(set(observed) == set(rig.profile.signals), "signals differ from the profile's")
    for signal, outcome in observed.items():
        _require(isinstance(outcome, Sample), f"{signal} has no value: {outcome}")


async def check_sentinel_is_no_value(rig: Rig[Bank]) -> None:
    """A sentinel makes its signals absent and leaves all others alone."""
    for name in rig.profile.points:
        users = users_of(rig.profile, name)
        for sentinel in rig.bank.spoilt(name) if users else ():
            absent = await _absent(rig.pump)
            _require(absent == users, f"{sentinel} in {name}: absent are {sorted(absent)}")


async def check_absent_point_is_no_failure(rig: Rig[Bank]) -> None:
    """A point that the model lacks makes its own signals absent, in every later cycle too."""
    for name in rig.profile.points:
        users = users_of(rig.profile, name)
        if not users:
            continue
        fresh = rig.without(name)
        for _ in range(2):
            absent = await _absent(fresh.pump)
            _require(absent == users, f"{name} missing: absent are {sorted(absent)}")


async def check_lost_link_makes_everything_absent(rig: Rig[Bank]) -> None:
    """A dead device raises nothing; every signal states the reason and returns with the link."""
    reason = rig.bank.cut()
    for signal, outcome in (await rig.pump.read()).items():
        _require(isinstance(outcome, Absent), f"{signal} has a value without a link")
        _require(reason in str(outcome), f"{signal} does not say why: {outcome}")
    rig.bank.mend()
    await check_every_promised_signal_has_a_value(rig)


async def check_written_values_are_read_back(rig: Rig[Bank]) -> None:
    """Both ends of a knob, its safe range and its release value come back as written."""
    for capability, knob in rig.pump.knobs.items():
        if knob.write_class is WriteClass.FORBIDDEN:
            continue
        rig.bank.set_mode(knob)
        ends = (knob.minimum, knob.maximum, knob.safe_minimum, knob.safe_maximum)
        for value in (*ends, knob.release_value):
            if value is None:
                continue
            before = len(rig.bank.writes)
            await rig.pump.write(capability, value)
            _require(len(rig.bank.writes) > before, f"{capability} {value}: nothing was sent")
            held = await rig.pump.read_back(capability)
            if isinstance(held, Absent):
                silent = not rig.bank.reports(knob.point)
                _require(silent, f"{capability} {value}: {held}")
                continue
            _require(
                abs(held.value - value) <= knob.resolution / 2.0,
                f"{capability}: wrote {value}, read {held.value}",
            )


async def check_another_mode_is_refused(rig: Rig[Bank]) -> None:
    """A knob that acts in one mode only is not written while the mode is unknown."""
    for capability, knob in rig.pump.knobs.items():
        if knob.only_when is None:
            continue
        fresh = rig.without(knob.only_when.point)
        value = knob.maximum if knob.release_value == knob.minimum else knob.minimum
        try:
            await fresh.pump.write(capability, value)
        except DriverError:
            _require(not fresh.bank.writes, f"{capability} was written in an unknown mode")
            continue
        raise ConformanceError(f"{capability} accepted {value} in an unknown mode")


async def check_out_of_range_is_refused(rig: Rig[Bank]) -> None:
    """Values beyond a knob, NaN, infinities, forbidden knobs and foreign knobs are not sent."""
    for capability in Capability:
        knob = rig.pump.knobs.get(capability)
        values = [float("nan"), float("inf"), float("-inf")]
        if knob is not None:
            values += [knob.minimum - knob.resolution, knob.maximum + knob.resolution]
            if knob.write_class is WriteClass.FORBIDDEN:
                values.append(knob.minimum)
        for value in values:
            if knob is not None and value == knob.release_value:
                continue
            try:
                await rig.pump.write(capability, value)
            except DriverError:
                continue
            raise ConformanceError(f"{capability} accepted {value}")
    _require(not rig.bank.writes, "a refused value reached the device")


async def check_reading_writes_nothing(rig: Rig[Bank]) -> None:
    """Reading, reading back and closing never write."""
    await rig.pump.read()
    for capability in rig.pump.knobs:
        await rig.pump.read_back(capability)
    await rig.pump.close()
    _require(rig.bank.reads > 0, "nothing was read")
    _require(not rig.bank.writes, f"reading wrote {rig.bank.writes}")


Check = Callable[[Rig[Bank]], Awaitable[None]]
CHECKS: tuple[Check, ...] = (
    check_every_promised_signal_has_a_value,
    check_sentinel_is_no_value,
    check_absent_point_is_no_failure,
    check_lost_link_makes_everything_absent,
    check_written_values_are_read_back,
    check_another_mode_is_refused,
    check_out_of_range_is_refused,
    check_reading_writes_nothing,
)


async def _absent(pump: HeatPump) -> set[Signal]:
    observed = await pump.read()
    return {signal for signal, outcome in observed.items() if isinstance(outcome, Absent)}


def _raw_registers(point: Point, raw: int) -> tuple[int, ...]:
    """A raw value as registers, laid out with the standard library's words, not our encoder's."""
    if point.weights or register_count(point) == 1:
        return (raw & 0xFFFF,) * register_count(point)
    if point.gate is not None:
        return (point.gate.on, raw & 0xFFFF)
    words = ((raw >> 16) & 0xFFFF, raw & 0xFFFF)
    return words if point.word_order == "big" else words[::-1]


def _require(fact: bool, otherwise: str) -> None:
    if not fact:
        raise ConformanceError(otherwise)
