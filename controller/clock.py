"""The only place that reads the clock: wall time for a service, stepped time for a simulation."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the controller sees it."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        ...

    def stopwatch_s(self) -> float:
        """A real monotonic reading, for durations that are only reported."""
        ...

    def lived_s(self) -> float:
        """Seconds since some fixed instant: goes on while the computer sleeps, and never jumps."""
        ...

    async def sleep_until(self, at: datetime) -> None:
        """Return when `at` has come; at once if it has passed."""
        ...

    def busy(self) -> AbstractAsyncContextManager[None]:
        """While inside, simulated time stands still; wall time does not care."""
        ...

    def taking_turns(self) -> AbstractAsyncContextManager[None]:
        """Simulated time moves only while everybody inside sleeps; wall time does not care."""
        ...


async def wait_for_the_world(wait_s: float) -> None:
    """Real seconds also in a simulation: a server outside is not part of the simulated world."""
    await asyncio.sleep(wait_s)


SET_BY_S = 30.0
"""A clock that went by so much more or less than time itself has been set; a time service that
keeps it right moves it by milliseconds a minute."""


class ClockWatch:
    """Notices that somebody set the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = self._now_ahead_s()

    def set_by_s(self) -> float:
        """By how much the clock was set since the last question; 0 when it was not."""
        before_s, self._ahead_s = self._ahead_s, self._now_ahead_s()
        step_s = self._ahead_s - before_s
        return step_s if abs(step_s) > SET_BY_S else 0.0

    def _now_ahead_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.lived_s()


class WallClock:
    """The time of the world."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def stopwatch_s(self) -> float:
        return time.monotonic()

    def lived_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep_until(self, at: datetime) -> None:
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds()))

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def taking_turns(self) -> AsyncIterator[None]:
        yield


class SteppedClock:
    """Simulated time: moves only when the controller sleeps, after all pending work is done.

    `advance(at)` moves the simulated world to an instant and returns when it is there: over
    sockets to a simulator in another process (lockstep), or by a call in this one (virtual time).
    Of several sleepers the earliest moves it, once all who take turns sleep.
    """

    def __init__(self, start_at: datetime, advance: Callable[[datetime], Awaitable[None]]) -> None:
        self._now = start_at
        self._advance = advance
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._numbers = itertools.count()
        self._sleepers: list[tuple[datetime, int]] = []
        self._in_turn = 0  # how many take turns
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def stopwatch_s(self) -> float:
        return time.monotonic()

    def lived_s(self) -> float:
        return self._now.timestamp()

    async def sleep_until(self, at: datetime) -> None:
        mine = (at, next(self._numbers))
        self._sleepers.append(mine)
        self._tell()
        try:
            await asyncio.sleep(0)  # let background work that was just started register itself
            await self._idle.wait()
            while min(self._sleepers) != mine or len(self._sleepers) < self._in_turn:
                await self._changed.wait()
                await self._idle.wait()
            if at > self._now:
                await self._advance(at)
                self._now = at
        finally:
            self._sleepers.remove(mine)
            self._tell()

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if self._busy == 0:
                self._idle.set()

    @asynccontextmanager
    async def taking_turns(self) -> AsyncIterator[None]:
        self._in_turn += 1
        try:
            yield
        finally:
            self._in_turn -= 1
            self._tell()

    def _tell(self) -> None:
        """Whoever waits for others to sleep or to wake looks again."""
        self._changed.set()
        self._changed = asyncio.Event()


async def sleep_or_stop(clock: Clock, at: datetime, stop: asyncio.Event) -> None:
    """Return when `at` has come or `stop` is set, whichever is first."""
    sleeping = asyncio.ensure_future(clock.sleep_until(at))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if sleeping.done():
            sleeping.result()
    finally:
        sleeping.cancel()
        stopping.cancel()
