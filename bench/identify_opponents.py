"""What a learned house model has to beat: persistence, a plain 1R1C and an ARX model.

All are fitted to the same training data, know the room until the start of a prediction and the
inputs (heat, outdoor temperature, irradiance) all the way, and predict whole hours ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.optimize import lsq_linear

from mpc.arrays import FloatArray
from mpc.house_data import HouseData

HOURS = 24
VALIDATED_FRAC = 0.25  # of the training data, its end: there the ARX model's order is chosen
TIME_CONSTANTS_H = np.geomspace(4.0, 600.0, 40)
ARX_OUTPUT_LAGS = (1, 2, 3, 6)
ARX_INPUT_LAGS = (1, 2, 4)
RUNAWAY_K = 50.0  # a prediction this far off is as bad as any


class Opponent(Protocol):
    """Predicts the room."""

    def predict(self, data: HouseData, starts: Sequence[int]) -> FloatArray:
        """Room (°C) after 1, 2 ... HOURS hours, shape (starts, HOURS)."""
        ...


def filled(values: FloatArray) -> FloatArray:
    """Every hole takes the value before it; before the first value, the first."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        raise ValueError("a series without a single value")
    last = np.searchsorted(known, np.arange(len(values)), side="right") - 1
    return np.asarray(values[known[np.maximum(last, 0)]], dtype=np.float64)


def hour_steps(data: HouseData) -> int:
    """Steps in an hour. Raises ValueError when they are not whole."""
    steps, rest = divmod(3600.0, data.step_s)
    if rest or steps < 1:
        raise ValueError(f"a step of {data.step_s} s does not divide the hour")
    return int(steps)


def hourly_starts(data: HouseData, first: int, every_h: int) -> list[int]:
    """Steps from `first` on, every few hours, with the room read and HOURS hours left."""
    per_hour = hour_steps(data)
    last = len(data) - 1 - HOURS * per_hour
    return [s for s in range(first, last + 1, every_h * per_hour) if not np.isnan(data.room_c[s])]


@dataclass(frozen=True, slots=True)
class Persistence:
    """The room stays as it is."""

    def predict(self, data: HouseData, starts: Sequence[int]) -> FloatArray:
        """Room at the start, for all hours."""
        return np.repeat(filled(data.room_c)[list(starts), None], HOURS, axis=1)


@dataclass(frozen=True, slots=True)
class OneCapacity:
    """tau dT/dt = (T_out - T) + r heat + s sun + g: one resistance, one capacity.

    tau in s, r in K/W, s in K m²/W, g in K (constant gains over losses).
    """

    tau_s: float
    factors: tuple[float, float, float]  # r, s, g

    def predict(self, data: HouseData, starts: Sequence[int]) -> FloatArray:
        """From the reading at the start."""
        free, known, pushed = _responses(data, starts, self.tau_s)
        room = filled(data.room_c)[list(starts), None]
        return np.asarray(free * room + known + pushed @ np.array(self.factors), dtype=np.float64)


def fit_one_capacity(data: HouseData) -> OneCapacity:
    """Least squares of all hours of predictions that start every hour; r and s not negative."""
    room = filled(data.room_c)
    starts = hourly_starts(data, 0, 1)
    if not starts:
        raise ValueError("less than a day of data")
    ahead = room[steps_ahead(data, starts)]
    best: tuple[float, OneCapacity] | None = None
    for tau_h in TIME_CONSTANTS_H:
        free, known, pushed = _responses(data, starts, tau_h * 3600.0)
        aim = (ahead - known - free * room[starts, None]).ravel()
        table = pushed.reshape(-1, pushed.shape[2])
        scale = np.maximum(np.abs(table).max(axis=0), 1e-9)
        found = lsq_linear(table / scale, aim, bounds=([0.0, 0.0, -np.inf], np.inf))
        r, s, g = (found.x / scale).tolist()
        if best is None or found.cost < best[0]:
            best = (float(found.cost), OneCapacity(tau_h * 3600.0, (r, s, g)))
    if best is None:
        raise ValueError("no time constant to try")
    return best[1]


def steps_ahead(
    data: HouseData, starts: Sequence[int]
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """The step of every whole hour after each start, shape (starts, HOURS)."""
    hours = hour_steps(data) * np.arange(1, HOURS + 1)
    return np.asarray(np.array(starts)[:, None] + hours[None, :])


def _responses(
    data: HouseData, starts: Sequence[int], tau_s: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of a first-order lag at every whole hour: what is left of the start (hours), the outdoor
    temperature's part (starts, hours), and the parts of heat, sun and one (starts, hours, 3)."""
    stays = float(np.exp(-data.step_s / tau_s))
    inputs = np.column_stack(
        [
            filled(data.outdoor_c),
            filled(data.heat_w),
            filled(data.ghi_w_per_m2),
            np.ones(len(data)),
        ]
    )
    lagged = np.zeros((len(data) + 1, inputs.shape[1]))
    for step in range(len(data)):
        lagged[step + 1] = stays * lagged[step] + (1.0 - stays) * inputs[step]
    hours = hour_steps(data) * np.arange(1, HOURS + 1)
    free = np.power(stays, hours, dtype=np.float64)
    part = (
        lagged[steps_ahead(data, starts)] - free[None, :, None] * lagged[list(starts)][:, None, :]
    )
    return free, part[:, :, 0], part[:, :, 1:]


@dataclass(frozen=True, slots=True)
class Arx:
    """Room one `stride` later from past rooms and past inputs, all linear; then from that again.

    `weights`: constant, rooms (newest first), then the newest means over a stride of heat, outdoor
    temperature and irradiance, the ones before, and so on.
    """

    stride: int
    output_lags: int
    input_lags: int
    weights: FloatArray

    def predict(self, data: HouseData, starts: Sequence[int]) -> FloatArray:
        """Recursively; a prediction that runs away is cut off."""
        stride, room, inputs = self.stride, filled(data.room_c), _means(data, self.stride)
        at = np.array(starts)
        rooms = [room[np.maximum(at - stride * lag, 0)] for lag in range(self.output_lags)]
        centre, every = rooms[0], hour_steps(data) // stride
        found = []
        for ahead in range(HOURS * every):
            now = at + stride * ahead
            past = [inputs[np.maximum(now - stride * lag, 0)].T for lag in range(self.input_lags)]
            table = np.vstack([np.ones(len(at)), *rooms, *past])
            next_c = np.clip(self.weights @ table, centre - RUNAWAY_K, centre + RUNAWAY_K)
            rooms = [next_c, *rooms[:-1]]
            found.append(next_c)
        return np.asarray(np.array(found)[every - 1 :: every].T, dtype=np.float64)


def _means(data: HouseData, stride: int) -> FloatArray:
    """Means over the stride that starts at each step, shape (steps, 3); the end is repeated."""
    table = np.column_stack(
        [filled(data.heat_w), filled(data.outdoor_c), filled(data.ghi_w_per_m2)]
    )
    table = np.vstack([table, np.repeat(table[-1:], stride - 1, axis=0)])
    return np.asarray(sliding_window_view(table, stride, axis=0).mean(axis=2), dtype=np.float64)


def _arx(data: HouseData, stride: int, output_lags: int, input_lags: int) -> Arx:
    """Least squares of one stride ahead, from every step."""
    room, inputs = filled(data.room_c), _means(data, stride)
    first = stride * (max(output_lags, input_lags) - 1)
    now = np.arange(first, len(data) - stride)
    columns = [np.ones((len(now), 1))]
    columns += [room[now - stride * lag, None] for lag in range(output_lags)]
    columns += [inputs[now - stride * lag] for lag in range(input_lags)]
    weights = np.linalg.lstsq(np.hstack(columns), room[now + stride], rcond=None)[0]
    return Arx(stride, output_lags, input_lags, np.asarray(weights, dtype=np.float64))


def fit_arx(data: HouseData) -> Arx:
    """Strides of one step, half an hour and an hour, and several lags of each: the ones that
    predict the end of the training data best over all hours; then fitted to all of it."""
    per_hour = hour_steps(data)
    split = int((1.0 - VALIDATED_FRAC) * len(data))
    starts = hourly_starts(data, split, 1) or hourly_starts(data, 0, 1)
    if not starts:
        raise ValueError("less than a day of data")
    room = filled(data.room_c)[steps_ahead(data, starts)]
    early = data.part(0, max(split, 2))
    best: tuple[float, tuple[int, int, int]] | None = None
    for stride in sorted({1, max(per_hour // 2, 1), per_hour}):
        for output_lags in ARX_OUTPUT_LAGS:
            for input_lags in ARX_INPUT_LAGS:
                order = (stride, output_lags, input_lags)
                missed = _arx(early, *order).predict(data, starts) - room
                score = float(np.mean(missed**2))
                if best is None or score < best[0]:
                    best = (score, order)
    if best is None:
        raise ValueError("no order to try")
    return _arx(data, *best[1])


def fit_opponents(data: HouseData) -> dict[str, Opponent]:
    """All of them, by name."""
    return {
        "persistence": Persistence(),
        "ARX": fit_arx(data),
        "1R1C": fit_one_capacity(data),
    }
