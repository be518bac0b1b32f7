"""A planner that hangs, or is killed, delays no cycle: wall-clock time, a real worker process."""

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from controller.clock import WallClock
from controller.config import HouseConfig
from controller.planner import WorkerPlanner

MakeHouse = Callable[..., Any]
CYCLE_S, LATE_S = 0.1, 0.5
FAILED_FOR = timedelta(seconds=1)


def hang(*_request: object) -> Any:
    """Ignores every polite signal, as a solver deep in compiled code does."""
    for polite in (signal.SIGTERM, signal.SIGINT):
        signal.signal(polite, signal.SIG_IGN)
    while True:
        time.sleep(60.0)


def die(*_request: object) -> Any:
    """What the kernel does to a process that takes too much memory."""
    signal.raise_signal(signal.SIGKILL)


def in_a_hurry(config: HouseConfig) -> HouseConfig:
    control = config.control.model_copy(update={"cycle_s": CYCLE_S, "plan_every_s": CYCLE_S})
    return config.model_copy(update={"control": control})


@pytest.mark.timeout(60)
@pytest.mark.parametrize("work", [hang, die])
async def test_a_stuck_or_killed_planner_never_delays_a_cycle(
    make_house: MakeHouse, work: Callable[..., Any]
) -> None:
    house = make_house()
    house.clock = WallClock()
    house.config = in_a_hurry(house.config)
    house.outside = house.outside_of_now()
    house.planner = WorkerPlanner(0.5, work)
    stop, failed, append = asyncio.Event(), [], house.recorder.append

    def keep(record: Any) -> None:
        append(record)
        failed.extend([record] if record.not_solved else [])
        if failed and record.at - failed[0].at > FAILED_FOR:
            stop.set()

    house.recorder.append = keep
    await house.loop().run(stop)
    records = list(house.recorder.records())
    gaps_s = [(after.at - before.at).total_seconds() for before, after in pairwise(records)]
    assert max(gaps_s) < LATE_S
    assert records[-1].wanted.source == "heating-curve"
