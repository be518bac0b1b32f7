"""A plan in words: what the pump will do, when, and which of the plan's numbers are the reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate, groupby, pairwise

import numpy as np

from mpc.plan import Plan, PlanRequest
from mpc.reasons import (
    CHEAP_FRAC,
    RUNNING_FRAC,
    RUNNING_MIN_W,
    Reason,
    Stretch,
    over_mean,
    why_hot_water,
    why_off,
    why_running,
)

CALM_FRAC = 0.15  # running heat that varies less than this is one block
SHORTEST_S = 1800  # a shorter block is told with its longer neighbour
FALLING_K = 0.1  # over a block: the house gives stored heat


class Activity(StrEnum):
    """What is done for the rooms, or that the tank is heated."""

    RUNNING = "running"
    COASTING = "coasting"  # off, living on stored heat
    IDLE = "idle"  # off, no heat needed
    HOT_WATER = "hot_water"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of the plan in which one thing is done for one reason. Times are UTC."""

    starts_at: datetime
    ends_at: datetime
    activity: Activity
    mean_heat_w: float  # into the rooms, or of a hot-water block into the tank
    mean_price_per_kwh: float
    price_over_mean_frac: float  # block price over the plan's mean price, minus 1
    room_from_c: float
    room_to_c: float
    reason: Reason
    sentence: str
    tank_from_c: float | None = None  # of hot-water blocks: the upper layer
    tank_to_c: float | None = None
    marginal_per_kwh: float | None = None  # what one more kWh of heat in the rooms is worth
    second_from_c: float | None = None  # the second zone, where there is one
    second_to_c: float | None = None


def explain(plan: Plan, request: PlanRequest | None = None) -> list[Block]:
    """The plan as blocks in order of their start.

    Those of the rooms have no gaps, from the plan's start to its end; those of hot water stand
    beside them. `request` is the one the plan was made of: without it, reasons that are not in the
    plan's own numbers (limits, peaks, deadlines, the sun on the roof) are not found.
    """
    rooms = [_room_block(Stretch(plan, request, *span)) for span in pairwise(_edges(plan))]
    tank = [_tank_block(Stretch(plan, request, *span)) for span in _charges(plan)]
    return sorted([*rooms, *tank], key=lambda block: block.starts_at)


def summary(plan: Plan) -> str:
    """One sentence for the whole plan."""
    hours = len(plan.heat_w) * plan.step_s / 3600.0
    power, price = np.array(plan.power_w), np.array(plan.price_per_kwh)
    kwh = float(np.sum(power)) * plan.step_s / 3.6e6
    rooms = f"the rooms stay between {min(plan.room_c):.1f} and {max(plan.room_c):.1f} °C"
    if plan.second is not None:
        second_c = plan.second.room_c
        rooms += (
            f", those of the second zone between {min(second_c):.1f} and {max(second_c):.1f} °C"
        )
    uses = f"In the next {hours:.0f} h the heat pump uses {kwh:.1f} kWh"
    paid = float(power @ price) / float(np.sum(power)) if kwh > 0.0 else float(np.mean(price))
    over = over_mean(paid, price)
    if abs(over) < 0.01:
        return f"{uses} at the mean price of these hours; {rooms}."
    side = "below" if over < 0.0 else "above"
    return f"{uses} at a price {abs(over):.0%} {side} the mean of these hours; {rooms}."


def _edges(plan: Plan) -> list[int]:
    """Step indices where blocks of the rooms begin, and the end."""
    heat = np.array(plan.heat_w)
    running = heat >= _least_w(plan.heat_w)
    level = running.astype(np.int64)
    if running.any():
        mean_w = float(np.mean(heat[running]))
        if float(np.std(heat[running])) > CALM_FRAC * mean_w:
            level += running & (heat > mean_w)
    levels = (2 * level + np.array(plan.price_known, dtype=np.int64)).tolist()
    runs = [_Run(key, len(list(steps))) for key, steps in groupby(levels)]
    lengths = [run.steps for run in _without_short(runs, SHORTEST_S / plan.step_s)]
    return [0, *accumulate(lengths)]


def _least_w(heat_w: tuple[float, ...]) -> float:
    """Less than this counts as none."""
    return max(RUNNING_FRAC * max(heat_w), RUNNING_MIN_W)


@dataclass(frozen=True, slots=True)
class _Run:
    level: int
    steps: int


def _without_short(runs: list[_Run], shortest: float) -> list[_Run]:
    """Every run of fewer than `shortest` steps joined with the longer of its neighbours."""
    while len(runs) > 1:
        at = min(range(len(runs)), key=lambda i: runs[i].steps)
        if runs[at].steps >= shortest:
            break
        beside = [i for i in (at - 1, at + 1) if 0 <= i < len(runs)]
        taken_by = runs[max(beside, key=lambda i: runs[i].steps)].level
        renamed = [*runs[:at], _Run(taken_by, runs[at].steps), *runs[at + 1 :]]
        runs = [
            _Run(level, sum(run.steps for run in same))
            for level, same in groupby(renamed, key=lambda run: run.level)
        ]
    return runs


def _charges(plan: Plan) -> list[tuple[int, int]]:
    """First step and end of every charge of the tank, by the pump or by the heater alone."""
    if not plan.dhw_heat_w:
        return []
    pump = np.array(plan.dhw_heat_w) >= _least_w(plan.dhw_heat_w)
    rising = np.diff(np.array(plan.dhw_c), prepend=plan.dhw_c[0]) > FALLING_K
    heater = np.array(plan.heater_w) > RUNNING_MIN_W if plan.heater_w else np.zeros_like(pump)
    edges = np.flatnonzero(np.diff((pump | (heater & rising)).astype(int), prepend=0, append=0))
    return [(int(first), int(after)) for first, after in edges.reshape(-1, 2)]


def _room_block(of: Stretch) -> Block:
    heat_w = float(np.mean(of.of(of.plan.heat_w)))
    room_from_c, room_to_c = _from_to(of, of.plan.room_c)
    if heat_w >= _least_w(of.plan.heat_w):
        activity, reason = Activity.RUNNING, why_running(of)
    else:
        falls = room_to_c < room_from_c - FALLING_K
        activity, reason = Activity.COASTING if falls else Activity.IDLE, why_off(of)
    return _block(of, activity, reason, heat_w)


def _tank_block(of: Stretch) -> Block:
    heat_w = float(np.mean(of.of(of.plan.dhw_heat_w)))
    return _block(of, Activity.HOT_WATER, why_hot_water(of), heat_w)


def _block(of: Stretch, activity: Activity, reason: Reason, heat_w: float) -> Block:
    plan = of.plan
    starts_at = plan.starts_at + timedelta(seconds=of.first * plan.step_s)
    room_from_c, room_to_c = _from_to(of, plan.room_c)
    tank = _from_to(of, plan.dhw_c) if activity is Activity.HOT_WATER else (None, None)
    second = (None, None) if plan.second is None else _from_to(of, plan.second.room_c)
    worth = of.of(plan.marginal_per_kwh)
    return Block(
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=of.seconds),
        activity=activity,
        mean_heat_w=round(heat_w, 1),
        mean_price_per_kwh=round(float(np.mean(of.of(plan.price_per_kwh))), 6),
        price_over_mean_frac=round(of.over_frac, 4),
        room_from_c=room_from_c,
        room_to_c=room_to_c,
        reason=reason,
        sentence=f"{_does(activity, heat_w, tank)}: {_because(of, reason)}",
        tank_from_c=tank[0],
        tank_to_c=tank[1],
        marginal_per_kwh=round(float(np.mean(worth)), 6) if worth.size else None,
        second_from_c=second[0],
        second_to_c=second[1],
    )


def _from_to(of: Stretch, temperatures_c: tuple[float, ...]) -> tuple[float, float]:
    return temperatures_c[max(of.first - 1, 0)], temperatures_c[of.after - 1]


def _does(
    activity: Activity, heat_w: float, tank_c: tuple[float | None, float | None]
) -> str:  # fmt: skip
    match activity:
        case Activity.RUNNING:
            return f"Heats with {heat_w / 1000.0:.1f} kW"
        case Activity.COASTING:
            return "Off, living on stored heat"
        case Activity.IDLE:
            return "Off"
        case Activity.HOT_WATER:
            before_c, after_c = tank_c
            if before_c is None or after_c is None or after_c <= before_c:
                return "Hot water while it is drawn"
            return f"Hot water to {after_c:.0f} °C"


SAYINGS = {
    Reason.CHEAP: "electricity is cheap now, {apart}.",
    Reason.BEFORE_PEAK: "storing heat before dear hours, at a price {apart}.",
    Reason.COMFORT: "needed to keep the rooms from getting too cold, whatever the price.",
    Reason.HOLD: "holding the rooms although the price is {apart}.",
    Reason.PRICE_UNKNOWN: "the price is not known yet, this part of the plan is a guess.",
    Reason.EXPENSIVE: "electricity is dear now, {apart}.",
    Reason.CHEAPER_LATER: "cheaper hours follow.",
    Reason.MILD: "the rooms need no heat.",
    Reason.POWER_LIMIT: "as much as the power limit of {limit} allows.",
    Reason.REDUCTION: "power is reduced to {limit} in these hours.",
    Reason.BEFORE_REDUCTION: "storing heat before power is reduced.",
    Reason.PEAK_CHARGE: "staying below the month's billed peak.",
    Reason.MINIMUM_RUN: "it has just started and runs its minimum time.",
    Reason.MINIMUM_OFF: "it has just stopped and rests its minimum time.",
    Reason.PV_SURPLUS: "on electricity left over from the roof.",
    Reason.BACK_UP_HEATER: "with the back-up heater, for the heat pump alone cannot do it.",
    Reason.HOT_WATER_FIRST: "the heat pump makes hot water.",
    Reason.HOT_WATER: "the tank's turn, at a price {apart}.",
    Reason.HOT_WATER_CHEAP: "electricity is cheap now, {apart}.",
    Reason.HOT_WATER_DEADLINE: "needed for the hot water that will be drawn.",
    Reason.LEGIONELLA: "hot throughout, against legionella.",
}


def _because(of: Stretch, reason: Reason) -> str:
    over = of.over_frac
    apart = f"{abs(over):.0%} {'below' if over < 0.0 else 'above'} the mean"
    if reason is Reason.HOLD and abs(over) <= CHEAP_FRAC:
        return f"holding the rooms; the price is close to the mean ({apart})."
    allowed = None if of.request is None else of.request.limits.power_max_w
    limit = "" if allowed is None else f"{min(of.of(allowed)) / 1000.0:.1f} kW"
    return SAYINGS[reason].format(apart=apart, limit=limit)
