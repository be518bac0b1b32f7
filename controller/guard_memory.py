"""What the guard remembers from cycle to cycle. Pure."""

from dataclasses import replace
from datetime import datetime

from controller.actuation import BLOCK_STATE
from controller.guard_types import Memory
from controller.snapshot import Snapshot
from drivers.api import Capability

BLOCK_SPAN_S, DAY_S = 3600.0, 86400.0
"""SG Ready allows a block of two hours a day. One hour at a time that comes back over a day keeps
any 24 hours within that; a new block waits until half of it is back."""


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
