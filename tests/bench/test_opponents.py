"""Those heatherd is compared with: what they know, and what they follow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.archive import ArchiveError
from bench.baseline import tuned_curve
from bench.opponents import FORESEEN_H, planner_of
from bench.run import archive_of, run_in_memory
from bench.spec import Prices, RunSpec
from bench.truth import spot_at
from mpc.rules import RULES

START = datetime(2024, 1, 15, 23, tzinfo=UTC)
SPEC = RunSpec(
    house="timber1972",
    zone="DK1",
    start_at=START,
    days=0.05,
    seed=1,
    strategy="mpc",
    curve=tuned_curve("timber1972", "DK1"),
)


def test_foreseen_prices_are_the_real_ones_beyond_the_auction() -> None:
    archive = archive_of(replace(SPEC, prices=Prices.FORESEEN))
    series = archive.prices_at(START + timedelta(minutes=50))
    assert series.starts_at == START
    assert len(series.per_kwh) == FORESEEN_H
    day_after_tomorrow = START + timedelta(hours=60)
    assert series.per_kwh[60] == spot_at(archive.zone.spot_per_kwh, day_after_tomorrow)


def test_without_a_price_source_nothing_is_told() -> None:
    with pytest.raises(ArchiveError, match="nobody tells"):
        archive_of(replace(SPEC, prices=Prices.UNKNOWN)).prices_at(START)


def test_a_house_without_prices_is_still_planned_for(tmp_path: Path) -> None:
    result = run_in_memory(replace(SPEC, prices=Prices.UNKNOWN, refine=False), tmp_path)
    assert result.recorded.not_solved == 0
    assert result.recorded.plan_time_ms is not None


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_can_steer_a_house(rule: str, tmp_path: Path) -> None:
    result = run_in_memory(replace(SPEC, strategy=rule), tmp_path)
    assert result.recorded.not_solved == 0
    assert result.truths[-1].at == SPEC.end_at


def test_nobody_plans_for_a_pump_on_its_own_curve() -> None:
    assert planner_of(replace(SPEC, strategy="heating-curve")) is None
