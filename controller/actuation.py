"""From heat wanted to the knob this pump has, in the knob's own range and resolution. Pure."""

import math
from collections.abc import Mapping

from controller.snapshot import Snapshot
from drivers.api import Capability, Knob, Signal
from mpc.building import Emitter, flow_for_heat

PREFERRED = (Capability.FLOW_SETPOINT, Capability.CURVE_OFFSET, Capability.ROOM_SETPOINT)
"""Knobs for heat, the finest first."""

ROOM_LEVER_K = 2.0
"""How far a room set-point is moved from the wanted temperature to make the pump run or rest."""


def choose_knob(knobs: Mapping[Capability, Knob], wish: Capability | None) -> Knob | None:
    """The owner's choice if the pump has it, else the finest one it has; None if it has none."""
    if wish is not None:
        return knobs.get(wish)
    return next((knobs[capability] for capability in PREFERRED if capability in knobs), None)


def heat_setting(
    knob: Knob, *, heat_w: float, emitter: Emitter, snapshot: Snapshot, room_c: float,
    floor_c: float | None, current: float | None,
) -> float | None:  # fmt: skip
    """The knob's value that should make the pump give `heat_w`; None if it cannot be told.

    `current` is what the knob holds now: an offset is relative to the curve the pump shows with it.
    """
    flow_c = float(flow_for_heat(emitter, heat_w, room_c, floor_c))
    match knob.capability:
        case Capability.FLOW_SETPOINT:
            return in_range(knob, flow_c)
        case Capability.CURVE_OFFSET:
            aim_c = snapshot.value(Signal.FLOW_SETPOINT_C)
            if aim_c is None or current is None:
                return None
            return in_range(knob, current + (flow_c - aim_c))
        case Capability.ROOM_SETPOINT:
            return in_range(knob, room_c + ROOM_LEVER_K)
        case _:
            return None


def rest_setting(knob: Knob, room_c: float) -> float:
    """The knob's value that asks for as little heat as it can."""
    if knob.capability is Capability.ROOM_SETPOINT:
        return in_range(knob, room_c - ROOM_LEVER_K)
    return in_range(knob, knob.minimum)


def in_range(knob: Knob, value: float) -> float:
    """Clip to what may be written and could be lived with for ever, then to the knob's steps."""
    low = max(knob.minimum, -math.inf if knob.safe_minimum is None else knob.safe_minimum)
    high = min(knob.maximum, math.inf if knob.safe_maximum is None else knob.safe_maximum)
    steps = round((min(max(value, low), high) - low) / knob.resolution)
    return min(round(low + steps * knob.resolution, 6), high)
