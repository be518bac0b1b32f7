"""How often the compressor has started today, and what a start is worth. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

START_EUR = 0.02
"""Assumption: a compressor costs 2000 EUR to replace and is good for 100,000 starts. Ten times as
much makes plans heat long and hot in mild weather to save starts, for a tenth of the bill."""

PER_EUR = {
    "BGN": 1.956, "CHF": 0.95, "CZK": 25.0, "DKK": 7.46, "EUR": 1.0, "GBP": 0.85, "HUF": 400.0,
    "NOK": 11.5, "PLN": 4.3, "RON": 5.0, "SEK": 11.3,
}  # fmt: skip
"""What a euro is in the other currencies of Europe's power markets: rounded, for orders of
magnitude only, where an owner has not said what a start counts."""


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts seen on a local day."""

    day: date | None = None
    count: int = 0
    running: bool | None = None  # when last looked

    def seen(self, at: datetime, running: bool | None, zone: ZoneInfo) -> "Starts":
        """One more look; where nobody knows whether it runs, nothing is counted."""
        day = at.astimezone(zone).date()
        count = self.count if day == self.day else 0
        if running is None:
            return Starts(day, count, self.running)
        return Starts(day, count + int(running and self.running is False), running)

    def left(self, per_day: int | None) -> int | None:
        """Of today's budget; None without one."""
        return None if per_day is None else max(per_day - self.count, 0)


def start_price(start_cost: float | None, currency: str) -> float:
    """What a start counts in a plan, in this currency: as the owner says, else START_EUR."""
    return START_EUR * PER_EUR.get(currency, 1.0) if start_cost is None else start_cost


def local_midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """When the local day ends."""
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time(), zone)
