"""COP and capacity of a heat pump over source and flow temperature."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.arrays import FloatArray

EXTRAPOLATE_K = 10.0  # a data sheet is stretched this far, then held
LOAD_NODES = (0.3, 0.45, 0.6, 0.75, 0.9)  # shares of capacity where a measured gain is given
SOURCE_NODES_C = (-12.0, -5.0, 2.0, 9.0)  # where measured corrections by source are given
COP_MIN = 1.0  # an electric heater would do as well
CAPACITY_MIN_FRAC = 0.2  # of the largest rated heat; keeps an extrapolation from reaching zero
PRIOR_COP_PER_K = (0.022, -0.020)  # relative to source and flow; slope of common EN 14511 sheets
PRIOR_HEAT_PER_K = (0.020, -0.005)
PRIOR_WEIGHT_K = 2.0  # the data decide as soon as points lie further apart than this
COP_PER_K_RANGE = ((0.005, 0.045), (-0.040, -0.008))  # what a vapour-compression cycle can show
HEAT_PER_K_RANGE = ((0.0, 0.045), (-0.020, 0.0))
SURFACE_CELLS = 8  # per axis, of the table drawn from scattered points
BRINE_BELOW_GROUND_K = 5.0  # iPower WP5.5: data-sheet brine inlet = ground - 5 K, ground >= 0 °C
APPROACH_K = 10.0  # assumption: evaporator and condenser differences at full load together
# Frost on an outdoor coil costs most near 2 °C in humid air: AHRI 210/240 (2023) assumes, between
# 17 and 45 °F and worst at 35 °F, heat 0.90 and power 0.985 of what the dry points around it say.
FROST_C = (-8.3, 1.7, 7.2)
FROST_HEAT_FRAC = (1.0, 0.90, 1.0)
FROST_COP_FRAC = (1.0, 0.90 / 0.985, 1.0)
LEAST_LIFT_K = 15.0  # below this lift a compressor gains nothing more (Ruhnau et al. 2019)


class SourceKind(StrEnum):
    """Where the heat comes from."""

    AIR = "air"
    GROUND = "ground"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedPoint:
    """One row of an EN 14511 data sheet."""

    source_c: float
    flow_c: float
    heat_w: float
    power_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPumpMap:
    """A data sheet as the planner uses it, with one factor for field conditions."""

    source: SourceKind
    points: tuple[RatedPoint, ...]
    field_frac: float  # real COP over data-sheet COP at full load (defrost, cycling)
    standby_w: float
    # Air only: share of the frost loss (FROST_*) that the points lack. 0 for sheets with a row near
    # 2 °C, which EN 14511 measures with defrosting; up to 1 for points drawn through dry air only.
    frost_frac: float = 0.0
    load_gain: tuple[float, ...] = ()  # COP as measured over the map's at LOAD_NODES; empty: 1
    most_gain: tuple[float, ...] = ()  # the same of the largest heat, at SOURCE_NODES_C
    defrost_frac: tuple[float, ...] = ()  # of heating's electricity, at SOURCE_NODES_C; empty: 0


@dataclass(frozen=True, slots=True)
class Rated:
    """A map ready for many questions: rated COP and heat on a full grid (sources x flows).

    Bilinear inside a cell, held beyond the grid. Every cell is kept as the four coefficients of
    y = c0 + c1 s + c2 f + c3 s f for COP and heat, so that a question costs one look-up.
    """

    source_c: FloatArray
    flow_c: FloatArray
    rated_cop: FloatArray
    rated_heat_w: FloatArray
    field_frac: float
    _cells: FloatArray = field(init=False, repr=False)  # 8 x cells
    _heat_least_w: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Turn the tables into coefficients."""
        tables = (self.rated_cop, self.rated_heat_w)
        cells = np.vstack([_coefficients(t, self.source_c, self.flow_c) for t in tables])
        object.__setattr__(self, "_cells", cells)
        least_w = CAPACITY_MIN_FRAC * float(self.rated_heat_w.max())
        object.__setattr__(self, "_heat_least_w", least_w)

    def at(self, source_c: ArrayLike, flow_c: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """`cop` and `capacity_w` together, for little more than the price of one."""
        s, f, cell = self._located(source_c, flow_c)
        c = self._cells.take(cell, axis=1)
        rated_cop = c[0] + c[1] * s + (c[2] + c[3] * s) * f
        heat_w = c[4] + c[5] * s + (c[6] + c[7] * s) * f
        return (
            np.maximum(self.field_frac * rated_cop, COP_MIN),
            np.maximum(heat_w, self._heat_least_w),
        )

    def cop(self, source_c: ArrayLike, flow_c: ArrayLike) -> FloatArray:
        """See `cop`."""
        s, f, cell = self._located(source_c, flow_c)
        c = self._cells[:4].take(cell, axis=1)
        rated_cop = c[0] + c[1] * s + (c[2] + c[3] * s) * f
        found: FloatArray = np.maximum(self.field_frac * rated_cop, COP_MIN)
        return found

    def capacity_w(self, source_c: ArrayLike, flow_c: ArrayLike) -> FloatArray:
        """See `capacity_w`."""
        s, f, cell = self._located(source_c, flow_c)
        c = self._cells[4:].take(cell, axis=1)
        heat_w = c[0] + c[1] * s + (c[2] + c[3] * s) * f
        found: FloatArray = np.maximum(heat_w, self._heat_least_w)
        return found

    def _located(
        self, source_c: ArrayLike, flow_c: ArrayLike
    ) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
        """Both temperatures within the grid, and the cell they fall into."""
        s = _held(np.asarray(source_c, dtype=np.float64), self.source_c)
        f = _held(np.asarray(flow_c, dtype=np.float64), self.flow_c)
        row = self.source_c[1:-1].searchsorted(s, side="right")
        column = self.flow_c[1:-1].searchsorted(f, side="right")
        return s, f, np.asarray(row * (len(self.flow_c) - 1) + column)


def _held(at: FloatArray, axis: FloatArray) -> FloatArray:
    held: FloatArray = np.minimum(np.maximum(at, axis[0]), axis[-1])  # np.clip is far slower
    return held


def _coefficients(values: FloatArray, source_c: FloatArray, flow_c: FloatArray) -> FloatArray:
    """c0..c3 of every cell of a table (4 x cells); the table's corners are met."""
    s, f = source_c[:-1, None], flow_c[None, :-1]
    ds, df = np.diff(source_c)[:, None], np.diff(flow_c)[None, :]
    corner = values[:-1, :-1]
    by_s = (values[1:, :-1] - corner) / ds
    by_f = (values[:-1, 1:] - corner) / df
    both = (values[1:, 1:] - values[1:, :-1] - values[:-1, 1:] + corner) / (ds * df)
    c0 = corner - by_s * s - by_f * f + both * s * f
    return np.stack([c0, by_s - both * f, by_f - both * s, both]).reshape(4, -1)


def part_load_gain(source_c: ArrayLike, flow_c: ArrayLike, load_frac: ArrayLike) -> FloatArray:
    """COP at part load over the COP at full load, at the same source and flow temperature.

    A variable-speed unit's heat exchangers work with smaller temperature differences at low speed,
    so the refrigerant is lifted less: lift = flow - source + APPROACH_K * load, COP ~ 1 / lift.
    For units that run at one speed the load while running is 1, and so is the gain.
    """
    full_k = np.maximum(np.asarray(flow_c) - np.asarray(source_c), LEAST_LIFT_K) + APPROACH_K
    spared_k = APPROACH_K * (1.0 - np.minimum(np.maximum(load_frac, 0.0), 1.0))
    gain: FloatArray = full_k / (full_k - spared_k)
    return gain


def measured_gain(load_gain: tuple[float, ...], load_frac: ArrayLike) -> FloatArray:
    """COP as measured over the map's at this share of capacity; 1 where nothing was measured."""
    if not load_gain:
        return np.ones_like(np.asarray(load_frac, dtype=np.float64))
    return np.asarray(np.interp(np.asarray(load_frac), LOAD_NODES, load_gain), dtype=np.float64)


def at_source(by_node: tuple[float, ...], source_c: ArrayLike, unknown: float) -> FloatArray:
    """A measured correction at these source temperatures; `unknown` where none was measured."""
    source = np.asarray(source_c, dtype=np.float64)
    if not by_node:
        return np.full_like(source, unknown)
    return np.asarray(np.interp(source, SOURCE_NODES_C, by_node), dtype=np.float64)


def cop(heat_pump: HeatPumpMap, source_c: ArrayLike, flow_c: ArrayLike) -> FloatArray:
    """COP in the field: rated COP times `field_frac`, never below 1, never rising with the flow.

    Bilinear on a full grid of points; the slope of the last cell is continued for EXTRAPOLATE_K
    and then held. Scattered points: the surface of `_surface`.
    """
    return rated(heat_pump).cop(source_c, flow_c)


def capacity_w(heat_pump: HeatPumpMap, source_c: ArrayLike, flow_c: ArrayLike) -> FloatArray:
    """Largest continuous heat, from the same points in the same way as `cop`."""
    return rated(heat_pump).capacity_w(source_c, flow_c)


def source_for(
    heat_pump: HeatPumpMap, outdoor_c: ArrayLike, source_c: ArrayLike | None = None
) -> FloatArray:
    """Source temperature of each step: outdoor air, or brine that follows the mean outdoors.

    `source_c`, if given, is known better and taken as it is (`mpc.heat_pump_source.brine_for`).
    """
    outdoor = np.asarray(outdoor_c, dtype=np.float64)
    if source_c is not None:
        return np.broadcast_to(np.asarray(source_c, dtype=np.float64), outdoor.shape)
    if heat_pump.source is SourceKind.AIR:
        return outdoor
    brine_c = max(0.0, float(np.mean(outdoor))) - BRINE_BELOW_GROUND_K
    return np.full_like(outdoor, brine_c)


def rated(heat_pump: HeatPumpMap) -> Rated:
    """The map as tables; raises ValueError when its points cannot be a heat pump."""
    measured = heat_pump.load_gain or heat_pump.most_gain or heat_pump.defrost_frac
    if not measured:
        return _rated(heat_pump)
    return _rated(replace(heat_pump, load_gain=(), most_gain=(), defrost_frac=()))


@lru_cache(maxsize=64)
def _rated(heat_pump: HeatPumpMap) -> Rated:
    tables = _tables(heat_pump)
    if not heat_pump.frost_frac:
        return tables
    if heat_pump.source is not SourceKind.AIR or not 0.0 <= heat_pump.frost_frac <= 1.0:
        raise ValueError("frost takes a share between 0 and 1 of an air-source map, of no other")
    return _frosted(tables, heat_pump.frost_frac)


def _frosted(dry: Rated, share: float) -> Rated:
    """The tables with this share of the frost loss, on a grid that also has its corners."""
    inside = [c for c in FROST_C if dry.source_c[0] < c < dry.source_c[-1]]
    source_c = np.union1d(dry.source_c, inside)

    def wet(table: FloatArray, frac: tuple[float, ...]) -> FloatArray:
        lost = share * (1.0 - np.interp(source_c, FROST_C, frac))
        finer = [np.interp(source_c, dry.source_c, column) for column in table.T]
        return np.column_stack(finer) * (1.0 - lost)[:, None]

    return Rated(
        source_c=source_c,
        flow_c=dry.flow_c,
        rated_cop=wet(dry.rated_cop, FROST_COP_FRAC),
        rated_heat_w=wet(dry.rated_heat_w, FROST_HEAT_FRAC),
        field_frac=dry.field_frac,
    )


def _tables(heat_pump: HeatPumpMap) -> Rated:
    if not heat_pump.points:
        raise ValueError("a heat pump map needs at least one rated point")
    for point in heat_pump.points:
        if point.heat_w <= 0.0 or point.power_w <= 0.0:
            raise ValueError(f"rated heat and power must be positive: {point}")
    found = {(p.source_c, p.flow_c): p for p in heat_pump.points}
    sources = np.array(sorted({p.source_c for p in heat_pump.points}))
    flows = np.array(sorted({p.flow_c for p in heat_pump.points}))
    full = len(found) == len(sources) * len(flows) and min(len(sources), len(flows)) >= 2
    if not full:
        return _surface(heat_pump)
    rows = [[found[float(s), float(f)] for f in flows] for s in sources]
    rated_cop = np.array([[p.heat_w / p.power_w for p in row] for row in rows])
    rated_heat_w = np.array([[p.heat_w for p in row] for row in rows])
    return Rated(
        source_c=_stretched(sources),
        flow_c=_stretched(flows),
        # Neither a sheet's rounding nor a stretched corner may make warmer water look cheaper.
        rated_cop=np.minimum.accumulate(_stretched_table(rated_cop, sources, flows), axis=1),
        rated_heat_w=_stretched_table(rated_heat_w, sources, flows),
        field_frac=heat_pump.field_frac,
    )


def _stretched(axis: FloatArray) -> FloatArray:
    return np.concatenate([[axis[0] - EXTRAPOLATE_K], axis, [axis[-1] + EXTRAPOLATE_K]])


def _stretched_table(values: FloatArray, sources: FloatArray, flows: FloatArray) -> FloatArray:
    """One more node on every side, on the line through the outer two."""
    for axis in (sources, flows):  # the second turn stretches the other side of the table
        low = (values[1] - values[0]) / (axis[1] - axis[0])
        high = (values[-1] - values[-2]) / (axis[-1] - axis[-2])
        first, last = values[0] - EXTRAPOLATE_K * low, values[-1] + EXTRAPOLATE_K * high
        values = np.vstack([first, values, last]).T
    return values


def _surface(heat_pump: HeatPumpMap) -> Rated:
    """Scattered points: least squares of log COP and log heat, linear in source and flow.

    ln y = y0 + s (T_s - mean T_s) + f (T_f - mean T_f); s, f start from PRIOR_* with the weight of
    points PRIOR_WEIGHT_K apart and stay inside the plausible ranges, so one point is enough.
    """
    points = heat_pump.points
    axes = np.array([[p.source_c, p.flow_c] for p in points])
    middle = axes.mean(axis=0)
    low, high = axes.min(axis=0) - EXTRAPOLATE_K, axes.max(axis=0) + EXTRAPOLATE_K
    source_c, flow_c = (np.linspace(low[i], high[i], SURFACE_CELLS + 1) for i in (0, 1))

    def surface(
        values: FloatArray,
        prior_per_k: tuple[float, float],
        range_per_k: tuple[tuple[float, float], tuple[float, float]],
    ) -> FloatArray:
        log = np.log(values)
        design = np.vstack([axes - middle, PRIOR_WEIGHT_K * np.eye(2)])
        wanted = np.concatenate([log - log.mean(), PRIOR_WEIGHT_K * np.array(prior_per_k)])
        slopes = np.linalg.lstsq(design, wanted, rcond=None)[0]
        s, f = (float(np.clip(v, *r)) for v, r in zip(slopes, range_per_k, strict=True))
        grid = s * (source_c - middle[0])[:, None] + f * (flow_c - middle[1])[None, :]
        return np.asarray(np.exp(log.mean() + grid), dtype=np.float64)

    cops = np.array([p.heat_w / p.power_w for p in points])
    heats = np.array([p.heat_w for p in points])
    return Rated(
        source_c=source_c,
        flow_c=flow_c,
        rated_cop=surface(cops, PRIOR_COP_PER_K, COP_PER_K_RANGE),
        rated_heat_w=surface(heats, PRIOR_HEAT_PER_K, HEAT_PER_K_RANGE),
        field_frac=heat_pump.field_frac,
    )
