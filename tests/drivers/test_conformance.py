"""Every shipped heat pump passes the conformance kit, and the kit catches drivers that cheat."""

import dataclasses

import pytest

from drivers.api import Absent, Capability, Now, Observation, Sample, WriteClass
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.points import Space, encode
from drivers.profile import ModbusProfile, load_modbus_profile, load_profile, shipped_profiles
from drivers.testing import (
    AN_INSTANT,
    CHECKS,
    Check,
    ConformanceError,
    check_every_promised_signal_has_a_value,
    check_heat_pump,
    check_lost_link_makes_everything_absent,
    check_out_of_range_is_refused,
    check_reading_writes_nothing,
    check_written_values_are_read_back,
    make_any_rig,
    make_rig,
)
from drivers.transports.modbus import ModbusLink

PUMPS = [name for name in shipped_profiles() if load_profile(name).kind == "heat_pump"]


@pytest.mark.parametrize("name", PUMPS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_shipped_pumps_conform(name: str, check: Check) -> None:
    await check(make_any_rig(load_profile(name)))


async def test_a_profile_with_a_forbidden_knob_conforms() -> None:
    profile = load_modbus_profile("generic_modbus")
    knob = dataclasses.replace(
        profile.knobs[Capability.CURVE_OFFSET], write_class=WriteClass.FORBIDDEN
    )
    knobs = {**profile.knobs, Capability.CURVE_OFFSET: knob}
    await check_heat_pump(dataclasses.replace(profile, knobs=knobs))


class _Guessing(ModbusHeatPump):
    """Answers a stand-in number where there is no value."""

    async def read(self) -> Observation:
        return {
            signal: Sample(0.0, AN_INSTANT) if isinstance(outcome, Absent) else outcome
            for signal, outcome in (await super().read()).items()
        }


class _Forgetful(ModbusHeatPump):
    """Promises fewer signals than its profile."""

    async def read(self) -> Observation:
        return dict(list((await super().read()).items())[1:])


class _Unguarded(ModbusHeatPump):
    """Writes whatever it is told."""

    async def write(self, capability: Capability, value: float) -> None:
        del value
        knob = self._profile.knobs.get(capability)
        if knob is not None:
            await self._link.write(self._unit, self._profile.points[knob.point].address, (0,))


class _Touching(ModbusHeatPump):
    """Checks the connection by writing."""

    async def read(self) -> Observation:
        point = next(p for p in self._profile.points.values() if p.space is Space.HOLDING)
        await self._link.write(self._unit, point.address, encode(point, point.minimum or 0.0))
        return await super().read()


@pytest.mark.parametrize(
    ("cheat", "check"),
    [
        (_Guessing, check_lost_link_makes_everything_absent),
        (_Forgetful, check_every_promised_signal_has_a_value),
        (_Unguarded, check_out_of_range_is_refused),
        (_Unguarded, check_written_values_are_read_back),
        (_Touching, check_reading_writes_nothing),
    ],
)
async def test_the_kit_catches_a_cheating_driver(cheat: type[ModbusHeatPump], check: Check) -> None:
    def make_pump(profile: ModbusProfile, link: ModbusLink, now: Now) -> ModbusHeatPump:
        return cheat(profile.name, profile, link, unit=1, now=now)

    with pytest.raises(ConformanceError):
        await check(make_rig(load_modbus_profile("generic_modbus"), make_pump))
