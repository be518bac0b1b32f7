"""The configuration of one house: TOML, validated, frozen; unknown keys are errors. Pure."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from controller.config_comfort import Comfort
from controller.config_devices import Device, HeatPump, Mqtt
from controller.config_export import ExportSection
from controller.config_frequency import FrequencySection
from controller.config_grid import GridSection
from controller.config_hot_water import HotWaterSection
from controller.config_house import House
from controller.config_prices import PricesSection
from controller.config_room import Room
from controller.config_savings import SavingsSection
from controller.config_site import SiteSection
from controller.config_tariff import TariffSection
from controller.config_values import Duration
from controller.config_values import Section as _Section
from controller.config_weather import WeatherSection
from drivers.api import Signal

_SECRET = re.compile(r"//.*@")
MOST_STEPS = 1344
"""Of a plan: fourteen days of quarter-hours."""

SHORTEST_CYCLE_S = 1.0

LONGEST_SHOWN, LONGEST_REASON = 80, 600
"""Characters of a wrong value or unknown key that a message quotes, and of what is wrong."""


class ConfigError(ValueError):
    """The configuration cannot be used; the message lists every problem."""


class Control(_Section):
    """How heatherd works."""

    mode: Literal["observe", "control"] = Field("observe", description="observe never writes")
    strategy: Literal[
        "mpc",
        "heating-curve",
        "curve-with-hysteresis",
        "heat-led",
        "heat-first-then-price",
        "price-led",
    ] = Field(
        "mpc",
        description="heating-curve: leave the pump to its own curve, only record; "
        "the others after mpc: plans by that rule",
    )
    cycle_s: Duration = Field(60.0, alias="cycle", description="sense, decide, guard, act, record")
    plan_every_s: Duration = Field(900.0, alias="plan_every", description="a new plan")
    step_s: Duration = Field(900.0, alias="step", description="step of the plan")
    horizon_s: Duration = Field(48 * 3600.0, alias="horizon", description="how far a plan looks")
    plan_deadline_s: Duration = Field(
        60.0, alias="plan_deadline", description="then the planner is killed"
    )
    plan_max_age_s: Duration = Field(
        7200.0,
        alias="plan_max_age",
        description="an older plan gives way to a rule",
    )
    solver: Literal["clarabel", "piqp", "highs", "osqp"] = Field(
        "piqp", description="asked first; the others follow if its answer does not prove itself"
    )
    refine: bool = Field(
        True, description="decide the first hours of a plan on or off, not by shares of the time"
    )
    refined_s: Duration = Field(4 * 3600.0, alias="refined", description="how many first hours")
    forecast_every_s: Duration = Field(900.0, alias="forecast_every", description="ask for news")
    stale_after_s: Mapping[Signal, Duration] | None = Field(
        None,
        alias="stale_after",
        description='by signal, such as { outdoor_c = "30 min" }: an older reading is missing; '
        "default: 5 min, for signals of a room its stale_after",
    )

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        if not 4 <= self.horizon_s / self.step_s <= MOST_STEPS:
            raise ValueError(f"horizon must span four to {MOST_STEPS} steps")
        if self.cycle_s < SHORTEST_CYCLE_S:
            raise ValueError(f"cycle must not be shorter than {SHORTEST_CYCLE_S:g} s")
        if 3600.0 % self.step_s:
            raise ValueError("step must divide an hour")
        if self.plan_every_s < self.cycle_s:
            raise ValueError("plan_every must not be shorter than cycle")
        return self


class Storage(_Section):
    """Where records and the small durable state live, and where the owner's channel listens."""

    directory: Path = Field(Path("/var/lib/heatherd"), description="records.db and state.db")
    socket: Path = Field(Path("/run/heatherd/heatherd.sock"), description="the owner's channel")
    keep_days: int = Field(
        90, ge=2, description="records of every cycle; older ones become means of 15 minutes"
    )


class HouseConfig(_Section):
    """One house, one heat pump."""

    house: House
    heat_pump: HeatPump
    meter: Device | None = Field(None, description="electricity meter of the heat pump")
    grid_meter: Device | None = Field(
        None, description="electricity meter of the whole house at its grid connection"
    )
    mqtt: Mqtt | None = Field(None)
    grid: GridSection | None = Field(None)
    frequency: FrequencySection | None = Field(None)
    room: Room | None = Field(None)
    second_room: Room | None = Field(
        None, description="as [room], for the rooms of [house.second_zone]: only the temperature"
    )
    comfort: Comfort = Field(default_factory=Comfort)
    hot_water: HotWaterSection = Field(default_factory=HotWaterSection)
    site: SiteSection = Field(default_factory=SiteSection)
    savings: SavingsSection = Field(default_factory=SavingsSection)
    tariff: TariffSection = Field(default_factory=TariffSection)
    prices: PricesSection | None = Field(None)
    weather: WeatherSection | None = Field(None)
    control: Control = Field(default_factory=Control)
    storage: Storage = Field(default_factory=Storage)
    export: ExportSection = Field(default_factory=ExportSection)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.room is not None and self.mqtt is None:
            raise ValueError("[room] needs [mqtt]: name the broker")
        if self.house.windy and self.weather is None:
            raise ValueError("wind in [house] needs [weather]: name a forecast")
        grid = self.grid
        if grid is not None and (grid.topic or grid.contact_topic) and self.mqtt is None:
            raise ValueError("[grid] with a topic needs [mqtt]: name the broker")
        if grid is not None and grid.measure_others and not (self.meter and self.grid_meter):
            raise ValueError("grid.measure_others needs [meter] and [grid_meter]")
        if self.frequency is not None and self.frequency.topic and self.mqtt is None:
            raise ValueError("[frequency] with a topic needs [mqtt]: name the broker")
        for origin in () if self.prices is None else self.prices.origins:
            if origin.kind == "mqtt" and self.mqtt is None:
                raise ValueError("[prices] from a topic need [mqtt]: name the broker")
            if wrong := origin.converted(self.tariff.currency):
                raise ValueError(f"prices: {wrong}")
        if self.weather is not None and self.weather.needs_a_place and self.house.place is None:
            raise ValueError("[weather] needs house.latitude_deg and house.longitude_deg")
        comfort = self.comfort
        if comfort.margin_k >= comfort.band_k:
            raise ValueError("comfort.margin_k must be smaller than comfort.band_k")
        if not comfort.frost_c < comfort.away_c <= comfort.room_c < comfort.room_max_c:
            raise ValueError("comfort: frost_c < away_c <= room_c < room_max_c must hold")
        return self

    @model_validator(mode="after")
    def _zones_fit(self) -> Self:
        if (self.second_room is None) != (self.house.second_zone is None):
            raise ValueError("[house.second_zone] and [second_room] belong together")
        if self.second_room is not None and self.mqtt is None:
            raise ValueError("[second_room] needs [mqtt]: name the broker")
        if self.second_room is not None and not self.second_room.tells_the_temperature:
            raise ValueError("[second_room] needs temperature_topic: only that counts")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Local time, for people."""
        return ZoneInfo(self.house.timezone)


def parse_config(data: Mapping[str, Any]) -> HouseConfig:
    """Validate a parsed TOML document; raises `ConfigError` naming every problem."""
    try:
        return HouseConfig.model_validate(dict(data))
    except ValidationError as error:
        problems = [_in_words(detail) for detail in error.errors()]
        raise ConfigError("\n".join(problems)) from None


def _in_words(detail: ErrorDetails) -> str:
    where = [_cut(str(part)) for part in detail["loc"]]
    key = ".".join(where) or "file"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where[-1], _keys_of(where[:-1]), n=1)
        return f"{key}: unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    if detail["type"] == "missing":
        return f"{key}: required, but missing"
    what = detail["msg"].removeprefix("Value error, ")[:LONGEST_REASON]
    return f"{key}: {what} (got {_shown(detail['input'])})"


def _shown(value: object) -> str:
    """The value as given, cut, and without a password that does not belong there."""
    if isinstance(value, Mapping):
        return "this section"
    try:
        return _cut(_SECRET.sub("//***@", repr(value)))
    except ValueError:
        return "a number of thousands of digits"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _keys_of(path: list[str]) -> list[str]:
    model: type[BaseModel] = HouseConfig
    for part in path:
        if part.isdigit():
            continue
        field = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        inner = next(_models_in(field.annotation), None) if field is not None else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def effective_values(
    config: BaseModel, prefix: str = "", source: str = "file"
) -> Iterator[tuple[str, object, str]]:
    """Every setting as (key, value, origin), origin being "file", "preset" or "default"."""
    for name, field in type(config).model_fields.items():
        origin = "preset" if name in getattr(config, "preset_keys", ()) else source
        key = f"{prefix}{field.alias or name}"
        value = getattr(config, name)
        given = name in config.model_fields_set
        if isinstance(value, BaseModel):
            yield from effective_values(value, f"{key}.", origin)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, row in enumerate(value):
                yield from effective_values(row, f"{key}[{number}].", origin)
        else:
            yield key, value, origin if given else "default"
