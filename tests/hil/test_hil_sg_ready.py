"""SG Ready inside the pump."""

from bucket import STEP_S, Plant

from drivers.api import Capability
from hil.orders import obey
from hil.sg_ready import BLOCK, FORCED, NORMAL, RECOMMENDED, SgReady

HOUR = 4 * 60  # steps


def passed(sg, steps):
    return [sg.step(STEP_S) for _ in range(steps)]


def test_a_state_is_held_for_ten_minutes():
    sg = SgReady()
    sg.asked = RECOMMENDED
    passed(sg, 1)
    assert sg.state == RECOMMENDED
    sg.asked = NORMAL
    passed(sg, 39)
    assert sg.state == RECOMMENDED
    passed(sg, 1)
    assert sg.state == NORMAL


def test_a_block_comes_at_once_whatever_is_held():
    sg = SgReady()
    sg.asked = FORCED
    passed(sg, 1)
    sg.asked = BLOCK
    passed(sg, 1)
    assert sg.blocked


def test_a_block_of_two_hours_in_a_day_is_the_most():
    sg = SgReady()
    sg.asked = BLOCK
    passed(sg, 2 * HOUR)
    assert sg.blocked
    passed(sg, 1)
    assert not sg.blocked
    sg.asked = NORMAL
    passed(sg, HOUR)
    sg.asked = BLOCK
    passed(sg, 1)
    assert not sg.blocked  # the day's two hours are used up
    sg.asked = NORMAL
    passed(sg, 24 * HOUR)
    sg.asked = BLOCK
    passed(sg, 1)
    assert sg.blocked


def test_blocked_neither_compressor_nor_backup_runs():
    plant = Plant(outdoor_c=-15.0)
    plant.step(HOUR)
    assert plant.firmware.running
    obey(plant.firmware, Capability.SG_READY, float(BLOCK))
    plant.step(40)
    plant.tank_c = 30.0
    for _ in range(80):
        plant.step()
        assert not plant.firmware.running
        assert plant.firmware.backup_w == 0.0
    plant.step(2 * HOUR)  # the two hours are over: it runs by itself
    assert plant.firmware.starts > 1


def test_recommended_raises_curve_and_hot_water():
    plant = Plant()
    before_c = plant.firmware.flow_setpoint_c(21.0)
    obey(plant.firmware, Capability.SG_READY, float(RECOMMENDED))
    plant.tank_c = 44.0
    plant.step(8)
    assert plant.firmware.flow_setpoint_c(21.0) > before_c + 2.0
    assert plant.firmware.dhw


def test_forced_starts_at_once_whatever_the_degree_minutes():
    waiting, forced = Plant(), Plant()
    for plant in (waiting, forced):
        plant.flow_c = 38.0
    obey(forced.firmware, Capability.SG_READY, float(FORCED))
    waiting.step(1)
    forced.step(1)
    assert forced.firmware.running
    assert not waiting.firmware.running
    assert forced.firmware.flow_setpoint_c(21.0) > waiting.firmware.flow_setpoint_c(21.0) + 4.0


def test_forced_while_nobody_needs_heat_makes_no_heat():
    plant = Plant(outdoor_c=18.0)
    obey(plant.firmware, Capability.SG_READY, float(FORCED))
    plant.tank_c = 51.0
    plant.step(HOUR)
    assert plant.firmware.starts == 0
