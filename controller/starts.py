"""How often the compressor has started today, for a budget of starts. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


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


def local_midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """When the local day ends."""
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time(), zone)
