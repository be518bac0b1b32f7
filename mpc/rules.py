"""Plans that always exist: no optimisation, no forecast beyond the request."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from mpc.plan import Plan, PlanRequest, RoomBand, SecondRoom
from mpc.power_curve import heat_max_w
from mpc.replay import (
    emission_at,
    energy_cost,
    house_of,
    outside_kh,
    plan_from,
    plan_from_heat,
    steady_at_target,
)
from mpc.request_check import flaw
from mpc.rule_aim import Aim, RuleOptions, charging_aim, priced_aim, steady_aim
from mpc.rule_walk import walk

USUAL = RuleOptions()


class RulePlanner(Protocol):
    """A rule: the whole plan by looking at the past and the present of each step only.

    Every rule keeps capacity, flow and power limits, run and off times, start budget and hold.
    Raises ValueError for a request that is not finite or does not fit together.
    """

    def __call__(self, request: PlanRequest, options: RuleOptions = USUAL) -> Plan: ...


def curve_with_hysteresis(request: PlanRequest, options: RuleOptions = USUAL) -> Plan:
    """A heating curve as pumps have it: the weather's heat while running, blind to price and sun.

    Running it gives the heat that would hold the target at rest, at least the lowest continuous
    one; it stops and starts at the edges of the hysteresis around the target.
    """
    _check(request)
    name = "curve-with-hysteresis"
    return _walked(request, steady_aim(request, options, name, open_loop=True), options)


def heat_led(request: PlanRequest, options: RuleOptions = USUAL) -> Plan:
    """Heat follows the demand: what brings rooms and emitters to the target, whatever it costs."""
    _check(request)
    return _walked(request, steady_aim(request, options, "heat-led", open_loop=False), options)


def heat_first_then_price(request: PlanRequest, options: RuleOptions = USUAL) -> Plan:
    """The demand is covered at any price; when electricity is cheap, the house is filled beyond."""
    _check(request)
    return _walked(request, charging_aim(request, options, "heat-first-then-price"), options)


def price_led(request: PlanRequest, options: RuleOptions = USUAL) -> Plan:
    """The fuller rooms and tank are, the lower the price must be; see `mpc.rule_aim.priced_aim`."""
    _check(request)
    return _walked(request, priced_aim(request, options, "price-led"), options)


RULES: Mapping[str, RulePlanner] = MappingProxyType(
    {
        "curve-with-hysteresis": curve_with_hysteresis,
        "heat-led": heat_led,
        "heat-first-then-price": heat_first_then_price,
        "price-led": price_led,
    }
)
"""Every rule by the name that its plans carry as `source`."""


def heating_curve_plan(request: PlanRequest) -> Plan:
    """What a well-set heating curve does: the heat that would hold the target at rest.

    Heat of each step = loss at its outdoor temperature minus internal gains and disturbance, blind
    to price and sun, within capacity, flow limit and power limit; the steps are means, so run and
    off times mean nothing here. Raises ValueError for a request that is not finite or does not fit
    together: there is no plan for that.
    """
    _check(request)
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
    left: dict[str, Any] = {
        field.name: value[gone:]
        for field in fields(plan)
        if isinstance(value := getattr(plan, field.name), tuple)  # every tuple is a trajectory
    }
    second = plan.second
    if second is not None:
        band = RoomBand(low_c=second.band.low_c[gone:], high_c=second.band.high_c[gone:])
        second = SecondRoom(room_c=second.room_c[gone:], band=band)
    cut = replace(
        plan,
        source="shifted",
        starts_at=plan.starts_at + timedelta(seconds=gone * plan.step_s),
        refined_steps=max(plan.refined_steps - gone, 0),
        second=second,
        **left,
    )
    return replace(
        cut,
        cost=energy_cost(cut.power_w, cut.price_per_kwh, cut.step_s),
        discomfort_kh=outside_kh(cut.rooms_c, cut.bands, cut.step_s),
    )


def _check(request: PlanRequest) -> None:
    wrong = flaw(request)
    if wrong is not None:
        raise ValueError(f"unusable request: {wrong}")


def _walked(request: PlanRequest, aim: Aim, options: RuleOptions) -> Plan:
    house = house_of(request)
    return plan_from(request, house, walk(request, house, aim, options), source=aim.name)
