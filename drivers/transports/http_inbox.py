"""A small HTTP receiver for messages from a device at home: one address, one path, one secret.

HTTP itself is read by h11. A connection is for one message and a few seconds; there are few at a
time, and none is longer than `LONGEST_BYTES`, whoever sends it.
"""

import asyncio
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import h11

log = logging.getLogger(__name__)

LONGEST_BYTES = 4096
PATIENCE_S = 5.0
"""For one whole question, so that nobody can hold a place."""

MOST_TALKS = 8
RETRY_S = 30.0
"""Between two attempts to open an address that is taken or not there yet."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, as JSON."""

    status: int
    body: Mapping[str, Any]


Answer: TypeAlias = Callable[[bytes | None], Reply]
"""What is said to a message, or to the question how things are (None). Must not raise."""


class HttpInbox:
    """Listens on one address while `run` runs; POST brings a message, GET asks."""

    def __init__(self, address: tuple[str, int], *, path: str, token: str, answer: Answer) -> None:
        self._address, self._path = address, path
        self._secret = f"Bearer {token}".encode()
        self._answer = answer
        self._talks: set[asyncio.Task[None]] = set()
        self.listening = asyncio.Event()
        self.port = address[1]  # the one really used, where 0 was asked for

    async def run(self) -> None:
        """Listen until cancelled; an address that cannot be opened is tried again and again."""
        told = False
        while True:
            try:
                server = await asyncio.start_server(self._welcome, *self._address, limit=4096)
            except OSError as error:
                if not told:
                    log.error("cannot listen on %s:%d: %s; trying again", *self._address, error)
                told = True
                # the wait of a socket for its address: not time the controller plans with
                await asyncio.sleep(RETRY_S)  # noqa: TID251
            else:
                break
        self.port = server.sockets[0].getsockname()[1]
        log.info("listening on %s:%d%s", self._address[0], self.port, self._path)
        self.listening.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.listening.clear()
            server.close()
            for talk in self._talks:
                talk.cancel()

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._talks) >= MOST_TALKS:
            writer.transport.abort()
            return
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_BYTES)
        try:
            async with asyncio.timeout(PATIENCE_S):
                try:
                    reply = await self._replied(wire, reader)
                except h11.RemoteProtocolError as error:
                    reply = Reply(error.error_status_hint, {"refused": "this is not HTTP"})
                writer.write(_as_bytes(wire, reply))
                await writer.drain()
        except (OSError, TimeoutError, h11.LocalProtocolError) as error:
            log.debug("a sender was lost: %s", error)
        finally:
            writer.close()

    async def _replied(self, wire: h11.Connection, reader: asyncio.StreamReader) -> Reply:
        request = await _next_event(wire, reader)
        if not isinstance(request, h11.Request):
            raise h11.RemoteProtocolError("nothing was asked")
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.method == b"GET":
            return self._answer(None)
        body = b""
        while isinstance(event := await _next_event(wire, reader), h11.Data):
            body += bytes(event.data)
            if len(body) > LONGEST_BYTES:
                return Reply(413, {"refused": f"more than {LONGEST_BYTES} bytes"})
        if not isinstance(event, h11.EndOfMessage):
            raise h11.RemoteProtocolError("the message breaks off")
        return self._answer(body)

    def _refusal(self, request: h11.Request) -> Reply | None:
        """The secret comes first: a stranger learns nothing."""
        given = next((value for name, value in request.headers if name == b"authorization"), b"")
        if not hmac.compare_digest(given, self._secret):
            return Reply(401, {"refused": "the token is missing or wrong"})
        if request.target != self._path.encode():
            return Reply(404, {"refused": f"the path is {self._path}"})
        if request.method not in (b"GET", b"POST"):
            return Reply(405, {"refused": "GET or POST"})
        return None


async def _next_event(wire: h11.Connection, reader: asyncio.StreamReader) -> h11.Event | None:
    while (event := wire.next_event()) is h11.NEED_DATA:
        if wire.they_are_waiting_for_100_continue:
            raise h11.RemoteProtocolError("send the body at once", error_status_hint=417)
        wire.receive_data(await reader.read(LONGEST_BYTES))
    return event if isinstance(event, h11.Event) else None


def _as_bytes(wire: h11.Connection, reply: Reply) -> bytes:
    body = json.dumps(reply.body).encode() + b"\n"
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
        *([("WWW-Authenticate", "Bearer")] if reply.status == 401 else []),
    ]
    parts = (
        wire.send(h11.Response(status_code=reply.status, headers=headers)),
        wire.send(h11.Data(data=body)),
        wire.send(h11.EndOfMessage()),
    )
    return b"".join(part for part in parts if part)
