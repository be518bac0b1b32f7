"""The section [room]: where the room's temperature and its thermostat are heard. Pure."""

from typing import Literal, Self

from pydantic import Field, model_validator

from controller.config_values import Duration, Pointer, Section, Topic

_TOPICS = (
    "temperature_topic",
    "temperature_pointer",
    "setpoint_topic",
    "setpoint_pointer",
    "mode_topic",
    "mode_pointer",
    "availability_topic",
)
_KEYS = {
    "zigbee2mqtt": ("sensor_topic", "thermostat_topic"),
    "home_assistant": ("discovery_topic", *_TOPICS),
    "opentherm_gateway": ("topic", "temperature_label", "setpoint_label"),
    "mqtt": _TOPICS,
}
"""Which keys belong to which kind of room."""

_ONE_OF = {
    "zigbee2mqtt": ("sensor_topic", "thermostat_topic"),
    "home_assistant": ("discovery_topic", "temperature_topic", "setpoint_topic"),
    "opentherm_gateway": ("topic",),
    "mqtt": ("temperature_topic", "setpoint_topic"),
}
"""Of these at least one is needed."""


class Room(Section):
    """Room sensor and thermostat, heard over MQTT; which keys count depends on `kind`."""

    kind: Literal["zigbee2mqtt", "home_assistant", "opentherm_gateway", "mqtt"] = Field(
        "zigbee2mqtt", description="how the room is published"
    )
    sensor_topic: Topic | None = Field(None, description="zigbee2mqtt: topic of the room sensor")
    thermostat_topic: Topic | None = Field(
        None, description="zigbee2mqtt: topic of the thermostat, on the wall or on a radiator"
    )
    discovery_topic: Topic | None = Field(
        None, description="home_assistant: such as homeassistant/climate/living/config"
    )
    topic: Topic | None = Field(
        None, description="opentherm_gateway: base topic, such as OTGW/value/otgw-0011AABBCCDD"
    )
    temperature_label: Topic | None = Field(
        None, description="opentherm_gateway: topic below it; default: Tr or roomtemperature"
    )
    setpoint_label: Topic | None = Field(
        None, description="opentherm_gateway: topic below it; default: TrSet or roomsetpoint"
    )
    temperature_topic: Topic | None = Field(
        None, description="mqtt, home_assistant: room temperature in °C"
    )
    temperature_pointer: Pointer = Field(
        "", description="place in its JSON message, such as /temperature; empty: all of it"
    )
    setpoint_topic: Topic | None = Field(None, description="the thermostat's set-point in °C")
    setpoint_pointer: Pointer = Field("", description="place in its JSON message")
    mode_topic: Topic | None = Field(None, description="the thermostat's mode: heat, auto or off")
    mode_pointer: Pointer = Field("", description="place in its JSON message")
    availability_topic: Topic | None = Field(
        None, description="says online or offline; offline makes every value missing"
    )
    stale_after_s: Duration = Field(
        7200.0, alias="stale_after", description="a sensor silent for longer counts as lost"
    )

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        given = [key for keys in _KEYS.values() for key in keys if getattr(self, key)]
        if not set(given) & set(_ONE_OF[self.kind]):
            raise ValueError(f"give {', '.join(_ONE_OF[self.kind])}, or leave [room] out")
        for key in given:
            if key not in _KEYS[self.kind]:
                kinds = [f'"{kind}"' for kind, keys in _KEYS.items() if key in keys]
                raise ValueError(f'{key} is for kind {" or ".join(kinds)}, not "{self.kind}"')
        if self.discovery_topic is not None and set(given) & set(_TOPICS):
            raise ValueError("give discovery_topic or the topics themselves, not both")
        for part in ("temperature", "setpoint", "mode"):
            if f"{part}_pointer" in given and f"{part}_topic" not in given:
                raise ValueError(f"{part}_pointer needs {part}_topic")
        return self

    @property
    def tells_the_temperature(self) -> bool:
        """Whether more is named than a set-point or a mode."""
        return self.kind not in ("home_assistant", "mqtt") or bool(
            self.discovery_topic or self.temperature_topic
        )
