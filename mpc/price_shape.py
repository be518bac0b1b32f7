"""The price beyond the published hours, from the shape of the days known before. Pure.

    price(hour) = level of the day's kind + LASTS ** days * (last day - level of its kind)
                + n / (n + 1) * usual difference of this hour from its day's mean

Kinds are working days and days off, hours are local ones, n counts the days of the kind; `days` is
how far the last known day lies back. Older days fade. A public holiday counts as what its weekday
is. Unknown hours are an expectation: what a plan does with them it may do otherwise once they are
published.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from mpc.error_band import ErrorBand

HOURS = 24
FIRST_DAYS = 7
"""A week holds every kind of day; with less, the shape is not used."""

MEMORY_WORKING_DAYS, MEMORY_DAYS_OFF = 10.0, 4.0
"""Two weeks; with four the shapes of DK1 and DE-LU in 2024 erred more (`bench.forecasts`)."""

LASTS = 0.7
"""Of a day's distance from the usual level, what is left of it on the next."""

LEADS_DAYS = (1, 2)
"""Errors are known for the first day after the last one known, and for later ones."""

USUAL_SPREAD_FRAC = 0.45
"""Standard deviation of such errors over the mean price before any were seen, from the widths that
`python -m bench.forecasts` finds for DK1 and DE-LU in 2024."""

FORGOTTEN_DAYS = 60
"""A shape that nobody has renewed for so long is of another season."""

DIGITS = 6


@dataclass(frozen=True, slots=True)
class DayKind:
    """Working days, or days off: how many count, their mean price, and what their hours differ."""

    days: float = 0.0
    level_per_kwh: float = 0.0
    hours_per_kwh: tuple[float, ...] = (0.0,) * HOURS

    def seen(self, prices: Mapping[int, float], memory: float) -> "DayKind":
        """One more day; an hour without a price keeps what it had."""
        days, mean = min(self.days + 1.0, memory), _mean(prices)
        hours = list(self.hours_per_kwh)
        for hour, price in prices.items():
            hours[hour] = round(hours[hour] + (price - mean - hours[hour]) / days, DIGITS)
        level = self.level_per_kwh + (mean - self.level_per_kwh) / days
        return DayKind(days, round(level, DIGITS), tuple(hours))


@dataclass(frozen=True, slots=True)
class KnownDay:
    """A day and its mean price."""

    day: date
    mean_per_kwh: float


@dataclass(frozen=True, slots=True)
class PriceShape:
    """What was learned of the days with published prices; survives restarts."""

    currency: str = ""
    working: DayKind = field(default_factory=DayKind)
    off: DayKind = field(default_factory=DayKind)
    last: tuple[KnownDay, ...] = ()  # the newest last, as many as LEADS_DAYS reach back
    days: int = 0
    errors: tuple[ErrorBand, ...] = (ErrorBand(),) * len(LEADS_DAYS)

    def seen(self, day: date, prices: Mapping[int, float]) -> "PriceShape":
        """One more day, later than all before: mean price by local hour, for most of its hours."""
        if self.last and (day - self.last[-1].day).days > FORGOTTEN_DAYS:
            return PriceShape(currency=self.currency).seen(day, prices)
        memory = MEMORY_DAYS_OFF if is_off(day) else MEMORY_WORKING_DAYS
        kind = self._kind(day).seen(prices, memory)
        return replace(
            self,
            working=self.working if is_off(day) else kind,
            off=kind if is_off(day) else self.off,
            last=(*self.last, KnownDay(day, round(_mean(prices), DIGITS)))[-max(LEADS_DAYS) :],
            days=self.days + 1,
            errors=tuple(self._judged(day, prices)),
        )

    def knows(self, day: date) -> bool:
        """Whether a price on this day can be told."""
        if self.days < FIRST_DAYS or not self.last:
            return False
        return self._kind(day).days > 0.0 and (day - self.last[-1].day).days <= FORGOTTEN_DAYS

    def per_kwh(self, local: datetime) -> float | None:
        """The price expected at a local time; None where too little was seen."""
        day = local.date()
        return self._from(self.last[-1], day, local.hour) if self.knows(day) else None

    def quantiles(self, day: date) -> tuple[float, float] | None:
        """Errors of `per_kwh` on that day: one in ten lies below the first, one above the other."""
        if not self.knows(day):
            return None
        ahead = (day - self.last[-1].day).days
        return self.errors[1 if ahead > 1 else 0].quantiles(self._usual_std())

    def _from(self, known: KnownDay, day: date, hour: int) -> float:
        kind, usual = self._kind(day), self._kind(known.day)
        left = LASTS ** max((day - known.day).days, 0)
        shape = kind.days / (kind.days + 1.0) * kind.hours_per_kwh[hour]
        return kind.level_per_kwh + left * (known.mean_per_kwh - usual.level_per_kwh) + shape

    def _judged(self, day: date, prices: Mapping[int, float]) -> list[ErrorBand]:
        """The errors of what was expected of this day, one and two days before."""
        bands = list(self.errors)
        for place, lead in enumerate(LEADS_DAYS):
            known = next((k for k in self.last if k.day == day - timedelta(days=lead)), None)
            if known is not None and self.knows(day):
                missed = [p - self._from(known, day, hour) for hour, p in prices.items()]
                bands[place] = bands[place].seen(missed, usual_std=self._usual_std(), days=1.0)
        return bands

    def _usual_std(self) -> float:
        return USUAL_SPREAD_FRAC * abs(self.working.level_per_kwh or self.off.level_per_kwh)

    def _kind(self, day: date) -> DayKind:
        return self.off if is_off(day) else self.working


def is_off(day: date) -> bool:
    """Saturdays and Sundays."""
    return day.weekday() >= 5


def _mean(prices: Mapping[int, float]) -> float:
    return sum(prices.values()) / len(prices)
