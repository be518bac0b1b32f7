"""Nonsense on the owner's channel: lines to the service, and answers to who asks it.

The service answers every line with one JSON object, and goes on serving; a line that is refused
changes no wish, and one that is taken leaves a wish that its owner may have. Who asks gets an
answer or an error that is declared, whatever stands behind the socket.
"""

import asyncio
import json
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.fuzz_spoil import ByteSpoiler, changed, dumped
from bench.fuzz_tally import Tally, refused, watched
from bench.run import archive_of
from bench.spec import Address, RunSpec, house_config
from bench.world import MemoryWorld
from controller.app import assemble
from controller.clock import SteppedClock
from controller.loop import Loop
from controller.owner import LONGEST_LINE, Owner, ask, serve
from controller.recorder import Recorder
from controller.store import Store
from hil.house import load_house

ROOM_RANGE_C = (9.0, 25.5)
OVER_SOCKET_FRAC = 0.25
PATIENCE_S = 5.0
SHORT_PATIENCE_S = 0.02
START_AT = datetime(2024, 1, 9, 23, tzinfo=UTC)
SPEC = RunSpec(
    house="timber1972", zone="DK1", start_at=START_AT, days=0.1, seed=1, strategy="heating-curve"
)
REQUESTS: tuple[dict[str, object], ...] = (
    {"verb": "status"},
    {"verb": "override", "room_c": 22.5, "for_s": 7200.0},
    {"verb": "away", "room_c": None, "for_s": None},
    {"verb": "boost", "for_s": 7200},
    {"verb": "release"},
    {"verb": "resume"},
)
STATUS = b'{"verb": "status"}\n'


async def fuzz_owner(count: int, seed: int, folder: Path) -> Tally:
    """Say so many lines."""
    tally = Tally("Owner's channel")
    chance = random.Random(f"owner {seed}")
    async with _service(folder) as (loop, owner, path):
        while tally.payloads < count:
            way, line = _line(chance)
            tally.payloads += 1
            tally.spoilt[way] += 1
            draw = chance.random()
            if draw < 1.0 - OVER_SOCKET_FRAC and len(line) < LONGEST_LINE:
                await _answered(owner, loop, line, tally)
            elif draw < 1.0 - OVER_SOCKET_FRAC / 2.0:
                await _talk(path, line, chance, tally)
            else:
                await _ask(folder / f"other{tally.payloads}.sock", chance, tally)
    return tally


@asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[tuple[Loop, Owner, Path]]:
    """A house that has lived for one cycle, and its channel."""
    archive = archive_of(SPEC)
    world = MemoryWorld(SPEC, archive)
    config = house_config(
        SPEC, load_house(SPEC.house), archive.zone, address=Address(), directory=folder
    )
    clock = SteppedClock(START_AT, world.advance)
    store, recorder = Store(folder / "state.db"), Recorder(folder / "records.db")
    loop = assemble(
        config, world.outside(config, clock.now), clock=clock, planner=None, store=store,
        recorder=recorder,
    )  # fmt: skip
    async with asyncio.TaskGroup() as tasks:
        await loop.cycle(tasks)
    owner = Owner(loop, clock, room_range_c=ROOM_RANGE_C)
    path = folder / "owner.sock"
    serving = asyncio.ensure_future(serve(owner, path))
    while not path.exists():
        await asyncio.wait([serving], timeout=0.001)
    try:
        yield loop, owner, path
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        recorder.close()
        store.close()


def _line(chance: random.Random) -> tuple[str, bytes]:
    """What is said, without its end."""
    spoiler = ByteSpoiler(chance)
    good = chance.choice(REQUESTS)
    line = json.dumps(good).encode()
    draw = chance.random()
    if draw < 0.1:
        return "healthy", line
    if draw < 0.6:
        document: object = json.loads(line)
        for _ in range(chance.choice((1, 1, 2, 4))):
            document = changed(document, chance)
        return "other values", dumped(document)
    way = chance.choice(tuple(spoiler.ways))
    return way, spoiler.ways[way](line)


async def _answered(owner: Owner, loop: Loop, line: bytes, tally: Tally) -> None:
    """One line, straight to who answers."""
    before = loop.wishes
    with watched(tally, "service", line):
        answer = await owner.answer(line)
        _judge(json.dumps(answer).encode(), line, tally)
        if answer["ok"]:
            wish = loop.wishes.wish
            room_c = None if wish is None else wish.room_c
            if room_c is not None and not ROOM_RANGE_C[0] <= room_c <= ROOM_RANGE_C[1]:
                tally.violated("service", "a room that nobody may ask for", line)
            if wish is not None and wish.until is not None:
                ahead = wish.until - START_AT
                if not timedelta(seconds=60) <= ahead <= timedelta(days=91):
                    tally.violated("service", "a wish for ever", line)
        elif loop.wishes != before:
            tally.violated("service", "a refused line changes wishes", line)


def _judge(answer: bytes, line: bytes, tally: Tally) -> None:
    """An answer is an object with `ok`, and a reason where that is false."""
    said = json.loads(answer, parse_constant=lambda _: math.nan)
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        tally.violated("service", "an answer of another form", line)
    elif said["ok"]:
        tally.readings += 1
    else:
        refused(tally, "service", ValueError(said.get("error", "")), line)


async def _talk(path: Path, line: bytes, chance: random.Random, tally: Tally) -> None:
    """Some lines over the socket, in pieces; whatever comes of them, the next client is served."""
    with watched(tally, "socket", line):
        ends = chance.choice((b"\n", b"\r\n", b"", b"\n" * 50, b"x" * LONGEST_LINE + b"\n"))
        said = line.replace(b"\n", b" ") * chance.choice((1, 1, 3)) + ends
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_unix_connection(path)
            cut = chance.randrange(len(said) + 1)
            with suppress(ConnectionError):
                writer.write(said[:cut])
                await writer.drain()
                writer.write(said[cut:])
                writer.write_eof()
                if chance.random() < 0.8:  # else it hangs up unread
                    answers = await reader.read(1 << 20)
                    for answer in answers.splitlines():
                        _judge(answer, said, tally)
            writer.close()
            good, closing = await asyncio.open_unix_connection(path)
            closing.write(STATUS)
            if not json.loads(await good.readline())["ok"]:
                tally.violated("socket", "the next client is not served", said)
            closing.close()


async def _ask(path: Path, chance: random.Random, tally: Tally) -> None:
    """`ask` meets something else behind the socket."""
    spoiler = ByteSpoiler(chance)
    way = chance.choice((*spoiler.ways, "silent", "flood", "other values"))
    good = json.dumps({"ok": True, "status": None}).encode()
    if way == "other values":
        said = dumped(changed(json.loads(good), chance)) + b"\n"
    elif way == "flood":
        said = b"x" * ((1 << 20) + 4096)
    else:
        said = b"" if way == "silent" else spoiler.ways[way](good) + b"\n"

    async with _behind(path, said, silent=way == "silent"):
        with watched(tally, "who asks", said):
            try:
                patience_s = SHORT_PATIENCE_S if way == "silent" else PATIENCE_S
                answer: Any = await ask(path, {"verb": "status"}, patience_s=patience_s)
            except OSError as error:
                refused(tally, "who asks", error, said)
                return
            tally.readings += 1
            if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
                tally.violated("who asks", "an answer of another form is taken", said)


@asynccontextmanager
async def _behind(path: Path, said: bytes, *, silent: bool) -> AsyncIterator[None]:
    """Something that says this to whoever connects."""
    over = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readline()
            writer.write(said)
            await writer.drain()
            if silent:
                await over.wait()
        writer.close()

    server = await asyncio.start_unix_server(speak, path=path)
    try:
        yield
    finally:
        over.set()
        server.close()
        await server.wait_closed()
