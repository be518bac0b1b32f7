"""Learn the house from its records: identify, test against the model in force, adopt. Pure."""

import math
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from controller.config import HouseConfig
from controller.house_prior import day_one
from controller.learn_trial import opening, trial_rmse_k
from controller.learn_watch import BETTER_FRAC, watched
from controller.learned import Lesson, Lessons, drift_words, house_name
from controller.model import HouseModel, house_model
from mpc.building import Building, total_loss_w_per_k
from mpc.house_data import HouseData
from mpc.identify import free_runs, identify, unlearned
from mpc.identify_model import Identified, Prediction, Prior
from mpc.prior import prior_of

LEAST_DAYS = 7.0
"""With less than a week the weather has hardly changed, and nothing is told apart."""

HELD_OUT_FRAC, LEAST_HELD_OUT_DAYS, MOST_HELD_OUT_DAYS = 0.2, 2.0, 5.0
"""The last days are not learned from: on them the new model must predict better."""

STORED = frozenset({"air_kwh_per_k", "mass_kwh_per_k", "floor_kwh_per_k"})
"""No calculation of the heat loss tells what a house stores: a number told for it is a guess."""

AHEAD_H = 24.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """All that one night of learning found, for the report; the verdict is in `lessons`."""

    data: HouseData
    held_out: int  # first step that was not learned from
    prior: Prior
    found: Identified
    before: Identified  # the model in force
    error_k: float  # of 24 h predictions on the held-out days; NaN: could not be told
    error_before_k: float
    adopted: bool
    reasons: tuple[str, ...]  # why not
    drift: tuple[str, ...]  # what the owner should look at, and what the watchdog did
    lessons: Lessons


def learn(
    data: HouseData,
    *,
    config: HouseConfig,
    model: HouseModel,
    lessons: Lessons,
    at: datetime,
) -> Study:
    """One night: fit all but the last days, predict those with old and new, keep the better one.

    `model` is the one in force. A second zone has no part in this: the house is learned as one,
    from the first room's sensor, and the zone cut out of it as the owner described it. A daily
    pattern of gains is left out: plans are made without it, so the test must be, too. Old and new
    predict as the running service would (`learn_trial`), whatever filter the fit found.

    Raises ValueError for less than LEAST_DAYS of data.
    """
    if data.days < LEAST_DAYS:
        raise ValueError(
            f"{data.days:.1f} days of records: learning needs {LEAST_DAYS:g}, and is good with 30"
        )
    held_days = min(max(HELD_OUT_FRAC * data.days, LEAST_HELD_OUT_DAYS), MOST_HELD_OUT_DAYS)
    held_out = len(data) - round(held_days * data.steps_per_day)
    prior = day_one_prior(config)
    found = identify(data.part(0, held_out), prior, patterns=False)
    before = _as_given(model.one_zone, prior)
    error_k = trial_rmse_k(found.building, data, held_out)
    error_before_k = trial_rmse_k(model.one_zone, data, held_out)
    reasons = _reasons(found, lessons, error_k, error_before_k)
    adopted = not reasons
    after = lessons
    if adopted:
        lesson = Lesson(
            version=lessons.next_version,
            learned_at=at,
            building=found.building,
            order=str(found.order),
            log_std=found.log_std(),
            log_covariance=tuple(found.log_covariance.ravel().tolist()),
            loss_w_per_k=total_loss_w_per_k(found.building),
            from_at=data.starts_at,
            until_at=data.at(held_out),
            error_k=error_k,
            error_before_k=error_before_k,
            house=house_name(config),
        )
        after = lessons.with_new(lesson)
    drift = drift_words(after, config, error_k if adopted else error_before_k)
    if not adopted and not any(finding.spoils for finding in found.findings):

        def error_of(building: Building | None) -> float:
            return trial_rmse_k(house_model(config, building).one_zone, data, held_out)

        after, done = watched(lessons, config, error_before_k, error_of)
        drift += done
    if after.version != lessons.version:
        held = after.in_force(config)
        building = house_model(config, None if held is None else held.building).one_zone
        after = replace(after, opening=opening(building, data))
    return Study(
        data=data,
        held_out=held_out,
        prior=prior,
        found=found,
        before=before,
        error_k=error_k,
        error_before_k=error_before_k,
        adopted=adopted,
        reasons=reasons,
        drift=drift,
        lessons=replace(after, remarks=(*(f.words for f in found.findings if f.spoils), *drift)),
    )


def _as_given(building: Building, prior: Prior) -> Identified:
    """A building of earlier, as it predicts."""
    return unlearned(Prior(building=building, log_std=prior.log_std))


def day_one_prior(config: HouseConfig) -> Prior:
    """What was believed before any data; told capacities are as unsure as usual ones."""
    day = day_one(config)
    return prior_of(house_model(config).one_zone, day.loss.log_std, day.told - STORED)


def predictions(found: Identified, data: HouseData, first: int, every_h: float) -> list[Prediction]:
    """24 h predictions from step `first` on, one every so many hours, as far as the data reach."""
    ahead = round(AHEAD_H * 3600.0 / data.step_s)
    stride = round(every_h * 3600.0 / data.step_s)
    starts = range(first, len(data) - ahead, stride)
    return free_runs(found, data, [s for s in starts if _is_known(data, s)], AHEAD_H)


def _is_known(data: HouseData, start: int) -> bool:
    """Whether a run from here can be compared: the room at its start, the inputs all the way."""
    way = slice(start, start + round(AHEAD_H * 3600.0 / data.step_s))
    inputs = (data.heat_w[way], data.outdoor_c[way], data.ghi_w_per_m2[way])
    return bool(np.isfinite(data.room_c[start])) and all(np.isfinite(x).all() for x in inputs)


def _reasons(
    found: Identified, lessons: Lessons, error_k: float, error_before_k: float
) -> tuple[str, ...]:
    """Why the new model is not adopted; empty when it is."""
    if not found.accepted:
        return found.reasons or ("the fit was not accepted",)
    if math.isnan(error_k) or math.isnan(error_before_k):
        return ("the last days have gaps: no prediction of a whole day could be tested",)
    if error_k > (1.0 - BETTER_FRAC) * error_before_k:
        return (
            f"it predicts no better: {error_k:.2f} K against {error_before_k:.2f} K of the model "
            "in force, a day ahead",
        )
    if lessons.paused:
        return ("adopting is paused since the last rollback; `heatherd learn --resume` ends that",)
    return ()
