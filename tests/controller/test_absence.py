"""What the rooms go without while the pump makes hot water of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from controller.absence import MEMORY_S, Absence
from controller.experience import EXPERIENCE, Experience
from drivers.api import OperatingState
from mpc.plan import PlanRequest
from mpc.rules import curve_with_hysteresis

ZONE = ZoneInfo("Europe/Copenhagen")
MIDNIGHT = datetime(2024, 1, 14, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _lived(absence: Absence, *, days: int, begins_hour: int, minutes: int) -> Absence:
    """Days on which the pump makes hot water from this hour on, for so long."""
    for minute in range(days * 1440):
        of_day = minute % 1440 - begins_hour * 60
        state = OperatingState.DHW if 0 <= of_day < minutes else OperatingState.HEATING
        absence = absence.seen(MIDNIGHT + minute * MINUTE, state, 60.0, ZONE)
    return absence


def _missed(absence: Absence) -> tuple[float, ...]:
    return absence.missed_w(MIDNIGHT, step_s=3600, steps=24, zone=ZONE)


def test_heat_is_missed_in_the_hours_of_hot_water_and_beside_them() -> None:
    missed_w = _missed(replace(_lived(Absence(), days=3, begins_hour=6, minutes=60), heat_w=4000.0))
    assert missed_w[5:8] == pytest.approx((1000.0, 2000.0, 1000.0))
    assert sum(missed_w) == pytest.approx(4000.0)


def test_a_habit_that_changes_is_forgotten_within_weeks() -> None:
    lived = _lived(Absence(), days=7, begins_hour=6, minutes=60)
    moved = replace(_lived(lived, days=21, begins_hour=20, minutes=60), heat_w=4000.0)
    assert moved.seen_s[6] == MEMORY_S
    missed_w = _missed(moved)
    assert missed_w[6] < 0.1 * missed_w[20]


def test_a_pump_that_does_not_say_what_it_does_misses_nothing() -> None:
    absence = Absence(heat_w=4000.0)
    for minute in range(60):
        absence = absence.seen(MIDNIGHT + minute * MINUTE, None, 60.0, ZONE)
    assert _missed(absence) == (0.0,) * 24


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    absence = replace(_lived(Absence(), days=2, begins_hour=6, minutes=60), heat_w=1000.0)
    summer = datetime(2024, 7, 1, 22, tzinfo=UTC)  # local midnight
    assert absence.missed_w(summer, step_s=3600, steps=24, zone=ZONE) == _missed(absence)


def test_what_was_learned_survives_a_restart_and_is_not_asked_of_older_versions() -> None:
    known = Experience(absence=_lived(Absence(), days=1, begins_hour=6, minutes=45))
    stored = EXPERIENCE.dump_python(known, mode="json")
    assert EXPERIENCE.validate_python(stored).absence == known.absence
    del stored["absence"]
    assert EXPERIENCE.validate_python(stored).absence == Absence()


def test_a_plan_says_how_much_heat_an_absence_costs(
    make_request: Callable[[datetime], PlanRequest],
) -> None:
    plan = curve_with_hysteresis(make_request(MIDNIGHT))
    heat_w = plan.heat_w
    assert sum(heat_w) > 0.0
    assert Absence().promised(plan).heat_w == pytest.approx(sum(heat_w) / len(heat_w))
