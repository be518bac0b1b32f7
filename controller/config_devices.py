"""Devices and how they are reached: [heat_pump], [meter], [grid_meter], [mqtt]. Pure."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from controller.config_pump import PumpFigures
from controller.config_values import Duration, Topic
from controller.config_values import Section as _Section
from drivers.api import Capability

Port = Annotated[int, Field(ge=1, le=65535)]


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
    topic: Topic | None = Field(None, description="MQTT: base topic; default: the profile's")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.host is not None and self.serial is not None:
            raise ValueError("give host or serial, not both")
        if self.baudrate is not None and self.serial is None:
            raise ValueError("baudrate is of a serial line: give serial")
        if self.host is not None and _is_of_the_internet(self.host):
            raise ValueError(
                f"Modbus knows neither passwords nor encryption, and {self.host} is an address of "
                "the internet: give one of the house, or of a tunnel to it"
            )
        return self


def _is_of_the_internet(host: str) -> bool:
    """Of an address; what a name stands for is known to nobody here."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return False


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
    starts_per_hour: int = Field(
        6, ge=1, description="never cause more starts than this in an hour"
    )
    flow_rise_k_per_min: float = Field(
        10.0, gt=0, le=60, description="a running pump's set-point never rises faster than this"
    )
    return_max_c: float | None = Field(
        None, ge=20, le=70, description="never heat water that comes back hotter than this"
    )
    sg_hold_s: Duration = Field(
        600.0, alias="sg_hold", description="an SG Ready state is kept for at least this"
    )
    electric_heat: Literal["frost", "allowed"] = Field(
        "frost",
        description="SG Ready's forced state, which switches electric heaters on: only at the "
        "frost floor, or whenever it is wanted",
    )
    start_cost: float | None = Field(
        None,
        ge=0,
        description="what a start of the compressor counts, in the tariff's currency; none: the "
        "worth of 0.02 EUR, a compressor's price over the starts it is built for",
    )
    starts_per_day: int | None = Field(
        None,
        ge=1,
        description="never plan more starts than this in a day, nor cause them in a warm room",
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
    ca_file: Path | None = Field(
        None, description="mqtts: the authority that signed the broker; default: the system's"
    )
    cert_file: Path | None = Field(None, description="mqtts: heatherd's own certificate")
    key_file: Path | None = Field(None, description="mqtts: the key to it; only for the service")

    @model_validator(mode="after")
    def _certificates_fit(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        if (self.ca_file or self.cert_file) and not self.broker.startswith("mqtts://"):
            raise ValueError("certificates need TLS: write mqtts:// in broker")
        return self
