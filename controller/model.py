"""From the owner's words in the configuration to the planner's model of the house. Pure."""

from dataclasses import dataclass, replace

from controller.config import HouseConfig
from controller.model_tariff import tariff_of
from mpc.building import (
    Building,
    Emitter,
    EmitterKind,
    MassClass,
    archetype,
    emitter_for,
    with_radiators,
)
from mpc.heat_pump import HeatPumpMap, RatedPoint, SourceKind
from mpc.heat_pump_maps import (
    AIR_FIELD_FRAC,
    GROUND_FIELD_FRAC,
    GROUND_SIZES_KW,
    STANDBY_W,
    air_water_surrogate,
    ground_source_map,
)
from mpc.tariff import Tariff

TYPICAL_HEAT_W = 8000.0
"""Rated heat assumed when the owner names neither data sheet nor rating (one-family house)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseModel:
    """What the planner believes of house and pump before anything has been measured."""

    building: Building
    emitter: Emitter
    heat_pump: HeatPumpMap
    tariff: Tariff


def house_model(config: HouseConfig) -> HouseModel:
    """Archetype by year, area and mass class; explicit parameters replace single values."""
    house = config.house
    kind = EmitterKind(house.emitter)
    typical = archetype(
        year=house.year, area_m2=house.area_m2, mass=MassClass(house.mass), emitter=kind
    )
    building = replace(typical, **house.model.model_dump(exclude_none=True))
    emitter = emitter_for(
        building=building,
        kind=kind,
        design_flow_c=house.design_flow_c,
        design_outdoor_c=house.design_outdoor_c,
    )
    return HouseModel(
        building=with_radiators(building, emitter) if kind is EmitterKind.RADIATOR else building,
        emitter=emitter,
        heat_pump=heat_pump_map(config),
        tariff=tariff_of(config.tariff, house.timezone),
    )


def heat_pump_map(config: HouseConfig) -> HeatPumpMap:
    """The data sheet if the owner has it, else a typical pump of the kind."""
    pump = config.heat_pump
    source = SourceKind(pump.source)
    if pump.data_sheet:
        air = source is SourceKind.AIR
        return HeatPumpMap(
            source=source,
            points=tuple(RatedPoint(**row.model_dump()) for row in pump.data_sheet),
            field_frac=AIR_FIELD_FRAC if air else GROUND_FIELD_FRAC,
            standby_w=STANDBY_W,
        )
    nominal_heat_w = pump.nominal_heat_w or TYPICAL_HEAT_W
    if source is SourceKind.GROUND:
        size_kw = min(GROUND_SIZES_KW, key=lambda kw: abs(1000.0 * kw - nominal_heat_w))
        return ground_source_map(size_kw)
    return air_water_surrogate(nominal_heat_w)
