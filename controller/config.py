"""The configuration of one house: TOML, validated, frozen; unknown keys are errors. Pure."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from controller.config_hot_water import HotWaterSection
from controller.config_pump import PumpFigures
from controller.config_room import Room
from controller.config_site import SiteSection
from controller.config_tariff import TariffSection
from controller.config_values import Duration
from controller.config_values import Section as _Section
from drivers.api import Capability

_SECRET = re.compile(r"//.*@")


class ConfigError(ValueError):
    """The configuration cannot be used; the message lists every problem."""


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        raise ValueError(f"unknown time zone{f', did you mean {near[0]!r}?' if near else ''}")
    return name


Timezone = Annotated[str, AfterValidator(_known_timezone)]
Port = Annotated[int, Field(ge=1, le=65535)]


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
    model: BuildingModel = Field(
        default_factory=BuildingModel, description="only if you know better"
    )


class Device(_Section):
    """A device that is reached over Modbus or over the broker, as its profile says."""

    profile: str = Field(description="name of a shipped profile, or path of your own TOML file")
    host: str | None = Field(None, description="Modbus TCP: host name or address")
    port: Port | None = Field(None, description="Modbus TCP; default: the profile's")
    serial: str | None = Field(None, description="Modbus RTU: its line, such as /dev/ttyUSB0")
    baudrate: int | None = Field(
        None, ge=300, le=921600, description="of the serial line; default: the profile's"
    )
    unit: int | None = Field(None, ge=0, le=255, description="Modbus; default: the profile's")
    topic: str | None = Field(None, description="MQTT: base topic; default: the profile's")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.host is not None and self.serial is not None:
            raise ValueError("give host or serial, not both")
        if self.baudrate is not None and self.serial is None:
            raise ValueError("baudrate is of a serial line: give serial")
        return self


HeatKnob = Literal[
    "auto",
    "flow_setpoint",
    "return_setpoint",
    "curve_offset",
    "room_setpoint",
    "sg_ready",
    "virtual_outdoor",
    "power_limit",
    "compressor_limit",
    "on_off",
]


class HeatPump(PumpFigures, Device):
    """The heat pump: how to reach it, what its data sheet says, what it must never be asked."""

    flow_max_c: float = Field(
        55.0, ge=25, le=75, description="never ask for hotter water than this"
    )
    power_max_w: float | None = Field(None, gt=0, description="never draw more than this")
    minimum_run_s: Duration = Field(600.0, alias="minimum_run", description="of the compressor")
    minimum_off_s: Duration = Field(600.0, alias="minimum_off", description="of the compressor")
    start_cost: float = Field(
        0.2, ge=0, description="what a start of the compressor counts, in the tariff's currency"
    )
    starts_per_day: int | None = Field(
        None, ge=1, description="never plan more starts than this in a day"
    )
    dwell_s: Duration = Field(
        900.0,
        alias="dwell",
        description="shortest planned stay in hot water, or in heating after it",
    )
    knob: HeatKnob = Field(
        "auto", description="how heat is steered; auto takes the finest knob the pump has"
    )
    accept_maturity: Literal["simulated", "recorded", "bench", "field"] = Field(
        "field",
        description="write only to profiles proven at least this far; lower it knowingly",
    )
    accept: tuple[Capability, ...] = Field(
        (), description="knobs that may be written although the profile is not proven that far"
    )
    accept_stop_on_silence: bool = Field(
        False, description="true: I know that this pump stops heating when heatherd falls silent"
    )

    @property
    def capability(self) -> Capability | None:
        """The knob the owner chose, None for auto."""
        return None if self.knob == "auto" else Capability(self.knob)


class Mqtt(_Section):
    """The broker. Its password comes from a file or HEATHERD_MQTT_PASSWORD, never from here."""

    broker: str = Field(description="mqtt://host:1883", pattern=r"^mqtts?://[^:@/]+(:\d+)?$")
    username: str | None = Field(None)
    password_file: Path | None = Field(None, description="a file that only the service can read")


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


class PriceFile(_Section):
    """Day-ahead prices from a CSV file that something else keeps fresh."""

    csv: Path = Field(description="header timestamp_utc,price[,issued_at]")
    per_mwh: bool = Field(True, description="true: the file's prices are per MWh, false: per kWh")


class WeatherFile(_Section):
    """A weather forecast from a CSV file that something else keeps fresh."""

    csv: Path = Field(description="header timestamp_utc,outdoor_c,ghi_w_per_m2")


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
        description="an older plan gives way to the heating-curve rule",
    )
    solver: Literal["clarabel", "piqp", "highs", "osqp"] = Field(
        "clarabel", description="asked first; the others follow if its answer does not prove itself"
    )
    refine: bool = Field(
        True, description="decide the first hours of a plan on or off, not by shares of the time"
    )
    refined_s: Duration = Field(4 * 3600.0, alias="refined", description="how many first hours")
    forecast_every_s: Duration = Field(900.0, alias="forecast_every", description="ask for news")

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        if self.horizon_s < 4 * self.step_s:
            raise ValueError("horizon must span at least four steps")
        if 3600.0 % self.step_s:
            raise ValueError("step must divide an hour")
        if self.plan_every_s < self.cycle_s:
            raise ValueError("plan_every must not be shorter than cycle")
        return self


class Storage(_Section):
    """Where records and the small durable state live, and where the owner's channel listens."""

    directory: Path = Field(Path("/var/lib/heatherd"), description="records.db and state.db")
    socket: Path = Field(Path("/run/heatherd/heatherd.sock"), description="the owner's channel")


class HouseConfig(_Section):
    """One house, one heat pump."""

    house: House
    heat_pump: HeatPump
    meter: Device | None = Field(None, description="electricity meter of the heat pump")
    grid_meter: Device | None = Field(
        None, description="electricity meter of the whole house at its grid connection"
    )
    mqtt: Mqtt | None = Field(None)
    room: Room | None = Field(None)
    comfort: Comfort = Field(default_factory=Comfort)
    hot_water: HotWaterSection = Field(default_factory=HotWaterSection)
    site: SiteSection = Field(default_factory=SiteSection)
    tariff: TariffSection = Field(default_factory=TariffSection)
    prices: PriceFile | None = Field(None)
    weather: WeatherFile | None = Field(None)
    control: Control = Field(default_factory=Control)
    storage: Storage = Field(default_factory=Storage)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.room is not None and self.mqtt is None:
            raise ValueError("[room] needs [mqtt]: name the broker")
        comfort = self.comfort
        if comfort.margin_k >= comfort.band_k:
            raise ValueError("comfort.margin_k must be smaller than comfort.band_k")
        if not comfort.frost_c < comfort.away_c <= comfort.room_c < comfort.room_max_c:
            raise ValueError("comfort: frost_c < away_c <= room_c < room_max_c must hold")
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
    where = [str(part) for part in detail["loc"]]
    key = ".".join(where) or "file"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where[-1], _keys_of(where[:-1]), n=1)
        return f"{key}: unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    if detail["type"] == "missing":
        return f"{key}: required, but missing"
    return f"{key}: {detail['msg'].removeprefix('Value error, ')} (got {_shown(detail['input'])})"


def _shown(value: object) -> str:
    """The value as given, without a password that does not belong there."""
    return "this section" if isinstance(value, Mapping) else _SECRET.sub("//***@", repr(value))


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


def effective_values(config: BaseModel, prefix: str = "") -> Iterator[tuple[str, object, str]]:
    """Every setting as (key, value, origin), origin being "file" or "default"."""
    for name, field in type(config).model_fields.items():
        key = f"{prefix}{field.alias or name}"
        value = getattr(config, name)
        given = name in config.model_fields_set
        if isinstance(value, BaseModel):
            yield from effective_values(value, f"{key}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, row in enumerate(value):
                yield from effective_values(row, f"{key}[{number}].")
        else:
            yield key, value, "file" if given else "default"
