"""COP and capacity of a heat pump over source and flow temperature."""

from dataclasses import dataclass
from enum import StrEnum


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
    field_frac: float  # real COP over data-sheet COP (defrost, cycling, part load)
    standby_w: float
