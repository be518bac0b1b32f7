"""Grid tariffs on power: which interval means count, how they are averaged, what the level costs.

Sources of the forms: Norwegian grid tariffs (three highest days of the month, steps), Swedish grid
companies (weights and windows differ), the capacity tariff of Flanders (mean of twelve monthly
peaks of at least 2.5 kW each), Fjellnett (five highest weighted weeks of twelve months).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from mpc.peak_cost import cost_of_level
from mpc.peaks import FeeStep, PeakGroup
from mpc.tariff_calendar import (
    ALWAYS,
    ANYTIME,
    Calendar,
    Validity,
    Window,
    first_of_month,
    monday_of,
    months_before,
)

YEAR_MONTHS = 12
ENDLESS_KW = 1.0e6
"""The upper end of a last step: beyond any connection, but finite, as JSON has no infinity."""

MEASURED_S = (900, 1800, 3600)


class PeakPeriod(StrEnum):
    """Over which time the billed level is formed; it is billed every local month."""

    MONTH = "month"  # each month on its own
    MEAN_OF_MONTHS = "mean_of_months"  # mean of the levels of twelve months, this one the last
    ROLLING_YEAR = "rolling_year"  # the N highest of twelve months, this one the last


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakValue:
    """The mean import of one metered interval; weighted where it is said so."""

    at: datetime  # start of the interval, aware
    kw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakWindow:
    """Local times whose intervals count, and how much."""

    window: Window = ANYTIME
    weight_frac: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakRate:
    """What a level costs, VAT included: per kW, or the fee of its step.

    A price per kW is that of a month for `PeakPeriod.MONTH`, of a year for the two others; a
    step's fee is always that of a month.
    """

    price_per_kw: float = 0.0
    steps: tuple[FeeStep, ...] = ()
    months: tuple[int, ...] = ()  # empty: all
    validity: Validity = ALWAYS  # looked up on the first day of the month that is billed

    def __post_init__(self) -> None:
        ends = [step.below_kw for step in self.steps]
        if ends and (ends != sorted(set(ends)) or ends[-1] < ENDLESS_KW):
            raise ValueError("fee steps rise, and the last one has no upper end")

    def holds(self, month: date) -> bool:
        """Does it count for the month that begins on this day?"""
        return (not self.months or month.month in self.months) and self.validity.covers(month)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakTariff:
    """One charge on power. Windows and rates: the first that fits counts; none: nothing does.

    An interval counts weight * mean; a group's value is its highest interval; the level is the
    mean of the `averaged` highest groups of the period, each at least `floor_kw`; groups that are
    missing count as 0 (or the floor). `expected_frac` is for planning only: this share of the last
    period's level is taken to be reached anyway, see `peak_charges`; 0 takes nothing for granted.
    """

    name: str
    interval_s: int = 3600
    windows: tuple[PeakWindow, ...] = (PeakWindow(),)
    group: PeakGroup = PeakGroup.DAY
    averaged: int = 1
    floor_kw: float = 0.0
    period: PeakPeriod = PeakPeriod.MONTH
    rates: tuple[PeakRate, ...] = ()
    expected_frac: float = 0.0
    calendar: Calendar = field(default_factory=Calendar)

    def __post_init__(self) -> None:
        if self.interval_s not in MEASURED_S:
            raise ValueError(f"intervals of {self.interval_s} s are not metered")
        if self.averaged < 1:
            raise ValueError("at least one value must be averaged")
        yearly = self.period is not PeakPeriod.MONTH
        if yearly and any(rate.steps for rate in self.rates):
            raise ValueError("fee steps are for a level that is formed month by month")

    def interval_start(self, at: datetime, span_s: int | None = None) -> datetime:
        """The start of the interval (or other part of an hour) in local time that `at` is in."""
        local = self.calendar.local(at)
        into_s = (local.minute * 60 + local.second) % (span_s or self.interval_s)
        into = timedelta(seconds=into_s, microseconds=local.microsecond)
        return at.astimezone(UTC) - into

    def month_of(self, at: datetime) -> date:
        """The billing month of an instant."""
        return first_of_month(self.calendar.local(at).date())

    def group_of(self, at: datetime) -> date | datetime:
        """The key of the group that an interval is in: local day, Monday, or the interval."""
        if self.group is PeakGroup.FREE:
            return at
        day = self.calendar.local(at).date()
        return day if self.group is PeakGroup.DAY else monday_of(day)

    def weight_frac(self, at: datetime) -> float:
        """How much the interval that starts at `at` counts; 0 where it does not."""
        local = self.calendar.local(at)
        fits = (w for w in self.windows if w.window.includes(local, self.calendar))
        found = next(fits, None)
        return 0.0 if found is None else found.weight_frac

    def weighted(self, interval: PeakValue) -> PeakValue:
        """What an interval mean counts; an export counts nothing."""
        return PeakValue(at=interval.at, kw=self.weight_frac(interval.at) * max(interval.kw, 0.0))

    def highest(self, values: Iterable[PeakValue]) -> tuple[PeakValue, ...]:
        """Of weighted values the highest of each group (the earliest of equals), in order."""
        best: dict[date | datetime, PeakValue] = {}
        for value in sorted(values, key=lambda v: v.at):
            group = self.group_of(value.at)
            if group not in best or value.kw > best[group].kw:
                best[group] = value
        return tuple(sorted(best.values(), key=lambda v: v.at))

    def mean_level_kw(self, values: Iterable[PeakValue]) -> float:
        """The level of weighted values of one period."""
        levels = sorted((value.kw for value in self.highest(values)), reverse=True)
        counted = [max(kw, self.floor_kw) for kw in levels[: self.averaged]]
        counted += [self.floor_kw] * (self.averaged - len(counted))
        return sum(counted) / self.averaged

    def billed_level_kw(self, intervals: Iterable[PeakValue], month: date) -> float:
        """The level on the bill of a month, from the (unweighted) interval means of any time.

        A month without any interval has no level: the mean of months is of those that have one.
        """
        weighted = [self.weighted(interval) for interval in intervals]
        return self.level_kw(weighted, month)

    def level_kw(self, values: Iterable[PeakValue], month: date) -> float:
        """`billed_level_kw` from weighted values, of which only each group's highest matter."""
        first = month if self.period is PeakPeriod.MONTH else months_before(month, YEAR_MONTHS - 1)
        by_month: dict[date, list[PeakValue]] = {}
        for value in values:
            if first <= (of := self.month_of(value.at)) <= month:
                by_month.setdefault(of, []).append(value)
        if self.period is PeakPeriod.MEAN_OF_MONTHS and by_month:
            levels = [self.mean_level_kw(of_month) for of_month in by_month.values()]
            return sum(levels) / len(levels)
        return self.mean_level_kw(value for part in by_month.values() for value in part)

    def rate(self, month: date) -> PeakRate | None:
        """The rate of a billing month."""
        return next((rate for rate in self.rates if rate.holds(month)), None)

    def fee(self, intervals: Iterable[PeakValue], month: date) -> float:
        """What the bill of a month says for power, VAT included."""
        rate = self.rate(month)
        if rate is None:
            return 0.0
        level_kw = self.billed_level_kw(intervals, month)
        return cost_of_level(level_kw, rate.price_per_kw / self._bills_a_year, rate.steps)

    @property
    def _bills_a_year(self) -> float:
        """Bills that share the price of a rate."""
        return 1.0 if self.period is PeakPeriod.MONTH else float(YEAR_MONTHS)
