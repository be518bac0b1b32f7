"""The COP rules of iPower WP5.5: COP over source and supply temperature, without a load.

COP(T_source, T_supply) = COP55 + (COP35 - COP55) (55 - T_supply) / 20, times a factor for use in
the field and one for the year of installation; the supply temperature follows the mean outdoor
temperature of the day. iPower WP5.5, Danish Energy Association, 2014, appendix 7.1.6.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike

from mpc.arrays import FloatArray
from mpc.building import EmitterKind
from mpc.heat_pump import BRINE_BELOW_GROUND_K, HeatPumpMap, RatedPoint, SourceKind
from mpc.heat_pump_maps import (
    AIR_FIELD_FRAC,
    GROUND_FIELD_FRAC,
    GROUND_SIZES_KW,
    air_water_surrogate,
    ground_source_map,
    surrogate_cop,
)

# Least squares through the 35 and 55 °C rows of the 9 kW sheet the report uses (its own lines are
# in a lost figure; these differ from the rows by at most 0.01): COP at ground temperature 0, and
# per K of it.
GROUND_COP35 = (3.80, 0.100)
GROUND_COP55 = (2.51, 0.052)
SUPPLY_MIN_C, SUPPLY_MAX_C = 30.0, 55.0  # the rule is valid between
SOURCE_MIN_C, SOURCE_MAX_C = -20.0, 20.0
GROUND_MAX_C = 15.0  # the sheet ends at 10 °C brine
SUPPLY_AT_20_C = 30.0
# The report gives the end points (20 and -20 °C outdoors); the straight line between is ours.
SUPPLY_AT_MINUS_20_C = {EmitterKind.RADIATOR: 55.0, EmitterKind.FLOOR: 42.5}


class Vintage(IntEnum):
    """Year a unit was installed; the report scales COP by a stock's seasonal 3.0, 3.2 and 3.4."""

    Y2020 = 2020
    Y2025 = 2025
    Y2030 = 2030
    Y2035 = 2035


VINTAGE_FACTOR = {
    Vintage.Y2020: 3.0 / 3.0,
    Vintage.Y2025: 3.2 / 3.0,
    Vintage.Y2030: 3.2 / 3.0,
    Vintage.Y2035: 3.4 / 3.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CopRule:
    """COP of ground-source units, of air-to-water units, or of a stock of both.

    The report's data of air-to-water units are lost; `mpc.heat_pump_maps.surrogate_cop` stands in,
    with the field factor that belongs to it (never both factors). The report's share of ground
    source units by year is lost too: it is an input.
    """

    ground_frac: float  # 1: ground source, 0: air, between: a stock (the report's s_GS)
    vintage: Vintage = Vintage.Y2020
    ground_field_frac: float = GROUND_FIELD_FRAC
    air_field_frac: float = AIR_FIELD_FRAC

    def __post_init__(self) -> None:
        """A share is between 0 and 1."""
        if not 0.0 <= self.ground_frac <= 1.0:
            raise ValueError(f"ground_frac is a share between 0 and 1, not {self.ground_frac}")

    def cop(self, *, ground_c: ArrayLike, air_c: ArrayLike, supply_c: ArrayLike) -> FloatArray:
        """COP in the field; `ground_c` is the ground (see `ground_for`), `air_c` the air now."""
        ground = self.ground_field_frac * ground_cop(ground_c, supply_c)
        air = self.air_field_frac * air_cop(air_c, supply_c)
        share = self.ground_frac
        mixed = VINTAGE_FACTOR[self.vintage] * (share * ground + (1.0 - share) * air)
        return np.asarray(mixed, dtype=np.float64)


def ground_cop(ground_c: ArrayLike, supply_c: ArrayLike) -> FloatArray:
    """COP of the report's ground-source unit as on its data sheet."""
    ground = np.clip(ground_c, 0.0, GROUND_MAX_C)
    cop35 = GROUND_COP35[0] + GROUND_COP35[1] * ground
    cop55 = GROUND_COP55[0] + GROUND_COP55[1] * ground
    return _between(cop35, cop55, supply_c)


def air_cop(air_c: ArrayLike, supply_c: ArrayLike) -> FloatArray:
    """COP of the air-to-water surrogate, before its field factor."""
    air = np.clip(air_c, SOURCE_MIN_C, SOURCE_MAX_C)
    supply = np.clip(supply_c, SUPPLY_MIN_C, SUPPLY_MAX_C)
    return np.asarray(np.vectorize(surrogate_cop, otypes=[float])(air, supply), dtype=np.float64)


def supply_for(kind: EmitterKind, day_outdoor_c: ArrayLike) -> FloatArray:
    """Supply temperature for the mean outdoor temperature of the day."""
    day = np.clip(day_outdoor_c, SOURCE_MIN_C, SOURCE_MAX_C)
    per_k = (SUPPLY_AT_MINUS_20_C[kind] - SUPPLY_AT_20_C) / (SOURCE_MAX_C - SOURCE_MIN_C)
    return np.asarray(SUPPLY_AT_20_C + per_k * (SOURCE_MAX_C - day), dtype=np.float64)


def ground_for(week_outdoor_c: ArrayLike) -> FloatArray:
    """Ground temperature for the mean outdoor temperature of the week."""
    return np.asarray(np.maximum(week_outdoor_c, 0.0), dtype=np.float64)


def rule_map(rule: CopRule, *, source: SourceKind, nominal_heat_w: float) -> HeatPumpMap:
    """The rule as a map the planner can use, with the heat of the typical unit of this size.

    A map has one source, so the rule must be of that source alone. The planner adds what a variable
    speed gains at part load (`part_load_gain`); the report knows no such gain.
    """
    if rule.ground_frac != (1.0 if source is SourceKind.GROUND else 0.0):
        raise ValueError(f"a map of {source.value} needs a rule of {source.value} alone")
    if source is SourceKind.AIR:
        typical, field_frac = air_water_surrogate(nominal_heat_w), rule.air_field_frac
    else:
        size = min(GROUND_SIZES_KW, key=lambda kw: abs(1000.0 * kw - nominal_heat_w))
        typical, field_frac = ground_source_map(size), rule.ground_field_frac
    points = tuple(_ruled(p, source) for p in typical.points)
    factor = VINTAGE_FACTOR[rule.vintage]
    return replace(typical, points=points, field_frac=field_frac * factor)


def _ruled(point: RatedPoint, source: SourceKind) -> RatedPoint:
    if source is SourceKind.AIR:
        found = air_cop(point.source_c, point.flow_c)
    else:
        found = ground_cop(point.source_c + BRINE_BELOW_GROUND_K, point.flow_c)
    return replace(point, power_w=point.heat_w / float(found))


def _between(cop35: FloatArray, cop55: FloatArray, supply_c: ArrayLike) -> FloatArray:
    supply = np.clip(supply_c, SUPPLY_MIN_C, SUPPLY_MAX_C)
    return np.asarray(cop55 + (cop35 - cop55) * (55.0 - supply) / 20.0, dtype=np.float64)
