"""Questions about a knob in our hands: is it due, is it ours, does it still settle? Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from controller.guard import Purpose
from controller.store import Lease
from controller.wear import Move, is_stored
from drivers.api import Absent, Capability, Knob, Sample


@dataclass(frozen=True, slots=True)
class Answer:
    """What the device said to the last write, and how often in a row it was this one."""

    value: float
    purpose: Purpose
    count: int
    at_s: float  # on the ledger's clock
    confirmed: bool  # else refused; a write without an answer leaves none


def announced(move: Move, lease: Lease | None, held: Sample | Absent) -> Lease:
    """The lease to commit before the value is written."""
    stored = is_stored(move.knob)
    before = held.value if stored and isinstance(held, Sample) else None
    if lease is None:
        return Lease(move.knob.capability, before, move.value, before, move.at, move.at)
    return replace(lease, written=move.value, written_before=before, written_at=move.at)


def due(move: Move, lease: Lease, *, gone: bool) -> bool:
    """Whether to write: another value, one that the device does not hold, or one about to lapse."""
    knob = move.knob
    # a clock set back must not stop the renewal until it has caught up
    age_s = abs((move.at - lease.written_at).total_seconds())
    if gone or abs(move.value - lease.written) >= knob.resolution * 0.99:
        hurried = move.purpose is Purpose.DSO and is_stored(knob)  # its pause only spares memory
        return hurried or age_s >= knob.minimum_interval_s
    return knob.lapse_s is not None and age_s >= knob.lapse_s / 2


def lost(knob: Knob, lease: Lease, held: Sample | Absent) -> bool:
    """Whether the device surely does not hold what was written last."""
    return isinstance(held, Sample) and not near(held.value, lease.written, knob)


def same(last: Answer, move: Move) -> bool:
    """Whether a move would only repeat the last write that was answered."""
    return last.purpose is move.purpose and near(last.value, move.value, move.knob)


def settles(knob: Knob, written_at: datetime, at: datetime) -> bool:
    """Whether a read-back says nothing yet."""
    return 0.0 <= (at - written_at).total_seconds() < knob.settle_s


def ours(held: Sample, lease: Lease, knob: Knob) -> bool:
    """Whether the register holds a value that we put there, or never came to replace.

    A write in several steps that was never read back may have ended between two of them.
    """
    before = lease.written_before
    if knob.capability is Capability.DHW_BOOST and held.value == 0.0:
        return True  # a boost ends by itself
    if before is not None and near(held.value, before, knob):
        return True
    unread = before is None or not near(before, lease.written, knob)
    return near(held.value, lease.written, knob) or (knob.in_steps and unread)


def near(held: float, value: float, knob: Knob) -> bool:
    """Equal up to the register's rounding, and a float's."""
    return abs(held - value) <= knob.resolution * 0.501


def exactly(held: Sample, value: float) -> bool:
    """Equal up to a float's rounding: the owner gets his own value back, not one beside it."""
    return abs(held.value - value) < 1e-6
