"""A house whose pump behaves as devices do: restarts, silence, other writers, own watchdogs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drivers.api import Capability, Knob, Precondition, WriteClass
from drivers.errors import NoAnswerError, TransientError
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
from drivers.profile import Transport, load_modbus_profile, shipped_profiles
from hil.house import load_house
from hil.manners import Effect, Manners, Watchdog
from hil.simulated_house import METER_UNIT, PUMP_UNIT, SimulatedHouse
from hil.weather import plain_winter

START = datetime(2024, 1, 15, tzinfo=UTC)
GENERIC = load_modbus_profile("generic_modbus")


def simulated(profile="generic_modbus", **arguments):
    return SimulatedHouse(
        load_house("timber1972"),
        plain_winter(START, days=4),
        start_at=START,
        seed=3,
        profile=profile,
        **arguments,
    )


def advance(house, **span):
    house.advance(house.at + timedelta(**span))


def shown(house, name):
    """What a client reads."""
    point = house.pump_registers.profile.points[name]
    registers = house.modbus.read(PUMP_UNIT, point.space, point.address, register_count(point))
    return decode(point, registers)


def write(house, capability, value):
    profile = house.pump_registers.profile
    point = profile.points[profile.knobs[capability].point]
    house.modbus.write(PUMP_UNIT, point.address, list(encode(point, value)))


def with_knob(capability, *, codes=None, **changes):
    """The generic profile with one more knob, on a register of its own."""
    point = Point(
        name="extra",
        space=Space.HOLDING,
        address=40,
        kind=Kind.INT16,
        scale=1.0 if codes else 0.01,
        codes=codes or {},
        writable=True,
    )
    knob = Knob(
        **(
            {
                "capability": capability,
                "point": "extra",
                "minimum": 0.0,
                "maximum": 60.0,
                "resolution": 0.01,
                "write_class": WriteClass.PERSISTENT,
            }
            | changes
        )
    )
    return replace(
        GENERIC,
        points={**GENERIC.points, "extra": point},
        knobs={**GENERIC.knobs, capability: knob},
    )


def test_a_silent_pump_lives_on_and_its_meter_still_answers():
    house = simulated()
    house.silence()
    with pytest.raises(NoAnswerError, match="unit 1 stays silent"):
        shown(house, "flow")
    assert len(house.modbus.read(METER_UNIT, Space.INPUT, 52, 2)) == 2
    before_kwh = house.truth().heat_kwh
    advance(house, hours=3)
    house.silence(False)
    assert shown(house, "flow") == pytest.approx(house.truth().flow_c, abs=0.06)
    assert house.truth().heat_kwh > before_kwh


def test_a_busy_pump_takes_and_tells_nothing():
    house = simulated()
    house.busy()
    with pytest.raises(TransientError, match="busy"):
        write(house, Capability.CURVE_OFFSET, 2.0)
    house.busy(False)
    assert shown(house, "curve_offset") == 0.0


def test_a_restart_loses_what_is_volatile_and_keeps_what_is_stored():
    house = simulated()
    write(house, Capability.FLOW_SETPOINT, 44.0)
    write(house, Capability.CURVE_OFFSET, 3.0)
    advance(house, minutes=5)
    house.restart()
    assert house.firmware.flow_request_c is None
    assert house.firmware.curve_offset_k == 3.0
    with pytest.raises(NoAnswerError):
        shown(house, "flow_setpoint")
    advance(house, seconds=45)
    with pytest.raises(NoAnswerError):
        shown(house, "flow_setpoint")
    advance(house, seconds=15)
    assert shown(house, "flow_setpoint") == 0.0
    assert shown(house, "curve_offset") == 3.0
    assert house.pump_registers.write_counts == {"curve_offset": 1}


def test_write_counters_survive_restarts():
    house = simulated()
    for offset in (1.0, 2.0):
        write(house, Capability.CURVE_OFFSET, offset)
        house.restart()
        advance(house, minutes=2)
    assert house.pump_registers.write_counts == {"curve_offset": 2}


def test_a_volatile_knob_may_power_up_with_a_value_of_its_own():
    manners = Manners(power_up={"power_limit": 4000.0})
    house = simulated(manners=manners)
    assert house.firmware.power_limit_w == 4000.0
    write(house, Capability.POWER_LIMIT, 1500.0)
    house.restart()
    advance(house, minutes=2)
    assert house.firmware.power_limit_w == 4000.0
    assert shown(house, "power_limit") == 4000.0


def test_somebody_at_the_panel_is_obeyed_and_shows():
    house = simulated()
    house.other_writer(Capability.CURVE_OFFSET, -4.0)
    assert house.firmware.curve_offset_k == -4.0
    assert shown(house, "curve_offset") == -4.0
    assert house.pump_registers.write_counts == {}
    with pytest.raises(ValueError, match="no knob for sg_ready"):
        house.other_writer(Capability.SG_READY, 3.0)


def test_a_pump_that_stops_in_silence_shows_why_and_recovers_when_spoken_to():
    dog = Watchdog(silence_s=60.0, alarm_code=3, effect=Effect.STOP)
    house = simulated(manners=Manners(watchdog=dog))
    for _ in range(60):
        advance(house, seconds=30)
        shown(house, "flow")
    assert shown(house, "alarm") == 0.0
    advance(house, hours=6)
    before = house.truth()
    assert not house.firmware.running
    advance(house, hours=1)
    assert house.truth().heat_kwh == before.heat_kwh
    assert house.pump_registers.read(PUMP_UNIT, Space.INPUT, 8, 1) == [3]
    assert shown(house, "alarm") == 3.0
    advance(house, seconds=15)
    assert shown(house, "alarm") == 0.0
    assert not house.firmware.stopped


def test_an_alarm_without_stop_leaves_the_house_warm():
    dog = Watchdog(silence_s=60.0, alarm_code=3, effect=Effect.ALARM)
    house = simulated(manners=Manners(watchdog=dog))
    shown(house, "flow")
    advance(house, hours=12)
    assert house.pump_registers.read(PUMP_UNIT, Space.INPUT, 8, 1) == [3]
    assert house.truth().heat_kwh > 5.0


def test_the_energy_manager_of_a_lambda_complains_once_it_was_fed_and_is_forgotten():
    house = simulated("lambda_eul")
    advance(house, hours=1)
    shown(house, "flow")
    advance(house, hours=1)
    assert shown(house, "alarm") == 0.0  # nobody has ever written to it
    house.modbus.write(PUMP_UNIT, 102, [0xFC18])
    assert house.modbus.read(PUMP_UNIT, Space.HOLDING, 102, 1) == [0xFC18]
    advance(house, minutes=4)
    assert shown(house, "alarm") == 0.0
    advance(house, minutes=2)
    assert shown(house, "alarm") == 3.0  # reading is no feeding
    assert not house.firmware.stopped
    assert house.pump_registers.write_counts == {}


def test_a_therma_v_stands_a_minute_after_the_last_request():
    house = simulated("lg_therma_v")
    shown(house, "flow")
    advance(house, seconds=45)
    assert not house.firmware.stopped
    advance(house, seconds=15)
    assert house.firmware.stopped
    assert shown(house, "alarm") == 3.0


def test_older_firmware_turns_the_words_and_the_drivers_view_shows_it():
    house = simulated("lambda_eul", older_firmware=True)
    advance(house, hours=6)
    point = house.pump_registers.profile.points["energy"]
    turned = replace(point, word_order=WordOrder.BIG)
    registers = house.modbus.read(PUMP_UNIT, point.space, point.address, 2)
    assert decode(turned, registers) == pytest.approx(house.truth().electricity_kwh, rel=0.2)
    seen = decode(point, registers)
    assert isinstance(seen, Undecodable) or seen > 1000.0


def test_a_device_that_reads_one_table_by_both_functions():
    house = simulated("idm_navigator")
    profile = house.pump_registers.profile
    point = profile.points[profile.signals["flow_c"]]
    count = register_count(point)
    assert house.modbus.read(PUMP_UNIT, Space.INPUT, point.address, count) == house.modbus.read(
        PUMP_UNIT, Space.HOLDING, point.address, count
    )


def test_a_knob_with_delay_is_shown_at_once_and_obeyed_later():
    house = simulated(with_knob(Capability.RETURN_SETPOINT, latency_s=300.0))
    before_c = house.firmware.return_request_c
    write(house, Capability.RETURN_SETPOINT, 31.0)
    assert shown(house, "extra") == 31.0
    advance(house, seconds=285)
    assert house.firmware.return_request_c == before_c
    advance(house, seconds=15)
    assert house.firmware.return_request_c == 31.0


def test_a_stored_flow_set_point_is_in_force_from_the_start():
    house = simulated(with_knob(Capability.RETURN_SETPOINT))
    assert house.firmware.return_request_c is not None
    assert shown(house, "extra") == pytest.approx(house.firmware.return_request_c, abs=0.01)


def test_a_knob_in_the_wrong_mode_is_stored_and_not_obeyed():
    profile = with_knob(
        Capability.RETURN_SETPOINT, only_when=Precondition(point="curve_offset", values=(5,))
    )
    house = simulated(profile)
    write(house, Capability.CURVE_OFFSET, 0.0)
    before_c = house.firmware.return_request_c
    write(house, Capability.RETURN_SETPOINT, 31.0)
    assert house.firmware.return_request_c == before_c
    write(house, Capability.CURVE_OFFSET, 5.0)  # the mode comes: what was written acts
    assert house.firmware.return_request_c == 31.0
    write(house, Capability.RETURN_SETPOINT, 32.0)
    assert house.firmware.return_request_c == 32.0
    write(house, Capability.CURVE_OFFSET, 0.0)
    assert house.firmware.return_request_c is None


def test_a_stored_sg_state_is_in_force_again_after_a_restart():
    codes = {0: 2, 1: 1, 2: 3, 3: 4}
    profile = with_knob(Capability.SG_READY, codes=codes, minimum=1.0, maximum=4.0, resolution=1.0)
    house = simulated(profile)
    assert shown(house, "extra") == 2.0
    write(house, Capability.SG_READY, 3.0)
    advance(house, minutes=1)
    assert house.firmware.sg.state == 3
    house.restart()
    advance(house, minutes=11)
    assert house.firmware.sg.state == 3


def test_the_boost_register_falls_back_when_the_charge_is_done():
    profile = with_knob(
        Capability.DHW_BOOST, codes={0: 0, 1: 1}, minimum=0.0, maximum=1.0, resolution=1.0
    )
    house = simulated(profile)
    assert shown(house, "extra") == 0.0
    write(house, Capability.DHW_BOOST, 1.0)
    assert shown(house, "extra") == 1.0
    advance(house, hours=4)
    assert shown(house, "extra") == 0.0


def test_contacts_are_taken_one_register_at_a_time():
    contacts = Point(
        name="extra",
        space=Space.HOLDING,
        address=40,
        kind=Kind.UINT16,
        weights=(1, 2),
        codes={0: 2, 1: 3, 2: 1, 3: 4},
        writable=True,
    )
    profile = with_knob(Capability.SG_READY, minimum=1.0, maximum=4.0, resolution=1.0)
    house = simulated(replace(profile, points={**profile.points, "extra": contacts}))
    house.modbus.write(PUMP_UNIT, 41, [1])
    assert shown(house, "extra") == 1.0
    assert house.firmware.sg.asked == 1
    house.modbus.write(PUMP_UNIT, 40, [1])
    assert house.firmware.sg.asked == 4


@pytest.mark.parametrize("name", shipped_profiles(Transport.MODBUS))
def test_the_pumps_own_settings_can_be_read_before_anybody_has_written(name):
    profile = load_modbus_profile(name)
    house = simulated(profile)
    for capability, knob in profile.knobs.items():
        if knob.write_class is WriteClass.PERSISTENT and house.pump_registers.in_force(capability):
            assert not isinstance(shown(house, knob.point), Undecodable), capability
