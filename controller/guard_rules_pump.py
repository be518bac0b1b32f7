"""What the pump needs to last: run and off times, defrosting, SG Ready. Pure."""

from controller.actuation import BLOCK_STATE, NORMAL_STATE
from controller.guard_memory import BLOCK_SPAN_S
from controller.guard_types import Draft, Situation, with_heat
from drivers.api import Capability, OperatingState


def minimum_times(draft: Draft, situation: Situation) -> Draft:
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
        settings=with_heat(draft, limits, limits.run_value if on else limits.rest_value),
        run=on,
        forced={},
    )


def defrost_freezes(draft: Draft, situation: Situation) -> Draft:
    """Flow temperature means nothing while the pump defrosts: keep what was asked before."""
    if situation.snapshot.operating_state is not OperatingState.DEFROST:
        return draft
    before = situation.memory.settings
    if before is None or before == draft.settings:
        return draft
    return draft.because("the pump is defrosting", settings=before, forced={})


def block_has_an_end(draft: Draft, situation: Situation) -> Draft:
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
