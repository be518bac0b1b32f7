"""Which plan is followed, and what stands in for it: six levels, each with its door. Pure.

| level | entered | left |
| --- | --- | --- |
| refined | a plan came, decided as whole as was asked | it is older than two plannings |
| best so far | a plan came, its first hours as shares of time | the same |
| shifted | no younger plan came in time | a plan comes, or this one is too old or at its end |
| price rule | no plan holds, and electricity has a known price | a plan comes, or the price ends |
| heating curve | no plan holds, and there is no price | a plan comes, or prices for two plannings |
| hand-back | not even a question could be put | anything of the above |

Down at once; up to a plan at once, for it will stand until it is too old. Between the two rules up
only after two answers of the planner in a row, so that a price that comes and goes changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from mpc.plan import Plan

STEADY_ANSWERS = 2
"""So many answers in a row with a known price lead back from the curve to the price rule."""


class Level(IntEnum):
    """The lower, the better."""

    REFINED = 1
    BEST_SO_FAR = 2
    SHIFTED = 3
    PRICE_RULE = 4
    HEATING_CURVE = 5
    HAND_BACK = 6


NAMES = {
    Level.REFINED: "refined plan",
    Level.BEST_SO_FAR: "best plan so far: its first hours are not decided whole",
    Level.SHIFTED: "last plan, shifted",
    Level.PRICE_RULE: "no plan: price rule",
    Level.HEATING_CURVE: "no plan: heating-curve rule",
    Level.HAND_BACK: "no plan and no rule: the pump keeps its own control",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """All that the planner has left to stand on."""

    plan: Plan | None = None  # the newest that was solved
    in_full: bool = True  # and its first hours are decided as whole as they were asked
    price_rule: Plan | None = None  # of the latest question that was not solved
    heating_curve: Plan | None = None
    priced_answers: int = STEADY_ANSWERS  # in a row; a service that starts has seen no price go


def covers(plan: Plan | None, at: datetime) -> bool:
    """Whether the plan says what to do at `at`."""
    if plan is None:
        return False
    end_at = plan.starts_at + timedelta(seconds=plan.step_s * len(plan.heat_w))
    return plan.starts_at <= at < end_at


def level_at(rungs: Rungs, at: datetime, *, every: timedelta, max_age: timedelta) -> Level:
    """The best level there is at `at`, with plans asked for every `every`."""
    plan = rungs.plan
    if plan is not None and covers(plan, at) and (age := at - plan.made_at) <= max_age:
        if age > 2 * every:
            return Level.SHIFTED
        return Level.REFINED if rungs.in_full else Level.BEST_SO_FAR
    if covers(rungs.price_rule, at) and rungs.priced_answers >= STEADY_ANSWERS:
        return Level.PRICE_RULE
    if covers(rungs.heating_curve, at):
        return Level.HEATING_CURVE
    return Level.HAND_BACK


def plan_of(rungs: Rungs, level: Level) -> Plan | None:
    """What is followed on this level; None: the pump keeps its own control."""
    match level:
        case Level.REFINED | Level.BEST_SO_FAR | Level.SHIFTED:
            return rungs.plan
        case Level.PRICE_RULE:
            return rungs.price_rule
        case Level.HEATING_CURVE:
            return rungs.heating_curve
        case Level.HAND_BACK:
            return None
