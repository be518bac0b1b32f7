"""Plans that always exist: no optimisation, no forecast beyond the request."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from mpc.plan import Plan, PlanRequest
from mpc.power_curve import heat_max_w
from mpc.replay import (
    emission_at,
    energy_cost,
    house_of,
    outside_kh,
    plan_from_heat,
    steady_at_target,
)
from mpc.request_check import flaw


def heating_curve_plan(request: PlanRequest) -> Plan:
    """What a well-set heating curve does: the heat that would hold the target at rest.

    Heat of each step = loss at its outdoor temperature minus internal gains and disturbance, blind
    to price and sun, within capacity, flow limit and power limit. Raises ValueError for a request
    that is not finite or does not fit together: there is no plan for that.
    """
    wrong = flaw(request)
    if wrong is not None:
        raise ValueError(f"unusable request: {wrong}")
    house = house_of(request)
    steady = steady_at_target(request, house)
    bound_w = heat_max_w(emission_at(request, steady.state_c))
    heat_w = np.minimum(np.maximum(steady.heat_w, 0.0), bound_w)
    return plan_from_heat(request, house, heat_w, source="heating-curve")


def shifted(plan: Plan, now: datetime) -> Plan | None:
    """What is left of an earlier plan from the step that contains `now`; None when it has run out.

    Cost and discomfort are those of the steps that are left. `made_at` stays: the plan is as old
    as it is.
    """
    gone = max(0, int((now - plan.starts_at).total_seconds() // plan.step_s))
    if gone >= len(plan.heat_w):
        return None
    left = slice(gone, None)
    cut = replace(
        plan,
        source="shifted",
        starts_at=plan.starts_at + timedelta(seconds=gone * plan.step_s),
        heat_w=plan.heat_w[left],
        power_w=plan.power_w[left],
        flow_c=plan.flow_c[left],
        room_c=plan.room_c[left],
        price_per_kwh=plan.price_per_kwh[left],
        price_known=plan.price_known[left],
        low_c=plan.low_c[left],
        high_c=plan.high_c[left],
        outdoor_c=plan.outdoor_c[left],
    )
    return replace(
        cut,
        cost=energy_cost(cut.power_w, cut.price_per_kwh, cut.step_s),
        discomfort_kh=outside_kh(cut.room_c, (cut.low_c, cut.high_c), cut.step_s),
    )
