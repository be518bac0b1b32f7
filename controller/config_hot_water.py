"""The section [hot_water]: what the people want of their tank, and what is known of it. Pure."""

import re
from datetime import time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from controller.config_values import Duration, Section
from drivers.api import Capability

_CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")

FLOOR_C = 38.0
"""Nobody gets less: the coolest water that still makes a shower."""


def _clock_time(text: str) -> str:
    if _CLOCK.match(text) is None:
        raise ValueError('a time of day is text such as "06:30"')
    return text


ClockTime = Annotated[str, AfterValidator(_clock_time)]


class Ready(Section):
    """A time of the local day at which the tank is to be hot."""

    at: ClockTime = Field(description='local time, such as "06:30"')
    temperature_c: float | None = Field(
        None, ge=FLOOR_C, le=70, description="default: hot_water.comfort_c"
    )

    @property
    def time_of_day(self) -> time:
        """`at`, to compute with."""
        return time.fromisoformat(self.at)


class HotWaterSection(Section):
    """Hot water under the controller. Off: the pump keeps its own hot water, nothing is written."""

    enabled: bool = Field(False, description="true: heatherd decides when the tank is heated")
    people: float = Field(3.0, ge=0.5, le=30, description="who draw from it: first guess of draws")
    volume_l: float = Field(180.0, ge=30, le=2000, description="of the tank")
    loss_w_per_k: float | None = Field(
        None, gt=0, le=20, description="of the whole tank; default: energy label C for its volume"
    )
    sensor: Literal["top", "middle"] = Field(
        "middle", description="where the sensor sits that the pump shows as hot-water temperature"
    )
    comfort_c: float = Field(
        45.0, ge=FLOOR_C, le=65, description="wanted at the top of the tank, at the times of ready"
    )
    ready: tuple[Ready, ...] = Field((), description="when it must be hot; empty: at all times")
    economy_c: float = Field(
        40.0, ge=FLOOR_C, le=60, description="between those times never planned below this"
    )
    max_c: float = Field(55.0, ge=40, le=70, description="never heated above, save for legionella")
    pump_max_c: float = Field(
        55.0, ge=40, le=75, description="hottest tank that the compressor makes without a heater"
    )
    legionella_c: float | None = Field(
        None, ge=55, le=75, description="heat the tank through to this; default: left to the pump"
    )
    legionella_every_s: Duration = Field(
        7 * 86400.0, alias="legionella_every", description="at the latest after this"
    )
    legionella_hold_s: Duration = Field(
        1800.0, alias="legionella_hold", description="for so long without a break"
    )
    knob: Literal["auto", "dhw_setpoint", "dhw_boost"] = Field(
        "auto", description="how the tank is steered; auto takes the set-point if the pump has one"
    )
    starts_below_k: float = Field(
        5.0, ge=0, le=20, description="the pump starts when the tank is so far below its set-point"
    )
    stops_above_k: float = Field(
        0.0, ge=-5, le=15, description="and stops when it is so far above it"
    )
    warm_up_kwh: float = Field(
        0.4, ge=0, le=5, description="heat that each charge begins with, for pump and pipes"
    )
    below_price_per_kh: float = Field(
        2.0, gt=0, description="price of one kelvin-hour of too cool water"
    )

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        if not self.economy_c <= self.comfort_c < self.max_c:
            raise ValueError("economy_c <= comfort_c < max_c must hold")
        for ready in self.ready:
            if ready.temperature_c is not None and not (
                self.economy_c <= ready.temperature_c < self.max_c
            ):
                raise ValueError(f"ready at {ready.at}: economy_c <= temperature_c < max_c")
        if len({ready.at for ready in self.ready}) < len(self.ready):
            raise ValueError("ready names a time twice")
        if self.legionella_hold_s > 6 * 3600.0:
            raise ValueError("legionella_hold is at most 6 h")
        if not 86400.0 <= self.legionella_every_s <= 31 * 86400.0:
            raise ValueError("legionella_every is between 1 d and 31 d")
        return self

    @property
    def capability(self) -> Capability | None:
        """The knob the owner chose, None for auto."""
        return None if self.knob == "auto" else Capability(self.knob)
