"""From the published fit of a certified unit to the map that the planner uses.

The fits are planes through the figures a unit was certified with (EN 14825, average climate, at the
eight conditions below): y = a T_outdoor + b T_flow + c. A plane is good where it was fitted and
wrong elsewhere: continued to -15 °C and 55 °C flow, half of the air units would have a COP below
zero. So the plane is asked at those eight conditions only, and the points go through the surface
that `mpc.heat_pump` lays through any scattered points.
"""

from dataclasses import dataclass, replace

from mpc.heat_pump import HeatPumpMap, RatedPoint, SourceKind, capacity_w, cop, part_load_gain
from mpc.heat_pump_maps import (
    AIR_FIELD_FRAC,
    AIR_HEAT_PER_FLOW_K,
    AIR_HEAT_PER_K,
    GROUND_FIELD_FRAC,
)

Plane = tuple[float, float, float]
"""a, b, c of y = a T_outdoor + b T_flow + c."""

# Outdoor and flow °C of EN 14825, average climate, at low and at medium temperature.
CONDITIONS_C = (
    (-7.0, 34.0), (2.0, 30.0), (7.0, 27.0), (12.0, 24.0),
    (-7.0, 52.0), (2.0, 42.0), (7.0, 36.0), (12.0, 30.0),
)  # fmt: skip
REFERENCE_C = (-7.0, 52.0)  # the condition of the reference heat and COP
BRINE_C = 0.0  # at every condition of a brine-to-water unit
NO_LOAD_C = 16.0  # EN 14825: the load falls on a straight line from -10 to 16 °C
LEAST_LOAD_FRAC = 0.25  # hplib: a regulated unit's lowest power over that of the reference
RATING_C = {SourceKind.AIR: (7.0, 35.0), SourceKind.GROUND: (0.0, 35.0)}
MISS_REFUSED_FRAC = (
    0.35  # the map misses a published COP by more: the figures contradict each other
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFit:
    """A certified unit: its reference point and its fitted planes."""

    name: str
    source: SourceKind
    regulated: bool  # variable speed; else it runs at full load or not at all
    standby_w: float
    heat_ref_w: float  # at REFERENCE_C
    cop_ref: float
    cop: Plane
    heat_frac: Plane  # of heat_ref_w; the heat delivered, so for regulated units the load


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMap:
    """The map, and how far it is from the published COP where it is furthest."""

    heat_pump: HeatPumpMap
    miss_frac: float


def published_map(fit: PublishedFit) -> PublishedMap:
    """The unit's map at full load; ValueError if its figures cannot be one heat pump.

    A regulated unit is certified at part load. What it gives at full load there is its reference
    heat, carried to other temperatures with the slopes of the typical unit (`mpc.heat_pump_maps`),
    and its COP there is the published one without `part_load_gain`. Asked at the load of the
    certification, the map so gives the published COP again.
    """
    points = tuple(_point(fit, outdoor_c, flow_c) for outdoor_c, flow_c in CONDITIONS_C)
    air = fit.source is SourceKind.AIR
    sheet = HeatPumpMap(source=fit.source, points=points, field_frac=1.0, standby_w=fit.standby_w)
    misses = [
        abs(float(cop(sheet, p.source_c, p.flow_c)) * p.power_w / p.heat_w - 1.0) for p in points
    ]
    if max(misses) > MISS_REFUSED_FRAC:
        raise ValueError(
            f"the published figures of {fit.name} contradict each other (a smooth map misses one "
            f"by {max(misses):.0%}): give its data sheet instead"
        )
    field_frac = AIR_FIELD_FRAC if air else GROUND_FIELD_FRAC
    return PublishedMap(heat_pump=replace(sheet, field_frac=field_frac), miss_frac=max(misses))


def scaled(heat_pump: HeatPumpMap, nominal_heat_w: float) -> HeatPumpMap:
    """The same unit in another size: this heat at 7/35 °C (air) or 0/35 °C (brine)."""
    factor = nominal_heat_w / float(capacity_w(heat_pump, *RATING_C[heat_pump.source]))
    points = tuple(
        replace(p, heat_w=p.heat_w * factor, power_w=p.power_w * factor) for p in heat_pump.points
    )
    return replace(heat_pump, points=points)


def _point(fit: PublishedFit, outdoor_c: float, flow_c: float) -> RatedPoint:
    """Heat and power at full load at one condition of the certification."""
    source_c = outdoor_c if fit.source is SourceKind.AIR else BRINE_C
    at_reference = (outdoor_c, flow_c) == REFERENCE_C
    # The planes miss the reference most, and there the truth is known.
    full_cop = fit.cop_ref if at_reference else _on(fit.cop, outdoor_c, flow_c)
    if fit.regulated:
        heat_w = fit.heat_ref_w * _typical(fit, source_c, flow_c) / _typical(fit, *REFERENCE_C)
        load_w = fit.heat_ref_w * (NO_LOAD_C - outdoor_c) / (NO_LOAD_C - REFERENCE_C[0])
        load_frac = max(load_w / heat_w, LEAST_LOAD_FRAC)
        full_cop /= float(part_load_gain(source_c, flow_c, load_frac))
    else:
        heat_w = fit.heat_ref_w * (1.0 if at_reference else _on(fit.heat_frac, outdoor_c, flow_c))
    if heat_w <= 0.0 or full_cop <= 1.0:
        raise ValueError(
            f"the published figures of {fit.name} are no heat pump at {outdoor_c:g} °C outdoors "
            f"and {flow_c:g} °C flow (COP {full_cop:.2f}): give its data sheet instead"
        )
    return RatedPoint(source_c=source_c, flow_c=flow_c, heat_w=heat_w, power_w=heat_w / full_cop)


def _on(plane: Plane, outdoor_c: float, flow_c: float) -> float:
    return plane[0] * outdoor_c + plane[1] * flow_c + plane[2]


def _typical(fit: PublishedFit, source_c: float, flow_c: float) -> float:
    """Heat at full load over that at 7/35 °C; brine is the same at every condition."""
    share = 1.0 + AIR_HEAT_PER_FLOW_K * (flow_c - 35.0)
    return share + AIR_HEAT_PER_K * (source_c - 7.0) if fit.source is SourceKind.AIR else share
