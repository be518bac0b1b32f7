"""The house as a small network of thermal resistances and capacities."""

from dataclasses import dataclass
from enum import StrEnum


class EmitterKind(StrEnum):
    """What gives the heat to the rooms."""

    RADIATOR = "radiator"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """Parameters of the house model; capacities in kWh/K, conductances in W/K."""

    area_m2: float
    air_kwh_per_k: float
    mass_kwh_per_k: float
    floor_kwh_per_k: float | None  # None: no floor state
    air_outdoor_w_per_k: float  # ventilation and infiltration, from the air
    mass_outdoor_w_per_k: float  # transmission, from the construction
    air_mass_w_per_k: float
    floor_air_w_per_k: float  # 0 without a floor state
    heat_to_mass_frac: float  # radiant share of a radiator's heat
    solar_aperture_m2: float  # effective, on global horizontal irradiance
    solar_to_mass_frac: float
    internal_gains_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitter:
    """Heat of the emitters at one design point, and how it varies with temperature."""

    kind: EmitterKind
    design_heat_w: float
    design_flow_c: float
    design_room_c: float
    design_spread_k: float  # flow minus return
    exponent: float  # 1.3 radiator, 1.1 floor (EN 442, EN 1264)
