"""What holds for every rule, whatever the request; and what tells the rules apart."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.building import EmitterKind, with_radiators
from mpc.plan import Compressor, Plan, PlanRequest
from mpc.power_curve import heat_max_w
from mpc.replay import emission_at, house_of
from mpc.rule_aim import RuleOptions, cheap, price_rank
from mpc.rules import RULES

Make = Callable[..., PlanRequest]
Priced = Callable[[PlanRequest, tuple[float, ...]], PlanRequest]

STEP_S = 900
some = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
day_prices = st.lists(st.floats(-0.2, 0.8), min_size=12, max_size=12).map(
    lambda hours: tuple(price for price in hours for _ in range(4))
)
weathers = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(EmitterKind),
        "outdoor_c": st.floats(-30.0, 30.0),
        "room_c": st.floats(2.0, 30.0),
        "prices": day_prices,
    }
)
machines = st.builds(
    Compressor,
    minimum_run_s=st.floats(0.0, 5400.0),
    minimum_off_s=st.floats(0.0, 5400.0),
    running=st.sampled_from([True, False, None]),
    since_s=st.floats(0.0, 7200.0),
    circulation_w=st.floats(0.0, 80.0),
)


def runs_of(plan: Plan) -> list[tuple[bool, int, int]]:
    """(on, first step, number of steps) of every stretch of the compressor."""
    on = np.array(plan.run_frac) > 0.0
    if plan.dhw_run_frac:
        on = on | (np.array(plan.dhw_run_frac) > 0.0)
    edges = [0, *(np.flatnonzero(on[1:] != on[:-1]) + 1).tolist(), len(on)]
    return [(bool(on[a]), a, b - a) for a, b in pairwise(edges)]


def two_level(steps: int) -> tuple[float, ...]:
    """Cheap and dear in turns of six hours."""
    return tuple(0.1 if k * STEP_S // 21_600 % 2 == 0 else 0.4 for k in range(steps))


@pytest.mark.parametrize("name", RULES)
@some
@given(weather=weathers, machine=machines, power_max_w=st.none() | st.floats(0.0, 6000.0))
def test_no_rule_asks_for_more_than_machine_and_limits_allow(
    make_request: Make,
    name: str,
    weather: dict[str, object],
    machine: Compressor,
    power_max_w: float | None,
) -> None:
    request = replace(make_request(hours=12, **weather), compressor=machine)
    if power_max_w is not None:
        limits = replace(request.limits, power_max_w=(power_max_w,) * 48)
        request = replace(request, limits=limits)
    plan = RULES[name](request)
    house = house_of(request)
    heat = np.array(plan.heat_w)
    bound = heat_max_w(emission_at(request, house.during_c(house.states_c(heat))))
    assert np.all(heat >= 0.0)
    assert np.all(heat <= bound + 0.5)
    assert max(plan.flow_c, default=0.0) <= max(request.limits.flow_max_c, max(plan.room_c)) + 0.01
    if power_max_w is not None:
        idle_w = request.heat_pump.standby_w
        assert max(plan.power_w) <= max(power_max_w, idle_w) + 0.5
    assert all(math.isfinite(c) for c in plan.room_c)


@pytest.mark.parametrize("name", RULES)
@some
@given(weather=weathers, machine=machines)
def test_run_and_off_times_hold_for_any_request(
    make_request: Make, name: str, weather: dict[str, object], machine: Compressor
) -> None:
    plan = RULES[name](replace(make_request(hours=12, **weather), compressor=machine))
    stretches = runs_of(plan)
    for i, (on, _, steps) in enumerate(stretches):
        lasted_s = float(steps * STEP_S)
        if i == 0:
            lasted_s += machine.since_s if on == bool(machine.running) else 0.0
        if i < len(stretches) - 1:  # the last stretch goes on beyond the horizon
            assert lasted_s >= (machine.minimum_run_s if on else machine.minimum_off_s) - 1e-3
    on_first = stretches[0][0]
    if on_first != bool(machine.running):
        due_s = machine.minimum_off_s if on_first else machine.minimum_run_s
        assert machine.since_s >= due_s - 1e-3


@pytest.mark.parametrize("name", RULES)
@some
@given(weather=weathers, starts_left=st.integers(0, 3), per_day=st.integers(0, 4))
def test_starts_stay_within_the_budget_of_each_day(
    make_request: Make, name: str, weather: dict[str, object], starts_left: int, per_day: int
) -> None:
    request = make_request(hours=12, **{**weather, "room_c": 21.0})
    night = request.horizon.starts_at + timedelta(hours=5)
    machine = Compressor(
        starts_left=starts_left, starts_per_day=per_day, day_ends_at=night, running=False
    )
    plan = RULES[name](replace(request, compressor=machine))
    started = [first for on, first, _ in runs_of(plan) if on]
    frost = [k for k in started if k > 0 and plan.room_c[k - 1] < request.comfort.frost_c]
    today = [k for k in started if k < 20 and k not in frost]
    tomorrow = [k for k in started if k >= 20 and k not in frost]
    assert len(today) <= starts_left
    assert len(tomorrow) <= per_day


@pytest.mark.parametrize("name", RULES)
def test_a_freezing_house_gets_all_the_heat_there_is_without_a_start_left(
    make_request: Make, name: str
) -> None:
    request = make_request(hours=12, outdoor_c=-5.0, room_c=3.0)
    machine = Compressor(starts_left=0, running=False, since_s=300.0, minimum_off_s=900.0)
    request = replace(request, compressor=machine)
    plan = RULES[name](request, RuleOptions(setback_k=(10.0,) * 48))
    house = house_of(request)
    states = house.states_c(np.array(plan.heat_w))
    bound = heat_max_w(emission_at(request, house.during_c(states)))
    assert plan.heat_w[0] == 0.0  # the shortest rest comes before everything
    assert plan.heat_w[1] > 0.97 * bound[1]
    until = next(k for k, c in enumerate(plan.room_c) if c >= request.comfort.frost_c)
    assert all(frac == 1.0 for frac in plan.run_frac[1 : until + 1])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kind", EmitterKind)
@pytest.mark.parametrize("outdoor_c", [-8.0, 2.0, 9.0])
def test_every_rule_keeps_the_rooms_in_their_band(
    make_request: Make, name: str, kind: EmitterKind, outdoor_c: float
) -> None:
    request = make_request(kind=kind, hours=96, outdoor_c=outdoor_c)
    if kind is EmitterKind.RADIATOR:
        building = with_radiators(request.building, request.emitter)
        state = (*request.estimate.state_c, request.estimate.state_c[0] + 10.0)
        request = replace(
            request, building=building, estimate=replace(request.estimate, state_c=state)
        )
    plan = RULES[name](request)
    assert min(plan.room_c) > 19.5
    assert max(plan.room_c) < 22.7


@pytest.mark.parametrize("kind", EmitterKind)
def test_heat_led_holds_the_target_in_the_mean(make_request: Make, kind: EmitterKind) -> None:
    for outdoor_c in (-5.0, 0.0, 8.0):
        plan = RULES["heat-led"](make_request(kind=kind, hours=96, outdoor_c=outdoor_c))
        assert float(np.mean(plan.room_c)) == pytest.approx(21.0, abs=0.1)


def test_in_mild_weather_the_pump_runs_at_its_lowest_heat_and_rests(make_request: Make) -> None:
    request = make_request(hours=48, outdoor_c=9.0)
    plan = RULES["curve-with-hysteresis"](request)
    heat = np.array(plan.heat_w)
    capacity = 1.0 / request.limits.modulation_min_frac * heat[heat > 0.0].min()
    assert 0.2 < float(np.mean(heat > 0.0)) < 0.9
    assert heat.max() < 0.5 * capacity


def test_a_heat_led_decision_owes_nothing_to_later_weather(make_request: Make) -> None:
    request = make_request(hours=24, outdoor_c=5.0)
    outdoor = (*request.horizon.outdoor_c[:40], *(-15.0,) * 56)
    colder = replace(request, horizon=replace(request.horizon, outdoor_c=outdoor))
    for name in ("heat-led", "curve-with-hysteresis"):
        assert RULES[name](request).heat_w[:40] == RULES[name](colder).heat_w[:40]


@pytest.mark.parametrize("kind", EmitterKind)
@pytest.mark.parametrize("outdoor_c", [-2.0, 3.0, 8.0])
def test_price_led_uses_less_than_heat_led_at_dear_hours_and_holds_the_mean(
    make_request: Make, kind: EmitterKind, outdoor_c: float
) -> None:
    steps = 96 * 4
    request = make_request(kind=kind, hours=96, outdoor_c=outdoor_c, prices=two_level(steps))
    dear = np.array(request.horizon.price_per_kwh) > 0.2
    heat_led, price_led = RULES["heat-led"](request), RULES["price-led"](request)
    used = [float(np.sum(np.array(p.power_w)[dear])) for p in (heat_led, price_led)]
    assert used[1] < 0.7 * used[0]
    assert price_led.cost < heat_led.cost
    assert np.mean(price_led.room_c) == pytest.approx(np.mean(heat_led.room_c), abs=0.35)


def test_heat_first_charges_only_while_it_is_cheap(make_request: Make) -> None:
    request = make_request(hours=48, outdoor_c=0.0, prices=two_level(192))
    plan = RULES["heat-first-then-price"](request, RuleOptions(cheap_frac=0.6))
    demand = RULES["heat-led"](request)
    is_cheap = np.array(request.horizon.price_per_kwh) < 0.2
    warmer = np.array(plan.room_c) - np.array(demand.room_c)
    more = np.array(plan.heat_w) - np.array(demand.heat_w)
    assert warmer.min() > -0.5  # the demand is covered
    assert float(np.mean(more[is_cheap])) > 500.0
    assert float(np.mean(more[~is_cheap])) < 0.0


@pytest.mark.parametrize("name", ["heat-first-then-price", "price-led"])
def test_a_flat_price_makes_a_price_rule_heat_led(make_request: Make, name: str) -> None:
    request = make_request(hours=24, prices=(0.2,) * 96)
    assert RULES[name](request).heat_w == RULES["heat-led"](request).heat_w


def test_prices_nobody_knows_decide_nothing(make_request: Make) -> None:
    request = make_request(hours=24)
    unknown = replace(request, horizon=replace(request.horizon, price_known=(False,) * 96))
    assert RULES["price-led"](unknown).heat_w == RULES["heat-led"](request).heat_w
    assert not cheap(unknown, 0.5).any()


@some
@given(prices=st.lists(st.sampled_from([-0.1, 0.0, 0.1, 0.2, 0.5, 1.0]), min_size=96, max_size=96))
def test_the_price_rank_is_fair_whatever_the_prices(
    make_request: Make, prices: list[float]
) -> None:
    request = make_request(hours=24, prices=tuple(prices))
    rank = price_rank(request)
    assert float(np.mean(rank)) == pytest.approx(0.5)
    assert np.all(np.diff(rank[np.argsort(prices, kind="stable")]) >= 0.0)
    assert set(rank[np.array(prices) == prices[0]]) == {rank[0]}


def test_a_debt_of_the_past_is_made_good(make_request: Make) -> None:
    request = make_request(hours=48)
    owing = replace(request, comfort=replace(request.comfort, balance_kh=-12.0))
    plain, more = RULES["heat-led"](request), RULES["heat-led"](owing)
    assert np.mean(more.room_c) - np.mean(plain.room_c) == pytest.approx(12.0 / 48.0, abs=0.05)


@pytest.mark.parametrize("name", RULES)
def test_a_setback_cools_the_night_and_takes_less_heat(make_request: Make, name: str) -> None:
    request = make_request(hours=48, outdoor_c=0.0)
    night = tuple(3.0 if k // 4 % 24 < 6 else 0.0 for k in range(192))
    plain, lower = RULES[name](request), RULES[name](request, RuleOptions(setback_k=night))
    is_night = np.array(night) > 0.0
    cooler = np.array(plain.room_c) - np.array(lower.room_c)
    assert float(np.mean(cooler[is_night])) > 0.4
    assert sum(lower.heat_w) < sum(plain.heat_w)


def test_options_that_do_not_fit_the_horizon_are_refused(make_request: Make) -> None:
    request = make_request(hours=12)
    with pytest.raises(ValueError, match="setback_k has 3 entries for 48 steps"):
        RULES["heat-led"](request, RuleOptions(setback_k=(1.0,) * 3))
    broken = replace(request, comfort=replace(request.comfort, balance_kh=math.nan))
    with pytest.raises(ValueError, match="balance_kh is nan"):
        RULES["price-led"](broken)


@pytest.mark.parametrize("name", RULES)
def test_a_plan_carries_the_name_of_its_rule(make_request: Make, name: str) -> None:
    assert RULES[name](make_request()).source == name


@pytest.mark.parametrize("name", ["heat-led", "curve-with-hysteresis"])
@pytest.mark.parametrize("kind", EmitterKind)
def test_a_rule_that_goes_on_from_its_own_plan_decides_the_same(
    make_request: Make, name: str, kind: EmitterKind
) -> None:
    request = make_request(kind=kind, hours=24, outdoor_c=7.0)
    whole = RULES[name](request)
    house = house_of(request)
    states = house.states_c(np.array(whole.heat_w))
    for k in (13, 40, 70):
        later_at = request.horizon.starts_at + timedelta(seconds=k * STEP_S)
        rest = {
            field: getattr(request.horizon, field)[k:]
            for field in ("outdoor_c", "ghi_w_per_m2", "spot_per_kwh", "price_per_kwh")
        }
        left = (True,) * (96 - k)
        horizon = replace(request.horizon, starts_at=later_at, price_known=left, **rest)
        edges = {f: getattr(request.comfort, f)[k:] for f in ("low_c", "high_c", "target_c")}
        state_c = tuple(states[:, k - 1].tolist())
        later = replace(
            request,
            horizon=horizon,
            comfort=replace(request.comfort, **edges),
            estimate=replace(request.estimate, at=later_at, state_c=state_c),
            compressor=Compressor(running=whole.heat_w[k - 1] > 0.0),
        )
        assert RULES[name](later).heat_w == pytest.approx(whole.heat_w[k:], abs=2.0)


def test_what_is_gone_of_the_first_step_counts_for_the_shortest_run(make_request: Make) -> None:
    request = make_request(hours=12, outdoor_c=14.0, room_c=23.0)
    estimate = replace(request.estimate, at=request.estimate.at + timedelta(seconds=600))
    machine = Compressor(running=True, since_s=0.0, minimum_run_s=1000.0)
    plan = RULES["heat-led"](replace(request, estimate=estimate, compressor=machine))
    assert plan.run_frac[:3] == (1.0, 1.0, 0.0)  # 300 s and 900 s
