"""How much electricity a step's heat takes, and how much heat the step can have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mpc.arrays import FloatArray
from mpc.building import Emitter, flow_for_heat
from mpc.heat_pump import HeatPumpMap, Rated, part_load_gain, rated, source_for
from mpc.plan import HeatLimits

FIT_FRACS = np.linspace(0.0, 1.0, 9)[1:]  # of the step's largest heat, where the curve is fitted
BISECTIONS = 18  # of the largest rated heat: below 0.1 W for any house
SMALLEST_FIT_W = 100.0  # where no heat is allowed, a curve over this much keeps the numbers finite


@dataclass(frozen=True, slots=True)
class Emission:
    """Where a heat pump's heat goes in each step: what sets the flow temperature it needs."""

    pump: Rated
    standby_w: float
    emitter: Emitter
    limits: HeatLimits
    source_c: FloatArray
    room_c: FloatArray
    floor_c: FloatArray | None


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """P = a q + b q², q in W, b >= 0, for 0 <= q <= heat_max_w; all per step.

    `secant` is P(heat_max) / heat_max. `fit_error_frac` is the largest |fit - map| over the steps
    and the fitted points, as a share of the power at heat_max.
    """

    a: FloatArray
    b_per_w: FloatArray
    secant: FloatArray
    heat_max_w: FloatArray
    fit_error_frac: float


def emission(
    *,
    heat_pump: HeatPumpMap,
    emitter: Emitter,
    limits: HeatLimits,
    outdoor_c: ArrayLike,
    room_c: ArrayLike,
    floor_c: FloatArray | None,
) -> Emission:
    """The conditions of every step; `room_c` and `floor_c` are what the water will meet."""
    source_c = source_for(heat_pump, outdoor_c)
    room = np.broadcast_to(np.asarray(room_c, dtype=np.float64), source_c.shape)
    return Emission(
        pump=rated(heat_pump),
        standby_w=heat_pump.standby_w,
        emitter=emitter,
        limits=limits,
        source_c=source_c,
        room_c=room,
        floor_c=floor_c,
    )


def flow_c(where: Emission, heat_w: FloatArray) -> FloatArray:
    """Flow temperature for this mean heat, per step."""
    return flow_for_heat(where.emitter, heat_w, where.room_c, where.floor_c)


def power_w(where: Emission, heat_w: FloatArray) -> FloatArray:
    """Electricity for this mean heat, per step, standby included (a full map evaluation).

    Below its lowest continuous heat the pump cycles there: the flow temperature and COP of that
    heat for a share of the time. So P is a straight line up to that heat and convex above.
    """
    running_w = np.maximum(heat_w, _lowest_w(where, heat_w))
    running_c = flow_c(where, running_w)
    load_frac = running_w / where.pump.capacity_w(where.source_c, running_c)
    gain = part_load_gain(where.source_c, running_c, load_frac)
    return heat_w / (gain * where.pump.cop(where.source_c, running_c)) + where.standby_w


def _lowest_w(where: Emission, heat_w: FloatArray) -> FloatArray:
    full_w = where.pump.capacity_w(where.source_c, flow_c(where, heat_w))
    return where.limits.modulation_min_frac * full_w


def heat_max_w(where: Emission) -> FloatArray:
    """Largest heat per step within capacity, flow limit and power limit.

    All three tighten as heat (and with it the flow temperature) rises, so one bisection finds the
    smallest of the three bounds. 0 where the power limit does not even allow the lowest continuous
    heat: a limit holds at every instant, so cycling below it is no way out.
    """
    limits = where.limits
    power_max_w = None if limits.power_max_w is None else np.asarray(limits.power_max_w)
    high = np.full_like(where.source_c, 2.0 * float(where.pump.rated_heat_w.max()))
    low = np.zeros_like(high)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        flow = flow_c(where, middle)
        fits = (flow <= limits.flow_max_c) & (middle <= where.pump.capacity_w(where.source_c, flow))
        if power_max_w is not None:
            fits &= power_w(where, middle) <= power_max_w
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    if power_max_w is None:
        return low
    return np.where(low < _lowest_w(where, low), 0.0, low)


def power_curve(where: Emission, bound_w: FloatArray) -> PowerCurve:
    """Least squares of P = a q + b q² (without standby) on the map up to `bound_w`, per step."""
    span_w = np.maximum(bound_w, SMALLEST_FIT_W)
    heats = np.outer(FIT_FRACS, span_w)
    powers = np.stack([power_w(where, heat) for heat in heats]) - where.standby_w
    s2, s3, s4 = (float(np.sum(FIT_FRACS**k)) for k in (2, 3, 4))
    m1, m2 = FIT_FRACS @ powers, FIT_FRACS**2 @ powers
    b = np.maximum((s2 * m2 - s3 * m1) / (s2 * s4 - s3 * s3), 0.0)
    a = np.maximum((m1 - s3 * b) / s2, 0.0)
    fitted = np.outer(FIT_FRACS, a) + np.outer(FIT_FRACS**2, b)
    return PowerCurve(
        a=a / span_w,
        b_per_w=b / span_w**2,
        secant=powers[-1] / span_w,
        heat_max_w=bound_w,
        fit_error_frac=float(np.max(np.abs(fitted - powers) / powers[-1])),
    )
