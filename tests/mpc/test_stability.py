"""A plan is left only for a gain: noise does not flip decisions, news does change them."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest

from mpc.peaks import PeakCharge, PeakGroup
from mpc.plan import BackupHeater, Compressor, Plan, PlanRequest, Site, Solved
from mpc.replay import house_of, plan_from
from mpc.rules import heating_curve_plan
from mpc.solver import solve
from mpc.stability import Changed, Kept, stated_gain, steady
from mpc.storage import Buffer, HotWater, Tank
from mpc.worth import Worth, decisions_of, worth

Make = Callable[..., PlanRequest]
Priced = Callable[[PlanRequest, tuple[float, ...]], PlanRequest]


def planned(request: PlanRequest) -> Plan:
    result = solve(request)
    assert isinstance(result, Solved), result
    return result.plan


def later(
    request: PlanRequest, steps: int, state_c: tuple[float, ...], machine: Compressor
) -> PlanRequest:
    """The request so many steps on, the days repeating themselves."""
    horizon = request.horizon
    at = horizon.starts_at + timedelta(seconds=steps * horizon.step_s)

    def rolled(values: tuple[float, ...]) -> tuple[float, ...]:
        return values[steps:] + values[:steps]

    return replace(
        request,
        made_at=at,
        horizon=replace(
            horizon,
            starts_at=at,
            outdoor_c=rolled(horizon.outdoor_c),
            spot_per_kwh=rolled(horizon.spot_per_kwh),
            price_per_kwh=rolled(horizon.price_per_kwh),
        ),
        estimate=replace(request.estimate, at=at, state_c=state_c),
        compressor=machine,
    )


def cycling(make_request: Make) -> PlanRequest:
    """A mild day with a pump that must run and rest."""
    request = make_request(hours=24, year=1990, outdoor_c=10.0)
    return replace(
        request,
        limits=replace(request.limits, modulation_min_frac=0.5),
        compressor=Compressor(
            minimum_run_s=1800.0, minimum_off_s=1800.0, start_price=0.02, running=False,
            since_s=7200.0,
        ),
    )  # fmt: skip


def with_tank(request: PlanRequest) -> PlanRequest:
    steps = len(request.horizon.outdoor_c)
    tank = Tank(
        volume_l=180.0, loss_w_per_k=1.8, layers_w_per_k=8.0, heat_to_upper_frac=0.5,
        cold_c=10.0, room_c=20.0, approach_k=5.0,
    )  # fmt: skip
    water = HotWater(
        tank=tank,
        state_c=(46.0, 44.0),
        draw_kwh_per_k=tuple(0.05 if k % 96 in (28, 29, 76, 77) else 0.0 for k in range(steps)),
        low_c=(42.0,) * steps,
        high_c=(52.0,) * steps,
        below_price_per_kh=1.0,
    )
    return replace(request, hot_water=water)


def with_heater(request: PlanRequest) -> PlanRequest:
    return replace(with_tank(request), heater=BackupHeater(stage_w=3000.0, stages=2))


def with_buffer(request: PlanRequest) -> PlanRequest:
    buffer = Buffer(
        kwh_per_k=0.35, loss_w_per_k=2.0, room_c=18.0, state_c=35.0, low_c=25.0, high_c=50.0
    )
    return replace(request, buffer=buffer)


def as_it_is(request: PlanRequest) -> PlanRequest:
    return request


def night(request: PlanRequest, *, steady_plans: bool, noise_k: tuple[float, ...]) -> list[int]:
    """Per step: how many of the later plans changed what an earlier one had decided for it."""
    state_c, machine, held = request.estimate.state_c, request.compressor, None
    decided: dict[int, bool] = {}
    changes = [0] * (len(noise_k) + 24)
    for k, error_k in enumerate(noise_k):
        believed = (state_c[0] + error_k, *state_c[1:])
        asked = later(request, k, believed, machine)
        plan = planned(asked)
        verdict = steady(asked, plan, held)
        if steady_plans and isinstance(verdict, Kept):
            plan = verdict.plan
        for step, share in enumerate(plan.run_frac[: plan.refined_steps]):
            changes[k + step] += decided.get(k + step, share > 0.5) != (share > 0.5)
            decided[k + step] = share > 0.5
        on, held = plan.run_frac[0] > 0.5, plan
        real = house_of(later(request, k, state_c, machine))
        state_c = tuple(real.states_c(np.array(plan.heat_w))[:, 0].tolist())
        since_s = machine.since_s + 900.0 if on == machine.running else 900.0
        machine = replace(machine, running=on, since_s=since_s)
    return changes


NOISE_K = (0.02, -0.02, 0.01, -0.015, 0.02, -0.01, -0.02, 0.02)


def test_noise_of_a_fiftieth_of_a_kelvin_does_not_move_runs_and_rests(make_request: Make) -> None:
    request = cycling(make_request)
    assert sum(night(request, steady_plans=False, noise_k=NOISE_K)) > 0
    assert sum(night(request, steady_plans=True, noise_k=NOISE_K)) == 0


def test_a_price_that_really_changes_changes_the_plan(make_request: Make, priced: Priced) -> None:
    request = cycling(make_request)
    held = planned(request)
    runs = [k for k, share in enumerate(held.run_frac[:24]) if share > 0.5]
    prices = list(request.horizon.price_per_kwh)
    for k in runs:
        prices[k] *= 4.0
    changed = priced(request, tuple(prices))
    verdict = steady(changed, planned(changed), held)
    assert isinstance(verdict, Changed)
    assert verdict.gain is not None
    assert verdict.gain > stated_gain(held)
    assert verdict.reason.startswith("it saves ")


@pytest.mark.parametrize("change", [as_it_is, with_tank, with_heater, with_buffer])
def test_an_equal_request_keeps_the_decisions_of_its_plan(
    make_request: Make, change: Callable[[PlanRequest], PlanRequest]
) -> None:
    request = change(cycling(make_request))
    held = planned(request)
    assert steady(request, held, held) == Kept(held, 0.0)
    rule = replace(heating_curve_plan(request), refined_steps=held.refined_steps)
    verdict = steady(request, rule, held)
    assert isinstance(verdict, Kept), verdict
    near = slice(0, held.refined_steps)
    assert verdict.plan.run_frac[near] == pytest.approx(held.run_frac[near], abs=0.01)
    assert verdict.plan.made_at == request.made_at
    assert verdict.plan.source == "mpc"
    assert verdict.gain < 0.0  # the rule costs more


def test_a_plan_without_whole_decisions_is_always_the_fresh_one(make_request: Make) -> None:
    request = cycling(make_request)
    request = replace(request, search=replace(request.search, refine=False))
    verdict = steady(request, planned(request), planned(request))
    assert isinstance(verdict, Changed)
    assert "no whole decisions" in verdict.reason


def test_a_kept_plan_is_told_with_today_s_rooms_and_values(make_request: Make) -> None:
    request = cycling(make_request)
    held = planned(request)
    colder = replace(request.estimate, state_c=tuple(c - 0.03 for c in request.estimate.state_c))
    today = replace(request, estimate=colder)
    fresh = planned(today)
    moved = replace(fresh, run_frac=(*fresh.run_frac[1:24], 0.0, *fresh.run_frac[24:]))
    verdict = steady(today, moved, held, gain=10.0)
    assert isinstance(verdict, Kept)
    assert verdict.plan.room_c[0] < held.room_c[0]
    assert verdict.plan.marginal_per_kwh == fresh.marginal_per_kwh
    house = house_of(today)
    again = plan_from(today, house, decisions_of(today, house, verdict.plan), source="mpc")
    assert again.room_c == verdict.plan.room_c
    assert again.power_w == pytest.approx(verdict.plan.power_w, abs=1.0)


def test_a_plan_that_breaks_a_limit_today_is_left(make_request: Make) -> None:
    request = cycling(make_request)
    held = planned(request)
    started = Compressor(minimum_run_s=7200.0, minimum_off_s=1800.0, running=True, since_s=60.0)
    today = replace(request, compressor=started)
    off = replace(held, run_frac=(0.0,) * 96, heat_w=(0.0,) * 96)
    verdict = steady(today, planned(today), off)
    assert isinstance(verdict, Changed)
    assert "does not hold any more" in verdict.reason


def test_what_cannot_be_compared_is_left_and_said(make_request: Make) -> None:
    request = cycling(make_request)
    fresh = planned(request)
    assert steady(request, fresh, None) == Changed(None, "there was no plan before")
    for held, words in (
        (replace(fresh, step_s=600), "other steps"),
        (replace(fresh, starts_at=fresh.starts_at + timedelta(hours=1)), "not hold for now"),
        (replace(fresh, starts_at=fresh.starts_at - timedelta(hours=9)), "no whole decisions"),
        (replace(fresh, run_frac=()), "not hold for now"),
    ):
        verdict = steady(request, fresh, held)
        assert isinstance(verdict, Changed)
        assert words in verdict.reason


# ---- what a plan costs ---------------------------------------------------------------------------


@pytest.mark.parametrize("change", [as_it_is, with_tank, with_heater, with_buffer])
def test_the_optimised_plan_costs_no_more_than_the_rule(
    make_request: Make, change: Callable[[PlanRequest], PlanRequest]
) -> None:
    request = change(make_request(hours=24, outdoor_c=-4.0))
    assert (
        worth(request, planned(request)).total < worth(request, heating_curve_plan(request)).total
    )


def test_energy_without_a_connection_is_the_cost_of_the_plan(make_request: Make) -> None:
    request = make_request()
    plan = heating_curve_plan(request)
    costs = worth(request, plan)
    assert costs.energy == pytest.approx(plan.cost, abs=1e-5)
    assert costs.peaks == costs.tank == costs.buffer == costs.reserve == 0.0
    assert costs.total == pytest.approx(sum(getattr(costs, f.name) for f in fields(Worth)))


def test_cold_rooms_cost_by_the_kelvin_hour(make_request: Make) -> None:
    request = make_request(room_c=19.0)
    plan = heating_curve_plan(request)
    costs, comfort = worth(request, plan), request.comfort
    below_kh = 0.25 * sum(max(20.0 - room, 0.0) for room in plan.room_c)
    assert costs.below == pytest.approx(comfort.below_price_per_kh * below_kh)
    debt_kh = 0.25 * sum(21.0 - room for room in plan.room_c)
    assert costs.debt == pytest.approx(comfort.mean_price_per_kh * max(debt_kh, 0.0))


def test_a_connection_is_billed_for_what_it_draws_less_what_it_feeds_in(make_request: Make) -> None:
    request = make_request(hours=4)
    plan = heating_curve_plan(request)
    pv_w = (9000.0,) * 8 + (0.0,) * 8
    charge = PeakCharge(
        name="peak", kind=PeakGroup.FREE, interval_s=3600, step_frac=0.25,
        interval_of_step=tuple(k // 4 for k in range(16)), past_kw=(0.0,) * 4,
        weight_frac=(1.0,) * 4, group_of_interval=(0, 1, 2, 3), floor_kw=(0.0,) * 4,
        history_kw=(1.0,), price_per_kw=2.0,
    )  # fmt: skip
    site = Site(
        base_load_w=(500.0,) * 16, pv_w=pv_w, export_price_per_kwh=(0.05,) * 16, peaks=(charge,)
    )
    costs = worth(replace(request, site=site), plan)
    net_kw = (np.array(plan.power_w) + 500.0 - np.array(pv_w)) / 1000.0
    price = np.where(net_kw > 0.0, np.array(request.horizon.price_per_kwh), 0.05)
    assert costs.energy == pytest.approx(0.25 * float(price @ net_kw))
    hourly_kw = np.maximum(net_kw, 0.0).reshape(4, 4).mean(axis=1)
    assert costs.peaks == pytest.approx(2.0 * max(hourly_kw.max(), 1.0))


def test_the_back_up_heat_in_the_tank_is_found_from_its_temperatures(make_request: Make) -> None:
    request = with_heater(make_request(hours=12))
    steps, house = 48, house_of(request)
    rng = np.random.default_rng(3)
    wanted = decisions_of(request, house, heating_curve_plan(request))
    into_tank = np.where(np.arange(steps) % 7 == 0, 2900.0 * rng.random(steps), 0.0)
    into_rooms = np.where(np.arange(steps) % 5 == 0, 2500.0, 0.0)
    wanted = replace(wanted, heater_w=into_rooms, dhw_heater_w=into_tank)
    found = decisions_of(request, house, plan_from(request, house, wanted, source="mpc"))
    assert found.dhw_heater_w == pytest.approx(into_tank, abs=20.0)
    assert found.heater_w == pytest.approx(into_rooms, abs=20.0)


def test_what_a_buffer_gives_is_found_from_its_temperatures(make_request: Make) -> None:
    request = with_buffer(make_request(hours=12))
    house, steps = house_of(request), 48
    plan = planned(request)
    wanted = replace(decisions_of(request, house, plan), emitted_w=np.linspace(500, 3000, steps))
    found = decisions_of(request, house, plan_from(request, house, wanted, source="mpc"))
    assert found.emitted_w == pytest.approx(wanted.emitted_w, abs=5.0)
