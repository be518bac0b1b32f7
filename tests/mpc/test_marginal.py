"""The value of heat in the rooms against what a gift of heat really saves."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mpc.marginal import margin_cost, marginal_per_kwh
from mpc.numbers import Stage, numbers_of, shape_of, stage_of
from mpc.plan import PlanRequest, Search, Solved
from mpc.problem import CompiledProblem, Numbers, compiled
from mpc.solver import first_conditions, solve
from mpc.solvers import Answer, relaxed
from mpc.storage import Buffer

Make = Callable[..., PlanRequest]
GIFT_KW = 0.01
SOLVER_SLACK = 2e-5  # of the currency: the solver's own tolerance


def posed(request: PlanRequest) -> tuple[Stage, CompiledProblem, Numbers]:
    stage = stage_of(request)
    met = first_conditions(stage)
    return stage, compiled(shape_of(stage)), numbers_of(stage, met.curve, met.tank)


def answered(ready: CompiledProblem, numbers: Numbers) -> Answer:
    answer, said = relaxed(ready.matrices(numbers), ("clarabel",))
    assert answer.x is not None, said
    return answer


def saved(
    stage: Stage, ready: CompiledProblem, numbers: Numbers, *, block: int, gift_kw: float
) -> float:
    """What this much free heat in one block saves, in currency."""
    drive_k = numbers["drive_k"].copy()
    drive_k[:, block] += stage.b_per_w[:, block] * 1000.0 * gift_kw
    before, after = answered(ready, numbers), answered(ready, {**numbers, "drive_k": drive_k})
    return stage.scale * (before.cost - after.cost)


def with_buffer(request: PlanRequest) -> PlanRequest:
    buffer = Buffer(
        kwh_per_k=0.35, loss_w_per_k=2.0, room_c=18.0, state_c=35.0, low_c=25.0, high_c=50.0
    )
    return replace(request, buffer=buffer)


def as_it_is(request: PlanRequest) -> PlanRequest:
    return request


@pytest.mark.parametrize("change", [as_it_is, with_buffer])
def test_the_value_of_heat_is_what_a_gift_of_heat_saves(
    make_request: Make, change: Callable[[PlanRequest], PlanRequest]
) -> None:
    stage, ready, numbers = posed(change(make_request(hours=24)))
    value = stage.blocks.at_end(
        np.array(marginal_per_kwh(stage, ready, ready.matrices(numbers), answered(ready, numbers)))
    )
    for block in range(0, len(stage.blocks), 7):
        for gift_kw in (GIFT_KW, -GIFT_KW):
            worth = value[block] * stage.hours[block] * gift_kw
            real = saved(stage, ready, numbers, block=block, gift_kw=gift_kw)
            assert real <= worth + SOLVER_SLACK  # a convex cost never saves more than its slope
            assert real == pytest.approx(worth, abs=0.2 * abs(worth) + SOLVER_SLACK)


def test_heat_is_worth_less_than_the_dearest_electricity_and_more_than_nothing(
    make_request: Make,
) -> None:
    request = replace(make_request(hours=24), search=Search(refine=False))
    result = solve(request)
    assert isinstance(result, Solved)
    value = np.array(result.plan.marginal_per_kwh)
    assert value.shape == (96,)
    assert 0.0 <= value.min() <= value.max() <= max(request.horizon.price_per_kwh)
    assert value[:80].max() > 0.02


def kept(request: PlanRequest, *, margin_k: float) -> PlanRequest:
    """The same wish with so much of the band left free."""
    comfort = request.comfort
    steps = len(comfort.low_c)
    narrower = replace(
        comfort,
        low_c=tuple(low + margin_k for low in comfort.low_c),
        high_c=tuple(high - margin_k for high in comfort.high_c),
        kept_k=(margin_k,) * steps,
    )
    return replace(request, comfort=narrower)


@pytest.mark.parametrize("margin_k", [0.05, 0.3])
def test_the_price_of_the_margin_is_no_less_than_what_a_plan_without_it_saves(
    make_request: Make, margin_k: float
) -> None:
    request = replace(make_request(), search=Search(refine=False))
    stage, ready, numbers = posed(request)
    with_margin = posed(kept(request, margin_k=margin_k))
    problem = with_margin[1].matrices(with_margin[2])
    narrow, _ = relaxed(problem, ("clarabel",))
    most = margin_cost(with_margin[0], with_margin[1], problem, narrow)
    wide = answered(ready, numbers)
    really = stage.scale * (narrow.cost - wide.cost)
    assert most is not None
    assert 0.0 < really <= most + SOLVER_SLACK
    if margin_k < 0.1:
        assert most <= 1.5 * really, "for a narrow margin the bound is near"


def test_a_plan_says_what_its_margin_costs_only_where_it_has_one(make_request: Make) -> None:
    plain = replace(make_request(), search=Search(refine=False))
    for request, said in ((plain, False), (kept(plain, margin_k=0.2), True)):
        result = solve(request)
        assert isinstance(result, Solved)
        assert (result.plan.margin_cost is not None) == said
