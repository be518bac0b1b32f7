"""The pump's own control: curve, protection times, priorities, commands."""

import itertools

import pytest
from bucket import CURVE, MIN_FRAC, STEP_S, Plant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.api import Capability, OperatingState
from hil.firmware import FirmwareTruth
from hil.orders import obey


def runs(log):
    """Lengths in seconds of the on and off stretches that lie inside the log, and the starts."""
    edges = [index for index in range(1, len(log)) if log[index] != log[index - 1]]
    on = [STEP_S * (b - a) for a, b in itertools.pairwise(edges) if log[a]]
    off = [STEP_S * (b - a) for a, b in itertools.pairwise(edges) if not log[a]]
    starts = [index * STEP_S for index in edges if log[index]]
    return on, off, starts


ORDERS = {
    Capability.RETURN_SETPOINT: lambda share: None if share < 0.3 else 15.0 + 40.0 * share,
    Capability.COMPRESSOR_LIMIT: lambda share: round(share, 1),
    Capability.SG_READY: lambda share: float(1 + round(3.0 * share)),
    Capability.ON_OFF: lambda share: float(share > 0.5),
    Capability.DHW_BOOST: lambda share: float(share > 0.5),
    Capability.VIRTUAL_OUTDOOR: lambda share: None if share < 0.3 else 40.0 * share - 20.0,
}

WISHES = st.lists(
    st.tuples(
        st.sampled_from(["flow", "limit", "offset", "room", "tank", "outdoor", *ORDERS]),
        st.floats(min_value=0.0, max_value=1.0),
        st.integers(min_value=1, max_value=120),
    ),
    min_size=5,
    max_size=60,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WISHES)
def test_no_sequence_of_wishes_breaks_the_protection_times(wishes):
    plant = Plant()
    firmware = plant.firmware
    for what, share, steps in wishes:
        if what == "flow":
            firmware.flow_request_c = None if share < 0.1 else 15.0 + 50.0 * share
        elif what == "limit":
            firmware.power_limit_w = None if share < 0.3 else 3000.0 * share
        elif what == "offset":
            firmware.curve_offset_k = round(20.0 * share - 10.0)
        elif what == "room":
            plant.room_c = 17.0 + 8.0 * share
        elif what == "tank":
            plant.tank_c = 30.0 + 20.0 * share
        elif what in ORDERS:
            obey(firmware, what, ORDERS[what](share))
        else:
            plant.outdoor_c = 40.0 * share - 15.0
        for _ in range(steps):
            plant.step()
            assert firmware.speed_frac == 0.0 or MIN_FRAC <= firmware.speed_frac <= 1.0
            assert (firmware.speed_frac > 0.0) == firmware.running
    on, off, starts = runs(plant.running_log)
    assert firmware.trips == 0
    assert all(length >= firmware.truth.min_run_s for length in on)
    assert all(length >= firmware.truth.min_off_s for length in off)
    assert all(b - a >= 1200.0 for a, b in itertools.pairwise(starts))


def test_the_curve_is_the_installers_line():
    plant = Plant(outdoor_c=-5.0)
    assert plant.firmware.flow_setpoint_c(21.0) == pytest.approx(20.0 + 0.8 * 25.0 + 2.0)
    assert plant.firmware.flow_setpoint_c(20.0) == pytest.approx(43.5)
    plant.firmware.curve_offset_k = -3.0
    assert plant.firmware.flow_setpoint_c(21.0) == pytest.approx(39.0)


def test_the_curve_ends_at_its_limits():
    assert Plant(outdoor_c=-40.0).firmware.flow_setpoint_c(21.0) == CURVE.max_flow_c
    plant = Plant(outdoor_c=15.0)
    plant.firmware.curve_offset_k = -10.0
    assert plant.firmware.flow_setpoint_c(21.0) == CURVE.min_flow_c


def test_no_heat_above_the_heating_limit_unless_asked_from_outside():
    plant = Plant(outdoor_c=18.0)
    assert plant.firmware.flow_setpoint_c(21.0) is None
    plant.step(400)
    assert plant.firmware.starts == 0
    assert not plant.firmware.circulation
    plant.firmware.flow_request_c = 35.0
    assert plant.firmware.flow_setpoint_c(21.0) == 35.0


def test_flow_temperature_is_held_by_modulation():
    plant = Plant()
    plant.firmware.flow_request_c = 40.0
    plant.step(4 * 180)
    assert plant.flow_c == pytest.approx(40.0, abs=0.5)
    assert plant.firmware.starts == 1
    assert MIN_FRAC < plant.firmware.speed_frac < 1.0


def test_too_small_a_load_makes_it_cycle_at_lowest_speed():
    plant = Plant()
    plant.loss_w_per_k = 60.0
    plant.firmware.flow_request_c = 35.0
    plant.step(4 * 60 * 12)
    assert plant.firmware.starts > 4
    assert sum(plant.running_log) < 0.8 * len(plant.running_log)


def test_a_request_below_the_loop_means_no_heat_after_the_minimum_run():
    plant = Plant()
    plant.firmware.flow_request_c = 45.0
    plant.step(40)
    assert plant.firmware.running
    started = plant.firmware.since_change_s
    plant.firmware.flow_request_c = 15.0
    steps = 0
    while plant.firmware.running:
        plant.step()
        steps += 1
    assert started + steps * STEP_S == pytest.approx(600.0, abs=STEP_S)
    plant.step(4 * 120)
    assert not plant.firmware.running


def test_hot_water_goes_first_and_ends_at_its_stop_temperature():
    plant = Plant()
    plant.firmware.flow_request_c = 45.0
    plant.step(60)
    plant.tank_c = 40.0
    plant.step(3)
    assert plant.firmware.dhw
    assert plant.firmware.operating_state(False) is OperatingState.DHW
    plant.step(4 * 60)
    assert not plant.firmware.dhw
    assert plant.tank_c == pytest.approx(50.0, abs=0.6)
    assert plant.firmware.operating_state(False) is OperatingState.HEATING
    assert plant.firmware.operating_state(True) is OperatingState.DEFROST


def test_a_tank_that_never_gets_warm_leaves_the_rooms_a_turn():
    plant = Plant(FirmwareTruth(dhw_longest_s=1800.0))
    plant.tank_c = 30.0
    plant.step(20)
    assert plant.firmware.dhw
    for _ in range(4 * 45):
        plant.tank_c = 30.0
        plant.step()
    assert not plant.firmware.dhw


def test_the_power_limit_caps_the_compressor():
    plant = Plant()
    plant.firmware.flow_request_c = 55.0
    plant.step(4 * 60)
    assert plant.power_w > 2000.0
    plant.firmware.power_limit_w = 1400.0
    plant.step(4 * 10)
    assert plant.power_w <= 1450.0
    assert plant.firmware.running


def test_a_limit_below_lowest_speed_stops_it_after_the_minimum_run():
    plant = Plant()
    plant.firmware.flow_request_c = 55.0
    plant.step(16)
    assert plant.firmware.running
    plant.firmware.power_limit_w = 300.0
    plant.step(20)
    assert plant.firmware.running  # protection outranks the limit
    plant.step(4 * 15)
    assert not plant.firmware.running
    plant.step(4 * 60)
    assert plant.firmware.starts == 1


def lagging(**truth):
    plant = Plant(FirmwareTruth(backup_w=3000.0, **truth), outdoor_c=-15.0)
    plant.loss_w_per_k = 300.0
    plant.firmware.flow_request_c = 55.0
    return plant


def test_the_backup_helps_only_after_long_lagging():
    plant = lagging()
    plant.step(4 * 50)
    assert plant.firmware.speed_frac == 1.0
    assert plant.firmware.backup_w == 0.0
    plant.step(4 * 60)
    assert plant.firmware.backup_w > 500.0


def test_the_backup_keeps_inside_the_power_limit():
    plant = lagging()
    plant.step(4 * 120)
    assert plant.firmware.backup_w > 500.0
    plant.firmware.power_limit_w = plant.power_w - 400.0
    for _ in range(4 * 30):
        plant.step()
    assert plant.power_w <= plant.firmware.power_limit_w + 20.0


def test_the_backup_stays_off_in_mild_weather():
    plant = lagging()
    plant.firmware.season(8.0)
    plant.outdoor_c = 8.0
    plant.step(4 * 180)
    assert plant.firmware.backup_w == 0.0


def test_an_alarm_stops_the_compressor_and_leaves_the_backup():
    plant = lagging(backup_after_s=1800.0)
    plant.step(40)
    plant.firmware.alarm_code = 27
    plant.step(1)
    assert not plant.firmware.running
    plant.step(4 * 60)
    assert not plant.firmware.running
    assert plant.firmware.backup_w > 0.0
    plant.firmware.alarm_code = 0
    plant.step(4 * 5)
    assert plant.firmware.running


def test_the_pressure_switch_opens_above_the_highest_flow():
    plant = Plant()
    plant.firmware.flow_request_c = 55.0
    plant.step(30)
    plant.flow_c = 70.0
    plant.step(1)
    assert plant.firmware.trips == 1
    assert not plant.firmware.running


def test_a_defrost_is_never_cut_short():
    plant = Plant()
    plant.firmware.flow_request_c = 45.0
    plant.step(60)
    plant.defrosting = True
    plant.firmware.flow_request_c = 15.0
    plant.step(40)
    assert plant.firmware.running
    plant.defrosting = False
    plant.step(10)
    assert not plant.firmware.running
