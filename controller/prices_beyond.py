"""The record of prices as known becomes a shape, and the shape tells the hours beyond. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from drivers.api import PriceSeries
from mpc.price_shape import PriceShape

MOST_MISSING_HOURS = 4
"""A day with more unknown hours tells no level."""

LOOKED_BACK, LOOKED_AHEAD = timedelta(days=60), timedelta(days=7)
"""Of a long file: older days have faded anyway, and no market publishes further."""


@dataclass(frozen=True, slots=True)
class PriceMemory:
    """What was learned of prices, and the end of the series it was last learned from."""

    shape: PriceShape = field(default_factory=PriceShape)
    until_s: float = 0.0  # since 1970

    def seen(self, series: PriceSeries | None, zone: ZoneInfo, at: datetime) -> "PriceMemory":
        """The days that this series completes; preliminary prices are waited for."""
        if series is None or series.preliminary:
            return self
        ends_s = series.starts_at.timestamp() + series.step_s * len(series.per_kwh)
        same = series.currency == self.shape.currency
        if ends_s == self.until_s and same:
            return self
        shape = self.shape if same else PriceShape(currency=series.currency)
        since = shape.last[-1].day if shape.last else date.min
        for day, prices in sorted(_complete_days(series, zone, since, at).items()):
            shape = shape.seen(day, prices)
        return replace(self, shape=shape, until_s=ends_s)

    def beyond(self, zone: ZoneInfo) -> Callable[[datetime], float | None]:
        """The price expected at an instant that nobody has published."""
        return lambda at: self.shape.per_kwh(at.astimezone(zone))


def _complete_days(
    series: PriceSeries, zone: ZoneInfo, since: date, at: datetime
) -> dict[date, dict[int, float]]:
    """Mean prices by local hour of the days after `since` whose last price is known.

    A market's day may end an hour before the local one: that day is complete with the next.
    """
    step = timedelta(seconds=series.step_s)
    first = max(0, (at - LOOKED_BACK - series.starts_at) // step)
    after = min(len(series.per_kwh), (at + LOOKED_AHEAD - series.starts_at) // step)
    told: dict[date, dict[int, list[float]]] = {}
    last = None
    for place in range(first, after):
        price = series.per_kwh[place]
        if price is None:
            continue
        last = series.starts_at + step * place
        local = last.astimezone(zone)
        if local.date() > since:
            told.setdefault(local.date(), {}).setdefault(local.hour, []).append(price)
    return {
        day: {hour: sum(prices) / len(prices) for hour, prices in hours.items()}
        for day, hours in told.items()
        if last is not None
        and last + step >= _ends_at(day, zone)
        and len(hours) >= 24 - MOST_MISSING_HOURS
    }


def _ends_at(day: date, zone: ZoneInfo) -> datetime:
    """The local midnight after a day."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
