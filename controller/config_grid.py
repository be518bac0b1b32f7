"""[grid]: what the grid operator may demand of the heat pump, and how he says so. Pure."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from controller.config_devices import Device
from controller.config_values import Duration, Pointer, Section, Topic
from drivers.grid.section14a import guaranteed_w


def _at_home(text: str) -> str:
    address, _, port = text.rpartition(":")
    try:
        ip = ip_address(address.removeprefix("[").removesuffix("]"))
        good = 1024 <= int(port) <= 65535
    except ValueError:
        good = False
    else:
        good = good and (ip.is_loopback or ip.is_private or ip.is_link_local)
        good = good and not ip.is_unspecified
    if not good:
        raise ValueError(
            'an address of this computer at home and a port from 1024, such as "127.0.0.1:8095" '
            'or "192.168.1.5:8095"; nothing that the whole world could reach'
        )
    return text


HomeAddress = Annotated[str, AfterValidator(_at_home)]
"""A numeric address of loopback or of a private network, and a port."""


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
    listen: HomeAddress | None = Field(
        None, description="the same over HTTP: POST to /grid/limit at this address and port"
    )
    token_file: Path | None = Field(
        None,
        description="the secret of who may post, 16 characters at least; else HEATHERD_GRID_TOKEN",
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
    measure_others: bool = Field(
        False,
        description="the limit is for the whole house: what else draws is grid_meter less meter, "
        "and others_w while either is silent",
    )
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
        sources = [self.topic, self.contact_topic, self.contact, self.listen]
        if sum(source is not None for source in sources) > 1:
            raise ValueError("[grid] takes one of topic, listen, contact_topic and contact")
        if self.measure_others and "others_w" not in self.model_fields_set:
            raise ValueError("measure_others needs others_w, for when a meter is silent")
        return self

    @property
    def listens_at(self) -> tuple[str, int] | None:
        """Where to listen."""
        if self.listen is None:
            return None
        address, _, port = self.listen.rpartition(":")
        return address.removeprefix("[").removesuffix("]"), int(port)

    @property
    def guaranteed_w(self) -> float:
        """What the operator must leave the pump (EnWG §14a)."""
        return guaranteed_w(self.connected_w or 0.0)
