"""[comfort]: what the people in the house want. Pure."""

from typing import Literal, Self

from pydantic import Field, model_validator

from controller.config_values import Section as _Section


class Comfort(_Section):
    """What the people in the house want."""

    room_c: float = Field(21.0, ge=10, le=28, description="the mean temperature wanted")
    band_k: float = Field(1.0, ge=0.1, le=4, description="allowed above and below it")
    margin_k: float = Field(
        0.4, ge=0, le=2, description="kept free inside the band until errors have been measured"
    )
    margin: Literal["measured", "fixed"] = Field(
        "measured",
        description="measured: as wide as the plans' own errors lately; fixed: margin_k for ever",
    )
    away_c: float = Field(17.0, ge=8, le=25, description="the mean wanted while away")
    frost_c: float = Field(
        8.0, ge=5, le=15, description="always heated below this, whatever it costs"
    )
    room_max_c: float = Field(26.0, ge=18, le=32, description="never heated above this")
    below_price_per_kh: float = Field(
        2.0, gt=0, description="price of one kelvin-hour below the band"
    )
    above_price_per_kh: float = Field(
        1.0, gt=0, description="price of one kelvin-hour above the band"
    )
    mean_price_per_kh: float = Field(
        0.5, ge=0, description="price of a mean below room_c; 0 switches it off"
    )
    excitation_k: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="move the wanted temperature up and down by this, inside the band, to learn "
        "more of the house; 0: never",
    )

    @model_validator(mode="after")
    def _excitation_fits(self) -> Self:
        if self.excitation_k and self.margin_k + self.excitation_k >= self.band_k:
            raise ValueError("margin_k and excitation_k together must be smaller than band_k")
        return self
