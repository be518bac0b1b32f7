"""The local store: one row per cycle; forecasts, plans, settings once by content hash.

SQLite in WAL mode, written once an hour; until then records are lines of a tail beside it, which
spares an SD card: a killed process loses no finished record, a power cut those of the last five
minutes. A full, failing or missing disk never stops control: what could not be written waits in
memory, newest kept, until the disk is back. A file that is no whole database any more is set aside,
and a new one begun.
"""

import json
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from controller import disk, retention
from controller.records import (
    UNREADABLE,
    RecordError,
    StepRecord,
    content_hash,
    from_json,
    packed,
    record_text,
    to_json,
    unpacked,
)
from controller.tail import Row, Tail, rows_in, tail_of

log = logging.getLogger(__name__)

WAITING_MAX = 10_000
"""About a week of cycles of one minute, some 15 MB, kept in memory while the disk fails."""

SYNC_EVERY_S = 300.0
"""How much a power cut may cost, in the time of the world: it happens to simulations as well."""

FOLD_EVERY_S, FOLD_ROWS = 3600.0, 100
"""The tail goes into the database after an hour or so many rows: 60 records and their plans."""

BATCH_ROWS = 500
"""In one transaction, when much has waited."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS step (at TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS content (
  hash TEXT PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS exported (id INTEGER PRIMARY KEY CHECK (id = 0), row INTEGER NOT NULL);
{retention.SCHEMA}
"""

_INSERT = {
    "step": "INSERT OR REPLACE INTO step VALUES (?, ?)",
    "content": "INSERT INTO content VALUES (?, ?, ?, ?) "
    "ON CONFLICT (hash) DO UPDATE SET at = excluded.at",
}

_WITH_TAIL = """
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE tail_step (at TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TEMP TABLE tail_content (
  hash TEXT PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL);
CREATE TEMP VIEW step AS
  SELECT at, record FROM main.step WHERE at NOT IN (SELECT at FROM tail_step)
  UNION ALL SELECT at, record FROM tail_step;
CREATE TEMP VIEW content AS
  SELECT hash, kind, at, body FROM main.content WHERE hash NOT IN (SELECT hash FROM tail_content)
  UNION ALL SELECT hash, kind, at, body FROM tail_content;
"""
"""What a reader sees as one: the database and its tail. A row in both is the same row."""


class Records:
    """Reads what was recorded; changes nothing. Raises `RecordError` for what cannot be read."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise RecordError(f"there are no records at {path}")
        tail = rows_in(tail_of(path))  # first: what is folded meanwhile is then seen twice
        try:
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            if tail:
                self._db.executescript(_WITH_TAIL)
                for table, values in tail:
                    self._db.execute(_INSERT[table].replace(" INTO ", " INTO tail_"), values)
        except sqlite3.Error as error:
            raise RecordError(f"{path} cannot be read: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def count(self, kind: str | None = None) -> int:
        """How many cycles were recorded, or how many texts of a kind."""
        if kind is None:
            return int(self._rows("SELECT count(*) FROM step")[0][0])
        return int(self._rows("SELECT count(*) FROM content WHERE kind = ?", kind)[0][0])

    def latest_at(self) -> datetime | None:
        """When the newest cycle was."""
        ((at,),) = self._rows("SELECT max(at) FROM step")
        return None if at is None else _instant(at)

    def records(self, since: datetime | None = None) -> Iterator[StepRecord]:
        """All records (from an instant on) in order of time; an error names the unreadable one."""
        for at, text in self.texts(since):
            try:
                yield from_json(text)
            except RecordError as error:
                raise RecordError(f"record of {at}: {error}") from error

    def texts(self, since: datetime | None = None) -> Iterator[tuple[str, str]]:
        """Instant and JSON of all records (from an instant on) in order of time."""
        first = "" if since is None else since.astimezone(UTC).isoformat()
        for (at,) in self._rows("SELECT at FROM step WHERE at >= ? ORDER BY at", first):
            ((record,),) = self._rows("SELECT record FROM step WHERE at = ?", at)
            try:
                yield at, record_text(record)
            except RecordError as error:
                raise RecordError(f"record of {at}: {error}") from error

    def content(self, name: str) -> str | None:
        """A text kept under its hash."""
        return self._first("SELECT body FROM content WHERE hash = ?", name)

    def contents(self, kind: str) -> Iterator[str]:
        """All texts of a kind in order of time."""
        for (body,) in self._rows("SELECT body FROM content WHERE kind = ? ORDER BY at", kind):
            yield unpacked(body)

    def latest(self, kind: str) -> str | None:
        """The newest text of a kind."""
        return self._first("SELECT body FROM content WHERE kind = ? ORDER BY at DESC LIMIT 1", kind)

    def quarters(self) -> Iterator[tuple[datetime, dict[str, float]]]:
        """Means over quarters of an hour that have outlived their records, in order of time."""
        for at, means in self._rows("SELECT at, means FROM quarter ORDER BY at"):
            yield _instant(at), _means(means)

    def _first(self, query: str, value: str) -> str | None:
        rows = self._rows(query, value)
        return unpacked(rows[0][0]) if rows else None

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            raise RecordError(f"the records cannot be read: {error}") from error


class Recorder(Records):
    """Appends what happened; thins out what is older than `keep` (None: never).

    Safe from a power cut by `stopwatch_s`, a monotonic reading; None: whenever the system likes,
    and the database is written with every record.
    """

    def __init__(
        self,
        path: Path,
        keep: timedelta | None = None,
        stopwatch_s: Callable[[], float] | None = None,
    ) -> None:
        self._stopwatch_s = stopwatch_s
        self._path = path
        self._keep = keep
        self._tail: Tail | None = None
        self._waiting: deque[Row] = deque(rows_in(tail_of(path)), maxlen=WAITING_MAX)
        self._unsafe: list[Row] = []  # of the waiting, those that are in memory only
        self._newest: dict[str, Row] = {}  # of each kind of text
        self._synced_s = self._folded_s = -FOLD_EVERY_S
        self._on_disk = False
        self._db = disk.in_memory(_SCHEMA)
        self._open()
        if self._waiting:
            self._fold()  # a killed service left them

    def close(self) -> None:
        """Write what waits, close the file."""
        self._fold()
        self._db.close()
        if self._tail is not None:
            self._tail.close()

    def append(self, record: StepRecord) -> None:
        """Keep one cycle. Never raises for the disk."""
        self._add("step", record.at.isoformat(), packed(to_json(record)))
        if not self._note() or self._is_due():
            self._fold()
        if self._keep is not None and self._on_disk:
            self._thin_out(record.at - self._keep)

    def keep(self, kind: str, text: str, at: datetime) -> str:
        """Keep a large text once; returns its hash."""
        name = content_hash(text)
        newest = self._newest.get(kind)
        if newest is None or newest[1][0] != name:
            body = packed(text)
            self._newest[kind] = self._add("content", name, kind, at.isoformat(), body)
        return name

    def not_exported(self, most: int) -> list[tuple[int, str]]:
        """The oldest records that are still to be sent, with their numbers. Raises `RecordError`.

        In the order in which they were made: a clock that was set back hides none.
        """
        if self._waiting:
            self._fold()
        query = (
            "SELECT rowid, record FROM step "
            "WHERE rowid > (SELECT coalesce(max(row), 0) FROM exported) ORDER BY rowid LIMIT ?"
        )
        return [(row, record_text(record)) for row, record in self._rows(query, most)]

    def exported(self, row: int) -> None:
        """All up to this number are sent; on a bad disk they will be sent once more."""
        try:
            self._db.execute("INSERT OR REPLACE INTO exported VALUES (0, ?)", (row,))
        except sqlite3.Error as error:
            log.error("what was exported cannot be noted: %s", error)

    def _thin_out(self, before: datetime) -> None:
        """An hour for each cycle at most: even a backlog of years needs no pause."""
        try:
            retention.thin_out(self._db, before)
        except sqlite3.Error as error:
            log.error("old records cannot be thinned out: %s", error)

    def _add(self, table: str, *values: object) -> Row:
        row = (table, values)
        self._waiting.append(row)
        self._unsafe.append(row)
        return row

    def _note(self) -> bool:
        """Bring what is new into the tail, and that to the medium in time; False: it is not."""
        if self._stopwatch_s is None:
            return False
        try:
            if self._tail is None:
                self._tail = Tail(tail_of(self._path))
            while self._unsafe:
                self._tail.add(self._unsafe[0])
                self._unsafe.pop(0)
            if self._stopwatch_s() - self._synced_s >= SYNC_EVERY_S:
                self._tail.sync()
                self._synced_s = self._stopwatch_s()
        except OSError as error:
            log.error("records are not yet safe: %s", error)
            return False
        return True

    def _is_due(self) -> bool:
        late = self._stopwatch_s is not None and (
            self._stopwatch_s() - self._folded_s >= FOLD_EVERY_S
        )
        return late or len(self._waiting) >= FOLD_ROWS

    def _fold(self) -> None:
        """Bring what waits into the database; the tail is emptied once that is on the medium."""
        if not self._on_disk:
            self._open()
        try:
            while self._on_disk and self._waiting:
                batch = list(islice(self._waiting, BATCH_ROWS))
                self._commit(batch)
                for _ in batch:
                    self._waiting.popleft()
            if self._on_disk:
                self._unsafe.clear()
                self._empty_the_tail()
        except sqlite3.Error as error:
            if disk.is_damage(error) and self._begin_anew(error):
                self._fold()
                return
            log.error("records wait in memory (%d): %s", len(self._waiting), error)

    def _commit(self, batch: list[Row]) -> None:
        self._db.execute("BEGIN")
        try:
            for table, values in batch:
                self._db.execute(_INSERT[table], values)
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _empty_the_tail(self) -> None:
        if self._stopwatch_s is None and not tail_of(self._path).exists():
            return
        ((blocked, pages, copied),) = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if blocked or pages != copied:
            return  # a reader is in the way: a power cut might still take what was folded
        if self._stopwatch_s is not None:
            self._folded_s = self._stopwatch_s()
        try:
            if self._tail is None:
                self._tail = Tail(tail_of(self._path))
            self._tail.clear()
        except OSError as error:
            log.error("the tail of the records cannot be emptied: %s", error)

    def _open(self) -> None:
        try:
            try:
                db = disk.opened(self._path, _SCHEMA, synchronous="NORMAL")
            except sqlite3.OperationalError:
                raise  # locked, unreachable or no space: the file is whole
            except sqlite3.DatabaseError as error:
                aside = disk.set_aside(self._path)
                log.error("%s is damaged (%s): kept as %s", self._path, error, aside)
                db = disk.opened(self._path, _SCHEMA, synchronous="NORMAL")
        except (OSError, sqlite3.Error) as error:
            log.error("records wait in memory (%d): %s", len(self._waiting), error)
            return
        self._db.close()
        self._db, self._on_disk = db, True

    def _begin_anew(self, error: sqlite3.Error) -> bool:
        """A new file, which knows the settings, plan and forecast that its records will name."""
        self._db.close()
        self._db, self._on_disk = disk.in_memory(_SCHEMA), False
        try:
            log.error(
                "%s is damaged (%s): kept as %s", self._path, error, disk.set_aside(self._path)
            )
        except OSError as refused:
            log.error("the damaged %s cannot be set aside: %s", self._path, refused)
            return False
        self._open()
        self._waiting.extendleft(self._newest.values())
        return self._on_disk


def _means(text: Any) -> dict[str, float]:
    try:
        return {name: float(mean) for name, mean in json.loads(text).items()}
    except UNREADABLE as error:
        raise RecordError(f"the means of a quarter of an hour cannot be read: {error}") from error


def _instant(stamp: Any) -> datetime:
    try:
        return datetime.fromisoformat(stamp)
    except (ValueError, TypeError) as error:
        raise RecordError(f"{str(stamp)[:40]!r} is no instant") from error
