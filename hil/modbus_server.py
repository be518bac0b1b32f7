"""The emulated devices on a real Modbus TCP port."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from hil.answers import answer
from hil.device import Bus

HEADER_BYTES = 7  # transaction, protocol, length 2 each, unit (Messaging on TCP/IP V1.0b, 3.1.3)
LARGEST_BODY_BYTES = 254

Wait = Callable[[float], Awaitable[None]]
"""Let seconds pass on the wire."""


async def no_wait(_: float) -> None:
    """Lockstep: on the wire no time passes."""


class BusServer:
    """Serves a bus on a TCP port until closed; port 0 takes any free one.

    `wait` passes the seconds a device takes for its answer.
    """

    def __init__(
        self, bus: Bus, *, host: str = "127.0.0.1", port: int = 0, wait: Wait = no_wait
    ) -> None:
        self._bus = bus
        self._host = host
        self._port = port
        self._wait = wait
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._connected, self._host, self._port)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def drop(self) -> None:
        """Close every connection, as a device that restarts does."""
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def close(self) -> None:
        """Stop listening and drop the clients."""
        if self._server is not None:
            self._server.close()
            await self.drop()
            await self._server.wait_closed()
            self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or (self._clients and self._bus.single_client):
            await _hang_up(writer)
            return
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        finally:
            self._clients.discard(task)
            await _hang_up(writer)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(HEADER_BYTES)
                length = int.from_bytes(head[4:6], "big") - 1
                if head[2:4] != b"\x00\x00" or not 1 <= length <= LARGEST_BODY_BYTES:
                    return  # not Modbus
                request = await reader.readexactly(length)
                unit = head[6]
                await self._wait(self._bus.manners(unit).answer_s)
                told = answer(self._bus, unit, request)
                if told is not None:
                    size = (len(told) + 1).to_bytes(2, "big")
                    writer.write(head[:4] + size + bytes([unit]) + told)
                    await writer.drain()


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
