"""A heat pump behind Modbus, steered from its profile alone."""

from collections.abc import Iterator, Mapping

from drivers.api import (
    Absent,
    Capability,
    Knob,
    Maturity,
    Now,
    Observation,
    OnSilence,
    Sample,
)
from drivers.errors import ConfigurationError, OutOfRangeError, TransientError
from drivers.heat_pumps.switched_knob import Pause, SwitchedKnob, real_pause
from drivers.permission import check_mode, check_value, knob_of
from drivers.points import Point, encode
from drivers.profile import DeviceKind, ModbusProfile
from drivers.registers_reader import RegistersReader
from drivers.transports.modbus import ModbusLink
from drivers.transports.modbus_client import WRITE_SINGLE


class ModbusHeatPump:
    """A `HeatPump` whose signals and knobs are the profile's. Only `write` ever writes."""

    def __init__(
        self,
        name: str,
        profile: ModbusProfile,
        link: ModbusLink,
        *,
        unit: int,
        now: Now,
        pause: Pause = real_pause,
    ) -> None:
        if profile.kind != DeviceKind.HEAT_PUMP:
            raise ConfigurationError(f"{name}: profile {profile.name} is not of a heat pump")
        self._name = name
        self._profile = profile
        self._link = link
        self._unit = unit
        self._reader = RegistersReader(profile, link, unit, now)
        self._switched = {
            point.name: SwitchedKnob(
                point,
                point.switch,
                [profile.points[other] for other in point.switch.points],
                pause=pause,
            )
            for point in profile.points.values()
            if point.switch is not None
        }

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._name

    @property
    def knobs(self) -> Mapping[Capability, Knob]:
        """What it can be asked to do."""
        return self._profile.knobs

    @property
    def on_silence(self) -> OnSilence:
        """What it does when nobody writes any more."""
        return self._profile.on_silence

    @property
    def maturity(self) -> Maturity:
        """How far its profile has been proven."""
        return self._profile.maturity

    async def read(self) -> Observation:
        """Every signal of the profile; an absent device makes every signal `Absent`."""
        return await self._reader.read()

    async def write(self, capability: Capability, value: float) -> None:
        """Write once, rounded to the register's step (not to the knob's resolution).

        Allowed are the knob's range and its release value. Raises a `DriverError`.
        """
        knob = knob_of(self._profile, capability, self._name)
        check_value(knob, value, self._name)
        switched = self._switched.get(knob.point)
        if switched is not None:
            await switched.write(value, self._reader, self._put)
            return
        await check_mode(knob, value, self._name, self._read_point)
        point = self._profile.points[knob.point]
        await self._check_order(point, value)
        await self._put(point, value)

    async def read_back(self, capability: Capability) -> Sample | Absent:
        """What the device holds for this knob now."""
        name = knob_of(self._profile, capability, self._name).point
        switched = self._switched.get(name)
        return await (self._read_point(name) if switched is None else switched.read(self._reader))

    async def close(self) -> None:
        """Give the link back."""
        await self._link.close()

    async def _check_order(self, point: Point, value: float) -> None:
        """Raises `OutOfRangeError` for a value that would pass a neighbour it must not pass."""
        for name, sign in ((point.not_below, 1.0), (point.not_above, -1.0)):
            if not name:
                continue
            other = await self._read_point(name)
            if isinstance(other, Absent):
                raise TransientError(
                    f"{self._name}: {point.name} keeps an order with {name}, which cannot be "
                    f"read: {other.reason}"
                )
            if sign * (value - other.value) < 0.0:
                side = "below" if sign > 0.0 else "above"
                raise OutOfRangeError(
                    f"{self._name}: {point.name} {value:g} would lie {side} {name}, which is "
                    f"{other.value:g}"
                )

    async def _put(self, point: Point, value: float) -> None:
        function = self._profile.connection.write_function
        for address, registers in writes(point, encode(point, value), function):
            await self._link.write(self._unit, address, registers, function=function)

    async def _read_point(self, name: str) -> Sample | Absent:
        return await self._reader.read_point(self._profile.points[name])


def writes(
    point: Point, registers: tuple[int, ...], function: int
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The requests (address, registers) that set a point: one, or with function 6 one per register.

    One by one, what is switched off comes first and from the last register on, so that contacts
    never pass through a state that has more of them closed than the old or the new one, and the
    last one (the block of SG Ready inputs) never closes before, nor opens after, the others.
    """
    if function != WRITE_SINGLE:
        yield point.address, registers
        return
    cells = list(enumerate(registers, point.address))
    for address, register in reversed(cells):
        if register == 0:
            yield address, (register,)
    for address, register in cells:
        if register != 0:
            yield address, (register,)
