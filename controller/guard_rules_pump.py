"""What the pump needs to last: starts, run and off times, ramps, defrosting, SG Ready. Pure."""

from datetime import timedelta

from controller.actuation import BLOCK_STATE, DIRECT, FORCED_STATE, NORMAL_STATE, RAISED_STATE
from controller.guard_memory import BLOCK_SPAN_S
from controller.guard_types import Draft, Situation, with_heat
from drivers.api import Capability, OperatingState

HOUR = timedelta(hours=1)


def starts_are_counted(draft: Draft, situation: Situation) -> Draft:
    """No start of ours beyond those of an hour and of a local day.

    The pump's own starts are not ours to forbid. A cold room outranks the day's number; the hour's
    is there for the compressor.
    """
    memory, limits, at = situation.memory, situation.limits, situation.snapshot.at
    if draft.run is not True or memory.compressor_on is not False:
        return draft
    of_the_hour = sum(at - start < HOUR for start in memory.starts)
    began_at = limits.day_began_at
    of_the_day = 0 if began_at is None else sum(start >= began_at for start in memory.starts)
    if limits.starts_per_hour is not None and of_the_hour >= limits.starts_per_hour:
        count, span = of_the_hour, "in the last hour"
    elif situation.too_cold or limits.starts_per_day is None or of_the_day < limits.starts_per_day:
        return draft
    else:
        count, span = of_the_day, "today"
    return draft.because(
        f"the compressor has been started {count} times {span}",
        settings=with_heat(draft, limits, limits.rest_value),
        run=False,
    )


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
        forced={},
    )


def water_warms_slowly(draft: Draft, situation: Situation) -> Draft:
    """Floors and joints do not like jumps: a running pump's set-point rises at a bounded pace."""
    memory, limits, knob = situation.memory, situation.limits, situation.limits.knob
    if knob is None or knob.capability not in DIRECT or knob.capability not in draft.settings:
        return draft
    before_c, pace = situation.before(knob.capability), limits.rise_k_per_min
    if before_c is None or before_c == limits.rest_value or pace is None:
        return draft
    most_c = before_c + pace * memory.passed_s / 60.0
    if draft.settings[knob.capability] <= most_c:
        return draft
    return draft.because(
        f"{knob.capability} rises by at most {pace:g} K a minute",
        settings={**draft.settings, knob.capability: most_c},
    )


def defrost_freezes(draft: Draft, situation: Situation) -> Draft:
    """Flow temperature means nothing while the pump defrosts: keep what was asked before. Not in a
    room that is too warm or too cold: a signal that is stuck carries no house away."""
    if situation.snapshot.operating_state is not OperatingState.DEFROST:
        return draft
    if situation.too_warm or situation.too_cold:
        return draft
    before = situation.memory.settings
    if before is None or before == draft.settings:
        return draft
    return draft.because("the pump is defrosting", settings=before)


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


def sg_ready_holds(draft: Draft, situation: Situation) -> Draft:
    """A state is kept for as long as SG Ready asks; pumps may ignore shorter ones. What was handed
    back is in its normal one."""
    state, memory = draft.settings.get(Capability.SG_READY), situation.memory
    in_force = NORMAL_STATE if memory.sg_state is None else memory.sg_state
    if state in (None, in_force) or memory.sg_since is None:
        return draft
    held_s = (situation.snapshot.at - memory.sg_since).total_seconds()
    if held_s >= situation.limits.sg_hold_s:
        return draft
    return draft.because(
        f"SG Ready has held its state {held_s / 60:.0f} of "
        f"{situation.limits.sg_hold_s / 60:.0f} min",
        settings={**draft.settings, Capability.SG_READY: in_force},
        forced={},
    )


def heater_only_for_frost(draft: Draft, situation: Situation) -> Draft:
    """SG Ready's forced state switches electric heaters on: kept for a house about to freeze."""
    if draft.settings.get(Capability.SG_READY) != FORCED_STATE or situation.at_frost_floor:
        return draft
    if not situation.limits.heater_only_for_frost:
        return draft
    return draft.because(
        "SG Ready's forced state would switch the electric heater on",
        settings={**draft.settings, Capability.SG_READY: RAISED_STATE},
    )
