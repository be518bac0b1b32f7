"""Whatever is asked: a plan that breaks nothing, or words. Never an exception."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.building import EmitterKind, MassClass
from mpc.checks import broken
from mpc.heat_pump_maps import air_water_surrogate
from mpc.plan import Compressor, NotSolved, PlanRequest, Reserve, Solved
from mpc.solver import solve
from mpc.storage import Buffer

Make = Callable[..., PlanRequest]
Solve = Callable[[PlanRequest], Solved]
BUFFER = Buffer(kwh_per_k=0.4, loss_w_per_k=1.0, room_c=18.0, state_c=40.0, low_c=30.0, high_c=53.0)


@st.composite
def oddities(draw: st.DrawFn) -> dict[str, Any]:
    """What may be strange about a request, by part."""
    return {
        "house": {
            "kind": draw(st.sampled_from(EmitterKind)),
            "mass": draw(st.sampled_from(MassClass)),
            "year": draw(st.integers(1900, 2030)),
            "outdoor_c": draw(st.sampled_from([-35.0, -12.0, 2.0, 20.0, 38.0])),
            "room_c": draw(st.sampled_from([-5.0, 4.0, 15.0, 21.0, 30.0])),
        },
        "price": draw(st.sampled_from([0.0, 1e-9, 0.2, 1e4, -0.3])),
        "wave": draw(st.floats(0.0, 2.0)),
        "pump_w": draw(st.sampled_from([200.0, 6000.0, 60_000.0])),
        "power_max_w": draw(st.sampled_from([0.0, 400.0, 1500.0, 6000.0])),
        "limited": draw(st.tuples(st.integers(0, 60), st.integers(0, 36))),
        "limits": {
            "flow_max_c": draw(st.sampled_from([15.0, 35.0, 55.0, 75.0])),
            "modulation_min_frac": draw(st.sampled_from([0.0, 0.3, 1.0])),
        },
        "minimum_s": draw(st.sampled_from([1800.0, 1e5])),
        "machine": {
            "starts_left": draw(st.sampled_from([0, 1, 5])),
            "running": draw(st.sampled_from([None, True, False])),
            "hot_water": draw(st.booleans()),
            "since_s": draw(st.sampled_from([0.0, 100.0, 1e6])),
        },
        "tank_c": draw(st.tuples(st.floats(2.0, 80.0), st.floats(2.0, 80.0))),
        "sanitise_c": draw(st.sampled_from([None, 55.0, 70.0])),
        "late_s": draw(st.sampled_from([0.0, 1.0, 899.0])),
        "refine": draw(st.booleans()),
    }


def odd(request: PlanRequest, what: dict[str, Any]) -> PlanRequest:
    """The request with these oddities."""
    steps = len(request.horizon.outdoor_c)
    price = what["price"] * (1.0 + what["wave"] * np.sin(np.arange(steps) / 10.0))
    prices = tuple(price.tolist())
    (first, length), limit_w = what["limited"], np.full(steps, 6000.0)
    limit_w[first : first + length] = what["power_max_w"]
    assert request.hot_water is not None
    water = replace(request.hot_water, state_c=what["tank_c"])
    if what["sanitise_c"] is not None:
        water = replace(water, sanitise_c=what["sanitise_c"], sanitise_steps=(20, 80))
    machine = replace(
        request.compressor,
        minimum_run_s=what["minimum_s"],
        minimum_off_s=what["minimum_s"],
        **what["machine"],
    )
    reserve = Reserve(up_w=(500.0,) * steps, down_w=(3000.0,) * steps, sustain_s=3600.0)
    late_at = request.estimate.at + timedelta(seconds=what["late_s"])
    return replace(
        request,
        horizon=replace(request.horizon, price_per_kwh=prices, spot_per_kwh=prices),
        heat_pump=air_water_surrogate(what["pump_w"]),
        limits=replace(request.limits, power_max_w=tuple(limit_w.tolist()), **what["limits"]),
        compressor=machine,
        hot_water=water,
        reserve=reserve,
        estimate=replace(request.estimate, at=late_at),
        search=replace(request.search, refine=what["refine"], time_limit_s=2.0),
    )


def answered(request: PlanRequest) -> None:
    result = solve(request)
    if isinstance(result, NotSolved):
        assert len(result.reason) > 10
        return
    assert broken(request, result.plan) == ()
    assert len(result.plan.heat_w) == len(request.horizon.outdoor_c)
    assert all(map(math.isfinite, (*result.plan.heat_w, *result.plan.power_w)))


@pytest.mark.timeout(90)  # each shape of a house is compiled once
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(what=oddities())
def test_odd_requests_get_a_plan_that_breaks_nothing_or_words(
    everything: Make, what: dict[str, Any]
) -> None:
    answered(odd(everything(**what["house"]), what))


PARTS: dict[str, dict[str, Any]] = {
    "no heater": {"heater": None},
    "no tank": {"hot_water": None},
    "no meter": {"site": None},
    "a tank and nothing else": {"heater": None, "site": None, "compressor": Compressor()},
    "a heater and nothing else": {"hot_water": None, "site": None},
    "a buffer too": {"buffer": BUFFER},
}


@pytest.mark.parametrize("what", PARTS)
def test_every_part_may_be_missing_or_there(
    everything: Make, relaxed_request: Make, solved: Solve, what: str
) -> None:
    request = replace(relaxed_request(everything()), **PARTS[what])
    plan = solved(request).plan
    assert plan.discomfort_kh < 0.2
    assert bool(plan.dhw_c) == (request.hot_water is not None)
    assert bool(plan.heater_w) == (request.heater is not None)
    assert bool(plan.buffer_c) == (request.buffer is not None)


def test_parts_that_do_not_fit_the_horizon_are_refused_by_name(everything: Make) -> None:
    request = everything()
    water, site = request.hot_water, request.site
    assert water is not None
    assert site is not None
    short = replace(site.peaks[0], interval_of_step=(0, 1))
    reserve = Reserve(up_w=(0.0,) * 96, down_w=(0.0,), sustain_s=900.0)
    hollow = replace(water, tank=replace(water.tank, volume_l=0.0))
    for words, broken_request in (
        ("hot_water.low_c has 1", replace(request, hot_water=replace(water, low_c=(42.0,)))),
        ("site.pv_w has 0", replace(request, site=replace(site, pv_w=()))),
        ("peak charge three days has 2", replace(request, site=replace(site, peaks=(short,)))),
        ("reserve.down_w has 1", replace(request, reserve=reserve)),
        ("volume_l must be positive", replace(request, hot_water=hollow)),
        ("kwh_per_k must be positive", replace(request, buffer=replace(BUFFER, kwh_per_k=0.0))),
    ):
        result = solve(broken_request)
        assert isinstance(result, NotSolved)
        assert words in result.reason


@pytest.mark.parametrize(
    ("step_s", "hours"),
    [(900, 1), (1800, 1), (300, 4), (1800, 24), (3600, 24), (3600, 2), (7200, 24)],
)
def test_other_steps_and_short_horizons_are_planned_too(
    make_request: Make, step_s: int, hours: int
) -> None:
    steps = hours * 3600 // step_s
    request = make_request(hours=max(hours, 1))

    def cut(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple((values * 4)[:steps])

    horizon, comfort = request.horizon, request.comfort
    request = replace(
        request,
        horizon=replace(
            horizon,
            step_s=step_s,
            outdoor_c=cut(horizon.outdoor_c),
            ghi_w_per_m2=cut(horizon.ghi_w_per_m2),
            spot_per_kwh=cut(horizon.spot_per_kwh),
            price_per_kwh=cut(horizon.price_per_kwh),
            price_known=(True,) * steps,
        ),
        comfort=replace(
            comfort,
            low_c=cut(comfort.low_c),
            high_c=cut(comfort.high_c),
            target_c=cut(comfort.target_c),
        ),
    )
    result = solve(request)
    assert isinstance(result, Solved)
    assert len(result.plan.heat_w) == steps
    assert broken(request, result.plan) == ()


def test_a_solver_nobody_knows_is_named_in_the_answer(make_request: Make) -> None:
    request = make_request()
    search = replace(request.search, solvers=("clarabel", "cplex"))
    result = solve(replace(request, search=search))
    assert isinstance(result, NotSolved)
    assert "no solver is called 'cplex'" in result.reason
