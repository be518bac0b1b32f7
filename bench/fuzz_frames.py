"""Malformed frames on the wire through the real Modbus link: TCP and the framing of a serial line.

Link, connection, checks and pymodbus are the real ones; only the socket is not there. The judge has
a parser of its own: registers may come only from a byte stream that begins with a whole, right
answer. Layouts: Modbus Messaging on TCP/IP V1.0b, 3.1; Modbus over Serial Line V1.02, 2.5.1.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient

from bench.fuzz_tally import Tally, tried
from drivers.errors import DriverError
from drivers.points import Space
from drivers.transports.modbus_client import ClientLink, OnConnection, OnPacket, Wire
from drivers.transports.modbus_frames import (
    rtu_answer_bytes,
    rtu_answer_fault,
    tcp_answer_bytes,
    tcp_answer_fault,
)

PATIENCE_S = 10.0
SHORT_PATIENCE_S = 0.003
SILENT_FRAC = 0.03
"""After an answer that is not whole the device hangs up, which is known at once; in so many cases
it stays silent instead, and the link has little patience."""

EMPTY_CRC = 0xFFFF
LONGEST_RTU = 256
"""Bytes of a frame, address and checksum included (same document, 2.5.1)."""

CODES = {Space.COIL: 1, Space.DISCRETE: 2, Space.HOLDING: 3, Space.INPUT: 4}
TCP, RTU = "TCP", "RTU"
HEALTHY = "healthy"
Fault = Callable[[bytes, bytes], str | None]
WIRES: dict[str, tuple[Fault, Callable[[bytes, bytes], int]]] = {
    TCP: (tcp_answer_fault, tcp_answer_bytes),
    RTU: (rtu_answer_fault, rtu_answer_bytes),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: to read, or with values to write."""

    unit: int
    space: Space
    address: int
    count: int
    values: tuple[int, ...] = ()


async def fuzz_frames(count: int, seed: int, *, fault: Fault | None = None) -> Tally:
    """Answer so many requests badly; `fault` replaces the link's own check of answers."""
    tally = Tally("Modbus frames")
    chance = random.Random(f"frames {seed}")
    while tally.payloads < count:
        await _exchange(chance.choice((TCP, RTU)), chance, tally, fault)
    return tally


async def _exchange(framing: str, chance: random.Random, tally: Tally, fault: Fault | None) -> None:
    asked = _request(chance)
    device = SpoiltDevice(framing, chance)
    patience_s = SHORT_PATIENCE_S if device.silent else PATIENCE_S
    wire = _wire(framing, device, fault, patience_s=patience_s)
    link = ClientLink(wire, timeout_s=patience_s, gap_s=0.0)
    outcome = await tried(tally, framing, _ask(link, asked), asked)
    await device.spoken()
    await link.close()
    tally.payloads += 1
    tally.spoilt[f"{framing}: {device.way}"] += 1
    if device.error is not None:
        tally.violated(framing, f"{type(device.error).__name__} escapes", device.stream)
    meant = meaning(framing, device.request, device.stream)
    if isinstance(outcome, list):
        tally.readings += 1
        if outcome != meant:
            story = (device.way, outcome, device.request, device.stream)
            tally.violated(framing, "registers from a malformed answer", story)
    else:
        tally.refusals += 1
        if device.way == HEALTHY:
            tally.violated(framing, "a good answer refused", (outcome, device.chunks))


async def _ask(link: ClientLink, asked: Asked) -> list[int] | DriverError:
    """Registers (what was written, where a write was acknowledged), or the error of the link."""
    try:
        if not asked.values:
            return await link.read(asked.unit, asked.space, asked.address, asked.count)
        function = 6 if len(asked.values) == 1 else 16
        await link.write(asked.unit, asked.address, asked.values, function=function)
    except DriverError as error:
        return error
    return list(asked.values)


def _request(chance: random.Random) -> Asked:
    space = chance.choice(tuple(CODES))
    count = chance.choice((1, 1, 2, 3, chance.randint(1, 125)))
    address = chance.randrange(0xFF00)
    values: tuple[int, ...] = ()
    if chance.random() < 0.2:
        values = tuple(chance.randrange(0x10000) for _ in range(min(count, 20)))
    return Asked(chance.randint(1, 247), space, address, count, values)


# ---- the judge ---


def meaning(framing: str, request: bytes, stream: bytes) -> list[int] | None:
    """The registers that the first frame of a stream answers a request with, if it does."""
    if framing == TCP:
        length = int.from_bytes(stream[4:6], "big")
        frame = stream[6 : 6 + length]
        if stream[:4] != request[:4] or len(stream) < 6 + length:
            return None
        return _data(request[6:], frame)
    register = EMPTY_CRC
    for end, byte in enumerate(stream[:LONGEST_RTU], 1):
        register = _crc_step(register, byte)
        found = _data(request[:-2], stream[: end - 2]) if register == 0 else None
        if found is not None:  # a frame together with its checksum leaves nothing
            return found
    return None


def _data(asked: bytes, told: bytes) -> list[int] | None:
    """What a frame without its envelope says: unit, function, data."""
    if told[:2] != asked[:2]:
        return None
    number = int.from_bytes(asked[4:6], "big")
    if asked[1] in (6, 16):
        written = [number] if asked[1] == 6 else _words(asked[7:])
        return written if told == asked[:6] else None
    size = (number + 7) // 8 if asked[1] in (1, 2) else 2 * number
    if told[2:3] != bytes([size]) or len(told) != 3 + size:
        return None
    if asked[1] in (3, 4):
        return _words(told[3:])
    return [told[3 + place // 8] >> place % 8 & 1 for place in range(number)]


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]


def crc(frame: bytes) -> bytes:
    """CRC-16/MODBUS, bit by bit, low byte first."""
    register = EMPTY_CRC
    for byte in frame:
        register = _crc_step(register, byte)
    return register.to_bytes(2, "little")


def _crc_step(register: int, byte: int) -> int:
    register ^= byte
    for _ in range(8):
        low = register & 1
        register >>= 1
        register ^= 0xA001 * low
    return register


# ---- the device ---

Way = Callable[[bytes, "SpoiltDevice"], bytes]
"""Makes a byte stream of the right answer (unit, function, data)."""


class SpoiltDevice(asyncio.Transport):
    """The far end of a connection: takes one request and answers it in a random, often bad way."""

    def __init__(self, framing: str, chance: random.Random) -> None:
        super().__init__()
        self.request = b""
        self.stream = b""
        self.chunks: list[bytes] = []
        self.way = "unasked"
        self.error: Exception | None = None
        self.chance = chance
        self.silent = chance.random() < SILENT_FRAC
        self._framing = framing
        self._client: ModbusBaseClient | None = None
        self._done = asyncio.Event()

    async def connect(self, client: ModbusBaseClient) -> tuple[asyncio.Transport, object]:
        """Stand in for the event loop's own way to connect."""
        self._client = client
        client.ctx.connection_made(self)
        return self, client.ctx

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the request; the answer comes when the client waits for it."""
        self.request = bytes(data)
        self.way = self.chance.choice([way for way in WAYS if way != HEALTHY or not self.silent])
        self.stream = WAYS[self.way](self._good(), self)
        self.chunks = _split(self.stream, self.chance)
        loop = asyncio.get_running_loop()
        loop.call_soon(self._speak, loop, tuple(self.chunks))

    def close(self) -> None:
        """The client hangs up."""
        self._done.set()

    def abort(self) -> None:
        """The client hangs up at once."""
        self._done.set()

    def is_closing(self) -> bool:
        """Whether it has."""
        return self._done.is_set()

    async def spoken(self) -> None:
        """Return when all is said, or nobody listens any more."""
        if self.request:
            await self._done.wait()

    def envelope(self, frame: bytes, *, transaction: bytes = b"") -> bytes:
        """The frame as it goes over the wire."""
        if self._framing == RTU:
            return frame + crc(frame)
        head = transaction or self.request[:4]
        return head + len(frame).to_bytes(2, "big") + frame

    def _speak(self, loop: asyncio.AbstractEventLoop, rest: Sequence[bytes]) -> None:
        if self._done.is_set() or self._client is None:
            return
        try:
            if rest:
                self._client.ctx.data_received(rest[0])
                loop.call_soon(self._speak, loop, rest[1:])
                return
        except Exception as error:  # noqa: BLE001  whatever escapes is what is looked for
            self.error = error
        if not self.silent:
            self._client.ctx.connection_lost(None)
        self._done.set()

    def _good(self) -> bytes:
        """The right answer to the request, without envelope."""
        asked = self.request[6:] if self._framing == TCP else self.request[:-2]
        if asked[1] in (6, 16):
            return asked[:6]
        number = int.from_bytes(asked[4:6], "big")
        size = (number + 7) // 8 if asked[1] in (1, 2) else 2 * number
        return asked[:2] + bytes([size]) + self.chance.randbytes(size)


def _other(good: bytes, place: int, device: SpoiltDevice) -> bytes:
    """The answer with one byte changed, in a right envelope."""
    changed = bytearray(good)
    changed[place] ^= device.chance.randint(1, 255)
    return device.envelope(bytes(changed))


def _refusal(good: bytes, device: SpoiltDevice) -> bytes:
    return device.envelope(bytes([good[0], good[1] | 0x80, device.chance.randrange(256)]))


def _cut(good: bytes, device: SpoiltDevice) -> bytes:
    whole = device.envelope(good)
    return whole[: device.chance.randrange(len(whole))]


def _flipped(good: bytes, device: SpoiltDevice) -> bytes:
    stream = bytearray(device.envelope(good))
    for _ in range(device.chance.randint(1, 3)):
        stream[device.chance.randrange(len(stream))] ^= 1 << device.chance.randrange(8)
    return bytes(stream)


def _resized(good: bytes, device: SpoiltDevice) -> bytes:
    """More or less data than was asked for; the byte count agrees or not."""
    size = device.chance.choice((0, 1, 2, len(good) - 2, len(good) + 1, 250))
    told = device.chance.choice((good[2], min(size, 255)))
    return device.envelope(good[:2] + bytes([told]) + device.chance.randbytes(size))


def _wrong_head(good: bytes, device: SpoiltDevice) -> bytes:
    """Transaction, protocol or length; on a serial line the checksum."""
    stream = bytearray(device.envelope(good))
    place = device.chance.randrange(6) if device.request[:4] == stream[:4] else -1
    stream[place] ^= device.chance.randint(1, 255)
    return bytes(stream)


def _junk(device: SpoiltDevice, longest: int = 20) -> bytes:
    return device.chance.randbytes(device.chance.randint(1, longest))


WAYS: dict[str, Way] = {
    HEALTHY: lambda good, device: device.envelope(good),
    "refusal": _refusal,
    "truncated": _cut,
    "bits flipped": _flipped,
    "other unit": lambda good, device: _other(good, 0, device),
    "other function": lambda good, device: _other(good, 1, device),
    "other byte count": lambda good, device: _other(good, 2, device),
    "other size": _resized,
    "wrong head or checksum": _wrong_head,
    "bytes before": lambda good, device: _junk(device) + device.envelope(good),
    "bytes after": lambda good, device: device.envelope(good) + _junk(device),
    "twice": lambda good, device: device.envelope(good) * 2,
    "the request itself": lambda good, device: device.request + device.envelope(good),
    "random": lambda _good, device: _junk(device, 300),
    "endless": lambda good, device: device.envelope(good)[:-1] + device.chance.randbytes(2000),
    "nothing": lambda _good, _device: b"",
}


def _split(stream: bytes, chance: random.Random) -> list[bytes]:
    """The stream in up to four pieces."""
    cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randint(0, 3)))
    ends = [0, *cuts, len(stream)]
    pieces = [stream[ends[place] : ends[place + 1]] for place in range(len(ends) - 1)]
    return [piece for piece in pieces if piece]


def _wire(framing: str, device: SpoiltDevice, fault: Fault | None, *, patience_s: float) -> Wire:
    """The link's own wire, connected to a device in memory."""
    check, size = WIRES[framing]
    make = AsyncModbusTcpClient if framing == TCP else AsyncModbusSerialClient

    def open_client(on_packet: OnPacket, on_connection: OnConnection) -> ModbusBaseClient:
        client: ModbusBaseClient = make(
            "memory",
            timeout=patience_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=on_packet,
            trace_connect=on_connection,
        )
        client.ctx.call_create = lambda: device.connect(client)
        return client

    return Wire(
        endpoint="memory",
        open_client=open_client,
        answer_fault=fault or check,
        answer_bytes=size,
        why_closed=lambda: "",
    )
