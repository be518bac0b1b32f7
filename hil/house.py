"""The houses of the simulator: what an owner knows of each, and what is true.

The owner's facts are what a person could type into a configuration. The truth deviates from every
textbook value of such a house, and only the plant may look at it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from hil.building import BuildingTruth, ZoneTruth
from hil.firmware import Curve, FirmwareTruth
from hil.hydronics import EmitterTruth, LoopTruth
from hil.machine import MachineTruth
from hil.sensors import SensorTruth
from hil.tank import TankTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPoint:
    """One row of the heat pump's data sheet: EN 14511, highest speed."""

    source_c: float
    flow_c: float
    heat_w: float
    power_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerFacts:
    """What the owner of the house knows."""

    title: str
    year: int
    mass: str  # "light", "medium" or "heavy"
    area_m2: float
    emitter: str  # "radiator" or "floor"
    design_outdoor_c: float
    design_flow_c: float
    design_heat_w: float  # the installer's heat load calculation
    flow_max_c: float
    people: int
    comfort_low_c: float
    comfort_high_c: float
    comfort_target_c: float
    heat_pump: str
    source: str  # "air" or "ground"
    backup_w: float
    modulation_min_frac: float
    standby_w: float
    sheet: tuple[SheetPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseTruth:
    """True parameters of everything physical."""

    building: BuildingTruth
    living_emitter: EmitterTruth
    sleeping_emitter: EmitterTruth
    loop: LoopTruth
    machine: MachineTruth
    firmware: FirmwareTruth
    tank: TankTruth
    sensors: SensorTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One house of the simulator; `curve` is how the installer left the heating curve."""

    name: str
    owner: OwnerFacts
    curve: Curve
    truth: HouseTruth


def house_names() -> tuple[str, ...]:
    """The houses that come with the simulator."""
    folder = files("hil") / "houses"
    return tuple(
        sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load_house(name: str) -> House:
    """Read a shipped house; raises ValueError for an unknown name, TypeError for unknown keys."""
    if name not in house_names():
        raise ValueError(f"no house '{name}'; there are {', '.join(house_names())}")
    text = (files("hil") / "houses" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_house(name, tomllib.loads(text))


def parse_house(name: str, tables: Mapping[str, Any]) -> House:
    """A house from the tables of its TOML file."""
    owner = dict(tables["owner"])
    sheet = tuple(SheetPoint(**row) for row in owner.pop("sheet"))
    truth = tables["truth"]
    building = dict(truth["building"])
    return House(
        name=name,
        owner=OwnerFacts(**owner, sheet=sheet),
        curve=Curve(**tables["curve"]),
        truth=HouseTruth(
            building=BuildingTruth(
                **(building | {zone: _zone(building[zone]) for zone in ("living", "sleeping")})
            ),
            living_emitter=EmitterTruth(**truth["emitter"]["living"]),
            sleeping_emitter=EmitterTruth(**truth["emitter"]["sleeping"]),
            loop=LoopTruth(**truth["loop"]),
            machine=MachineTruth(**truth["machine"]),
            firmware=FirmwareTruth(**truth["firmware"]),
            tank=TankTruth(**truth["tank"]),
            sensors=SensorTruth(**truth["sensors"]),
        ),
    )


def _zone(table: Mapping[str, Any]) -> ZoneTruth:
    return ZoneTruth(**(dict(table) | {"window_m2": tuple(table["window_m2"])}))
