"""A Modbus TCP wire with faults: a relay between a client and the server of the devices."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from hil.faults import HALF_OPEN, WRONG_TRANSACTION, InForce

LARGEST_ANSWER_BYTES = 260  # Messaging on TCP/IP V1.0b, 4.1


@contextlib.asynccontextmanager
async def faulty_wire(port: int, in_force: InForce) -> AsyncIterator[int]:
    """Relay to a port of this computer; yields the port on which to ask instead."""
    open_tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            open_tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await _relay(reader, writer, port, in_force)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks)


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, in_force: InForce
) -> None:
    """One request after the other, until the client hangs up."""
    device, to_device = await asyncio.open_connection("127.0.0.1", port)
    try:
        while request := await reader.read(LARGEST_ANSWER_BYTES):
            to_device.write(request)
            answer = await device.read(LARGEST_ANSWER_BYTES)
            if HALF_OPEN in in_force:
                continue
            if WRONG_TRANSACTION in in_force:
                other = (int.from_bytes(answer[:2], "big") + 1) & 0xFFFF
                answer = other.to_bytes(2, "big") + answer[2:]
            writer.write(answer)
    finally:
        to_device.close()
