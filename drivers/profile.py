"""A profile: one heat-pump or meter family as data, read from TOML and validated. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.api import Capability, Knob, Maturity, OnSilence, Signal
from drivers.points import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How one talks to this family over Modbus."""

    port: int = 502
    unit: int = 1
    timeout_s: float = 3.0
    gap_s: float = 0.0  # pause between two requests
    largest_block: int = 1  # registers in one read of adjacent points


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything about a device family that data can express."""

    name: str
    title: str
    kind: str  # "heat_pump" or "meter"
    maturity: Maturity
    evidence: str
    on_silence: OnSilence
    on_silence_note: str
    connection: Connection
    points: Mapping[str, Point]  # by point name
    signals: Mapping[Signal, str]  # signal -> point name, read every cycle
    knobs: Mapping[Capability, Knob]
