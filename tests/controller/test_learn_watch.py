"""The watchdog of learning: an older model comes back only where it predicts better."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learning import NOW, days_of, identified

from controller import learn as module
from controller.config import parse_config
from controller.learn import Study, learn
from controller.learn_watch import watched
from controller.learned import Lesson, Lessons, house_name
from controller.model import house_model
from mpc.building import Building
from mpc.house_data import HouseData
from mpc.identify_model import Finding, Identified, Prior

DOCUMENT = {
    "house": {
        "timezone": "Europe/Copenhagen", "year": 1972, "area_m2": 140.0, "emitter": "radiator",
        "design_flow_c": 50.0,
    },
    "heat_pump": {"profile": "generic_modbus", "host": "192.0.2.1"},
}  # fmt: skip
CONFIG = parse_config(DOCUMENT)
FIRST = house_model(CONFIG).building


def taught(*errors_k: float) -> Lessons:
    """Versions 1, 2, ... with these errors when adopted; each has one more W of gains."""
    found = Lessons()
    for error_k in errors_k:
        gains_w = FIRST.internal_gains_w + found.next_version
        found = found.with_new(
            Lesson(
                version=found.next_version, learned_at=NOW,
                building=replace(FIRST, internal_gains_w=gains_w), order="4R3C", log_std={},
                loss_w_per_k=150.0, from_at=NOW - timedelta(days=30), until_at=NOW, error_k=error_k,
                error_before_k=0.5, house=house_name(CONFIG),
            )
        )  # fmt: skip
    return found


def number(building: Building | None) -> int:
    """Version of a building; 0 for that of day one."""
    return 0 if building is None else round(building.internal_gains_w - FIRST.internal_gains_w)


def watch(lessons: Lessons, error_k: float, *errors_k: float) -> tuple[Lessons, tuple[str, ...]]:
    """`errors_k` of day one, version 1, ..., on the last days."""
    return watched(lessons, CONFIG, error_k, lambda building: errors_k[number(building)])


def test_a_model_that_still_fits_stays() -> None:
    lessons = taught(0.4, 0.3)
    assert watch(lessons, 0.44, 0.01, 0.01) == (lessons, ())


def test_a_model_that_no_longer_fits_gives_way_to_the_best_before_it() -> None:
    after, told = watch(taught(0.4, 0.3, 0.3), 0.9, 0.8, 0.5, 0.6)
    assert after.version == 1
    assert not after.paused
    assert told == ("The model in force gives way to version 1, which errs by 0.50 K lately.",)


def test_day_one_may_be_the_best() -> None:
    after, told = watch(taught(0.4, 0.3), 0.9, 0.5, 0.8)
    assert after.version is None
    assert "that of day one" in told[0]
    assert after.next_version == 3


def test_nothing_better_changes_nothing() -> None:
    lessons = taught(0.4, 0.3)
    assert watch(lessons, 0.9, 0.89, math.nan) == (lessons, ())


def test_the_owners_rollback_is_left_alone() -> None:
    lessons = taught(0.4, 0.3, 0.3).rolled_back()
    assert watch(lessons, 0.9, 0.1, 0.1) == (lessons, ())


def test_errors_that_nobody_knows_change_nothing() -> None:
    lessons = taught(0.4, 0.3)
    assert watch(lessons, math.nan, 0.1, 0.1) == (lessons, ())
    assert watch(lessons, 0.9, math.nan, math.nan) == (lessons, ())


def test_without_a_learned_house_there_is_nothing_to_watch() -> None:
    assert watch(Lessons(), 9.0) == (Lessons(), ())


@settings(deadline=None, max_examples=25)
@given(
    adopted_k=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=8),
    now_k=st.floats(0.05, 3.0),
    errors_k=st.lists(st.floats(0.05, 3.0), min_size=8, max_size=8),
)
def test_what_comes_back_predicts_better_than_what_goes(
    adopted_k: list[float], now_k: float, errors_k: list[float]
) -> None:
    lessons = taught(*adopted_k)
    after, told = watch(lessons, now_k, *errors_k)
    assert bool(told) == (after.version != lessons.version)
    if told:
        assert errors_k[after.version or 0] < now_k


# ---- a night of it -------------------------------------------------------------------------------


@pytest.fixture
def nights(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """A night in which no new fit is good enough: of bad data, and of sound ones."""
    found = []
    biases_k = {0: 0.5, 1: 1.2}

    def trial(building: Building, data: HouseData, first: int) -> float:
        del data, first
        return biases_k[number(building)]

    monkeypatch.setattr(module, "trial_rmse_k", trial)
    for spoils in (True, False):

        def fit(_: object, prior: Prior, *, patterns: bool, spoils: bool = spoils) -> Identified:
            del patterns
            refused = identified(prior, bias_k=0.1, accepted=False)
            finding = Finding(name="frozen", words="the room sensor is frozen", spoils=spoils)
            return replace(refused, findings=(finding,))

        monkeypatch.setattr(module, "identify", fit)
        lessons = taught(0.3)
        model = house_model(CONFIG, lessons.adopted[0].building)
        found.append(
            learn(days_of(10.0), config=CONFIG, model=model, lessons=lessons, at=NOW)
        )  # fmt: skip
    return found


def test_the_owner_finds_the_remarks_of_the_night_without_the_report(nights: list[Study]) -> None:
    bad, sound = nights
    assert bad.lessons.remarks == ("the room sensor is frozen", *bad.drift)
    assert sound.lessons.remarks == sound.drift


def test_a_night_of_sound_data_takes_a_bad_model_back(nights: list[Study]) -> None:
    bad, sound = nights
    assert bad.lessons.version == 1
    assert sound.lessons.version is None
    assert len(bad.drift) == 1  # that it errs more is told
    assert sound.drift == (
        *bad.drift,
        "The model in force gives way to that of day one, which errs by 0.50 K lately.",
    )
