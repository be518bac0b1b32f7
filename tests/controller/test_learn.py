"""From records to quarter hours, and whether a newly learned house is adopted."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from learning import NOW, days_of, identified, trial_of

from controller import learn as module
from controller.config import HouseConfig
from controller.learn import Study, day_one_prior, learn
from controller.learn_data import house_data
from controller.learned import Lessons
from controller.model import HouseModel, house_model
from controller.records import StepRecord
from controller.snapshot import Missing, Reading, Snapshot
from drivers.api import OperatingState, Signal
from mpc.house_data import HouseData
from mpc.identify_model import Identified, Prior
from mpc.prior import TOLD_LOG_STD


@pytest.fixture
async def record(make_house: Callable[..., Any]) -> StepRecord:
    """A record of the real loop, whose signals the tests replace."""
    import asyncio

    house = make_house(mode="observe")
    async with asyncio.TaskGroup() as tasks:
        found: StepRecord = await house.loop().cycle(tasks)
    return found


def looks(
    record: StepRecord, minutes: list[float], values: Callable[[float], dict[Signal, float]]
) -> list[StepRecord]:
    """Records at these minutes after noon with these signals."""
    made = []
    for minute in minutes:
        at = NOW + timedelta(minutes=minute)
        signals = {s: Reading(v, at) for s, v in values(minute).items()}
        made.append(replace(record, snapshot=Snapshot(at, signals), ghi_w_per_m2=50.0))
    return made


def test_a_quarter_hour_is_the_mean_of_its_looks(record: StepRecord, config: HouseConfig) -> None:
    def signals(minute: float) -> dict[Signal, float]:
        heat_w = 3000.0 if minute < 5.0 else 0.0
        return {Signal.HEAT_W: heat_w, Signal.ROOM_C: 20.0 + minute / 60.0, Signal.OUTDOOR_C: 4.0}

    data = house_data(
        looks(record, [float(m) for m in range(31)], signals), house_model(config)
    )  # fmt: skip
    assert len(data) == 2
    assert data.starts_at == NOW
    assert data.heat_w.tolist() == pytest.approx([1000.0, 0.0])
    assert data.room_c.tolist() == pytest.approx([20.0, 20.25])
    assert data.outdoor_c.tolist() == pytest.approx([4.0, 4.0])
    assert data.ghi_w_per_m2.tolist() == pytest.approx([50.0, 50.0])


def test_looks_between_the_quarters_tell_the_room_at_their_start(
    record: StepRecord, config: HouseConfig
) -> None:
    def signals(minute: float) -> dict[Signal, float]:
        return {Signal.HEAT_W: 0.0, Signal.ROOM_C: 20.0 + minute / 10.0, Signal.OUTDOOR_C: 0.0}

    data = house_data(looks(record, [-4.0, 6.0, 16.0, 26.0, 36.0], signals), house_model(config))
    assert data.room_c.tolist() == pytest.approx([20.0, 21.5])


def test_what_happened_in_a_gap_is_not_known(record: StepRecord, config: HouseConfig) -> None:
    minutes = [*map(float, range(16)), *(60.0 + m for m in range(16))]
    steady = {Signal.HEAT_W: 500.0, Signal.ROOM_C: 20.0, Signal.OUTDOOR_C: 4.0}
    data = house_data(looks(record, minutes, lambda _: steady), house_model(config))
    assert np.isfinite(data.heat_w).tolist() == [True, False, False, False, True]
    assert np.isfinite(data.room_c).tolist() == [True, True, False, False, True]


def test_hot_water_heats_no_room(record: StepRecord, config: HouseConfig) -> None:
    busy = {
        Signal.HEAT_W: 5000.0,
        Signal.OPERATING_STATE: float(OperatingState.DHW),
        Signal.ROOM_C: 20.0,
        Signal.OUTDOOR_C: 4.0,
    }
    data = house_data(
        looks(record, [float(m) for m in range(16)], lambda _: busy), house_model(config)
    )  # fmt: skip
    assert data.heat_w.tolist() == [0.0]


def test_a_missing_room_is_not_known_rather_than_zero(
    record: StepRecord, config: HouseConfig
) -> None:
    made = looks(record, [0.0, 15.0, 30.0], lambda _: {Signal.HEAT_W: 0.0, Signal.OUTDOOR_C: 1.0})
    gone = {Signal.ROOM_C: Missing("lost", NOW)}
    made = [
        replace(r, snapshot=Snapshot(r.at, {**r.snapshot.signals, **gone})) for r in made
    ]  # fmt: skip
    assert np.isnan(house_data(made, house_model(config)).room_c).all()


@pytest.mark.parametrize("minutes", [[], [0.0], [1.0, 2.0]], ids=["none", "one", "too-short"])
def test_too_few_records_are_refused_in_words(
    record: StepRecord, config: HouseConfig, minutes: list[float]
) -> None:
    with pytest.raises(ValueError, match="records"):
        house_data(looks(record, minutes, lambda _: {}), house_model(config))


# ---- adopting ------------------------------------------------------------------------------------


@pytest.fixture
def night(config: HouseConfig, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Study]:
    """One night of learning with a fit of this quality; the model in force is off by 0.4 K."""
    model: HouseModel = house_model(config)

    def run(
        data: HouseData,
        lessons: Lessons | None = None,
        *,
        bias_k: float = 0.1,
        accepted: bool = True,
    ) -> Study:
        def fit(_: HouseData, prior: Prior, *, patterns: bool) -> Identified:
            assert not patterns
            return identified(prior, bias_k=bias_k, accepted=accepted)

        monkeypatch.setattr(module, "identify", fit)
        monkeypatch.setattr(module, "trial_rmse_k", trial_of(bias_k, 0.4))
        return learn(
            data,
            config=config,
            model=model,
            lessons=lessons or Lessons(),
            at=NOW,
        )

    return run


def test_a_house_that_predicts_better_is_adopted(night: Callable[..., Study]) -> None:
    study = night(days_of(10.0), bias_k=0.2)
    assert study.adopted
    assert study.error_k == pytest.approx(0.2)
    assert study.error_before_k == pytest.approx(0.4)
    (lesson,) = study.lessons.adopted
    assert lesson.building.heat_to_mass_frac == 0.3
    assert lesson.log_std["mass_outdoor_w_per_k"] == pytest.approx(0.1)


def test_an_adopted_house_leaves_where_it_begins_and_an_unadopted_one_nothing(
    night: Callable[..., Study],
) -> None:
    data = days_of(10.0)
    opening = night(data, bias_k=0.2).lessons.opening
    assert opening is not None
    assert opening.at == data.starts_at + timedelta(days=10.0)
    assert night(data, bias_k=0.5).lessons.opening is None


def test_a_house_that_predicts_no_better_changes_nothing(night: Callable[..., Study]) -> None:
    study = night(days_of(10.0), bias_k=0.398)
    assert not study.adopted
    assert study.lessons == Lessons()
    assert "predicts no better: 0.40 K against 0.40 K" in study.reasons[0]


def test_a_fit_that_was_not_accepted_is_never_adopted(night: Callable[..., Study]) -> None:
    study = night(days_of(10.0), bias_k=0.01, accepted=False)
    assert not study.adopted
    assert study.reasons == ("the room sensor is frozen",)


def test_after_a_rollback_nothing_new_is_adopted(night: Callable[..., Study]) -> None:
    paused = Lessons(paused=True)
    study = night(days_of(10.0), lessons=paused, bias_k=0.1)
    assert not study.adopted
    assert study.lessons == paused


def test_days_that_cannot_be_tested_adopt_nothing(night: Callable[..., Study]) -> None:
    study = night(days_of(10.0), bias_k=math.nan)
    assert math.isnan(study.error_k)
    assert not study.adopted
    assert "no prediction of a whole day could be tested" in study.reasons[0]


def test_what_the_owner_told_of_the_losses_is_sure_and_of_the_storage_a_guess(
    config: HouseConfig,
) -> None:
    model = config.house.model.model_copy(
        update={"mass_outdoor_w_per_k": 150.0, "air_outdoor_w_per_k": 50.0, "mass_kwh_per_k": 9.0}
    )
    house = config.house.model_copy(update={"model": model})
    prior = day_one_prior(config.model_copy(update={"house": house}))
    assert prior.building.mass_kwh_per_k == 9.0
    assert prior.log_std["mass_outdoor_w_per_k"] == TOLD_LOG_STD
    assert "mass_kwh_per_k" not in prior.log_std  # as unsure as any archetype's


def test_less_than_a_week_teaches_nothing(night: Callable[..., Study]) -> None:
    with pytest.raises(ValueError, match="learning needs 7"):
        night(days_of(6.9))


@pytest.mark.parametrize(("days", "held"), [(7.0, 2.0), (20.0, 4.0), (60.0, 5.0)])
def test_the_last_days_are_kept_for_the_test(
    night: Callable[..., Study], days: float, held: float
) -> None:
    study = night(days_of(days))
    assert (len(study.data) - study.held_out) / 96 == held
