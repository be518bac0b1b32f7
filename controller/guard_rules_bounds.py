"""Hard bounds of every value: the narrowest of pump, owner and grid. Pure."""

from controller.actuation import DIRECT, span
from controller.guard_types import Draft, Situation
from drivers.api import Capability, Knob


def flow_within_limits(draft: Draft, situation: Situation) -> Draft:
    flow_c = draft.settings.get(Capability.FLOW_SETPOINT)
    limit_c = situation.limits.flow_max_c
    if flow_c is None or flow_c <= limit_c:
        return draft
    return draft.because(
        f"flow set-point {flow_c:.1f} °C is above the limit of {limit_c:.1f} °C",
        settings={**draft.settings, Capability.FLOW_SETPOINT: limit_c},
    )


def power_within_limits(draft: Draft, situation: Situation) -> Draft:
    power_w = draft.settings.get(Capability.POWER_LIMIT)
    limit_w = situation.limits.power_max_w
    if power_w is None or limit_w is None or power_w <= limit_w:
        return draft
    return draft.because(
        f"power limit {power_w:.0f} W is above the bound of {limit_w:.0f} W",
        settings={**draft.settings, Capability.POWER_LIMIT: limit_w},
    )


def within_the_knob(draft: Draft, situation: Situation) -> Draft:
    knob = situation.limits.knob
    if knob is None or knob.capability not in draft.settings:
        return draft
    low, high = span(knob)
    if knob.capability in DIRECT:
        high = min(high, situation.limits.flow_max_c)
    if knob.capability is Capability.RETURN_SETPOINT:
        high = min(high, situation.limits.return_max_c)
    return _bounded(draft, knob, low, high)


def tank_within_its_knob(draft: Draft, situation: Situation) -> Draft:
    """Never hotter than the owner's limit, nor cooler than a house can live with for ever."""
    knob = situation.limits.tank_knob
    if knob is None or knob.capability not in draft.settings:
        return draft
    low, high = span(knob)
    if knob.capability is Capability.DHW_SETPOINT:
        high = max(low, min(high, situation.limits.tank_max_c))
    return _bounded(draft, knob, low, high)


def _bounded(draft: Draft, knob: Knob, low: float, high: float) -> Draft:
    if low > high:
        return draft.because(
            f"{knob.capability} starts at {low:g}, above the limit of {high:g}", refused=True
        )
    value = draft.settings[knob.capability]
    bounded = min(max(value, low), high)
    if bounded == value:
        return draft
    return draft.because(
        f"{knob.capability} {value:g} is outside {low:g} to {high:g}",
        settings={**draft.settings, knob.capability: bounded},
    )
