"""What the pump's control makes of the values written to its knobs."""

import pytest
from bucket import CURVE, MIN_FRAC, Plant

from drivers.api import Capability
from hil.firmware import Curve
from hil.orders import ROOM_KNOB_K_PER_K, obey

HOUR = 4 * 60  # steps


def ordered(capability, value, *, plant=None):
    plant = Plant() if plant is None else plant
    obey(plant.firmware, capability, value)
    return plant


def test_the_return_temperature_is_held_by_adding_the_spread():
    plant = ordered(Capability.RETURN_SETPOINT, 33.0)
    plant.step(4 * HOUR)
    assert plant.flow_c - 5.0 == pytest.approx(33.0, abs=0.5)  # the bucket's spread is 5 K
    obey(plant.firmware, Capability.RETURN_SETPOINT, None)
    assert plant.firmware.flow_setpoint_c(21.0) == pytest.approx(20.0 + 0.8 * 20.0 + 2.0)


def test_a_flow_request_outranks_a_return_request():
    plant = ordered(Capability.RETURN_SETPOINT, 33.0)
    obey(plant.firmware, Capability.FLOW_SETPOINT, 41.0)
    assert plant.firmware.flow_setpoint_c(21.0) == 41.0


def test_the_compressor_limit_caps_the_speed():
    plant = ordered(Capability.FLOW_SETPOINT, 55.0)
    plant.step(HOUR)
    assert plant.firmware.speed_frac > 0.8
    obey(plant.firmware, Capability.COMPRESSOR_LIMIT, 0.5)
    plant.step(HOUR)
    assert plant.firmware.speed_frac == pytest.approx(0.5)
    obey(plant.firmware, Capability.COMPRESSOR_LIMIT, None)
    plant.step(HOUR)
    assert plant.firmware.speed_frac > 0.8


def test_a_compressor_limit_below_the_lowest_speed_runs_at_it_and_zero_stops():
    plant = ordered(Capability.FLOW_SETPOINT, 55.0)
    plant.step(HOUR)
    obey(plant.firmware, Capability.COMPRESSOR_LIMIT, 0.1)
    plant.step(HOUR)
    assert plant.firmware.speed_frac == pytest.approx(MIN_FRAC)
    obey(plant.firmware, Capability.COMPRESSOR_LIMIT, 0.0)
    plant.step(HOUR)
    assert not plant.firmware.running


def test_the_virtual_outdoor_temperature_replaces_the_sensor_in_the_curve():
    plant = ordered(Capability.VIRTUAL_OUTDOOR, -10.0)
    assert plant.firmware.flow_setpoint_c(21.0) == pytest.approx(20.0 + 0.8 * 30.0 + 2.0)
    obey(plant.firmware, Capability.VIRTUAL_OUTDOOR, None)
    assert plant.firmware.flow_setpoint_c(21.0) == pytest.approx(20.0 + 0.8 * 20.0 + 2.0)


def test_switched_off_it_makes_hot_water_and_keeps_frost_away_only():
    plant = ordered(Capability.ON_OFF, 0.0)
    plant.step(2 * HOUR)
    assert plant.firmware.starts == 0
    plant.tank_c = 35.0
    plant.step(8)
    assert plant.firmware.dhw
    assert plant.firmware.flow_setpoint_c(7.0) is not None
    obey(plant.firmware, Capability.ON_OFF, 1.0)
    assert plant.firmware.flow_setpoint_c(21.0) is not None


def test_a_boost_charges_the_tank_once_though_it_is_not_cold():
    plant = Plant()
    plant.tank_c = 46.0
    plant.step(8)
    assert not plant.firmware.dhw
    obey(plant.firmware, Capability.DHW_BOOST, 1.0)
    plant.step(HOUR)
    assert plant.tank_c == pytest.approx(50.0, abs=0.6)
    assert not plant.firmware.dhw_boost
    assert not plant.firmware.dhw


def test_a_boost_of_a_hot_tank_is_over_at_once():
    plant = Plant()
    plant.tank_c = 51.0
    obey(plant.firmware, Capability.DHW_BOOST, 1.0)
    plant.step(1)
    assert not plant.firmware.dhw_boost
    assert not plant.firmware.dhw


def test_a_boost_can_be_taken_back():
    plant = ordered(Capability.DHW_BOOST, 1.0)
    obey(plant.firmware, Capability.DHW_BOOST, 0.0)
    plant.step(8)
    assert not plant.firmware.dhw


def test_the_room_knob_of_a_curve_without_room_influence_gets_some():
    plant = Plant(curve=Curve(slope=0.8))
    before_c = plant.firmware.flow_setpoint_c(20.0)
    obey(plant.firmware, Capability.ROOM_SETPOINT, 22.0)
    risen_k = plant.firmware.flow_setpoint_c(20.0) - before_c
    assert risen_k == pytest.approx(2.0 * ROOM_KNOB_K_PER_K)


def test_the_room_knob_leaves_the_installers_influence_alone():
    plant = ordered(Capability.ROOM_SETPOINT, 22.0)
    assert plant.firmware.room_influence_k_per_k == CURVE.room_influence_k_per_k


@pytest.mark.parametrize(
    ("capability", "attribute", "value", "own"),
    [
        (Capability.POWER_LIMIT, "power_limit_w", 1500.0, None),
        (Capability.FLOW_SETPOINT, "flow_request_c", 40.0, None),
        (Capability.CURVE_OFFSET, "curve_offset_k", -2.0, 0.0),
        (Capability.DHW_SETPOINT, "dhw_start_c", 47.0, 43.0),
    ],
)
def test_the_end_of_a_request_brings_the_pumps_own_setting_back(capability, attribute, value, own):
    plant = ordered(capability, value)
    assert getattr(plant.firmware, attribute) == value
    obey(plant.firmware, capability, None)
    assert getattr(plant.firmware, attribute) == own


def test_stopped_by_its_own_watchdog_nothing_heats():
    plant = Plant(outdoor_c=-15.0)
    plant.step(HOUR)
    plant.firmware.stopped = True
    plant.tank_c = 30.0
    plant.step(3 * HOUR)
    assert not plant.firmware.running
    assert plant.firmware.backup_w == 0.0


def test_a_restart_stops_the_compressor_and_forgets_what_was_counted():
    plant = ordered(Capability.FLOW_SETPOINT, 45.0)
    plant.step(HOUR)
    assert plant.firmware.running
    plant.firmware.restart()
    assert not plant.firmware.running
    assert plant.firmware.degree_min == 0.0
    plant.step(39)
    assert not plant.firmware.running  # the minimum pause counts from here
