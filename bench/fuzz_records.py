"""Damaged records handed to `replay`: rows, kept texts, tables and bytes of the database.

Records of a short simulated run are spoilt in a copy. A replay ends, with differences or not, or it
says in words what cannot be read.
"""

import json
import random
import sqlite3
import warnings
import zlib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from pydantic import ValidationError

from bench.fuzz_spoil import ODD, TIMES, ByteSpoiler, changed, dumped
from bench.fuzz_tally import Tally, accepted
from bench.run import run_in_memory
from bench.spec import RunSpec
from controller.app import grid_knobs, heat_knob, hot_water_knob
from controller.recorder import Records
from controller.records import RecordError, packed, record_text
from controller.replay import ReplayError, replan, replay
from controller.tail import Tail, tail_of
from drivers.errors import ConfigurationError
from hil.house import load_house

DECLARED = (RecordError, ReplayError, ConfigurationError, ValidationError)
"""What `heatherd replay` puts into words."""

STEPS = 3
BOMB_MB = 200
REPLANNED_FRAC = 0.002
"""Of the cases; a plan takes a hundred times as long as a replay."""

SPEC = RunSpec(
    house="timber1972", zone="DK1", start_at=datetime(2024, 1, 9, 23, tzinfo=UTC), days=0.25,
    seed=1, strategy="mpc", curve=load_house("timber1972").curve,
    control=(("plan_every", "1 h"), ("horizon", "4 h"), ("step", "1 h"), ("cycle", "15 min"),
             ("refined", "1 h")),
)  # fmt: skip


def good_records(folder: Path) -> bytes:
    """A database of a few steps of a simulated run, made in the folder."""
    run_in_memory(SPEC, folder)
    path = folder / "records.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        rows = db.execute("SELECT at, record FROM step ORDER BY at").fetchall()
        used = {at: json.loads(record_text(record)) for at, record in rows}
        planned = [at for at, record in used.items() if record["plan"] is not None][:STEPS]
        db.execute(f"DELETE FROM step WHERE at NOT IN ({','.join('?' * STEPS)})", planned)
        names = {used[at][kind] for at in planned for kind in ("plan", "config")}
        marks = ",".join("?" * len(names))
        db.execute(
            f"DELETE FROM content WHERE kind IN ('forecast', 'plan') AND hash NOT IN ({marks})",
            tuple(names),
        )
        db.execute(
            "DELETE FROM content WHERE kind = 'request' AND hash NOT IN "
            "(SELECT hash FROM content WHERE kind = 'request' ORDER BY at LIMIT 1)"
        )
        db.execute("VACUUM")
    return path.read_bytes()


def fuzz_records(count: int, seed: int, good: bytes, folder: Path) -> Tally:
    """Replay so many spoilt databases."""
    tally = Tally("Records")
    chance = random.Random(f"records {seed}")
    path = folder / "spoilt.db"
    while tally.payloads < count:
        way = chance.choice(tuple(WAYS))
        for companion in folder.iterdir():
            companion.unlink()
        path.write_bytes(good)
        WAYS[way](path, chance)
        tally.payloads += 1
        tally.spoilt[way] += 1
        attempt = partial(_replayed, path, chance.random() < REPLANNED_FRAC)
        found = accepted(tally, "replay", attempt, declared=DECLARED, example=(seed, way))
        if way == "healthy" and found != STEPS:
            tally.violated("replay", "good records are not replayed", found)
    return tally


def _replayed(path: Path, again: bool) -> int:
    """How many steps came out; as the verb does it."""
    with warnings.catch_warnings(), closing(Records(path)) as records:
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that are none
        records.count(), records.count("request"), records.latest_at()
        steps = list(replay(records, heat_knob, hot_water_knob, grid_knobs))
        if again:
            list(replan(records))
        for _ in records.quarters():
            pass
        return sum(step is None for step in steps)


# ---- what can become of a database ---


def _edited(path: Path, edit: Callable[[sqlite3.Connection], None]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA journal_mode=OFF")
        edit(db)


def _other_values(path: Path, chance: random.Random) -> None:
    """Values within records."""

    def edit(db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT at, record FROM step ORDER BY at").fetchall()
        for at, record in chance.sample(rows, chance.choice((1, 1, 2))):
            document = json.loads(record_text(record))
            for _ in range(chance.choice((1, 1, 2, 4))):
                document = changed(document, chance, (*ODD, *TIMES))
            text = dumped(document).decode(errors="replace")
            kept = packed(text) if chance.random() < 0.8 else text
            db.execute("UPDATE step SET record = ? WHERE at = ?", (kept, at))

    _edited(path, edit)


def _other_text(path: Path, chance: random.Random) -> None:
    """Bytes of records, packed and unpacked."""
    spoiler = ByteSpoiler(chance)

    def edit(db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT at, record FROM step ORDER BY at").fetchall()
        at, record = chance.choice(rows)
        spoil = spoiler.ways[chance.choice(tuple(spoiler.ways))]
        text = spoil(record_text(record).encode())
        kept = chance.choice((text, zlib.compress(text), text.decode(errors="replace"), _bomb()))
        db.execute("UPDATE step SET record = ? WHERE at = ?", (kept, at))

    _edited(path, edit)


def _tail(path: Path, chance: random.Random) -> None:
    """What waits beside the database; a part of it damaged."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        rows = db.execute("SELECT at, record FROM step ORDER BY at").fetchall()
    tail = Tail(tail_of(path))
    for at, record in rows:
        tail.add(("step", (chance.choice((at, at, f"{at}x", "", "9999")), record)))
    tail.close()
    if chance.random() < 0.8:
        spoiler = ByteSpoiler(chance)
        way = chance.choice(tuple(spoiler.ways))
        tail_of(path).write_bytes(spoiler.ways[way](tail_of(path).read_bytes()))


def _other_content(path: Path, chance: random.Random) -> None:
    """Settings, plans, requests: their values, or their bytes."""
    spoiler = ByteSpoiler(chance)

    def edit(db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT hash, body FROM content ORDER BY hash").fetchall()
        name, body = chance.choice(rows)
        if chance.random() < 0.6:
            document = changed(json.loads(zlib.decompress(body)), chance)
            bad: object = zlib.compress(dumped(document))
        elif chance.random() < 0.5:
            bad = spoiler.ways[chance.choice(tuple(spoiler.ways))](body)
        else:
            bad = chance.choice(
                (0, 1.5, "text", b"", _bomb(), zlib.compress(b"\xff"), zlib.compress(b""))
            )
        db.execute("UPDATE content SET body = ? WHERE hash = ?", (bad, name))

    _edited(path, edit)


@cache
def _bomb() -> bytes:
    """Small, and large when it is unpacked."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(BOMB_MB)) + packer.flush()


STATEMENTS = (
    "DROP TABLE step", "DROP TABLE content", "DROP TABLE quarter", "DELETE FROM step",
    "DELETE FROM content", "DELETE FROM content WHERE kind = 'plan'",
    "UPDATE content SET kind = 'plan'",
    "ALTER TABLE step RENAME COLUMN record TO text", "ALTER TABLE content RENAME TO old",
    "UPDATE step SET record = NULL || 1", "UPDATE OR REPLACE step SET at = 'now'",
    "UPDATE OR REPLACE step SET at = 5", "UPDATE step SET at = x'ff' || at",
    "UPDATE step SET record = 1", "UPDATE step SET record = x'ffff'", "UPDATE step SET record = ''",
    "INSERT INTO step SELECT at || 'x', record FROM step", "UPDATE content SET at = 1",
    "INSERT INTO quarter VALUES ('x', '{}')", "INSERT INTO quarter VALUES ('2024-01-01', '[')",
    "CREATE TABLE more (a)", "PRAGMA user_version = 99",
)  # fmt: skip


def _statement(path: Path, chance: random.Random) -> None:
    """Tables and rows that no recorder makes."""

    def edit(db: sqlite3.Connection) -> None:
        try:
            db.execute(chance.choice(STATEMENTS))
        except sqlite3.Error:
            return  # the database knows better: nothing is spoilt

    _edited(path, edit)


def _bytes(path: Path, chance: random.Random) -> None:
    """The file's own bytes."""
    spoiler = ByteSpoiler(chance)
    way = chance.choice(("bits flipped", "cut", "junk inside", "a part twice", "a part gone"))
    content = path.read_bytes()
    for _ in range(chance.choice((1, 1, 8))):
        content = spoiler.ways[way](content)
    path.write_bytes(content)


def _other_file(path: Path, chance: random.Random) -> None:
    """No database at all, or a log beside it that belongs to another one."""
    if chance.random() < 0.5:
        path.write_bytes(
            chance.choice((b"", b"SQLite format 3\x00", b"\x00" * 9000, b"timestamp,x\n"))
        )
    else:
        path.with_name(path.name + "-wal").write_bytes(chance.randbytes(4000))


WAYS: dict[str, Callable[[Path, random.Random], None]] = {
    "healthy": lambda _, __: None,
    "other values": _other_values,
    "other text": _other_text,
    "other settings, plan, request": _other_content,
    "other tables": _statement,
    "bytes of the file": _bytes,
    "tail": _tail,
    "another file": _other_file,
}
