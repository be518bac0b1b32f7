"""NIBE's power limit: which switch the firmware has, the wait, and what "off" leaves behind."""

import asyncio
from dataclasses import dataclass, field

import pytest

from drivers.api import Absent, Capability, Sample
from drivers.errors import LinkLostError, RefusedByDeviceError, TransientError
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.heat_pumps.switched_knob import real_pause
from drivers.profile import load_modbus_profile
from drivers.testing import AN_INSTANT, RegisterBank
from drivers.transports.in_memory import MemoryModbusLink

LIMIT, NEW_SWITCH, OLD_SWITCH = 6007, 6012, 2741


@dataclass
class Scene:
    """A NIBE whose limit is off, and what happens to it in order."""

    pump: ModbusHeatPump
    bank: RegisterBank
    events: list[object] = field(default_factory=list)

    @property
    def story(self) -> list[object]:
        return [*self.events, *self.bank.writes]


def scene(*missing: str) -> Scene:
    profile = load_modbus_profile("nibe_s")
    bank = RegisterBank(profile)
    for name, register in (("limit_active", 0), ("aux_from_modbus", 0), ("power_limit", 42)):
        bank.put(name, (register,))
    for name in missing:
        bank.remove(name)

    async def pause(wait_s: float) -> None:
        told.events += [*bank.writes, wait_s]
        bank.writes.clear()

    link = MemoryModbusLink(bank)
    pump = ModbusHeatPump("pump", profile, link, unit=1, now=lambda: AN_INSTANT, pause=pause)
    told = Scene(pump, bank)
    return told


@pytest.mark.parametrize(
    ("missing", "switch"),
    [
        ((), NEW_SWITCH),
        (("aux_from_modbus",), NEW_SWITCH),
        (("limit_active",), OLD_SWITCH),
    ],
)
async def test_the_limit_is_switched_on_then_after_the_wait_set(
    missing: tuple[str, ...], switch: int
) -> None:
    nibe = scene(*missing)
    await nibe.pump.write(Capability.POWER_LIMIT, 5000.0)
    assert nibe.story == [(switch, (1,)), 10.0, (LIMIT, (50,))]


async def test_an_active_limit_is_moved_without_waiting() -> None:
    nibe = scene()
    nibe.bank.put("limit_active", (1,))
    await nibe.pump.write(Capability.POWER_LIMIT, 6000.0)
    assert nibe.story == [(LIMIT, (60,))]


async def test_no_limit_switches_off_and_leaves_the_makers_value() -> None:
    nibe = scene()
    nibe.bank.put("limit_active", (1,))
    await nibe.pump.write(Capability.POWER_LIMIT, 100000.0)
    assert nibe.story == [(NEW_SWITCH, (0,)), (LIMIT, (42,))]


async def test_what_is_switched_off_reads_as_no_limit() -> None:
    nibe = scene()
    assert await nibe.pump.read_back(Capability.POWER_LIMIT) == Sample(100000.0, AN_INSTANT)
    nibe.bank.put("limit_active", (1,))
    assert await nibe.pump.read_back(Capability.POWER_LIMIT) == Sample(4200.0, AN_INSTANT)


async def test_an_empty_switch_is_passed_over() -> None:
    nibe = scene()
    nibe.bank.put("limit_active", (255,))
    await nibe.pump.write(Capability.POWER_LIMIT, 5000.0)
    assert (OLD_SWITCH, (1,)) in nibe.story


async def test_a_switch_that_lost_its_value_is_no_limit_and_no_number() -> None:
    nibe = scene()
    await nibe.pump.read_back(Capability.POWER_LIMIT)
    nibe.bank.put("limit_active", (255,))
    assert isinstance(await nibe.pump.read_back(Capability.POWER_LIMIT), Absent)
    await nibe.pump.write(Capability.POWER_LIMIT, 5000.0)
    assert nibe.story == [(NEW_SWITCH, (1,)), 10.0, (LIMIT, (50,))]


async def test_without_any_switch_there_is_no_limit_to_set() -> None:
    nibe = scene("limit_active", "aux_from_modbus")
    with pytest.raises(RefusedByDeviceError, match="no limit_active and aux_from_modbus"):
        await nibe.pump.write(Capability.POWER_LIMIT, 5000.0)
    held = await nibe.pump.read_back(Capability.POWER_LIMIT)
    assert "no limit_active" in str(held)
    assert not nibe.story


@pytest.mark.parametrize("failure", [LinkLostError("unplugged"), TransientError("busy")])
async def test_a_device_that_does_not_answer_is_not_taken_for_older_firmware(
    failure: LinkLostError,
) -> None:
    nibe = scene()
    nibe.bank.failure = failure
    with pytest.raises(type(failure)):
        await nibe.pump.write(Capability.POWER_LIMIT, 5000.0)
    assert await nibe.pump.read_back(Capability.POWER_LIMIT) == Absent(str(failure))
    nibe.bank.failure = None
    await nibe.pump.write(Capability.POWER_LIMIT, 5000.0)
    assert nibe.story[0] == (NEW_SWITCH, (1,))


async def test_the_real_pause_lets_its_time_pass() -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await real_pause(0.01)
    assert loop.time() - began_s >= 0.009
