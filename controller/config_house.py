"""[house]: what an owner knows about the building. Pure."""

import difflib
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from controller.config_bill import BillSection
from controller.config_values import Section as _Section


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        raise ValueError(f"unknown time zone{f', did you mean {near[0]!r}?' if near else ''}")
    return name


Timezone = Annotated[str, AfterValidator(_known_timezone)]


class BuildingModel(_Section):
    """Explicit parameters of the house model; each one given replaces the archetype's value."""

    air_kwh_per_k: float | None = Field(
        None, gt=0, description="heat capacity of air and furniture"
    )
    mass_kwh_per_k: float | None = Field(
        None, gt=0, description="heat capacity of the construction"
    )
    floor_kwh_per_k: float | None = Field(None, gt=0, description="heat capacity of a heated floor")
    air_outdoor_w_per_k: float | None = Field(None, gt=0, description="ventilation loss")
    mass_outdoor_w_per_k: float | None = Field(None, gt=0, description="transmission loss")
    air_mass_w_per_k: float | None = Field(None, gt=0, description="exchange air to construction")
    solar_aperture_m2: float | None = Field(None, ge=0, description="effective window area")
    internal_gains_w: float | None = Field(None, ge=0, description="people and appliances")


class House(_Section):
    """What an owner knows about the house."""

    name: str = Field("house", description="how logs and reports call it")
    timezone: Timezone = Field(description="local time for people, such as Europe/Copenhagen")
    year: int = Field(
        ge=1700, le=2100, description="year of construction, or of the last thorough insulation"
    )
    area_m2: float = Field(gt=10, le=2000, description="heated floor area")
    mass: Literal["light", "medium", "heavy"] = Field(
        "medium", description="light: timber; medium: hollow brick; heavy: solid brick, concrete"
    )
    emitter: Literal["radiator", "floor"] = Field(description="what heats the rooms")
    design_flow_c: float = Field(ge=25, le=75, description="flow temperature on the coldest day")
    design_outdoor_c: float = Field(-12.0, ge=-40, le=10, description="that coldest day")
    bill: BillSection | None = Field(
        None, description="a year's bill tells the heat loss better than year and area"
    )
    model: BuildingModel = Field(
        default_factory=BuildingModel, description="only if you know better"
    )
