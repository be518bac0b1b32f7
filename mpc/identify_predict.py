"""Free runs: the room predicted from what was known at a start, with its band."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import Building
from mpc.house_data import HouseData
from mpc.identify_band import Doubts, half_width_k
from mpc.identify_filter import Inputs, Run, hours_to_steps, recursion, run, spread
from mpc.identify_fit import hour_of, hours_of, with_daily
from mpc.identify_model import Identified, Prediction
from mpc.identify_prior import logs_of, with_logs
from mpc.identify_stretches import Stretch, stretches

NEGLIGIBLE_LOG_VAR = 1e-10


def free_run(found: Identified, data: HouseData, start: int, hours: float) -> Prediction:
    """The room from step `start` of the data on, known until there; inputs known all the way.

    The state is filtered from the data before `start` and the reading at it; later readings are
    not looked at. Element i of the prediction is to be compared with `data.room_c[start + 1 + i]`.
    Raises ValueError where the reading at the start or an input is not known.
    """
    steps = hours_to_steps(hours, data.step_s)
    if not 0 <= start < start + steps <= len(data):
        raise ValueError(f"steps {start} to {start + steps} are not inside the {len(data)} known")
    if np.isnan(data.room_c[start]):
        raise ValueError(f"the room was not read at {data.at(start)}")
    cut = _known_until(data.part(0, start + steps), start)
    holding = [one for one in known_stretches(found, cut, least_s=0.0) if _holds(one, start, steps)]
    if not holding:
        raise ValueError(f"an input is not known in the {hours:g} hours from {data.at(start)} on")
    return _predictions(found, data, holding[0], [start], steps=steps)[0]


def free_runs(
    found: Identified, data: HouseData, starts: Sequence[int], hours: float
) -> list[Prediction]:
    """`free_run` from many starts, in one pass where the data have no gaps.

    Only a gap of the room that a later reading ends may differ from `free_run`: it is bridged.
    """
    steps = hours_to_steps(hours, data.step_s)
    done: dict[int, Prediction] = {}
    for one in known_stretches(found, data, least_s=0.0):
        inside = [s for s in starts if _holds(one, s, steps) and not np.isnan(data.room_c[s])]
        if inside:
            predicted = _predictions(found, data, one, inside, steps=steps)
            done.update(zip(inside, predicted, strict=True))
    return [done[s] if s in done else free_run(found, data, s, hours) for s in starts]


def known_stretches(found: Identified, data: HouseData, *, least_s: float) -> list[Stretch]:
    """The data's stretches with the daily pattern among the gains."""
    building = found.building
    windy = building.wind_w_per_k_per_m_s > 0.0 and data.wind_m_s is not None
    parts = stretches(data, building, windy=windy, least_s=least_s)
    if found.pattern is None:
        return parts
    gain_w, sun_frac = np.array(found.pattern.gain_w), np.array(found.pattern.sun_frac)
    starts_h = hour_of(data.starts_at)
    driven = []
    for one in parts:
        hours = hours_of(one, starts_h).astype(np.int64)
        inputs = with_daily(one.inputs, gain_w[hours], sun_frac[hours])
        driven.append(replace(one, inputs=inputs))
    return driven


def foreseen(
    found: Identified, inputs: Inputs, starts: np.ndarray, leads: Sequence[int]
) -> tuple[Run, FloatArray, Doubts]:
    """The filter's run, rooms predicted, and their doubts; leads (in steps) x starts."""
    ran = run(found.building, found.noise, inputs)
    rooms_c = _rooms_c(ran, starts, leads)
    sun = recursion(
        ran.model.f,
        np.outer(inputs.drives[:, 2], ran.model.b[:, 2]),
        np.zeros(len(ran.model.f)),
    )
    sun_k = _rooms_c(replace(ran, free=sun, believed=np.zeros_like(sun)), starts, leads)
    filtered = spread(ran.model, max(leads))[np.array(leads) - 1]
    squares = np.zeros_like(rooms_c)
    for building in _neighbours(found):
        squares += (_rooms_c(run(building, found.noise, inputs), starts, leads) - rooms_c) ** 2
    return ran, rooms_c, Doubts(filtered[:, None], sun_k, squares)


def _rooms_c(ran: Run, starts: np.ndarray, leads: Sequence[int]) -> FloatArray:
    known = ran.believed[starts] - ran.free[starts]
    row = np.zeros(len(ran.model.f))
    row[0] = 1.0
    rooms, done = np.empty((len(leads), len(starts))), 0
    for i, lead in enumerate(leads):
        row = row @ np.linalg.matrix_power(ran.model.f, lead - done)
        done = lead
        rooms[i] = ran.free[starts + lead, 0] + known @ row
    return rooms


def _neighbours(found: Identified) -> list[Building]:
    """Buildings one standard deviation away in each principal direction of what is believed."""
    logs = logs_of(found.building, found.names)
    variances, vectors = np.linalg.eigh(found.log_covariance)
    return [
        with_logs(found.building, found.names, logs + np.sqrt(variance) * vector)
        for variance, vector in zip(variances, vectors.T, strict=True)
        if variance > NEGLIGIBLE_LOG_VAR
    ]


def _predictions(
    found: Identified, data: HouseData, one: Stretch, starts: Sequence[int], *, steps: int
) -> list[Prediction]:
    local = np.array(starts) - one.first
    inputs = _longer(one.inputs)
    leads = range(1, steps + 1)
    ran, rooms_c, doubts = foreseen(found, inputs, local, leads)
    std_k = np.asarray(np.sqrt(doubts.variance_k2(1.0, found.noise.sun_frac)), dtype=np.float64)
    hours = np.arange(1, steps + 1, dtype=np.float64) * (data.step_s / 3600.0)
    half_k = half_width_k(found.noise, std_k, hours)
    slow = len(ran.model.f) - 2
    return [
        Prediction(
            from_at=data.starts_at + timedelta(seconds=data.step_s * start),
            step_s=data.step_s,
            room_c=rooms_c[:, i],
            low_c=rooms_c[:, i] - half_k[:, i],
            high_c=rooms_c[:, i] + half_k[:, i],
            std_k=std_k[:, i],
            disturbance_w=float(ran.believed[local[i], slow]),
        )
        for i, start in enumerate(starts)
    ]


def _longer(inputs: Inputs) -> Inputs:
    """One step more, so that the end of the last step has a place; its own values count nowhere."""
    wind = inputs.wind_k_m_s
    return Inputs(
        inputs.step_s,
        np.append(inputs.room_c, inputs.room_c[-1]),
        np.vstack([inputs.drives, inputs.drives[-1:]]),
        None if wind is None else np.append(wind, wind[-1]),
        np.append(inputs.filled, 1.0),
    )


def _known_until(data: HouseData, start: int) -> HouseData:
    room_c = data.room_c.copy()
    room_c[start + 1 :] = room_c[start]
    return replace(data, room_c=room_c)


def _holds(one: Stretch, start: int, steps: int) -> bool:
    return one.first <= start and start + steps <= one.first + len(one)
