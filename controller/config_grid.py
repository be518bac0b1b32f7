"""[grid]: what the grid operator may demand of the heat pump, and how he says so. Pure."""

from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from controller.config_devices import Device
from controller.config_values import Duration, Pointer, Section, Topic
from drivers.grid.section14a import guaranteed_w


class Reduction(Section):
    """A window in which the heat pump shall draw less, agreed beforehand."""

    starts_at: AwareDatetime = Field(description="with its offset: 2026-01-15T17:00:00+01:00")
    ends_at: AwareDatetime = Field(description="when the pump may draw more again")
    limit_w: float = Field(ge=0, description="electricity of the heat pump in the window")

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("a reduction ends after it starts")
        return self


class GridSection(Section):
    """The grid operator's limit."""

    topic: Topic | None = Field(
        None, description="limits, heartbeats and announced reductions as JSON over MQTT"
    )
    contact_topic: Topic | None = Field(
        None, description="a relay contact over MQTT: 1, on, true are closed"
    )
    contact_pointer: Pointer = Field("", description="place of the contact in a JSON message")
    contact: Device | None = Field(
        None, description="a relay contact by a meter profile with the signal grid_contact"
    )
    connected_w: float | None = Field(
        None, gt=0, description="heat pump and heater rod at most; none: not more than 11 kW"
    )
    contact_w: float | None = Field(
        None, ge=0, description="the limit of a closed contact; default: what is guaranteed"
    )
    failsafe_w: float | None = Field(
        None, ge=0, description="the limit while nobody speaks; default: what is guaranteed"
    )
    failsafe_minimum_s: Duration = Field(
        7200.0, alias="failsafe_minimum", ge=7200, le=86400, description="and for how long"
    )
    others_w: float = Field(0.0, ge=0, description="what else draws from the same limit")
    stale_after_s: Duration = Field(
        900.0, alias="stale_after", description="a contact silent for longer counts as closed"
    )
    obey_within_s: Duration = Field(
        300.0, alias="obey_within", description="what limit-log measures the answer against"
    )
    recovery_s: Duration = Field(
        900.0,
        alias="recovery",
        description="a house returns from a reduction within this time, each at its own moment",
    )
    reduction: tuple[Reduction, ...] = Field((), description="windows known beforehand")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [self.topic, self.contact_topic, self.contact]
        if sum(source is not None for source in sources) > 1:
            raise ValueError("[grid] takes one of topic, contact_topic and contact")
        return self

    @property
    def guaranteed_w(self) -> float:
        """What the operator must leave the pump (EnWG §14a)."""
        return guaranteed_w(self.connected_w or 0.0)
