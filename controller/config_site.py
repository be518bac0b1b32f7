"""The section [site]: what else hangs at the same grid connection. Pure."""

from pydantic import Field

from controller.config_values import Section


class SiteSection(Section):
    """Other loads and PV behind the meter that the tariff is billed by."""

    base_load_w: float = Field(
        350.0,
        ge=0,
        le=20000,
        description="what the house draws beside the heat pump, until a grid meter has shown it",
    )
    pv_kwp: float = Field(
        0.0, ge=0, le=200, description="rated power of the PV system behind the same meter"
    )
    pv_performance_frac: float = Field(
        0.8,
        gt=0,
        le=1.2,
        description="PV power over rated power at 1 kW/m² of forecast sun; tilt, heat, dirt",
    )
