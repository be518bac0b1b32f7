"""From heat wanted to the knob this pump has, in the knob's own range and resolution. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from controller.snapshot import Snapshot
from drivers.api import Capability, Knob, OperatingState, Signal, WriteClass
from mpc.building import Emitter, flow_for_heat

PREFERRED = (Capability.FLOW_SETPOINT, Capability.CURVE_OFFSET, Capability.ROOM_SETPOINT)
"""Knobs for heat, the finest first."""

DIRECT_RANGE_K = 10.0
"""How far the flow may lead or lag the one that the emitters need at rest."""

OFFSET_DEAD_STEPS = 1.0
"""A curve offset is a stored setting: it is moved only when it is wrong by a whole step or more."""

ROOM_RUN_C = 23.0
"""A room set-point that makes a pump run; it is fixed, because a stored setting wears."""


def choose_knob(knobs: Mapping[Capability, Knob], wish: Capability | None) -> Knob | None:
    """The owner's choice if the pump has it, else the finest one it has; None if it has none."""
    writable = {c: k for c, k in knobs.items() if k.write_class is not WriteClass.FORBIDDEN}
    if wish is not None:
        return writable.get(wish)
    return next((writable[capability] for capability in PREFERRED if capability in writable), None)


@dataclass(frozen=True, slots=True)
class HeatPath:
    """How heat gets from the pump into the rooms, as far as it is known now."""

    emitter: Emitter
    room_c: float
    floor_c: float | None
    water_w_per_k: float
    settled: bool  # the pump has heated long enough for its return to tell the emitters' state


def heat_setting(
    knob: Knob, heat_w: float, *, path: HeatPath, snapshot: Snapshot, current: float | None
) -> float | None:
    """The knob's value that should make the pump give `heat_w`; None if it cannot be told.

    `current` is what the knob holds now: an offset is relative to the curve the pump shows with it.
    """
    flow_c = _flow_c(heat_w, path, snapshot)
    match knob.capability:
        case Capability.FLOW_SETPOINT:
            return in_range(knob, flow_c)
        case Capability.CURVE_OFFSET:
            aim_c = snapshot.value(Signal.FLOW_SETPOINT_C)
            if aim_c is None or current is None:
                return None
            wanted = current + (flow_c - aim_c)
            if abs(wanted - current) < OFFSET_DEAD_STEPS * knob.resolution:
                return current
            return in_range(knob, wanted)
        case Capability.ROOM_SETPOINT:
            return in_range(knob, ROOM_RUN_C)
        case _:
            return None


def _flow_c(heat_w: float, path: HeatPath, snapshot: Snapshot) -> float:
    """Flow temperature for this heat: return + heat / capacity flow, once the return tells.

    That is a heat command: the set-point follows emitters that warm up, where their final
    temperature at once would make the pump race. Before, and as a bound, the emitters at rest.
    """
    rest_c = float(flow_for_heat(path.emitter, heat_w, path.room_c, path.floor_c))
    return_c = snapshot.value(Signal.RETURN_C)
    heating = snapshot.operating_state is OperatingState.HEATING
    if not path.settled or return_c is None or not heating:
        return rest_c
    direct_c = return_c + heat_w / path.water_w_per_k
    return min(max(direct_c, rest_c - DIRECT_RANGE_K), rest_c + DIRECT_RANGE_K)


def rest_setting(knob: Knob) -> float:
    """The knob's value that asks for as little heat as it can."""
    return in_range(knob, knob.minimum)


def in_range(knob: Knob, value: float) -> float:
    """Clip to what may be written and could be lived with for ever, then to the knob's steps."""
    low = max(knob.minimum, -math.inf if knob.safe_minimum is None else knob.safe_minimum)
    high = min(knob.maximum, math.inf if knob.safe_maximum is None else knob.safe_maximum)
    steps = round((min(max(value, low), high) - low) / knob.resolution)
    return min(round(low + steps * knob.resolution, 6), high)
