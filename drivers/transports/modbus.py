"""Modbus over TCP: one connection per host and port, one request at a time.

Controllers and gateways commonly accept one client and one outstanding request, so every unit
behind a port shares one `TcpLink` (see `LinkPool`). An answer that comes too late would be taken
for the answer to the next request; therefore the connection is dropped after any timeout, any
malformed frame and any cancelled request.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Protocol

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from drivers.errors import (
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.points import Space

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # our errors say it, once and in words

LONGEST_BACK_OFF_S = 60.0
_HEADER_BYTES = 6  # transaction, protocol, length
_READS = frozenset({0x03, 0x04})
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledged, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway has no path to the unit",
    11: "unit behind the gateway does not answer",
}
_REFUSALS = frozenset({1, 2, 3})


class ModbusLink(Protocol):
    """A way to the registers of the units behind one endpoint."""

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        ...

    async def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Write holding registers in one request (FC16). Raises a `DriverError`."""
        ...

    async def close(self) -> None: ...


class TcpLink:
    """A Modbus TCP client that connects at its first request and again after every loss.

    After n failures in a row the next attempt is refused for min(2^(n-2), 60) seconds of the
    event loop's time (none after the first failure).
    """

    def __init__(
        self, host: str, port: int = 502, *, timeout_s: float = 3.0, gap_s: float = 0.0
    ) -> None:
        self.endpoint = f"{host}:{port}"
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._gap_s = gap_s
        self._lock = asyncio.Lock()
        self._connection: _Connection | None = None
        self._failures = 0
        self._connect_again_s = 0.0  # on the event loop's time
        self._request_again_s = 0.0

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        async with self._lock:
            connection = await self._ready()
            function = (
                connection.client.read_input_registers
                if space is Space.INPUT
                else connection.client.read_holding_registers
            )
            answer = await self._exchange(
                connection,
                function(address, count=count, device_id=unit),
                f"{self.endpoint} unit {unit}, reading {count} {space} registers at {address}",
            )
        return list(answer.registers)

    async def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Write holding registers in one request (FC16). Raises a `DriverError`."""
        async with self._lock:
            connection = await self._ready()
            await self._exchange(
                connection,
                connection.client.write_registers(address, list(values), device_id=unit),
                f"{self.endpoint} unit {unit}, writing {len(values)} registers at {address}",
            )

    async def close(self) -> None:
        """Close the connection; a later request opens it again."""
        self._drop()

    async def _ready(self) -> "_Connection":
        """A connection that may be used now: old or new, after the gap, not in back-off."""
        loop = asyncio.get_running_loop()
        connection = self._connection
        if connection is None or not connection.usable:
            self._drop()
            wait_s = self._connect_again_s - loop.time()
            if wait_s > 0:
                raise LinkLostError(f"{self.endpoint} is down; next attempt in {wait_s:.0f} s")
            connection = _Connection(self._host, self._port, self._timeout_s)
            if not await connection.client.connect():
                connection.client.close()
                self._count_failure()
                raise LinkLostError(f"{self.endpoint} cannot be reached")
            self._connection = connection
        pause_s = self._request_again_s - loop.time()
        if pause_s > 0:
            # the wire's own pause, tens of milliseconds: not time the controller plans with
            await asyncio.sleep(pause_s)  # noqa: TID251
        return connection

    async def _exchange(
        self, connection: "_Connection", request: Awaitable[ModbusPDU], what: str
    ) -> ModbusPDU:
        """Send one request; anything but a complete answer drops the connection."""
        answered = False
        try:
            answer = await request
            answered = True
        except ModbusException as error:
            self._count_failure()
            if connection.fault is not None:
                raise TransientError(f"{what}: {connection.fault}") from error
            if connection.lost:
                raise LinkLostError(f"{what}: the device closed the connection") from error
            raise NoAnswerError(f"{what}: no answer within {self._timeout_s:g} s") from error
        finally:
            if not answered:
                self._drop()
            self._request_again_s = asyncio.get_running_loop().time() + self._gap_s
        self._failures = 0
        if isinstance(answer, ExceptionResponse):
            code = answer.exception_code
            reason = f"{what}: {_EXCEPTIONS.get(code, 'exception')} (code {code})"
            raise RefusedByDeviceError(reason) if code in _REFUSALS else TransientError(reason)
        return answer

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.client.close()
            self._connection = None

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures > 1:
            wait_s = min(2.0 ** min(self._failures - 2, 10), LONGEST_BACK_OFF_S)
            self._connect_again_s = asyncio.get_running_loop().time() + wait_s


class _Connection:
    """One pymodbus client, with its retries and reconnects switched off.

    Every incoming packet is compared with the request before pymodbus sees it, so that a
    malformed or foreign frame fails the request at once and in words.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self.fault: str | None = None
        self.lost = False
        self._request = b""
        self.client = AsyncModbusTcpClient(
            host,
            port=port,
            timeout=timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._on_packet,
            trace_connect=self._on_connection,
        )

    @property
    def usable(self) -> bool:
        """Whether it is open and has only ever delivered what was asked for."""
        return self.client.connected and self.fault is None

    def _on_packet(self, sending: bool, packet: bytes) -> bytes:
        if sending:
            self._request = packet
            return packet
        self.fault = self.fault or answer_fault(self._request, packet)
        if self.fault is None:
            return packet
        self._fail(self.fault)
        return b""

    def _on_connection(self, connected: bool) -> None:
        if not connected:
            self.lost = True
            self._fail("connection closed")

    def _fail(self, reason: str) -> None:
        """End the request in flight; pymodbus would wait for its timeout."""
        future = self.client.ctx.response_future
        if self._request and not future.done():
            future.set_exception(ModbusException(reason))


def answer_fault(request: bytes, answer: bytes) -> str | None:
    """Why the bytes received so far cannot become the answer to `request`, or None.

    Layout (Modbus Messaging on TCP/IP V1.0b, 3.1): transaction 2, protocol 2, length 2 bytes, then
    `length` bytes: unit, function, data.
    """
    if not request:
        return "the device speaks unasked"
    if request[: len(answer)][:4] != answer[:4]:
        return "the answer belongs to another request or is not Modbus"
    if len(answer) < _HEADER_BYTES + 2:
        return None
    if answer[6] != request[6] or answer[7] & 0x7F != request[7]:
        return "the answer comes from another unit or function"
    return _body_fault(request, answer)


def _body_fault(request: bytes, answer: bytes) -> str | None:
    """Why an answer with a matching head is malformed, or None."""
    refusal = answer[7] != request[7]
    reading = request[7] in _READS
    if refusal:
        expected = 3
    elif reading:
        expected = 3 + 2 * int.from_bytes(request[10:12], "big")
    else:
        expected = 6
    length = int.from_bytes(answer[4:6], "big")
    missing = _HEADER_BYTES + expected - len(answer)
    if length != expected or missing < 0:
        return f"the answer has {max(length, expected - missing)} bytes instead of {expected}"
    if refusal or missing > 0:
        return None
    if reading and answer[8] != expected - 3:
        return f"the answer announces {answer[8]} bytes instead of {expected - 3}"
    if not reading and answer[8:12] != request[8:12]:
        return "the device acknowledged another write"
    return None


class LinkPool:
    """One `TcpLink` per host and port, closed when its last user closes it."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, int], TcpLink] = {}
        self._users: dict[tuple[str, int], int] = {}

    def link(
        self, host: str, port: int = 502, *, timeout_s: float = 3.0, gap_s: float = 0.0
    ) -> "SharedLink":
        """A share in the link to this endpoint; timeout and gap are those of its first user."""
        key = (host, port)
        if key not in self._links:
            self._links[key] = TcpLink(host, port, timeout_s=timeout_s, gap_s=gap_s)
        self._users[key] = self._users.get(key, 0) + 1
        return SharedLink(self, key, self._links[key])

    async def release(self, key: tuple[str, int]) -> None:
        """One user of the endpoint is done."""
        self._users[key] -= 1
        if self._users[key] == 0:
            del self._users[key]
            await self._links.pop(key).close()


class SharedLink:
    """One user's share in a link; closing it twice is harmless."""

    def __init__(self, pool: LinkPool, key: tuple[str, int], link: TcpLink) -> None:
        self._pool = pool
        self._key = key
        self._link = link
        self._closed = False

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        return await self._link.read(unit, space, address, count)

    async def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Write holding registers in one request (FC16). Raises a `DriverError`."""
        await self._link.write(unit, address, values)

    async def close(self) -> None:
        """Give the share back; the last one closes the connection."""
        if not self._closed:
            self._closed = True
            await self._pool.release(self._key)
