"""When a price holds: local days and times, holidays, validity. Local time through zoneinfo."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_S = 86_400
SLICE_S = 900
"""Prices change on quarter-hours of UTC: every zone's offset and every window is made of them."""


class HolidayRule(StrEnum):
    """What a public holiday is to a window."""

    ANY = "any"  # a day like others: its weekday counts
    EXCLUDED = "excluded"  # never in the window
    INCLUDED = "included"  # in the window whatever its weekday


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays:
    """Public holidays: fixed ones, those that move with Easter Sunday, and single dates."""

    yearly: tuple[tuple[int, int], ...] = ()  # (month, day)
    easter_days: tuple[int, ...] = ()  # days after Easter Sunday; Good Friday is -2
    once: tuple[date, ...] = ()

    def include(self, day: date) -> bool:
        """Is this local date one of them?"""
        return (
            (day.month, day.day) in self.yearly
            or (day - easter_sunday(day.year)).days in self.easter_days
            or day in self.once
        )


@lru_cache(maxsize=64)
def easter_sunday(year: int) -> date:
    """Gregorian computus (anonymous, Nature 13, 1876; Meeus, Astronomical Algorithms, ch. 8)."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    correction = (8 * century + 13) // 25
    epact = (19 * golden + century - century // 4 - correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - epact - in_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The local time in which a tariff is written."""

    timezone: str = "UTC"
    holidays: Holidays = field(default_factory=Holidays)

    def local(self, at: datetime) -> datetime:
        """Local wall clock at an aware instant. Raises ValueError for a naive one."""
        if at.tzinfo is None:
            raise ValueError(f"{at} has no time zone")
        return at.astimezone(ZoneInfo(self.timezone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Local dates: `since` is the first day, `until` the first day after; None is open."""

    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Does it hold on this local date?"""
        begun = self.since is None or day >= self.since
        return begun and (self.until is None or day < self.until)


ALWAYS = Validity()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Recurring local times; an empty tuple is no restriction.

    Every local instant is looked up on its own date: Saturday 02:00 is not in a window of weekdays,
    also where the times run over midnight.
    """

    months: tuple[int, ...] = ()  # 1 ... 12
    weekdays: tuple[int, ...] = ()  # 0 is Monday
    times_s: tuple[tuple[int, int], ...] = ()  # [from, until) since local midnight; may wrap
    holidays: HolidayRule = HolidayRule.ANY

    def includes(self, local: datetime, calendar: Calendar) -> bool:
        """Is this local instant in the window?"""
        if self.months and local.month not in self.months:
            return False
        return self._has_day(local.date(), calendar) and self._has_time(local)

    def _has_day(self, day: date, calendar: Calendar) -> bool:
        usual = not self.weekdays or day.weekday() in self.weekdays
        if self.holidays is HolidayRule.ANY:
            return usual
        holiday = calendar.holidays.include(day)
        return usual and not holiday if self.holidays is HolidayRule.EXCLUDED else usual or holiday

    def _has_time(self, local: datetime) -> bool:
        clock_s = local.hour * 3600 + local.minute * 60 + local.second
        return not self.times_s or any(
            since <= clock_s < until if since < until else clock_s >= since or clock_s < until
            for since, until in self.times_s
        )


ANYTIME = Window()


def first_of_month(day: date) -> date:
    """The month's key: its first day."""
    return day.replace(day=1)


def months_before(month: date, count: int) -> date:
    """The first day of the month `count` months earlier."""
    years, index = divmod(month.year * 12 + month.month - 1 - count, 12)
    return date(years, index + 1, 1)


def monday_of(day: date) -> date:
    """The week's key: its Monday."""
    return day - timedelta(days=day.weekday())


def utc_starts(starts_at: datetime, step_s: int, steps: int) -> list[datetime]:
    """The starts of equal steps in UTC, where no hour is missing or comes twice.

    Raises ValueError for a naive instant.
    """
    if starts_at.tzinfo is None:
        raise ValueError(f"{starts_at} has no time zone")
    first = starts_at.astimezone(UTC)
    return [first + timedelta(seconds=step_s * i) for i in range(steps)]
