"""A steering controller in a process of its own, killed by SIGKILL at random instants.

The house lives behind real sockets in the simulator's process, in lockstep. Each life of the
controller is a fork of this process; it asks its parent to let the house live on, so the parent
knows which cycles were finished when it killed.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.archive import Archive
from bench.process_world import ProcessWorld, setup_of, truths_in
from bench.spec import RunSpec, house_config
from bench.world import WorldError
from controller.act import Actuator, let_go
from controller.app import run
from controller.clock import SteppedClock
from controller.config import HouseConfig
from controller.planner import InlinePlanner
from controller.store import open_store
from drivers.api import Capability
from hil.house import load_house
from hil.simulated_house import Truth

LONGEST_WORD_BYTES = 65536
CYCLE = timedelta(minutes=1)
KILL_WITHIN_S = 0.05
"""After the house was let on: some cycles of wall time, in which anything may be going on."""

HAND_BACK_TRIES = 20


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything a life needs."""

    spec: RunSpec
    archive: Archive
    config: HouseConfig
    ready: dict[str, Any]


class Plant:
    """The simulator's process, asked from here."""

    def __init__(self, spec: RunSpec, archive: Archive) -> None:
        self.at = spec.start_at
        self.watched: Capability | None = None
        self.seen: list[tuple[datetime, float | None]] = []  # of the knob that is watched
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hil.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.ready: dict[str, Any] = self.command(setup_of(spec, archive, None))["ready"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.terminate()
        self._process.communicate()

    def command(self, command: dict[str, Any]) -> dict[str, Any]:
        """One line there, one line back. Raises `WorldError`."""
        if self._process.stdin is None or self._process.stdout is None:
            raise WorldError("the simulator has no pipes")
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise WorldError(f"the simulator refused {command}: {answer['error']}")
        return answer

    def advance(self, until: datetime) -> None:
        """Let the house live until then, a cycle at a time."""
        while self.at < until:
            self.at = min(self.at + CYCLE, until)
            self.command({"advance": self.at.isoformat()})
            if self.watched is not None:
                self.seen.append((self.at, self.held(self.watched)))

    def truths(self) -> list[Truth]:
        """The plant, minute by minute from the first advance on."""
        return truths_in(self.command({"trace": True}))

    def held(self, capability: Capability) -> float | None:
        """What the pump holds for a knob now."""
        held: float | None = self.command({"held": capability.value})["held"]
        return held


class _RelayedWorld(ProcessWorld):
    """The house of a life: its parent passes on what it asks of the simulator."""

    def __init__(self, setting: Setting, reads: int, writes: int) -> None:
        super().__init__(setting.archive, None, setting.ready)
        self._reads, self._writes = reads, writes

    async def command(self, command: dict[str, Any]) -> dict[str, Any]:
        os.write(self._writes, command["advance"].encode() + b"\n")
        if not os.read(self._reads, 1):
            raise WorldError("the parent is gone")
        return command


@dataclass
class Life:
    """One process, as its parent sees it."""

    finished: list[datetime] = field(default_factory=list)  # cycles, by their instants
    ended_well: bool = False


def steer(setting: Setting, world: _RelayedWorld, start_at: datetime) -> None:
    """The service until it is killed."""

    async def live() -> None:
        clock = SteppedClock(start_at, world.advance)
        await run(
            setting.config, clock=clock, stop=asyncio.Event(),
            outside=world.outside(setting.config, clock.now),
            planner=InlinePlanner(), channel=False,
        )  # fmt: skip

    asyncio.run(live())


def hand_back(setting: Setting, world: _RelayedWorld, start_at: datetime) -> None:
    """What the service manager runs after a death, until it has worked; a minute more to see it."""

    async def release() -> None:
        clock = SteppedClock(start_at, world.advance)
        outside = world.outside(setting.config, clock.now)
        background = [asyncio.ensure_future(job()) for job in outside.background]
        try:
            with open_store(setting.config.storage.directory / "state.db") as store:
                for _ in range(HAND_BACK_TRIES):
                    done = await let_go(Actuator(outside.pump, store, may_write=()), clock)
                    await clock.sleep_until(clock.now() + CYCLE)
                    if done:
                        return
        finally:
            for task in background:
                task.cancel()
            for device in outside.devices:
                await device.close()

    asyncio.run(release())


Work = Callable[[Setting, _RelayedWorld, datetime], None]


def lived(setting: Setting, plant: Plant, work: Work, kill: tuple[int, float] | None) -> Life:
    """One process from its birth to its end; `kill` after so many advances and seconds more."""
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(from_child)
        os.close(to_child)
        _work(setting, work, (from_parent, to_parent), plant.at)
    os.close(from_parent)
    os.close(to_parent)
    life, cycle_at = Life(), plant.at
    while word := os.read(from_child, LONGEST_WORD_BYTES):
        until = datetime.fromisoformat(word.decode().strip())
        life.finished.append(cycle_at)
        plant.advance(until)
        cycle_at = until
        os.write(to_child, b"\n")
        if kill is not None and len(life.finished) >= kill[0]:
            _kill_after(child, kill[1])
            if os.read(from_child, LONGEST_WORD_BYTES):  # it had come to the end of a cycle
                life.finished.append(cycle_at)
            break
    _, status = os.waitpid(child, 0)
    os.close(from_child)
    os.close(to_child)
    life.ended_well = status == 0
    return life


def _kill_after(child: int, seconds: float) -> None:
    signal.sigtimedwait([], seconds)
    os.kill(child, signal.SIGKILL)


def _work(setting: Setting, work: Work, ends: tuple[int, int], start_at: datetime) -> None:
    """In the child; never returns."""
    code = 1
    try:
        work(setting, _RelayedWorld(setting, *ends), start_at)
        code = 0
    finally:
        os._exit(code)


def setting_of(spec: RunSpec, archive: Archive, plant: Plant, directory: Path) -> Setting:
    """The owner's configuration for the plant that listens."""
    world = ProcessWorld(archive, None, plant.ready)
    config = house_config(
        spec, load_house(spec.house), archive.zone, address=world.address, directory=directory
    )
    return Setting(spec, archive, config, plant.ready)


def chance_of(profile: str, seed: int) -> random.Random:
    """All chance of one run."""
    return random.Random(f"kill:{profile}:{seed}")
