"""How much of the comfort band plans leave free: sized from how wrong they were lately. Pure."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from controller.config_comfort import Comfort
from mpc.plan import Plan

LEADS_S = (3600.0, 2 * 3600.0, 4 * 3600.0)
"""How far ahead a promise is checked. Errors further ahead are not paid for: the plan is made anew
long before, and a house answers within a few hours."""

QUANTILE = 1.28
"""Standard deviations kept free: nine of ten normal errors on either side."""

MEMORY = 400.0
"""Number of checks that count (about four days of plans every quarter of an hour)."""

TRUSTED = 96.0
"""After so many checks (a day) what was measured weighs as much as the starting margin."""

LEAST_K, MOST_FRAC = 0.05, 0.8
"""A margin is never below a sensor's step, and never leaves less than a fifth of the band."""

PROMISE_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a plan said the room would be."""

    at: datetime
    lead: int  # index into LEADS_S
    room_c: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of one lead: how many count, and the mean of their squares."""

    count: float = 0.0
    square_k2: float = 0.0


@dataclass(frozen=True, slots=True)
class Margin:
    """Open promises and the errors of kept ones; survives restarts."""

    promises: tuple[Promise, ...] = ()
    errors: tuple[Errors, ...] = (Errors(),) * len(LEADS_S)

    def promised(self, plan: Plan) -> "Margin":
        """Remember what a new plan says of the room at the leads."""
        new = []
        for lead, lead_s in enumerate(LEADS_S):
            due_at = plan.made_at + timedelta(seconds=lead_s)
            index = math.floor((due_at - plan.starts_at).total_seconds() / plan.step_s) - 1
            if 0 <= index < len(plan.room_c):
                end_at = plan.starts_at + timedelta(seconds=(index + 1) * plan.step_s)
                new.append(Promise(end_at, lead, plan.room_c[index]))
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
                errors[promise.lead] = _with(errors[promise.lead], room_c - promise.room_c)
        left = tuple(p for p in self.promises if p.at > at)
        return Margin(left if asked else (), tuple(errors))

    def kept_k(self, lead_s: float, comfort: Comfort) -> float:
        """What a plan leaves free on both sides of the band this far ahead, in K."""
        if comfort.margin == "fixed":
            return comfort.margin_k
        lead = next((i for i, s in enumerate(LEADS_S) if lead_s <= s), len(LEADS_S) - 1)
        found = self.errors[lead]
        measured_k = QUANTILE * math.sqrt(found.square_k2)
        trust = found.count / (found.count + TRUSTED)
        margin_k = trust * measured_k + (1.0 - trust) * comfort.margin_k
        return min(max(margin_k, LEAST_K), MOST_FRAC * (comfort.band_k - comfort.excitation_k))


def _with(errors: Errors, error_k: float) -> Errors:
    """One more error; old ones fade as new ones come."""
    count = min(errors.count + 1.0, MEMORY)
    square = errors.square_k2 + (error_k**2 - errors.square_k2) / count
    return Errors(count, square)


MARGIN: TypeAdapter[Margin] = TypeAdapter(Margin)
