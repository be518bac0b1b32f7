"""From the owner's words in the configuration to the planner's model of the house. Pure."""

from dataclasses import dataclass, replace

import numpy as np

from controller.config import HouseConfig
from controller.config_house import House
from controller.config_pump import CopRuleName, PumpFigures
from controller.house_prior import day_one
from controller.model_tariff import tariff_of
from controller.published_pumps import published
from drivers.errors import ConfigurationError
from mpc.building import (
    Building,
    Emitter,
    EmitterKind,
    emitter_for,
    steady_state,
    with_radiators,
)
from mpc.cop_rules import CopRule, Vintage, rule_map
from mpc.heat_pump import HeatPumpMap, RatedPoint, SourceKind
from mpc.heat_pump_maps import (
    AIR_FIELD_FRAC,
    GROUND_FIELD_FRAC,
    GROUND_SIZES_KW,
    STANDBY_W,
    air_water_surrogate,
    ground_source_map,
)
from mpc.plan import BackupHeater
from mpc.second_zone import in_two_zones
from mpc.tariff import Tariff

LEAST_EXCESS_K = 0.5
"""Water is at least so much warmer than the floor it heats, at the design point."""

TYPICAL_HEAT_W = 8000.0
"""Rated heat assumed when the owner names neither data sheet nor rating (one-family house)."""
COP_RULES: dict[CopRuleName, Vintage] = {
    "ipower-2020": Vintage.Y2020,
    "ipower-2025": Vintage.Y2025,
    "ipower-2030": Vintage.Y2030,
    "ipower-2035": Vintage.Y2035,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseModel:
    """What the planner believes of house and pump before anything has been measured."""

    building: Building
    emitter: Emitter
    heat_pump: HeatPumpMap
    tariff: Tariff
    heater: BackupHeater | None = None
    circulation_w: float = 0.0
    compressor_max_hz: float | None = None  # speed of full capacity; None: not told
    one_zone: Building  # the same house without a second zone: what is identified


def house_model(config: HouseConfig, learned: Building | None = None) -> HouseModel:
    """Typical for the owner's words, corrected by a bill; explicit parameters replace both.

    A learned building, of one zone, takes the place of all that; a second zone is cut out of either
    by the owner's words alone. The emitters stay as they were on day one: what
    they really give is learned while running, and must not jump with a new building.

    Raises `ConfigurationError` for a design flow that cannot heat this house.
    """
    house, heater = config.house, config.heat_pump.heater
    kind = EmitterKind(house.emitter)
    building = day_one(config).building
    try:
        emitter = emitter_for(
            building=building,
            kind=kind,
            design_flow_c=house.design_flow_c,
            design_outdoor_c=house.design_outdoor_c,
        )
    except np.linalg.LinAlgError as error:
        raise ConfigurationError(
            "house.model: a part of the house exchanges no heat with the others"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"house: {error}") from error
    if learned is not None:
        building = learned
        emitter = replace(emitter, design_floor_c=_design_floor_c(emitter, learned, config))
    elif kind is EmitterKind.RADIATOR:
        building = with_radiators(building, emitter)
    return HouseModel(
        building=_cut(building, house, kind),
        one_zone=building,
        emitter=emitter,
        heat_pump=heat_pump_map(config),
        tariff=tariff_of(config.tariff, house.timezone),
        heater=None if heater is None else BackupHeater(**heater.model_dump()),
        circulation_w=config.heat_pump.circulation_w,
        compressor_max_hz=config.heat_pump.compressor_max_hz,
    )


def _cut(building: Building, house: House, kind: EmitterKind) -> Building:
    """The house with its second zone, if it has one."""
    zone = house.second_zone
    if zone is None:
        return building
    return in_two_zones(
        building,
        second_frac=zone.area_m2 / house.area_m2,
        exchange_w_per_k=zone.exchange_w_per_k,
        heat_frac=zone.heat_frac,
        floor_heated=kind is EmitterKind.FLOOR,
    )


def _design_floor_c(emitter: Emitter, learned: Building, config: HouseConfig) -> float | None:
    """How warm a learned floor is while it gives the design heat; None without such a state.

    Never so warm that the water of the design flow could not give it that heat.
    """
    if emitter.kind is not EmitterKind.FLOOR or learned.floor_kwh_per_k is None:
        return None
    rest = steady_state(
        learned, room_c=emitter.design_room_c, outdoor_c=config.house.design_outdoor_c
    )
    per_w = (float(rest.state_c[2, 0]) - emitter.design_room_c) / float(np.sum(rest.heat_w))
    warm_c = emitter.design_room_c + emitter.design_heat_w * per_w
    return min(warm_c, emitter.design_flow_c - emitter.design_spread_k / 2.0 - LEAST_EXCESS_K)


def heat_pump_map(config: HouseConfig) -> HeatPumpMap:
    """The data sheet or the named unit if the owner has it, else a typical pump of the kind."""
    pump = config.heat_pump
    figures = _figures(pump)
    standby_w = figures.standby_w if pump.standby_w is None else pump.standby_w
    return replace(figures, standby_w=standby_w, frost_frac=pump.frost_frac)


def _figures(pump: PumpFigures) -> HeatPumpMap:
    source = SourceKind(pump.source)
    ground = source is SourceKind.GROUND
    if pump.data_sheet:
        return HeatPumpMap(
            source=source,
            points=tuple(RatedPoint(**row.model_dump()) for row in pump.data_sheet),
            field_frac=GROUND_FIELD_FRAC if ground else AIR_FIELD_FRAC,
            standby_w=STANDBY_W,
        )
    if pump.model is not None:
        return published(pump.model, pump.nominal_heat_w)
    nominal_heat_w = pump.nominal_heat_w or TYPICAL_HEAT_W
    if pump.cop_rule is not None:
        rule = CopRule(ground_frac=float(ground), vintage=COP_RULES[pump.cop_rule])
        return rule_map(rule, source=source, nominal_heat_w=nominal_heat_w)
    if ground:
        size_kw = min(GROUND_SIZES_KW, key=lambda kw: abs(1000.0 * kw - nominal_heat_w))
        return ground_source_map(size_kw)
    return air_water_surrogate(nominal_heat_w)
