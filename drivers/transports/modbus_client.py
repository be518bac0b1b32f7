"""The Modbus client behind every link: one request at a time, and no answer taken for another.

An answer that comes too late would be taken for the answer to the next request; therefore the
connection is dropped after any timeout, any malformed frame and any cancelled request. On a serial
line frames carry no number, so nothing is asked either until a late answer must have come.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from drivers.errors import (
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.points import Space
from drivers.transports.cancellation import heed_cancellation

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # our errors say it, once and in words

LONGEST_BACK_OFF_S = 60.0
WRITE_SINGLE, WRITE_SEVERAL = 6, 16
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

OnPacket: TypeAlias = Callable[[bool, bytes], bytes]
OnConnection: TypeAlias = Callable[[bool], None]
OpenClient: TypeAlias = Callable[[OnPacket, OnConnection], ModbusBaseClient]
"""Makes a pymodbus client that reports its packets and its connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One kind of connection: how to open it, and what its frames look like."""

    endpoint: str
    open_client: OpenClient
    answer_fault: Callable[[bytes, bytes], str | None]
    answer_bytes: Callable[[bytes, bytes], int]
    why_closed: Callable[[], str]  # asked after an attempt to open has failed
    quiet_s: float = 0.0  # after a request without answer: nothing is asked for this long


class BackOff:
    """After n failures in a row nothing is tried for min(2^(n-2), 60) s, none after the first."""

    def __init__(self) -> None:
        self._failures = 0
        self._again_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """How much longer to leave it alone; 0 or less: try."""
        return self._again_s - now_s

    def failed(self, now_s: float) -> None:
        """Count a failure."""
        self._failures += 1
        if self._failures > 1:
            wait_s = min(2.0 ** min(self._failures - 2, 10), LONGEST_BACK_OFF_S)
            self._again_s = now_s + wait_s

    def succeeded(self) -> None:
        """All is well again."""
        self._failures = 0


class ClientLink:
    """A `ModbusLink` that connects at its first request and again after every loss.

    A lost endpoint is left alone for a while as a whole; a unit that is silent or answers nonsense
    only by itself, so that it cannot take its neighbours on the same line with it.
    """

    def __init__(self, wire: Wire, *, timeout_s: float, gap_s: float) -> None:
        self.endpoint = wire.endpoint
        self._wire = wire
        self._timeout_s = timeout_s
        self._gap_s = gap_s
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._lost = BackOff()
        self._silent: dict[int, BackOff] = {}
        self._request_again_s = 0.0  # on the event loop's time

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        what = f"{self.endpoint} unit {unit}, reading {count} {space} registers at {address}"
        async with self._lock:
            client = await self._ready(unit)
            function = {
                Space.INPUT: client.read_input_registers,
                Space.HOLDING: client.read_holding_registers,
                Space.DISCRETE: client.read_discrete_inputs,
                Space.COIL: client.read_coils,
            }[space]
            request = function(address, count=count, device_id=unit)
            answer = await self._exchange(request, what, unit)
        if space in (Space.DISCRETE, Space.COIL):
            return [int(bit) for bit in answer.bits[:count]]
        return list(answer.registers)

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        """Write holding registers. Raises a `DriverError`.

        In one request (function 16), or for devices that know no other one by one (function 6).
        """
        if function != WRITE_SINGLE:
            await self._write(unit, address, list(values), function)
            return
        for offset, value in enumerate(values):
            await self._write(unit, address + offset, [value], function)

    async def close(self) -> None:
        """Close the connection; a later request opens it again."""
        self._drop()

    async def _write(self, unit: int, address: int, values: list[int], function: int) -> None:
        what = f"{self.endpoint} unit {unit}, writing {len(values)} registers at {address}"
        async with self._lock:
            client = await self._ready(unit)
            request = (
                client.write_register(address, values[0], device_id=unit)
                if function == WRITE_SINGLE
                else client.write_registers(address, values, device_id=unit)
            )
            await self._exchange(request, what, unit)

    async def _ready(self, unit: int) -> ModbusBaseClient:
        """A client that may be used now: old or new, after the gap, not in back-off."""
        loop = asyncio.get_running_loop()
        silent_s = self._unit(unit).wait_s(loop.time())
        if silent_s > 0:
            raise NoAnswerError(
                f"{self.endpoint} unit {unit} does not answer; next attempt in {silent_s:.0f} s"
            )
        if self._connection is None or not self._connection.usable:
            self._drop()
            lost_s = self._lost.wait_s(loop.time())
            if lost_s > 0:
                raise LinkLostError(f"{self.endpoint} is down; next attempt in {lost_s:.0f} s")
            await self._wait_for_the_wire()
            self._connection = await self._connected()
            heed_cancellation()
        await self._wait_for_the_wire()
        return self._connection.client

    async def _connected(self) -> "Connection":
        connection = Connection(self._wire)
        usable = False
        try:
            usable = await connection.client.connect()
        finally:
            if not usable:
                connection.client.close()
        if not usable:
            self._lost.failed(asyncio.get_running_loop().time())
            raise LinkLostError(f"{self.endpoint} cannot be reached{self._wire.why_closed()}")
        return connection

    async def _wait_for_the_wire(self) -> None:
        pause_s = self._request_again_s - asyncio.get_running_loop().time()
        if pause_s > 0:
            # the wire's own pause, not time the controller plans with
            await asyncio.sleep(pause_s)  # noqa: TID251

    async def _exchange(self, request: Awaitable[ModbusPDU], what: str, unit: int) -> ModbusPDU:
        """Send one request; anything but a complete answer drops the connection."""
        loop = asyncio.get_running_loop()
        answered = False
        try:
            answer = await request
            answered = True
            heed_cancellation()
        except ModbusException as error:
            raise self._failure(what, unit) from error
        finally:
            pause_s = self._gap_s
            if not answered:
                self._drop()
                pause_s = max(pause_s, self._wire.quiet_s)
            self._request_again_s = loop.time() + pause_s
        self._lost.succeeded()
        self._unit(unit).succeeded()
        if isinstance(answer, ExceptionResponse):
            code = answer.exception_code
            reason = f"{what}: {_EXCEPTIONS.get(code, 'exception')} (code {code})"
            raise RefusedByDeviceError(reason) if code in _REFUSALS else TransientError(reason)
        return answer

    def _failure(self, what: str, unit: int) -> TransientError | LinkLostError:
        """What became of a request without a usable answer."""
        now_s = asyncio.get_running_loop().time()
        connection = self._connection
        if connection is not None and connection.fault is None and connection.lost:
            self._lost.failed(now_s)
            return LinkLostError(f"{what}: the device closed the connection")
        self._unit(unit).failed(now_s)
        if connection is None:
            return TransientError(f"{what}: the link was closed meanwhile")
        if connection.fault is not None:
            return TransientError(f"{what}: {connection.fault}")
        if connection.received:
            return TransientError(f"{what}: {connection.torso()}")
        return NoAnswerError(f"{what}: no answer within {self._timeout_s:g} s")

    def _unit(self, unit: int) -> BackOff:
        return self._silent.setdefault(unit, BackOff())

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.client.close()
            self._connection = None


class Connection:
    """One pymodbus client, with its retries and reconnects switched off.

    Every incoming packet is compared with the request before pymodbus sees it, so that a
    malformed or foreign frame fails the request at once and in words.
    """

    def __init__(self, wire: Wire) -> None:
        self.fault: str | None = None
        self.lost = False
        self.received = b""  # of the answer under way
        self._request = b""
        self._wire = wire
        self.client = wire.open_client(self._on_packet, self._on_connection)

    @property
    def usable(self) -> bool:
        """Whether it is open and has only ever delivered what was asked for."""
        return self.client.connected and self.fault is None

    def torso(self) -> str:
        """What is missing of an answer that has begun well."""
        whole = self._wire.answer_bytes(self._request, self.received)
        return f"the answer broke off after {len(self.received)} of {whole} bytes"

    def _on_packet(self, sending: bool, packet: bytes) -> bytes:
        if sending:
            self._request = packet
            self.received = b""
            return packet
        self.received = packet
        asked = b"" if self.client.ctx.response_future.done() else self._request
        self.fault = self.fault or self._wire.answer_fault(asked, packet)
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
