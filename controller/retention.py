"""What a small card keeps for ever: means over a quarter of an hour, once the records get old.

In small steps: a quarter of an hour of records becomes one row, some of them in one transaction.
"""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

from controller.records import RecordError, from_json, record_text
from controller.snapshot import Reading

QUARTER = timedelta(minutes=15)

SCHEMA = """
CREATE TABLE IF NOT EXISTS quarter (at TEXT PRIMARY KEY, means TEXT NOT NULL) WITHOUT ROWID;
"""
QUARTERS_AT_ONCE = 4
"""An hour of records in one go spares the card: pages that empty are not written again."""

LEEWAY = timedelta(days=2)
"""Texts this much older than the oldest record are in nobody's use, but for the ones it names."""

_EXPIRED = """
DELETE FROM content WHERE kind <> 'config' AND at < ? AND hash NOT IN (?, ?)
"""


def thin_out(db: sqlite3.Connection, before: datetime, most: int = QUARTERS_AT_ONCE) -> int:
    """Turn the oldest quarters of an hour that ended by `before` into means; returns how many.

    Plans, requests and forecasts of that time go with them. All in one transaction, which touches
    each page once. Raises `sqlite3.Error`.
    """
    if not _is_worth_it(db, before, most):
        return 0
    db.execute("BEGIN")
    try:
        done = 0
        while done < most and _thin_out_one(db, before):
            done += 1
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return done


def _is_worth_it(db: sqlite3.Connection, before: datetime, most: int) -> bool:
    """Whether so many quarters are over."""
    oldest = _oldest(db)
    return oldest is not None and _quarter_of(oldest) + most * QUARTER <= before


def _thin_out_one(db: sqlite3.Connection, before: datetime) -> bool:
    oldest = _oldest(db)
    if oldest is None or _quarter_of(oldest) + QUARTER > before:
        return False
    begins_at = _quarter_of(oldest)
    end = _text(begins_at + QUARTER)
    rows = db.execute("SELECT record FROM step WHERE at < ? ORDER BY at", (end,)).fetchall()
    means = json.dumps(_means([record for (record,) in rows]), separators=(",", ":"))
    db.execute("INSERT OR REPLACE INTO quarter VALUES (?, ?)", (_text(begins_at), means))
    db.execute("DELETE FROM step WHERE at < ?", (end,))
    db.execute(_EXPIRED, (_text(begins_at - LEEWAY), *_named_by_the_oldest(db)))
    return True


def _oldest(db: sqlite3.Connection) -> datetime | None:
    ((oldest,),) = db.execute("SELECT min(at) FROM step").fetchall()
    return None if oldest is None else datetime.fromisoformat(oldest)


def _named_by_the_oldest(db: sqlite3.Connection) -> tuple[str, str]:
    """Plan and forecast that the oldest record goes by, which may be older than it by much."""
    for (record,) in db.execute("SELECT record FROM step ORDER BY at LIMIT 1").fetchall():
        try:
            oldest = from_json(record_text(record))
        except RecordError:
            break
        return oldest.plan_hash or "", oldest.forecast_hash or ""
    return "", ""


def _means(rows: list[bytes | str]) -> dict[str, float]:
    """Mean of every signal over the records in which it was read; `cycles`: how many there were."""
    found: dict[str, list[float]] = {}
    for row in rows:
        try:
            record = from_json(record_text(row))
        except RecordError:
            continue  # of a version that nobody reads any more
        for signal, measured in record.snapshot.signals.items():
            if isinstance(measured, Reading):
                found.setdefault(signal.value, []).append(measured.value)
    means = {name: round(sum(values) / len(values), 3) for name, values in found.items()}
    return {**means, "cycles": float(len(rows))}


def _quarter_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def _text(at: datetime) -> str:
    return at.isoformat()
