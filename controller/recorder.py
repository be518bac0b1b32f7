"""The local store: one row per cycle; forecasts, plans, settings once by content hash.

SQLite in WAL mode: a killed process loses no finished record, a power cut those of the last five
minutes, which spares an SD card. A full, failing or missing disk never stops control: what could
not be written waits in memory, newest kept, until the disk is back. A file that is no whole
database any more is set aside, and a new one begun.
"""

import json
import logging
import sqlite3
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controller import disk, retention
from controller.records import UNREADABLE, RecordError, StepRecord, content_hash, from_json, to_json

log = logging.getLogger(__name__)

WAITING_MAX = 10_000
"""About a week of cycles of one minute, some 15 MB, kept in memory while the disk fails."""

SYNC_EVERY_S = 300.0
"""How much a power cut may cost, in the time of the world: it happens to simulations as well."""

LARGEST_TEXT_BYTES = 16_000_000
"""Of one kept text, unpacked: a plan or a forecast has some ten thousand."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS step (at TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS content (
  hash TEXT PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS exported (id INTEGER PRIMARY KEY CHECK (id = 0), row INTEGER NOT NULL);
{retention.SCHEMA}
"""

_KEEP = """
INSERT INTO content VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET at = excluded.at
"""


class Records:
    """Reads what was recorded; changes nothing. Raises `RecordError` for what cannot be read."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise RecordError(f"there are no records at {path}")
        try:
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
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
        first = "" if since is None else since.astimezone(UTC).isoformat()
        for (at,) in self._rows("SELECT at FROM step WHERE at >= ? ORDER BY at", first):
            ((text,),) = self._rows("SELECT record FROM step WHERE at = ?", at)
            try:
                yield from_json(text)
            except RecordError as error:
                raise RecordError(f"record of {at}: {error}") from error

    def content(self, name: str) -> str | None:
        """A text kept under its hash."""
        return self._first("SELECT body FROM content WHERE hash = ?", name)

    def contents(self, kind: str) -> Iterator[str]:
        """All texts of a kind in order of time."""
        for (body,) in self._rows("SELECT body FROM content WHERE kind = ? ORDER BY at", kind):
            yield _text(body)

    def latest(self, kind: str) -> str | None:
        """The newest text of a kind."""
        return self._first("SELECT body FROM content WHERE kind = ? ORDER BY at DESC LIMIT 1", kind)

    def quarters(self) -> Iterator[tuple[datetime, dict[str, float]]]:
        """Means over quarters of an hour that have outlived their records, in order of time."""
        for at, means in self._rows("SELECT at, means FROM quarter ORDER BY at"):
            yield _instant(at), _means(means)

    def _first(self, query: str, value: str) -> str | None:
        rows = self._rows(query, value)
        return _text(rows[0][0]) if rows else None

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            raise RecordError(f"the records cannot be read: {error}") from error


class Recorder(Records):
    """Appends what happened; thins out what is older than `keep` (None: never).

    Safe from a power cut by `stopwatch_s`, a monotonic reading; None: whenever the system likes.
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
        self._waiting: deque[tuple[str, tuple[object, ...]]] = deque(maxlen=WAITING_MAX)
        self._newest: dict[str, tuple[str, tuple[object, ...]]] = {}  # of each kind of text
        self._synced_s = -SYNC_EVERY_S
        self._on_disk = False
        self._db = disk.in_memory(_SCHEMA)
        self._open()

    def close(self) -> None:
        """Write what waits, close the file."""
        self._flush()
        self._db.close()

    def append(self, record: StepRecord) -> None:
        """Keep one cycle. Never raises for the disk."""
        row = (record.at.isoformat(), to_json(record))
        self._waiting.append(("INSERT OR REPLACE INTO step VALUES (?, ?)", row))
        self._flush()
        self._sync_in_time()
        if self._keep is not None and self._on_disk:
            self._thin_out(record.at - self._keep)

    def keep(self, kind: str, text: str, at: datetime) -> str:
        """Keep a large text once; returns its hash."""
        name = content_hash(text)
        newest = self._newest.get(kind)
        if newest is None or newest[1][0] != name:
            row = (name, kind, at.isoformat(), zlib.compress(text.encode()))
            self._newest[kind] = (_KEEP, row)
            self._waiting.append(self._newest[kind])
        return name

    def not_exported(self, most: int) -> list[tuple[int, str]]:
        """The oldest records that are still to be sent, with their numbers. Raises `RecordError`.

        In the order in which they were made: a clock that was set back hides none.
        """
        query = (
            "SELECT rowid, record FROM step "
            "WHERE rowid > (SELECT coalesce(max(row), 0) FROM exported) ORDER BY rowid LIMIT ?"
        )
        return self._rows(query, most)

    def exported(self, row: int) -> None:
        """All up to this number are sent; on a bad disk they will be sent once more."""
        try:
            self._db.execute("INSERT OR REPLACE INTO exported VALUES (0, ?)", (row,))
        except sqlite3.Error as error:
            log.error("what was exported cannot be noted: %s", error)

    def _thin_out(self, before: datetime) -> None:
        """One quarter of an hour for each cycle: even a backlog of years needs no pause."""
        try:
            retention.thin_out(self._db, before)
        except sqlite3.Error as error:
            log.error("old records cannot be thinned out: %s", error)

    def _flush(self) -> None:
        if not self._on_disk:
            self._open()
        try:
            while self._on_disk and self._waiting:
                self._db.execute(*self._waiting[0])
                self._waiting.popleft()
        except sqlite3.Error as error:
            if disk.is_damage(error) and self._begin_anew(error):
                self._flush()
                return
            log.error("records wait in memory (%d): %s", len(self._waiting), error)

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

    def _sync_in_time(self) -> None:
        """Bring what was recorded from the page cache to the medium, every few minutes."""
        if self._stopwatch_s is None or self._stopwatch_s() - self._synced_s < SYNC_EVERY_S:
            return
        self._synced_s = self._stopwatch_s()
        try:
            if self._on_disk:
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            log.error("records are not yet safe from a power cut: %s", error)


def _text(body: bytes) -> str:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(body, LARGEST_TEXT_BYTES).decode()
    except (zlib.error, UnicodeDecodeError, TypeError) as error:
        raise RecordError(f"a kept text cannot be read: {str(error)[:80]}") from error
    if not unpacker.eof:
        raise RecordError(f"a kept text is cut, or larger than {LARGEST_TEXT_BYTES} bytes")
    return text


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
