"""When to ask a price service again: after what was missing has been published. Pure.

Each market has a day of its own (local midnight to midnight, for some an hour earlier) and a time
on the day before when that day's prices come out. With tomorrow's prices in hand there is nothing
to ask until the next publication.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

JITTER_S = 900.0
"""Spread after a publication, so that many houses do not ask in the same second."""

FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)
"""Between two questions for the same missing prices: 5, 10, 20, 40, 60, 60, ... minutes."""


@dataclass(frozen=True, slots=True)
class Publication:
    """When a market's next day becomes known."""

    zone: str
    published: time  # local, on the day before
    ends: timedelta = timedelta(0)  # the market day's end after local midnight; may be negative

    def day_of(self, at: datetime) -> date:
        """The market day that contains an instant."""
        return (at.astimezone(UTC) - self.ends).astimezone(ZoneInfo(self.zone)).date()

    def starts_at(self, day: date) -> datetime:
        """The first instant of a market day."""
        midnight = datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)
        return midnight + self.ends

    def published_at(self, day: date) -> datetime:
        """When the prices of this market day come out."""
        local = datetime.combine(day - timedelta(days=1), self.published, ZoneInfo(self.zone))
        return local.astimezone(UTC)

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """From the start of today's market day to the end of the last day published by now."""
        today = self.day_of(at)
        tomorrow = today + timedelta(days=1)
        last = tomorrow if at >= self.published_at(tomorrow) else today
        return self.starts_at(today), self.starts_at(last + timedelta(days=1))


EURO_AUCTION = Publication("Europe/Brussels", time(12, 45))
"""The coupled European auction: published from 12:45 Central European Time."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last time the service was asked in vain, and how often in a row."""

    at: datetime
    failures: int
    retry_at: datetime | None = None  # the service itself says from when on


def jitter(seed: str, day: date) -> timedelta:
    """A delay between 0 and 15 minutes: different for houses and days, the same when replayed."""
    digest = hashlib.sha256(f"{seed} {day.isoformat()}".encode()).digest()
    return timedelta(seconds=JITTER_S * int.from_bytes(digest[:4], "big") / 2**32)


def next_ask_at(
    known_until: datetime | None,
    attempt: Attempt | None,
    *,
    publication: Publication,
    seed: str,
    preliminary_since: datetime | None = None,
) -> datetime | None:
    """When the next question can bring news; None: at once.

    `known_until` is the end of the prices in hand, None without any that hold now;
    `preliminary_since` is when prices that may still change were received.
    """
    due: datetime | None = None
    if known_until is not None:
        day = publication.day_of(known_until)
        due = publication.published_at(day) + jitter(seed, day)
    if preliminary_since is not None and due is not None:
        due = min(due, preliminary_since + FIRST_WAIT)
    if attempt is None:
        return due
    doublings = min(max(attempt.failures - 1, 0), 10)
    wait = min(FIRST_WAIT * 2.0**doublings, LONGEST_WAIT)
    patience = max(attempt.at + wait, attempt.retry_at or attempt.at)
    return patience if due is None else max(due, patience)
