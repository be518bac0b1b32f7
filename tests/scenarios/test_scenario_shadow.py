"""A day of only watching: the report tells the model's error and the writes it would have taken."""

import pytest
from scripted import play, spec

from controller.app import heat_knob
from controller.model import house_model
from controller.shadow import shadow_report

pytestmark = pytest.mark.timeout(120)  # a simulated span before the first test


@pytest.fixture(scope="module")
def shadow(tmp_path_factory):
    story = play(
        tmp_path_factory.mktemp("shadow"),
        {},
        run_spec=spec(profile="nibe_s", days=1),
        control={"mode": "observe"},
    )
    config = story.config
    report = shadow_report(
        story.records,
        model=house_model(config),
        knob=heat_knob(config),
        observing=lambda _: True,
        spot_at=lambda _: 0.1,
    )
    return story, report


def test_watching_writes_nothing(shadow):
    story, _ = shadow
    assert story.world.wire.writes == []


def test_the_model_error_grows_with_the_hours_and_stays_small(shadow):
    _, report = shadow
    one, six = report.model_errors
    assert (one.hours, six.hours) == (1, 6)
    assert one.count > six.count > 4
    assert 0.0 < one.rms_k < 0.4
    assert one.rms_k < six.rms_k < 1.2


def test_the_writes_it_would_have_made_are_told_beside_the_budget(shadow):
    _, report = shadow
    assert report.weekly_budget == 15.0
    assert report.moves_a_week is not None
    assert 0.0 < report.moves_a_week < 24 * 7


def test_what_was_planned_and_what_came_are_both_told(shadow):
    story, report = shadow
    assert report.asked_frac > 0.9
    assert report.planned_heat_kwh > 10.0
    assert report.delivered_heat_kwh is not None
    assert report.delivered_heat_kwh > 10.0
    assert report.as_run.electricity_kwh > 5.0
    assert report.as_run.cost is not None
    assert report.missing_frac["room_c"] < 0.05
    assert report.cycles == len(story.records)
