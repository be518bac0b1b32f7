"""The emulated devices on a serial line: RTU frames on one end of a pseudo-terminal.

The client opens the path of the other end as if an RS-485 adapter were there. Baud rate and parity
mean nothing on it. A unit that does not exist stays silent, as on a real line.
"""

import asyncio
import contextlib
import os
import tty

from drivers.transports.modbus_frames import checksum
from hil.answers import (
    NO_SUCH_UNIT,
    READS,
    REFUSAL,
    answer,
)
from hil.device import Bus
from hil.manners import WRITE_SEVERAL, WRITE_SINGLE
from hil.modbus_server import Wait, no_wait

CHECKSUM_BYTES = 2
PLAIN_FRAME_BYTES = 8  # unit, function, address 2, count or value 2, checksum
SEVERAL_HEAD_BYTES = 7  # unit, function, address 2, count 2, number of bytes
READ_BYTES = 512
FRAME_BREAK_S = 0.05  # a pause inside a frame ends it; generous, for the operating system's sake


def request_bytes(received: bytes) -> int | None:
    """Length of the request that begins like this; None: not yet known; 0: no request."""
    if len(received) < 2:
        return None
    if received[1] in READS or received[1] == WRITE_SINGLE:
        return PLAIN_FRAME_BYTES
    if received[1] != WRITE_SEVERAL:
        return 0
    if len(received) < SEVERAL_HEAD_BYTES:
        return None
    return SEVERAL_HEAD_BYTES + received[6] + CHECKSUM_BYTES


class SerialLine:
    """Serves a bus on a pseudo-terminal until closed."""

    def __init__(self, bus: Bus, *, wait: Wait = no_wait) -> None:
        self._bus = bus
        self._wait = wait
        self._ours = -1
        self._theirs = -1
        self._received = b""
        self._received_at_s = 0.0
        self._answering: set[asyncio.Task[None]] = set()

    def open(self) -> str:
        """Begin to listen; returns the path for the client. Raises OSError without terminals."""
        self._ours, self._theirs = os.openpty()  # theirs stays open: clients may come and go
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        asyncio.get_running_loop().add_reader(self._ours, self._on_bytes)
        return os.ttyname(self._theirs)

    async def close(self) -> None:
        """Pull the plug."""
        if self._ours < 0:
            return
        asyncio.get_running_loop().remove_reader(self._ours)
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        os.close(self._ours)
        os.close(self._theirs)
        self._ours = self._theirs = -1

    def disturb(self, noise: bytes) -> None:
        """Put bytes on the line that nobody has asked for."""
        os.write(self._ours, noise)

    def _on_bytes(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._received_at_s > FRAME_BREAK_S:
            self._received = b""
        self._received_at_s = now_s
        with contextlib.suppress(BlockingIOError):
            self._received += os.read(self._ours, READ_BYTES)
        whole = request_bytes(self._received)
        if whole is None or len(self._received) < whole:
            return
        frame, self._received = self._received[:whole], b""
        if whole > 0 and checksum(frame[:-CHECKSUM_BYTES]) == frame[-CHECKSUM_BYTES:]:
            task = asyncio.get_running_loop().create_task(self._answer(frame))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, frame: bytes) -> None:
        unit = frame[0]
        await self._wait(self._bus.manners(unit).answer_s)
        told = answer(self._bus, unit, frame[1:-CHECKSUM_BYTES])
        if told is None or told == bytes([frame[1] | REFUSAL, NO_SUCH_UNIT]):
            return
        reply = bytes([unit]) + told
        os.write(self._ours, reply + checksum(reply))
