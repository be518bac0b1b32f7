"""The last word before anything is written: limits, interlocks, run and off times. Pure.

A fold over small rules. Each rule may narrow what is wanted, and says why; none needs a plan or a
forecast. Refusing means that nothing is asked of the pump: it returns to its own control.
"""

from controller.guard_memory import MEMORY, carried, forgets, remember
from controller.guard_rules_bounds import (
    flow_within_limits,
    power_within_limits,
    tank_within_its_knob,
    within_the_knob,
)
from controller.guard_rules_house import (
    frost_comes_first,
    legionella_dies,
    not_too_warm,
    water_not_too_hot,
)
from controller.guard_rules_pump import (
    block_has_an_end,
    defrost_freezes,
    heater_only_for_frost,
    minimum_times,
    sg_ready_holds,
    starts_are_counted,
    water_warms_slowly,
)
from controller.guard_rules_stop import (
    alarm_frees_the_pump,
    believable,
    flow_must_be_known,
    must_be_known,
    only_numbers,
)
from controller.guard_types import (
    Allowed,
    Altered,
    Draft,
    Limits,
    Memory,
    Purpose,
    Refused,
    Rule,
    Settings,
    Situation,
    Verdict,
    Wanted,
)
from controller.snapshot import Snapshot
from drivers.api import Signal

__all__ = [
    "MEMORY",
    "Allowed",
    "Altered",
    "Limits",
    "Memory",
    "Purpose",
    "Refused",
    "Settings",
    "Verdict",
    "Wanted",
    "carried",
    "forgets",
    "judge",
    "remember",
]


RULES: tuple[Rule, ...] = (
    only_numbers,
    flow_must_be_known,
    believable,
    alarm_frees_the_pump,
    must_be_known(Signal.ROOM_C, "no room temperature"),
    not_too_warm,
    water_not_too_hot,
    starts_are_counted,
    sg_ready_holds,
    minimum_times,
    water_warms_slowly,
    defrost_freezes,
    legionella_dies,
    frost_comes_first,
    heater_only_for_frost,
    flow_within_limits,
    power_within_limits,
    within_the_knob,
    block_has_an_end,
    tank_within_its_knob,
)
"""In this order: may we act at all, comfort, compressor, frost, then the hard bounds. What a bound
turns into a block has its end too."""


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
