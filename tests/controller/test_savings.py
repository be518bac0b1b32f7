"""Comparison days, days summed up from records, and the verb that tells what was saved."""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from controller import savings_reckoned, savings_verb
from controller.act import Applied, NotApplied
from controller.cli import app
from controller.config import HouseConfig, parse_config
from controller.learned import KEY, LESSONS, Lesson, Lessons, house_name
from controller.model import house_model
from controller.pump_figures import PumpFigures
from controller.records import StepRecord
from controller.savings import DaySum, Savings, day_sums, savings
from controller.savings_days import COMPARISON, compares, is_comparison_day
from controller.savings_reckoned import Knowledge, reckoned
from controller.savings_verb import Found, words
from controller.snapshot import Reading, Snapshot
from drivers.api import OperatingState, Signal
from mpc.counterfactual import Counterfactual, Range

Document = dict[str, Any]
MIDNIGHT = datetime.fromisoformat("2026-01-15T00:00:00+01:00")


def test_one_day_of_every_block_is_drawn() -> None:
    first = date(2026, 1, 1).toordinal() // 5 * 5
    for block in range(40):
        days = [date.fromordinal(first + 5 * block + i) for i in range(5)]
        assert sum(is_comparison_day(day, one_in=5, seed=3) for day in days) == 1


def test_another_seed_draws_other_days() -> None:
    days = [date(2026, 1, 1) + timedelta(days=i) for i in range(100)]
    drawn = [[is_comparison_day(d, one_in=4, seed=seed) for d in days] for seed in (1, 2)]
    assert drawn[0] != drawn[1]


def test_no_day_is_drawn_unless_the_owner_asks(document: Document) -> None:
    config = parse_config(document)
    assert not any(compares(MIDNIGHT + timedelta(days=i), config) for i in range(30))


def test_a_comparison_day_lasts_from_midnight_to_midnight_local(document: Document) -> None:
    document["savings"] = {"comparison_days": True}
    config = parse_config(document)
    hours = [MIDNIGHT + timedelta(hours=h) for h in range(24 * 8)]
    changes = [
        h.hour
        for before, h in itertools.pairwise(hours)
        if compares(before, config) != compares(h, config)
    ]
    assert changes
    assert set(changes) == {0}


async def test_the_pump_is_handed_back_on_a_comparison_day(
    document: Document, make_house: Callable[..., Any]
) -> None:
    document["savings"] = {"comparison_days": True, "one_in": 2}
    house = make_house()
    loop = house.loop()
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            for _ in range(3):
                record = await loop.cycle(tasks)
                seen[compares(record.at, house.config)].add(record.wanted.source)
                await house.clock.sleep_until(house.clock.now() + timedelta(minutes=1))
            if compares(record.at, house.config):
                assert record.wanted.reason == COMPARISON
                assert not house.store.leases()
            await house.clock.sleep_until(house.clock.now() + timedelta(hours=12))
    assert seen[True] == {"none"}
    assert seen[False] != {"none"}


# ---- days ----------------------------------------------------------------------------------------


@pytest.fixture
async def record(make_house: Callable[..., Any]) -> StepRecord:
    """A record of the real loop, whose signals the tests replace."""
    house = make_house(mode="observe")
    async with asyncio.TaskGroup() as tasks:
        found: StepRecord = await house.loop().cycle(tasks)
    return found


def looks(record: StepRecord, *, days: int, steered: Callable[[int], bool]) -> list[StepRecord]:
    """A record every half an hour."""
    made = []
    for step in range(48 * days + 1):
        at = MIDNIGHT + timedelta(minutes=30 * step)
        values = {Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: 1.0, Signal.METER_POWER_W: 1000.0}
        outcome = Applied({}) if steered(step // 48) else NotApplied("own control")
        signals = {s: Reading(v, at) for s, v in values.items()}
        made.append(
            replace(record, snapshot=Snapshot(at, signals), outcome=outcome, ghi_w_per_m2=30.0)
        )
    return made


def test_a_day_is_summed_up_by_local_time(record: StepRecord, config: HouseConfig) -> None:
    sums = list(
        day_sums(
            looks(record, days=3, steered=lambda day: day != 1),
            config=config,
            model=house_model(config),
            spot_at=lambda _: 0.1,
        )
    )
    assert [s.steered for s in sums] == [True, False, True]
    assert [s.day for s in sums] == [date(2026, 1, 15 + i) for i in range(3)]
    assert sums[0].energy_kwh == pytest.approx(23.5)
    assert sums[0].flat_kwh == pytest.approx(23.5)
    assert sums[0].difference_k == pytest.approx(20.0)
    assert sums[0].room_rise_k == pytest.approx(0.0)


def test_a_part_of_a_day_is_left_out(record: StepRecord, config: HouseConfig) -> None:
    found = looks(record, days=2, steered=lambda _: True)[10:]
    sums = day_sums(found, config=config, model=house_model(config), spot_at=lambda _: None)
    assert [(s.day.day, s.flat_kwh) for s in sums] == [(16, None)]


def sums_of(count: int, share: float) -> list[DaySum]:
    rows = []
    for i in range(count):
        steered = i % 4 != 0
        difference = 15.0 + (7 * i) % 10
        kwh = (3.0 + difference) * (1.0 - share * steered) * (1.0 + 0.03 * ((i * 5) % 7 - 3) / 3)
        rows.append(
            DaySum(
                day=date(2026, 1, 1) + timedelta(days=i), energy_kwh=kwh, flat_kwh=kwh,
                difference_k=difference, ghi_w_per_m2=float((11 * i) % 60),
                room_rise_k=0.1 * ((3 * i) % 5 - 2), steered=steered, drawn=not steered,
            )
        )  # fmt: skip
    return rows


def test_the_saving_of_steered_days_is_found() -> None:
    found = savings(sums_of(40, 0.1))
    assert found.energy.low_frac < 0.1 < found.energy.high_frac
    assert found.cost is not None
    assert found.drawn_days == found.energy.own_days == 10


def test_days_that_were_half_steered_are_left_out() -> None:
    rows = sums_of(40, 0.1)
    rows[5] = replace(rows[5], steered=None)
    found = savings(rows)
    assert found.left_out_days == 1
    assert found.energy.steered_days == 29


# ---- reckoned by the model -----------------------------------------------------------------------


def heated(record: StepRecord, *, days: int, water_hours: int = 0) -> list[StepRecord]:
    """A record every quarter of an hour of a house that is steered and heated evenly."""
    made = []
    for step in range(96 * days + 1):
        at = MIDNIGHT + timedelta(minutes=15 * step)
        water = (step // 4) % 24 < water_hours
        values = {
            Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: 1.0, Signal.METER_POWER_W: 1000.0,
            Signal.HEAT_W: 3000.0, Signal.FLOW_C: 36.0,
            Signal.OPERATING_STATE: float(OperatingState.DHW if water else OperatingState.HEATING),
        }  # fmt: skip
        signals = {s: Reading(v, at) for s, v in values.items()}
        made.append(
            replace(record, snapshot=Snapshot(at, signals), outcome=Applied({}), ghi_w_per_m2=0.0)
        )
    return made


def lesson_of(config: HouseConfig, *, error_k: float = 0.3) -> Lesson:
    return Lesson(
        version=1, learned_at=MIDNIGHT, building=house_model(config).building, order="3R3C",
        log_std={"mass_outdoor_w_per_k": 0.1, "mass_kwh_per_k": 0.2}, loss_w_per_k=200.0,
        from_at=MIDNIGHT, until_at=MIDNIGHT, error_k=error_k, error_before_k=0.5, house="this",
    )  # fmt: skip


def reckon(
    records: list[StepRecord], config: HouseConfig, lesson: Lesson | None, days: int
) -> Counterfactual:
    steered = frozenset(MIDNIGHT.date() + timedelta(days=day) for day in range(days))
    knowledge = Knowledge(
        config=config, model=house_model(config), lesson=lesson, pump=PumpFigures()
    )  # fmt: skip
    return reckoned(records, steered, knowledge, lambda _: 0.1)


@pytest.mark.parametrize("water_hours", [0, 2])
def test_the_heat_for_the_rooms_is_reckoned_and_hot_water_is_not(
    record: StepRecord, config: HouseConfig, water_hours: int
) -> None:
    found = reckon(
        heated(record, days=9, water_hours=water_hours), config, lesson_of(config), days=9
    )
    standby_kw = house_model(config).heat_pump.standby_w / 1000.0
    daily_kwh = 24.0 - water_hours * (1.0 - standby_kw)
    assert found.used_kwh == pytest.approx(daily_kwh * found.days, rel=0.01)
    assert found.days == pytest.approx(9.0, abs=0.1)
    assert found.own_kwh.low < found.own_kwh.mid < found.own_kwh.high
    assert found.cost_frac is not None


def test_only_steered_days_are_reckoned(record: StepRecord, config: HouseConfig) -> None:
    found = reckon(heated(record, days=10), config, lesson_of(config), days=8)
    assert found.days == pytest.approx(8.0, abs=0.1)


@pytest.mark.parametrize(
    ("days", "learned", "words"),
    [(9, False, "no house model"), (5, True, "5.0 steered days"), (0, True, "0.0 steered days")],
)
def test_it_is_said_when_nothing_can_be_reckoned(
    record: StepRecord, config: HouseConfig, days: int, *, learned: bool, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        reckon(heated(record, days=9), config, lesson_of(config) if learned else None, days)


def test_a_model_that_does_not_predict_reckons_nothing(
    record: StepRecord, config: HouseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(savings_reckoned, "trial_rmse_k", lambda *_: 0.9)
    with pytest.raises(ValueError, match=r"errs by 0\.90 K a day ahead"):
        reckon(heated(record, days=9), config, lesson_of(config), days=9)


def test_a_lesson_keeps_what_its_parameters_have_in_common(config: HouseConfig) -> None:
    old = lesson_of(config)
    assert old.covariance().tolist() == pytest.approx(np.diag([0.01, 0.04]))
    new = replace(old, log_covariance=(0.01, 0.005, 0.005, 0.04))
    assert new.covariance()[0, 1] == 0.005


# ---- the verb ------------------------------------------------------------------------------------


@pytest.fixture
def file(document: Document, tmp_path: Path) -> Path:
    path = tmp_path / "house.toml"
    lines: list[str] = []
    for section, keys in document.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(v)}" for key, v in keys.items())]
    path.write_text("\n".join(lines))
    return path


def found_with(compared: Savings | None, own: Counterfactual | None) -> Found:
    return Found(
        compared=compared,
        why_not_compared="" if compared else "3 steered days",
        reckoned=own,
        why_not_reckoned="" if own else "no house model has been learned yet",
    )


OWN = Counterfactual(
    days=30.0, used_kwh=300.0, own_kwh=Range(mid=310.0, low=305.0, high=320.0),
    energy_frac=Range(mid=0.032, low=0.016, high=0.062), paid=60.0,
    own_cost=Range(mid=66.0, low=64.0, high=68.0), cost_frac=Range(mid=0.09, low=0.06, high=0.12),
)  # fmt: skip


def test_savings_tells_range_and_days(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = savings(sums_of(40, 0.1))
    monkeypatch.setattr(savings_verb, "_found", lambda *_: found_with(compared, OWN))
    said = " ".join(CliRunner().invoke(app, ["savings", "-c", str(file)]).stdout.split())
    assert "eight times of ten between" in said
    assert "30 steered days and 10 on the pump's own control, 10 of them drawn beforehand" in said
    assert "not measured" in said
    assert "would have used 310 kWh for the rooms (305 to 320); it used 300" in said
    told = json.loads(CliRunner().invoke(app, ["savings", "--json", "-c", str(file)]).stdout)
    assert told["compared"]["energy"]["frac"] == compared.energy.frac
    assert told["reckoned"]["cost_frac"]["low"] == 0.06


def test_one_answer_without_the_other_says_why(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(savings_verb, "_found", lambda *_: found_with(None, OWN))
    said = " ".join(CliRunner().invoke(app, ["savings", "-c", str(file)]).stdout.split())
    assert "not yet; 3 steered days." in said
    monkeypatch.setattr(savings_verb, "_found", lambda *_: found_with(None, None))
    neither = CliRunner().invoke(app, ["savings", "-c", str(file)])
    assert neither.exit_code == 5
    assert "no house model has been learned yet" in " ".join(neither.stderr.split())


def test_days_nobody_drew_come_with_a_warning() -> None:
    compared = savings([replace(s, drawn=False, flat_kwh=None) for s in sums_of(40, 0.0)])
    said = " ".join(words(found_with(compared, None)))
    assert "that may be nothing" in said
    assert "prices are not known" in said
    assert "savings.comparison_days" in said


def test_savings_without_records_says_so(file: Path) -> None:
    result = CliRunner().invoke(app, ["savings", "-c", str(file)])
    assert result.exit_code == 5
    assert "no records" in result.stderr


def test_a_week_of_records_and_a_lesson_are_reckoned_by_the_verb(
    file: Path, make_house: Callable[..., Any]
) -> None:
    house = make_house()
    lesson = replace(lesson_of(house.config), house=house_name(house.config))
    house.store.save_value(KEY, LESSONS, Lessons().with_new(lesson))
    record = asyncio.run(_one_cycle(house))
    for seen in heated(record, days=8):
        house.recorder.append(seen)
    result = CliRunner().invoke(app, ["savings", "-c", str(file)])
    said = " ".join(result.stdout.split())
    assert "Compared with days on the pump's own control: not yet; 8 steered days and 0" in said
    assert "Reckoned by the house model, not measured: over 8 steered days" in said
    assert result.exit_code == 0


def test_the_verb_says_why_neither_answer_is_there(
    file: Path, make_house: Callable[..., Any]
) -> None:
    house = make_house()
    asyncio.run(_one_cycle(house))
    result = CliRunner().invoke(app, ["savings", "-c", str(file)])
    assert result.exit_code == 5
    said = " ".join(result.stderr.split())
    assert "0 steered days and 0 on the pump's own control" in said
    assert "no house model has been learned yet" in said


async def _one_cycle(house: Any) -> StepRecord:
    async with asyncio.TaskGroup() as tasks:
        found: StepRecord = await house.loop().cycle(tasks)
    return found
