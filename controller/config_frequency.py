"""[frequency]: what is promised to the grid's frequency, by which knob, seen by which meter. Pure.

Nothing has a friendly default: what nobody has stated or measured does not qualify.
"""

from typing import Self

from pydantic import Field, model_validator

from controller.config_devices import Device
from controller.config_values import Duration, Pointer, Section, Topic
from drivers.api import Capability
from mpc.reserve import DROOPS, Droop, Product


class FrequencySection(Section):
    """Answer the frequency of the grid; left out: heatherd does not."""

    product: Product = Field(description="what is promised")
    capacity_w: float = Field(gt=0, description="how much, in each direction of the product")
    knob: Capability = Field(
        Capability.POWER_LIMIT, description="what moves the pump's power within seconds"
    )
    latency_s: Duration | None = Field(
        None, alias="latency", description="measured: from a write to the first change of power"
    )
    ramp_frac_per_s: float | None = Field(
        None, gt=0, description="measured: share of the capacity a second, the slower direction"
    )
    w_per_unit: float | None = Field(
        None, gt=0, description="measured: power of one unit of a knob that is not in watts"
    )
    device: Device | None = Field(
        None, description="a meter or transducer with the signal frequency_hz"
    )
    topic: Topic | None = Field(None, description="the frequency in Hz over MQTT instead")
    pointer: Pointer = Field("", description="its place in a JSON message")
    resolution_hz: float | None = Field(None, gt=0, description="stated by the meter's maker")
    noise_hz: float | None = Field(None, ge=0, description="its largest error, stated")
    delay_s: Duration | None = Field(
        None, alias="delay", description="averaging and transmission together, stated"
    )
    area: str = Field("unstated", description="for the names of the logs, such as DK1 or SE3")
    resource: str = Field("", description="for the names of the logs; default: the house's name")
    log_days: int = Field(14, ge=1, description="days of logs at one second that are kept")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.device is None) == (self.topic is None):
            raise ValueError("[frequency] takes either device or topic")
        return self

    @property
    def droop(self) -> Droop:
        """What a deviation asks for."""
        return DROOPS[self.product]
