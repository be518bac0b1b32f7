"""Small durable state: leases with the owner's originals, wishes, the wear ledger; fully synced.

What is in here must survive a power cut, because a pump may hold a value of ours for ever. A lease
that cannot be saved is an error; anything else is worth a word in the log, not the heating.

What was learned of the house and fetched for it is kept beside it in a file of its own: its many
writes, and a damage there, endanger nothing that cannot be learned again. Of the small file a copy
is kept that changes only when the owner's settings or wishes do.
"""

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from controller import disk
from controller.estimate import Belief
from controller.wishes import Wishes
from drivers.api import Capability
from drivers.errors import ConfigurationError

log = logging.getLogger(__name__)

_STATE = "CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS lease (
  capability TEXT PRIMARY KEY, original REAL, written REAL NOT NULL, written_before REAL,
  opened_at TEXT NOT NULL, written_at TEXT NOT NULL);
{_STATE}
"""

LEARNED = frozenset({"belief", "experience", "known", "learned"})
"""Keys of what can be learned or fetched again; kept in a file of their own."""

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
        forgets = path == disk.IN_MEMORY
        self._copy = path if forgets else path.with_name(f"{path.name}.copy")
        self._db = self._opened(path)
        self._learned = _opened_learned(path if forgets else path.with_name("learned.db"))
        self._uncopied = False

    def _opened(self, path: Path) -> sqlite3.Connection:
        try:
            return disk.opened(path, _SCHEMA, synchronous="FULL", checked=True)
        except (OSError, sqlite3.OperationalError) as error:
            db = disk.readable(path)
            if db is None:
                raise StoreError(f"{path} cannot be opened: {error}") from error
            log.error("%s can only be read, so nothing new is written to the pump: %s", path, error)
            return db
        except sqlite3.DatabaseError as error:
            return self._restored(path, error)

    def _restored(self, path: Path, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """The file as its copy has it: the owner's settings are the same there."""
        if disk.readable(self._copy) is None:
            raise ConfigurationError(
                f"{path} is damaged ({error}); it kept the pump's own settings: "
                "check them at the pump, then move the file away"
            ) from error
        log.error("%s is damaged (%s): kept as %s", path, error, disk.set_aside(path))
        shutil.copyfile(self._copy, path)
        log.warning("%s is restored from %s", path, self._copy)
        return disk.opened(path, _SCHEMA, synchronous="FULL", checked=True)

    @property
    def database(self) -> sqlite3.Connection:
        """The open file, for the tables of the wear ledger."""
        return self._db

    def close(self) -> None:
        """Close the files."""
        self._db.close()
        self._learned.close()

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
        if self._uncopied:
            self._keep_copy()

    @contextmanager
    def learned_together(self) -> Iterator[None]:
        """What was learned, saved in one go: each time costs a card several pages."""
        try:
            self._learned.execute("BEGIN")
            try:
                yield
            finally:
                self._learned.execute("COMMIT")
        except sqlite3.Error as error:
            log.error("what was learned cannot be saved: %s", error)

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
        if lease.original is not None:
            self._keep_copy()

    def drop_lease(self, capability: Capability) -> None:
        """The knob is the owner's again. A lease too many does no harm at the next start."""
        try:
            self._db.execute("DELETE FROM lease WHERE capability = ?", (capability.value,))
        except sqlite3.Error as error:
            log.error("the lease of %s cannot be dropped: %s", capability, error)
        self._keep_copy()

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
        self._keep_copy()

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
        for db in (self._learned, self._db) if key in LEARNED else (self._db,):
            row = db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
            if row is not None:
                return str(row[0])
        return None

    def _put(self, key: str, value: str) -> None:
        db = self._learned if key in LEARNED else self._db
        try:
            if self._get(key) == value:
                return  # a card is not written in vain
            db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
        except sqlite3.Error as error:
            log.error("%s cannot be saved: %s", key, error)

    def _keep_copy(self) -> None:
        """Now, or with the end of what is saved together; without one, damage needs a person."""
        self._uncopied = self._db.in_transaction
        if self._uncopied or self._copy == disk.IN_MEMORY:
            return
        try:
            disk.copy(self._db, self._copy)
        except (OSError, sqlite3.Error) as error:
            log.error("the copy of the state cannot be renewed: %s", error)


def _opened_learned(path: Path) -> sqlite3.Connection:
    """What was learned; begun anew where it is damaged, in memory where there is no disk."""
    try:
        try:
            return disk.opened(path, _STATE, synchronous="FULL", checked=True)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            log.error("%s is damaged (%s): kept as %s", path, error, disk.set_aside(path))
            return disk.opened(path, _STATE, synchronous="FULL")
    except (OSError, sqlite3.Error) as error:
        log.error("what is learned from now on is not kept: %s: %s", path, error)
        return disk.readable(path) or disk.in_memory(_STATE)


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """A store that is closed at the end of the block."""
    store = Store(path)
    try:
        yield store
    finally:
        store.close()
