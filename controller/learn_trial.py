"""How well a house model predicts the room a day ahead, as the running service would. Pure.

Two models are compared by the same estimate from cycle to cycle, lasting and passing heat included,
as plans are made from it. A fit brings a filter of its own, with which the same building errs by
half as much or twice as much: that would decide between two models more than they do.
"""

import math
from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from controller.room_sensor import ROOM_STD_K
from mpc import estimator
from mpc.arrays import FloatArray
from mpc.building import Building
from mpc.house_data import HouseData
from mpc.plan import Estimate
from mpc.wind import wind_gain_w

AHEAD_H = 24.0
STARTS_EVERY_H = 6.0


def trial_rmse_k(building: Building, data: HouseData, first: int) -> float:
    """Root mean square error over all leads to 24 h of predictions made from step `first` on.

    The estimate begins with the data. NaN where no prediction of a whole day can be compared.
    """
    ahead = round(AHEAD_H * 3600.0 / data.step_s)
    stride = round(STARTS_EVERY_H * 3600.0 / data.step_s)
    starts = range(first, len(data) - ahead, stride)
    known = _known(data)
    whole = {s for s in starts if known[s : s + ahead].all() and np.isfinite(data.room_c[s])}
    if not whole:
        return math.nan
    errors_k = [
        _ahead_c(estimate, building, data, start) - data.room_c[start + 1 : start + 1 + ahead]
        for start, estimate in _followed(building, data, known)
        if start in whole
    ]
    squares = np.square(np.concatenate(errors_k))
    return math.sqrt(float(np.nanmean(squares))) if np.isfinite(squares).any() else math.nan


def _known(data: HouseData) -> FloatArray:
    """Of every step, whether all that acted on the house is known."""
    inputs = (data.heat_w, data.outdoor_c, data.ghi_w_per_m2)
    return np.asarray(np.isfinite(np.vstack(inputs)).all(axis=0))


def opening(building: Building, data: HouseData) -> Estimate:
    """The estimate at the end of the data: where a model that is taken up then should begin.

    A fresh one would lack the heat that lasts and take the walls to be as warm as they are at rest.
    """
    for step, estimate in _followed(building, data, _known(data)):
        last, found = step, estimate
    return _onward(found, building, data, last)


def _followed(
    building: Building, data: HouseData, known: FloatArray
) -> Iterator[tuple[int, Estimate]]:
    """The estimate at the start of every known step, the reading there included."""
    estimate: Estimate | None = None
    for step in range(len(data)):
        room_c = float(data.room_c[step])
        read = math.isfinite(room_c)
        if not known[step]:
            continue
        if estimate is None or estimate.at != data.at(step):  # the first, or after a gap
            fresh = estimator.initial(
                building,
                at=data.at(step),
                room_c=room_c if read else None,
                outdoor_c=float(data.outdoor_c[step]),
            )
            estimate = fresh if estimate is None else estimator.resumed(fresh, estimate)
        elif read:
            estimate = estimator.correct(estimate, room_c=room_c, std_k=ROOM_STD_K)
        yield step, estimate
        estimate = _onward(estimate, building, data, step)


def _ahead_c(estimate: Estimate, building: Building, data: HouseData, start: int) -> FloatArray:
    """The room at the end of each step of a day from `start` on."""
    rooms_c = []
    for step in range(start, start + round(AHEAD_H * 3600.0 / data.step_s)):
        estimate = _onward(estimate, building, data, step)
        rooms_c.append(estimate.state_c[0])
    return np.array(rooms_c)


def _onward(estimate: Estimate, building: Building, data: HouseData, step: int) -> Estimate:
    """The estimate at the end of a step with what acted on the house in it."""
    outdoor_c, gain_w = float(data.outdoor_c[step]), 0.0
    wind_m_s = math.nan if data.wind_m_s is None else float(data.wind_m_s[step])
    if math.isfinite(wind_m_s):
        gain_w = float(
            wind_gain_w(
                building,
                wind_m_s=wind_m_s,
                outdoor_c=outdoor_c,
                target_c=estimate.state_c[0],
            )
        )
    return estimator.predict(
        estimate,
        building,
        until=data.at(step) + timedelta(seconds=data.step_s),
        heat_w=float(data.heat_w[step]),
        outdoor_c=outdoor_c,
        ghi_w_per_m2=float(data.ghi_w_per_m2[step]),
        gain_w=gain_w,
    )
