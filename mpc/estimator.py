"""What the house's state probably is: a Kalman filter with two unknown heats into the air.

State z = (air, mass[, ...] in °C[, second], lasting, passing in W). Over a step x' = a x + b_heat q
+ ... + b_gain (lasting + passing) [+ b_second second] with the exact discretisation of the
building. The lasting heat is integrated: whatever stays wrong (loss, gains, heat measurement) ends
up in it, so that predictions have no offset, and nothing pulls it back. The passing one (guests,
stove, open window) fades with PASSING_S and is gone from a prediction of the next day. With a
second zone a second lasting heat goes there alone: each room that is read needs one, or none of the
two predictions is free of offset. A reading corrects: that of a room, each by itself.

Offset-free prediction by an integrated disturbance: Pannocchia and Rawlings, Disturbance models for
offset-free model-predictive control, AIChE Journal 49 (2003), doi 10.1002/aic.690490213.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mpc.arrays import FloatArray
from mpc.building import Building, discretise, rooms_of, steady_state, total_loss_w_per_k
from mpc.plan import Estimate

PASSING_S = 2 * 3600.0  # assumption: cooking, guests, airing and their traces in the surfaces
PASSING_STD_W = 400.0  # assumption: people and appliances of a house come and go by so much
LASTING_W_PER_ROOT_DAY = 100.0  # assumption: so fast do habits, weather and wrong losses drift
LASTING_FRAC = 0.25  # of the heat for LASTING_EXCESS_K: how wrong a typical house's loss may be
LASTING_EXCESS_K = 20.0
LASTING_LEAST_STD_W = 200.0
STATE_NOISE_K_PER_ROOT_H = (0.1, 0.05, 0.05)  # assumption: what so small a network cannot explain
NOISE_SPAN_S = 3600.0  # over longer gaps the house itself limits how far noise can carry a state
ROOM_GUESS_C = 20.0  # before any reading
FIRST_STD_K = (0.3, 1.5, 1.5)  # air read, the rest inferred from it
UNREAD_STD_K = 3.0
GATE_STD = 4.0  # an innovation beyond this many standard deviations is trusted less
GATE_WIDENS_FRAC = 0.1  # and widens the air's variance by this share of what would explain it
NOTABLE_W = 3.0 * PASSING_STD_W  # so much passing heat is a window or a stove
DAY_S = 86_400.0
COVARIANCE_DIGITS = 9  # significant ones: enough, and half as long in a record


@dataclass(frozen=True, slots=True)
class Innovation:
    """What a reading said beyond the prediction, and the standard deviation it should have."""

    value_k: float
    std_k: float


@lru_cache(maxsize=64)
def lasting_std_w(building: Building) -> float:
    """How large the lasting heat may be before anything is known of the house."""
    typical_w = LASTING_FRAC * LASTING_EXCESS_K * total_loss_w_per_k(building)
    return max(typical_w, LASTING_LEAST_STD_W)


def passing_left_frac(after_s: float, span_s: float) -> float:
    """Mean share of the passing heat that is left over a span that begins after so long."""
    span = span_s / PASSING_S
    return math.exp(-after_s / PASSING_S) * -math.expm1(-span) / span


def initial(
    building: Building,
    *,
    at: datetime,
    room_c: float | None,
    outdoor_c: float,
    second_c: float | None = None,
) -> Estimate:
    """A first belief: the house at rest at the room's reading (or ROOM_GUESS_C), no disturbance.

    A second zone is where that leads it, all of it moved to its own reading if there is one.
    """
    guess_c = ROOM_GUESS_C if room_c is None else room_c
    rest = steady_state(
        building, room_c=guess_c, outdoor_c=outdoor_c, gain_w=building.internal_gains_w
    ).state_c[:, 0]
    stds = [FIRST_STD_K[min(k, len(FIRST_STD_K) - 1)] for k in range(len(rest))]
    if room_c is None:
        stds = [UNREAD_STD_K] * len(rest)
    heats = [lasting_std_w(building)] * len(rooms_of(building))
    for air in rooms_of(building)[1:]:
        stds[air] = UNREAD_STD_K if second_c is None else FIRST_STD_K[0]
        if second_c is not None:
            rest[air:] += second_c - rest[air]
    variances = np.square([*stds, *heats, PASSING_STD_W])
    return _estimate(
        at, np.array([*rest, *(0.0 for _ in heats), 0.0]), np.diag(variances), len(rest)
    )


def resumed(fresh: Estimate, earlier: Estimate) -> Estimate:
    """A fresh belief that keeps the lasting heat of an earlier one, and how sure that was.

    Meanwhile it may have drifted. An earlier covariance of another shape counts for nothing.
    """
    p, n = covariance_of(fresh), len(fresh.state_c)
    if len(earlier.covariance) == len(fresh.covariance):
        gone_days = max((fresh.at - earlier.at).total_seconds(), 0.0) / DAY_S
        was = covariance_of(earlier)
        for i in range(n, len(p) - 1):
            known = float(was[i, i]) + LASTING_W_PER_ROOT_DAY**2 * gone_days
            p[i, i] = min(known, float(p[i, i]))
    second = () if fresh.second_w is None else (earlier.second_w or 0.0,)
    z = np.array([*fresh.state_c, *second, earlier.disturbance_w, 0.0])
    return _estimate(fresh.at, z, p, n)


@lru_cache(maxsize=256)
def _transition(building: Building, step_s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(F, B, Q) of z over a step; B's columns: heat, outdoor, irradiance, internal gains.

    Q lacks the drift of lasting heat, which depends on how unsure it is already.
    """
    step = discretise(building, step_s)
    n = len(step.b_gain)
    stays = math.exp(-step_s / PASSING_S)
    lasting = [step.b_gain] if step.b_second is None else [step.b_second, step.b_gain]
    size = n + len(lasting) + 1
    f = np.eye(size)
    f[:n, :n], f[:n, n:-1] = step.a, np.column_stack(lasting)
    f[:n, -1], f[-1, -1] = step.b_gain * passing_left_frac(0.0, step_s), stays
    b = np.zeros((size, 4))
    b[:n] = np.column_stack([step.b_heat, step.b_outdoor, step.b_solar, step.b_gain])
    hours = min(step_s, NOISE_SPAN_S) / 3600.0
    per_root_h = STATE_NOISE_K_PER_ROOT_H
    airs = rooms_of(building)
    noise = [
        per_root_h[0 if k in airs else min(k, len(per_root_h) - 1)] ** 2 * hours for k in range(n)
    ]
    q = np.diag([*noise, *(0.0 for _ in lasting), PASSING_STD_W**2 * (1.0 - stays * stays)])
    return f, b, q


def predict(
    estimate: Estimate,
    building: Building,
    *,
    until: datetime,
    heat_w: float,
    outdoor_c: float,
    ghi_w_per_m2: float,
    gain_w: float = 0.0,
) -> Estimate:
    """Belief at `until` under inputs that were constant since `estimate.at`; surer it never gets.

    `gain_w` is known heat into the air beside the internal gains.
    Raises ValueError when `until` lies before the estimate.
    """
    step_s = (until - estimate.at).total_seconds()
    if step_s < 0.0:
        raise ValueError(f"cannot predict back from {estimate.at} to {until}")
    if step_s == 0.0:
        return estimate
    f, b, q = _transition(building, step_s)
    u = np.array([heat_w, outdoor_c, ghi_w_per_m2, building.internal_gains_w + gain_w])
    p, n = f @ covariance_of(estimate) @ f.T + q, len(estimate.state_c)
    for i in range(n, len(p) - 1):
        p[i, i] += _drifted_w2(float(p[i, i]), lasting_std_w(building), step_s)
    return _estimate(until, f @ vector(estimate) + b @ u, p, n)


def _drifted_w2(variance_w2: float, most_std_w: float, step_s: float) -> float:
    """More variance of the lasting heat after a step: a random walk, but never beyond the first."""
    most_w2 = most_std_w * most_std_w
    share = -math.expm1(-(step_s / DAY_S) * LASTING_W_PER_ROOT_DAY**2 / most_w2)
    return max(most_w2 - variance_w2, 0.0) * share


def innovation(estimate: Estimate, *, room_c: float, std_k: float) -> Innovation:
    """How far a reading of the first room lies from what was expected."""
    variance = float(covariance_of(estimate)[0, 0])
    return Innovation(room_c - estimate.state_c[0], math.sqrt(variance + std_k * std_k))


def correct(estimate: Estimate, *, room_c: float, std_k: float, air: int = 0) -> Estimate:
    """Belief after a reading with this standard deviation of the room whose state is `air`.

    A reading far outside what was expected counts for less, as if its noise explained the
    difference, but each one also widens the variances of the air and of the passing heat: an
    outlier passes, while a house that has really changed is believed after some readings. The more
    passes anyway (a stove, a window), the less a reading says of what lasts.
    """
    z, p, n = vector(estimate), covariance_of(estimate), len(estimate.state_c)
    surprise_k = room_c - float(z[air])
    noise = std_k * std_k
    beyond = max((surprise_k / GATE_STD) ** 2 - (float(p[air, air]) + noise), 0.0)
    noise += beyond
    gain = p[:, air] / (p[air, air] + noise)
    gain[n:-1] /= 1.0 + (float(z[-1]) / NOTABLE_W) ** 2
    keep = np.eye(len(z))
    keep[:, air] -= gain
    joseph = keep @ p @ keep.T + noise * np.outer(gain, gain)
    if beyond > 0.0:
        joseph[air, air] += GATE_WIDENS_FRAC * beyond
        joseph[-1, -1] += PASSING_STD_W**2
    return _estimate(estimate.at, z + gain * surprise_k, joseph, n)


def taken_back(estimate: Estimate, free: Estimate, unread: Estimate, *, air: int) -> Estimate:
    """The belief without what the readings of one room have said since `free` began without them.

    What that room tells about is as in `free`, and as unsure as in `unread`: its zone's states and
    lasting heat, for the first zone the passing heat too.
    """
    z, p, n = vector(estimate), covariance_of(estimate), len(estimate.state_c)
    second = estimate.second_w is not None
    theirs = [*range(n - 2, n), n] if second else []
    own = theirs if air else [i for i in range(len(z)) if i not in theirs]
    z[own] = vector(free)[own]
    p[own], p[:, own] = 0.0, 0.0
    p[np.ix_(own, own)] = covariance_of(unread)[np.ix_(own, own)]
    return _estimate(free.at, z, p, n)


def covariance_of(estimate: Estimate) -> FloatArray:
    """The whole symmetric matrix over what `vector` holds."""
    _, place = _packing(len(vector(estimate)))
    return np.asarray(np.array(estimate.covariance)[place])


@lru_cache(maxsize=8)
def _packing(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Flat places of the upper triangle in a matrix, and of every entry in the packed triangle."""
    rows, columns = np.triu_indices(n)
    place = np.zeros((n, n), dtype=np.intp)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    return rows * n + columns, place


def _short(value: float) -> float:
    return float(f"{value:.{COVARIANCE_DIGITS}g}")


def vector(estimate: Estimate) -> FloatArray:
    """z: temperatures, second (if there is one), lasting and passing heat."""
    second = () if estimate.second_w is None else (estimate.second_w,)
    return np.array([*estimate.state_c, *second, estimate.disturbance_w, estimate.passing_w])


def moved_to(estimate: Estimate, z: Sequence[float]) -> Estimate:
    """The belief elsewhere, as `vector` tells it, and as unsure as before."""
    n = len(estimate.state_c)
    *second, lasting_w, passing_w = z[n:]
    return replace(
        estimate,
        state_c=tuple(z[:n]),
        second_w=second[0] if second else None,
        disturbance_w=lasting_w,
        passing_w=passing_w,
    )


def _estimate(at: datetime, z: FloatArray, p: FloatArray, states: int) -> Estimate:
    upper, _ = _packing(len(z))
    symmetric = 0.5 * (p + p.T)
    values = z.tolist()
    *second, lasting_w, passing_w = values[states:]
    return Estimate(
        at=at,
        state_c=tuple(values[:states]),
        disturbance_w=lasting_w,
        passing_w=passing_w,
        second_w=second[0] if second else None,
        covariance=tuple(_short(value) for value in symmetric.ravel()[upper].tolist()),
    )
