"""Reading a unit: few requests, absent points remembered, a dead device costs one timeout."""

from datetime import datetime, timedelta

import pytest

from drivers.api import Absent, Capability, Sample, Signal
from drivers.errors import (
    ConfigurationError,
    LinkLostError,
    NoAnswerError,
    OutOfRangeError,
    TransientError,
)
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.meters.modbus_meter import ModbusMeter
from drivers.points import Space, encode
from drivers.profile import load_modbus_profile
from drivers.registers_reader import ASK_ABSENT_AGAIN, RegistersReader
from drivers.testing import AN_INSTANT, RegisterBank, make_rig
from drivers.transports.in_memory import MemoryModbusLink


class SteppedClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.at = AN_INSTANT

    def __call__(self) -> datetime:
        return self.at


def reader_on(profile_name: str) -> tuple[RegistersReader, RegisterBank, SteppedClock]:
    profile = load_modbus_profile(profile_name)
    bank, clock = RegisterBank(profile), SteppedClock()
    return RegistersReader(profile, MemoryModbusLink(bank), 1, clock), bank, clock


async def test_a_contiguous_map_is_one_request() -> None:
    reader, bank, _ = reader_on("generic_modbus")
    await reader.read()
    assert bank.reads == 1


async def test_values_carry_the_time_of_their_reading() -> None:
    reader, bank, clock = reader_on("generic_modbus")
    bank.put("outdoor", (0,))
    clock.at += timedelta(minutes=1)
    assert (await reader.read())[Signal.OUTDOOR_C] == Sample(0.0, clock.at)


async def test_an_absent_point_is_asked_for_rarely_and_can_appear() -> None:
    reader, bank, clock = reader_on("nibe_s")
    bank.remove("room")
    first = await reader.read()
    reads_of_first_cycle = bank.reads
    assert "not on this device" in str(first[Signal.ROOM_C])
    await reader.read()
    assert bank.reads == 2 * reads_of_first_cycle - 1
    bank.put("room", (204,))
    clock.at += ASK_ABSENT_AGAIN
    assert (await reader.read())[Signal.ROOM_C] == Sample(20.4, clock.at)
    assert isinstance((await reader.read())[Signal.ROOM_C], Sample)


async def test_a_refused_block_is_read_point_by_point_from_then_on() -> None:
    reader, bank, _ = reader_on("generic_modbus")
    bank.remove("dhw")
    observed = await reader.read()
    assert [signal for signal, seen in observed.items() if isinstance(seen, Absent)] == ["dhw_c"]
    points = len(set(load_modbus_profile("generic_modbus").signals.values()))
    assert bank.reads == 1 + points
    await reader.read()
    assert bank.reads == 1 + points + points - 1


@pytest.mark.parametrize("failure", [LinkLostError("unplugged"), NoAnswerError("silent")])
async def test_a_dead_device_is_asked_once_per_cycle(failure: LinkLostError) -> None:
    reader, bank, _ = reader_on("nibe_s")
    bank.failure = failure
    observed = await reader.read()
    assert bank.reads == 1
    assert set(observed.values()) == {Absent(str(failure))}


async def test_a_busy_device_does_not_end_the_cycle() -> None:
    reader, bank, _ = reader_on("nibe_s")
    bank.failure = TransientError("busy")
    observed = await reader.read()
    assert bank.reads > 1
    assert set(observed.values()) == {Absent("busy")}


async def test_the_meter_delivers_its_three_signals() -> None:
    profile = load_modbus_profile("sdm630")
    bank = RegisterBank(profile)
    bank.put("active_power", encode(profile.points["active_power"], -750.0))
    meter = ModbusMeter("meter", profile, MemoryModbusLink(bank), unit=2, now=SteppedClock())
    observed = await meter.read()
    await meter.close()
    assert meter.name == "meter"
    assert set(observed) == {Signal.METER_POWER_W, Signal.METER_ENERGY_KWH, Signal.FREQUENCY_HZ}
    assert observed[Signal.METER_POWER_W] == Sample(-750.0, AN_INSTANT)


async def test_a_lapsed_or_broken_link_makes_the_read_back_absent() -> None:
    rig = make_rig(load_modbus_profile("generic_modbus"))
    rig.bank.failure = TransientError("busy")
    assert await rig.pump.read_back(Capability.FLOW_SETPOINT) == Absent("busy")


async def test_a_written_value_reaches_its_register_and_no_other() -> None:
    rig = make_rig(load_modbus_profile("nibe_s"))
    await rig.pump.write(Capability.CURVE_OFFSET, -3.0)
    assert rig.bank.writes == [(30, (0xFFFD,))]


async def test_release_value_is_allowed_though_outside_the_knob() -> None:
    rig = make_rig(load_modbus_profile("generic_modbus"))
    await rig.pump.write(Capability.FLOW_SETPOINT, 0.0)
    assert rig.bank.writes == [(0, (0,))]
    with pytest.raises(OutOfRangeError):
        await rig.pump.write(Capability.FLOW_SETPOINT, 14.9)


async def test_an_unknown_knob_is_a_configuration_error() -> None:
    rig = make_rig(load_modbus_profile("nibe_s"))
    with pytest.raises(ConfigurationError, match="offers no flow_setpoint"):
        await rig.pump.write(Capability.FLOW_SETPOINT, 35.0)
    with pytest.raises(ConfigurationError, match="offers no flow_setpoint"):
        await rig.pump.read_back(Capability.FLOW_SETPOINT)


def test_a_pump_needs_a_pump_profile_and_a_meter_a_meter_profile() -> None:
    pump, meter = load_modbus_profile("nibe_s"), load_modbus_profile("sdm630")
    clock = SteppedClock()
    with pytest.raises(ConfigurationError, match="not of a heat pump"):
        ModbusHeatPump("x", meter, MemoryModbusLink(RegisterBank(meter)), unit=1, now=clock)
    with pytest.raises(ConfigurationError, match="not of a meter"):
        ModbusMeter("x", pump, MemoryModbusLink(RegisterBank(pump)), unit=1, now=clock)


def test_a_pump_shows_what_its_profile_says() -> None:
    profile = load_modbus_profile("nibe_s")
    pump = make_rig(profile).pump
    assert (pump.name, pump.knobs) == (profile.name, profile.knobs)
    assert (pump.on_silence, pump.maturity) == (profile.on_silence, profile.maturity)


class FaultyOnce(MemoryModbusLink):
    """A link whose first answer at one address is mutilated, or which stays so."""

    def __init__(self, bank: RegisterBank, address: int, *, faults: int) -> None:
        super().__init__(bank)
        self.asked: list[int] = []
        self._address = address
        self._faults = faults

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        self.asked.append(address)
        if address == self._address and self._faults > 0:
            self._faults -= 1
            raise TransientError("the answer broke off after 7 of 9 bytes")
        return await super().read(unit, space, address, count)


@pytest.mark.parametrize(("faults", "seen"), [(1, Sample), (2, Absent), (99, Absent)])
async def test_a_mutilated_answer_is_asked_for_once_more_at_the_end(
    faults: int, seen: type[Sample | Absent]
) -> None:
    profile = load_modbus_profile("weishaupt_wem")
    link = FaultyOnce(RegisterBank(profile), 30001, faults=faults)
    observed = await RegistersReader(profile, link, 1, SteppedClock()).read()
    assert isinstance(observed[Signal.OUTDOOR_C], seen)
    assert isinstance(observed[Signal.FLOW_C], Sample)
    assert [place for place, address in enumerate(link.asked) if address == 30001] == [
        0,
        len(link.asked) - 1,
    ]


async def test_a_device_that_asks_for_rest_is_left_alone_between_readings() -> None:
    reader, bank, clock = reader_on("xtherma")
    first = await reader.read()
    reads_of_a_cycle = bank.reads
    clock.at += timedelta(seconds=59)
    assert await reader.read() == first
    assert bank.reads == reads_of_a_cycle
    clock.at += timedelta(seconds=1)
    assert (await reader.read())[Signal.FLOW_C] != first[Signal.FLOW_C]
    assert bank.reads == 2 * reads_of_a_cycle


async def test_a_clock_that_was_set_back_does_not_silence_a_device_that_asks_for_rest() -> None:
    reader, bank, clock = reader_on("xtherma")
    await reader.read()
    reads_of_a_cycle = bank.reads
    clock.at -= timedelta(hours=1)
    await reader.read()
    assert bank.reads == 2 * reads_of_a_cycle


async def test_a_link_that_cannot_be_used_makes_points_absent_and_is_not_asked_again() -> None:
    reader, bank, _ = reader_on("nibe_s")
    bank.failure = ConfigurationError("no such serial line")
    observed = await reader.read()
    reads_of_a_cycle = bank.reads
    assert set(observed.values()) == {Absent("no such serial line")}
    bank.failure = TransientError("busy")
    await reader.read()
    assert bank.reads == reads_of_a_cycle + 2 * reads_of_a_cycle
