"""Whole charges of the tank, chosen before the rooms' plan."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mpc.arrays import FloatArray
from mpc.charges import Charges, charges
from mpc.numbers import numbers_of, stage_of
from mpc.plan import PlanRequest, Site, Solved
from mpc.replay import Decisions, plan_from
from mpc.solver import first_conditions, solve
from mpc.storage import HotWater, heated_below, layers_steps, risen_layers

Make = Callable[..., PlanRequest]
MakeWater = Callable[..., HotWater]
CHARGE_W = 4000.0


@pytest.fixture
def told(make_request: Make, make_hot_water: MakeWater) -> Callable[..., PlanRequest]:
    """A house whose tank is charged with 4 kW; `water` changes the tank's side."""

    def build(*, water: dict[str, Any] | None = None, **house: Any) -> PlanRequest:
        request = make_request(**house)
        tank = make_hot_water(len(request.horizon.outdoor_c))
        return replace(
            request, hot_water=replace(tank, charge_w=CHARGE_W, **(water or {}))
        )  # fmt: skip

    return build


def schedule(request: PlanRequest) -> Charges:
    found = charges(request)
    assert found is not None
    return found


def layers_c(request: PlanRequest, run: FloatArray) -> FloatArray:
    """Upper and lower layer at the end of every step."""
    water = request.hot_water
    assert water is not None
    step_h = np.full(len(run), request.horizon.step_s / 3600.0)
    steps = layers_steps(
        heated_below(water.tank), step_h=step_h, draw_kwh_per_k=np.array(water.draw_kwh_per_k)
    )
    return risen_layers(steps, water.state_c, CHARGE_W * run)


def test_the_tank_is_charged_in_the_cheap_hours_that_come_before_its_deadline(
    told: Callable[..., PlanRequest],
) -> None:
    prices = tuple(0.1 if 12 <= k < 20 else 0.5 for k in range(96))  # 3 to 5 o'clock
    run = np.array(schedule(told(prices=prices)).run_frac)
    assert run[12:20].sum() >= 1.0
    assert run[:12].sum() == 0.0
    assert run[20:28].sum() == 0.0


def test_water_is_warm_at_all_times_and_by_its_deadline(
    told: Callable[..., PlanRequest],
) -> None:
    request = told(hours=48)
    upper_c = layers_c(request, np.array(schedule(request).run_frac))[0]
    assert request.hot_water is not None
    assert (upper_c >= np.array(request.hot_water.low_c) - 0.1).all()


def test_what_may_be_drawn_at_once_is_held_in_store(told: Callable[..., PlanRequest]) -> None:
    def warm_c(reserve_kwh_per_k: float) -> float:
        water = {"reserve_kwh_per_k": (reserve_kwh_per_k,) * 96, "reserve_low_c": 41.0}
        request = told(water=water)
        return float(layers_c(request, np.array(schedule(request).run_frac)).mean())

    assert warm_c(0.08) > warm_c(0.0) + 1.0


@pytest.mark.parametrize("seed", range(6))
def test_charges_are_whole_and_as_long_as_the_pump_must_stay(
    told: Callable[..., PlanRequest], seed: int
) -> None:
    prices = np.random.default_rng(seed).uniform(-0.1, 1.0, 24)
    request = told(prices=tuple(np.repeat(prices, 4).tolist()))
    machine = replace(request.compressor, dwell_s=1800.0)
    run = np.array(schedule(replace(request, compressor=machine)).run_frac)
    assert set(run.tolist()) <= {0.0, 1.0}
    edges = np.diff(np.concatenate([[0.0], run]))
    for begin in np.flatnonzero(edges > 0.0):
        assert run[begin : begin + 2].all()


def begun(run: FloatArray) -> int:
    return int((np.diff(np.concatenate([[0.0], run])) > 0.0).sum())


def test_pipes_that_each_charge_warms_first_make_charges_fewer_and_longer(
    told: Callable[..., PlanRequest],
) -> None:
    counts, lengths = {0.0: 0, 0.8: 0}, {0.0: 0.0, 0.8: 0.0}
    for seed in range(6):
        prices = np.random.default_rng(seed).uniform(0.1, 0.5, 48)
        for kwh in counts:
            request = told(hours=48, prices=tuple(np.repeat(prices, 4).tolist()),
                           water={"warm_up_kwh": kwh})  # fmt: skip
            run = np.array(schedule(request).run_frac)
            counts[kwh] += begun(run)
            lengths[kwh] += run.sum()
    assert counts[0.8] < counts[0.0]
    assert lengths[0.8] > lengths[0.0]


def test_what_warms_the_pipes_reaches_the_tank_neither_in_the_problem_nor_in_the_plan(
    told: Callable[..., PlanRequest],
) -> None:
    warmed = told(water={"warm_up_kwh": 0.5})
    bare = told(water={"warm_up_kwh": 0.0})
    stage, run = stage_of(warmed), np.array(schedule(warmed).run_frac)
    drive_k, heat_w = [], CHARGE_W * run
    upper_c = []
    for request in (bare, warmed):
        asked = replace(stage_of(request), charges=stage.charges)
        met = first_conditions(asked)
        drive_k.append(numbers_of(asked, met.curve, met.tank)["tank_drive_k"])
        wanted = Decisions(heat_w=np.zeros(len(run)), dhw_heat_w=heat_w)
        upper_c.append(np.array(plan_from(request, asked.house, wanted, source="test").dhw_c))
    assert stage.layers is not None
    missing_kwh = (drive_k[0] - drive_k[1]) / stage.layers.b.T * stage.hours
    assert begun(run) > 0
    assert missing_kwh.sum(axis=1) == pytest.approx([0.5 * begun(run)] * 2)
    assert (upper_c[0] - upper_c[1] >= -0.01).all()
    assert upper_c[0][-1] > upper_c[1][-1]


def test_own_solar_power_draws_the_charge_to_it(told: Callable[..., PlanRequest]) -> None:
    pv_w = tuple(4000.0 if 48 <= k < 56 else 0.0 for k in range(96))  # noon to two
    site = Site(base_load_w=(0.0,) * 96, pv_w=pv_w, export_price_per_kwh=(0.02,) * 96)
    request = replace(told(prices=(0.3,) * 96), site=site)
    assert sum(schedule(request).run_frac[48:56]) >= 1.0


def test_no_charge_where_its_power_is_not_allowed(told: Callable[..., PlanRequest]) -> None:
    limit_w = tuple(500.0 if k < 40 else 9000.0 for k in range(96))
    request = told()
    request = replace(request, limits=replace(request.limits, power_max_w=limit_w))
    run = schedule(request).run_frac
    assert sum(run[:40]) == 0.0
    assert sum(run[40:]) > 0.0


def test_a_tank_that_must_be_hot_through_is_so_within_its_window(
    told: Callable[..., PlanRequest],
) -> None:
    hygiene: dict[str, Any] = {"sanitise_c": 58.0, "sanitise_steps": (40, 70), "pump_max_c": 60.0}
    request = told(water={**hygiene, "high_c": (60.0,) * 96})
    found = schedule(request)
    assert found.hot_step is not None
    assert 40 <= found.hot_step <= 70
    assert layers_c(request, np.array(found.run_frac))[1, found.hot_step] >= 57.5


def test_a_plan_charges_when_the_schedule_says(told: Callable[..., PlanRequest]) -> None:
    request = told()
    result = solve(request)
    assert isinstance(result, Solved)
    whole = result.plan.refined_steps
    assert result.plan.dhw_run_frac[:whole] == schedule(request).run_frac[:whole]


def test_the_tank_leaves_no_whole_numbers_to_the_solver(told: Callable[..., PlanRequest]) -> None:
    stage = stage_of(told())
    met = first_conditions(stage)
    numbers = numbers_of(stage, met.curve, met.tank)
    assert np.array_equal(numbers["dhw_low"], numbers["dhw_high"])
    assert np.array_equal(numbers["dhw_min_kw"], numbers["dhw_max_kw"])


def test_a_step_of_a_charge_knows_how_hot_the_tank_is_at_its_end(
    told: Callable[..., PlanRequest],
) -> None:
    result = solve(told())
    assert isinstance(result, Solved)
    heat, ends = np.array(result.plan.dhw_heat_w), np.array(result.plan.dhw_ends_c)
    assert ((ends > 0.0) == (heat > 0.0)).all()
    together = (heat[1:] > 0.0) & (heat[:-1] > 0.0)
    assert (ends[1:][together] == ends[:-1][together]).all()


def test_charges_for_which_no_plan_has_room_are_left_to_the_solver(
    told: Callable[..., PlanRequest],
) -> None:
    request = told(water={"state_c": (38.0, 20.0)})
    machine = replace(
        request.compressor, running=False, since_s=9e3, starts_per_day=3, starts_left=0
    )
    assert isinstance(solve(replace(request, compressor=machine)), Solved)
