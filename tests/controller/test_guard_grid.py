"""The grid operator's limit binds every verdict, with and without a power limit to write."""

from dataclasses import replace
from datetime import timedelta

import pytest
from guarded import AT, FLOW, FLOW_KNOB, HEALTHY, LIMITS, OFFSET_KNOB, POWER, heat, snapshot
from hypothesis import given
from hypothesis import strategies as st

from controller.grid_hold import GridHold, Held, held, hold_in, hold_out, limit_in, limit_out
from controller.guard import Allowed, Memory, Purpose, Refused, judge
from controller.guard_rules_grid import within_grid_limit
from controller.guard_types import Situation
from drivers.api import Capability, Knob, Signal, WriteClass
from drivers.grid.limit import GridLimit, GridState, Window
from drivers.profile import load_profile

POWER_KNOB = Knob(
    capability=POWER,
    point="limit",
    minimum=500.0,
    maximum=6000.0,
    resolution=100.0,
    write_class=WriteClass.VOLATILE,
)
LIMIT = GridLimit(limit_w=3000.0, guaranteed_w=4200.0, state=GridState.LIMITED)
FROST_C = LIMITS.frost_c
TANK = Capability.DHW_SETPOINT
TANK_KNOB = replace(
    OFFSET_KNOB, capability=TANK, minimum=35.0, maximum=60.0, safe_minimum=40.0, safe_maximum=55.0
)
WITH_TANK = replace(LIMITS, tank_knob=TANK_KNOB)
OWN_TANK = replace(LIMITS, tank_limit_knob=TANK_KNOB)
SG_KNOB = replace(
    FLOW_KNOB, capability=Capability.SG_READY, minimum=1.0, maximum=4.0, resolution=1.0
)


def seen(power_w=5000.0, *, minutes=0.0, limit=LIMIT, **values):
    signals = {**HEALTHY, **{Signal(name): value for name, value in values.items()}}
    if power_w is not None:
        signals[Signal.METER_POWER_W] = power_w
    return replace(snapshot(signals, AT + timedelta(minutes=minutes)), grid=limit)


def after(*moments):
    hold = None
    for moment in moments:
        hold = held(hold, moment, FROST_C)
    return hold


def bound(verdict, moment, hold, limits=LIMITS):
    return within_grid_limit(verdict, Situation(moment, Memory(grid=hold), limits))


def with_power(**changes):
    return replace(LIMITS, power_knob=replace(POWER_KNOB, **changes))


def test_without_a_limit_the_verdict_is_untouched():
    verdict = Allowed({FLOW: 40.0})
    assert bound(verdict, seen(limit=None), None) is verdict


def test_a_power_limit_is_written_below_the_limit_in_the_knobs_steps():
    verdict = bound(Allowed({FLOW: 40.0}), seen(), after(seen()), with_power())
    assert verdict.settings == {FLOW: 40.0, POWER: 2900.0}
    assert verdict.forced == {POWER: Purpose.DSO}


@pytest.mark.parametrize("reason", ["the pump reports alarm 5", "released by the owner"])
def test_the_limit_holds_where_nothing_else_is_asked(reason):
    verdict = bound(Refused((reason,)), seen(), after(seen()), with_power())
    assert verdict.settings == {POWER: 2900.0}
    assert verdict.reasons == (reason, "the grid operator allows 3000 W")


def test_a_pump_without_power_limit_is_lowered_first_and_rests_when_that_is_too_much():
    moments = [seen(minutes=minutes) for minutes in (0, 1, 2)]
    lowered = bound(Allowed({FLOW: 45.0}), moments[1], after(*moments[:2]))
    assert lowered.settings == {FLOW: LIMITS.run_value}
    rested = bound(Allowed({FLOW: 45.0}), moments[2], after(*moments))
    assert rested.settings == {FLOW: LIMITS.rest_value}
    assert rested.forced == {FLOW: Purpose.DSO}


def test_a_pump_that_does_not_follow_its_power_limit_is_told_to_rest():
    moments = [seen(minutes=minutes) for minutes in (0, 1, 2)]
    verdict = bound(Allowed({FLOW: 45.0}), moments[2], after(*moments), with_power())
    assert verdict.settings == {FLOW: LIMITS.rest_value, POWER: 2900.0}


def test_a_rested_pump_stays_so_while_the_same_limit_holds_and_no_longer():
    over = [seen(minutes=minutes) for minutes in (0, 1, 2)]
    quiet = seen(50.0, minutes=3)
    assert after(*over, quiet).step is Held.RESTED
    assert after(*over, quiet, seen(50.0, minutes=4, limit=None)) is None
    more = replace(LIMIT, limit_w=3500.0)
    assert after(*over, quiet, seen(50.0, minutes=4, limit=more)).step is Held.WATCHED


def test_a_pump_that_draws_less_by_itself_keeps_its_settings():
    quiet = seen(2500.0)
    assert bound(Allowed({FLOW: 40.0}), quiet, after(quiet)) == Allowed({FLOW: 40.0})


def test_without_meter_and_power_limit_the_pump_rests():
    blind = seen(None)
    assert bound(Allowed({FLOW: 40.0}), blind, after(blind)).settings == {FLOW: LIMITS.rest_value}


def test_a_house_at_its_frost_floor_is_heated_as_little_as_possible_where_nothing_measures_it():
    cold = seen(None, room_c=FROST_C)
    wish = Allowed({FLOW: LIMITS.frost_value})
    assert bound(wish, cold, after(cold)).settings == {FLOW: LIMITS.run_value}
    shifting = replace(LIMITS, knob=OFFSET_KNOB, rest_value=-3.0, run_value=None)
    warm = Allowed({OFFSET_KNOB.capability: 2.0})
    assert bound(warm, cold, after(cold), shifting) is warm


def test_hot_water_yields_too_also_where_nothing_steers_the_rooms():
    limits = replace(WITH_TANK, knob=None, rest_value=None, run_value=None)
    assert bound(Allowed({TANK: 52.0}), seen(), after(seen()), limits).settings == {TANK: 40.0}


def test_a_shifting_knob_rests_at_once():
    limits = replace(LIMITS, knob=OFFSET_KNOB, rest_value=-3.0, run_value=None)
    verdict = bound(Allowed({OFFSET_KNOB.capability: 2.0}), seen(), after(seen()), limits)
    assert verdict.settings == {OFFSET_KNOB.capability: -3.0}


def test_frost_heat_has_what_is_guaranteed_and_no_more():
    cold = seen(4100.0, room_c=FROST_C, limit=replace(LIMIT, limit_w=1000.0))
    hold = after(cold)
    assert hold.allowed_w == 4200.0
    memory = Memory(grid=hold)
    limits = with_power()
    verdict = within_grid_limit(
        judge(heat(30.0), cold, memory, limits), Situation(cold, memory, limits)
    )
    assert verdict.settings == {FLOW: LIMITS.frost_value, POWER: 4100.0}
    still = [seen(5000.0, room_c=FROST_C, minutes=minutes) for minutes in (0, 1, 2)]
    assert after(*still).step is Held.RESTED


def test_a_limit_overrides_the_minimum_run_and_the_defrost_freeze():
    over = [seen(minutes=minutes, operating_state=3.0) for minutes in (0, 1, 2)]
    memory = Memory(True, over[2].at, {FLOW: 45.0}, grid=after(*over))
    verdict = within_grid_limit(
        judge(heat(40.0), over[2], memory, LIMITS), Situation(over[2], memory, LIMITS)
    )
    assert verdict.settings[FLOW] == LIMITS.rest_value


def test_a_limit_below_the_knobs_range_means_rest_once_measured():
    low = [seen(900.0, minutes=m, limit=replace(LIMIT, limit_w=200.0)) for m in (0, 1, 2)]
    verdict = bound(Allowed({FLOW: 40.0}), low[2], after(*low), with_power())
    assert verdict.settings == {FLOW: LIMITS.rest_value}


@given(
    st.floats(0.0, 8000.0),
    st.lists(st.floats(0.0, 9000.0) | st.none(), min_size=1, max_size=6),
    st.floats(15.0, 60.0),
    st.booleans(),
    st.booleans(),
)
def test_a_bound_verdict_asks_no_more_and_binding_again_changes_nothing(
    limit_w, powers_w, flow_c, has_knob, has_tank
):
    limit = replace(LIMIT, limit_w=limit_w)
    moments = [seen(p, minutes=float(i), limit=limit) for i, p in enumerate(powers_w)]
    hold, limits = after(*moments), with_power() if has_knob else LIMITS
    limits = replace(limits, tank_limit_knob=TANK_KNOB if has_tank else None)
    once = bound(Allowed({FLOW: flow_c}), moments[-1], hold, limits)
    assert once.settings[FLOW] <= flow_c or once.settings[FLOW] == FLOW_KNOB.minimum
    assert once.settings.get(POWER, 0.0) <= max(limit_w, 0.0)
    assert once.settings.get(TANK, 40.0) == 40.0
    assert bound(once, moments[-1], hold, limits) == once


def test_limit_and_hold_come_back_from_a_record():
    window = Window(starts_at=AT, ends_at=AT + timedelta(hours=1), limit_w=1.5, issued_at=AT)
    limit = replace(LIMIT, until=AT, issued_at=AT, ahead=(window,))
    shared = replace(limit, total_w=9000.0, others_w=800.0, remark="a dryer")
    for kept in (LIMIT, limit, shared):
        assert limit_in(limit_out(kept)) == kept
    for number, step in enumerate(Held):  # as they stand in records
        hold = GridHold(1.0, AT, step)
        assert hold_out(hold)[2] == number
        assert hold_in(hold_out(hold)) == hold
    assert hold_in(hold_out(GridHold(1.0))) == GridHold(1.0)


@pytest.mark.parametrize(
    ("limit_w", "written"),
    [
        (499.9, {}),
        (500.0, {POWER: 500.0}),
        (599.9, {POWER: 500.0}),
        (650.0, {POWER: 600.0}),
        (3050.0, {POWER: 3000.0}),
    ],
)
def test_a_power_limit_is_used_where_its_range_reaches_below_the_limit(limit_w, written):
    quiet = seen(100.0, limit=replace(LIMIT, limit_w=limit_w))
    verdict = bound(Allowed({FLOW: 40.0}), quiet, after(quiet), with_power())
    assert verdict.settings == {FLOW: 40.0, **written}


@pytest.mark.parametrize(
    ("profile", "told_w"),
    [
        ("daikin_homehub", 4200.0),
        ("ems_esp", 4100.0),
        ("generic_modbus", 4150.0),
        ("luxtronik_shi", 4200.0),
        ("nibe_s", 4200.0),
        ("xtherma", 4200.0),
    ],
)
def test_what_is_guaranteed_by_law_reaches_every_shipped_power_limit_as_a_number(profile, told_w):
    knob = load_profile(profile).knobs[POWER]
    quiet = seen(100.0, limit=replace(LIMIT, limit_w=4200.0))
    limits = replace(LIMITS, power_knob=knob, power_max_w=None)
    verdict = bound(Allowed({FLOW: 40.0}), quiet, after(quiet), limits)
    assert verdict.settings == {FLOW: 40.0, POWER: told_w}


def test_a_power_limit_that_is_lower_already_stays():
    verdict = bound(Allowed({POWER: 1500.0}), seen(100.0), after(seen(100.0)), with_power())
    assert verdict == Allowed({POWER: 1500.0})


def test_a_number_needs_no_meter():
    blind = seen(None)
    verdict = bound(Allowed({FLOW: 40.0}), blind, after(blind), with_power())
    assert verdict.settings == {FLOW: 40.0, POWER: 2900.0}


@pytest.mark.parametrize("power_w", [900.0, None])
def test_a_power_limit_out_of_reach_is_no_power_limit(power_w):
    low = seen(power_w, limit=replace(LIMIT, limit_w=200.0))
    verdict = bound(Allowed({FLOW: 45.0}), low, after(low), with_power())
    least = LIMITS.rest_value if power_w is None else LIMITS.run_value
    assert verdict.settings == {FLOW: least}


def test_rooms_and_tank_yield_together():
    verdict = bound(Allowed({FLOW: 45.0, TANK: 52.0}), seen(), after(seen()), WITH_TANK)
    assert verdict.settings == {FLOW: LIMITS.run_value, TANK: 40.0}
    assert verdict.forced == {FLOW: Purpose.DSO, TANK: Purpose.DSO}


def test_the_pumps_own_hot_water_yields_with_the_rooms_and_comes_back_with_the_end_of_the_limit():
    over = seen(operating_state=2.0)
    verdict = bound(Allowed({FLOW: 45.0}), over, after(over), OWN_TANK)
    assert verdict.settings == {FLOW: LIMITS.run_value, TANK: 40.0}
    assert verdict.forced[TANK] is Purpose.DSO
    nobody = bound(Refused(("released by the owner",)), over, after(over), OWN_TANK)
    assert nobody.settings == verdict.settings
    assert bound(Allowed({FLOW: 45.0}), seen(limit=None), None, OWN_TANK).settings == {FLOW: 45.0}


def test_own_hot_water_is_left_alone_while_a_number_or_a_quiet_pump_keeps_the_limit():
    quiet = seen(2500.0, operating_state=2.0)
    assert TANK not in bound(Allowed({FLOW: 40.0}), quiet, after(quiet), OWN_TANK).settings
    over = [seen(minutes=minutes, operating_state=2.0) for minutes in (0, 1, 2)]
    by_number = replace(OWN_TANK, power_knob=POWER_KNOB)
    assert TANK not in bound(Allowed({FLOW: 40.0}), over[0], after(over[0]), by_number).settings
    in_vain = bound(Allowed({FLOW: 40.0}), over[2], after(*over), by_number)
    assert in_vain.settings == {FLOW: LIMITS.rest_value, POWER: 2900.0, TANK: 40.0}


def test_a_tank_that_may_have_a_lower_set_point_of_its_own_is_not_warmed_by_a_limit():
    cool, warm = (seen(operating_state=2.0, dhw_c=c) for c in (39.9, 40.0))
    assert TANK not in bound(Allowed({FLOW: 45.0}), cool, after(cool), OWN_TANK).settings
    assert bound(Allowed({FLOW: 45.0}), warm, after(warm), OWN_TANK).settings[TANK] == 40.0
    ours = Situation(cool, Memory(settings={TANK: 40.0}, grid=after(cool)), OWN_TANK)
    assert within_grid_limit(Allowed({FLOW: 45.0}), ours).settings[TANK] == 40.0


def test_legionella_waits_for_the_end_of_a_limit():
    over = [seen(minutes=m, operating_state=2.0, dhw_c=58.0) for m in (0, 1, 2)]
    memory = Memory(True, AT, {FLOW: 45.0, TANK: 60.0}, grid=after(*over))
    wish = replace(heat(45.0), settings={FLOW: 45.0, TANK: 60.0})
    free = judge(wish, over[2], memory, WITH_TANK)
    assert free.settings[TANK] == 55.0
    limited = within_grid_limit(free, Situation(over[2], memory, WITH_TANK))
    assert limited.settings == {FLOW: LIMITS.rest_value, TANK: 40.0}


def test_a_pump_that_asks_for_less_than_its_lowest_run_is_asked_for_no_more():
    verdict = bound(Allowed({FLOW: 20.0}), seen(), after(seen()))
    assert verdict == Allowed({FLOW: 20.0})


def test_without_a_known_lowest_run_a_pump_that_draws_too_much_rests():
    limits = replace(LIMITS, run_value=None)
    verdict = bound(Allowed({FLOW: 45.0}), seen(), after(seen()), limits)
    assert verdict.settings == {FLOW: LIMITS.rest_value}


def test_without_a_known_rest_or_a_knob_the_rooms_settings_stay():
    for limits in (replace(WITH_TANK, rest_value=None), replace(WITH_TANK, knob=None)):
        verdict = bound(Allowed({FLOW: 45.0, TANK: 52.0}), seen(), after(seen()), limits)
        assert verdict.settings == {FLOW: 45.0, TANK: 40.0}


def test_sg_ready_blocks_a_pump_that_draws_too_much_at_once():
    limits = replace(LIMITS, knob=SG_KNOB, rest_value=1.0, run_value=2.0)
    verdict = bound(Allowed({SG_KNOB.capability: 3.0}), seen(), after(seen()), limits)
    assert verdict.settings == {SG_KNOB.capability: 1.0}


def test_a_shifting_knob_rests_where_nothing_measures_the_pump():
    blind = seen(None)
    limits = replace(LIMITS, knob=OFFSET_KNOB, rest_value=-3.0, run_value=None)
    verdict = bound(Allowed({OFFSET_KNOB.capability: 2.0}), blind, after(blind), limits)
    assert verdict.settings == {OFFSET_KNOB.capability: -3.0}


def test_a_house_that_could_be_limited_and_is_not_is_free():
    assert after(seen(limit=replace(LIMIT, limit_w=None))) is None
    assert after(seen(limit=None)) is None


def test_a_room_nobody_measures_is_no_reason_to_allow_more():
    low = replace(LIMIT, limit_w=1000.0)
    signals = {Signal.METER_POWER_W: 3000.0}
    assert after(replace(snapshot(signals), grid=low)).allowed_w == 1000.0


@pytest.mark.parametrize(
    ("power_w", "step"), [(3000.0, Held.WATCHED), (3000.1, Held.LOWERED), (None, Held.WATCHED)]
)
def test_what_is_allowed_breaks_no_limit(power_w, step):
    assert after(seen(power_w)).step is step


@pytest.mark.parametrize(("limit_w", "step"), [(150.0, Held.RESTED), (150.1, Held.WATCHED)])
def test_a_limit_below_what_any_compressor_draws_rests_it_at_once(limit_w, step):
    assert after(seen(100.0, limit=replace(LIMIT, limit_w=limit_w))).step is step


def test_a_short_excess_lowers_and_the_settle_time_begins_anew():
    excess = [seen(minutes=0), seen(100.0, minutes=1), seen(minutes=2), seen(minutes=3)]
    assert after(*excess).step is Held.LOWERED
    assert after(*excess, seen(minutes=3.99)).step is Held.LOWERED
    assert after(*excess, seen(minutes=4)).step is Held.RESTED


def test_a_clock_set_back_does_not_let_the_pump_draw_too_much_for_longer():
    set_back = [seen(minutes=minutes) for minutes in (0, -60, -59, -58)]
    assert after(*set_back[:3]).step is Held.LOWERED
    assert after(*set_back).step is Held.RESTED
