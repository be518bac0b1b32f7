"""The killing of the service: what it counts, what it calls broken, and one real kill."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.kill import WEEK, Run, Tally, kills_of, page, row
from drivers.api import Capability
from drivers.profile import load_profile


class PlantThatHolds:
    """A pump that shows what the test says."""

    def __init__(self) -> None:
        self.at = WEEK.start_at
        self.value = 0.0

    def held(self, capability: Capability) -> float:
        assert capability is Capability.FLOW_SETPOINT
        return self.value

    def advance(self, until: object) -> None:
        self.at = until


def run_with(folder: Path, profile: str = "generic_modbus") -> tuple[Run, PlantThatHolds, Tally]:
    config = SimpleNamespace(storage=SimpleNamespace(directory=folder))
    plant, tally = PlantThatHolds(), Tally(profile=profile, seed=0)
    knob = load_profile("generic_modbus").knobs[Capability.FLOW_SETPOINT]
    return Run(SimpleNamespace(config=config), plant, tally, knob), plant, tally


def written(folder: Path, rows: dict[str, str]) -> None:
    db = sqlite3.connect(folder / "records.db")
    db.execute("CREATE TABLE IF NOT EXISTS step (at TEXT PRIMARY KEY, record TEXT)")
    db.execute("DELETE FROM step")
    db.executemany("INSERT INTO step VALUES (?, ?)", rows.items())
    db.commit()
    db.close()


def test_a_finished_cycle_without_a_record_is_called_broken(tmp_path: Path) -> None:
    run, _, tally = run_with(tmp_path)
    first, second = WEEK.start_at, WEEK.start_at + timedelta(minutes=1)
    run._finished = [first, second]
    written(tmp_path, {first.isoformat(): "a"})
    run._check_records()
    assert len(tally.broken) == 1
    assert f"the finished cycle of {second.isoformat()} is not recorded" in tally.broken[0]


def test_a_record_that_changes_afterwards_is_called_broken(tmp_path: Path) -> None:
    run, _, tally = run_with(tmp_path)
    at = WEEK.start_at.isoformat()
    written(tmp_path, {at: "a"})
    run._check_records()
    assert (tally.unnoticed, tally.broken) == (1, [])
    written(tmp_path, {at: "b"})
    run._check_records()
    assert "was lost or changed" in tally.broken[0]


@pytest.mark.parametrize(
    ("profile", "held_later", "broken"),
    [("generic_modbus", 0.0, 0), ("generic_modbus", 44.0, 1), ("nibe_s", 44.0, 0)],
)
def test_in_silence_the_pump_must_do_what_its_profile_promises(
    tmp_path: Path, profile: str, held_later: float, broken: int
) -> None:
    run, plant, tally = run_with(tmp_path, profile)
    plant.value = held_later
    run._be_silent(44.0)
    assert len(tally.broken) == broken


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.timeout(90)
def test_a_killed_controller_loses_no_finished_cycle() -> None:
    tally = kills_of("generic_modbus", seed=4, kills=1)
    assert (tally.kills, tally.broken) == (1, [])
    assert tally.cycles > 0


def test_the_page_says_what_was_really_run_and_what_broke() -> None:
    fine = Tally(profile="nibe_s", seed=0, kills=5, in_hand=2, cycles=60)
    bad = Tally(profile="nibe_s", seed=1, kills=2, broken=["a record was lost"])
    assert row("nibe_s", [fine, bad])["kills"] == 7
    assert "7 times SIGKILL" in page([fine, bad])
    assert "- nibe_s, run 1: a record was lost" in page([fine, bad])
    assert "Nothing was broken." in page([fine])
