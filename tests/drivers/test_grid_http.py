"""Limits posted over HTTP on real sockets: who may, what counts, and what a stranger can do."""

import asyncio
import contextlib
import json
import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from servers import free_port

from drivers.grid.http_lpc import PATH, HttpLpc
from drivers.grid.limit import GridState
from drivers.grid.lpc_inbox import LpcInbox, LpcTerms
from drivers.transports import http_inbox

pytestmark = [pytest.mark.sockets, pytest.mark.enable_socket]

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
TOKEN = "a-secret-of-24-characters"
TERMS = LpcTerms(failsafe_w=4200.0, failsafe_minimum_s=7200.0, guaranteed_w=4200.0)


@contextlib.asynccontextmanager
async def listening(port=0):
    inbox = LpcInbox(TERMS, now=lambda: AT, stopwatch_s=lambda: 0.0)
    source = HttpLpc(("127.0.0.1", port), TOKEN, inbox)
    task = asyncio.ensure_future(source.run())
    await source.receiver.listening.wait()
    try:
        yield source
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def client(source, token=TOKEN):
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{source.receiver.port}",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )


async def raw(source, sent: bytes) -> bytes:
    """What comes back to these bytes, until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", source.receiver.port)
    writer.write(sent)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_posted_limit_holds_and_its_sender_is_told():
    async with listening() as source, client(source) as box:
        answer = await box.post(PATH, json={"heartbeat": 1, "limit_w": 1500, "duration_s": 600})
        assert answer.status_code == 200
        assert answer.json() == {
            "state": "limited",
            "limit_w": 1500.0,
            "until": (AT + timedelta(seconds=600)).isoformat(),
            "windows": 0,
        }
        limit = await source.read()
        assert (limit.limit_w, limit.state) == (1500.0, GridState.LIMITED)
        assert (await box.get(PATH)).json() == answer.json()


async def test_a_message_that_does_not_count_is_answered_with_the_reason():
    async with listening() as source, client(source) as box:
        for body, word in (
            (b'{"limit_w": 5}', "without heartbeats"),
            (b"nonsense", "http"),
            (b'{"reduction": {}}', "starts_at"),
        ):
            answer = await box.post(PATH, content=body)
            assert answer.status_code == 400
            assert word in answer.json()["refused"]
        assert (await source.read()).state is GridState.INIT


async def test_nobody_without_the_secret_changes_or_learns_anything():
    async with listening() as source, client(source, token="a-guess-of-24-characters") as box:
        for answer in (
            await box.post(PATH, json={"heartbeat": 1, "limit_w": 1}),
            await box.get(PATH),
            await box.get("/elsewhere"),
        ):
            assert answer.status_code == 401
            assert answer.json() == {"refused": "the token is missing or wrong"}
        assert (await source.read()).state is GridState.INIT


async def test_other_paths_and_methods_are_refused():
    async with listening() as source, client(source) as box:
        assert (await box.get("/")).status_code == 404
        assert (await box.delete(PATH)).status_code == 405


async def test_a_message_in_pieces_is_read_like_one_at_once():
    async def pieces():
        for piece in (b'{"heart', b'beat": 1, "limit_w"', b": 900}"):
            yield piece

    async with listening() as source, client(source) as box:
        assert (await box.post(PATH, content=pieces())).json()["limit_w"] == 900.0


async def test_a_message_too_long_is_refused_and_the_next_one_is_heard():
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    flood = head.encode() + b"Content-Length: 4300\r\n\r\n" + b" " * 4300
    async with listening() as source, client(source) as box:
        assert b"413" in (await raw(source, flood)).splitlines()[0]
        assert (await box.post(PATH, json={"heartbeat": 1})).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x00\xa5" * 20,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST\r\n\r\n",
        b"A" * 9000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 9000,
    ],
)
async def test_what_is_not_http_gets_an_error_and_hurts_nobody(sent):
    async with listening() as source, client(source) as box:
        answer = await raw(source, sent)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
        assert (await box.get(PATH)).status_code == 200


async def test_who_says_nothing_is_sent_away_and_few_can_wait_at_a_time(monkeypatch):
    monkeypatch.setattr(http_inbox, "PATIENCE_S", 0.2)
    async with listening() as source, client(source) as box:
        idle = [asyncio.ensure_future(raw(source, b"")) for _ in range(http_inbox.MOST_TALKS)]
        await asyncio.sleep(0.05)
        assert await raw(source, b"GET / HTTP/1.1\r\n\r\n") == b""
        assert set(await asyncio.gather(*idle)) == {b""}
        assert (await box.get(PATH)).status_code == 200


async def test_an_address_that_is_taken_is_tried_again(monkeypatch, caplog):
    monkeypatch.setattr(http_inbox, "RETRY_S", 0.05)
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        held = asyncio.ensure_future(_once_listening(port))
        await asyncio.sleep(0.2)
        assert not held.done()
        assert f"cannot listen on 127.0.0.1:{port}" in caplog.text
    assert json.loads(await held)["state"] == "init"


async def _once_listening(port):
    async with listening(port) as source, client(source) as box:
        return (await box.get(PATH)).text
