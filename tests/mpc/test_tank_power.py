"""A tank that is heated far, by pump and heater together, under a power limit that binds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mpc.plan import PlanRequest, Search, Solved
from mpc.solver import solve


@pytest.mark.parametrize("limit_w", [1700.0, 2200.0, 2700.0])
def test_a_disinfection_under_a_binding_power_limit_is_planned_within_it(
    everything: Callable[..., PlanRequest], limit_w: float
) -> None:
    request = everything(hours=48, outdoor_c=8.0)
    steps, water = len(request.horizon.outdoor_c), request.hot_water
    assert water is not None
    request = replace(
        request,
        hot_water=replace(
            water, high_c=(62.0,) * steps, pump_max_c=55.0, sanitise_c=60.0, sanitise_steps=(8, 30)
        ),
        limits=replace(request.limits, power_max_w=(limit_w,) * steps),
        search=Search(refine=False),
    )
    result = solve(request)
    assert isinstance(result, Solved)
    drawn_w = np.array(result.plan.power_w) - request.heat_pump.standby_w
    heats_tank = np.array(result.plan.dhw_heat_w) > 0.0
    assert (drawn_w[heats_tank] <= 1.01 * limit_w).all()
    assert drawn_w.max() > 0.95 * limit_w
