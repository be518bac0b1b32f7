"""Nonsense posted to where the grid operator's box writes its limits, over loopback sockets.

Whoever says what: the connection ends, a stranger without the secret changes nothing, what holds
can be read, and the next good message counts.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bench.fuzz_broker import LIMITS
from bench.fuzz_spoil import ByteSpoiler, changed, dumped
from bench.fuzz_tally import Tally, out_of, watched
from controller.clock import WallClock
from drivers.grid.http_lpc import PATH, HttpLpc
from drivers.grid.lpc_inbox import LpcInbox, LpcTerms

TOKEN = "a secret of the box".replace(" ", "-")
GUARANTEED_W = 4200.0
PATIENCE_S = 8.0
"""The receiver itself hangs up sooner."""

TERMS = LpcTerms(failsafe_w=GUARANTEED_W, failsafe_minimum_s=7200.0, guaranteed_w=GUARANTEED_W)
GOOD = b'{"heartbeat": 1, "limit_w": 1234.5}'


async def fuzz_inbox(count: int, seed: int) -> Tally:
    """Post so many messages."""
    tally = Tally("HTTP messages of the grid operator")
    chance = random.Random(f"inbox {seed}")
    async with _listening() as (source, port):
        while tally.payloads < count:
            way, stream, known = _stream(chance)
            tally.payloads += 1
            tally.spoilt[way] += 1
            with watched(tally, "inbox", stream):
                before = (await source.read()).limit_w
                async with asyncio.timeout(PATIENCE_S):
                    told = await _said(port, stream, hangs_up=not known and chance.random() < 0.3)
                limit_w = (await source.read()).limit_w
                if not known and limit_w != before:
                    tally.violated("inbox", "a stranger changes the limit", stream)
                if limit_w is not None and out_of(0.0, None, limit_w):
                    tally.violated("inbox", "a limit that is none", stream)
                tally.readings += told.startswith(b"HTTP/1.1 200")
                tally.refusals += not told.startswith(b"HTTP/1.1 200")
                if told.startswith(b"HTTP/1.1 5"):
                    tally.violated("inbox", "a failure is answered", stream)
            if tally.payloads % 20 == 0:
                await _good_at_last(source, port, tally)
    return tally


async def _good_at_last(source: HttpLpc, port: int, tally: Tally) -> None:
    with watched(tally, "inbox", "a good message"):
        async with asyncio.timeout(PATIENCE_S):
            told = await _said(port, _request(GOOD), hangs_up=False)
        if (await source.read()).limit_w != 1234.5 or b" 200 " not in told[:20]:
            tally.violated("inbox", "a good message does not count", told)


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[HttpLpc, int]]:
    clock = WallClock()
    inbox = LpcInbox(TERMS, now=clock.now, stopwatch_s=clock.stopwatch_s)
    source = HttpLpc(("127.0.0.1", 0), TOKEN, inbox)
    running = asyncio.ensure_future(source.run())
    await source.receiver.listening.wait()
    try:
        yield source, source.receiver.port
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _said(port: int, stream: bytes, *, hangs_up: bool) -> bytes:
    """What is answered to a stream, sent in one go."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = b""
    with suppress(ConnectionError):
        writer.write(stream)
        if not hangs_up:
            writer.write_eof()
            told = await reader.read(1 << 16)
    writer.close()
    return told


def _request(body: bytes, token: str = TOKEN) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _stream(chance: random.Random) -> tuple[str, bytes, bool]:
    """What was done, the bytes of a connection, and whether they may hold the secret."""
    spoiler = ByteSpoiler(chance)
    body = json.dumps(chance.choice(LIMITS)).encode()
    draw = chance.random()
    if draw < 0.1:
        return "healthy", _request(body), True
    if draw < 0.2:
        return "stranger", _request(body, chance.choice(("", "x", "A" * 3000, TOKEN[:-1]))), False
    if draw < 0.55:
        return "other values", _request(dumped(changed(json.loads(body), chance))), True
    way = chance.choice(tuple(spoiler.ways))
    return way, spoiler.ways[way](_request(body)), True
