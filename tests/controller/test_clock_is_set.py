"""A clock that is set, a computer that slept, nights that change the clocks: control goes on."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.act import Applied, NotApplied
from controller.clock import SteppedClock
from drivers.testing import AN_INSTANT

MakeHouse = Callable[..., Any]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CHANGES = {
    "spring": datetime(2026, 3, 28, 22, tzinfo=UTC),
    "autumn": datetime(2026, 10, 24, 22, tzinfo=UTC),
}


class SetClock(SteppedClock):
    """Simulated time shown by a clock that somebody sets; or the computer sleeps for a while."""

    wrong_by = timedelta(0)
    slept = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.slept + self.wrong_by

    def lived_s(self) -> float:
        return super().lived_s() + self.slept.total_seconds()

    async def sleep_until(self, at: datetime) -> None:
        await super().sleep_until(at - self.slept - self.wrong_by)


def house_by(make_house: MakeHouse, change: Callable[[SetClock], None], start_at: datetime) -> Any:
    """A house under control; `change` happens to its clock after half an hour."""
    house = make_house()
    happened = []

    async def advance(at: datetime) -> None:
        if at >= start_at + 30 * MINUTE and not happened:
            happened.append(at)
            change(house.clock)

    house.clock = SetClock(start_at, advance)
    house.outside = house.outside_of_now()
    return house


async def lived_hours(house: Any, hours: float) -> list[Any]:
    """The records of so many cycles of a minute, in the order in which they were made."""
    made: list[Any] = []
    loop, append, stop = house.loop(), house.recorder.append, asyncio.Event()

    def keep(record: Any) -> None:
        made.append(record)
        append(record)
        if len(made) >= hours * 60:
            stop.set()

    house.recorder.append = keep
    await loop.run(stop)
    return made


def set_by(hours: float) -> Callable[[SetClock], None]:
    def change(clock: SetClock) -> None:
        clock.wrong_by += hours * HOUR

    return change


@pytest.mark.parametrize("hours", [1.0, -1.0, 72.0, -72.0])
async def test_a_clock_that_is_set_costs_one_new_beginning_and_no_cycle(
    make_house: MakeHouse, hours: float, caplog: pytest.LogCaptureFixture
) -> None:
    house = house_by(make_house, set_by(hours), AN_INSTANT)
    records = await lived_hours(house, 2)
    assert len(records) == 120
    begins = [number for number, record in enumerate(records) if not record.continues]
    assert begins == [0, 30]
    steps = {(b.at - a.at) for a, b in pairwise(records)}
    assert steps == {MINUTE, MINUTE + hours * HOUR}
    assert f"the clock was set by {hours * 3600:+.0f} s" in caplog.text
    assert all(isinstance(record.outcome, Applied) for record in records[32:])
    assert {record.wanted.source for record in records[32:]} == {"heating-curve"}


@pytest.mark.parametrize("hours", [1.0, -1.0])
async def test_a_jump_neither_ends_a_hold_time_early_nor_doubles_it(
    make_house: MakeHouse, hours: float
) -> None:
    house = house_by(make_house, set_by(hours), AN_INSTANT)
    records = await lived_hours(house, 1)
    since = {record.memory.since for record in records[30:]}
    assert since == {records[30].at}  # counted anew from the first look by the new time


async def test_plans_go_on_after_the_clock_was_set_back(make_house: MakeHouse) -> None:
    house = house_by(make_house, set_by(-3.0), AN_INSTANT)
    await lived_hours(house, 2)
    asked = [request.made_at for request in house.planner.asked]
    assert len(asked) >= 8
    assert asked[2] == AN_INSTANT + 30 * MINUTE - 3 * HOUR


@pytest.mark.parametrize(("hours", "begins"), [(0.5, [0]), (8.0, [0, 30])])
async def test_a_computer_that_slept_goes_on_and_looks_anew_after_a_long_sleep(
    make_house: MakeHouse, hours: float, begins: list[int]
) -> None:
    def sleep(clock: SetClock) -> None:
        clock.slept += hours * HOUR

    house = house_by(make_house, sleep, AN_INSTANT)
    records = await lived_hours(house, 2)
    assert [n for n, record in enumerate(records) if not record.continues] == begins
    assert records[30].at - records[29].at == hours * HOUR + MINUTE
    assert all(isinstance(record.outcome, Applied) for record in records[33:])
    rooms_c = [record.belief.estimate.state_c[0] for record in records]
    assert all(19.0 < room_c < 21.5 for room_c in rooms_c)


async def test_a_small_correction_of_the_clock_changes_nothing(make_house: MakeHouse) -> None:
    house = house_by(make_house, set_by(5.0 / 3600.0), AN_INSTANT)
    records = await lived_hours(house, 1)
    assert all(record.continues for record in records[1:])


@pytest.mark.parametrize("night", CHANGES)
async def test_a_night_with_a_change_of_the_clocks_is_like_any_other(
    make_house: MakeHouse, night: str
) -> None:
    start_at = CHANGES[night]
    house = house_by(make_house, lambda _: None, start_at)
    records = await lived_hours(house, 6)
    zone = ZoneInfo("Europe/Copenhagen")
    offsets = {record.at.astimezone(zone).utcoffset() for record in records}
    assert offsets == {HOUR, 2 * HOUR}
    assert [record.at for record in records] == [start_at + n * MINUTE for n in range(360)]
    assert all(record.continues for record in records[1:])
    assert not any(isinstance(record.outcome, NotApplied) for record in records[2:])
    assert len(house.planner.asked) == 24
