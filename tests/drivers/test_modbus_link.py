"""The TCP link against real sockets: a proper server, and servers that misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.errors import (
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.points import Space
from drivers.transports.modbus import LinkPool, TcpLink
from drivers.transports.modbus_client import Connection
from drivers.transports.modbus_frames import tcp_answer_fault as answer_fault

Answer = Callable[[bytes], bytes | None]
"""A request frame in; the reply out, None to stay silent, b"" to hang up."""


@contextlib.asynccontextmanager
async def pymodbus_server(port: int = 0) -> AsyncIterator[int]:
    """Units 1 and 2 with holding and input registers 10..19; holding 15 is always busy."""

    async def busy(_function: int, _start: int, address: int, *_rest: object) -> ExcCodes | None:
        return ExcCodes.DEVICE_BUSY if address == 15 else None

    def unit(number: int) -> SimDevice:
        def block(first: int) -> list[SimData]:
            return [SimData(10, values=list(range(first, first + 10)), datatype=DataType.REGISTERS)]

        bits = [SimData(0, values=[True, False] * 5 + [True] * 6, datatype=DataType.BITS)]
        return SimDevice(
            number, simdata=(bits, bits, block(100 * number), block(1000 * number)), action=busy
        )

    server = ModbusTcpServer([unit(1), unit(2)], address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    finally:
        await server.shutdown()


@contextlib.asynccontextmanager
async def scripted_server(answer: Answer) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers every frame as told, and the frames it has seen."""
    seen: list[bytes] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(6)
                frame = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                seen.append(frame)
                reply = answer(frame)
                if reply == b"":
                    break
                if reply is not None:
                    writer.write(reply)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        await asyncio.gather(*(task for task in serving if task is not None))


@contextlib.asynccontextmanager
async def link_to(
    port: int, *, timeout_s: float = 5.0, gap_s: float = 0.0
) -> AsyncIterator[TcpLink]:
    link = TcpLink("127.0.0.1", port, timeout_s=timeout_s, gap_s=gap_s)
    try:
        yield link
    finally:
        await link.close()


def reply_of(frame: bytes, *registers: int) -> bytes:
    """The well-formed answer to a read."""
    data = b"".join(register.to_bytes(2, "big") for register in registers)
    body = frame[6:8] + bytes([len(data)]) + data
    return frame[:4] + len(body).to_bytes(2, "big") + body


async def read_one(link: TcpLink) -> list[int]:
    return await link.read(1, Space.INPUT, 10, 1)


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_reads_and_writes_go_to_their_unit_and_table() -> None:
    async with pymodbus_server() as port, link_to(port) as link:
        assert await link.read(1, Space.INPUT, 10, 3) == [1000, 1001, 1002]
        assert await link.read(2, Space.HOLDING, 12, 2) == [202, 203]
        await link.write(2, 12, [7, 65535])
        assert await link.read(2, Space.HOLDING, 11, 4) == [201, 7, 65535, 204]
        assert await link.read(1, Space.HOLDING, 12, 1) == [102]


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_bits_are_read_as_registers_of_0_or_1() -> None:
    async with pymodbus_server() as port, link_to(port) as link:
        for space in (Space.COIL, Space.DISCRETE):
            assert await link.read(1, space, 0, 3) == [1, 0, 1]
            assert await link.read(1, space, 3, 9) == [0, 1] * 3 + [0, 1, 1]


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_refusals_and_business_are_told_apart_and_keep_the_connection() -> None:
    async with pymodbus_server() as port, link_to(port) as link:
        with pytest.raises(RefusedByDeviceError, match=r"at 90: illegal address \(code 2\)"):
            await link.read(1, Space.INPUT, 90, 1)
        with pytest.raises(RefusedByDeviceError, match="writing 1 registers at 90"):
            await link.write(1, 90, [1])
        with pytest.raises(TransientError, match="device busy"):
            await link.read(1, Space.HOLDING, 15, 1)
        assert await read_one(link) == [1000]


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_requests_of_many_tasks_are_made_one_after_the_other() -> None:
    async with pymodbus_server() as port, link_to(port) as link:
        answers = await asyncio.gather(
            *(link.read(1, Space.INPUT, 10 + place, 1) for place in range(5))
        )
    assert answers == [[1000 + place] for place in range(5)]


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_restarted_server_is_found_again() -> None:
    async with pymodbus_server() as port, link_to(port) as link:
        assert await read_one(link) == [1000]
        await link.close()
        assert await read_one(link) == [1000]
    async with link_to(port) as link:
        with pytest.raises(LinkLostError, match="cannot be reached"):
            await read_one(link)
        async with pymodbus_server(port):
            assert await read_one(link) == [1000]


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_server_that_stops_is_a_lost_link_and_then_refused_without_trying() -> None:
    async with pymodbus_server() as port, link_to(port) as link:
        assert await read_one(link) == [1000]
    with pytest.raises(LinkLostError):
        await read_one(link)
    with pytest.raises(LinkLostError, match="cannot be reached"):
        await read_one(link)
    with pytest.raises(LinkLostError, match="next attempt in 1 s"):
        await read_one(link)


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_silence_is_no_answer_and_its_connection_is_never_used_again() -> None:
    replies = iter([None])

    def answer(frame: bytes) -> bytes | None:
        return next(replies, reply_of(frame, 5))

    async with scripted_server(answer) as (port, seen), link_to(port, timeout_s=0.5) as link:
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.5 s"):
            await read_one(link)
        assert await read_one(link) == [5]
        assert [frame[:2] for frame in seen] == [b"\x00\x01", b"\x00\x01"]  # numbered anew


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "another request or is not Modbus"),
        (lambda frame: b"\x00\x63" + reply_of(frame, 1)[2:], "another request"),
        (lambda frame: reply_of(frame, 1)[:6] + b"\x09" + reply_of(frame, 1)[7:], "another unit"),
        (lambda frame: reply_of(frame, 1, 2), "7 bytes instead of 5"),
        (lambda frame: reply_of(frame, 1) + b"\x00", "6 bytes instead of 5"),
        (lambda frame: reply_of(frame, 1)[:8] + b"\x04\x00\x01", "announces 4 bytes"),
    ],
)
async def test_garbage_fails_at_once_and_drops_the_connection(
    spoil: Answer, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    replies = iter([spoil])

    def answer(frame: bytes) -> bytes | None:
        return next(replies, lambda good: reply_of(good, 5))(frame)

    async with scripted_server(answer) as (port, _), link_to(port) as link:
        with pytest.raises(TransientError, match=reason) as caught:
            await read_one(link)
        assert not isinstance(caught.value, NoAnswerError)
        assert await read_one(link) == [5]
    assert not caplog.records


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_wrong_acknowledgement_of_a_write_is_no_success() -> None:
    def answer(frame: bytes) -> bytes:
        return frame[:4] + b"\x00\x06" + frame[6:8] + b"\x00\x00\x00\x01"

    async with scripted_server(answer) as (port, _), link_to(port) as link:
        with pytest.raises(TransientError, match="acknowledged another write"):
            await link.write(1, 12, [7])


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_server_that_hangs_up_is_a_lost_link_at_once() -> None:
    async with scripted_server(lambda _: b"") as (port, _), link_to(port) as link:
        with pytest.raises(LinkLostError, match="closed the connection"):
            await read_one(link)


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_cancelled_request_drops_the_connection() -> None:
    asked = asyncio.Event()

    def answer(frame: bytes) -> bytes | None:
        if asked.is_set():
            return reply_of(frame, 5)
        asked.set()
        return None

    async with scripted_server(answer) as (port, seen), link_to(port) as link:
        request = asyncio.create_task(read_one(link))
        await asked.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert await read_one(link) == [5]
        assert [frame[:2] for frame in seen] == [b"\x00\x01", b"\x00\x01"]  # numbered anew


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_the_gap_lies_between_two_requests() -> None:
    stamps: list[float] = []

    def answer(frame: bytes) -> bytes:
        stamps.append(asyncio.get_running_loop().time())
        return reply_of(frame, 5)

    async with scripted_server(answer) as (port, _), link_to(port, gap_s=0.05) as link:
        for _ in range(3):
            await read_one(link)
    assert min(stamps[1] - stamps[0], stamps[2] - stamps[1]) >= 0.045


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_units_behind_one_port_share_one_connection() -> None:
    pool = LinkPool()
    async with pymodbus_server() as port:
        pump, meter = pool.link("127.0.0.1", port), pool.link("127.0.0.1", port)
        assert await pump.read(1, Space.INPUT, 10, 1) == [1000]
        await pump.write(1, 10, [1])
        await pump.close()
        await pump.close()
        assert await meter.read(2, Space.INPUT, 10, 1) == [2000]
        await meter.close()


def test_a_pool_makes_a_new_link_after_the_last_user_left() -> None:
    async def links() -> tuple[TcpLink, TcpLink, TcpLink]:
        pool = LinkPool()
        first, second = pool.link("pump"), pool.link("pump")
        await first.close()
        await second.close()
        return first._link, second._link, pool.link("pump")._link

    first, second, third = asyncio.run(links())
    assert first is second
    assert third is not first


REQUEST = bytes.fromhex("0001 0000 0006 01 04 000a 0002")
GOOD = bytes.fromhex("0001 0000 0007 01 04 04 0001 0002")
BITS = bytes.fromhex("0001 0000 0006 01 02 0004 0009")
NINE_BITS = bytes.fromhex("0001 0000 0005 01 02 02 ff 01")
WRITE = bytes.fromhex("0001 0000 0009 01 10 000c 0001 02 0007")
ACKNOWLEDGED = bytes.fromhex("0001 0000 0006 01 10 000c 0001")
REFUSED = bytes.fromhex("0001 0000 0003 01 84 02")


@pytest.mark.parametrize(
    ("request_", "answer"),
    [(REQUEST, GOOD), (REQUEST, REFUSED), (BITS, NINE_BITS), (WRITE, ACKNOWLEDGED)],
)
def test_every_beginning_of_a_good_answer_is_good(request_: bytes, answer: bytes) -> None:
    for length in range(1, len(answer) + 1):
        assert answer_fault(request_, answer[:length]) is None


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 5, 6, 8])
def test_a_flipped_bit_in_the_head_of_an_answer_is_a_fault(place: int) -> None:
    for bit in range(8):
        spoilt = bytearray(GOOD)
        spoilt[place] ^= 1 << bit
        assert answer_fault(REQUEST, bytes(spoilt)) is not None


async def test_bytes_between_two_requests_make_the_connection_unusable() -> None:
    connection = Connection(TcpLink("127.0.0.1", 502)._wire)
    assert connection._on_packet(True, REQUEST) == REQUEST
    connection.client.ctx.response_future.set_result(None)
    assert connection._on_packet(False, GOOD + b"more") == b""
    assert connection.fault is not None
    assert not connection.usable


def test_an_unasked_message_is_a_fault() -> None:
    assert answer_fault(b"", GOOD) == "the device speaks unasked"
