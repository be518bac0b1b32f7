"""The fit: predictions of one to 24 hours against readings, by least squares with a prior.

Minimised over whitened parameters z (building, filter noise, daily pattern):
    sum over leads h and starts k of rho(w_h (y(k+h) - y(k+h|k)))^2 + |z|^2,
w_h = 1 / (s_h sqrt(n_h)), s_h the spread of the errors at that lead, n_h how many starts share one
independent error. rho is Huber's, as weights between passes: an open window counts little. The
curvature at the minimum, I + J'J, is the inverse of the posterior covariance of z (Laplace); as
w_h counts overlapping errors once, J'J is what the data really showed, and more data only add.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from scipy.optimize import least_squares

from mpc.arrays import FloatArray
from mpc.building import Building, total_loss_w_per_k
from mpc.identify_filter import Inputs, Run, hours_to_steps, run
from mpc.identify_model import LEADS_H, DailyPattern, Noise, Order
from mpc.identify_prior import REACH_STD, Belief
from mpc.identify_stretches import Stretch

WARM_UP_S = 24 * 3600.0  # until the filter has forgotten its first guess
BETWEEN_STARTS_S = 3600.0
FIRST_SPREAD_K = (0.15, 0.02)  # of the errors, and per hour of lead; replaced after the first pass
LEAST_SPREAD_K = 0.02
HUBER_STD = 2.5
PATTERN_HARMONICS = 3
PATTERN_STD_W_PER_LOSS_K = 1.0  # shrinkage: the daily pattern is worth about 1 K of the loss
PATTERN_SUN_STD = 0.5  # shrinkage of what an hour's sun brings more or less than another's
NOON_MEAN = 0.7  # of the cosine over a winter's day
LEAST_OF_SUN = 0.05
# The slow disturbance may not be found to be none: a fortnight without surprises is no promise, and
# without it a lasting unknown heat would leave an offset.
NOISE_LOG_STD = np.array([1.0, 1.0, 0.2, 1.0])
NOISE_NAMES = ("air_k_per_root_h", "mass_k_per_root_h", "slow_w_per_root_h", "fast_w")
LEADS_PER_ERROR = 3.0  # errors at neighbouring leads of the same start say half the same
HOPELESS_K = 10.0
MOST_STEPS = 20
AGAIN_STEPS = 5  # from a solution with other weights


def usual_noise(building: Building) -> Noise:
    """Where the search for the filter begins: assumption, in proportion to the house's loss."""
    loss = total_loss_w_per_k(building)
    return Noise(
        reading_std_k=0.05,
        air_k_per_root_h=0.1,
        mass_k_per_root_h=0.03,
        slow_w_per_root_h=1.5 * loss,
        fast_w=loss,
        sun_frac=0.3,
        band=(1.0,) * len(LEADS_H),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """A fit: parameters z, their covariance, the spread of errors at each of LEADS_H."""

    z: FloatArray
    covariance: FloatArray
    spread_k: FloatArray


@dataclass(frozen=True, eq=False)
class Problem:
    """One structure on one set of stretches; `hour` is the UTC hour of the data's first step."""

    order: Order
    belief: Belief
    usual: Noise
    stretches: tuple[Stretch, ...]
    hour: float
    patterned: bool

    @property
    def size(self) -> int:
        """Number of parameters, those of the filter included."""
        pattern = 2 * PATTERN_HARMONICS + 2 if self.patterned else 0
        return len(self.belief.names) + len(NOISE_NAMES) + pattern

    def building(self, z: FloatArray) -> Building:
        """The building at z."""
        return self.belief.with_z(z)

    def noise(self, z: FloatArray) -> Noise:
        """The filter's noise at z."""
        k = len(self.belief.names)
        factors = np.exp(NOISE_LOG_STD * z[k : k + len(NOISE_NAMES)]).tolist()
        given = {
            name: getattr(self.usual, name) * factor
            for name, factor in zip(NOISE_NAMES, factors, strict=True)
        }
        return replace(self.usual, **given)

    def pattern(self, z: FloatArray) -> DailyPattern | None:
        """What returns every day at the same hour, at z."""
        if not self.patterned:
            return None
        hours = np.arange(24, dtype=np.float64) + 0.5
        gains_w, sun_frac = self._pattern(z)
        return DailyPattern(
            gain_w=tuple((_waves(hours) @ gains_w).tolist()),
            sun_frac=tuple(_of_sun(_tilt(hours) @ sun_frac).tolist()),
        )

    def _pattern(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        scale = PATTERN_STD_W_PER_LOSS_K * total_loss_w_per_k(self.belief.building)
        return scale * z[-2 * PATTERN_HARMONICS - 2 : -2], PATTERN_SUN_STD * z[-2:]

    @cached_property
    def _daily(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        hours = [hours_of(one, self.hour) for one in self.stretches]
        return tuple((_waves(one), _tilt(one)) for one in hours)

    @cached_property
    def starts(self) -> tuple[np.ndarray, ...]:
        """Starts in each stretch: hourly, from the warm-up to a day before its end."""
        found = []
        for one in self.stretches:
            step_s = one.inputs.step_s
            warm, day = hours_to_steps(WARM_UP_S / 3600.0, step_s), hours_to_steps(24.0, step_s)
            every = hours_to_steps(BETWEEN_STARTS_S / 3600.0, step_s)
            found.append(np.arange(min(warm, len(one) // 3), len(one) - day, every))
        return tuple(found)

    @property
    def predictions(self) -> int:
        """How many predictions of a day there are."""
        return sum(len(starts) for starts in self.starts)

    @cached_property
    def places(self) -> np.ndarray:
        """The step of the data at every start, stretches one after the other."""
        pairs = zip(self.stretches, self.starts, strict=True)
        return np.concatenate([one.first + starts for one, starts in pairs])

    @cached_property
    def known(self) -> np.ndarray:
        """Whether start and target of each prediction (leads x starts) were really read."""
        parts = []
        for one, starts in zip(self.stretches, self.starts, strict=True):
            read = one.inputs.filled < 0.5
            parts.append(np.array([read[starts] & read[starts + n] for n in self._leads(one)]))
        return np.concatenate(parts, axis=1)

    @staticmethod
    def _leads(one: Stretch) -> list[int]:
        return [hours_to_steps(lead, one.inputs.step_s) for lead in LEADS_H]

    def driven(self, z: FloatArray) -> list[Inputs]:
        """The inputs of each stretch, with the daily pattern among the gains."""
        if not self.patterned:
            return [one.inputs for one in self.stretches]
        gains_w, sun_frac = self._pattern(z)
        return [
            with_daily(one.inputs, waves @ gains_w, _of_sun(tilt @ sun_frac))
            for one, (waves, tilt) in zip(self.stretches, self._daily, strict=True)
        ]

    def runs(self, z: FloatArray) -> list[Run]:
        """The filter at z over each stretch."""
        building, noise = self.building(z), self.noise(z)
        return [run(building, noise, inputs) for inputs in self.driven(z)]

    def ahead(self, runs: list[Run]) -> FloatArray:
        """Rooms predicted: leads x starts, °C."""
        parts = []
        for one, starts, ran in zip(self.stretches, self.starts, runs, strict=True):
            parts.append(np.array([ran.ahead(starts, n) for n in self._leads(one)]))
        return np.concatenate(parts, axis=1)

    @cached_property
    def read_c(self) -> FloatArray:
        """Rooms read: leads x starts."""
        parts = []
        for one, starts in zip(self.stretches, self.starts, strict=True):
            parts.append(np.array([one.inputs.room_c[starts + n] for n in self._leads(one)]))
        return np.concatenate(parts, axis=1)

    def errors_k(self, z: FloatArray) -> FloatArray:
        """Read minus predicted: leads x starts."""
        try:
            return self.read_c - self.ahead(self.runs(z))
        except (np.linalg.LinAlgError, ValueError):  # parameters that make no filter
            return np.full(self.read_c.shape, HOPELESS_K)


def with_daily(inputs: Inputs, gain_w: FloatArray, sun_frac: FloatArray) -> Inputs:
    """The inputs with more heat into the air and the sun times a factor."""
    drives = inputs.drives.copy()
    drives[:, 2] *= sun_frac
    drives[:, 3] += gain_w
    return replace(inputs, drives=drives)


def hours_of(one: Stretch, hour: float) -> FloatArray:
    """Hour of the UTC day in the middle of each step, 0 to 24."""
    steps = one.first + 0.5 + np.arange(len(one))
    return np.asarray((hour + steps * one.inputs.step_s / 3600.0) % 24.0, dtype=np.float64)


def hour_of(at: datetime) -> float:
    """Hour of the day, with its fraction."""
    return at.hour + at.minute / 60.0 + at.second / 3600.0


def _waves(hours: FloatArray) -> FloatArray:
    turns = 2.0 * np.pi / 24.0 * np.outer(hours, np.arange(1, PATTERN_HARMONICS + 1))
    return np.hstack([np.cos(turns), np.sin(turns)])


def _tilt(hours: FloatArray) -> FloatArray:
    """More in the evening than in the morning; more at noon than at the edges of the day."""
    turns = 2.0 * np.pi / 24.0 * (hours - 12.0)
    return np.column_stack([np.sin(turns), np.cos(turns) - NOON_MEAN])


def _of_sun(more: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(1.0 + more, LEAST_OF_SUN), dtype=np.float64)


def fit(
    problem: Problem, *, counts: np.ndarray | None = None, first: Posterior | None = None
) -> Posterior:
    """The most probable parameters; `counts` (starts) tells which starts are fitted to.

    Two passes from the prior, one from `first`, which then also gives the spread of the errors.
    """
    used = problem.known if counts is None else problem.known & counts
    leads = np.array(LEADS_H)
    per_error = np.maximum(leads * 3600.0 / BETWEEN_STARTS_S, 1.0) * len(leads) / LEADS_PER_ERROR
    spread_k = FIRST_SPREAD_K[0] + FIRST_SPREAD_K[1] * leads if first is None else first.spread_k
    z = np.zeros(problem.size) if first is None else first.z
    covariance = np.eye(problem.size)
    trust = np.ones(problem.read_c.shape)
    if first is not None:
        trust = _trust(problem.errors_k(z), spread_k)
    for steps in (MOST_STEPS, AGAIN_STEPS) if first is None else (AGAIN_STEPS,):
        weights = used * trust / (spread_k * np.sqrt(per_error))[:, None]
        z, covariance = _solved(problem, weights, z, steps=steps)
        errors = problem.errors_k(z)
        spread_k = _spread_k(errors, used)
        trust = _trust(errors, spread_k)
    return Posterior(z, covariance, spread_k)


def _solved(
    problem: Problem, weights: FloatArray, z: FloatArray, *, steps: int
) -> tuple[FloatArray, FloatArray]:
    picked = weights > 0.0

    def residuals(at: FloatArray) -> FloatArray:
        return np.concatenate([(problem.errors_k(at) * weights)[picked], at])

    inside = np.clip(z, 0.02 - REACH_STD, REACH_STD - 0.02)
    found = least_squares(
        residuals,
        inside,
        bounds=(-REACH_STD, REACH_STD),
        diff_step=np.full(problem.size, 1e-3),
        max_nfev=steps,
        xtol=1e-4,
        ftol=1e-4,
    )
    return np.asarray(found.x), covariance_of(np.asarray(found.jac))


def covariance_of(jacobian: FloatArray) -> FloatArray:
    """Posterior covariance of z from weighted residuals' derivatives, prior rows included."""
    return np.asarray(np.linalg.inv(jacobian.T @ jacobian), dtype=np.float64)


def _spread_k(errors: FloatArray, used: np.ndarray) -> FloatArray:
    """Standard deviation of the errors at each lead, from their middle two thirds."""
    spreads = [
        np.quantile(np.abs(e[u]), 0.683) if u.any() else 1.0
        for e, u in zip(errors, used, strict=True)
    ]
    return np.asarray(np.maximum(spreads, LEAST_SPREAD_K), dtype=np.float64)


def _trust(errors: FloatArray, spread_k: FloatArray) -> FloatArray:
    """Square roots of Huber's weights."""
    beyond = np.abs(errors) / (HUBER_STD * spread_k[:, None])
    return np.asarray(1.0 / np.sqrt(np.maximum(beyond, 1.0)), dtype=np.float64)
