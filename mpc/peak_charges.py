"""From a peak tariff and what it has counted so far to the charges the planner weighs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mpc.peak_state import PeakState, last_level_kw, settled
from mpc.peak_tariff import YEAR_MONTHS, PeakPeriod, PeakRate, PeakTariff
from mpc.peaks import PeakCharge, PeakGroup
from mpc.tariff_calendar import months_before, utc_starts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The horizon in metered intervals; a step longer than those is an interval of its own."""

    starts_at: datetime
    step_frac: float  # of an interval
    span_s: int  # of an interval
    interval_of_step: tuple[datetime, ...]  # its start
    weights: Mapping[datetime, float]  # of intervals that count, by start, in order


def charges(
    tariff: PeakTariff,
    state: PeakState,
    *,
    starts_at: datetime,
    step_s: int,
    steps: int,
    expected_kw: float | None = None,
) -> tuple[PeakCharge, ...]:
    """One charge per billing period that the steps touch and in which power has a price.

    What was metered of an interval before `starts_at` is its running mean; what is gone of the
    first step counts as planned, as everywhere in a plan. Nothing seen of it counts as nothing.

    `expected_kw` is the level that the period reaches anyway, and stands in the history: without
    it the first days of a month would be planned as if every kW were new. None: `expected_frac`
    of the level of the month before, as far as that is known; 0.0: nothing.
    """
    state = settled(tariff, state, starts_at)
    grid = _grid(tariff, starts_at, step_s, steps)
    months = list(dict.fromkeys(tariff.month_of(at) for at in grid.weights))
    if tariff.period is PeakPeriod.ROLLING_YEAR:
        months = months[:1]
    made = []
    for month in months:
        rate = tariff.rate(month)
        if rate is None or (not rate.steps and rate.price_per_kw == 0.0):
            continue
        last_kw = last_level_kw(tariff, state, month)
        anyway_kw = expected_kw
        if anyway_kw is None:
            anyway_kw = 0.0 if last_kw is None else tariff.expected_frac * last_kw
        made.append(_charge(tariff, state, grid, month=month, rate=rate, anyway_kw=anyway_kw))
    return tuple(made)


def _grid(tariff: PeakTariff, starts_at: datetime, step_s: int, steps: int) -> _Grid:
    span_s = math.lcm(step_s, tariff.interval_s)
    starts = utc_starts(starts_at, step_s, steps)
    of_step = tuple(tariff.interval_start(at, span_s) for at in starts)
    parts = [timedelta(seconds=s) for s in range(0, span_s, tariff.interval_s)]
    weights = {
        at: max(tariff.weight_frac(at + part) for part in parts) for at in dict.fromkeys(of_step)
    }
    return _Grid(
        starts_at=starts_at,
        step_frac=step_s / span_s,
        span_s=span_s,
        interval_of_step=of_step,
        weights={at: weight for at, weight in weights.items() if weight > 0.0},
    )


def _charge(
    tariff: PeakTariff,
    state: PeakState,
    grid: _Grid,
    *,
    month: date,
    rate: PeakRate,
    anyway_kw: float,
) -> PeakCharge:
    rolling = tariff.period is PeakPeriod.ROLLING_YEAR
    intervals = [at for at in grid.weights if rolling or tariff.month_of(at) == month]
    number = {at: j for j, at in enumerate(intervals)}
    of_interval = [tariff.group_of(at) for at in intervals]
    groups = list(dict.fromkeys(of_interval))
    reached = _reached_kw(tariff, state, month)
    floor = {} if tariff.group is PeakGroup.FREE else reached
    return PeakCharge(
        name=tariff.name,
        kind=tariff.group,
        interval_s=grid.span_s,
        step_frac=grid.step_frac,
        interval_of_step=tuple(number.get(at, -1) for at in grid.interval_of_step),
        past_kw=tuple(_past_kw(state, at, grid) for at in intervals),
        weight_frac=tuple(grid.weights[at] for at in intervals),
        group_of_interval=tuple(groups.index(group) for group in of_interval),
        floor_kw=tuple(floor.get(group, 0.0) for group in groups),
        history_kw=_history_kw(tariff, reached, groups, anyway_kw),
        price_per_kw=_price_per_kw(tariff, rate),
        steps=rate.steps,
    )


def _reached_kw(tariff: PeakTariff, state: PeakState, month: date) -> dict[date | datetime, float]:
    """What each group of the period has reached; of a rolling year the eleven months before too."""
    first = month
    if tariff.period is PeakPeriod.ROLLING_YEAR:
        first = months_before(month, YEAR_MONTHS - 1)
    mine = [value for value in state.values if first <= tariff.month_of(value.at) <= month]
    return {tariff.group_of(value.at): value.kw for value in tariff.highest(mine)}


def _history_kw(
    tariff: PeakTariff,
    reached_kw: Mapping[date | datetime, float],
    groups: Sequence[date | datetime],
    anyway_kw: float,
) -> tuple[float, ...]:
    """The N highest of the groups that the horizon does not touch, none below what is sure.

    Single intervals are all history: those of the horizon are still to come.
    """
    free = tariff.group is PeakGroup.FREE
    others = [kw for group, kw in reached_kw.items() if free or group not in groups]
    highest = sorted([*others, *[0.0] * tariff.averaged], reverse=True)[: tariff.averaged]
    return tuple(max(kw, tariff.floor_kw, anyway_kw) for kw in highest)


def _past_kw(state: PeakState, at: datetime, grid: _Grid) -> float:
    running = state.running
    if running is None or running.mean_kw is None or at >= grid.starts_at:
        return 0.0
    if not 0.0 <= (running.starts_at - at).total_seconds() < grid.span_s:
        return 0.0
    return running.mean_kw * (grid.starts_at - at).total_seconds() / grid.span_s


def _price_per_kw(tariff: PeakTariff, rate: PeakRate) -> float:
    """All that a kW of the period's level costs.

    In a mean of twelve months it is on twelve bills, a twelfth of a twelfth of the yearly price
    each; in a rolling year it is on the bills of a year.
    """
    months = YEAR_MONTHS if tariff.period is PeakPeriod.MEAN_OF_MONTHS else 1
    return rate.price_per_kw / months
