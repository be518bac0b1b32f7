"""How good predictions of the room are on days nothing was fitted to, and how honest their band.

Protocol of a free run: at each start the state comes from data before it; from there on heat and
weather are known as they were recorded, the room is not. Starts lie START_EVERY_H apart, errors are
taken at whole hours ahead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.identify_opponents import HOURS, fit_opponents, hour_steps, hourly_starts, steps_ahead
from mpc.arrays import FloatArray
from mpc.house_data import HouseData
from mpc.identify import free_runs
from mpc.identify_model import Identified

START_EVERY_H = 3
LEADS_H = (1, 6, 12, 24)
OUTSIDE_FRAC = 0.2  # of an 80 % band
WIDTH_DAYS = 7  # of training data, the last ones: they say how wide a constant band should be
OURS = "heatherd"


@dataclass(frozen=True, slots=True)
class Band:
    """Low and high edge of an 80 % band at every start and hour, °C."""

    low_c: FloatArray
    high_c: FloatArray

    def covers_frac(self, room_c: FloatArray) -> float:
        """Share of the readings inside."""
        known = ~np.isnan(room_c)
        inside = (self.low_c <= room_c) & (room_c <= self.high_c)
        return float(inside[known].mean())

    def score_k(self, room_c: FloatArray) -> float:
        """Interval score, mean: width plus 2 / OUTSIDE_FRAC times what lies outside; low is good.

        T. Gneiting, A. E. Raftery, J. American Statistical Association 102 (2007) 359-378, eq. 43,
        doi 10.1198/016214506000001437.
        """
        outside_k = np.maximum(self.low_c - room_c, 0.0) + np.maximum(room_c - self.high_c, 0.0)
        return float(np.nanmean(self.high_c - self.low_c + 2.0 / OUTSIDE_FRAC * outside_k))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of one house on its held-out days."""

    starts: int
    rmse_k: dict[str, list[float]]  # by predictor, at LEADS_H
    bias_k: list[float]  # room minus ours, mean, at LEADS_H
    covered_frac: float  # by our band, over all hours
    covered_at_frac: list[float]  # at LEADS_H
    score_k: float  # of our band
    constant_score_k: float  # of a band as wide at any hour
    growing_score_k: float  # of a band that is wider at later hours, the same at all starts
    constant_covered_frac: float


def scores(
    found: Identified, data: HouseData, split: int, *, every_h: int = START_EVERY_H
) -> Scores:
    """Our model and all opponents on the days from step `split` on, all fitted to those before.

    Raises ValueError where the held-out days are too few for a single prediction.
    """
    starts = hourly_starts(data, split, every_h)
    if not starts:
        raise ValueError("less than 24 hours are held out")
    room_c = data.room_c[steps_ahead(data, starts)]
    ours, band = predicted(found, data, starts)
    misses = {OURS: room_c - ours}
    for name, opponent in fit_opponents(data.part(0, split)).items():
        misses[name] = room_c - opponent.predict(data, starts)
    widths_k = _widths_k(found, data, split, every_h=every_h)
    constant, growing = (Band(ours - half_k, ours + half_k) for half_k in widths_k)
    at = [lead - 1 for lead in LEADS_H]
    return Scores(
        starts=len(starts),
        rmse_k={name: _rms_k(missed)[at].tolist() for name, missed in misses.items()},
        bias_k=np.nanmean(misses[OURS], axis=0)[at].tolist(),
        covered_frac=band.covers_frac(room_c),
        covered_at_frac=[
            Band(band.low_c[:, i], band.high_c[:, i]).covers_frac(room_c[:, i]) for i in at
        ],
        score_k=band.score_k(room_c),
        constant_score_k=constant.score_k(room_c),
        growing_score_k=growing.score_k(room_c),
        constant_covered_frac=constant.covers_frac(room_c),
    )


def predicted(found: Identified, data: HouseData, starts: Sequence[int]) -> tuple[FloatArray, Band]:
    """The learned model's free runs at whole hours and their band, shape (starts, HOURS)."""
    per_hour = hour_steps(data)
    runs = free_runs(found, data, starts, float(HOURS))
    at = per_hour * np.arange(1, HOURS + 1) - 1
    room, low, high = (
        np.array([getattr(run, name)[at] for run in runs]) for name in ("room_c", "low_c", "high_c")
    )
    return room, Band(low, high)


def day_ahead_bias_k(found: Identified, data: HouseData, first: int) -> float:
    """Mean of room minus its prediction of a day before, over the readings from `first` on."""
    per_hour = hour_steps(data)
    starts = hourly_starts(data, first - HOURS * per_hour, 1)
    ours, _ = predicted(found, data, starts)
    room_c = data.room_c[steps_ahead(data, starts)]
    return float(np.nanmean(room_c[:, -1] - ours[:, -1]))


def _widths_k(
    found: Identified, data: HouseData, split: int, *, every_h: int
) -> tuple[float, FloatArray]:
    """Half widths that would have covered 80 % of the last training days: one, and one per hour."""
    per_hour = hour_steps(data)
    trained = data.part(0, split)
    first = max(split - WIDTH_DAYS * HOURS * per_hour, HOURS * per_hour)
    starts = hourly_starts(trained, first, every_h) or hourly_starts(trained, 0, every_h)
    ours, _ = predicted(found, trained, starts)
    missed = np.abs(trained.room_c[steps_ahead(trained, starts)] - ours)
    inside = 1.0 - OUTSIDE_FRAC
    return float(np.nanquantile(missed, inside)), np.nanquantile(missed, inside, axis=0)


def _rms_k(missed: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.nanmean(missed**2, axis=0)), dtype=np.float64)


def best_opponent(rmse_k: Mapping[str, Sequence[float]], lead: int) -> tuple[str, float]:
    """Name and error of the best of the others at this place in LEADS_H."""
    name = min((n for n in rmse_k if n != OURS), key=lambda n: rmse_k[n][lead])
    return name, rmse_k[name][lead]
