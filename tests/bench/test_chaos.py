"""A season of chaos: the timetable of faults, some hours of it, how it goes on, and the page."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench.chaos import growth_frac, memory_row, page, plant_row, read, row
from bench.chaos_season import (
    STRIKING,
    Season,
    Week,
    above_the_limit,
    bearable,
    live_through,
)
from bench.faulty_world import Strike, config_of, live
from bench.run import archive_of
from controller.guard import Allowed, Refused
from controller.guard_rules_house import OVERSHOOT_K
from drivers.api import Capability
from hil import faults

PLAIN = Week(
    profile="nibe_s", per_day=0.0, number=0, begun=0, strikes=0, coldest_c=18.0, warmest_c=22.0,
    frost_c=8.0, over_the_limit=0, broken=0, hot_flow_c=45.0, hottest_return_c=38.0, starts=50,
    most_starts_per_hour=2, shortest_run_s=660.0, shortest_rest_s=900.0, refused_frac=0.0,
    cost=38.0, below_kh=4.0, rss_mb=200.0, tasks=4, threads=2, files=9,
)  # fmt: skip
STRUCK = replace(PLAIN, per_day=4.0, strikes=28, cost=40.0, below_kh=20.0, refused_frac=0.1)


def season(**changes: Any) -> Season:
    return replace(Season(profile="generic_modbus", per_day=4.0, first=0, end=1), **changes)


def test_the_timetable_of_a_week_is_the_same_every_time() -> None:
    whole, later = season(end=5), season(first=3, end=5)
    strikes = whole.strikes_in(3)
    assert strikes == later.strikes_in(3)
    assert strikes != whole.strikes_in(4)
    assert season(per_day=0.0).strikes_in(3) == []
    assert 14 < len(strikes) < 42
    ends_at = whole.begins_at(4)
    assert all(later.spec.start_at < s.begins_at < s.ends_at <= ends_at for s in strikes)


def test_every_striking_fault_can_be_in_force_with_all_others_and_twice(tmp_path: Path) -> None:
    spec = replace(season().spec, days=5 / 24)
    hour = timedelta(hours=1)
    at_once = [Strike(f, spec.start_at + hour, spec.start_at + 2 * hour) for f in STRIKING]
    again = [Strike(faults.DISK_FULL, spec.start_at + 1.5 * hour, spec.start_at + 4 * hour)]
    lived = live(spec, [*at_once, *again], tmp_path / "data")
    assert lived.world.house.at >= spec.end_at
    assert not any(above_the_limit(record.verdict, lived.config) for record in lived.records)
    assert lived.truths[-1].heat_kwh > lived.truths[0].heat_kwh
    assert lived.world.tasks_left == 0
    steps = {b.at - a.at for a, b in pairwise(lived.truths)}
    assert steps == {timedelta(minutes=1)}


def test_a_season_goes_on_over_its_weeks_and_leaves_nothing_behind() -> None:
    weeks: list[Week] = []
    live_through(season(per_day=24.0, end=2, week=timedelta(hours=6)), weeks.append)
    assert [week.number for week in weeks] == [0, 1, 1]
    assert [week.left for week in weeks] == [None, None, 0]
    assert all(week.violations == 0 and week.strikes > 0 and week.begun == 0 for week in weeks)
    assert weeks[0].rss_mb > 20.0
    assert weeks[1].tasks == weeks[0].tasks


def test_cold_rooms_hot_commands_and_a_strained_plant_are_violations(tmp_path: Path) -> None:
    assert STRUCK.violations == 0
    assert replace(STRUCK, coldest_c=7.9).violations == 1
    assert replace(STRUCK, over_the_limit=2, broken=1).violations == 3
    spec = season().spec
    config = config_of(spec, archive_of(spec), tmp_path)
    assert bearable(config).flow_c == config.heat_pump.flow_max_c + OVERSHOOT_K
    hot = Allowed({Capability.FLOW_SETPOINT: config.heat_pump.flow_max_c + 0.1})
    assert above_the_limit(hot, config)
    assert not above_the_limit(Allowed({Capability.CURVE_OFFSET: 5.0}), config)
    assert not above_the_limit(Refused(("no plan",)), config)


def test_weeks_are_read_up_to_the_first_that_is_missing_and_the_last_word_counts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "weeks.jsonl"
    assert read(path) == []
    first, second, fourth = (replace(PLAIN, number=number) for number in (0, 1, 3))
    ended = replace(second, left=0)
    lines = [json.dumps(asdict(week)) for week in (first, second, ended, fourth)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read(path) == [first, ended]


def test_memory_grows_by_the_line_through_all_weeks_of_a_process() -> None:
    steady = [replace(PLAIN, number=number, rss_mb=200.0 + number) for number in range(5)]
    assert growth_frac(steady) == pytest.approx(0.02)
    swung = [replace(week, rss_mb=week.rss_mb + 3.0 * (week.number == 2)) for week in steady]
    assert growth_frac(swung) == pytest.approx(4.0 / 200.6)
    again = [replace(PLAIN, number=5 + n, begun=5, rss_mb=100.0 + 4.0 * n) for n in range(2)]
    assert growth_frac([*steady, *again]) == pytest.approx(0.04)
    assert growth_frac(steady[:1]) is None
    assert memory_row("nibe_s", [*steady, *again])["processes"] == 2


def test_the_page_of_chaos_says_how_many_weeks_were_run() -> None:
    weeks = [PLAIN, STRUCK, replace(STRUCK, number=1, left=0)]
    assert row("nibe_s", weeks)["faults"] == 56
    assert row("generic_modbus", weeks) == {"profile": "generic_modbus", "weeks": 0}
    assert plant_row("nibe_s", [STRUCK])["shortest run, min"] == "11"
    assert "In 2 weeks from 2024-01-04" in page(weeks)
    assert "| nibe_s | 4 | 1 | 200 | 200 | 0.0 | 4 to 4 | 0 |" in page(weeks)
