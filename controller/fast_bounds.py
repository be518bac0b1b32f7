"""Inside which bounds the one-second loop may move the power limit. Pure.

They are the guard's of the last cycle: what it let through, the narrowest of pump, owner and grid
operator above, and below the least power with which the compressor runs on.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from controller.actuation import span
from controller.estimate import Belief
from controller.grid_hold import told_w
from controller.guard import Altered, Limits, Memory, Purpose, Refused, Verdict
from controller.pump_power import power_range
from controller.site import SiteMemory
from controller.snapshot import Snapshot
from controller.stages import Stages
from controller.step import limits
from controller.wishes import Target
from drivers.api import Capability, OperatingState, Signal
from mpc.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a cycle leaves for the seconds until the next one."""

    stages: Stages
    snapshot: Snapshot
    belief: Belief
    memory: Memory
    target: Target
    plan: Plan | None
    verdict: Verdict  # as it goes to the pump: refused too while the clock is in doubt
    writes: bool  # whether the power limit is ours to write at all
    site: SiteMemory = field(default_factory=SiteMemory)  # what was metered at the connection

    @property
    def at(self) -> datetime:
        """When the cycle looked."""
        return self.snapshot.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of the power limit, in W. Where they cross, the upper one wins."""

    least_w: float  # the compressor runs on
    most_w: float  # nothing forbids; a value of the knob
    own_w: float | None  # the cycle's own limit; None: the cycle asks for none

    def within(self, limit_w: float) -> float:
        """The nearest limit inside."""
        return min(max(limit_w, self.least_w), self.most_w)


@dataclass(frozen=True, slots=True)
class Barred:
    """Nothing may be asked between the cycles, and why."""

    reasons: tuple[str, ...]


Standing: TypeAlias = Bounds | Barred


def standing(look: Look) -> Standing:
    """The bounds until the next cycle. Safety, defrost and a refusal leave none."""
    stages, verdict = look.stages, look.verdict
    if isinstance(verdict, Refused):
        return Barred(verdict.reasons)
    knob = stages.machine.power_knob
    if knob is None or not look.writes:
        return Barred(("the power limit is not written by heatherd",))
    if isinstance(verdict, Altered) and Purpose.SAFETY in verdict.forced.values():
        return Barred(verdict.reasons)
    bounds = limits(
        look.snapshot, belief=look.belief, model=stages.model, machine=stages.machine,
        config=stages.config, target=look.target,
    )  # fmt: skip
    if reason := _left_alone(look.snapshot, bounds):
        return Barred((reason,))
    low_w, high_w = span(knob)
    if bounds.power_max_w is not None:
        high_w = min(high_w, bounds.power_max_w)
    if look.memory.grid is not None:
        high_w = min(high_w, told_w(look.memory.grid.allowed_w, low_w))
    if high_w < low_w:
        return Barred((f"at most {high_w:.0f} W are allowed, less than the knob can say",))
    steps = math.floor((high_w - low_w) / knob.resolution + 1e-9)
    lowest = stages.machine.modulation_min_frac
    known = look.belief.lowest_frac
    running_w = power_range(look.snapshot, stages.model, lowest if known is None else known)
    return Bounds(
        least_w=max(low_w, running_w.least_w),
        most_w=round(low_w + steps * knob.resolution, 6),
        own_w=verdict.settings.get(Capability.POWER_LIMIT),
    )


def _left_alone(snapshot: Snapshot, bounds: Limits) -> str | None:
    """A pump that defrosts, or heats its tank against legionella, is not held back."""
    state, tank_c = snapshot.operating_state, snapshot.value(Signal.DHW_C)
    if state is OperatingState.DEFROST:
        return "the pump is defrosting"
    if state is OperatingState.DHW and tank_c is not None and tank_c >= bounds.sanitised_from_c:
        return f"the tank is at {tank_c:.1f} °C against legionella: it is heated to the end"
    return None
