"""What the house's state probably is: a Kalman filter with one unknown heat into the air.

State z = (air, mass[, floor] in °C, disturbance in W). Over a step x' = a x + b_heat q + ... +
b_gain d with the exact discretisation of the building; the disturbance fades towards zero with
DISTURBANCE_DECAY_S and is driven by noise that keeps its spread at DISTURBANCE_STD_W, so it can
follow guests, an open window or a wrong loss coefficient. One reading corrects: the room.
"""

import math
from datetime import datetime
from functools import lru_cache

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import Building, discretise, steady_state
from mpc.plan import Estimate

DISTURBANCE_DECAY_S = 24 * 3600.0  # assumption: an unexplained heat lasts about a day
DISTURBANCE_STD_W = 500.0  # assumption: as large as all people and appliances of a house
STATE_NOISE_K_PER_ROOT_H = (0.3, 0.05, 0.05)  # assumption: what so small a network cannot explain
NOISE_SPAN_S = 3600.0  # over longer gaps the house itself limits how far noise can carry a state
ROOM_GUESS_C = 20.0  # before any reading
FIRST_STD_K = (0.3, 1.5, 1.5)  # air read, the rest inferred from it
UNREAD_STD_K = 3.0
GATE_STD = 4.0  # an innovation beyond this many standard deviations is trusted less
GATE_WIDENS_FRAC = 0.1  # and widens the air's variance by this share of what would explain it


def initial(
    building: Building, *, at: datetime, room_c: float | None, outdoor_c: float
) -> Estimate:
    """A first belief: the house at rest at the room's reading (or ROOM_GUESS_C), no disturbance."""
    guess_c = ROOM_GUESS_C if room_c is None else room_c
    rest = steady_state(
        building, room_c=guess_c, outdoor_c=outdoor_c, gain_w=building.internal_gains_w
    ).state_c[:, 0]
    stds = list(FIRST_STD_K[: len(rest)])
    if room_c is None:
        stds = [UNREAD_STD_K] * len(rest)
    variances = np.square([*stds, DISTURBANCE_STD_W])
    return Estimate(
        at=at,
        state_c=tuple(rest.tolist()),
        disturbance_w=0.0,
        covariance=tuple(np.diag(variances).ravel().tolist()),
    )


@lru_cache(maxsize=256)
def _transition(building: Building, step_s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(F, B, Q) of z over a step; B's columns: heat, outdoor, irradiance, internal gains."""
    step = discretise(building, step_s)
    n = len(step.b_heat)
    stays = math.exp(-step_s / DISTURBANCE_DECAY_S)
    f = np.zeros((n + 1, n + 1))
    f[:n, :n], f[:n, n], f[n, n] = step.a, step.b_gain, stays
    b = np.zeros((n + 1, 4))
    b[:n] = np.column_stack([step.b_heat, step.b_outdoor, step.b_solar, step.b_gain])
    hours = min(step_s, NOISE_SPAN_S) / 3600.0
    noise = [k * k * hours for k in STATE_NOISE_K_PER_ROOT_H[:n]]
    q = np.diag([*noise, DISTURBANCE_STD_W**2 * (1.0 - stays * stays)])
    return f, b, q


def predict(
    estimate: Estimate,
    building: Building,
    *,
    until: datetime,
    heat_w: float,
    outdoor_c: float,
    ghi_w_per_m2: float,
) -> Estimate:
    """Belief at `until` under inputs that were constant since `estimate.at`; surer it never gets.

    Raises ValueError when `until` lies before the estimate.
    """
    step_s = (until - estimate.at).total_seconds()
    if step_s < 0.0:
        raise ValueError(f"cannot predict back from {estimate.at} to {until}")
    if step_s == 0.0:
        return estimate
    f, b, q = _transition(building, step_s)
    z = np.array([*estimate.state_c, estimate.disturbance_w])
    p = np.array(estimate.covariance).reshape(len(z), len(z))
    u = np.array([heat_w, outdoor_c, ghi_w_per_m2, building.internal_gains_w])
    return _estimate(until, f @ z + b @ u, f @ p @ f.T + q)


def correct(estimate: Estimate, *, room_c: float, std_k: float) -> Estimate:
    """Belief after a room reading with this standard deviation.

    A reading far outside what was expected counts for less, as if its noise explained the
    difference, but each one also widens the air's variance: an outlier passes, a house that has
    really changed is believed after some readings.
    """
    z = np.array([*estimate.state_c, estimate.disturbance_w])
    p = np.array(estimate.covariance).reshape(len(z), len(z))
    innovation = room_c - float(z[0])
    noise = std_k * std_k
    beyond = max((innovation / GATE_STD) ** 2 - (float(p[0, 0]) + noise), 0.0)
    noise += beyond
    gain = p[:, 0] / (p[0, 0] + noise)
    keep = np.eye(len(z))
    keep[:, 0] -= gain
    joseph = keep @ p @ keep.T + noise * np.outer(gain, gain)
    joseph[0, 0] += GATE_WIDENS_FRAC * beyond
    return _estimate(estimate.at, z + gain * innovation, joseph)


def _estimate(at: datetime, z: FloatArray, p: FloatArray) -> Estimate:
    symmetric = 0.5 * (p + p.T)
    values = z.tolist()
    return Estimate(
        at=at,
        state_c=tuple(values[:-1]),
        disturbance_w=values[-1],
        covariance=tuple(symmetric.ravel().tolist()),
    )
