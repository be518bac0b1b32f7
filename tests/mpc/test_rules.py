import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.building import EmitterKind
from mpc.plan import Plan, PlanRequest, Solved
from mpc.rules import heating_curve_plan, shifted
from mpc.solver import solve

Make = Callable[..., PlanRequest]


@pytest.mark.parametrize("kind", EmitterKind)
def test_the_curve_holds_the_target_when_the_weather_is_steady(
    make_request: Make, kind: EmitterKind
) -> None:
    request = make_request(kind=kind, hours=48)
    horizon = replace(request.horizon, outdoor_c=(0.0,) * 192)
    plan = heating_curve_plan(replace(request, horizon=horizon))
    assert plan.source == "heating-curve"
    assert plan.room_c == pytest.approx((21.0,) * 192, abs=0.1)


def test_the_curve_does_not_look_at_prices(make_request: Make) -> None:
    dear = make_request()
    cheap = make_request(prices=(0.01,) * 96)
    assert heating_curve_plan(dear).heat_w == heating_curve_plan(cheap).heat_w


def test_colder_weather_takes_more_heat_up_to_the_capacity(make_request: Make) -> None:
    means = [
        float(np.mean(heating_curve_plan(make_request(outdoor_c=c)).heat_w))
        for c in (10.0, 0.0, -8.0, -16.0, -20.0)
    ]
    assert means[:3] == sorted(means[:3])
    assert means[4] < means[3]
    assert sum(heating_curve_plan(make_request(outdoor_c=26.0)).heat_w) == 0.0


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    outdoor_c=st.floats(-35.0, 40.0),
    room_c=st.floats(0.0, 40.0),
    disturbance_w=st.floats(-5000.0, 5000.0),
    kind=st.sampled_from(EmitterKind),
)
def test_there_is_a_finite_plan_for_every_finite_request(
    make_request: Make, outdoor_c: float, room_c: float, disturbance_w: float, kind: EmitterKind
) -> None:
    request = make_request(kind=kind, outdoor_c=outdoor_c, room_c=room_c, hours=12)
    estimate = replace(request.estimate, disturbance_w=disturbance_w)
    request = replace(request, estimate=estimate)
    for plan in (heating_curve_plan(request), _optimised(request)):
        for trajectory in (plan.heat_w, plan.power_w, plan.flow_c, plan.room_c):
            assert len(trajectory) == 48
            assert all(math.isfinite(value) for value in trajectory)
        assert min(plan.heat_w) >= 0.0


def _optimised(request: PlanRequest) -> Plan:
    result = solve(request)
    assert isinstance(result, Solved), result
    return result.plan


def test_the_optimised_plan_is_cheaper_than_the_curve_at_the_same_mean(
    make_request: Make,
) -> None:
    request = make_request(hours=48)
    curve = heating_curve_plan(request)
    target_c = (float(np.mean(curve.room_c)),) * 192
    better = _optimised(replace(request, comfort=replace(request.comfort, target_c=target_c)))
    assert float(np.mean(better.room_c)) >= target_c[0] - 0.01
    assert better.cost < 0.97 * curve.cost


def test_a_request_that_is_not_finite_has_no_plan(make_request: Make) -> None:
    request = make_request()
    broken = replace(request, estimate=replace(request.estimate, disturbance_w=math.nan))
    with pytest.raises(ValueError, match="disturbance_w is nan"):
        heating_curve_plan(broken)


def test_a_shifted_plan_is_what_is_left_of_it(make_request: Make) -> None:
    plan = heating_curve_plan(make_request())
    left = shifted(plan, plan.starts_at + timedelta(hours=6, minutes=14))
    assert left is not None
    assert left.starts_at == plan.starts_at + timedelta(hours=6)
    assert left.made_at == plan.made_at
    assert left.source == "shifted"
    assert left.heat_w == plan.heat_w[24:]
    assert left.room_c == plan.room_c[24:]
    first = sum(w * p for w, p in zip(plan.power_w[:24], plan.price_per_kwh[:24], strict=True)) * (
        900 / 3.6e6
    )
    assert left.cost + first == pytest.approx(plan.cost, abs=1e-5)


def test_a_shifted_plan_cuts_every_trajectory_it_has(make_request: Make) -> None:
    plan = heating_curve_plan(make_request())
    steps = len(plan.heat_w)
    marked = tuple(float(k) for k in range(steps))
    optional = {
        "run_frac": marked,
        "dhw_heat_w": marked,
        "dhw_run_frac": marked,
        "dhw_c": marked,
        "heater_w": (),
        "buffer_c": marked,
        "marginal_per_kwh": marked,
    }
    full = replace(plan, **optional, refined_steps=24)
    left = shifted(full, plan.starts_at + timedelta(hours=5))
    assert left is not None
    for name, before in optional.items():
        assert getattr(left, name) == before[20:]
    assert left.refined_steps == 4
    later = shifted(full, plan.starts_at + timedelta(hours=7))
    assert later is not None
    assert later.refined_steps == 0


def test_a_plan_that_has_run_out_leaves_nothing(make_request: Make) -> None:
    plan = heating_curve_plan(make_request())
    end = plan.starts_at + timedelta(hours=24)
    assert shifted(plan, end) is None
    last = shifted(plan, end - timedelta(seconds=1))
    assert last is not None
    assert len(last.heat_w) == 1
    early = shifted(plan, plan.starts_at - timedelta(hours=1))
    assert early is not None
    assert early.starts_at == plan.starts_at
