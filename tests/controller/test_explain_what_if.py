"""The verb `explain` on kept plans and requests, and the owner's words for a change."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from controller.cli import app
from controller.config import HouseConfig
from controller.planner import PLAN, REQUEST
from controller.recorder import Recorder
from controller.what_if_words import POSSIBLE, Home, WordsError, change_of
from mpc.changes import (
    Away,
    Band,
    FlatPrice,
    HotWaterAlwaysReady,
    Limit,
    NoMargin,
    SetPoint,
    Window,
)
from mpc.plan import PlanRequest, Solved
from mpc.solver import solve

Ask = Callable[[datetime], PlanRequest]
Minutes = Callable[[float], datetime]
HOME = Home(ZoneInfo("Europe/Copenhagen"), band_k=1.0, away_c=17.0)


@pytest.fixture
def question(make_request: Ask) -> PlanRequest:
    """Of 15 January, 07:00 in Copenhagen."""
    return make_request(datetime(2024, 1, 15, 6, tzinfo=UTC))


@pytest.fixture
def records(question: PlanRequest, config: HouseConfig, tmp_path: Path) -> Path:
    """A folder with a plan, its request and the settings."""
    result = solve(question)
    assert isinstance(result, Solved)
    recorder = Recorder(tmp_path / "records.db")
    at = question.made_at
    recorder.keep("config", config.model_dump_json(by_alias=True), at)
    recorder.keep("request", REQUEST.dump_json(question).decode(), at)
    recorder.keep("plan", PLAN.dump_json(result.plan).decode(), at)
    recorder.close()
    return tmp_path


def explain(records: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["explain", "--records", str(records), *words])


def test_a_plan_is_told_with_the_value_of_heat(records: Path) -> None:
    told = json.loads(explain(records, "--json").output)
    values = [block["marginal_per_kwh"] for block in told["blocks"]]
    assert all(value is not None and value >= 0.0 for value in values)
    assert "heat's" in explain(records).output


def test_what_if_compares_two_plans(records: Path) -> None:
    result = explain(records, "--what-if", "set-point -0.5")
    assert result.exit_code == 0, result.output
    assert "What if: set-point -0.5, from Mon 15 Jan 07:00 on" in result.output
    assert "energy, EUR a day" in result.output
    told = json.loads(explain(records, "--what-if", "set-point -0.5", "--json").output)
    assert told["difference"]["cost_per_day"] < 0.0
    assert told["difference"]["room_mean_c"] == pytest.approx(-0.5, abs=0.1)
    assert told["as_changed"]["cost_per_day"] == pytest.approx(
        told["as_asked"]["cost_per_day"] + told["difference"]["cost_per_day"]
    )


def test_what_cannot_be_tried_is_answered_with_what_can(records: Path) -> None:
    result = explain(records, "--what-if", "make it cheap")
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    for example in POSSIBLE:
        assert example in said
    result = explain(records, "--what-if", "no hot-water shifting")
    assert result.exit_code == 2
    assert "no hot water" in " ".join(result.output.split())


def test_what_if_without_a_request_says_so(config: HouseConfig, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "records.db")
    recorder.keep(
        "config", config.model_dump_json(by_alias=True), datetime(2024, 1, 15, tzinfo=UTC)
    )
    recorder.close()
    result = explain(tmp_path, "--what-if", "price flat")
    assert result.exit_code == 1
    assert "No plan has been asked for yet." in result.output


def test_every_example_is_understood(question: PlanRequest) -> None:
    kinds = [type(change_of(example, question, HOME)) for example in POSSIBLE]
    assert set(kinds) == {
        SetPoint, Band, NoMargin, FlatPrice, HotWaterAlwaysReady, Limit, Away,
    }  # fmt: skip


def test_words_are_read_with_their_units(question: PlanRequest) -> None:
    assert change_of("Setpoint +1 K", question, HOME) == SetPoint(1.0)
    assert change_of("band -0.25", question, HOME) == Band(-0.25)
    assert change_of("margin off", question, HOME) == NoMargin(1.0)
    assert change_of("limit 1.5 kW", question, HOME) == Limit(1500.0)


def test_hours_are_the_next_ones_in_local_time(question: PlanRequest) -> None:
    """The request is of 07:00 local, 06:00 UTC."""
    evening = Window(datetime(2024, 1, 15, 16, tzinfo=UTC), datetime(2024, 1, 15, 19, tzinfo=UTC))
    assert change_of("limit 2000 W from 17:00 to 20:00", question, HOME) == Limit(2000.0, evening)
    night = Window(datetime(2024, 1, 15, 21, tzinfo=UTC), datetime(2024, 1, 16, 5, tzinfo=UTC))
    assert change_of("away 22:00-6:00 at 16", question, HOME) == Away(16.0, night)
    gone = Window(datetime(2024, 1, 16, 3, tzinfo=UTC), datetime(2024, 1, 16, 5, tzinfo=UTC))
    assert change_of("away from 04:00 to 06:00", question, HOME) == Away(17.0, gone)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("set-point", "no change that can be tried"),
        ("set-point -9", "more than the 5 K"),
        ("limit -5 W", "must not be negative"),
        ("away from 25:00 to 26:00", "no time of day"),
        ("away from 05:00 to 06:00", "does not reach"),
    ],
)
def test_words_that_make_no_sense_are_refused(question: PlanRequest, text: str, words: str) -> None:
    horizon = question.horizon
    short = replace(
        question,
        horizon=replace(
            horizon,
            outdoor_c=horizon.outdoor_c[:8],
            price_per_kwh=horizon.price_per_kwh[:8],
        ),
    )
    with pytest.raises(WordsError, match=words):
        change_of(text, short, HOME)
