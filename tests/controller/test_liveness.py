"""The service manager hears of finished cycles only; nothing is written by a doubtful clock."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.act import Applied, NotApplied
from controller.liveness import ClockTrust, Supervisor, kernel_says_synchronised
from controller.loop import CLOCK_IN_DOUBT
from controller.store import Lease
from drivers.api import Capability, Observation
from drivers.testing import AN_INSTANT

MakeHouse = Callable[..., Any]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    """A service manager's socket at `notify`; tells what it was sent since the last question."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.setblocking(False)

        def said() -> list[str]:
            messages = []
            while True:
                try:
                    messages.append(heard.recv(4096).decode())
                except BlockingIOError:
                    return messages

        yield said


def test_the_first_cycle_says_ready_and_every_cycle_feeds(
    tmp_path: Path, manager: Callable[[], list[str]]
) -> None:
    supervisor = Supervisor(str(tmp_path / "notify"), cycle_s=120.0)
    assert manager() == []
    supervisor.advanced()
    supervisor.advanced()
    supervisor.stopping()
    ready, fed, stopping = manager()
    assert ready.splitlines() == ["READY=1", "WATCHDOG_USEC=600000000", "WATCHDOG=1"]
    assert (fed, stopping) == ("WATCHDOG=1", "STOPPING=1")


def test_short_cycles_still_leave_devices_time_to_answer(
    tmp_path: Path, manager: Callable[[], list[str]]
) -> None:
    Supervisor(str(tmp_path / "notify"), cycle_s=1.0).advanced()
    assert "WATCHDOG_USEC=300000000" in manager()[0].splitlines()


def test_an_abstract_address_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0heatherd-test-notify")
        heard.settimeout(5.0)
        Supervisor("@heatherd-test-notify", cycle_s=60.0).stopping()
        assert heard.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", [None, "", "nobody-listens-here"])
def test_without_a_service_manager_nothing_fails(
    address: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    Supervisor(address, cycle_s=60.0).advanced()
    assert ("could not be told" in caplog.text) is bool(address)


async def test_a_cycle_that_hangs_does_not_feed_the_watchdog(
    make_house: MakeHouse, tmp_path: Path, manager: Callable[[], list[str]]
) -> None:
    house = make_house(mode="observe")
    device = house.outside.devices[0]
    read, hangs = device.read, asyncio.Event()

    async def read_until_it_hangs() -> Observation:
        if house.clock.now() >= AN_INSTANT + 3 * MINUTE:
            hangs.set()
            await asyncio.Event().wait()
        observation: Observation = await read()
        return observation

    device.read = read_until_it_hangs
    supervisor = Supervisor(str(tmp_path / "notify"), cycle_s=60.0)
    loop = house.loop(supervisor=supervisor)
    running = asyncio.ensure_future(loop.run(asyncio.Event(), AN_INSTANT + 60 * MINUTE))
    await hangs.wait()
    assert len(manager()) == 3
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert manager() == []


# ---- the clock -----------------------------------------------------------------------------------


def test_a_clock_is_trusted_once_its_time_service_says_so_and_from_then_on(tmp_path: Path) -> None:
    marker = tmp_path / "synchronized"
    trust = ClockTrust(marker, kernel_says=lambda: False)
    assert not trust()
    marker.touch()
    assert trust()
    marker.unlink()
    assert trust()


def test_a_clock_that_the_kernel_knows_to_be_right_needs_no_marker(tmp_path: Path) -> None:
    assert ClockTrust(tmp_path / "none", kernel_says=lambda: True)()


def test_asking_the_kernel_sets_nothing_and_answers() -> None:
    before = datetime.now(UTC)
    assert kernel_says_synchronised() in (True, False)
    assert timedelta(0) <= datetime.now(UTC) - before < timedelta(minutes=1)


async def test_nothing_is_written_until_the_clock_is_right(make_house: MakeHouse) -> None:
    house = make_house()
    loop = house.loop(clock_is_right=lambda: house.clock.now() >= AN_INSTANT + 5 * MINUTE)
    await loop.run(asyncio.Event(), AN_INSTANT + 10 * MINUTE)
    outcomes = [record.outcome for record in house.recorder.records()]
    assert outcomes[:5] == [NotApplied(CLOCK_IN_DOUBT)] * 5
    assert isinstance(outcomes[5], Applied)


async def test_what_a_dead_service_left_is_handed_back_by_any_clock(make_house: MakeHouse) -> None:
    house = make_house()
    offset = Capability.CURVE_OFFSET
    house.store.save_lease(Lease(offset, 1.0, 3.0, 1.0, AN_INSTANT, AN_INSTANT))
    house.put("curve_offset", 3.0)
    house.bank.failure = None
    await house.loop(clock_is_right=lambda: False).run(asyncio.Event(), AN_INSTANT + MINUTE)
    assert (await house.pump().read_back(offset)).value == 1.0
    assert house.store.leases() == {}
