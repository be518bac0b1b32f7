import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc import problem
from mpc.building import EmitterKind, MassClass, flow_for_heat, simulate, with_radiators
from mpc.estimator import initial
from mpc.heat_pump import capacity_w, cop, part_load_gain
from mpc.heat_pump_maps import ground_source_map
from mpc.plan import NotSolved, Plan, PlanRequest, PlanResult, Solved
from mpc.power_curve import heat_max_w, power_w
from mpc.replay import emission_at, house_of
from mpc.solver import solve

Make = Callable[..., PlanRequest]
Priced = Callable[[PlanRequest, tuple[float, ...]], PlanRequest]
FEW = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def plan_of(result: PlanResult) -> Plan:
    assert isinstance(result, Solved), result
    return result.plan


def kwh(plan: Plan) -> float:
    return sum(plan.power_w) * plan.step_s / 3.6e6


@pytest.mark.parametrize("kind", EmitterKind)
def test_the_plan_moves_heat_into_cheap_hours_and_keeps_the_band(
    make_request: Make, kind: EmitterKind
) -> None:
    plan = plan_of(solve(make_request(kind=kind, mass=MassClass.HEAVY, year=1990)))
    price, power = np.array(plan.price_per_kwh), np.array(plan.power_w)
    paid = float(price @ power / power.sum())
    assert paid < 0.9 * float(price.mean())
    assert plan.discomfort_kh < 0.05
    assert float(np.mean(plan.room_c)) >= 21.0 - 0.01


def test_the_plan_is_what_the_model_makes_of_its_heat(make_request: Make) -> None:
    request = make_request(kind=EmitterKind.FLOOR, year=2000)
    plan = plan_of(solve(request))
    house = house_of(request)
    states = simulate(
        house.step,
        house.drive_k[:, 0] + house.step.b_heat * plan.heat_w[0],
        heat_w=plan.heat_w[1:],
        drive_k=house.drive_k[:, 1:],
    )
    assert plan.room_c[1:] == pytest.approx(states[0], abs=0.001)
    cost = float(np.array(plan.power_w) @ np.array(plan.price_per_kwh)) * plan.step_s / 3.6e6
    assert plan.cost == pytest.approx(cost, abs=1e-5)


def test_a_house_with_radiators_as_a_state_is_planned_like_any_other(make_request: Make) -> None:
    request = make_request()
    building = with_radiators(request.building, request.emitter)
    estimate = initial(
        building, at=request.made_at, room_c=21.0, outdoor_c=request.horizon.outdoor_c[0]
    )
    plan = plan_of(solve(replace(request, building=building, estimate=estimate)))
    plain = plan_of(solve(request))
    assert plan.discomfort_kh < 0.05
    assert plan.cost == pytest.approx(plain.cost, rel=0.05)


@pytest.mark.parametrize("kind", EmitterKind)
def test_planned_power_and_flow_come_from_the_maps(make_request: Make, kind: EmitterKind) -> None:
    request = make_request(kind=kind)
    plan = plan_of(solve(request))
    house = house_of(request)
    heat = np.array(plan.heat_w)
    states = house.during_c(house.states_c(heat))
    floor_c = states[2] if len(states) > 2 else None
    flow = flow_for_heat(request.emitter, heat, states[0], floor_c)
    assert plan.flow_c == pytest.approx(flow, abs=0.01)
    full = heat > 0.5 * heat.max()
    outdoor_c, flow = np.array(request.horizon.outdoor_c)[full], flow[full]
    load_frac = heat[full] / capacity_w(request.heat_pump, outdoor_c, flow)
    real_cop = cop(request.heat_pump, outdoor_c, flow)
    real_cop = real_cop * part_load_gain(outdoor_c, flow, load_frac)
    expected = heat[full] / real_cop + request.heat_pump.standby_w
    assert np.array(plan.power_w)[full] == pytest.approx(expected, abs=0.2)


def test_equal_requests_give_equal_plans_whatever_was_solved_before(make_request: Make) -> None:
    request = make_request()
    first = plan_of(solve(request))
    solve(make_request(outdoor_c=-8.0, room_c=18.0))
    assert plan_of(solve(request)) == first
    problem.compiled.cache_clear()
    assert plan_of(solve(request)) == first


@FEW
@given(step=st.integers(0, 95), more_frac=st.floats(0.1, 1.5), kind=st.sampled_from(EmitterKind))
def test_a_higher_price_in_one_step_never_raises_its_use(
    make_request: Make, priced: Priced, step: int, more_frac: float, kind: EmitterKind
) -> None:
    request = make_request(kind=kind)
    prices = list(request.horizon.price_per_kwh)
    before = plan_of(solve(request))
    prices[step] *= 1.0 + more_frac
    after = plan_of(solve(priced(request, tuple(prices))))
    assert after.heat_w[step] <= before.heat_w[step] + 25.0


@FEW
@given(share=st.floats(0.4, 0.9), first=st.integers(0, 80), length=st.integers(4, 16))
def test_a_tighter_bound_never_lowers_the_objective(
    make_request: Make, share: float, first: int, length: int
) -> None:
    request = make_request()
    free = solve(request)
    assert isinstance(free, Solved)
    limit_w = [1e6] * 96
    for k in range(first, min(first + length, 96)):
        limit_w[k] = max(share * free.plan.power_w[k], 700.0)
    limits = replace(request.limits, power_max_w=tuple(limit_w))
    tight = solve(replace(request, limits=limits))
    assert isinstance(tight, Solved)
    fit = 0.002 * abs(free.diagnostics.objective)  # the power curve is drawn anew under the limit
    assert tight.diagnostics.objective >= free.diagnostics.objective - fit
    assert (np.array(tight.plan.power_w) <= np.array(limit_w) + 1.0).all()


@pytest.mark.parametrize("kind", EmitterKind)
def test_bounds_hold_at_the_temperatures_the_plan_leads_to(
    make_request: Make, kind: EmitterKind
) -> None:
    request = make_request(kind=kind, outdoor_c=-9.0, room_c=19.0)
    flow_max_c = 46.0 if kind is EmitterKind.RADIATOR else 35.0
    request = replace(request, limits=replace(request.limits, flow_max_c=flow_max_c))
    plan = plan_of(solve(request))
    heat = np.array(plan.heat_w)
    house = house_of(request)
    at = emission_at(request, house.during_c(house.states_c(heat)))
    assert (heat <= heat_max_w(at) + 0.02 * heat.max()).all()
    assert max(plan.flow_c) <= flow_max_c + 0.3
    assert min(plan.heat_w) >= 0.0


def test_negative_prices_do_not_buy_waste(make_request: Make, priced: Priced) -> None:
    request = make_request(outdoor_c=2.0)
    prices = np.array(request.horizon.price_per_kwh)
    prices[40:56] = -0.15
    request = priced(request, tuple(prices.tolist()))
    plan = plan_of(solve(request))
    house = house_of(request)
    heat = np.array(plan.heat_w)
    at = emission_at(request, house.during_c(house.states_c(heat)))
    assert plan.power_w == pytest.approx(power_w(at, heat), abs=0.2)
    assert float(np.mean(heat[40:56])) > 1.2 * float(np.mean(heat))
    assert max(plan.room_c) <= 22.5 + 0.8


def test_free_electricity_all_day_still_gives_a_plan(make_request: Make, priced: Priced) -> None:
    request = make_request()
    plan = plan_of(solve(priced(request, (0.0,) * 96)))
    assert plan.cost == 0.0
    assert plan.discomfort_kh < 0.05


def test_a_house_far_too_cold_is_heated_with_all_there_is(make_request: Make) -> None:
    request = make_request(outdoor_c=-14.0, room_c=12.0)
    plan = plan_of(solve(request))
    assert plan.discomfort_kh > 1.0
    assert plan.room_c[-1] > plan.room_c[0]
    heat, house = np.array(plan.heat_w), house_of(request)
    most = heat_max_w(emission_at(request, house.during_c(house.states_c(heat))))
    assert heat[:24] == pytest.approx(most[:24], rel=0.01)


def test_a_house_far_too_warm_is_not_heated(make_request: Make) -> None:
    plan = plan_of(solve(make_request(outdoor_c=24.0, room_c=27.0)))
    assert sum(plan.heat_w) == pytest.approx(0.0, abs=50.0)


def test_a_debt_of_warmth_is_made_good(make_request: Make) -> None:
    request = make_request(mass=MassClass.HEAVY)
    means = []
    for balance_kh in (-4.0, 0.0, 4.0):
        comfort = replace(request.comfort, balance_kh=balance_kh)
        means.append(float(np.mean(plan_of(solve(replace(request, comfort=comfort))).room_c)))
    assert means[0] == pytest.approx(21.0 + 4.0 / 24.0, abs=0.01)
    assert means[0] > means[1] >= 21.0 - 0.01
    assert means[2] < means[1] + 1e-6


def test_the_house_is_not_drained_towards_the_end(make_request: Make, priced: Priced) -> None:
    request = make_request(mass=MassClass.HEAVY, year=1990)
    plan = plan_of(solve(priced(request, (0.3,) * 96)))
    heat = np.array(plan.heat_w)
    assert float(np.mean(heat[-8:])) > 0.6 * float(np.mean(heat))
    assert plan.room_c[-1] > 20.5


def test_only_what_is_left_of_the_first_step_counts(make_request: Make) -> None:
    request = make_request(outdoor_c=-5.0, room_c=23.0)
    late = replace(request.estimate, at=request.estimate.at + timedelta(minutes=14))
    off = [plan_of(solve(replace(request, estimate=e))).room_c[0] for e in (request.estimate, late)]
    assert abs(off[1] - 23.0) < abs(off[0] - 23.0)


def test_ground_source_pumps_are_planned_too(make_request: Make) -> None:
    plan = plan_of(solve(replace(make_request(), heat_pump=ground_source_map(9))))
    assert plan.discomfort_kh < 0.1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused_with_their_name(make_request: Make, bad: float) -> None:
    request = make_request()
    horizon = replace(request.horizon, outdoor_c=(bad, *request.horizon.outdoor_c[1:]))
    result = solve(replace(request, horizon=horizon))
    assert isinstance(result, NotSolved)
    assert "outdoor_c[0]" in result.reason
    result = solve(replace(request, building=replace(request.building, air_kwh_per_k=bad)))
    assert isinstance(result, NotSolved)
    assert "air_kwh_per_k" in result.reason


def test_requests_that_do_not_fit_together_are_refused(make_request: Make) -> None:
    request = make_request()
    estimate = replace(request.estimate, state_c=(21.0, 20.0, 25.0))
    late = replace(request.estimate, at=request.estimate.at + timedelta(hours=2))
    comfort = replace(request.comfort, low_c=(20.0,))
    pump = replace(request.heat_pump, points=())
    for broken, words in (
        (replace(request, estimate=estimate), "3 states"),
        (replace(request, estimate=late), "into a horizon"),
        (replace(request, comfort=comfort), "low_c has 1 entries"),
        (replace(request, heat_pump=pump), "rated points"),
    ):
        result = solve(broken)
        assert isinstance(result, NotSolved)
        assert words in result.reason


def test_diagnostics_tell_how_the_plan_came_about(make_request: Make) -> None:
    result = solve(make_request())
    assert isinstance(result, Solved)
    d = result.diagnostics
    assert (d.solver, d.status) == ("piqp", "solved")
    assert 0 < d.iterations < 100
    assert d.replay_error_k < 0.02  # heat is cut to the bound at the temperatures it meets
    assert 1 <= d.passes <= 3
    assert d.refine_status == "solved"
    assert d.refined_gap_frac is not None
    assert d.relaxed_gap_frac is not None
    assert d.refined_gap_frac <= d.relaxed_gap_frac + 1e-6
    assert abs(d.linearisation_error_frac) < 0.05
    assert d.power_fit_error_frac < 0.03
