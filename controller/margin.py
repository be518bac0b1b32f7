"""How much of the comfort band plans leave free: sized from how wrong they were lately. Pure.

What the rooms missed lately holds what the weather missed lately. A plan takes that part out and
puts in what the forecast of its own hours may miss, so that it is counted once:

    kept**2 = QUANTILE**2 (mean(e**2) + s (w**2 - mean(w**2)))

e are the rooms' errors, w**2 is what errors of the weather are expected to do to them: more where
much sun is forecast, and with an old forecast. s is at most 1, and such that weather explains no
more than MOST_WEATHER_FRAC of what was missed. So the mean of kept**2 over what was watched is as
large as if nothing were known of the weather.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from controller.config_comfort import Comfort
from mpc.building import Building
from mpc.forecast_errors import mean_before, room_square_k2
from mpc.horizon import Horizon
from mpc.plan import Plan

LEADS_S = (3600.0, 2 * 3600.0, 4 * 3600.0)
"""How far ahead a promise is checked. Errors further ahead are not paid for: the plan is made anew
long before, and a house answers within a few hours."""

NO_WEATHER = (0.0,) * len(LEADS_S)

QUANTILE = 1.28
"""Standard deviations kept free: nine of ten normal errors on either side."""

MEMORY = 400.0
"""Number of checks that count (about four days of plans every quarter of an hour)."""

TRUSTED = 96.0
"""After so many checks (a day) what was measured weighs as much as the starting margin."""

LEAST_K, MOST_FRAC = 0.05, 0.8
"""A margin is never below a sensor's step, and never leaves less than a fifth of the band."""

MOST_WEATHER_FRAC = 1.0 / 3.0
"""Of the squares of what was missed: gains, windows and the model miss too. So much it was four
hours ahead in a light house in March (docs/benchmarks/forecasts.md)."""

PROMISE_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a plan said the room would be."""

    at: datetime
    lead: int  # index into LEADS_S
    room_c: float
    weather_k2: float = 0.0  # expected square of what the weather may do to it


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of one lead: how many count, the means of their squares and of those expected."""

    count: float = 0.0
    square_k2: float = 0.0
    weather_k2: float = 0.0
    weighed: float = 0.0  # how many count in the mean of what was expected


@dataclass(frozen=True, slots=True)
class Margin:
    """Open promises and the errors of kept ones; survives restarts."""

    promises: tuple[Promise, ...] = ()
    errors: tuple[Errors, ...] = (Errors(),) * len(LEADS_S)

    def promised(self, plan: Plan, weather_k2: Sequence[float] = NO_WEATHER) -> "Margin":
        """Remember what a new plan says of the room at the leads, and how sure its weather is."""
        new = []
        for lead, lead_s in enumerate(LEADS_S):
            due_at = plan.made_at + timedelta(seconds=lead_s)
            index = math.floor((due_at - plan.starts_at).total_seconds() / plan.step_s) - 1
            if 0 <= index < len(plan.room_c):
                end_at = plan.starts_at + timedelta(seconds=(index + 1) * plan.step_s)
                new.append(Promise(end_at, lead, plan.room_c[index], weather_k2[lead]))
        return replace(self, promises=(*self.promises, *new))

    def seen(self, at: datetime, room_c: float | None, *, asked: bool) -> "Margin":
        """Compare due promises with the room; while nothing was asked of the pump they lapse."""
        due = [p for p in self.promises if p.at <= at]
        if not due:
            return self
        errors = list(self.errors)
        for promise in due:
            fresh = at - promise.at <= PROMISE_SLACK
            if fresh and asked and room_c is not None:
                errors[promise.lead] = _with(errors[promise.lead], promise, room_c)
        left = tuple(p for p in self.promises if p.at > at)
        return Margin(left if asked else (), tuple(errors))

    def kept_k(self, lead_s: float, comfort: Comfort, weather_k2: float | None = None) -> float:
        """What a plan leaves free on both sides of the band this far ahead, in K.

        `weather_k2`: what errors of the weather may do there; None: as much as lately.
        """
        if comfort.margin == "fixed":
            return comfort.margin_k
        found = self.errors[lead_of(lead_s)]
        more_k2 = 0.0 if weather_k2 is None else _share(found) * (weather_k2 - found.weather_k2)
        measured_k = QUANTILE * math.sqrt(found.square_k2 + more_k2)
        trust = found.count / (found.count + TRUSTED)
        margin_k = trust * measured_k + (1.0 - trust) * comfort.margin_k
        return min(max(margin_k, LEAST_K), MOST_FRAC * (comfort.band_k - comfort.excitation_k))


def _share(found: Errors) -> float:
    """How far weather is trusted to explain what was missed; s."""
    if found.weather_k2 <= 0.0:
        return 0.0
    known = found.weighed / (found.weighed + TRUSTED)
    return known * min(1.0, MOST_WEATHER_FRAC * found.square_k2 / found.weather_k2)


def lead_of(lead_s: float) -> int:
    """The lead whose errors count this far ahead."""
    return next((i for i, s in enumerate(LEADS_S) if lead_s <= s), len(LEADS_S) - 1)


def weather_at_leads_k2(horizon: Horizon, building: Building) -> tuple[float, ...]:
    """Mean square of what errors of the weather may do to the rooms, at every one of `LEADS_S`."""
    steps = [math.ceil(lead_s / horizon.step_s) - 1 for lead_s in LEADS_S]
    return tuple(_weather_k2(horizon, building, step) for step in steps)


def weather_over_k2(horizon: Horizon, building: Building) -> tuple[float, ...]:
    """The same at the end of every step of a horizon."""
    return tuple(_weather_k2(horizon, building, i) for i in range(len(horizon.outdoor_c)))


def _weather_k2(horizon: Horizon, building: Building, step: int) -> float:
    """At the end of a step; what acted before the longest lead is seen before it matters."""
    if horizon.errors is None:
        return 0.0
    span_s = LEADS_S[lead_of(horizon.step_s * (step + 1.0))]
    ghi = mean_before(horizon.ghi_w_per_m2, step + 1, round(span_s / horizon.step_s))
    return room_square_k2(horizon.errors, building, span_s, ghi)


def _with(errors: Errors, promise: Promise, room_c: float) -> Errors:
    """One more error; old ones fade as new ones come."""
    count, weighed = min(errors.count + 1.0, MEMORY), min(errors.weighed + 1.0, MEMORY)
    square = errors.square_k2 + ((room_c - promise.room_c) ** 2 - errors.square_k2) / count
    weather = errors.weather_k2 + (promise.weather_k2 - errors.weather_k2) / weighed
    return Errors(count, square, weather, weighed)


MARGIN: TypeAdapter[Margin] = TypeAdapter(Margin)
