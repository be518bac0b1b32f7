"""What was measured of the largest heat and of defrosts, in the power curve and in a plan."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.heat_pump import SOURCE_NODES_C, at_source, capacity_w, cop, rated
from mpc.heat_pump_maps import air_water_surrogate
from mpc.plan import PlanRequest, Solved
from mpc.power_curve import Emission, flow_c, heat_max_w, lowest_w, power_w
from mpc.replay import emission_at, house_of, steady_at_target
from mpc.solver import solve

Make = Callable[..., PlanRequest]
COLD_C = SOURCE_NODES_C[1]
LESS, DEFROST = (0.8, 0.9, 0.9, 1.0), (0.0, 0.02, 0.05, 0.0)


def corrected(request: PlanRequest, **found: Any) -> PlanRequest:
    return replace(request, heat_pump=replace(request.heat_pump, **found))


def where(request: PlanRequest) -> Emission:
    return emission_at(request, steady_at_target(request, house_of(request)).state_c)


def test_the_largest_heat_is_the_measured_share_of_the_maps(make_request: Make) -> None:
    request = make_request(hours=4, outdoor_c=COLD_C)
    at = where(corrected(request, most_gain=LESS))
    bound = heat_max_w(at)
    can = capacity_w(request.heat_pump, at.source_c, flow_c(at, bound))
    assert bound == pytest.approx(at_source(LESS, at.source_c, 1.0) * can, abs=2.0)
    assert (bound < heat_max_w(where(request))).all()


def test_the_lowest_heat_stays_the_maps(make_request: Make) -> None:
    request = make_request(hours=4, outdoor_c=COLD_C)
    heat = np.full(len(where(request).source_c), 3000.0)
    less = where(corrected(request, most_gain=LESS))
    assert lowest_w(less, heat) == pytest.approx(lowest_w(where(request), heat))


def test_defrosts_make_the_same_heat_dearer_by_their_share(make_request: Make) -> None:
    request = make_request(hours=4, outdoor_c=SOURCE_NODES_C[2])
    plain, frosted = where(request), where(corrected(request, defrost_frac=DEFROST))
    heat = 0.6 * heat_max_w(plain)
    used, more = (power_w(at, heat) - at.standby_w for at in (plain, frosted))
    lost = at_source(DEFROST, plain.source_c, 0.0)
    assert more == pytest.approx(used / (1.0 - lost))
    assert lost.max() > 0.03


def test_a_map_answers_the_same_whatever_was_measured_beside_it() -> None:
    pump = air_water_surrogate(8000.0)
    measured = replace(pump, most_gain=LESS, defrost_frac=DEFROST)
    assert rated(measured) is rated(pump)
    assert cop(measured, 0.0, 40.0) == cop(pump, 0.0, 40.0)


@given(source_c=st.floats(-40.0, 40.0), by_node=st.tuples(*[st.floats(0.7, 1.1)] * 4))
def test_a_correction_lies_between_those_of_its_nodes(
    source_c: float, by_node: tuple[float, ...]
) -> None:
    found = float(at_source(by_node, source_c, 1.0))
    assert min(by_node) - 1e-9 <= found <= max(by_node) + 1e-9
    assert float(at_source((), source_c, 1.0)) == 1.0


def test_a_plan_asks_for_no_more_than_was_measured(make_request: Make) -> None:
    request = make_request(hours=12, outdoor_c=-14.0)
    less = corrected(request, most_gain=(0.75,) * 4)
    solved = solve(less)
    assert isinstance(solved, Solved)
    plan = solved.plan
    can_w = capacity_w(less.heat_pump, np.array(plan.outdoor_c), np.array(plan.flow_c))
    assert (np.array(plan.heat_w) <= 0.75 * can_w * 1.01).all()
    free = solve(request)
    assert isinstance(free, Solved)
    assert max(plan.heat_w) < max(free.plan.heat_w)
