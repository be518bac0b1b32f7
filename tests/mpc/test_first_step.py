"""Minimum times where the first step is partly gone: plans are whole and keep them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mpc.blocks import blocks_of
from mpc.numbers_machine import compressor_numbers
from mpc.plan import Compressor, PlanRequest, Search, Solved
from mpc.solver import solve


def _late(request: PlanRequest, *, gone_s: float, least_s: float, running: bool) -> PlanRequest:
    """The request asked so far into its first step, by a machine that has kept still for hours."""
    at = request.horizon.starts_at + timedelta(seconds=gone_s)
    return replace(
        request,
        made_at=at,
        estimate=replace(request.estimate, at=at),
        compressor=Compressor(
            minimum_run_s=least_s, minimum_off_s=least_s, running=running, since_s=9000.0
        ),
        search=Search(refined_s=2 * 3600.0),
    )


@pytest.mark.parametrize(
    ("gone_s", "least_s", "longer"),
    [(0.0, 600.0, 0.0), (299.0, 600.0, 0.0), (301.0, 600.0, 1.0), (60.0, 900.0, 1.0),
     (60.0, 1800.0, 1.0), (500.0, 1200.0, 0.0), (700.0, 1200.0, 1.0)],
)  # fmt: skip
@pytest.mark.parametrize("running", [True, False])
def test_what_is_left_of_the_first_step_decides_on_one_more_block(
    make_request: Callable[..., PlanRequest],
    gone_s: float,
    least_s: float,
    longer: float,
    running: bool,
) -> None:
    request = _late(make_request(), gone_s=gone_s, least_s=least_s, running=running)
    horizon = request.horizon
    blocks = blocks_of(horizon.starts_at, step_s=900, steps=96, fine_s=request.search.fine_s)
    numbers = compressor_numbers(request, blocks)
    assert numbers["first_rest"] == (longer if running else 0.0)
    assert numbers["first_run"] == (0.0 if running else longer)


@pytest.mark.parametrize("running", [True, False])
def test_a_dear_or_cheap_rest_of_the_first_step_does_not_cost_the_refined_plan(
    make_request: Callable[..., PlanRequest], running: bool
) -> None:
    price = np.full(96, 0.25)
    price[0] = 3.0 if running else -3.0
    request = make_request(outdoor_c=-4.0, prices=tuple(price.tolist()))
    result = solve(_late(request, gone_s=420.0, least_s=600.0, running=running))
    assert isinstance(result, Solved)
    assert result.plan.refined_steps == 8
    first, second = np.round(result.plan.run_frac[:2])
    assert first == second or (first > 0.5) == running
