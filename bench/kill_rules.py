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
        *changed_too_early(held, rules),
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


def changed_too_early(held: Log, rules: Rules) -> Iterator[str]:
    """States of SG Ready that were replaced before they had held long enough.

    Back to normal it may go at any time: so ends a hand-back, and a relay's timer. Then normal has
    to hold as well. Of the first state nobody knows the beginning.
    """
    if rules.knob.capability is not Capability.SG_READY:
        return
    changes = [(at, now) for (_, before), (at, now) in pairwise(held) if before != now]
    for (begins_at, _), (ends_at, following) in pairwise(changes):
        lasted = ends_at - begins_at
        if following != NORMAL_STATE and (lasted + MINUTE).total_seconds() < rules.sg_hold_s:
            yield f"{ends_at.isoformat()}: SG Ready changed after {lasted / MINUTE:.0f} min"
