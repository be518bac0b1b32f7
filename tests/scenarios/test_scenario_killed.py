"""A service that dies again and again: what the next life owes to the one before."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from scripted import START, spec

from bench.faulty_world import Lived, Strike, live
from controller.actuation import NORMAL_STATE
from controller.guard import Refused
from controller.records import StepRecord
from drivers.api import Capability
from hil import faults

MINUTE = timedelta(minutes=1)
KILLS = [START + minute * MINUTE for minute in (25, 28, 47)]


def killed_thrice(profile: str, directory: Path) -> Lived:
    run = spec(
        profile=profile, days=70 / 24 / 60, control=(("plan_every", "30 min"), ("horizon", "12 h"))
    )
    return live(run, [Strike(faults.PROCESS_KILL, at, at) for at in KILLS], directory)


def births(lived: Lived) -> list[tuple[StepRecord, StepRecord]]:
    """The last record of each life that was killed, and the first of the next."""
    return [(a, b) for a, b in pairwise(lived.records) if not b.continues]


def state_of(record: StepRecord) -> float:
    """Of SG Ready, after this cycle."""
    refused = isinstance(record.verdict, Refused)
    return NORMAL_STATE if refused else record.verdict.settings[Capability.SG_READY]


@pytest.mark.timeout(60)
def test_a_pump_behind_relays_stays_normal_for_its_time_after_every_death(tmp_path: Path) -> None:
    lived = killed_thrice("shelly_sg_ready", tmp_path / "data")
    hold = timedelta(seconds=lived.config.heat_pump.sg_hold_s)
    kept = [lived.between(first.at, first.at + hold) for _, first in births(lived)]
    assert len(kept) == len(KILLS)
    assert {state_of(record) for records in kept for record in records} == {NORMAL_STATE}
    wished = {state for records in kept for r in records for state in r.wanted.settings.values()}
    assert wished - {NORMAL_STATE}, "nothing else was wished in that time"
    assert {state_of(record) for record in lived.records} - {NORMAL_STATE}


@pytest.mark.timeout(60)
def test_no_start_of_the_compressor_is_forgotten_over_a_death(tmp_path: Path) -> None:
    lived = killed_thrice("generic_modbus", tmp_path / "data")
    assert len(births(lived)) == len(KILLS)
    assert births(lived)[-1][0].memory.starts
    for last, first in births(lived):
        assert first.memory.starts[: len(last.memory.starts)] == last.memory.starts
