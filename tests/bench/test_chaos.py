"""Weeks of chaos: the timetable of faults, a few hours of it, and the page."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bench.chaos import STRIKING, Week, over_the_limit, page, row, spec_of, timetable
from bench.faulty_world import Strike, live
from hil import faults

WEEK = Week(
    profile="nibe_s", number=0, per_day=4.0, strikes=28, coldest_c=17.0, warmest_c=22.0,
    frost_c=8.0, over_the_limit=0, refused_frac=0.1, cost=40.0, plain_cost=38.0, below_kh=20.0,
    plain_below_kh=4.0,
)  # fmt: skip


def test_the_timetable_of_a_week_is_the_same_every_time() -> None:
    spec = spec_of("nibe_s", 3)
    strikes = timetable(spec, 4.0)
    assert strikes == timetable(spec, 4.0)
    assert strikes != timetable(spec_of("nibe_s", 4), 4.0)
    assert 14 < len(strikes) < 42
    assert all(spec.start_at < s.begins_at < s.ends_at <= spec.end_at for s in strikes)


def test_every_striking_fault_can_be_in_force_with_all_others_and_twice(tmp_path: Path) -> None:
    spec = replace(spec_of("generic_modbus", 0), days=5 / 24)
    hour = timedelta(hours=1)
    at_once = [Strike(f, spec.start_at + hour, spec.start_at + 2 * hour) for f in STRIKING]
    again = [Strike(faults.DISK_FULL, spec.start_at + 1.5 * hour, spec.start_at + 4 * hour)]
    lived = live(spec, [*at_once, *again], tmp_path / "data")
    assert lived.world.house.at >= spec.end_at
    assert over_the_limit(lived) == 0
    assert lived.truths[-1].heat_kwh > lived.truths[0].heat_kwh


def test_a_room_below_the_frost_floor_and_a_command_above_the_limit_are_violations() -> None:
    assert WEEK.violations == 0
    assert replace(WEEK, coldest_c=7.9).violations == 1
    assert replace(WEEK, over_the_limit=2).violations == 2


def test_the_page_of_chaos_says_how_many_weeks_were_run() -> None:
    assert row("nibe_s", [WEEK, replace(WEEK, number=1)])["faults"] == 56
    assert row("generic_modbus", [WEEK]) == {"profile": "generic_modbus", "weeks": 0}
    assert "In 1 week from 2024-01-04" in page([WEEK])
