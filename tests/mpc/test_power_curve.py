from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mpc.building import EmitterKind
from mpc.heat_pump import capacity_w
from mpc.plan import PlanRequest
from mpc.power_curve import Emission, flow_c, heat_max_w, power_curve, power_w
from mpc.replay import emission_at, house_of, steady_at_target

Make = Callable[..., PlanRequest]


def where(request: PlanRequest) -> Emission:
    return emission_at(request, steady_at_target(request, house_of(request)).state_c)


@pytest.mark.parametrize("kind", EmitterKind)
@pytest.mark.parametrize("outdoor_c", [-12.0, 0.0, 10.0])
def test_the_segments_stay_close_to_the_map(
    make_request: Make, kind: EmitterKind, outdoor_c: float
) -> None:
    at = where(make_request(kind=kind, outdoor_c=outdoor_c, hours=6))
    curve = power_curve(at, heat_max_w(at))
    assert curve.fit_error_frac < 0.02
    assert (np.diff(curve.slope, axis=0) >= 0.0).all()
    for frac in (0.0, 0.35, 0.6, 1.0):
        heat = curve.heat_min_w + frac * (curve.heat_max_w - curve.heat_min_w)
        fitted = np.max(curve.slope * heat + curve.offset_w, axis=0)
        assert fitted == pytest.approx(power_w(at, heat) - at.standby_w, rel=0.02)
        assert (curve.chord_slope * heat + curve.chord_w >= fitted - 0.5).all()


def test_where_no_heat_is_allowed_the_curve_stays_finite(make_request: Make) -> None:
    at = where(make_request(hours=2))
    curve = power_curve(at, np.zeros_like(at.source_c))
    assert not curve.heat_max_w.any()
    assert all(np.isfinite(v).all() for v in (curve.slope, curve.offset_w, curve.chord_slope))


def test_more_heat_costs_more_than_in_proportion(make_request: Make) -> None:
    at = where(make_request(hours=2))
    most = heat_max_w(at)
    assert (power_w(at, most) > 2.0 * power_w(at, 0.5 * most)).all()


def test_below_the_lowest_continuous_heat_power_is_in_proportion(make_request: Make) -> None:
    at = where(make_request(hours=2))
    little = 0.1 * heat_max_w(at)
    used = power_w(at, little) - at.standby_w
    assert power_w(at, 2.0 * little) - at.standby_w == pytest.approx(2.0 * used, rel=0.01)
    assert power_w(at, 0.0 * little) == pytest.approx(at.standby_w)


def test_the_bound_is_what_the_pump_can_do_at_the_flow_it_needs(make_request: Make) -> None:
    request = make_request(hours=6, outdoor_c=-5.0)
    at = where(request)
    bound = heat_max_w(at)
    can = capacity_w(request.heat_pump, at.source_c, flow_c(at, bound))
    assert bound == pytest.approx(can, abs=2.0)


def test_the_flow_limit_bounds_the_heat(make_request: Make) -> None:
    request = make_request(hours=6)
    at = where(replace(request, limits=replace(request.limits, flow_max_c=38.0)))
    assert flow_c(at, heat_max_w(at)) == pytest.approx(38.0, abs=0.01)


def test_the_power_limit_bounds_the_heat_and_an_impossible_one_stops_it(
    make_request: Make,
) -> None:
    request = make_request(hours=6)
    steps = len(request.horizon.outdoor_c)
    limited = where(replace(request, limits=replace(request.limits, power_max_w=(900.0,) * steps)))
    assert power_w(limited, heat_max_w(limited)) == pytest.approx(900.0, abs=1.0)
    off = where(replace(request, limits=replace(request.limits, power_max_w=(150.0,) * steps)))
    assert heat_max_w(off) == pytest.approx(np.zeros(steps))
