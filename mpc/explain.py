"""A plan in words: what the pump will do, when, and which of the plan's numbers are the reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate, groupby, pairwise

import numpy as np

from mpc.arrays import FloatArray
from mpc.plan import Plan

RUNNING_FRAC = 0.05  # of the plan's largest heat; less counts as not running
RUNNING_MIN_W = 100.0
CALM_FRAC = 0.15  # running heat that varies less than this is one block
SHORTEST_S = 1800  # a shorter block is told with its longer neighbour
AHEAD_S = 4 * 3600  # how far a reason looks ahead
CHEAP_FRAC = 0.05  # a price counts as low or high this far from the mean of the plan
PEAK_FRAC = 0.15  # and as a peak this far above it
NEAR_LOW_K = 0.15  # the room is at the lower edge of the band
FALLING_K = 0.1  # over a block: the house gives stored heat


class Activity(StrEnum):
    """What the pump does for the rooms."""

    RUNNING = "running"
    COASTING = "coasting"  # off, living on stored heat
    IDLE = "idle"  # off, no heat needed


class Reason(StrEnum):
    """Why, as far as the plan's numbers tell."""

    CHEAP = "cheap"
    BEFORE_PEAK = "before_peak"
    COMFORT = "comfort"
    HOLD = "hold"
    PRICE_UNKNOWN = "price_unknown"
    EXPENSIVE = "expensive"
    CHEAPER_LATER = "cheaper_later"
    MILD = "mild"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of the plan in which the pump does one thing for one reason. Times are UTC."""

    starts_at: datetime
    ends_at: datetime
    activity: Activity
    mean_heat_w: float
    mean_price_per_kwh: float
    price_over_mean_frac: float  # block price over the plan's mean price, minus 1
    room_from_c: float
    room_to_c: float
    reason: Reason
    sentence: str


def explain(plan: Plan) -> list[Block]:
    """The plan as blocks without gaps, from its start to its end."""
    edges = _edges(plan)
    return [_block(plan, first, after) for first, after in pairwise(edges)]


def summary(plan: Plan) -> str:
    """One sentence for the whole plan."""
    hours = len(plan.heat_w) * plan.step_s / 3600.0
    power, price = np.array(plan.power_w), np.array(plan.price_per_kwh)
    kwh = float(np.sum(power)) * plan.step_s / 3.6e6
    rooms = f"the rooms stay between {min(plan.room_c):.1f} and {max(plan.room_c):.1f} °C"
    uses = f"In the next {hours:.0f} h the heat pump uses {kwh:.1f} kWh"
    paid = float(power @ price) / float(np.sum(power)) if kwh > 0.0 else float(np.mean(price))
    over = _over_mean(paid, price)
    if abs(over) < 0.01:
        return f"{uses} at the mean price of these hours; {rooms}."
    side = "below" if over < 0.0 else "above"
    return f"{uses} at a price {abs(over):.0%} {side} the mean of these hours; {rooms}."


def _over_mean(price_per_kwh: float, prices: FloatArray) -> float:
    """Price over the mean of the plan as a share of the usual size of a price (0: all free)."""
    size = float(np.mean(np.abs(prices)))
    return (price_per_kwh - float(np.mean(prices))) / size if size > 0.0 else 0.0


def _edges(plan: Plan) -> list[int]:
    """Step indices where blocks begin, and the end."""
    heat = np.array(plan.heat_w)
    running = heat >= max(RUNNING_FRAC * float(heat.max()), RUNNING_MIN_W)
    level = running.astype(np.int64)
    if running.any():
        mean_w = float(np.mean(heat[running]))
        if float(np.std(heat[running])) > CALM_FRAC * mean_w:
            level += running & (heat > mean_w)
    levels = (2 * level + np.array(plan.price_known, dtype=np.int64)).tolist()
    runs = [_Run(key, len(list(steps))) for key, steps in groupby(levels)]
    lengths = [run.steps for run in _without_short(runs, SHORTEST_S / plan.step_s)]
    return [0, *accumulate(lengths)]


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


def _block(plan: Plan, first: int, after: int) -> Block:
    heat = np.array(plan.heat_w)
    prices = np.array(plan.price_per_kwh)
    room_from_c = plan.room_c[max(first - 1, 0)]
    room_to_c = plan.room_c[after - 1]
    mean_w = float(np.mean(heat[first:after]))
    price = float(np.mean(prices[first:after]))
    over = _over_mean(price, prices)
    if mean_w >= max(RUNNING_FRAC * float(heat.max()), RUNNING_MIN_W):
        activity = Activity.RUNNING
        reason = _why_running(plan, first, after)
    else:
        falls = room_to_c < room_from_c - FALLING_K
        activity = Activity.COASTING if falls else Activity.IDLE
        reason = _why_off(plan, first, after)
    starts_at = plan.starts_at + timedelta(seconds=first * plan.step_s)
    return Block(
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=(after - first) * plan.step_s),
        activity=activity,
        mean_heat_w=round(mean_w, 1),
        mean_price_per_kwh=round(price, 6),
        price_over_mean_frac=round(over, 4),
        room_from_c=room_from_c,
        room_to_c=room_to_c,
        reason=reason,
        sentence=_sentence(activity, reason, mean_w, over),
    )


def _ahead(plan: Plan, after: int) -> FloatArray:
    steps = max(1, AHEAD_S // plan.step_s)
    return np.array(plan.price_per_kwh[after : after + steps])


def _guessed(plan: Plan, first: int, after: int) -> bool:
    return sum(plan.price_known[first:after]) * 2 < after - first


def _why_running(plan: Plan, first: int, after: int) -> Reason:
    prices = np.array(plan.price_per_kwh)
    over = _over_mean(float(np.mean(prices[first:after])), prices)
    above_low_k = np.array(plan.room_c[first:after]) - np.array(plan.low_c[first:after])
    if float(np.median(above_low_k)) <= NEAR_LOW_K:
        return Reason.COMFORT
    if _guessed(plan, first, after):
        return Reason.PRICE_UNKNOWN
    ahead = _ahead(plan, after)
    if over < -CHEAP_FRAC and ahead.size and _over_mean(float(np.max(ahead)), prices) > PEAK_FRAC:
        return Reason.BEFORE_PEAK
    return Reason.CHEAP if over < -CHEAP_FRAC else Reason.HOLD


def _why_off(plan: Plan, first: int, after: int) -> Reason:
    prices = np.array(plan.price_per_kwh)
    price = float(np.mean(prices[first:after]))
    if _guessed(plan, first, after):
        return Reason.PRICE_UNKNOWN
    if _over_mean(price, prices) > CHEAP_FRAC:
        return Reason.EXPENSIVE
    ahead = _ahead(plan, after)
    if ahead.size and _over_mean(price, prices) > _over_mean(float(np.mean(ahead)), prices) + (
        CHEAP_FRAC
    ):
        return Reason.CHEAPER_LATER
    return Reason.MILD


def _sentence(activity: Activity, reason: Reason, heat_w: float, over: float) -> str:
    side = "below" if over < 0.0 else "above"
    apart = f"{abs(over):.0%} {side} the mean"
    does = f"Heats with {heat_w / 1000.0:.1f} kW"
    if activity is not Activity.RUNNING:
        does = "Off, living on stored heat" if activity is Activity.COASTING else "Off"
    because = {
        Reason.CHEAP: f"electricity is cheap now, {apart}.",
        Reason.BEFORE_PEAK: f"storing heat before dear hours, at a price {apart}.",
        Reason.COMFORT: "needed to keep the rooms from getting too cold, whatever the price.",
        Reason.HOLD: f"holding the rooms; the price is close to the mean ({apart})."
        if abs(over) <= CHEAP_FRAC
        else f"holding the rooms although the price is {apart}.",
        Reason.PRICE_UNKNOWN: "the price is not known yet, this part of the plan is a guess.",
        Reason.EXPENSIVE: f"electricity is dear now, {apart}.",
        Reason.CHEAPER_LATER: "cheaper hours follow.",
        Reason.MILD: "the rooms need no heat.",
    }
    return f"{does}: {because[reason]}"
