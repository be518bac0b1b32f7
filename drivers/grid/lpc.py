"""Limitation of power consumption (EEBUS LPC): the controllable system's state machine. Pure.

Seconds are of any monotonic clock. Source of the rules: EEBUS use case "Limitation of Power
Consumption" 1.0.0 as implemented by eebus-go and evcc. A fresh machine is held to the failsafe
limit. It leaves that limit, as after a lost heartbeat, by a limit written while heartbeats come;
120 s after heartbeats are back without one; or when the failsafe minimum time is over.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from drivers.grid.limit import GridState

HEARTBEAT_S = 120.0
"""Heartbeats come every 60 s; after this silence they count as lost."""

LIMIT_WAIT_S = 120.0
"""Heartbeats without a limit for this long: nobody wants to limit."""

LONGEST_LIMIT_S = 366 * 86400.0
"""A limit for longer ends in a year: no calendar holds every number that a message can."""

MINIMUM_FROM_S, MINIMUM_TO_S = 2 * 3600.0, 24 * 3600.0

HELD = frozenset({GridState.INIT, GridState.FAILSAFE})
CONTROLLED = frozenset({GridState.LIMITED, GridState.UNLIMITED})


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The energy guard is alive."""

    at_s: float


@dataclass(frozen=True, slots=True)
class LimitWrite:
    """The energy guard sets or lifts a limit."""

    at_s: float
    limit_w: float
    active: bool = True
    duration_s: float | None = None  # None: until it is lifted


@dataclass(frozen=True, slots=True)
class FailsafeWrite:
    """The energy guard sets what holds when it is silent; None leaves a value as it is."""

    at_s: float
    limit_w: float | None = None
    minimum_s: float | None = None


Event: TypeAlias = Heartbeat | LimitWrite | FailsafeWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Lpc:
    """The machine at `now_s`; begins in `INIT`, held to its failsafe limit."""

    now_s: float
    failsafe_w: float
    failsafe_minimum_s: float = MINIMUM_FROM_S
    state: GridState = GridState.INIT
    since_s: float | None = None  # when the state was entered; None: with the machine
    heard_s: float | None = None  # the last heartbeat; None: none since they were lost
    back_s: float | None = None  # the first heartbeat after the silence, while held
    limit_w: float | None = None  # while limited
    ends_s: float | None = None

    def __post_init__(self) -> None:
        if self.since_s is None:
            object.__setattr__(self, "since_s", self.now_s)

    @property
    def allowed_w(self) -> float | None:
        """The limit in force; None: none."""
        if self.state in HELD:
            return self.failsafe_w
        return self.limit_w if self.state is GridState.LIMITED else None


def advanced(lpc: Lpc, now_s: float, events: Sequence[Event] = ()) -> tuple[Lpc, tuple[str, ...]]:
    """The machine at `now_s` after these events, in order, and why any of them was refused.

    How often it is called does not matter: every timer runs out at its own time.
    """
    refused: list[str] = []
    for event in events:
        if not lpc.now_s <= event.at_s <= now_s:
            refused.append("it is stamped before what was heard earlier, or later than now")
            continue
        lpc = _timed(lpc, event.at_s)
        match event:
            case Heartbeat():
                lpc = _beaten(lpc)
            case LimitWrite():
                lpc, why = _limited(lpc, event)
                refused += why
            case FailsafeWrite():
                lpc, why = _failsafe_set(lpc, event)
                refused += why
    return _timed(lpc, max(now_s, lpc.now_s)), tuple(refused)


def resumed(lpc: Lpc, limit_w: float, *, lasts_s: float, age_s: float) -> Lpc:
    """A limit of before a restart in force again: a heartbeat counts as heard now.

    Who was not there cannot know what was said meanwhile: the failsafe limit holds beside it.
    """
    held = replace(
        _entered(lpc, GridState.LIMITED, lpc.now_s - age_s),
        heard_s=lpc.now_s,
        limit_w=min(limit_w, lpc.failsafe_w),
    )
    return replace(held, ends_s=lpc.now_s + lasts_s)


def _timed(lpc: Lpc, to_s: float) -> Lpc:
    """Every timer that runs out until `to_s`, the earliest first."""
    while (due := _next_timer(lpc)) is not None and due[0] <= to_s:
        lpc = due[1]
    return replace(lpc, now_s=to_s)


def _next_timer(lpc: Lpc) -> tuple[float, Lpc] | None:
    timers: list[tuple[float, Lpc]] = []
    if lpc.state is GridState.LIMITED and lpc.ends_s is not None:
        timers.append((lpc.ends_s, _entered(lpc, GridState.UNLIMITED, lpc.ends_s)))
    if lpc.heard_s is not None:
        lost_s = lpc.heard_s + HEARTBEAT_S
        silent = replace(lpc, heard_s=None, back_s=None)
        failed = _entered(silent, GridState.FAILSAFE, lost_s)
        timers.append((lost_s, failed if lpc.state in CONTROLLED else silent))
    if lpc.state in HELD:
        if lpc.back_s is not None:
            free_s = lpc.back_s + LIMIT_WAIT_S
            timers.append((free_s, _entered(lpc, GridState.AUTONOMOUS, free_s)))
        over_s = (lpc.since_s or 0.0) + lpc.failsafe_minimum_s
        timers.append((over_s, _entered(lpc, GridState.AUTONOMOUS, over_s)))
    return min(timers, key=lambda timer: timer[0], default=None)


def _entered(lpc: Lpc, state: GridState, at_s: float) -> Lpc:
    return replace(lpc, state=state, since_s=at_s, back_s=None, limit_w=None, ends_s=None)


def _beaten(lpc: Lpc) -> Lpc:
    first = lpc.state in HELD and lpc.back_s is None
    return replace(lpc, heard_s=lpc.now_s, back_s=lpc.now_s if first else lpc.back_s)


def _limited(lpc: Lpc, event: LimitWrite) -> tuple[Lpc, tuple[str, ...]]:
    problem = _wrong_power(event.limit_w) if event.active else None
    if event.duration_s is not None and not 0.0 < event.duration_s < math.inf:
        problem = f"a limit for {event.duration_s:g} s has expired"
    if lpc.heard_s is None:
        problem = "a limit without heartbeats does not count"
    if problem is not None:
        return lpc, (problem,)
    if not event.active:
        return _entered(lpc, GridState.UNLIMITED, lpc.now_s), ()
    ends_s = None
    if event.duration_s is not None:
        ends_s = lpc.now_s + min(event.duration_s, LONGEST_LIMIT_S)
    limited = _entered(lpc, GridState.LIMITED, lpc.now_s)
    return replace(limited, limit_w=event.limit_w, ends_s=ends_s), ()


def _failsafe_set(lpc: Lpc, event: FailsafeWrite) -> tuple[Lpc, tuple[str, ...]]:
    problem = None if event.limit_w is None else _wrong_power(event.limit_w)
    if event.minimum_s is not None and not MINIMUM_FROM_S <= event.minimum_s <= MINIMUM_TO_S:
        problem = f"a failsafe minimum of {event.minimum_s:g} s is not within 2 h to 24 h"
    if problem is not None:
        return lpc, (problem,)
    return replace(
        lpc,
        failsafe_w=lpc.failsafe_w if event.limit_w is None else event.limit_w,
        failsafe_minimum_s=lpc.failsafe_minimum_s if event.minimum_s is None else event.minimum_s,
    ), ()


def _wrong_power(power_w: float) -> str | None:
    return None if 0.0 <= power_w < math.inf else f"{power_w:g} W is no limit of consumption"
