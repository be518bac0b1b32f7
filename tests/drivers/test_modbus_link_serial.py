"""The serial link on real pseudo-terminals: a proper line, and lines that misbehave."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from drivers.api import Signal
from drivers.errors import (
    ConfigurationError,
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.points import Space
from drivers.profile import load_modbus_profile
from drivers.transports.modbus import LinkPool
from drivers.transports.modbus_frames import checksum, rtu_answer_fault
from drivers.transports.modbus_serial import SerialLink, SerialSettings
from hil.device import Bus, EmulatedDevice
from hil.registers import RegisterImage
from hil.serial_line import SerialLine

pytestmark = [pytest.mark.sockets, pytest.mark.enable_socket]

FLOW, ROOM_SETPOINT = 1, 3  # registers of the generic profile
Answer = Callable[[bytes], bytes]


def bus() -> Bus:
    """Units 1 and 2 with 38.5 and 41.2 °C of flow."""

    def device(flow_c: float) -> EmulatedDevice:
        image = RegisterImage(
            load_modbus_profile("generic_modbus"),
            readings=lambda: {Signal.FLOW_C: flow_c},
            on_write=lambda *_: None,
        )
        return EmulatedDevice(image)

    return Bus({1: device(38.5), 2: device(41.2)})


@contextlib.asynccontextmanager
async def emulator() -> AsyncIterator[tuple[SerialLine, Bus, str]]:
    devices = bus()
    line = SerialLine(devices)
    path = line.open()
    try:
        yield line, devices, path
    finally:
        await line.close()


@contextlib.asynccontextmanager
async def scripted_line(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A line whose far end answers each write of the client as told, and what it has seen."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    seen: list[bytes] = []

    def on_bytes() -> None:
        frame = os.read(ours, 512)
        seen.append(frame)
        reply = answer(frame)
        if reply:
            os.write(ours, reply)

    loop = asyncio.get_running_loop()
    loop.add_reader(ours, on_bytes)
    try:
        yield os.ttyname(theirs), seen
    finally:
        loop.remove_reader(ours)
        os.close(ours)
        os.close(theirs)


@contextlib.asynccontextmanager
async def link_on(path: str, *, timeout_s: float = 0.3) -> AsyncIterator[SerialLink]:
    link = SerialLink(path, SerialSettings(), timeout_s=timeout_s)
    try:
        yield link
    finally:
        await link.close()


def reply_of(frame: bytes, *registers: int) -> bytes:
    """The well-formed answer to a read."""
    data = b"".join(register.to_bytes(2, "big") for register in registers)
    body = frame[:2] + bytes([len(data)]) + data
    return body + checksum(body)


async def until(true: Callable[[], bool]) -> None:
    """Let the event loop turn until something on the line has come about."""
    async with asyncio.timeout(5.0):
        while not true():  # noqa: ASYNC110  what comes about on a line sets no event
            await asyncio.sleep(0)


async def read_flow(link: SerialLink, unit: int = 1) -> list[int]:
    return await link.read(unit, Space.INPUT, FLOW, 1)


async def test_reads_and_writes_go_to_their_unit() -> None:
    async with emulator() as (_, _devices, path), link_on(path) as link:
        assert await read_flow(link, 1) == [385]
        assert await read_flow(link, 2) == [412]
        await link.write(2, ROOM_SETPOINT, [225])
        await link.write(1, ROOM_SETPOINT, [195], function=6)
        assert await link.read(2, Space.HOLDING, ROOM_SETPOINT, 1) == [225]
        assert await link.read(1, Space.HOLDING, ROOM_SETPOINT, 1) == [195]


async def test_a_refusal_is_told_from_business_and_keeps_the_line() -> None:
    async with emulator() as (_, devices, path), link_on(path) as link:
        with pytest.raises(RefusedByDeviceError, match=r"illegal address \(code 2\)"):
            await link.read(1, Space.INPUT, 90, 1)
        devices.devices[1].presence.busy = True
        with pytest.raises(TransientError, match="device busy"):
            await read_flow(link)
        devices.devices[1].presence.busy = False
        assert await read_flow(link) == [385]


async def test_a_silent_unit_does_not_take_its_neighbour_with_it() -> None:
    async with emulator() as (_, devices, path), link_on(path, timeout_s=0.05) as link:
        devices.devices[1].presence.silent = True
        for _ in range(2):
            with pytest.raises(NoAnswerError, match=r"no answer within 0\.05 s"):
                await read_flow(link, 1)
        with pytest.raises(NoAnswerError, match="unit 1 does not answer; next attempt in 1 s"):
            await read_flow(link, 1)
        assert await read_flow(link, 2) == [412]


async def test_a_unit_that_does_not_exist_is_silent_and_the_line_recovers() -> None:
    async with emulator() as (_, _devices, path), link_on(path, timeout_s=0.05) as link:
        with pytest.raises(NoAnswerError, match="unit 7, reading"):
            await read_flow(link, 7)
        assert await read_flow(link) == [385]


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    late = asyncio.Event()
    async with emulator() as (_, devices, path):
        slow = SerialLine(devices, wait=lambda _: late.wait())  # type: ignore[arg-type,return-value]
        slow_path = slow.open()
        async with link_on(slow_path, timeout_s=0.1) as link:
            with pytest.raises(NoAnswerError):
                await read_flow(link, 2)
            second = asyncio.create_task(read_flow(link, 1))
            late.set()
            assert await second == [385]
        await slow.close()
        async with link_on(path) as link:
            assert await read_flow(link) == [385]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda frame: b"\x00\xff" + reply_of(frame, 1), "line is disturbed"),
        (lambda frame: reply_of(frame, 1)[:-1] + b"\x00", "checksum"),
        (lambda frame: reply_of(frame, 1, 2), "9 bytes instead of 7"),
        (lambda frame: bytes([9]) + reply_of(frame, 1)[1:], "another unit"),
        (lambda frame: reply_of(frame, 1)[:4], "broke off after 4 of 7 bytes"),
        (lambda frame: frame, "echo"),
    ],
)
async def test_garbage_fails_in_words_and_the_next_request_is_clean(
    spoil: Answer, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    replies = iter([spoil])

    def answer(frame: bytes) -> bytes:
        return next(replies, lambda good: reply_of(good, 5))(frame)

    async with scripted_line(answer) as (path, _), link_on(path, timeout_s=0.1) as link:
        with pytest.raises(TransientError, match=reason) as caught:
            await read_flow(link)
        assert not isinstance(caught.value, NoAnswerError)
        assert await read_flow(link) == [5]
    assert not caplog.records


async def test_noise_between_two_requests_is_thrown_away() -> None:
    async with emulator() as (line, _devices, path), link_on(path) as link:
        assert await read_flow(link) == [385]
        line.disturb(b"\x01\x04\x55\x00")
        await until(lambda: not link._connection.usable)
        assert await read_flow(link) == [385]


async def test_an_unplugged_adapter_is_a_lost_link_and_found_again(tmp_path) -> None:
    adapter = tmp_path / "ttyUSB0"
    async with link_on(str(adapter)) as link:
        async with emulator() as (_, _devices, path):
            adapter.symlink_to(path)
            assert await read_flow(link) == [385]
        adapter.unlink()
        await until(lambda: not link._connection.usable)
        with pytest.raises(LinkLostError, match="no such device; is the adapter plugged in"):
            await read_flow(link)
        async with emulator() as (_, _devices, path):
            adapter.symlink_to(path)
            assert await read_flow(link) == [385]


async def test_unplugged_in_the_middle_of_a_request_is_a_lost_link_at_once() -> None:
    line = SerialLine(bus(), wait=lambda _: asyncio.Event().wait())  # type: ignore[arg-type,return-value]
    path = line.open()
    async with link_on(path, timeout_s=10.0) as link:
        request = asyncio.create_task(read_flow(link))
        await until(lambda: bool(line._answering))
        await line.close()
        with pytest.raises(LinkLostError):
            await request


async def test_a_line_that_another_program_holds_says_so() -> None:
    async with emulator() as (_, _devices, path), link_on(path) as first, link_on(path) as second:
        assert await read_flow(first) == [385]
        with pytest.raises(LinkLostError, match="another program has it open"):
            await read_flow(second)


async def test_a_cancelled_request_leaves_a_clean_line() -> None:
    async with emulator() as (_, _devices, path), link_on(path, timeout_s=0.1) as link:
        request = asyncio.create_task(read_flow(link, 2))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert await read_flow(link, 1) == [385]


async def test_units_share_one_line_by_whatever_name(tmp_path) -> None:
    alias = tmp_path / "by-id"
    async with emulator() as (_, _devices, path):
        alias.symlink_to(path)
        pool = LinkPool()
        pump = pool.serial(path, SerialSettings())
        meter = pool.serial(str(alias), SerialSettings())
        assert await pump.read(1, Space.INPUT, FLOW, 1) == [385]
        await pump.close()
        assert await meter.read(2, Space.INPUT, FLOW, 1) == [412]
        await meter.close()


def test_one_line_has_one_speed() -> None:
    pool = LinkPool()
    pool.serial("/dev/ttyUSB0", SerialSettings())
    with pytest.raises(ConfigurationError, match="the same baud rate"):
        pool.serial("/dev/ttyUSB0", SerialSettings(baudrate=19200))


def test_the_pause_between_frames_follows_the_speed_of_the_line() -> None:
    assert SerialSettings(baudrate=9600).silence_s == pytest.approx(0.00401, abs=1e-5)
    assert SerialSettings(baudrate=115200).silence_s == 0.00175


@given(st.binary(min_size=1, max_size=40))
def test_the_checksum_is_that_of_another_implementation(frame: bytes) -> None:
    assert checksum(frame) == FramerRTU.compute_CRC(frame).to_bytes(2, "big")


READ = bytes.fromhex("01 04 000a 0002")
GOOD = bytes.fromhex("01 04 04 0001 0002")


def test_every_beginning_of_a_good_answer_is_good() -> None:
    whole = GOOD + checksum(GOOD)
    for length in range(1, len(whole) + 1):
        assert rtu_answer_fault(READ + checksum(READ), whole[:length]) is None


@given(st.integers(min_value=0, max_value=8 * (len(GOOD) + 2) - 1))
def test_any_flipped_bit_is_a_fault_or_leaves_the_answer_unfinished(place: int) -> None:
    spoilt = bytearray(GOOD + checksum(GOOD))
    spoilt[place // 8] ^= 1 << place % 8
    assert rtu_answer_fault(READ + checksum(READ), bytes(spoilt)) is not None
