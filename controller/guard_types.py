"""What the guard works with: the wish, its answer, and all that its rules may look at. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from controller.grid_hold import GridHold
from controller.snapshot import Snapshot
from drivers.api import Capability, Knob, Signal

Settings: TypeAlias = Mapping[Capability, float]


class Purpose(StrEnum):
    """Why a knob is moved; only the planner's moves have a budget."""

    PLANNER = "planner"
    SAFETY = "safety"  # the guard put its own value in place of the wish
    DSO = "dso"  # the grid operator's limit
    HAND_BACK = "hand_back"  # the owner's value returns


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the decision stage would like; without settings it wants nothing of the pump."""

    settings: Settings
    run: bool | None  # should the compressor heat; None: no opinion
    heat_w: float | None
    source: str  # "mpc", "heating-curve", "none"
    reason: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """Exactly what was wanted."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Altered:
    """Less or other than was wanted, and why."""

    settings: Settings
    reasons: tuple[str, ...]
    forced: Mapping[Capability, Purpose] = field(default_factory=dict)  # not the planner's values


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing may be asked of the pump now; hand it back."""

    reasons: tuple[str, ...]


Verdict: TypeAlias = Allowed | Altered | Refused


@dataclass(frozen=True, slots=True)
class Memory:
    """What the guard remembers: the measured compressor and the last settings it let through."""

    compressor_on: bool | None = None
    since: datetime | None = None  # of its last change that was seen, or of the first look at it
    settings: Settings | None = None
    blocked_s: float = 0.0  # SG Ready block used up lately
    seen_at: datetime | None = None
    grid: GridHold | None = None  # the grid operator's limit in force
    passed_s: float = 0.0  # from the look before to this one
    starts: tuple[datetime, ...] = ()  # of the compressor within a day, those that we asked for
    own_starts: tuple[datetime, ...] = ()  # and those that the pump made by itself
    sg_state: float | None = None  # SG Ready state that was asked last
    sg_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of this house; the narrowest of pump, owner and grid."""

    knob: Knob | None  # the one that steers heat
    rest_value: float | None  # its value for "no heat"
    run_value: float | None  # its value for "keep running, as little as you can"
    frost_value: float | None  # its value for "all the heat there is"
    flow_max_c: float
    power_max_w: float | None
    minimum_run_s: float
    minimum_off_s: float
    frost_c: float
    room_max_c: float
    tank_knob: Knob | None = None  # the one that steers hot water
    tank_max_c: float = math.inf  # its highest set-point
    power_knob: Knob | None = None  # the one that takes the grid operator's limit
    tank_limit_knob: Knob | None = None  # the one that ends the pump's own hot water under it
    return_max_c: float = math.inf
    room_min_c: float = -math.inf  # colder than this, heat comes before a day's starts
    second_room_min_c: float = -math.inf  # the same for the second zone
    starts_per_hour: int | None = None
    starts_per_day: int | None = None
    day_began_at: datetime | None = None  # local midnight
    rise_k_per_min: float | None = None  # of a running pump's set-point; None: at any pace
    sg_hold_s: float = 0.0
    heater_only_for_frost: bool = False
    sanitised_from_c: float = 55.0  # a tank this hot that is being heated is not interrupted


@dataclass(frozen=True, slots=True)
class Draft:
    """Settings on their way through the rules."""

    settings: Settings
    run: bool | None  # up to the run and off times, which are the last to ask
    reasons: tuple[str, ...] = ()
    refused: bool = False
    forced: Mapping[Capability, Purpose] = field(default_factory=dict)

    def because(self, reason: str, **changes: object) -> "Draft":
        """The draft with changes and one more reason."""
        return replace(self, reasons=(*self.reasons, reason), **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Situation:
    """All a rule may look at."""

    snapshot: Snapshot
    memory: Memory
    limits: Limits

    @property
    def in_state_s(self) -> float | None:
        """How long the measured compressor has been on or off; None when that is not known."""
        if self.memory.since is None:
            return None
        return (self.snapshot.at - self.memory.since).total_seconds()

    @property
    def room_c(self) -> float | None:
        """The room's temperature, where it is known."""
        return self.snapshot.value(Signal.ROOM_C)

    @property
    def coldest_c(self) -> float | None:
        """The colder of both zones, where there are two."""
        return self.snapshot.coldest_room_c

    @property
    def too_warm(self) -> bool:
        """Whether the room is at its limit; not when its temperature is unknown."""
        return self.room_c is not None and self.room_c >= self.limits.room_max_c

    @property
    def too_cold(self) -> bool:
        """Whether a room is so cold that heat comes before sparing the pump."""
        first_c, second_c = self.room_c, self.snapshot.value(Signal.SECOND_ROOM_C)
        limits = self.limits
        return (first_c is not None and first_c < limits.room_min_c) or (
            second_c is not None and second_c < limits.second_room_min_c
        )

    @property
    def at_frost_floor(self) -> bool:
        """Whether a room is so cold that everything else yields.

        A second zone's frost never overheats the first: its sensor may lie in a snowdrift.
        """
        cold_c = self.room_c if self.too_warm else self.coldest_c
        return cold_c is not None and cold_c <= self.limits.frost_c

    def before(self, capability: Capability) -> float | None:
        """What was let through for this knob in the cycle before."""
        settings = self.memory.settings
        return None if settings is None else settings.get(capability)


Rule: TypeAlias = Callable[[Draft, Situation], Draft]


def with_heat(draft: Draft, limits: Limits, value: float | None) -> Settings:
    """The draft's settings with this value of the knob for heat, where both are known."""
    if limits.knob is None or value is None:
        return draft.settings
    return {**draft.settings, limits.knob.capability: value}


def for_safety(limits: Limits) -> Mapping[Capability, Purpose]:
    """The mark of a value that the guard put in place of the wish."""
    return {} if limits.knob is None else {limits.knob.capability: Purpose.SAFETY}
