"""Identified houses: 225 RC models fitted to Dutch smart thermostats, as the planner's building.

J. Leprince et al., doi 10.1016/j.enbuild.2022.112095: indoor air Ti, inner mass Tm, envelope Te,
heater Th and sensor Ts in every combination, each with its own capacity (kWh/K) and resistances
(K/kW). The mapping keeps the loss coefficient 1/Ria + 1/(Rie + Rea):

- air: Ci and the sensor's Cs; loss to the outside 1/Ria.
- mass: Cm + Ce; to the air 1/Rim + 1/Rie; to the outside so that the way through the envelope
  loses 1/(Rie + Rea). Without an envelope a tenth of the loss goes through the mass; without any
  mass the archetype's light construction stands in.
- a heater of Ch * Rih >= 1 h is a heated floor, a faster one radiators with their water.

The houses were fitted without heat meters, so their time constants are known better than their
size: where the loss is outside what houses have, all capacities and conductances are multiplied
alike. What is then still impossible is moved to the edge of what is possible; both are counted.
"""

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from mpc.building import (
    AIR_MASS_W_PER_M2_K,
    GAINS_W_PER_M2,
    MASS_WH_PER_M2_K,
    RADIATOR_TO_MASS_FRAC,
    SOLAR_TO_MASS_FRAC,
    Building,
    Emitter,
    EmitterKind,
    MassClass,
    emitter_for,
    with_radiators,
)

AREA_M2 = {
    "050-075": 62.5, "075-100": 87.5, "100-125": 112.5, "125-150": 137.5,
    "150-200": 175.0, "200-300": 250.0, "300-500": 400.0, "": 137.5,
}  # fmt: skip
"""Middles of the classes; houses without one get the middle of the middle class."""

LOSS_W_PER_M2_K = (0.5, 2.5)  # a house after the codes of 2020, and a leaky one of 1930
AIR_WH_PER_M2_K = (3.0, 40.0)
MASS_WH_PER_M2_K_RANGE = (20.0, 300.0)
AIR_MASS_RANGE_W_PER_M2_K = (2.0, 30.0)
FLOOR_WH_PER_M2_K = (15.0, 120.0)
FLOOR_AIR_W_PER_M2_K = (4.0, 12.0)
APERTURE_M2_PER_M2 = (0.005, 0.08)
THROUGH_MASS_FRAC = 0.1  # of the loss, where no envelope was identified
FLOOR_FROM_H = 1.0  # time constant of the heater
DESIGN_OUTDOOR_C = -10.0
HOTTEST_DESIGN_C = 55.0


@dataclass(frozen=True, slots=True)
class IdentifiedHouse:
    """A model as identified, and what became of it."""

    number: int
    structure: str
    kind: EmitterKind
    building: Building  # radiators' water not included
    slow_radiators: bool  # the radiators were identified as a state
    scaled: bool
    repaired: tuple[str, ...]  # quantities moved to the edge of what is possible


@cache
def identified_houses() -> tuple[IdentifiedHouse, ...]:
    """All 225, in the order of the file."""
    raw = resources.files("bench").joinpath("data", "identified_houses.csv.gz").read_bytes()
    rows = csv.DictReader(gzip.decompress(raw).decode("utf-8").splitlines())
    return tuple(identified(row) for row in rows)


def identified(row: Mapping[str, str]) -> IdentifiedHouse:
    """The planner's building for one row of the file."""
    area_m2 = AREA_M2[row["home_size"]]
    size = {name: float(row[name] or 0.0) for name in row if name[0] in "CRA"}
    outdoor = _conductance(size["Ria"])
    envelope = _conductance(size["Rie"] + size["Rea"]) if row["Rie"] else 0.0
    loss = outdoor + envelope
    per_m2 = _within(loss / area_m2, LOSS_W_PER_M2_K)
    scale = per_m2 * area_m2 / loss
    if not envelope:
        outdoor, envelope = (1.0 - THROUGH_MASS_FRAC) * loss, THROUGH_MASS_FRAC * loss
    repairs = _Repairs(area_m2)
    mass_wh = 1000.0 * scale * (size["Cm"] + size["Ce"])
    air_mass = scale * sum(_conductance(size[r]) for r in ("Rim", "Rie"))
    if not mass_wh:
        mass_wh = MASS_WH_PER_M2_K[MassClass.LIGHT] * area_m2
    if not air_mass:
        air_mass = AIR_MASS_W_PER_M2_K * area_m2
    air_mass = repairs.within("air_mass", air_mass, AIR_MASS_RANGE_W_PER_M2_K)
    # the envelope's way must lose less than its inner part could; by construction only repairs
    # can break that
    envelope_way = min(scale * envelope, 0.9 * air_mass)
    outdoor_way = scale * loss - envelope_way
    floor = bool(row["Ch"]) and size["Ch"] * size["Rih"] >= FLOOR_FROM_H
    aperture = scale * (size["Aw"] + size["Ae"])
    building = Building(
        area_m2=area_m2,
        air_kwh_per_k=repairs.within(
            "air", 1000.0 * scale * (size["Ci"] + size["Cs"]), AIR_WH_PER_M2_K
        )
        / 1000.0,
        mass_kwh_per_k=repairs.within("mass", mass_wh, MASS_WH_PER_M2_K_RANGE) / 1000.0,
        floor_kwh_per_k=repairs.within("floor", 1000.0 * scale * size["Ch"], FLOOR_WH_PER_M2_K)
        / 1000.0
        if floor
        else None,
        air_outdoor_w_per_k=outdoor_way,
        mass_outdoor_w_per_k=1.0 / (1.0 / envelope_way - 1.0 / air_mass),
        air_mass_w_per_k=air_mass,
        floor_air_w_per_k=repairs.within(
            "floor_air", scale * _conductance(size["Rih"]), FLOOR_AIR_W_PER_M2_K
        )
        if floor
        else 0.0,
        heat_to_mass_frac=0.0 if floor else RADIATOR_TO_MASS_FRAC,
        solar_aperture_m2=repairs.within("window", aperture, APERTURE_M2_PER_M2),
        solar_to_mass_frac=size["Ae"] / (size["Aw"] + size["Ae"])
        if size["Ae"]
        else SOLAR_TO_MASS_FRAC,
        internal_gains_w=GAINS_W_PER_M2 * area_m2,
    )
    return IdentifiedHouse(
        number=int(row["identification_number"]),
        structure=row["model_name"],
        kind=EmitterKind.FLOOR if floor else EmitterKind.RADIATOR,
        building=building,
        slow_radiators=bool(row["Ch"]) and not floor,
        scaled=abs(scale - 1.0) > 1e-9,
        repaired=tuple(repairs.made),
    )


def heated(house: IdentifiedHouse, design_flow_c: float) -> tuple[Building, Emitter]:
    """The house with emitters for this design flow, or the lowest hotter one that can heat it."""
    building = house.building
    emitter = None
    while emitter is None:
        try:
            emitter = emitter_for(
                building=building,
                kind=house.kind,
                design_flow_c=design_flow_c,
                design_outdoor_c=DESIGN_OUTDOOR_C,
            )
        except ValueError:
            if design_flow_c >= HOTTEST_DESIGN_C:
                raise
            design_flow_c += 2.0
    if house.slow_radiators:
        building = with_radiators(building, emitter)
        building = replace(building, heat_to_mass_frac=RADIATOR_TO_MASS_FRAC)
    return building, emitter


class _Repairs:
    """Keeps quantities within their range per m2 of floor, and a list of those that were not."""

    def __init__(self, area_m2: float) -> None:
        self._area_m2 = area_m2
        self.made: list[str] = []

    def within(self, name: str, value: float, per_m2: tuple[float, float]) -> float:
        kept = _within(value / self._area_m2, per_m2) * self._area_m2
        if abs(kept - value) > 1e-9 * value:
            self.made.append(name)
        return kept


def _within(value: float, edges: tuple[float, float]) -> float:
    return min(max(value, edges[0]), edges[1])


def _conductance(resistance_k_per_kw: float) -> float:
    """W/K; no resistance identified means no way."""
    return 1000.0 / resistance_k_per_kw if resistance_k_per_kw else 0.0
