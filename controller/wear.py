"""The wear ledger: every write to a memory that wears is counted for life before it is made.

Only the planner has a budget. Hand-back, safety and the grid operator are counted, never refused;
what they need beyond their own reserve is taken from the planner. The budget runs by time that
heatherd has lived through, not by the clock: a clock that jumps neither grants nor loses writes.
"""

import logging
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from controller.guard import Purpose
from controller.store import Store, StoreError
from drivers.api import Capability, Knob, WriteClass

log = logging.getLogger(__name__)

WEEK_S = 7 * 86400.0
WEEKLY_WRITES = 15.0
"""Of the planner to a stored knob whose profile states no budget: KEBA documents about 15 a week,
the least that any maker allows."""

RESERVED_WEEKLY = 14.0
"""Two a day for hand-back, safety and grid operator, on top of the planner's budget."""

WEAKEST_MEMORY_WRITES = 100_000
"""The least endurance per register that a maker documents (Weishaupt; IDM: 300 000)."""

LEAP_S, CONFIRMED_AFTER_S = 3600.0, 3600.0
"""A longer silence of the clock may be a jump; it counts once the clock has kept going for this."""

SLIP_S = 60.0
"""A clock set back by less is being corrected; by more, it had been wrong before or is now."""

KEPT = 1000
"""Newest writes per register that are kept one by one, several times the fullest week; older ones
are summed up per day, which leaves a few megabytes after twenty years."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS intent (
  number INTEGER PRIMARY KEY, point TEXT NOT NULL, capability TEXT NOT NULL, at TEXT NOT NULL,
  lived_s REAL NOT NULL, value REAL NOT NULL, purpose TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS intent_of_point ON intent (point, number);
CREATE TABLE IF NOT EXISTS intent_day (
  point TEXT, capability TEXT, purpose TEXT, day TEXT, writes INTEGER NOT NULL,
  PRIMARY KEY (point, capability, purpose, day)) WITHOUT ROWID;
"""
_INSERT = (
    "INSERT INTO intent (point, capability, at, lived_s, value, purpose) VALUES (?, ?, ?, ?, ?, ?)"
)
_FOLD = """
INSERT INTO intent_day
  SELECT point, capability, purpose, substr(at, 1, 10), count(*) FROM intent
  WHERE point = ? AND number <= ? GROUP BY 1, 2, 3, 4
  ON CONFLICT DO UPDATE SET writes = writes + excluded.writes
"""
_LIFE = """
SELECT point, capability, purpose, sum(writes), min(day) FROM (
  SELECT point, capability, purpose, 1 AS writes, substr(at, 1, 10) AS day FROM intent
  UNION ALL SELECT point, capability, purpose, writes, day FROM intent_day)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def is_stored(knob: Knob) -> bool:
    """Whether the device keeps the value for ever; what nobody has classified counts as kept."""
    return knob.write_class is not WriteClass.VOLATILE


def weekly_budget(knob: Knob) -> float | None:
    """What the planner may write in any seven days; None: as often as it likes."""
    if knob.weekly_writes is not None:
        return knob.weekly_writes
    return WEEKLY_WRITES if is_stored(knob) else None


@dataclass(frozen=True, slots=True)
class Lived:
    """Time lived through, in seconds since the ledger began, however the clock jumps.

    A leap ahead (a long stop, or a jump) is doubtful until the clock has gone on from there for a
    while; a clock that goes back instead shows that it was a jump, and the leap is forgotten.
    """

    total_s: float = 0.0
    seen_at: datetime | None = None
    doubtful_s: float = 0.0
    doubtful_since_s: float = 0.0

    def seen(self, at: datetime) -> "Lived":
        """The clock shows `at`."""
        if self.seen_at is None:
            return replace(self, seen_at=at)
        step_s = (at - self.seen_at).total_seconds()
        if step_s < -SLIP_S:
            return Lived(self.total_s, at)
        if step_s > LEAP_S:
            doubtful_s = min(self.doubtful_s + step_s, WEEK_S)
            return Lived(self.total_s, at, doubtful_s, self.total_s)
        total_s = self.total_s + max(step_s, 0.0)
        if self.doubtful_s and total_s - self.doubtful_since_s >= CONFIRMED_AFTER_S:
            return Lived(total_s + self.doubtful_s, at)
        return replace(self, total_s=total_s, seen_at=max(at, self.seen_at))


_LIVED = TypeAdapter(Lived)


@dataclass(frozen=True, slots=True)
class Move:
    """One knob on its way to a value."""

    knob: Knob
    value: float
    purpose: Purpose
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWear:
    """What one register has gone through."""

    point: str
    capability: Capability
    writes: Mapping[Purpose, int] = field(default_factory=dict)  # for life
    week_planner: int = 0
    week_other: int = 0
    since: str | None = None  # day of the first write

    @property
    def total(self) -> int:
        """All writes for life."""
        return sum(self.writes.values())

    def per_year(self, at: datetime) -> float | None:
        """Writes a year at the rate so far; None before there has been a week of it."""
        if self.since is None:
            return None
        days = (at.date() - date.fromisoformat(self.since)).days
        return None if days < 7 else self.total * 365.25 / days

    def years_left(self, at: datetime) -> float | None:
        """Until the weakest memory that any maker states would be worn out at that rate."""
        per_year = self.per_year(at)
        if not per_year:
            return None
        return max(0.0, (WEAKEST_MEMORY_WRITES - self.total) / per_year)


class Ledger:
    """Counts writes in the store's file. Reading the budget raises `StoreError` on a bad disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.database
        self._unsaved: list[tuple[Any, ...]] = []  # made while the disk refused
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            log.error("the wear ledger cannot be set up, the planner writes nothing: %s", error)
        self._lived = self._stored_time()
        self._saved_s = self._lived.total_s

    def see(self, at: datetime) -> None:
        """Time goes on. To be called in every cycle."""
        self._save_late()
        before, self._lived = self._lived, self._lived.seen(at)
        leapt = self._lived.doubtful_s != before.doubtful_s
        if leapt or self._lived.total_s - self._saved_s >= LEAP_S:
            self._save_time()

    def commit(self, move: Move) -> None:
        """Count a write durably before it is made. Raises `StoreError`: then it must not be."""
        row = self._row(move)
        try:
            self._db.execute(_INSERT, row)
        except sqlite3.Error as error:
            raise StoreError(f"the write cannot be counted: {error}") from error
        self._fold(move.knob.point)
        self._save_time()

    def note(self, move: Move) -> None:
        """Count a write that is made in any case, on a bad disk in memory until it is back."""
        try:
            self.commit(move)
        except StoreError as error:
            log.error("%s of %s: %s", move.purpose, move.knob.capability, error)
            self._unsaved.append(self._row(move))

    def writes_left(self, knob: Knob) -> float | None:
        """What is left of the planner's budget; None: it has none. Raises `StoreError`."""
        budget = weekly_budget(knob)
        return None if budget is None else max(0.0, self._left(knob.point, budget))

    def free_in(self, knob: Knob) -> timedelta | None:
        """How long at most until the planner has a write free; None: never. Raises `StoreError`."""
        budget = weekly_budget(knob)
        if budget is None or (left := self._left(knob.point, budget)) >= 1.0:
            return timedelta(0)
        spent_s = sorted(s for s, purpose in self._week(knob.point) if purpose is Purpose.PLANNER)
        must_leave = math.ceil(1.0 - left)
        if must_leave > len(spent_s):
            return timedelta(seconds=WEEK_S) if budget >= 1.0 else None
        return timedelta(seconds=spent_s[must_leave - 1] + WEEK_S - self._lived.total_s)

    @property
    def now_s(self) -> float:
        """Now for intervals, where a leap counts at once: mistaken, it costs one interval."""
        return self._lived.total_s + self._lived.doubtful_s

    def since_last_s(self, knob: Knob, purpose: Purpose) -> float:
        """How long ago the register was last written for this purpose. Raises `StoreError`."""
        query = "SELECT max(lived_s) FROM intent WHERE point = ? AND purpose = ?"
        ((last_s,),) = self._rows(query, knob.point, purpose.value)
        return math.inf if last_s is None else self.now_s - float(last_s)

    def registers(self) -> list[RegisterWear]:
        """Every register that was ever written. Raises `StoreError`."""
        found: dict[tuple[str, str], RegisterWear] = {}
        for point, capability, purpose, writes, since in self._rows(_LIFE):
            wear = found.get((point, capability)) or RegisterWear(
                point=point, capability=Capability(capability)
            )
            found[point, capability] = replace(
                wear,
                writes={**wear.writes, Purpose(purpose): int(writes)},
                since=since if wear.since is None else min(since, wear.since),
            )
        return [self._with_week(wear) for wear in found.values()]

    # ---- inside ---

    def _row(self, move: Move) -> tuple[Any, ...]:
        knob = move.knob
        return (
            knob.point, knob.capability.value, move.at.isoformat(), self._lived.total_s,
            move.value, move.purpose.value,
        )  # fmt: skip

    def _save_late(self) -> None:
        """What was written while the disk refused."""
        try:
            while self._unsaved:
                self._db.execute(_INSERT, self._unsaved[0])
                self._unsaved.pop(0)
        except sqlite3.Error as error:
            log.debug("%d writes are still counted in memory only: %s", len(self._unsaved), error)

    def _fold(self, point: str) -> None:
        """Sum up per day what is older than the newest writes, all or nothing."""
        beyond = "SELECT number FROM intent WHERE point = ? ORDER BY number DESC LIMIT 1 OFFSET ?"
        try:
            if not self._db.execute(beyond, (point, KEPT + KEPT // 10)).fetchall():
                return
            ((last,),) = self._db.execute(beyond, (point, KEPT)).fetchall()
            with self._store.together():
                self._db.execute(_FOLD, (point, last))
                self._db.execute(
                    "DELETE FROM intent WHERE point = ? AND number <= ?", (point, last)
                )
        except (sqlite3.Error, StoreError) as error:
            log.error("the wear ledger cannot be summed up now: %s", error)

    def _left(self, point: str, budget: float) -> float:
        week = self._week(point)
        planner = sum(purpose is Purpose.PLANNER for _, purpose in week)
        return budget - planner - max(0.0, len(week) - planner - RESERVED_WEEKLY)

    def _week(self, point: str) -> list[tuple[float, Purpose]]:
        """The writes of the last seven days lived through."""
        since_s = self._lived.total_s - WEEK_S
        query = "SELECT lived_s, purpose FROM intent WHERE point = ? AND lived_s > ?"
        saved = [(float(s), Purpose(why)) for s, why in self._rows(query, point, since_s)]
        return saved + [(row[3], Purpose(row[5])) for row in self._unsaved if row[0] == point]

    def _with_week(self, wear: RegisterWear) -> RegisterWear:
        week = self._week(wear.point)
        planner = sum(purpose is Purpose.PLANNER for _, purpose in week)
        return replace(wear, week_planner=planner, week_other=len(week) - planner)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"the wear ledger cannot be read: {error}") from error

    def _stored_time(self) -> Lived:
        text = self._store.text("lived")
        try:
            stored = Lived() if text is None else _LIVED.validate_json(text)
        except ValidationError as error:
            log.error("the stored time of the wear ledger is unreadable: %s", error)
            stored = Lived()
        try:
            ((last_s,),) = self._rows("SELECT max(lived_s) FROM intent")
        except StoreError as error:
            log.error("%s", error)
            return stored
        if not isinstance(last_s, float) or last_s <= stored.total_s:
            return stored
        return replace(stored, total_s=last_s)

    def _save_time(self) -> None:
        self._saved_s = self._lived.total_s
        self._store.save_text("lived", _LIVED.dump_json(self._lived).decode())
