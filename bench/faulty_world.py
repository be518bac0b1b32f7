"""The real controller in a simulated house where faults strike and end at given instants."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bench.archive import Archive
from bench.run import archive_of
from bench.spec import Address, RunSpec, house_config
from bench.world import MemoryWorld
from controller.app import run
from controller.clock import SteppedClock, wait_for_the_world
from controller.config import HouseConfig
from controller.connect import Outside
from controller.planner import InlinePlanner
from controller.recorder import Records
from controller.records import StepRecord
from drivers.api import Now
from drivers.errors import LinkLostError
from drivers.transports.in_memory import MemoryMqttLink
from hil.faults import (
    CLOCK_AHEAD,
    CLOCK_BACK,
    DISK_FULL,
    PROCESS_KILL,
    SLOW_DISK,
    Fault,
    FaultyHouse,
    FaultyPrices,
    FaultyWeather,
)
from hil.house import load_house
from hil.simulated_house import Truth

MINUTE = timedelta(minutes=1)
CLOCK_STEPS = {CLOCK_AHEAD: timedelta(hours=1), CLOCK_BACK: timedelta(hours=-1)}
_FULL = "CREATE TRIGGER full BEFORE INSERT ON step BEGIN SELECT RAISE(ABORT, 'no space left'); END"


class KilledError(BaseException):
    """The process is gone; nothing may catch this."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault from one instant to another; what strikes at once ends at once."""

    fault: Fault
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of it."""

    world: "FaultyWorld"
    config: HouseConfig
    records: list[StepRecord]  # in the order of their instants

    @property
    def truths(self) -> list[Truth]:
        """The plant, minute by minute."""
        return self.world.truths

    def between(self, first: datetime, last: datetime) -> list[StepRecord]:
        """The records of a span, its end excluded."""
        return [record for record in self.records if first <= record.at < last]


class FaultyWorld(MemoryWorld):
    """A house in memory with a timetable of faults."""

    def __init__(self, spec: RunSpec, archive: Archive, strikes: Sequence[Strike]) -> None:
        self.dead = False
        super().__init__(spec, archive)
        self.faults = FaultyHouse(self.house)
        self.requests: list[tuple[datetime, float | None]] = []  # that the pump follows
        self.looked_at: Callable[[datetime], None] = lambda _: None  # after every advance
        self.tasks_left = 0  # of the service, once it has ended
        self.clock: SetClock | None = None
        self._left = Path()
        self._directory: Path | None = None
        self._locked: sqlite3.Connection | None = None
        self._to_begin = sorted(strikes, key=lambda strike: strike.begins_at)
        self._to_end: list[Strike] = []
        self._strike(spec.start_at)

    def outside(self, config: HouseConfig, now: Now) -> Outside:
        """The drivers of the service, the faults between them and the house."""
        self._directory = config.storage.directory
        world = super().outside(config, now)
        in_force = self.faults.in_force
        return replace(
            world,
            prices=None if world.prices is None else FaultyPrices(world.prices, in_force),
            weather=None if world.weather is None else FaultyWeather(world.weather, in_force),
        )

    async def advance(self, until: datetime) -> None:
        """Let the house live, minute by minute; faults strike and end after the cycle that reaches
        their time."""
        if self.dead:
            raise KilledError
        while self.house.at < until:
            await super().advance(min(self.house.at + MINUTE, until))
            self.faults.pass_time()
        self.requests.append((until, self.house.firmware.flow_request_c))
        self.looked_at(until)
        self._strike(until)

    def greet(self, topic: str, payload: str) -> None:
        """What the broker has kept from an earlier day."""
        self._mqtt.deliver(topic, payload, retain=True)

    def reborn(self) -> None:
        """The disk as it was when the process died, under the next one."""
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._left.rename(self._directory)
        self.faults.end(PROCESS_KILL)
        self.dead = False

    def broker(self) -> MemoryMqttLink:
        """A broker that a dead process cannot use any more."""
        return _MortalBroker(self)

    def _strike(self, now: datetime) -> None:
        for strike in [strike for strike in self._to_end if strike.ends_at <= now]:
            self._to_end.remove(strike)
            self._end(strike.fault)
        while self._to_begin and self._to_begin[0].begins_at <= now:
            strike = self._to_begin.pop(0)
            if strike.fault in self.faults.in_force:
                continue  # it cannot break twice
            self._to_end.append(strike)
            self._begin(strike.fault)

    def _begin(self, fault: Fault) -> None:
        self.faults.begin(fault)
        if fault in CLOCK_STEPS and self.clock is not None:
            self.clock.wrong_by += CLOCK_STEPS[fault]
        elif fault is DISK_FULL:
            self._tell_disk(_FULL)
        elif fault is SLOW_DISK:
            self._locked = self._records()
            self._locked.execute("BEGIN IMMEDIATE")
        elif fault is PROCESS_KILL and self._directory is not None:
            self._left = self._directory.with_name("left")
            shutil.copytree(self._directory, self._left)
            self.dead = True
            raise KilledError

    def _end(self, fault: Fault) -> None:
        self.faults.end(fault)
        if fault is DISK_FULL:
            self._tell_disk("DROP TRIGGER full")
        elif fault is SLOW_DISK and self._locked is not None:
            self._locked.close()

    def _tell_disk(self, statement: str) -> None:
        with closing(self._records()) as db:
            db.execute(statement)

    def _records(self) -> sqlite3.Connection:
        if self._directory is None:
            raise RuntimeError("the service has not begun")
        return sqlite3.connect(self._directory / "records.db", isolation_level=None)

    def _deliver(self) -> None:
        for topic, payload, retain in self.faults.passed(self.house.pop_messages(), self.house.at):
            self._mqtt.deliver(topic, payload, retain=retain)


class _MortalBroker(MemoryMqttLink):
    def __init__(self, world: FaultyWorld) -> None:
        super().__init__()
        self._world = world

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Deliver, while there is somebody to send. Raises `LinkLostError`."""
        if self._world.dead:
            raise LinkLostError("the process is gone")
        await super().publish(topic, payload, qos=qos, retain=retain)


class SetClock(SteppedClock):
    """Simulated time shown by a clock that somebody sets."""

    wrong_by = timedelta(0)

    def now(self) -> datetime:
        """What the clock shows."""
        return super().now() + self.wrong_by

    async def sleep_until(self, at: datetime) -> None:
        """Until the clock as it goes now would show `at`."""
        await super().sleep_until(at - self.wrong_by)


def live(
    spec: RunSpec,
    strikes: Sequence[Strike],
    directory: Path,
    *,
    prepare: Callable[[FaultyWorld], None] = lambda _: None,
    adapt: Callable[[HouseConfig], HouseConfig] = lambda config: config,
) -> Lived:
    """The service through all strikes; a killed one is started again at once."""
    archive = archive_of(spec)
    world = FaultyWorld(spec, archive, strikes)
    config = adapt(config_of(spec, archive, directory))
    prepare(world)
    go_through(world, spec, config)
    records = Records(directory / "records.db")
    try:
        return Lived(world, config, list(records.records()))
    finally:
        records.close()


def config_of(spec: RunSpec, archive: Archive, directory: Path) -> HouseConfig:
    """The owner's configuration; what stands outside is in memory."""
    house = load_house(spec.house)
    return house_config(spec, house, archive.zone, address=Address(), directory=directory)


def go_through(world: FaultyWorld, spec: RunSpec, config: HouseConfig) -> None:
    """The service in this world to the end of the run, born again after every kill."""
    while world.house.at < spec.end_at and not _lived_to_the_end(world, spec, config):
        world.reborn()


def _lived_to_the_end(world: FaultyWorld, spec: RunSpec, config: HouseConfig) -> bool:
    clock = SetClock(world.house.at, world.advance)
    world.clock = clock

    async def serve() -> None:
        await run(
            config, clock=clock, stop=asyncio.Event(), outside=world.outside(config, clock.now),
            planner=InlinePlanner(), until=spec.end_at, channel=False,
        )  # fmt: skip
        await wait_for_the_world(0.0)  # what was cancelled at last comes to its end
        world.tasks_left = len(asyncio.all_tasks()) - 1  # without this one

    try:
        asyncio.run(serve())
    except* KilledError:
        pass  # a kill ends a run like any other
    return not world.dead
