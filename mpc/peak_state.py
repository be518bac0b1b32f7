"""What a peak tariff has counted so far: the little that has to survive a restart."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mpc.peak_tariff import YEAR_MONTHS, PeakPeriod, PeakTariff, PeakValue
from mpc.peaks import PeakGroup
from mpc.tariff_calendar import months_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The metered interval under way: what was seen of it. A hole is not seen, and not zero."""

    starts_at: datetime
    seen_kwh: float = 0.0
    seen_s: float = 0.0

    @property
    def mean_kw(self) -> float | None:
        """Mean import over what was seen; None when nothing was."""
        return self.seen_kwh * 3600.0 / self.seen_s if self.seen_s > 0.0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakState:
    """Weighted values that still matter to the tariff called `name`, and the running interval.

    Of the month under way every group's highest value is kept (the N highest where each interval
    is on its own), of earlier ones the N highest; of a rolling year every group's.
    """

    name: str
    interval_s: int
    values: tuple[PeakValue, ...] = ()
    running: Running | None = None


def nothing_counted(tariff: PeakTariff) -> PeakState:
    """The state of a first day."""
    return PeakState(name=tariff.name, interval_s=tariff.interval_s)


def counted(tariff: PeakTariff, state: PeakState, interval: PeakValue) -> PeakState:
    """The state after one more finished interval with this mean import (not weighted yet)."""
    if tariff.weight_frac(interval.at) <= 0.0:
        return state
    values = (*state.values, tariff.weighted(interval))
    return replace(state, values=_kept(tariff, values, interval.at))


def settled(tariff: PeakTariff, state: PeakState, at: datetime) -> PeakState:
    """The state at an instant: a running interval that is over by then is counted.

    An interval of which not everything was seen counts with the mean of what was.
    """
    running = state.running
    if running is None or at < running.starts_at + timedelta(seconds=tariff.interval_s):
        return state
    closed, kw = replace(state, running=None), running.mean_kw
    return closed if kw is None else counted(tariff, closed, PeakValue(at=running.starts_at, kw=kw))


def redated(tariff: PeakTariff, state: PeakState, now: datetime) -> PeakState:
    """The state after the clock went back to `now`: what has later dates was measured before it.

    A peak is not lost by that; it counts in the group of `now`.
    """
    values = [PeakValue(at=min(value.at, now), kw=value.kw) for value in state.values]
    return replace(state, values=_kept(tariff, values, now), running=None)


def level_so_far_kw(tariff: PeakTariff, state: PeakState, month: date) -> float:
    """The level that the bill of a month has now."""
    return tariff.level_kw(state.values, month)


def last_level_kw(tariff: PeakTariff, state: PeakState, month: date) -> float | None:
    """The level of the month before on its own; None when nothing was counted in it.

    None for a rolling year, too: its own history says what is reached.
    """
    if tariff.period is PeakPeriod.ROLLING_YEAR:
        return None
    before = months_before(month, 1)
    values = [value for value in state.values if tariff.month_of(value.at) == before]
    return tariff.mean_level_kw(values) if values else None


def _kept(tariff: PeakTariff, values: Iterable[PeakValue], now: datetime) -> tuple[PeakValue, ...]:
    month = tariff.month_of(now)
    back = 1 if tariff.period is PeakPeriod.MONTH else YEAR_MONTHS
    by_month: dict[date, list[PeakValue]] = {}
    for value in values:
        if (of := tariff.month_of(value.at)) >= months_before(month, back):
            by_month.setdefault(of, []).append(value)
    if tariff.period is PeakPeriod.ROLLING_YEAR:
        kept = list(tariff.highest(value for part in by_month.values() for value in part))
    else:
        kept = []
        for of, part in by_month.items():
            best = tariff.highest(part)
            whole = of == month and tariff.group is not PeakGroup.FREE
            kept += best if whole else _highest_n(best, tariff.averaged)
    return tuple(sorted(kept, key=lambda value: value.at))


def _highest_n(values: Iterable[PeakValue], count: int) -> list[PeakValue]:
    return sorted(values, key=lambda value: (-value.kw, value.at))[:count]
