"""What the owner knows of the heat pump's figures: its name, a rule, its data sheet. Pure."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from controller.config_values import Section
from controller.published_pumps import find
from mpc.heat_pump import SourceKind
from mpc.heat_pump_published import published_map


def _published(model: str) -> str:
    published_map(find(model))  # both say in words what is wrong
    return model


Boundary = Literal["compressor", "heater", "pumps"]
CopRuleName = Literal["ipower-2020", "ipower-2025", "ipower-2030", "ipower-2035"]


class DataSheetPoint(Section):
    """One row of the EN 14511 table in the pump's data sheet."""

    source_c: float = Field(ge=-30, le=35)
    flow_c: float = Field(ge=20, le=80)
    heat_w: float = Field(gt=0)
    power_w: float = Field(gt=0)


class HeaterSection(Section):
    """The electric heater that helps the heat pump."""

    stage_w: float = Field(gt=0, le=20000, description="electricity of one stage")
    stages: int = Field(1, ge=1, le=9, description="how many of them there are")
    efficiency_frac: float = Field(0.99, gt=0, le=1, description="heat over electricity")
    for_space: bool = Field(True, description="true: it can heat the rooms")
    for_hot_water: bool = Field(True, description="true: it can heat the tank")


class PumpFigures(Section):
    """How much heat the pump gives and what it takes for it."""

    source: Literal["air", "ground"] = Field("air", description="where its heat comes from")
    modulation_min_frac: float = Field(
        0.3, ge=0, le=1, description="lowest continuous share of capacity; 1: on and off only"
    )
    data_sheet: tuple[DataSheetPoint, ...] = Field(
        (), description="EN 14511 points; without them a typical pump of its kind is assumed"
    )
    model: Annotated[str, AfterValidator(_published)] | None = Field(
        None, description="instead of a data sheet: its name in the European certificate"
    )
    cop_rule: CopRuleName | None = Field(
        None, description="instead of a data sheet: COP as iPower WP5.5 assumes for that year"
    )
    nominal_heat_w: float | None = Field(
        None,
        gt=0,
        description="heat at +7/35 °C (air) or 0/35 °C (ground), used without a data sheet",
    )
    standby_w: float | None = Field(
        None, ge=0, le=200, description="electricity at rest; default: the model's, else typical"
    )
    circulation_w: float = Field(
        0.0,
        ge=0,
        le=500,
        description="circulation pump while the compressor runs, if the figures lack it",
    )
    frost_frac: float = Field(
        0.0,
        ge=0,
        le=1,
        description="air: share of the loss from frost near 2 °C that the figures lack",
    )
    measured_limits: bool = Field(
        False,
        description="plans go by the largest heat and by what defrosts take, both as measured",
    )
    compressor_max_hz: float | None = Field(
        None,
        gt=0,
        le=200,
        description="speed of full capacity: heat follows from the speed where neither heat nor "
        "electricity is measured",
    )
    power_covers: Boundary | None = Field(
        None,
        description="electricity the pump states: its compressor with fan or source pump; the "
        "electric heater, too; the circulation pumps, too",
    )
    meter_covers: Boundary | None = Field(None, description="the same of what [meter] counts")
    heater: HeaterSection | None = Field(None, description="leave it out if there is none")

    @model_validator(mode="after")
    def _figures_fit(self) -> Self:
        given = (bool(self.data_sheet), self.model is not None, self.cop_rule is not None)
        if sum(given) > 1:
            raise ValueError("give data_sheet, model or cop_rule, not two of them")
        if self.frost_frac and self.source != "air":
            raise ValueError("frost_frac is of air: leave it out")
        if self.model is None:
            return self
        unit = find(self.model)
        if unit.source is not SourceKind(self.source):
            raise ValueError(
                f'{unit.name} takes heat from {unit.source}: set source = "{unit.source}"'
            )
        if not unit.regulated and self.modulation_min_frac < 1.0:
            raise ValueError(f"{unit.name} runs at one speed: set modulation_min_frac = 1")
        return self
