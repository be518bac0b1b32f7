"""Heat over electricity by week and by heating season, as the meters counted it. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.pump_looks import HEAT, LONGEST_COUNTED, Look, Source, energy_kwh, neighbours
from drivers.api import Signal

SEASON_BEGINS_MONTH = 7
"""A heating season is named by the years it joins; it turns when nobody heats."""

LEAST_KWH = 1.0
"""Of electricity; less makes no performance factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """A period; energies are of the time in which both were known."""

    period: str
    known_h: float
    heat_kwh: float
    electricity_kwh: float
    outdoor_c: float | None  # mean

    @property
    def spf(self) -> float | None:
        """Seasonal performance factor: heat, hot water included, over electricity, standby
        included."""
        return None if self.electricity_kwh < LEAST_KWH else self.heat_kwh / self.electricity_kwh


def week_of(at: datetime, zone: ZoneInfo) -> str:
    """ISO week of the local day."""
    year, week, _ = at.astimezone(zone).isocalendar()
    return f"{year}-W{week:02}"


def season_of(at: datetime, zone: ZoneInfo) -> str:
    """Heating season, from July to June."""
    local = at.astimezone(zone)
    year = local.year if local.month >= SEASON_BEGINS_MONTH else local.year - 1
    return f"{year}/{(year + 1) % 100:02}"


@dataclass(slots=True)
class _Sum:
    hours: float = 0.0
    heat_kwh: float = 0.0
    electricity_kwh: float = 0.0
    outdoor_kh: float = 0.0
    outdoor_h: float = 0.0


def performances(
    looks: Iterable[Look], electricity: Source, period_of: Callable[[datetime], str]
) -> list[Performance]:
    """Every period in which heat and this electricity were known together, in order of time."""
    sums: dict[str, _Sum] = {}
    for now, then in neighbours(looks, LONGEST_COUNTED):
        heat_kwh = energy_kwh(now, then, HEAT)
        used_kwh = energy_kwh(now, then, electricity)
        if heat_kwh is None or used_kwh is None:
            continue
        found = sums.setdefault(period_of(now.at), _Sum())
        hours = (then.at - now.at).total_seconds() / 3600.0
        found.hours += hours
        found.heat_kwh += heat_kwh
        found.electricity_kwh += used_kwh
        outdoor_c = now.values.get(Signal.OUTDOOR_C)
        if outdoor_c is not None:
            found.outdoor_kh += outdoor_c * hours
            found.outdoor_h += hours
    return [_performance(period, found) for period, found in sums.items()]


def _performance(period: str, found: _Sum) -> Performance:
    return Performance(
        period=period,
        known_h=found.hours,
        heat_kwh=found.heat_kwh,
        electricity_kwh=found.electricity_kwh,
        outdoor_c=found.outdoor_kh / found.outdoor_h if found.outdoor_h > 0.0 else None,
    )
