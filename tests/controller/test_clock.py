"""Simulated time waits for work; wall time does not."""

import asyncio
from datetime import UTC, datetime, timedelta

from controller.clock import SteppedClock, WallClock

START_AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class World:
    """Notes where it was moved to."""

    def __init__(self) -> None:
        self.seen: list[datetime] = []

    async def advance(self, at: datetime) -> None:
        self.seen.append(at)


async def test_stepped_time_moves_only_when_somebody_sleeps() -> None:
    world = World()
    clock = SteppedClock(START_AT, world.advance)
    assert clock.now() == START_AT
    await clock.sleep_until(START_AT + MINUTE)
    assert clock.now() == START_AT + MINUTE
    await clock.sleep_until(START_AT)  # has passed
    assert clock.now() == START_AT + MINUTE
    assert world.seen == [START_AT + MINUTE]


async def test_stepped_time_stands_still_while_work_is_under_way() -> None:
    world = World()
    clock = SteppedClock(START_AT, world.advance)
    done = [asyncio.Event(), asyncio.Event()]

    async def work(finished: asyncio.Event) -> datetime:
        async with clock.busy():
            await finished.wait()
            return clock.now()

    jobs = [asyncio.ensure_future(work(event)) for event in done]
    sleeping = asyncio.ensure_future(clock.sleep_until(START_AT + MINUTE))
    for event in done:
        for _ in range(5):
            await asyncio.sleep(0)
        assert not sleeping.done()
        assert world.seen == []
        event.set()
    await sleeping
    assert [job.result() for job in jobs] == [START_AT, START_AT]
    assert clock.now() == START_AT + MINUTE


async def test_work_that_fails_lets_time_go_on() -> None:
    clock = SteppedClock(START_AT, World().advance)
    try:
        async with clock.busy():
            raise ValueError("the source is broken")
    except ValueError:
        pass
    await clock.sleep_until(START_AT + MINUTE)
    assert clock.now() == START_AT + MINUTE


async def test_wall_time_is_aware_and_sleeps_until_its_instant() -> None:
    clock = WallClock()
    start_at, started_s = clock.now(), clock.stopwatch_s()
    assert start_at.utcoffset() == timedelta(0)
    async with clock.busy():
        await clock.sleep_until(start_at + timedelta(milliseconds=20))
    assert clock.stopwatch_s() - started_s >= 0.015
    assert clock.now() >= start_at + timedelta(milliseconds=15)
    await clock.sleep_until(start_at)  # has passed: returns at once


async def test_the_earliest_of_several_sleepers_moves_stepped_time() -> None:
    world = World()
    clock = SteppedClock(START_AT, world.advance)
    seen: list[tuple[str, datetime]] = []

    async def tick(name: str, every: timedelta, times: int) -> None:
        async with clock.taking_turns():
            for number in range(1, times + 1):
                await clock.sleep_until(START_AT + number * every)
                for _ in range(5):
                    await asyncio.sleep(0)  # work that takes turns of the event loop, but no time
                seen.append((name, clock.now()))

    await asyncio.gather(tick("slow", MINUTE, 2), tick("fast", MINUTE / 4, 8))
    assert world.seen == [START_AT + number * MINUTE / 4 for number in range(1, 9)]
    assert [at for name, at in seen if name == "slow"] == [START_AT + MINUTE, START_AT + 2 * MINUTE]
    assert [at for name, at in seen if name == "fast"] == world.seen


async def test_stepped_time_waits_for_all_who_take_turns_and_no_longer_for_those_who_left() -> None:
    world = World()
    clock = SteppedClock(START_AT, world.advance)
    working = asyncio.Event()

    async def work() -> None:
        async with clock.taking_turns():
            await working.wait()

    async def sleep() -> None:
        async with clock.taking_turns():
            await clock.sleep_until(START_AT + MINUTE)

    worker, sleeper = asyncio.ensure_future(work()), asyncio.ensure_future(sleep())
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.seen == []
    working.set()
    await asyncio.gather(worker, sleeper)
    assert world.seen == [START_AT + MINUTE]
