"""The owner's channel over a real local socket: every verb, every kind of nonsense."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import app
from controller.loop import Loop
from controller.owner import LONGEST_LINE, Owner, ask, serve
from controller.wishes import Wish
from drivers.errors import ConfigurationError, LinkLostError
from drivers.testing import AN_INSTANT

MakeHouse = Callable[..., Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "owner.sock"


def is_there(path: Path) -> bool:
    return path.exists()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def listening(path: Path, *, answers: bool) -> Iterator[None]:
    """A bare socket that takes connections and says nothing, or hangs up."""
    path.parent.mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as bare:
        bare.bind(str(path))
        bare.listen()
        bare.setblocking(False)
        taken: list[socket.socket] = []

        def take() -> None:
            taken.append(bare.accept()[0])
            if not answers:
                taken[-1].shutdown(socket.SHUT_WR)

        asyncio.get_running_loop().add_reader(bare, take)
        try:
            yield
        finally:
            asyncio.get_running_loop().remove_reader(bare)
            for connection in taken:
                connection.close()


@asynccontextmanager
async def serving(loop: Loop, house: Any, path: Path) -> AsyncIterator[asyncio.Task[None]]:
    """The channel of a loop, until the end of the block."""
    owner = Owner(loop, house.clock, room_range_c=(9.0, 25.5))
    task = asyncio.ensure_future(serve(owner, path))
    for _ in range(1000):
        if task.done() or (is_there(path) and mode_of(path) == 0o660):
            break
        await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def say(path: Path, line: bytes) -> dict[str, Any]:
    """The answer to one raw line."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    answer = await reader.readline()
    writer.close()
    parsed: dict[str, Any] = json.loads(answer)
    return parsed


async def one_cycle(loop: Loop) -> None:
    async with asyncio.TaskGroup() as tasks:
        await loop.cycle(tasks)


async def test_status_before_and_after_the_first_cycle(make_house: MakeHouse, path: Path) -> None:
    house = make_house()
    loop = house.loop()
    async with serving(loop, house, path):
        first = await ask(path, {"verb": "status"})
        assert first == {"ok": True, "status": None, "released": False, "wish": None}
        house.bank.remove("dhw")
        await one_cycle(loop)
        status = (await ask(path, {"verb": "status"}))["status"]
    assert status["at"] == AN_INSTANT.isoformat()
    assert status["target_c"] == 21.0
    assert status["signals"]["room_c"] == 20.0
    assert status["signals"]["alarm"] == 0.0
    assert "not on this device" in status["missing"]["dhw_c"]["reason"]
    assert (status["verdict"], status["reasons"]) == ("refused", ["there is no plan for now"])
    assert status["not_applied"] == "there is no plan for now"


async def test_status_tells_every_verdict(make_house: MakeHouse, path: Path) -> None:
    house = make_house()
    loop = house.loop()
    async with serving(loop, house, path):
        await one_cycle(loop)
        await house.clock.sleep_until(AN_INSTANT + timedelta(minutes=11))
        await one_cycle(loop)
        status = (await ask(path, {"verb": "status"}))["status"]
        assert status["verdict"] == "allowed"
        assert status["acknowledged"] == status["in_effect"] == status["settings"]
        assert status["settings"]["flow_setpoint"] > 15.0
        assert "reasons" not in status
        house.put("room", 7.5)
        await one_cycle(loop)
        status = (await ask(path, {"verb": "status"}))["status"]
    assert status["verdict"] == "altered"
    assert status["settings"] == {"flow_setpoint": 55.0}
    assert any("frost floor" in reason for reason in status["reasons"])


@pytest.mark.parametrize(
    ("request_", "wish"),
    [
        ({"verb": "override", "room_c": 22.5}, Wish("override", 22.5, AN_INSTANT, None)),
        (
            {"verb": "override", "room_c": 20, "for_s": 3600},
            Wish("override", 20.0, AN_INSTANT, AN_INSTANT + timedelta(hours=1)),
        ),
        ({"verb": "away"}, Wish("away", None, AN_INSTANT, None)),
        (
            {"verb": "away", "room_c": 15.0, "for_s": 604800},
            Wish("away", 15.0, AN_INSTANT, AN_INSTANT + timedelta(days=7)),
        ),
        (
            {"verb": "boost", "for_s": 7200},
            Wish("boost", None, AN_INSTANT, AN_INSTANT + timedelta(hours=2)),
        ),
    ],
)
async def test_a_wish_is_taken_up_answered_and_kept(
    make_house: MakeHouse, path: Path, request_: dict[str, Any], wish: Wish
) -> None:
    house = make_house()
    loop = house.loop()
    async with serving(loop, house, path):
        answer = await ask(path, request_)
    assert loop.wishes.wish == wish
    assert house.store.wishes().wish == wish
    assert answer["ok"]
    assert answer["wish"] == {
        "kind": wish.kind,
        "room_c": wish.room_c,
        "until": None if wish.until is None else wish.until.isoformat(),
    }


async def test_release_hands_back_and_stays_until_resume(make_house: MakeHouse, path: Path) -> None:
    house = make_house()
    loop = house.loop()
    async with serving(loop, house, path):
        for _ in range(2):
            await one_cycle(loop)
        assert set(house.store.leases()) == {"flow_setpoint"}
        answer = await ask(path, {"verb": "release"})
        assert answer == {"ok": True, "handed_back": True, "released": True, "wish": None}
        assert house.store.leases() == {}
        await one_cycle(loop)
        assert house.store.leases() == {}
        assert house.store.wishes().released
        assert (await ask(path, {"verb": "resume"}))["released"] is False
        await one_cycle(loop)
        assert set(house.store.leases()) == {"flow_setpoint"}


async def test_release_of_a_dead_pump_says_so(make_house: MakeHouse, path: Path) -> None:
    house = make_house()
    loop = house.loop()
    async with serving(loop, house, path):
        for _ in range(2):
            await one_cycle(loop)
        house.bank.failure = LinkLostError("unplugged")
        answer = await ask(path, {"verb": "release"})
        assert (answer["handed_back"], answer["released"]) == (False, True)


async def test_resume_ends_a_wish(make_house: MakeHouse, path: Path) -> None:
    house = make_house()
    async with serving(house.loop(), house, path):
        await ask(path, {"verb": "boost"})
        assert (await ask(path, {"verb": "resume"}))["wish"] is None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"\n", "not a line of JSON"),
        (b"status\n", "not a line of JSON"),
        (b"\xff\xfe\x00\n", "not a line of JSON"),
        (b"[" * 4000 + b"\n", "not a line of JSON"),
        (b"null\n", "verb must be one of status, override"),
        (b"[]\n", "verb must be one of"),
        (b"{}\n", "verb must be one of"),
        (b'{"verb": 1}\n', "verb must be one of"),
        (b'{"verb": ["status"]}\n', "verb must be one of"),
        (b'{"verb": "explode"}\n', "verb must be one of"),
        (b'{"verb": "override"}\n', "room_c must be a number"),
        (b'{"verb": "override", "room_c": "22"}\n', "room_c must be a number"),
        (b'{"verb": "override", "room_c": true}\n', "room_c must be a number"),
        (b'{"verb": "override", "room_c": NaN}\n', "room_c must be between 9 and 25.5"),
        (b'{"verb": "override", "room_c": 1e99}\n', "room_c must be between 9 and 25.5"),
        (b'{"verb": "away", "room_c": 5}\n', "room_c must be between 9 and 25.5"),
        (b'{"verb": "boost", "for_s": "2 h"}\n', "for_s must be a number"),
        (b'{"verb": "boost", "for_s": false}\n', "for_s must be a number"),
        (b'{"verb": "boost", "for_s": 59}\n', "between a minute and 90 days"),
        (b'{"verb": "boost", "for_s": NaN}\n', "between a minute and 90 days"),
        (b'{"verb": "boost", "for_s": 1e12}\n', "between a minute and 90 days"),
        (b"x" * (3 * LONGEST_LINE) + b"\n", f"at most {LONGEST_LINE} bytes"),
    ],
)
async def test_nonsense_is_refused_in_words_and_changes_nothing(
    make_house: MakeHouse, path: Path, line: bytes, error: str
) -> None:
    house = make_house()
    loop = house.loop()
    before = loop.wishes
    async with serving(loop, house, path):
        answer = await say(path, line)
        assert answer["ok"] is False
        assert error in answer["error"]
        assert (await ask(path, {"verb": "status"}))["ok"]
    assert loop.wishes == before


async def test_one_client_may_ask_many_times_and_leave_in_the_middle(
    make_house: MakeHouse, path: Path
) -> None:
    house = make_house()
    async with serving(house.loop(), house, path):
        reader, writer = await asyncio.open_unix_connection(path)
        for _ in range(3):
            writer.write(b'{"verb": "status"}\n')
            assert json.loads(await reader.readline())["ok"]
        writer.write(b'{"verb": "sta')
        writer.close()
        assert (await ask(path, {"verb": "status"}))["ok"]


async def test_only_user_and_group_may_use_the_socket(make_house: MakeHouse, path: Path) -> None:
    house = make_house()
    async with serving(house.loop(), house, path):
        assert mode_of(path) == 0o660


async def test_the_socket_of_a_killed_service_is_replaced(
    make_house: MakeHouse, path: Path
) -> None:
    house = make_house()
    async with serving(house.loop(), house, path):
        os.link(path, path.with_name("kept"))  # closing removes the name, not what is behind it
    path.with_name("kept").rename(path)
    os.chmod(path, 0o600)
    assert not await app.is_running(path)
    async with serving(house.loop(), house, path):
        assert await app.is_running(path)
    assert not is_there(path)


async def test_a_file_in_the_way_is_not_removed(make_house: MakeHouse, path: Path) -> None:
    os.makedirs(path)
    house = make_house()
    async with serving(house.loop(), house, path) as task:
        await asyncio.wait([task])
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            task.result()
    assert is_there(path)


async def test_a_path_that_is_too_long_is_a_configuration_error(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    house = make_house()
    with pytest.raises(ConfigurationError, match=r"storage\.socket: .* too long"):
        await serve(
            Owner(house.loop(), house.clock, room_range_c=(9.0, 25.5)), tmp_path / ("x" * 120)
        )


async def test_the_channel_closes_under_a_client_that_stays(
    make_house: MakeHouse, path: Path
) -> None:
    house = make_house()
    async with serving(house.loop(), house, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"verb": "status"}\n')
        await reader.readline()
    assert await reader.read() == b""
    writer.close()


async def test_a_socket_that_somebody_removed_is_no_trouble_at_the_end(
    make_house: MakeHouse, path: Path
) -> None:
    house = make_house()
    async with serving(house.loop(), house, path) as task:
        os.unlink(path)
    assert task.cancelled()


async def test_a_second_service_is_refused(make_house: MakeHouse, path: Path) -> None:
    house = make_house()
    storage = house.config.storage.model_copy(update={"socket": path})
    config = house.config.model_copy(update={"storage": storage})
    async with serving(house.loop(), house, path):
        with pytest.raises(ConfigurationError, match="a service already answers"):
            await app.run(config, clock=house.clock, stop=asyncio.Event(), outside=house.outside)
    assert house.bank.writes == []


async def test_a_silent_service_counts_as_running(path: Path) -> None:
    with listening(path, answers=True):
        with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
            await ask(path, {"verb": "status"}, patience_s=0.01)
        assert await app.is_running(path, patience_s=0.01)


async def test_a_channel_that_closes_without_an_answer_is_no_service(path: Path) -> None:
    with listening(path, answers=False):
        with pytest.raises(ConnectionError, match="without an answer"):
            await ask(path, {"verb": "status"})
        assert not await app.is_running(path)
