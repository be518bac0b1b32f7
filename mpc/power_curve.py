"""How much electricity a step's heat takes, and how much heat the step can have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mpc.arrays import FloatArray
from mpc.building import Emitter, flow_for_heat
from mpc.heat_pump import HeatPumpMap, Rated, at_source, measured_gain, part_load_gain, rated
from mpc.plan import HeatLimits

SEGMENTS = 3  # of the power curve between the lowest and the largest heat
NODE_FRACS = np.linspace(0.0, 1.0, SEGMENTS + 1)
CHECK_FRACS = 0.5 * (NODE_FRACS[:-1] + NODE_FRACS[1:])  # where the fit is furthest from its nodes
BISECTIONS = 18  # of the largest rated heat: below 0.1 W for any house
LOWEST_PASSES = 2  # the lowest heat sets the flow temperature, which sets the lowest heat


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
    load_gain: tuple[float, ...]
    most_gain: tuple[float, ...] = ()
    defrost_frac: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Power over heat of a running pump, per step: P = max_i(slope_i q + offset_i).

    For `heat_min_w` <= q <= `heat_max_w`; exact at the nodes if the map is convex there.
    `slope` and `offset_w` are segments x steps, `chord_*` the line from the lowest to the largest
    heat, above the curve. `fit_error_frac` is the largest |curve - map| between the nodes, as a
    share of the power at heat_max.
    """

    slope: FloatArray
    offset_w: FloatArray
    chord_slope: FloatArray
    chord_w: FloatArray
    heat_min_w: FloatArray
    heat_max_w: FloatArray
    fit_error_frac: float


@dataclass(frozen=True, slots=True)
class TankCurve:
    """Power of the pump while it charges the tank, per step: P = slope q + offset."""

    slope: FloatArray
    offset_w: FloatArray
    heat_min_w: FloatArray
    heat_max_w: FloatArray


def emission(
    *,
    heat_pump: HeatPumpMap,
    emitter: Emitter,
    limits: HeatLimits,
    source_c: FloatArray,
    room_c: ArrayLike,
    floor_c: FloatArray | None,
) -> Emission:
    """The conditions of every step; `room_c` and `floor_c` are what the water will meet."""
    room = np.broadcast_to(np.asarray(room_c, dtype=np.float64), source_c.shape)
    return Emission(
        pump=rated(heat_pump),
        standby_w=heat_pump.standby_w,
        emitter=emitter,
        limits=limits,
        source_c=source_c,
        room_c=room,
        floor_c=floor_c,
        load_gain=heat_pump.load_gain,
        most_gain=heat_pump.most_gain,
        defrost_frac=heat_pump.defrost_frac,
    )


def flow_c(where: Emission, heat_w: FloatArray) -> FloatArray:
    """Flow temperature for this mean heat, per step."""
    return flow_for_heat(where.emitter, heat_w, where.room_c, where.floor_c)


def power_w(where: Emission, heat_w: FloatArray) -> FloatArray:
    """Electricity for this mean heat, per step, standby included (a full map evaluation).

    Below its lowest continuous heat the pump cycles there: the flow temperature and COP of that
    heat for a share of the time. So P is a straight line up to that heat and convex above.
    """
    running_w = np.maximum(heat_w, lowest_w(where, heat_w))
    running_c = flow_c(where, running_w)
    full_cop, full_w = where.pump.at(where.source_c, running_c)
    load_frac = running_w / full_w
    gain = part_load_gain(where.source_c, running_c, load_frac)
    gain = gain * measured_gain(where.load_gain, load_frac)
    gain = gain * (1.0 - at_source(where.defrost_frac, where.source_c, 0.0))
    return heat_w / (gain * full_cop) + where.standby_w


def lowest_w(where: Emission, heat_w: FloatArray) -> FloatArray:
    """Lowest continuous heat at the flow temperature that `heat_w` needs, per step."""
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
    most_frac = at_source(where.most_gain, where.source_c, 1.0)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        flow = flow_c(where, middle)
        most_w = most_frac * where.pump.capacity_w(where.source_c, flow)
        fits = (flow <= limits.flow_max_c) & (middle <= most_w)
        if power_max_w is not None:
            fits &= power_w(where, middle) <= power_max_w
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    if power_max_w is None:
        return low
    return np.where(low < lowest_w(where, low), 0.0, low)


def power_curve(where: Emission, bound_w: FloatArray) -> PowerCurve:
    """The map between lowest and largest heat as lines through SEGMENTS + 1 nodes (no standby)."""
    least_w = np.minimum(lowest_w(where, bound_w), bound_w)
    for _ in range(LOWEST_PASSES):
        least_w = np.minimum(lowest_w(where, least_w), bound_w)
    span_w = bound_w - least_w

    def power(frac: float) -> FloatArray:
        return power_w(where, least_w + frac * span_w) - where.standby_w

    nodes = np.stack([power(frac) for frac in NODE_FRACS])
    some = span_w > 0.0
    wide = np.where(some, span_w, 1.0)
    mean = np.where(bound_w > 0.0, nodes[-1] / np.where(bound_w > 0.0, bound_w, 1.0), 0.0)
    slope = np.where(some, np.diff(nodes, axis=0) * SEGMENTS / wide, mean)
    slope = np.maximum.accumulate(slope, axis=0)  # a kink the wrong way is ironed out
    heats = least_w + NODE_FRACS[:-1, None] * span_w
    values = nodes[0] + np.vstack([np.zeros_like(span_w), np.cumsum(slope[:-1], axis=0)]) * (
        span_w / SEGMENTS
    )
    chord = np.where(some, np.mean(slope, axis=0), mean)
    fitted = values + slope * (span_w / (2 * SEGMENTS))
    missed = np.abs(fitted - np.stack([power(frac) for frac in CHECK_FRACS]))
    return PowerCurve(
        slope=slope,
        offset_w=values - slope * heats,
        chord_slope=chord,
        chord_w=nodes[0] - chord * least_w,
        heat_min_w=least_w,
        heat_max_w=bound_w,
        fit_error_frac=float(np.max(missed / np.maximum(nodes[-1], 1.0))),
    )


def tank_power_w(
    heat_pump: HeatPumpMap, heat_w: FloatArray, *, source_c: FloatArray, flow_c: FloatArray
) -> FloatArray:
    """Electricity for heat into the tank at this flow temperature, without standby."""
    full_cop, full_w = rated(heat_pump).at(source_c, flow_c)
    gain = part_load_gain(source_c, flow_c, heat_w / full_w)
    return heat_w / (gain * measured_gain(heat_pump.load_gain, heat_w / full_w) * full_cop)


def tank_curve(
    heat_pump: HeatPumpMap, limits: HeatLimits, *, source_c: FloatArray, flow_c: FloatArray,
    possible: FloatArray, charge_w: float | None = None,
) -> TankCurve:  # fmt: skip
    """The line through the powers at lowest and full heat; no heat where not `possible` (0/1).

    A pump that gives `charge_w` whenever it charges has no choice between the two.
    """
    pump = rated(heat_pump)
    full_w = pump.capacity_w(source_c, flow_c)
    least_w = limits.modulation_min_frac * full_w
    high_w = tank_power_w(heat_pump, full_w, source_c=source_c, flow_c=flow_c)
    low_w = tank_power_w(heat_pump, np.maximum(least_w, 1.0), source_c=source_c, flow_c=flow_c)
    most_w = full_w
    slope = (high_w - low_w) / np.maximum(full_w - least_w, 1.0)
    given_w = None if charge_w is None else np.clip(charge_w, least_w, full_w)
    offset_w = low_w - slope * least_w
    if given_w is not None:
        least_w = most_w = given_w
    if limits.power_max_w is not None:
        allowed_w = np.asarray(limits.power_max_w)
        most_w = np.minimum(most_w, (allowed_w - offset_w) / np.maximum(slope, 1e-6))
        possible = possible * (most_w >= least_w)
    return TankCurve(
        slope=slope,
        offset_w=offset_w * possible,
        heat_min_w=least_w * possible,
        heat_max_w=most_w * possible,
    )
