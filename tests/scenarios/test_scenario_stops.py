"""A pump that stops when nobody asks it: what silence does, and what mends it."""

import asyncio
from datetime import timedelta

from scripted import config_of, spec

from bench.run import archive_of
from bench.world import MemoryWorld
from controller.app import run
from controller.clock import SteppedClock

TEN_MINUTES, HALF_AN_HOUR = timedelta(minutes=10), timedelta(minutes=30)


def test_a_pump_stopped_by_silence_heats_again_after_the_next_start(tmp_path):
    run_spec = spec(profile="lg_therma_v", strategy="heating-curve")
    archive = archive_of(run_spec)
    config = config_of(run_spec, archive, tmp_path)
    world = MemoryWorld(run_spec, archive)
    house = world.house

    def serve(span):
        clock = SteppedClock(house.at, world.advance)
        until = clock.now() + span
        outside = world.outside(config, clock.now)
        asyncio.run(
            run(
                config, clock=clock, stop=asyncio.Event(), outside=outside, until=until,
                channel=False,
            )
        )  # fmt: skip

    serve(HALF_AN_HOUR)
    assert not house.firmware.stopped
    house.advance(house.at + TEN_MINUTES)
    assert house.firmware.stopped
    serve(HALF_AN_HOUR)
    assert not house.firmware.stopped
    assert house.firmware.running
