"""The local store: one row per cycle; forecasts, plans, settings once by content hash.

SQLite in WAL mode: a killed process loses no finished record. A full or failing disk never stops
control: what could not be written waits in memory, newest kept, until the disk is back.
"""

import logging
import sqlite3
import zlib
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from controller.records import RecordError, StepRecord, content_hash, from_json, to_json

log = logging.getLogger(__name__)

WAITING_MAX = 10_000
"""About a week of cycles of one minute, some 15 MB, kept in memory while the disk fails."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS step (at TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS content (
  hash TEXT PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL);
"""


class Recorder:
    """Appends what happened; reads it again for replay and KPIs."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._waiting: deque[tuple[str, tuple[object, ...]]] = deque(maxlen=WAITING_MAX)
        self._known: set[str] = set()

    def close(self) -> None:
        """Write what waits, close the file."""
        self._flush()
        self._db.close()

    def append(self, record: StepRecord) -> None:
        """Keep one cycle. Never raises for the disk."""
        row = (record.at.isoformat(), to_json(record))
        self._waiting.append(("INSERT OR REPLACE INTO step VALUES (?, ?)", row))
        self._flush()

    def keep(self, kind: str, text: str, at: datetime) -> str:
        """Keep a large text once; returns its hash."""
        name = content_hash(text)
        if name not in self._known:
            self._known.add(name)
            row = (name, kind, at.isoformat(), zlib.compress(text.encode()))
            self._waiting.append(("INSERT OR IGNORE INTO content VALUES (?, ?, ?, ?)", row))
        return name

    def _flush(self) -> None:
        try:
            while self._waiting:
                self._db.execute(*self._waiting[0])
                self._waiting.popleft()
        except sqlite3.Error as error:
            log.error("records wait in memory (%d): %s", len(self._waiting), error)

    def records(self) -> Iterator[StepRecord]:
        """All records in order of time; raises `RecordError` naming the first unreadable one."""
        for at, text in self._db.execute("SELECT at, record FROM step ORDER BY at"):
            try:
                yield from_json(text)
            except RecordError as error:
                raise RecordError(f"record of {at}: {error}") from error

    def content(self, name: str) -> str | None:
        """A text kept under its hash."""
        row = self._db.execute("SELECT body FROM content WHERE hash = ?", (name,)).fetchone()
        return None if row is None else zlib.decompress(row[0]).decode()

    def contents(self, kind: str) -> Iterator[str]:
        """All texts of a kind in order of time."""
        rows = self._db.execute("SELECT body FROM content WHERE kind = ? ORDER BY at", (kind,))
        for (body,) in rows.fetchall():
            yield zlib.decompress(body).decode()

    def latest(self, kind: str) -> str | None:
        """The newest text of a kind."""
        row = self._db.execute(
            "SELECT body FROM content WHERE kind = ? ORDER BY at DESC LIMIT 1", (kind,)
        ).fetchone()
        return None if row is None else zlib.decompress(row[0]).decode()
