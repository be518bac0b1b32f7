"""Whether a controller that dies again and again still keeps the guard's rules. Pure.

Its commands are judged by the plant's truth, minute by minute: what a new life does not know of the
one before, it must not break.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bench.strain import Bearable, phases, strain
from controller.actuation import DIRECT, LIMITS, NORMAL_STATE, rest_setting
from controller.guard import Refused, Verdict
from drivers.api import Capability, Knob
from hil.simulated_house import Truth

MINUTE = timedelta(minutes=1)

Log = Sequence[tuple[datetime, float | None]]
Commands = Sequence[tuple[datetime, Verdict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What was promised of one pump and its knob."""

    knob: Knob
    bearable: Bearable
    sg_hold_s: float


def breaches(commands: Commands, truths: Sequence[Truth], held: Log, rules: Rules) -> list[str]:
    """In words, what should not have been; empty when every rule was kept.

    `truths` and `held` (what the pump has for the knob) are a minute apart.
    """
    borne = strain(truths)
    plant = [f"the plant broke {borne.broken(rules.bearable)} limits: {borne}"]
    return [
        *(plant if borne.broken(rules.bearable) else []),
        *asked_too_early(commands, truths, rules),
        *changed_too_early(held, commands, rules),
    ]


def asked_too_early(commands: Commands, truths: Sequence[Truth], rules: Rules) -> Iterator[str]:
    """Starts that were asked for while the compressor had to rest, stops while it had to run.

    Only of knobs with a value for "no heat"; any other leaves start and stop to the pump.
    """
    knob = rules.knob
    if knob.capability not in DIRECT | LIMITS:
        return
    states = states_of(truths)
    for at, verdict in commands:
        state = states.get(at)
        if state is None or isinstance(verdict, Refused):
            continue
        asked = verdict.settings.get(knob.capability) != rest_setting(knob)
        running, most_s = state
        least_s = rules.bearable.minimum_run_s if running else rules.bearable.minimum_off_s
        if asked is not running and most_s < least_s:
            yield (
                f"{at.isoformat()}: {'a start' if asked else 'a stop'} was asked for after "
                f"{most_s / 60.0:.0f} min at most"
            )


def states_of(truths: Sequence[Truth]) -> Mapping[datetime, tuple[bool, float]]:
    """At each instant: is the compressor running, and for how long at most.

    What was so at the first look may have been so for ever.
    """
    found: dict[datetime, tuple[bool, float]] = {}
    spells = phases(truths)
    for spell in spells:
        since = spell.begins_at - MINUTE
        at = spell.begins_at
        while at <= spell.ends_at:
            known_s = (at - since).total_seconds()
            found[at] = (spell.running, known_s if spell is not spells[0] else float("inf"))
            at += MINUTE
    return found


def changed_too_early(held: Log, commands: Commands, rules: Rules) -> Iterator[str]:
    """States of SG Ready that we asked for and replaced before they had held long enough.

    Back to normal it may go at any time: so ends a hand-back, and a relay's timer.
    """
    for state in short_states(held, commands, rules):
        if state.asked and state.followed_by != NORMAL_STATE:
            lasted_min = (state.ends_at - state.begins_at) / MINUTE
            yield f"{state.ends_at.isoformat()}: SG Ready changed after {lasted_min:.0f} min"


def taken_up_early(held: Log, commands: Commands, rules: Rules) -> int:
    """How often a pump that had been handed back got a state again within SG Ready's time."""
    return sum(not state.asked for state in short_states(held, commands, rules))


@dataclass(frozen=True, slots=True, kw_only=True)
class SgState:
    """A state of SG Ready from a look at it to the look that shows the next."""

    begins_at: datetime
    ends_at: datetime
    asked: bool  # by us; else the pump had been handed back
    followed_by: float | None


def short_states(held: Log, commands: Commands, rules: Rules) -> Iterator[SgState]:
    """Those that did not last as long as SG Ready asks; of the first nobody knows the beginning."""
    if rules.knob.capability is not Capability.SG_READY:
        return
    asked = {at: asked_state(verdict) for at, verdict in commands}
    changes = [(at, before, now) for (_, before), (at, now) in pairwise(held) if before != now]
    for (begins_at, _, state), (ends_at, _, following) in pairwise(changes):
        if (ends_at - begins_at).total_seconds() + 60.0 >= rules.sg_hold_s:
            continue
        yield SgState(
            begins_at=begins_at,
            ends_at=ends_at,
            asked=any(
                began == state for at, began in asked.items() if begins_at - MINUTE <= at < ends_at
            ),
            followed_by=following,
        )


def asked_state(verdict: Verdict) -> float | None:
    """The state of SG Ready that a command asks for."""
    return None if isinstance(verdict, Refused) else verdict.settings.get(Capability.SG_READY)
