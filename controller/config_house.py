"""[house]: what an owner knows about the building. Pure."""

import difflib
from functools import cache
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from controller.config_bill import BillSection
from controller.config_values import Section as _Section


@cache
def _timezones() -> frozenset[str]:
    """Looked up once: they are files in many folders."""
    return frozenset(available_timezones())


def _known_timezone(name: str) -> str:
    if name not in _timezones():
        near = difflib.get_close_matches(name, _timezones(), n=1)
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
    wind_w_per_k_per_m_s: float | None = Field(
        None, ge=0, description="more ventilation loss for each m/s of wind above 4 m/s"
    )


class Windows(_Section):
    """Window areas by the side they face; with them the sun heats at the right time of the day."""

    north_m2: float = Field(0.0, ge=0, description="facing north, frames included")
    east_m2: float = Field(0.0, ge=0, description="facing east")
    south_m2: float = Field(0.0, ge=0, description="facing south")
    west_m2: float = Field(0.0, ge=0, description="facing west")
    roof_m2: float = Field(0.0, ge=0, description="in the roof")
    effective_frac: float = Field(
        0.25,
        gt=0,
        le=1,
        description="sun that becomes heat inside: 0.5 is unshaded, clean and of two panes",
    )

    @model_validator(mode="after")
    def _some_windows(self) -> Self:
        if self.aperture_m2 <= 0.0:
            raise ValueError("name at least one side with its area")
        return self

    @property
    def aperture_m2(self) -> float:
        """Effective area of all of them."""
        sides = (self.north_m2, self.east_m2, self.south_m2, self.west_m2, self.roof_m2)
        return self.effective_frac * sum(sides)


class SecondZone(_Section):
    """Rooms that get colder or warmer than the others; their sensor is [second_room]."""

    area_m2: float = Field(gt=0, le=2000, description="their part of area_m2 of the house")
    heat_frac: float | None = Field(
        None,
        ge=0,
        le=0.9,
        description="their share of the heat of all emitters, 0: unheated; default: of the area",
    )
    exchange_w_per_k: float = Field(
        100.0,
        ge=0,
        le=1000,
        description="what doors, stairs and walls let pass: 30 behind closed doors, 200 open plan",
    )
    offset_k: float = Field(
        0.0, ge=-8, le=4, description="how much warmer than the others they are wanted"
    )
    band_k: float | None = Field(
        None, gt=0, le=4, description="how far they may be from that; default: comfort.band_k"
    )


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
    latitude_deg: float | None = Field(
        None, ge=-66, le=70, description="for weather services and the sun; two decimals are enough"
    )
    longitude_deg: float | None = Field(None, ge=-180, le=180, description="east is positive")
    altitude_m: float | None = Field(
        None, ge=-450, le=4000, description="for MET Norway, where the land is steep"
    )
    windows: Windows | None = Field(None, description="by side; needs latitude and longitude")
    wind: Literal["sheltered", "moderate", "open"] | None = Field(
        None,
        description="with it the forecast's wind counts; sheltered: in a town or wood; moderate: "
        "in a suburb, among trees; open: by the sea, in fields",
    )
    bill: BillSection | None = Field(
        None, description="a year's bill tells the heat loss better than year and area"
    )
    second_zone: SecondZone | None = Field(
        None, description="rooms that get colder or warmer than the others; needs [second_room]"
    )
    model: BuildingModel = Field(
        default_factory=BuildingModel, description="only if you know better"
    )

    @model_validator(mode="after")
    def _place_fits(self) -> Self:
        if (self.latitude_deg is None) != (self.longitude_deg is None):
            raise ValueError("latitude_deg and longitude_deg belong together")
        if self.windows is not None and self.place is None:
            raise ValueError("windows need latitude_deg and longitude_deg")
        if self.windows is not None and self.model.solar_aperture_m2 is not None:
            raise ValueError("give windows or model.solar_aperture_m2, not both")
        if self.wind is not None and self.model.wind_w_per_k_per_m_s is not None:
            raise ValueError("give wind or model.wind_w_per_k_per_m_s, not both")
        if self.second_zone is not None and self.second_zone.area_m2 >= self.area_m2:
            raise ValueError("second_zone.area_m2 must be smaller than area_m2")
        return self

    @property
    def windy(self) -> bool:
        """Whether wind counts."""
        return self.wind is not None or bool(self.model.wind_w_per_k_per_m_s)

    @property
    def place(self) -> tuple[float, float] | None:
        """Latitude and longitude, if they are known."""
        if self.latitude_deg is None or self.longitude_deg is None:
            return None
        return self.latitude_deg, self.longitude_deg
