"""[house.bill]: a year's bill, from which the heat loss follows better than from year and area."""

from typing import Self

from pydantic import Field, model_validator

from controller.config_values import Section
from mpc.bill import Fuel
from mpc.climate import DEGREE_DAYS_BASE_C


class BillSection(Section):
    """What a whole year of heating took; exactly one of the amounts."""

    gas_m3: float | None = Field(None, gt=0, description="natural gas of a boiler")
    gas_kwh: float | None = Field(None, gt=0, description="the same as billed in kWh")
    oil_l: float | None = Field(None, gt=0, description="heating oil of a boiler")
    district_heat_kwh: float | None = Field(None, gt=0, description="metered heat")
    electric_heating_kwh: float | None = Field(None, gt=0, description="of radiators or a boiler")
    heat_pump_kwh: float | None = Field(None, gt=0, description="electricity of a heat pump")
    kwh_per_unit: float | None = Field(
        None,
        gt=0,
        le=20,
        description="heat into the house per m3, kWh or litre, if you know it: heating value times "
        "efficiency, or the pump's seasonal performance factor",
    )
    hot_water: bool = Field(True, description="the amount contains hot water")
    people: float | None = Field(None, gt=0, le=20, description="who use that hot water")
    degree_days: float | None = Field(
        None,
        gt=200,
        le=9000,
        description="of that year at that place, K·d; without it the usual ones of the time zone",
    )
    degree_days_base_c: float = Field(
        DEGREE_DAYS_BASE_C,
        ge=10,
        le=22,
        description="outdoor temperature below which those degree days count",
    )

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        given = [fuel.value for fuel in Fuel if getattr(self, fuel.value) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "nothing"
            raise ValueError(f"one amount must be given ({', '.join(Fuel)}), not {said}")
        return self

    @property
    def billed(self) -> tuple[Fuel, float]:
        """What was billed, and how much of it."""
        return next(
            (fuel, amount) for fuel in Fuel if (amount := getattr(self, fuel.value)) is not None
        )
