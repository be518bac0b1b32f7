"""What a small card keeps for ever: means over a quarter of an hour, once the records get old.

In small steps: a quarter of an hour of records becomes one row, in one transaction.
"""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

from controller.records import RecordError, from_json
from controller.snapshot import Reading

QUARTER = timedelta(minutes=15)

SCHEMA = """
CREATE TABLE IF NOT EXISTS quarter (at TEXT PRIMARY KEY, means TEXT NOT NULL) WITHOUT ROWID;
"""
LEEWAY = timedelta(days=2)
"""Texts this much older than the oldest record are in nobody's use, but for the ones it names."""

_EXPIRED = """
DELETE FROM content WHERE kind <> 'config' AND at < ? AND hash NOT IN (
  SELECT coalesce(json_extract(record, '$.' || value), '') FROM json_each('["plan","forecast"]'),
    (SELECT record FROM step ORDER BY at LIMIT 1))
"""


def thin_out(db: sqlite3.Connection, before: datetime) -> bool:
    """Turn the oldest quarter of an hour that ended by `before` into means; False: there is none.

    Plans, requests and forecasts of that time go with it. Raises `sqlite3.Error`.
    """
    ((oldest,),) = db.execute("SELECT min(at) FROM step").fetchall()
    if oldest is None:
        return False
    begins_at = _quarter_of(datetime.fromisoformat(oldest))
    ends_at = begins_at + QUARTER
    if ends_at > before:
        return False
    rows = db.execute("SELECT record FROM step WHERE at < ?", (_text(ends_at),)).fetchall()
    db.execute("BEGIN")
    try:
        means = json.dumps(_means([text for (text,) in rows]), separators=(",", ":"))
        db.execute("INSERT OR REPLACE INTO quarter VALUES (?, ?)", (_text(begins_at), means))
        db.execute("DELETE FROM step WHERE at < ?", (_text(ends_at),))
        db.execute(_EXPIRED, (_text(begins_at - LEEWAY),))
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return True


def _means(texts: list[str]) -> dict[str, float]:
    """Mean of every signal over the records in which it was read; `cycles`: how many there were."""
    found: dict[str, list[float]] = {}
    for text in texts:
        try:
            record = from_json(text)
        except RecordError:
            continue  # of a version that nobody reads any more
        for signal, measured in record.snapshot.signals.items():
            if isinstance(measured, Reading):
                found.setdefault(signal.value, []).append(measured.value)
    means = {name: round(sum(values) / len(values), 3) for name, values in found.items()}
    return {**means, "cycles": float(len(texts))}


def _quarter_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)


def _text(at: datetime) -> str:
    return at.isoformat()
