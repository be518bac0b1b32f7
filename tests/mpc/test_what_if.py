"""Two plans of one request: what another wish would cost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mpc.changes import (
    Away,
    Band,
    Change,
    FlatPrice,
    HotWaterAlwaysReady,
    Limit,
    NoMargin,
    SetPoint,
    WhatIf,
    Window,
    changed,
)
from mpc.plan import NotSolved, PlanRequest
from mpc.storage import HotWater, Tank
from mpc.what_if import what_if

Make = Callable[..., PlanRequest]


def answer(request: PlanRequest, change: Change) -> WhatIf:
    found = what_if(request, change)
    assert isinstance(found, WhatIf), found
    return found


def with_tank(request: PlanRequest) -> PlanRequest:
    steps = len(request.horizon.outdoor_c)
    water = HotWater(
        tank=Tank(
            volume_l=180.0, loss_w_per_k=1.8, layers_w_per_k=8.0, heat_to_upper_frac=0.5,
            cold_c=10.0, room_c=20.0, approach_k=5.0,
        ),
        state_c=(46.0, 44.0),
        draw_kwh_per_k=tuple(0.05 if k % 96 in (28, 29, 76, 77) else 0.0 for k in range(steps)),
        low_c=tuple(45.0 if 24 <= k % 96 < 32 else 35.0 for k in range(steps)),
        high_c=(55.0,) * steps, below_price_per_kh=1.0,
    )  # fmt: skip
    return replace(request, hot_water=water)


def test_a_cooler_house_costs_less_and_is_cooler(make_request: Make) -> None:
    found = answer(make_request(hours=48), SetPoint(-0.5))
    assert found.changed.cost_per_day < found.asked.cost_per_day
    assert found.changed.energy_kwh_per_day < found.asked.energy_kwh_per_day
    assert found.changed.room_mean_c == pytest.approx(found.asked.room_mean_c - 0.5, abs=0.05)


def test_the_heat_taken_out_of_the_house_is_no_saving(make_request: Make) -> None:
    """A kelvin less on a cold day is worth its heat losses, not the heat that the house held."""
    request = make_request(hours=48, outdoor_c=0.0)
    found = answer(request, SetPoint(-1.0))
    saved_frac = 1.0 - found.changed.cost_per_day / found.asked.cost_per_day
    assert 0.02 < saved_frac < 0.12


def test_a_wider_band_never_costs_more(make_request: Make) -> None:
    request = make_request(hours=24)
    for change in (Band(0.5), NoMargin(2.0)):
        found = answer(request, change)
        # Power curves are drawn again at the temperatures found, to within 2 % of the energy.
        assert found.changed.cost_per_day <= 1.005 * found.asked.cost_per_day


def test_a_narrower_band_never_crosses_the_target(make_request: Make) -> None:
    request = changed(make_request(hours=24), Band(-5.0))
    assert request.comfort.low_c == request.comfort.target_c == request.comfort.high_c


def test_without_a_margin_the_band_is_the_owners(make_request: Make) -> None:
    comfort = changed(make_request(hours=24), NoMargin(1.5)).comfort
    assert set(comfort.low_c) == {19.5}
    assert set(comfort.high_c) == {22.5}


def test_at_a_flat_price_shifting_gains_nothing(make_request: Make) -> None:
    request = make_request(hours=24)
    found = answer(request, FlatPrice())
    assert found.changed.cost_per_day > found.asked.cost_per_day
    flat = changed(request, FlatPrice()).horizon
    assert set(flat.price_per_kwh) == {float(np.mean(request.horizon.price_per_kwh))}
    assert flat.spot_per_kwh == request.horizon.spot_per_kwh


def test_hot_water_that_is_always_ready_costs_more(make_request: Make) -> None:
    found = answer(with_tank(make_request(hours=24)), HotWaterAlwaysReady())
    assert found.changed.cost_per_day > found.asked.cost_per_day
    with pytest.raises(ValueError, match="no hot water"):
        changed(make_request(hours=24), HotWaterAlwaysReady())


def test_a_limit_lowers_the_peak_and_costs(make_request: Make) -> None:
    request = make_request(hours=24)
    free = answer(request, Limit(100_000.0))
    assert free.changed.peak_kw == pytest.approx(free.asked.peak_kw, rel=0.02)
    found = answer(request, Limit(0.7 * 1000.0 * free.asked.peak_kw))
    assert found.changed.peak_kw <= 0.75 * found.asked.peak_kw
    assert found.changed.cost_per_day >= found.asked.cost_per_day


def test_a_limit_for_some_hours_leaves_the_others(make_request: Make) -> None:
    request = make_request(hours=24)
    start = request.horizon.starts_at
    window = Window(start + timedelta(hours=2), start + timedelta(hours=4))
    limit = changed(request, Limit(500.0, window)).limits.power_max_w
    assert limit is not None
    assert [w == 500.0 for w in limit] == [8 <= k < 16 for k in range(96)]
    assert min(limit[:8] + limit[16:]) > 10_000.0


def test_being_away_lowers_the_wish_for_its_time_only(make_request: Make) -> None:
    request = make_request(hours=24)
    start = request.horizon.starts_at
    window = Window(start + timedelta(hours=6), start + timedelta(hours=16))
    comfort = changed(request, Away(17.0, window)).comfort
    assert [c == 17.0 for c in comfort.target_c] == [24 <= k < 64 for k in range(96)]
    assert [c == 16.0 for c in comfort.low_c] == [24 <= k < 64 for k in range(96)]
    assert comfort.high_c == request.comfort.high_c
    found = answer(request, Away(17.0, window))
    assert found.changed.cost_per_day < found.asked.cost_per_day
    assert found.changed.below_kh_per_day > found.asked.below_kh_per_day


def test_a_request_that_cannot_be_planned_is_said(make_request: Make) -> None:
    request = make_request(hours=24)
    broken = replace(request, estimate=replace(request.estimate, disturbance_w=float("nan")))
    found = what_if(broken, SetPoint(0.5))
    assert isinstance(found, NotSolved)
    assert "disturbance_w" in found.reason
