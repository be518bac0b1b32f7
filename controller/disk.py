"""SQLite files on a disk that may be full, read-only or damaged: open, set aside, copy.

All in WAL mode. What Python's sqlite3 raises is told apart here once: `OperationalError` means that
the file is whole but cannot be used now; any other `DatabaseError` that it is damaged.
"""

import os
import sqlite3
from itertools import count
from pathlib import Path
from typing import Literal

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
IN_MEMORY = Path(":memory:")
"""SQLite's own name for a file that is none."""

_COMPANIONS = ("-wal", "-shm")

CACHE_KIB = 1024
"""Of each file in memory at most: what a transaction of ours changes. SQLite's own 2,000 would fill
up over weeks."""

LOCKED_S = 1.0
"""How long a cycle waits for somebody else's lock on a file; what it could not write waits."""


def opened(
    path: Path, schema: str, *, synchronous: Literal["FULL", "NORMAL"], checked: bool = False
) -> sqlite3.Connection:
    """An open file with its tables; `checked` reads all of it, for small files.

    Raises `sqlite3.OperationalError` or `OSError` when it cannot be used now,
    `sqlite3.DatabaseError` when it is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path != IN_MEMORY and not path.exists()
    db = sqlite3.connect(path, isolation_level=None, timeout=LOCKED_S)
    try:
        if new:
            _give_to_the_owner_of_its_folder(path)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        if checked:
            ((found,), *_) = db.execute("PRAGMA quick_check").fetchall()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
        db.executescript(schema)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _give_to_the_owner_of_its_folder(path: Path) -> None:
    """What an owner makes with sudo the service must be able to write."""
    if os.geteuid() == 0:
        path.touch()
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is no whole database any more; else it cannot be used just now."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _DAMAGED


def readable(path: Path) -> sqlite3.Connection | None:
    """A file that can no longer be written, open for reading; None when not even that."""
    log_of_writes = path.with_name(path.name + "-wal")
    # without its log SQLite could not make the index of it on a read-only disk, and needs none
    mode = "mode=ro" if log_of_writes.exists() else "mode=ro&immutable=1"
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, isolation_level=None)
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.Error:
            db.close()
            raise
    except (OSError, sqlite3.Error):
        return None
    return db


def in_memory(schema: str) -> sqlite3.Connection:
    """Stands in where there is no disk."""
    db = sqlite3.connect(IN_MEMORY, isolation_level=None)
    db.executescript(schema)
    return db


def set_aside(path: Path) -> Path:
    """Out of the way, under a name that is free, with the writes that had not reached it."""
    names = (path.with_name(f"{path.name}.{number}.corrupt") for number in count(1))
    kept = path.rename(next(name for name in names if not name.exists()))
    for suffix in _COMPANIONS:  # left behind, they would be applied to the file that follows
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(kept.with_name(kept.name + suffix))
    return kept


def copy(db: sqlite3.Connection, path: Path) -> None:
    """A whole copy that survives a power cut: complete, or the one before.

    Raises `sqlite3.Error` or `OSError`.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    target = sqlite3.connect(new)
    try:
        db.backup(target)
    finally:
        target.close()
    sync(new)
    new.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until the medium has it. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
