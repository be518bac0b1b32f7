"""The room filtered and predicted over whole records at once.

State z = (states of the building, slow disturbance W, fast disturbance W). With a constant gain K
the filter is a linear recursion of its inputs,
    xi' = F (I - K H) xi + F K y + B u,
which is run as independent first-order filters in the eigenvectors of F (I - K H). A prediction of
any lead comes from one simulation S without readings: x(k+h|k) = S(k+h) + F^h (z(k|k) - S(k)).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from mpc.arrays import FloatArray
from mpc.building import Building, discretise, steady_state
from mpc.identify_model import Noise

SLOW_DECAY_S = 20.0 * 86_400.0  # a slow disturbance stays: no offset a day ahead
DOUBLINGS = 40  # 2^40 quarters of an hour; 10 to 15 doublings are usual
SETTLED_FRAC = 1e-12
FAST_DECAY_S = 3.0 * 3600.0  # assumption: a stove, a window, guests


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What drives the house over one stretch without gaps; all arrays have one entry per step."""

    step_s: float
    room_c: FloatArray
    drives: FloatArray  # steps x 4: heat W, outdoor °C, irradiance W/m2, known gains W (not wind)
    wind_k_m_s: FloatArray | None  # wind above usual times room minus outdoors, K m/s
    filled: FloatArray  # 1 where a reading was filled in, else 0


@dataclass(frozen=True, slots=True, eq=False)
class Kalman:
    """The stationary filter of one building and one noise."""

    f: FloatArray
    b: FloatArray  # columns as `Inputs.drives`
    gain: FloatArray
    covariance: FloatArray  # of z after a reading
    q: FloatArray


def kalman(building: Building, noise: Noise, step_s: float) -> Kalman:
    """Transition, gain and stationary covariance."""
    step = discretise(building, step_s)
    n = len(step.a)
    stays = np.exp(-step_s / np.array([SLOW_DECAY_S, FAST_DECAY_S]))
    f = np.zeros((n + 2, n + 2))
    f[:n, :n] = step.a
    f[:n, n] = f[:n, n + 1] = step.b_gain
    f[n, n], f[n + 1, n + 1] = stays
    b = np.zeros((n + 2, 4))
    b[:n] = np.column_stack([step.b_heat, step.b_outdoor, step.b_solar, step.b_gain])
    hours = step_s / 3600.0
    own = np.full(n, noise.mass_k_per_root_h)
    own[0] = noise.air_k_per_root_h
    q = np.diag(
        [
            *(own**2 * hours),
            noise.slow_w_per_root_h**2 * hours,
            noise.fast_w**2 * (1.0 - stays[1] ** 2),
        ]
    )
    r = noise.reading_std_k**2
    p = before_reading(f, q, r)
    gain = p[:, 0] / (p[0, 0] + r)
    keep = np.eye(n + 2)
    keep[:, 0] -= gain
    return Kalman(f, b, gain, keep @ p @ keep.T + r * np.outer(gain, gain), q)


def before_reading(f: FloatArray, q: FloatArray, r: float) -> FloatArray:
    """Stationary covariance before a reading of the first state with variance `r`.

    The discrete Riccati equation by doubling: k steps of it are 2^k steps of the filter (Anderson,
    Second-order convergent algorithms for the steady-state Riccati equation, Int. J. Control 28
    (1978) 295). Raises LinAlgError where it does not settle.
    """
    a, p, g = f.T, q, np.zeros_like(f)
    g[0, 0] = 1.0 / r
    one = np.eye(len(f))
    for _ in range(DOUBLINGS):
        both = np.linalg.solve(one + g @ p, np.hstack([a, g]))
        step_a, step_g = both[:, : len(f)], both[:, len(f) :]
        more = a.T @ p @ step_a
        a, g, p = a @ step_a, g + a @ step_g @ a.T, p + more
        if np.abs(more).max() <= SETTLED_FRAC * np.abs(p).max():
            return 0.5 * (p + p.T)
    raise np.linalg.LinAlgError("the filter of this house does not settle")


def recursion(matrix: FloatArray, pushes: FloatArray, first: FloatArray) -> FloatArray:
    """x(0) = first, x(k+1) = matrix x(k) + pushes(k); steps x states, as many as pushes."""
    values, vectors = np.linalg.eig(matrix)
    inverse = np.linalg.inv(vectors)
    driven = np.vstack([first, pushes[:-1]]) @ inverse.T
    modes = np.empty_like(driven, dtype=np.complex128)
    for i, value in enumerate(values):
        modes[:, i] = lfilter([1.0], [1.0, -value], driven[:, i])
    return np.ascontiguousarray((modes @ vectors.T).real)


def at_rest(building: Building, inputs: Inputs) -> FloatArray:
    """z of a house at rest at the first reading, in the mean weather of the first day."""
    day = slice(0, max(round(86_400.0 / inputs.step_s), 1))
    _, outdoor_c, ghi_w_per_m2, gain_w = inputs.drives[day].mean(axis=0).tolist()
    rest = steady_state(
        building,
        room_c=float(inputs.room_c[0]),
        outdoor_c=outdoor_c,
        ghi_w_per_m2=ghi_w_per_m2,
        gain_w=gain_w + building.internal_gains_w,
    ).state_c[:, 0]
    return np.concatenate([rest, [0.0, 0.0]])


def drives(building: Building, inputs: Inputs) -> FloatArray:
    """`Inputs.drives` with the building's own gains and what the wind takes."""
    given = inputs.drives.copy()
    given[:, 3] += building.internal_gains_w
    if inputs.wind_k_m_s is not None:
        given[:, 3] -= building.wind_w_per_k_per_m_s * inputs.wind_k_m_s
    return given


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A filtered stretch: `believed` z(k|k) and `free` S(k), both steps x states; innovations."""

    model: Kalman
    believed: FloatArray
    free: FloatArray
    innovations_k: FloatArray

    def ahead(self, starts: np.ndarray, steps: int) -> FloatArray:
        """Room predicted `steps` after each start from what was known at the start, °C."""
        row = np.linalg.matrix_power(self.model.f, steps)[0]
        return np.asarray(
            self.free[starts + steps, 0] + (self.believed[starts] - self.free[starts]) @ row
        )


def run(building: Building, noise: Noise, inputs: Inputs) -> Run:
    """The filter over the whole stretch."""
    model = kalman(building, noise, inputs.step_s)
    first = at_rest(building, inputs)
    pushes = drives(building, inputs) @ model.b.T
    free = recursion(model.f, pushes, first)
    keep = np.eye(len(model.f))
    keep[:, 0] -= model.gain
    read = pushes + np.outer(inputs.room_c, model.f @ model.gain)
    expected = recursion(model.f @ keep, read, first)
    innovations = inputs.room_c - expected[:, 0]
    believed = expected + np.outer(innovations, model.gain)
    return Run(model, believed, free, innovations)


def scaled(noise: Noise, ratio: float) -> Noise:
    """All standard deviations of the filter times `ratio`: the same gain, another width."""
    return replace(
        noise,
        reading_std_k=noise.reading_std_k * ratio,
        air_k_per_root_h=noise.air_k_per_root_h * ratio,
        mass_k_per_root_h=noise.mass_k_per_root_h * ratio,
        slow_w_per_root_h=noise.slow_w_per_root_h * ratio,
        fast_w=noise.fast_w * ratio,
    )


def spread(model: Kalman, steps: int) -> FloatArray:
    """Variance of the room 1..steps after a start, from state, disturbance and noise (K2)."""
    p = model.covariance
    variances = np.empty(steps)
    for i in range(steps):
        p = model.f @ p @ model.f.T + model.q
        variances[i] = p[0, 0]
    return variances


def hours_to_steps(hours: float, step_s: float) -> int:
    """Whole steps in this time, at least one."""
    return max(math.floor(hours * 3600.0 / step_s + 0.5), 1)
