"""What a kWh costs in each hour: the exchange's price, and the whole bill under three tariffs."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from statistics import fmean
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bench.spec import ENERGY_TAX_EUR_PER_KWH, GRID_EUR_PER_KWH, VAT_FRAC
from bench.truth import spot_at
from bench.zones import load_zone

SPOT = "spot"
AFTER_H = 48
"""Heat left in the house replaces heat of the next two days: that is when it is worth something."""

GRID_LEVEL_FRAC = {"night": 0.25, "day": 0.75, "evening": 2.25}
"""A grid tariff by the hour in the proportions of Danish ones (night 0-6, day, evening 17-21 at one
third, one and three times the day's; day-ahead example of February 2026: 0.1998, 0.5993, 1.798
DKK/kWh), scaled so that a constant load pays the flat tariff."""

FIXED_SPOT_PER_KWH = 0.10
"""What a contract without hourly prices has in place of the spot price."""

Price = Callable[[float, datetime], float]
"""What a kWh costs in the bill, from its spot price and local time."""


def _with_vat(before_vat: float) -> float:
    return before_vat * (1.0 + VAT_FRAC)


def flat_grid(spot_per_kwh: float, local_at: datetime) -> float:
    """Hourly spot price, constant grid tariff and tax: what the planner is told."""
    del local_at
    return _with_vat(spot_per_kwh + GRID_EUR_PER_KWH + ENERGY_TAX_EUR_PER_KWH)


def grid_by_hour(spot_per_kwh: float, local_at: datetime) -> float:
    """Hourly spot price, and a grid tariff that is dear in the evening and cheap at night."""
    hour = local_at.hour
    level = "night" if hour < 6 else "evening" if 17 <= hour < 21 else "day"
    grid = GRID_EUR_PER_KWH * GRID_LEVEL_FRAC[level] / _mean_level()
    return _with_vat(spot_per_kwh + grid + ENERGY_TAX_EUR_PER_KWH)


def fixed_price(spot_per_kwh: float, local_at: datetime) -> float:
    """One price at all hours: what is left of the saving for a house without hourly prices."""
    del spot_per_kwh, local_at
    return _with_vat(FIXED_SPOT_PER_KWH + GRID_EUR_PER_KWH + ENERGY_TAX_EUR_PER_KWH)


def _mean_level() -> float:
    hours = {"night": 6, "evening": 4, "day": 14}
    return sum(GRID_LEVEL_FRAC[level] * count for level, count in hours.items()) / 24.0


TARIFFS: Mapping[str, Price] = MappingProxyType(
    {"flat grid": flat_grid, "grid by hour": grid_by_hour, "fixed price": fixed_price}
)
TOLD = "flat grid"
"""The tariff the planner knows; the others say what the same run costs under another contract."""


def hourly_prices(zone: str, start_at: datetime, hours: int) -> dict[str, tuple[float, ...]]:
    """Per kind of money (`SPOT` and every tariff): the price of a kWh in each hour."""
    place = load_zone(zone)
    timezone = ZoneInfo(place.timezone)
    instants = [start_at + timedelta(hours=hour) for hour in range(hours)]
    spots = [spot_at(place.spot_per_kwh, at) for at in instants]
    whole = {
        name: tuple(
            price(spot, at.astimezone(timezone)) for spot, at in zip(spots, instants, strict=True)
        )
        for name, price in TARIFFS.items()
    }
    return {SPOT: tuple(spots), **whole}


def price_after(zone: str, end_at: datetime) -> dict[str, float]:
    """Per kind of money: the mean price of the hours in which heat left in the house is used."""
    return {kind: fmean(v) for kind, v in hourly_prices(zone, end_at, AFTER_H).items()}
