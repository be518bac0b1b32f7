"""From heat wanted to the knob this pump has, in the knob's own range and resolution. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from controller.snapshot import Snapshot
from drivers.api import Capability, Knob, OperatingState, Signal, WriteClass
from mpc.building import Emitter, flow_for_heat

DIRECT = frozenset({Capability.FLOW_SETPOINT, Capability.RETURN_SETPOINT})
"""Knobs that say how much heat, in place of the pump's own control."""

LIMITS = frozenset({Capability.POWER_LIMIT, Capability.COMPRESSOR_LIMIT, Capability.ON_OFF})
"""Knobs that can only hold the pump back."""

PREFERRED = (
    Capability.FLOW_SETPOINT,
    Capability.RETURN_SETPOINT,
    Capability.CURVE_OFFSET,
    Capability.ROOM_SETPOINT,
    Capability.SG_READY,
    Capability.VIRTUAL_OUTDOOR,
    Capability.POWER_LIMIT,
    Capability.COMPRESSOR_LIMIT,
    Capability.ON_OFF,
)
"""Knobs for heat, the finest first."""

DIRECT_RANGE_K = 10.0
"""How far the flow may lead or lag the one that the emitters need at rest."""

LACK_GAIN, MOST_LACK_K = 2.0, 3.0
"""Heat that a heating pump lacks is asked for on top, so many times over and up to so many kelvins:
a pump's own control closes small gaps of flow temperature slowly, for half an hour after starts,
charges and defrosts. What is asked on top ends with the lack."""

BEHIND_K = 2.0
"""A pump that heats the tank and shall go on for the rooms is asked for so little less than its
flow that it does not stop for having become too hot."""

LEFT_OVER_FRAC = 1.2
"""More in the flow than this share of the pump's largest heat was left in the pipes by a charge."""

BLOCK_STATE, NORMAL_STATE, RAISED_STATE, FORCED_STATE = 1.0, 2.0, 3.0, 4.0
"""SG Ready: the compressor must stand; as the pump would by itself; more; all that it can."""


def choose_knob(knobs: Mapping[Capability, Knob], wish: Capability | None) -> Knob | None:
    """The owner's choice if the pump has it, else the finest of those that need no choice."""
    writable = {c: k for c, k in knobs.items() if k.write_class is not WriteClass.FORBIDDEN}
    if wish is not None:
        return writable.get(wish)
    found = (writable[c] for c in PREFERRED if c in writable and writable[c].automatic)
    return next(found, None)


@dataclass(frozen=True, slots=True)
class HeatPath:
    """How heat gets from the pump into the rooms, as far as it is known now."""

    emitter: Emitter
    room_c: float
    floor_c: float | None
    water_w_per_k: float
    settled: bool  # the pump has heated long enough for its return to tell the emitters' state
    most_w: float  # the largest heat that the pump can give
    flow_max_c: float
    given_w: float | None = None  # heat it gives now; None: nothing tells


def heat_setting(knob: Knob, heat_w: float, *, path: HeatPath, snapshot: Snapshot) -> float:
    """The value of a direct knob that should make the pump give `heat_w`."""
    flow_c = _flow_c(heat_w, path, snapshot)
    if knob.capability is Capability.RETURN_SETPOINT:
        return in_range(knob, flow_c - heat_w / path.water_w_per_k)
    return in_range(knob, flow_c)


def _flow_c(heat_w: float, path: HeatPath, snapshot: Snapshot) -> float:
    """Flow temperature for this heat: return + heat / capacity flow, once the return tells.

    That is a heat command: the set-point follows emitters that warm up, where their final
    temperature at once would make the pump race, and leads while heat is lacking. Before it heats,
    and as a bound, the emitters at rest; in its first minutes water that stood in the pipes may be
    colder or warmer than they are: then never more than they need at rest. A charge of the tank is
    to end without a stop, and the hot water it leaves to go to the rooms without one.
    """
    rest_c = float(flow_for_heat(path.emitter, heat_w, path.room_c, path.floor_c))
    return_c, state = snapshot.value(Signal.RETURN_C), snapshot.operating_state
    flow_c = snapshot.value(Signal.FLOW_C)
    if state is OperatingState.DHW and snapshot.compressor_on and flow_c is not None:
        return max(rest_c, min(flow_c - BEHIND_K, path.flow_max_c))
    if return_c is None or state is not OperatingState.HEATING:
        return rest_c
    if flow_c is not None and snapshot.compressor_on and _left_over(flow_c - return_c, path):
        within_c = min(rest_c + DIRECT_RANGE_K, path.flow_max_c)
        return max(rest_c, min(flow_c - BEHIND_K, within_c))
    lacking_w = 0.0 if path.given_w is None else max(heat_w - path.given_w, 0.0)
    lead_k = min(LACK_GAIN * lacking_w / path.water_w_per_k, MOST_LACK_K)
    direct_c = return_c + heat_w / path.water_w_per_k + lead_k
    most_c = rest_c + DIRECT_RANGE_K if path.settled else rest_c
    return min(max(direct_c, rest_c - DIRECT_RANGE_K), most_c)


def _left_over(spread_k: float, path: HeatPath) -> bool:
    """Whether the flow is hotter above the return than the pump itself can make it."""
    return spread_k * path.water_w_per_k > LEFT_OVER_FRAC * path.most_w


def rest_setting(knob: Knob) -> float:
    """The knob's value that asks for as little heat as it can."""
    low, high = span(knob)
    return in_range(knob, high if knob.capability is Capability.VIRTUAL_OUTDOOR else low)


def warm_setting(knob: Knob) -> float:
    """The knob's value that asks for all the heat there is."""
    low, high = span(knob)
    return in_range(knob, low if knob.capability is Capability.VIRTUAL_OUTDOOR else high)


def let_run_setting(knob: Knob) -> float | None:
    """The value that does not stop a running pump; None where the pump's own control sees to it."""
    if knob.capability is Capability.SG_READY:
        return NORMAL_STATE
    return warm_setting(knob) if knob.capability in LIMITS else None


def span(knob: Knob) -> tuple[float, float]:
    """What may be written and could be lived with for ever."""
    low = max(knob.minimum, -math.inf if knob.safe_minimum is None else knob.safe_minimum)
    high = min(knob.maximum, math.inf if knob.safe_maximum is None else knob.safe_maximum)
    return low, high


def in_range(knob: Knob, value: float) -> float:
    """Clip to what may be written and could be lived with for ever, then to the knob's steps."""
    low, high = span(knob)
    steps = round((min(max(value, low), high) - low) / knob.resolution)
    return min(round(low + steps * knob.resolution, 6), high)
