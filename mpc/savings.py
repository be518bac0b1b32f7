"""What steering saved: steered days against days on the pump's own control, in the same weather.

The energy of a day is taken as
    E = (b0 + b1 D + b2 D^2 + b3 G + b4 R) (1 - s z - t y) (1 + e),
D the mean room over outdoor temperature in K (so that a colder room is no saving), G the mean
irradiance in W/m2, R how much the room rose over the day in K (heat that is left over), z 1 on
steered days and 0 on the others, y the same of the day before (walls give back tomorrow what they
took today), s + t the saving, e an error that grows with the energy. For costs,
E is the day's cost over the day's mean price: what the same energy would be at a flat price.
Gauss-Newton on relative errors; the interval is Student's for the degrees of freedom left, widened
for errors that last from one day to the next (Newey and West 1987, doi 10.2307/1913610).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from mpc.arrays import FloatArray

LEAST_DAYS, LEAST_OF_EACH = 14, 4
COVERED_FRAC = 0.8
PASSES = 20
LAGS = 2  # days over which errors may be alike
LEAST_FRAC = 0.05  # of the mean: no day is weighed as if it needed less


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of records, summed up."""

    energy_kwh: float  # or cost over mean price
    difference_k: float  # mean room less mean outdoor temperature
    ghi_w_per_m2: float
    room_rise_k: float  # over the day
    steered: bool
    steered_before: bool  # the day before this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Share of the energy (or cost) saved, with where it lies eight times of ten."""

    frac: float
    low_frac: float
    high_frac: float
    steered_days: int
    own_days: int
    unadjusted_frac: float  # plain means compared: what the weather pretends


def saving(days: Sequence[Day]) -> Saving:
    """Fit all days together. Raises ValueError for too few of them."""
    steered = np.array([day.steered for day in days], dtype=bool)
    many, few = int(steered.sum()), int((~steered).sum())
    if len(days) < LEAST_DAYS or min(many, few) < LEAST_OF_EACH:
        raise ValueError(
            f"{many} steered days and {few} on the pump's own control: {LEAST_DAYS} in all and "
            f"{LEAST_OF_EACH} of each are needed"
        )
    energy = np.array([day.energy_kwh for day in days])
    known = _regressors(days)
    effects = np.column_stack([steered, [day.steered_before for day in days]]).astype(np.float64)
    values = np.append(np.linalg.lstsq(known, energy, rcond=None)[0], [0.0, 0.0])
    floor_kwh = max(LEAST_FRAC * float(np.mean(energy)), 1e-9)
    for _ in range(PASSES):
        level, left = known @ values[:-2], 1.0 - effects @ values[-2:]
        weights = 1.0 / np.maximum(level * left, floor_kwh)
        slope = np.column_stack([known * left[:, None], -level[:, None] * effects])
        slope, error = slope * weights[:, None], (energy - level * left) * weights
        values = values + np.linalg.lstsq(slope, error, rcond=None)[0]
    freedom = len(days) - slope.shape[1]
    std = _std(slope, error, freedom)
    half = float(stdtrit(freedom, 0.5 + COVERED_FRAC / 2.0)) * std
    frac = float(values[-2:].sum())
    return Saving(
        frac=frac,
        low_frac=frac - half,
        high_frac=frac + half,
        steered_days=many,
        own_days=few,
        unadjusted_frac=1.0 - float(np.mean(energy[steered]) / np.mean(energy[~steered])),
    )


def _regressors(days: Sequence[Day]) -> FloatArray:
    """b0 to b4's columns, centred so that they are told apart well."""
    difference = np.array([day.difference_k for day in days])
    columns = [
        np.ones(len(days)),
        difference - difference.mean(),
        (difference - difference.mean()) ** 2,
        np.array([day.ghi_w_per_m2 for day in days]),
        np.array([day.room_rise_k for day in days]),
    ]
    return np.column_stack(columns)


def _std(slope: FloatArray, error: FloatArray, freedom: int) -> float:
    """Standard deviation of the last two parameters' sum: independent errors, or lasting ones.

    The larger of the two, as the second is too small where days are few.
    """
    inverse = np.linalg.pinv(slope.T @ slope)
    summed = np.zeros(len(inverse))
    summed[-2:] = 1.0
    plain = float(summed @ inverse @ summed) * float(error @ error) / freedom
    scores = slope * error[:, None]
    middle = scores.T @ scores
    for lag in range(1, LAGS + 1):
        both = scores[lag:].T @ scores[:-lag]
        middle += (1.0 - lag / (LAGS + 1.0)) * (both + both.T)
    robust = float(summed @ inverse @ middle @ inverse @ summed) * len(error) / freedom
    return math.sqrt(max(plain, robust))
