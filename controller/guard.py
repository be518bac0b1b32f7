"""The last word before anything is written: limits, interlocks, run and off times. Pure.

A fold over small rules. Each rule may narrow what is wanted, and says why; none needs a plan or a
forecast. Refusing means that nothing is asked of the pump: it returns to its own control.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from controller.actuation import BLOCK_STATE, DIRECT, NORMAL_STATE, span
from controller.snapshot import Snapshot
from drivers.api import Capability, Knob, OperatingState, Signal

Settings: TypeAlias = Mapping[Capability, float]

BLOCK_SPAN_S, DAY_S = 3600.0, 86400.0
"""SG Ready allows a block of two hours a day. One hour at a time that comes back over a day keeps
any 24 hours within that; a new block waits until half of it is back."""


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


@dataclass(frozen=True, slots=True)
class Draft:
    """Settings on their way through the rules."""

    settings: Settings
    run: bool | None
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


Rule: TypeAlias = Callable[[Draft, Situation], Draft]


def remember(memory: Memory, snapshot: Snapshot) -> Memory:
    """Follow the measured compressor; an unmeasured moment changes nothing.

    The first look counts as a change: a controller that has just started cannot know how long the
    compressor has run or rested, and must not cut that short.
    """
    seen = replace(memory, blocked_s=_blocked_s(memory, snapshot.at), seen_at=snapshot.at)
    on = snapshot.compressor_on
    if on is None or on == memory.compressor_on:
        return seen
    return replace(seen, compressor_on=on, since=snapshot.at)


def _blocked_s(memory: Memory, at: datetime) -> float:
    """Blocked time, given back over a day."""
    if memory.seen_at is None:
        return memory.blocked_s
    passed_s = max((at - memory.seen_at).total_seconds(), 0.0)
    if memory.settings is not None and memory.settings.get(Capability.SG_READY) == BLOCK_STATE:
        return memory.blocked_s + passed_s
    return max(memory.blocked_s - passed_s * BLOCK_SPAN_S / DAY_S, 0.0)


def judge(wanted: Wanted, snapshot: Snapshot, memory: Memory, limits: Limits) -> Verdict:
    """Pass what is wanted through every rule."""
    if not wanted.settings:
        return Refused((wanted.reason,))
    situation = Situation(snapshot, memory, limits)
    draft = Draft(wanted.settings, wanted.run)
    for rule in RULES:
        draft = rule(draft, situation)
        if draft.refused:
            return Refused(draft.reasons)
    if draft.reasons:
        return Altered(draft.settings, draft.reasons, draft.forced)
    return Allowed(draft.settings)


def _only_numbers(draft: Draft, _situation: Situation) -> Draft:
    """No limit holds a NaN: every comparison with it is false."""
    odd = next((c for c, value in draft.settings.items() if not math.isfinite(value)), None)
    if odd is None:
        return draft
    return draft.because(f"{odd} {draft.settings[odd]} is not a number", refused=True)


def _must_be_known(signal: Signal, otherwise: str) -> Rule:
    """Without this signal nothing is asked of the pump."""

    def rule(draft: Draft, situation: Situation) -> Draft:
        missing = situation.snapshot.why_missing(signal)
        return draft if missing is None else draft.because(f"{otherwise}: {missing}", refused=True)

    return rule


def _flow_must_be_known(draft: Draft, situation: Situation) -> Draft:
    """A silent pump is asked nothing. One that never shows its flow can still be nudged."""
    snapshot, knob = situation.snapshot, situation.limits.knob
    needed = knob is not None and knob.capability in DIRECT
    missing = snapshot.why_missing(Signal.FLOW_C)
    if missing is None or not (needed or Signal.FLOW_C in snapshot.signals):
        return draft
    return draft.because(f"the pump's flow temperature is unknown: {missing}", refused=True)


def _alarm_frees_the_pump(draft: Draft, situation: Situation) -> Draft:
    alarm = situation.snapshot.value(Signal.ALARM)
    if alarm is None or alarm == 0.0:
        return draft
    return draft.because(f"the pump reports alarm {alarm:.0f}", refused=True)


def _not_too_warm(draft: Draft, situation: Situation) -> Draft:
    room_c = situation.snapshot.value(Signal.ROOM_C)
    limits = situation.limits
    if room_c is None or room_c < limits.room_max_c or draft.run is False:
        return draft
    rested = _with_heat(draft, limits, limits.rest_value)
    if draft.run is None and rested == draft.settings:
        return draft
    return draft.because(
        f"room {room_c:.1f} °C is at its limit of {limits.room_max_c:.1f} °C",
        settings=rested,
        run=False,
        forced=_for_safety(limits),
    )


def _minimum_times(draft: Draft, situation: Situation) -> Draft:
    """Counted from the measured compressor, not from our request."""
    in_state_s, on = situation.in_state_s, situation.memory.compressor_on
    limits = situation.limits
    if in_state_s is None or on is None or draft.run is None or draft.run == on:
        return draft
    least_s = limits.minimum_run_s if on else limits.minimum_off_s
    if in_state_s >= least_s:
        return draft
    return draft.because(
        f"the compressor has {'run' if on else 'rested'} {in_state_s / 60:.0f} of "
        f"{least_s / 60:.0f} min",
        settings=_with_heat(draft, limits, limits.run_value if on else limits.rest_value),
        run=on,
        forced={},
    )


def _defrost_freezes(draft: Draft, situation: Situation) -> Draft:
    """Flow temperature means nothing while the pump defrosts: keep what was asked before."""
    if situation.snapshot.operating_state is not OperatingState.DEFROST:
        return draft
    before = situation.memory.settings
    if before is None or before == draft.settings:
        return draft
    return draft.because("the pump is defrosting", settings=before, forced={})


def _frost_comes_first(draft: Draft, situation: Situation) -> Draft:
    """A cold house is heated at any cost, also while the pump says it defrosts: a stuck signal must
    not freeze it. The pump's own pause still protects the compressor."""
    room_c = situation.snapshot.value(Signal.ROOM_C)
    limits = situation.limits
    if room_c is None or room_c > limits.frost_c or limits.frost_value is None:
        return draft
    return draft.because(
        f"room {room_c:.1f} °C is at the frost floor of {limits.frost_c:.1f} °C",
        settings=_with_heat(draft, limits, limits.frost_value),
        run=True,
        forced=_for_safety(limits),
    )


def _flow_within_limits(draft: Draft, situation: Situation) -> Draft:
    flow_c = draft.settings.get(Capability.FLOW_SETPOINT)
    limit_c = situation.limits.flow_max_c
    if flow_c is None or flow_c <= limit_c:
        return draft
    return draft.because(
        f"flow set-point {flow_c:.1f} °C is above the limit of {limit_c:.1f} °C",
        settings={**draft.settings, Capability.FLOW_SETPOINT: limit_c},
    )


def _power_within_limits(draft: Draft, situation: Situation) -> Draft:
    power_w = draft.settings.get(Capability.POWER_LIMIT)
    limit_w = situation.limits.power_max_w
    if power_w is None or limit_w is None or power_w <= limit_w:
        return draft
    return draft.because(
        f"power limit {power_w:.0f} W is above the bound of {limit_w:.0f} W",
        settings={**draft.settings, Capability.POWER_LIMIT: limit_w},
    )


def _within_the_knob(draft: Draft, situation: Situation) -> Draft:
    knob = situation.limits.knob
    if knob is None or knob.capability not in draft.settings:
        return draft
    low, high = span(knob)
    if knob.capability in DIRECT:
        high = min(high, situation.limits.flow_max_c)
    return _bounded(draft, knob, low, high)


def _tank_within_its_knob(draft: Draft, situation: Situation) -> Draft:
    """Never hotter than the owner's limit, nor cooler than a house can live with for ever."""
    knob = situation.limits.tank_knob
    if knob is None or knob.capability not in draft.settings:
        return draft
    low, high = span(knob)
    if knob.capability is Capability.DHW_SETPOINT:
        high = max(low, min(high, situation.limits.tank_max_c))
    return _bounded(draft, knob, low, high)


def _bounded(draft: Draft, knob: Knob, low: float, high: float) -> Draft:
    if low > high:
        return draft.because(
            f"{knob.capability} starts at {low:g}, above the limit of {high:g}", refused=True
        )
    value = draft.settings[knob.capability]
    bounded = min(max(value, low), high)
    if bounded == value:
        return draft
    return draft.because(
        f"{knob.capability} {value:g} is outside {low:g} to {high:g}",
        settings={**draft.settings, knob.capability: bounded},
    )


def _block_has_an_end(draft: Draft, situation: Situation) -> Draft:
    """No pump stays blocked for longer than SG Ready allows."""
    if draft.settings.get(Capability.SG_READY) != BLOCK_STATE:
        return draft
    before = situation.memory.settings
    blocking = before is not None and before.get(Capability.SG_READY) == BLOCK_STATE
    allowed_s = BLOCK_SPAN_S if blocking else BLOCK_SPAN_S / 2.0
    if situation.memory.blocked_s < allowed_s:
        return draft
    return draft.because(
        f"the pump has been blocked for {situation.memory.blocked_s / 60:.0f} min",
        settings={**draft.settings, Capability.SG_READY: NORMAL_STATE},
    )


def _with_heat(draft: Draft, limits: Limits, value: float | None) -> Settings:
    if limits.knob is None or value is None:
        return draft.settings
    return {**draft.settings, limits.knob.capability: value}


def _for_safety(limits: Limits) -> Mapping[Capability, Purpose]:
    return {} if limits.knob is None else {limits.knob.capability: Purpose.SAFETY}


RULES: tuple[Rule, ...] = (
    _only_numbers,
    _flow_must_be_known,
    _alarm_frees_the_pump,
    _must_be_known(Signal.ROOM_C, "no room temperature"),
    _not_too_warm,
    _minimum_times,
    _defrost_freezes,
    _frost_comes_first,
    _flow_within_limits,
    _power_within_limits,
    _block_has_an_end,
    _within_the_knob,
    _tank_within_its_knob,
)
"""In this order: may we act at all, comfort and compressor, frost, then the hard bounds."""
