"""A house whose sleeping rooms are colder: with a sensor there, both zones are kept in their band.

Somebody sleeps with the window ajar: no model knows of it, and the pump's water is one for all.
"""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from scripted import Action, Story, at_hour, play, spec
from typer.testing import CliRunner

from bench.spec import SECOND_SENSOR_TOPIC, RunSpec
from controller.app import heat_knob
from controller.cli import app
from controller.planner import PLAN
from controller.recorder import Records
from controller.replay import replay
from controller.snapshot import Missing, Reading
from drivers.api import Signal
from hil.occupants import Steady

pytestmark = pytest.mark.timeout(900)

BEDROOMS = (("area_m2", 55.0), ("exchange_w_per_k", 130.0))
SETTLED_AT = at_hour(10.0)
LOW_C, HIGH_C, NEAR_K = 20.0, 22.0, 0.15


class WindowAjar(Steady):
    """Half of the sleeping zone's air becomes outdoor air every hour."""

    def airing_per_h(self, _at: object, /) -> tuple[float, float]:
        return (0.0, 0.5)


def zoned(days: float, *zone: tuple[str, float]) -> RunSpec:
    return replace(spec(), days=days, second_zone=zone)


def lived(
    directory: Path, run_spec: RunSpec, script: dict[datetime, Action] | None = None
) -> Story:
    directory.mkdir()
    sections: dict[str, Any] = (
        {"second_room": {"stale_after_s": 3600.0}} if run_spec.second_zone else {}
    )
    return play(directory, script or {}, run_spec=run_spec, occupants=WindowAjar(), **sections)


def zones_c(story: Story) -> tuple[list[float], list[float]]:
    """The true temperatures of living and sleeping zone once the house has settled."""
    truths = [truth for truth in story.world.truths if truth.at >= SETTLED_AT]
    return [truth.zone_c[0] for truth in truths], [truth.zone_c[1] for truth in truths]


def folder(story: Story) -> Path:
    return Path(story.config.storage.directory)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Most of a day of a house that knows of its second zone."""
    return lived(tmp_path_factory.mktemp("zones") / "two", zoned(0.75, *BEDROOMS))


def test_colder_sleeping_rooms_with_a_sensor_are_kept_in_the_band_too(
    watched: Story, tmp_path: Path
) -> None:
    living_c, sleeping_c = zones_c(watched)
    assert min(sleeping_c) > LOW_C - NEAR_K
    assert max(living_c) < HIGH_C
    _, unwatched_c = zones_c(lived(tmp_path / "one", zoned(0.75)))
    assert min(unwatched_c) < min(sleeping_c) - 0.5


def test_what_the_window_takes_is_believed_of_the_zone_it_is_in(watched: Story) -> None:
    truth, estimate = watched.world.truths[-1], watched.records[-1].belief.estimate
    assert estimate.second_w is not None
    assert estimate.second_w < -150.0
    assert abs(estimate.disturbance_w) < abs(estimate.second_w)
    assert estimate.rooms_c == pytest.approx(truth.zone_c, abs=0.5)


def test_days_of_two_zones_are_replayed_as_they_were(watched: Story) -> None:
    records = Records(folder(watched) / "records.db")
    assert list(replay(records, heat_knob)) == [None] * len(watched.records)
    records.close()


def test_a_plan_is_explained_with_both_zones(watched: Story) -> None:
    words = ["explain", "--records", str(folder(watched))]
    shown, as_json = (CliRunner().invoke(app, [*words, *more]) for more in ([], ["--json"]))
    assert "second zone" in shown.output
    told = json.loads(as_json.output)
    assert "second zone between" in told["summary"]
    assert all(block["second_to_c"] > LOW_C - 0.5 for block in told["blocks"])


def test_a_second_sensor_that_dies_ends_neither_steering_nor_plans_for_its_zone(
    tmp_path: Path,
) -> None:
    script: dict[datetime, Action] = {
        at_hour(2): lambda world: world.muted.add(SECOND_SENSOR_TOPIC),
        at_hour(5): lambda world: world.muted.discard(SECOND_SENSOR_TOPIC),
    }
    story = lived(tmp_path / "dies", zoned(0.25, *BEDROOMS), script)
    silent = story.between(at_hour(3.2), at_hour(5))
    for record in silent:
        measured = record.snapshot.signals[Signal.SECOND_ROOM_C]
        assert isinstance(measured, Missing)
        assert measured.reason == "silent for more than 60 min"
        assert isinstance(record.snapshot.signals[Signal.ROOM_C], Reading)
    assert story.steered(at_hour(0.1), at_hour(6))
    by_time = {truth.at: truth for truth in story.world.truths}
    for record in silent[::15]:
        believed_c = record.belief.estimate.rooms_c
        assert believed_c == pytest.approx(by_time[record.at].zone_c, abs=1.0)
    records = Records(folder(story) / "records.db")
    plans = [PLAN.validate_json(text) for text in records.contents("plan")]
    records.close()
    assert all(plan.second is not None for plan in plans)
    assert isinstance(story.records[-1].snapshot.signals[Signal.SECOND_ROOM_C], Reading)
    assert story.rooms_c()[-1] > LOW_C
