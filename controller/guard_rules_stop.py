"""Whether the pump may be asked anything at all. Pure."""

import math

from controller.actuation import DIRECT
from controller.guard_types import Draft, Rule, Situation
from drivers.api import Signal

BELIEVABLE = {
    Signal.ROOM_C: (-40.0, 60.0),
    Signal.FLOW_C: (-40.0, 110.0),
    Signal.RETURN_C: (-40.0, 110.0),
}
"""Sensors that fail say -127 or 85 °C, or 3276.7; a NaN is in no range at all."""


def only_numbers(draft: Draft, _situation: Situation) -> Draft:
    """No limit holds a NaN: every comparison with it is false."""
    odd = next((c for c, value in draft.settings.items() if not math.isfinite(value)), None)
    if odd is None:
        return draft
    return draft.because(f"{odd} {draft.settings[odd]} is not a number", refused=True)


def must_be_known(signal: Signal, otherwise: str) -> Rule:
    """Without this signal nothing is asked of the pump."""

    def rule(draft: Draft, situation: Situation) -> Draft:
        missing = situation.snapshot.why_missing(signal)
        return draft if missing is None else draft.because(f"{otherwise}: {missing}", refused=True)

    return rule


def flow_must_be_known(draft: Draft, situation: Situation) -> Draft:
    """A silent pump is asked nothing. One that never shows its flow can still be nudged."""
    snapshot, knob = situation.snapshot, situation.limits.knob
    needed = knob is not None and knob.capability in DIRECT
    missing = snapshot.why_missing(Signal.FLOW_C)
    if missing is None or not (needed or Signal.FLOW_C in snapshot.signals):
        return draft
    return draft.because(f"the pump's flow temperature is unknown: {missing}", refused=True)


def believable(draft: Draft, situation: Situation) -> Draft:
    """What no house can be is no reading: a broken sensor neither heats nor stops a pump."""
    for signal, (low, high) in BELIEVABLE.items():
        value = situation.snapshot.value(signal)
        if value is not None and not low <= value <= high:
            return draft.because(f"{signal} {value:g} cannot be", refused=True)
    return draft


def alarm_frees_the_pump(draft: Draft, situation: Situation) -> Draft:
    """A pump in trouble is its maker's: nothing of ours stands in the way."""
    alarm = situation.snapshot.value(Signal.ALARM)
    if alarm is None or alarm == 0.0:
        return draft
    return draft.because(f"the pump reports alarm {alarm:.0f}", refused=True)
