"""What the service writes to its disk in simulated hours, each file brought to it each cycle."""

import asyncio
import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.run import archive_of
from bench.spec import Address, RunSpec, house_config
from bench.world import MemoryWorld
from controller.app import run
from controller.clock import SteppedClock
from controller.planner import InlinePlanner
from hil.house import load_house

HOUSE = RunSpec(
    house="timber1972", zone="DK1", start_at=datetime(2024, 1, 15, 5, tzinfo=UTC), days=1.0, seed=1,
    strategy="mpc",
)  # fmt: skip


class LivedClock(SteppedClock):
    """Simulated time also for whoever measures durations: disks are spared as in a house."""

    def stopwatch_s(self) -> float:
        """Simulated seconds."""
        return self.now().timestamp()


class WrittenThrough:
    """A house in memory whose service finds nothing of what it wrote still waiting for the disk."""

    def __init__(self, world: MemoryWorld, folder: Path) -> None:
        self._world = world
        self._folder = folder

    async def advance(self, until: datetime) -> None:
        """Let the house live, once the disk has everything."""
        for file in self._folder.iterdir():
            sync(file)
        await self._world.advance(until)


def written_b(spec: RunSpec) -> int:
    """Bytes that the kernel counted as written in a run (Linux)."""
    with tempfile.TemporaryDirectory(prefix="hd") as name:
        folder, archive = Path(name) / "data", archive_of(spec)
        house = load_house(spec.house)
        config = house_config(spec, house, archive.zone, address=Address(), directory=folder)
        world = MemoryWorld(spec, archive)
        clock = LivedClock(spec.start_at, WrittenThrough(world, folder).advance)
        before_b = counted_b()
        asyncio.run(
            run(
                config, clock=clock, stop=asyncio.Event(), outside=world.outside(config, clock.now),
                planner=InlinePlanner(), until=spec.end_at, channel=False,
            )
        )  # fmt: skip
        return counted_b() - before_b


def written_mb_per_day(hours: float) -> float:
    """At the default pace in a house that is steered in January, the first hour left out."""
    first_b, all_b = (written_b(replace(HOUSE, days=h / 24.0)) for h in (1.0, 1.0 + hours))
    return (all_b - first_b) / 1e6 * 24.0 / hours


def counted_b() -> int:
    """What the kernel was to write for this process up to now."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def sync(file: Path) -> None:
    """As if the system had written it back by itself."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
