"""Room, tank, heater and connection in one plan: whole decisions, deadlines, limits, reserve."""

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
import pytest

from mpc.arrays import FloatArray
from mpc.checks import broken
from mpc.plan import Compressor, Plan, PlanRequest, Reserve, Solved
from mpc.power_curve import power_w
from mpc.replay import emission_at, house_of
from mpc.storage import HotWater

Make = Callable[..., PlanRequest]
Solve = Callable[[PlanRequest], Solved]
MakeWater = Callable[..., HotWater]
STEPS, WHOLE = 96, 16


def busy(plan: Plan, steps: int = WHOLE) -> list[int]:
    """Whether the compressor works, in the steps decided whole."""
    both = np.array(plan.run_frac) + np.array(plan.dhw_run_frac)
    return list(np.round(both[:steps]).astype(int).tolist())


def spans(states: list[int]) -> list[tuple[int, int]]:
    """(state, number of steps) in turn."""
    return [(state, len(list(part))) for state, part in groupby(states)]


@pytest.fixture
def choppy(everything: Make) -> PlanRequest:
    """Prices that change every half hour and a start that costs nothing: many reasons to stop."""
    prices = tuple(0.05 if k // 2 % 2 else 0.6 for k in range(STEPS))
    request = everything(outdoor_c=-2.0, room_c=20.8, prices=prices)
    machine = replace(request.compressor, start_price=0.0, starts_per_day=48, starts_left=48)
    return replace(request, compressor=machine, search=replace(request.search, gap_frac=0.04))


def test_the_first_hours_are_whole_decisions(choppy: PlanRequest, solved: Solve) -> None:
    plan = solved(choppy).plan
    assert plan.refined_steps == WHOLE
    for shares in (plan.run_frac, plan.dhw_run_frac):
        assert set(shares[:WHOLE]) <= {0.0, 1.0}
    both = np.array(plan.run_frac) + np.array(plan.dhw_run_frac)
    assert both.max() <= 1.0 + 1e-3
    assert (np.array(plan.heat_w)[:WHOLE][np.array(plan.run_frac)[:WHOLE] == 0.0] < 1.0).all()


@pytest.mark.parametrize("minimum_s", [900.0, 1800.0, 5400.0])
def test_minimum_run_and_rest_hold_in_the_first_hours(
    choppy: PlanRequest, solved: Solve, minimum_s: float
) -> None:
    machine = replace(choppy.compressor, minimum_run_s=minimum_s, minimum_off_s=minimum_s)
    plan = solved(replace(choppy, compressor=machine)).plan
    inner = spans(busy(plan))[1:-1]
    assert all(length * 900 >= minimum_s for _, length in inner)
    if minimum_s == 900.0:
        assert len(inner) >= 2


def test_a_machine_that_has_just_stopped_rests_and_one_that_has_just_started_runs(
    choppy: PlanRequest, solved: Solve
) -> None:
    for running in (True, False):
        machine = replace(
            choppy.compressor,
            running=running,
            since_s=300.0,
            minimum_run_s=3600.0,
            minimum_off_s=3600.0,
        )
        plan = solved(replace(choppy, compressor=machine)).plan
        assert busy(plan, 4) == [int(running)] * 4


@pytest.mark.parametrize("left", [0, 1, 2])
def test_starts_stay_within_what_is_left_of_the_day(
    choppy: PlanRequest, solved: Solve, left: int
) -> None:
    machine = replace(choppy.compressor, starts_left=left)
    plan = solved(replace(choppy, compressor=machine)).plan
    states = [0, *busy(plan)]
    started = sum(b > a for a, b in pairwise(states))
    assert started <= left


def test_a_change_between_rooms_and_hot_water_is_kept(choppy: PlanRequest, solved: Solve) -> None:
    machine = replace(choppy.compressor, dwell_s=2700.0)
    assert choppy.hot_water is not None
    cold = replace(choppy.hot_water, state_c=(38.0, 30.0))
    plan = solved(replace(choppy, compressor=machine, hot_water=cold)).plan
    served = spans([int(share > 0.5) for share in plan.dhw_run_frac[:WHOLE]])
    assert any(state for state, _ in served)
    assert all(length >= 3 for state, length in served[1:-1] if state)


def test_the_heater_works_in_whole_stages(everything: Make, solved: Solve) -> None:
    request = everything(outdoor_c=-20.0, room_c=17.0)
    plan = solved(request).plan
    stages = np.array(plan.heater_w[:WHOLE]) / (1000.0 * 0.99)
    assert stages.max() >= 0.9
    assert stages == pytest.approx(np.round(stages), abs=0.01)


def test_running_it_gives_at_least_its_lowest_heat(choppy: PlanRequest, solved: Solve) -> None:
    plan = solved(choppy).plan
    house = house_of(choppy)
    states = house.during_c(house.states_c(np.array(plan.heat_w)))
    where = emission_at(choppy, states)
    lowest = choppy.limits.modulation_min_frac * where.pump.capacity_w(
        where.source_c, np.array(plan.flow_c)
    )
    runs = np.array(plan.run_frac[:WHOLE]) == 1.0
    assert runs.any()
    heat = np.array(plan.heat_w)[:WHOLE][runs]
    assert (heat >= 0.95 * lowest[:WHOLE][runs]).all()


def test_both_gaps_are_told_and_in_order(choppy: PlanRequest, solved: Solve) -> None:
    d = solved(choppy).diagnostics
    assert d.refined_gap_frac is not None
    assert d.relaxed_gap_frac is not None
    assert -1e-3 <= d.refined_gap_frac <= d.relaxed_gap_frac + 1e-3
    assert d.refine_status == "solved"
    assert d.refined_gap_frac <= choppy.search.gap_frac + 1e-3
    unrefined = solved(replace(choppy, search=replace(choppy.search, refine=False))).diagnostics
    assert (unrefined.refine_status, unrefined.refined_gap_frac) == ("", None)
    assert unrefined.objective == pytest.approx(d.objective, rel=1e-3)


# Hot water ---------------------------------------------------------------------------------------


@pytest.fixture
def bathed(make_request: Make, make_hot_water: MakeWater, relaxed_request: Make) -> PlanRequest:
    """A mild day with a tank; electricity is cheap from two to four and from one to three."""
    prices = tuple(0.1 if 8 <= k < 16 or 52 <= k < 60 else 0.4 for k in range(STEPS))
    request = replace(make_request(outdoor_c=8.0, prices=prices), hot_water=make_hot_water(STEPS))
    return relaxed_request(request)


def test_hot_water_is_ready_by_its_deadlines_and_made_in_cheap_hours(
    bathed: PlanRequest, solved: Solve
) -> None:
    plan = solved(bathed).plan
    assert bathed.hot_water is not None
    assert (np.array(plan.dhw_c) >= np.array(bathed.hot_water.low_c) - 0.1).all()
    price, heat = np.array(plan.price_per_kwh), np.array(plan.dhw_heat_w)
    cheap = float(heat[price < 0.2].sum() / heat.sum())
    assert cheap > 0.8
    assert heat.sum() > 0.0


@pytest.mark.parametrize("cheap", [range(40, 48), range(64, 72)])
def test_the_tank_is_hot_throughout_once_where_it_costs_least(
    bathed: PlanRequest, solved: Solve, cheap: range
) -> None:
    assert bathed.hot_water is not None
    prices = tuple(0.1 if k in cheap else 0.4 for k in range(STEPS))
    water = replace(
        bathed.hot_water,
        sanitise_c=60.0,
        sanitise_steps=(30, 90),
        high_c=(65.0,) * STEPS,
        pump_max_c=65.0,
    )
    horizon = replace(bathed.horizon, price_per_kwh=prices)
    plan = solved(replace(bathed, hot_water=water, horizon=horizon)).plan
    reached = np.flatnonzero(np.array(plan.dhw_c) >= 59.9)
    assert len(reached) > 0
    assert reached[0] in range(cheap.start, cheap.stop + 1)


def test_what_the_pump_cannot_reach_the_heater_does(everything: Make, solved: Solve) -> None:
    request = everything()
    assert request.hot_water is not None
    water = replace(
        request.hot_water,
        sanitise_c=62.0,
        sanitise_steps=(8, 20),
        high_c=(68.0,) * STEPS,
        pump_max_c=55.0,
    )
    plan = solved(replace(request, hot_water=water)).plan
    warm = np.array(plan.dhw_c[:WHOLE])
    assert warm.max() >= 61.9
    before = np.r_[48.0, warm[:-1]]
    assert before[np.array(plan.dhw_run_frac[:WHOLE]) > 0.5].max() <= 58.0
    assert max(plan.heater_w[:WHOLE]) > 900.0


# Prices, PV, limits, reserve ---------------------------------------------------------------------


def test_power_is_that_of_the_map_where_electricity_is_worth_less_than_nothing(
    everything: Make, relaxed_request: Make, solved: Solve
) -> None:
    prices = tuple(-0.2 if 40 <= k < 56 else 0.3 for k in range(STEPS))
    request = replace(everything(outdoor_c=4.0, prices=prices), hot_water=None, heater=None)
    request = relaxed_request(replace(request, compressor=Compressor()))
    result = solved(request)
    plan, house = result.plan, house_of(request)
    heat = np.array(plan.heat_w)
    where = emission_at(request, house.during_c(house.states_c(heat)))
    assert np.array(plan.power_w) == pytest.approx(power_w(where, heat), abs=0.2)
    assert abs(result.diagnostics.linearisation_error_frac) < 0.03
    assert float(heat[40:56].mean()) > 1.3 * float(heat.mean())


def test_the_sun_is_used_before_the_grid(
    everything: Make, relaxed_request: Make, solved: Solve
) -> None:
    """With a flat price and little for what is sold, heat moves to where PV is left over."""
    request = relaxed_request(everything(outdoor_c=8.0, prices=(0.3,) * STEPS))
    assert request.site is not None
    sunny = replace(request, site=replace(request.site, peaks=()))
    dull = replace(sunny, site=replace(request.site, peaks=(), pv_w=(0.0,) * STEPS))
    pv_w = np.array(request.site.pv_w)
    over = pv_w > np.array(request.site.base_load_w) + 200.0
    in_sun = [float(np.array(solved(asked).plan.power_w)[over].sum()) for asked in (sunny, dull)]
    assert in_sun[0] > 1.2 * in_sun[1]
    paid_alike = replace(sunny.site, export_price_per_kwh=(0.3,) * STEPS)  # type: ignore[type-var]
    indifferent = solved(replace(sunny, site=paid_alike)).plan
    assert float(np.array(indifferent.power_w)[over].sum()) < in_sun[0]


@pytest.fixture
def reduced(everything: Make) -> PlanRequest:
    """Two hours with half a kilowatt, announced four hours before."""
    limit_w = tuple(500.0 if 16 <= k < 24 else 6000.0 for k in range(STEPS))
    request = everything(outdoor_c=-4.0, prices=(0.3,) * STEPS)
    assert request.site is not None
    request = replace(request, site=replace(request.site, peaks=()))
    return replace(request, limits=replace(request.limits, power_max_w=limit_w))


def test_an_announced_reduction_is_kept_and_prepared_for(
    reduced: PlanRequest, solved: Solve
) -> None:
    free = solved(
        replace(reduced, limits=replace(reduced.limits, power_max_w=(6000.0,) * STEPS))
    ).plan
    plan = solved(reduced).plan
    standby_w = reduced.heat_pump.standby_w
    assert max(plan.power_w[16:24]) <= 1.03 * 500.0 + standby_w
    assert sum(free.power_w[16:24]) > 1.2 * sum(plan.power_w[16:24])
    assert sum(plan.heat_w[:16]) > 1.05 * sum(free.heat_w[:16])
    assert plan.room_c[15] > free.room_c[15] + 0.05
    assert broken(reduced, plan) == ()


def test_a_reduction_ends_a_run_that_has_just_begun(reduced: PlanRequest, solved: Solve) -> None:
    machine = replace(reduced.compressor, running=True, hot_water=True, since_s=60.0)
    limits = replace(reduced.limits, power_max_w=(0.0,) * 8 + (6000.0,) * 88)
    plan = solved(replace(reduced, compressor=machine, limits=limits)).plan
    assert max(plan.power_w[:8]) <= reduced.heat_pump.standby_w + 1.0


def reserved(request: PlanRequest, up_w: float, down_w: float) -> PlanRequest:
    """The request with this reserve in every step, to be borne for an hour."""
    reserve = Reserve(up_w=(up_w,) * STEPS, down_w=(down_w,) * STEPS, sustain_s=3600.0)
    return replace(request, reserve=reserve)


def drawn_w(request: PlanRequest, plan: Plan) -> FloatArray:
    return np.asarray(np.array(plan.power_w) - request.heat_pump.standby_w)


def test_a_reserve_stays_free_on_both_sides(
    everything: Make, relaxed_request: Make, solved: Solve
) -> None:
    plain = relaxed_request(everything(outdoor_c=-2.0))
    plain = replace(plain, limits=replace(plain.limits, power_max_w=(3000.0,) * STEPS))
    request = reserved(plain, up_w=500.0, down_w=1500.0)
    plan = solved(request).plan
    assert (drawn_w(request, plan) >= 0.95 * 500.0).all()
    assert (drawn_w(request, plan) <= 1500.0 * 1.02).all()
    without = drawn_w(plain, solved(plain).plan)
    assert without.max() > 1600.0
    assert without.min() < 475.0


def test_rooms_can_bear_the_call_of_a_reserve(
    everything: Make, relaxed_request: Make, solved: Solve
) -> None:
    plain = relaxed_request(everything(outdoor_c=0.0, prices=(0.3, 0.1) * 48))
    room = [np.array(solved(r).plan.room_c) for r in (plain, reserved(plain, 900.0, 0.0))]
    assert room[1][8:].min() > room[0][8:].min()
    assert room[1][8:].min() > 20.0


def test_a_limit_goes_before_a_reserve(
    everything: Make, relaxed_request: Make, solved: Solve
) -> None:
    request = relaxed_request(everything())
    limited = replace(request, limits=replace(request.limits, power_max_w=(400.0,) * STEPS))
    plan = solved(reserved(limited, up_w=800.0, down_w=5000.0)).plan
    assert (drawn_w(request, plan) <= 400.0 * 1.03).all()
