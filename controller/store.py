"""Small durable state: leases with the owner's originals, wishes, belief. SQLite, fully synced.

What is in here must survive a power cut, because a pump may hold a value of ours for ever. A lease
that cannot be saved is an error; anything else is worth a word in the log, not the heating.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from controller.estimate import Belief
from controller.wishes import Wishes
from drivers.api import Capability
from drivers.errors import ConfigurationError

log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS lease (
  capability TEXT PRIMARY KEY, original REAL, written REAL NOT NULL, written_before REAL,
  opened_at TEXT NOT NULL, written_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

_WISHES = TypeAdapter(Wishes)
T = TypeVar("T")

_BELIEF = TypeAdapter(Belief)


@dataclass(frozen=True, slots=True)
class Lease:
    """One knob in our hands: the owner's value before us, and what we wrote last."""

    capability: Capability
    original: float | None  # None: volatile, the device forgets by itself
    written: float
    written_before: float | None  # held before, until read back; then what the device made of it
    opened_at: datetime
    written_at: datetime


class StoreError(Exception):
    """The disk does not take what must be kept; the message says why."""


class Store:
    """Durable state of one house.

    Raises `ConfigurationError` for a damaged file: what it kept cannot be guessed, and taking the
    pump's present settings for the owner's own might make ours permanent.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.OperationalError) as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(
                f"{path} is damaged ({error}); it kept the pump's own settings: "
                "check them at the pump, then move the file away"
            ) from error

    @property
    def database(self) -> sqlite3.Connection:
        """The open file, for the tables of the wear ledger."""
        return self._db

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that is saved in the block, or nothing of it. Raises `StoreError`."""
        try:
            self._db.execute("SAVEPOINT together")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK TO together")
                raise
            finally:
                self._db.execute("RELEASE together")
        except sqlite3.Error as error:
            raise StoreError(f"this cannot be saved: {error}") from error

    def leases(self) -> dict[Capability, Lease]:
        """All open leases."""
        rows = self._db.execute(
            "SELECT capability, original, written, written_before, opened_at, written_at FROM lease"
        )
        return {
            Capability(row[0]): Lease(
                Capability(row[0]),
                row[1],
                row[2],
                row[3],
                datetime.fromisoformat(row[4]),
                datetime.fromisoformat(row[5]),
            )
            for row in rows
        }

    def save_lease(self, lease: Lease) -> None:
        """Commit before the write it announces. Raises `StoreError`."""
        row = (
            lease.capability.value,
            lease.original,
            lease.written,
            lease.written_before,
            lease.opened_at.isoformat(),
            lease.written_at.isoformat(),
        )
        try:
            self._db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise StoreError(f"the lease cannot be saved: {error}") from error

    def drop_lease(self, capability: Capability) -> None:
        """The knob is the owner's again. A lease too many does no harm at the next start."""
        try:
            self._db.execute("DELETE FROM lease WHERE capability = ?", (capability.value,))
        except sqlite3.Error as error:
            log.error("the lease of %s cannot be dropped: %s", capability, error)

    def wishes(self) -> Wishes:
        """The owner's will as last saved."""
        text = self._get("wishes")
        try:
            return Wishes() if text is None else _WISHES.validate_json(text)
        except ValidationError as error:
            log.error("stored wishes are unreadable and were dropped: %s", error)
            return Wishes()

    def save_wishes(self, wishes: Wishes) -> None:
        """Keep the owner's will over restarts."""
        self._put("wishes", _WISHES.dump_json(wishes).decode())

    def belief(self) -> Belief | None:
        """What was believed of the house when the service last said so."""
        return self.value("belief", _BELIEF)

    def save_belief(self, belief: Belief) -> None:
        """Keep the belief over restarts."""
        self.save_value("belief", _BELIEF, belief)

    def value(self, key: str, codec: TypeAdapter[T]) -> T | None:
        """A typed value saved earlier; None when there is none or of another version."""
        text = self._get(key)
        try:
            return None if text is None else codec.validate_json(text)
        except ValidationError as error:
            log.warning("the stored %s is of another version and was dropped: %s", key, error)
            return None

    def save_value(self, key: str, codec: TypeAdapter[T], value: T) -> None:
        """Keep a typed value over restarts."""
        self._put(key, codec.dump_json(value).decode())

    def text(self, key: str) -> str | None:
        """A free text value, such as the last forecasts as JSON."""
        return self._get(key)

    def save_text(self, key: str, value: str) -> None:
        """Store a free text value."""
        self._put(key, value)

    def _get(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _put(self, key: str, value: str) -> None:
        try:
            self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
        except sqlite3.Error as error:
            log.error("%s cannot be saved: %s", key, error)


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """A store that is closed at the end of the block."""
    store = Store(path)
    try:
        yield store
    finally:
        store.close()
