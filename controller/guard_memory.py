"""What the guard remembers from cycle to cycle, and over a restart. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from controller.actuation import BLOCK_STATE
from controller.guard_types import Memory, Settings
from controller.snapshot import Snapshot
from drivers.api import Capability

MEMORY = TypeAdapter(Memory)
"""How it is kept over a restart."""

BLOCK_SPAN_S, DAY_S = 3600.0, 86400.0
"""SG Ready allows a block of two hours a day. One hour at a time that comes back over a day keeps
any 24 hours within that; a new block waits until half of it is back."""

GIVEN_BACK_S = 900.0
"""A block that has come back by so much is worth a write: every six hours at most."""

UNWATCHED_S = 1800.0
"""After a longer break between two looks nobody knows how long the compressor is in its state."""


def remember(
    memory: Memory, snapshot: Snapshot, resting: Settings | None = None, *, sg_ready: bool = False
) -> Memory:
    """Follow the measured compressor; an unmeasured moment changes nothing.

    The first look counts as a change: a controller that has just started cannot know how long the
    compressor has run or rested, or a pump behind SG Ready (`sg_ready`) has been left in its normal
    state, and must not cut that short. So does the first look after a break and after a clock that
    was set back. `resting` are the settings with which a pump does not start; a start while
    anything else of them was asked is ours.
    """
    at, on = snapshot.at, snapshot.compressor_on
    step_s = 0.0 if memory.seen_at is None else (at - memory.seen_at).total_seconds()
    watched = 0.0 <= step_s <= UNWATCHED_S
    sg_state, sg_since = _sg_ready(memory, at) if sg_ready else (None, None)
    seen = replace(
        memory,
        blocked_s=_blocked_s(memory, step_s),
        passed_s=step_s if watched else 0.0,
        starts=_of_a_day(memory.starts, at),
        own_starts=_of_a_day(memory.own_starts, at),
        sg_state=sg_state,
        sg_since=sg_since,
        seen_at=at,
    )
    if on is None or (watched and on == memory.compressor_on):
        return seen
    now = replace(seen, compressor_on=on, since=at)
    if not on or memory.compressor_on is not False:
        return now
    if _asked(memory.settings or {}, resting or {}):
        return replace(now, starts=(*seen.starts, at))
    return replace(now, own_starts=(*seen.own_starts, at))


def carried(memory: Memory) -> Memory:
    """What still counts after a restart: what was used up, not what was going on.

    Nor for how long: a process that is killed has saved less than it did, and the pump is handed
    back before the next one acts. Every hold begins anew.
    """
    return Memory(
        blocked_s=memory.blocked_s,
        seen_at=memory.seen_at,
        grid=memory.grid,
        starts=memory.starts,
        own_starts=memory.own_starts,
    )


def forgets(kept: Memory, memory: Memory) -> bool:
    """Whether who goes on with what was kept knows too little of starts, blocks or a limit."""
    more_s = memory.blocked_s - kept.blocked_s
    return (
        not -GIVEN_BACK_S < more_s <= 0.0
        or memory.grid != kept.grid
        or not {*memory.starts} <= {*kept.starts}
        or not {*memory.own_starts} <= {*kept.own_starts}
    )


def _asked(settings: Settings, resting: Settings) -> bool:
    """Whether these settings ask the pump to heat."""
    return any(c in resting and value != resting[c] for c, value in settings.items())


def _of_a_day(starts: tuple[datetime, ...], at: datetime) -> tuple[datetime, ...]:
    """Those of the last day. A start in the future was stamped before the clock was set back: it
    counts as of now, so that no clock makes room for one more."""
    return tuple(min(start, at) for start in starts if at - start < timedelta(seconds=DAY_S))


def _blocked_s(memory: Memory, step_s: float) -> float:
    """Blocked time, given back over a day; a break gives back no more than was watched."""
    if memory.settings is not None and memory.settings.get(Capability.SG_READY) == BLOCK_STATE:
        return memory.blocked_s + max(step_s, 0.0)
    rested_s = min(max(step_s, 0.0), UNWATCHED_S)
    return max(memory.blocked_s - rested_s * BLOCK_SPAN_S / DAY_S, 0.0)


def _sg_ready(memory: Memory, at: datetime) -> tuple[float | None, datetime | None]:
    """The SG Ready state in force and when it was first asked; never in the future.

    None: nothing is asked, after a hand-back or a restart; that is seen, and counts, from now on.
    """
    state = None if memory.settings is None else memory.settings.get(Capability.SG_READY)
    if state is not None and state != memory.sg_state:
        return state, memory.seen_at
    if state != memory.sg_state or memory.sg_since is None:
        return state, at
    return state, min(memory.sg_since, at)
