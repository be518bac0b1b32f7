"""A season of one pump in one process: what each week did to the house, the pump and the memory.

The service lives from the first week to the last, killed and started again only where a fault of
the catalogue does so; week after week is summed up while it goes on.
"""

import asyncio
import ctypes
import gc
import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.faulty_world import FaultyWorld, Strike, config_of, go_through
from bench.run import archive_of
from bench.spec import RunSpec
from bench.strain import Bearable, strain
from bench.truth import true_kpis
from bench.zones import load_zone
from controller.config import HouseConfig
from controller.guard import Refused, Verdict
from controller.guard_rules_house import OVERSHOOT_K
from controller.model import house_model
from controller.recorder import Records
from drivers.api import Capability
from hil import faults
from hil.house import load_house

STARTS_AT = datetime(2024, 1, 4, 23, tzinfo=UTC)
WEEK = timedelta(days=7)
SHORTEST_MIN, LONGEST_MIN = 10, 180
RELAXED = (("cycle", "5 min"), ("plan_every", "2 h"), ("horizon", "24 h"), ("step", "30 min"))
NOT_IN_CHAOS = {
    faults.HALF_OPEN, faults.WRONG_TRANSACTION,  # need real sockets
    faults.SLOW_DISK,  # waits in real time
    faults.CLOCK_AHEAD, faults.CLOCK_BACK,  # would tear the two seasons apart
    faults.COLD_LIMIT,  # cools the house by force
    faults.FOREIGN_WRITER,  # ends the steering, as it should
    faults.STALE_RETAINED,  # is met at the start only
}  # fmt: skip
STRIKING = tuple(fault for fault in faults.CATALOGUE if fault not in NOT_IN_CHAOS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """One pump from its first week on to the one before `end`, in one process."""

    profile: str
    per_day: float  # faults on average; 0: none
    first: int
    end: int
    week: timedelta = WEEK

    @property
    def spec(self) -> RunSpec:
        """The whole span as one run."""
        house, span = "timber1972", (self.end - self.first) * self.week
        return RunSpec(
            house=house, zone="DK1", start_at=self.begins_at(self.first),
            days=span / timedelta(days=1), seed=1, strategy="mpc", profile=self.profile,
            curve=load_house(house).curve, control=RELAXED,
        )  # fmt: skip

    def begins_at(self, number: int) -> datetime:
        """When a week of the season begins."""
        return STARTS_AT + number * self.week

    def strikes_in(self, number: int) -> list[Strike]:
        """Faults at random instants of a week; the same every time, wherever the process began."""
        if self.per_day <= 0.0:
            return []
        chance = random.Random(f"chaos:{self.profile}:{number}:{self.per_day}")
        strikes, at = list[Strike](), self.begins_at(number)
        while True:
            at += timedelta(minutes=5 * (1 + round(chance.expovariate(self.per_day / 288.0))))
            if at >= self.begins_at(number + 1) - timedelta(minutes=LONGEST_MIN):
                return strikes
            span = timedelta(minutes=chance.randint(SHORTEST_MIN, LONGEST_MIN))
            strikes.append(Strike(chance.choice(STRIKING), at, at + span))


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One week of it, and the process at its end."""

    profile: str
    per_day: float
    number: int
    begun: int  # the week in which this process began
    strikes: int
    coldest_c: float
    warmest_c: float
    frost_c: float
    over_the_limit: int  # commands above the highest flow temperature
    broken: int  # hard limits of the plant
    hot_flow_c: float
    hottest_return_c: float
    starts: int
    most_starts_per_hour: int
    shortest_run_s: float | None
    shortest_rest_s: float | None
    refused_frac: float  # of the cycles
    cost: float
    below_kh: float
    rss_mb: float
    tasks: int
    threads: int
    files: int
    left: int | None = None  # tasks, threads, files more than before; None: the service went on

    @property
    def violations(self) -> int:
        """Hard limits that were broken."""
        return self.over_the_limit + self.broken + (self.coldest_c < self.frost_c)


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds of the computer."""

    threads: int
    files: int

    @classmethod
    def now(cls) -> "Held":
        """Counted by the kernel, so that threads of libraries count too."""
        return cls(len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))


def live_through(season: Season, keep: Callable[[Week], None]) -> None:
    """Live the season; every week is kept as it ends, the last one again with what was left."""
    spec, before = season.spec, Held.now()
    strikes = [
        strike for number in range(season.first, season.end) for strike in season.strikes_in(number)
    ]
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        archive = archive_of(spec)
        world = FaultyWorld(spec, archive, strikes)
        config = config_of(spec, archive, Path(folder) / "s" / "data")
        diary = Diary(season, world, config, keep)
        world.looked_at = diary.look
        go_through(world, spec, config)
    gc.collect()
    after = Held.now()
    more = (world.tasks_left, after.threads - before.threads, after.files - before.files)
    diary.close(sum(max(count, 0) for count in more))


class Diary:
    """Sums up each week at its end and forgets it."""

    def __init__(
        self, season: Season, world: FaultyWorld, config: HouseConfig, keep: Callable[[Week], None]
    ) -> None:
        self._season, self._world, self._config, self._keep = season, world, config, keep
        self._number = season.first
        self._last: Week | None = None

    def look(self, at: datetime) -> None:
        """After every advance of the world."""
        if at < self._season.begins_at(self._number + 1):
            return
        self._last = self._summed_up()
        self._keep(self._last)
        world = self._world
        del world.truths[:-1]
        world.requests.clear()
        self._number += 1

    def close(self, left: int) -> None:
        """The service has ended; so much of it is still there."""
        if self._last is not None:
            self._keep(replace(self._last, left=left))

    def _summed_up(self) -> Week:
        season, world, config, number = self._season, self._world, self._config, self._number
        strikes = season.strikes_in(number)
        over, refused_frac = self._commands(season.begins_at(number))
        spec, truths = season.spec, world.truths
        kpis = true_kpis(
            truths,
            prices=load_zone(spec.zone).spot_per_kwh,
            tariff=house_model(config).tariff,
            low_c=spec.room_c - spec.band_k,
            high_c=spec.room_c + spec.band_k,
        )
        alarms = [strike for strike in strikes if strike.fault is faults.PUMP_ALARM]
        borne = strain(
            truths, excused=lambda at: any(s.begins_at <= at <= s.ends_at for s in alarms)
        )
        broken = borne.broken(bearable(config))
        rooms_c = [room_c for truth in truths for room_c in truth.zone_c]
        held = Held.now()
        return Week(
            profile=season.profile, per_day=season.per_day, number=number, begun=season.first,
            strikes=len(strikes), coldest_c=min(rooms_c), warmest_c=max(rooms_c),
            frost_c=config.comfort.frost_c, over_the_limit=over, broken=broken,
            hot_flow_c=borne.hot_flow_c, hottest_return_c=borne.hottest_return_c,
            starts=borne.starts, most_starts_per_hour=borne.most_starts_per_hour,
            shortest_run_s=borne.shortest_run_s, shortest_rest_s=borne.shortest_rest_s,
            refused_frac=refused_frac, cost=kpis.cost, below_kh=kpis.comfort_kh_below,
            rss_mb=rss_mb(), tasks=len(asyncio.all_tasks()), threads=held.threads,
            files=held.files,
        )  # fmt: skip

    def _commands(self, since: datetime) -> tuple[int, float]:
        """Commands above the limit since then, and the share of cycles without any."""
        over = refused = cycles = 0
        records = Records(self._config.storage.directory / "records.db")
        try:
            for record in records.records(since):
                cycles += 1
                refused += isinstance(record.verdict, Refused)
                over += above_the_limit(record.verdict, self._config)
        finally:
            records.close()
        return over, refused / cycles


def above_the_limit(verdict: Verdict, config: HouseConfig) -> bool:
    """Whether hotter water is asked for than the owner allows."""
    if isinstance(verdict, Refused):
        return False
    return verdict.settings.get(Capability.FLOW_SETPOINT, 0.0) > config.heat_pump.flow_max_c


def bearable(config: HouseConfig) -> Bearable:
    """What the guard promises of the plant. It ends the heat when the water is hotter by a little
    than the owner's limit, for set-points overshoot."""
    pump = config.heat_pump
    return Bearable(
        flow_c=pump.flow_max_c + OVERSHOOT_K,
        minimum_run_s=pump.minimum_run_s,
        minimum_off_s=pump.minimum_off_s,
        starts_per_hour=pump.starts_per_hour,
    )


def rss_mb() -> float:
    """Resident memory of this process, once the system has back what was freed.

    Else what the sums of this module needed for a moment would count for ever.
    """
    gc.collect()
    if (c_library := ctypes.CDLL(None)) and hasattr(c_library, "malloc_trim"):  # glibc's only
        c_library.malloc_trim(0)
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
