"""What another wish would cost: the same request planned twice, as asked and as changed."""

from dataclasses import replace

import numpy as np

from mpc.changes import Change, Figures, WhatIf, changed
from mpc.numbers import Stage, numbers_of, stage_of
from mpc.plan import NotSolved, Plan, PlanRequest
from mpc.problem import Numbers
from mpc.solver import first_conditions, solve
from mpc.worth import decisions_of, import_kw, left_kwh, step_hours, tank_c, worth


def what_if(request: PlanRequest, change: Change) -> WhatIf | NotSolved:
    """Both plans, each at the prices of its own request and with shares of runs (relaxed).

    Heat left at the end is valued alike in both, so that a plan does not look cheap for having
    emptied the house: by the price at which the request as asked pays for missing heat.
    """
    stage = stage_of(request)
    met = first_conditions(stage)
    numbers = numbers_of(stage, met.curve, met.tank)
    found = []
    for posed in (request, changed(request, change)):
        result = solve(replace(posed, search=replace(posed.search, refine=False)))
        if isinstance(result, NotSolved):
            return result
        found.append(_figures(stage, numbers, posed, result.plan))
    return WhatIf(*found)


def _figures(stage: Stage, numbers: Numbers, posed: PlanRequest, plan: Plan) -> Figures:
    hours = step_hours(posed, stage.house)
    days = float(np.sum(hours)) / 24.0
    costs, rooms = worth(posed, plan), np.array(plan.rooms_c)
    bands = stage.request.comfort.bands(len(rooms))
    low, high = np.array([b.low_c for b in bands]), np.array([b.high_c for b in bands])
    return Figures(
        cost_per_day=(costs.energy - _left(stage, numbers, posed, plan)) / days,
        energy_kwh_per_day=float(hours @ np.array(plan.power_w)) / 1000.0 / days,
        room_mean_c=float(hours @ rooms[0] / np.sum(hours)),
        room_lowest_c=float(rooms.min()),
        below_kh_per_day=float(np.sum(np.maximum(low - rooms, 0.0) @ hours)) / days,
        above_kh_per_day=float(np.sum(np.maximum(rooms - high, 0.0) @ hours)) / days,
        peak_kw=float(np.max(import_kw(posed, plan))),
        peak_cost=costs.peaks,
    )


def _left(stage: Stage, numbers: Numbers, posed: PlanRequest, plan: Plan) -> float:
    """Worth of the heat in house and tank at the end beyond what is to be left there."""
    decided = decisions_of(posed, stage.house, plan)
    more_kwh = left_kwh(stage, numbers, plan, decided) - float(numbers["stored_target_kwh"])
    value = float(numbers["stored_cost_per_kwh"]) * more_kwh
    if posed.hot_water is not None:
        ends_c = tank_c(posed, decided, step_hours(posed, stage.house))[:, -1]
        more_kwh = float(numbers["tank_kwh_per_k"]) * float(ends_c.sum())
        more_kwh -= float(numbers["tank_target_kwh"])
        value += float(numbers["tank_stored_cost_per_kwh"]) * more_kwh
    return stage.scale * value
