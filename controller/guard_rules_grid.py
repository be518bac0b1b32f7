"""The grid operator's limit: above every wish, hold time and defrost freeze. Pure."""

import math

from controller.actuation import DIRECT, rest_setting, span
from controller.grid_hold import GridHold, Held, told_w
from controller.guard_types import (
    Allowed,
    Altered,
    Purpose,
    Refused,
    Settings,
    Situation,
    Verdict,
)
from drivers.api import Capability, Knob, Signal


def within_grid_limit(verdict: Verdict, situation: Situation) -> Verdict:
    """The verdict inside the limit in force; it holds also where nothing else is asked.

    A pump with a power limit is told the number. One without, or one that draws too much all the
    same, is asked for the least it can run with, and for rest when its meter shows that this is
    still too much. Where nothing measures it, it rests, but for a house at its frost floor, which
    gets that least heat: a limit must not switch frost protection off. Hot water yields with the
    rooms, the pump's own charges too where a set-point of its tank may be written.
    """
    hold = situation.memory.grid
    if hold is None:
        return verdict
    wished: Settings = {} if isinstance(verdict, Refused) else verdict.settings
    bound = {**_by_number(wished, hold, situation), **_by_less_heat(wished, hold, situation)}
    moved = {c: value for c, value in bound.items() if wished.get(c) != value}
    if not moved:
        return verdict
    earlier = () if isinstance(verdict, Allowed) else verdict.reasons
    forced = verdict.forced if isinstance(verdict, Altered) else {}
    return Altered(
        {**wished, **moved},
        (*earlier, f"the grid operator allows {hold.allowed_w:.0f} W"),
        {**forced, **dict.fromkeys(moved, Purpose.DSO)},
    )


def _by_number(wished: Settings, hold: GridHold, situation: Situation) -> Settings:
    knob = situation.limits.power_knob
    if knob is None or not _reaches(knob, hold):
        return {}
    low, high = span(knob)
    most_w = min(told_w(hold.allowed_w, low), high)
    steps = math.floor((most_w - low) / knob.resolution + 1e-9)
    told = round(low + steps * knob.resolution, 6)
    return {knob.capability: min(wished.get(knob.capability, math.inf), told)}


def _reaches(knob: Knob, hold: GridHold) -> bool:
    return span(knob)[0] <= hold.allowed_w


def _cooler_tank(situation: Situation) -> dict[Capability, float]:
    """Hot water at rest. The pump's own set-point is not known: one that might be lower, because
    the tank is, is left as it is."""
    limits, tank_c = situation.limits, situation.snapshot.value(Signal.DHW_C)
    steered, own = limits.tank_knob, limits.tank_limit_knob
    bound = {} if steered is None else {steered.capability: rest_setting(steered)}
    if own is None:
        return bound
    rest_c = rest_setting(own)
    lowered = situation.before(own.capability) is not None
    if lowered or tank_c is None or tank_c >= rest_c:
        bound[own.capability] = rest_c
    return bound


def _by_less_heat(wished: Settings, hold: GridHold, situation: Situation) -> Settings:
    limits = situation.limits
    knob, power_knob = limits.knob, limits.power_knob
    by_number = power_knob is not None and _reaches(power_knob, hold)
    blind = situation.snapshot.pump_power_w is None and not by_number
    rests = hold.step is Held.RESTED or (blind and not situation.at_frost_floor)
    if not (rests or blind) and (by_number or hold.step is Held.WATCHED):
        return {}
    bound = _cooler_tank(situation)
    if knob is None or limits.rest_value is None:
        return bound
    if not rests and blind and knob.capability not in DIRECT:
        return bound  # a shift has no lowest run, and a house about to freeze is heated
    value = limits.rest_value
    if not rests and knob.capability in DIRECT and limits.run_value is not None:
        value = min(limits.run_value, wished.get(knob.capability, math.inf))
    return {**bound, knob.capability: value}
