"""Steering a pump that keeps its own control: by shifting what it aims at, or by holding it back.

A curve offset, a room set-point or an SG Ready state says "more" or "less" than the pump would do
by itself; a power limit says only "less". Which level to hold is chosen for all the hours that the
plan reaches at once, with as few changes as the knob's memory or contacts allow. Pure.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from controller.actuation import BLOCK_STATE, LIMITS, NORMAL_STATE, in_range, span
from controller.brine import source_now
from controller.estimate import Belief, emitter_now
from controller.model import HouseModel
from controller.snapshot import Snapshot
from drivers.api import Capability, Knob, Signal, WriteClass
from mpc.arrays import FloatArray
from mpc.building import flow_for_heat, heat_for_flow, steady_state
from mpc.heat_pump import capacity_w, cop, part_load_gain
from mpc.plan import Plan
from mpc.staircase import level_now

HOUR = timedelta(hours=1)

ROOM_INFLUENCE_K_PER_K = 3.0
"""Flow temperature that a kelvin of room set-point is worth: makers' room influence is 2 to 5."""

SG_SHIFT_K: Mapping[int, float] = {1: 0.0, 2: 0.0, 3: 3.0}
"""Flow temperature that an SG Ready state is taken to be worth; state 1 stops the compressor for
the next hour. State 4 is no plan's business: with many makers it starts the electric heater."""

NEED_THE_AIM = frozenset({Capability.CURVE_OFFSET, Capability.VIRTUAL_OUTDOOR})
"""A shift means nothing without the curve that is shifted."""

CAUTIOUS_HOURS = 24.0
CAUTIOUS_K = 2.0
"""While the house has been watched for less than a day the flow is shifted by this at most."""

CURVE_SLOPE_K_PER_K = 0.8
"""Flow temperature per kelvin outdoors, where the pump takes ours for the outdoor temperature:
between a floor's 0.4 and a radiator's 1.2."""

CHANGE_PRICE = 1.0
"""What a change must spare, in K²h of flow: a wrong kelvin for an hour."""

STORED_CHANGE_PRICE = 12.0
PLENTY_OF_WRITES = 15.0
"""A stored change must spare this while that many are left in the week, more as they get fewer: a
budget that small changes use up is missing on the evening that matters."""

TRUST_HOURS = 18.0
"""An hour this far ahead counts half: it will be planned again before it comes."""

FREE_CHANGES = 24

WEEK_HOURS = 168.0
HOLD_BACK_FRAC = 0.85
"""A plan with at least this share of what the pump would do by itself does not hold it back."""

LIMIT_MARGIN_FRAC = 1.1
MODEST_FLOW_C, COOLEST_FLOW_C, MILD_OUTDOOR_C = 35.0, 25.0, 2.0
"""For capacity and COP: what is taken for temperatures that nobody measures; a resting pump's flow
says nothing below the coolest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """The coming hours, counted from now: one number each."""

    wanted_w: FloatArray  # heat of the plan
    own_w: FloatArray  # heat the pump would give by itself
    room_c: FloatArray


def ahead(plan: Plan, at: datetime, *, belief: Belief, model: HouseModel) -> Ahead | None:
    """The plan by hours from `at` on; None when it reaches less than an hour.

    By itself the pump gives what holds the wanted room at rest: its curve knows the weather and,
    having been set for this house, the heat that usually comes from elsewhere.
    """
    left_s = (plan.starts_at - at).total_seconds() + len(plan.heat_w) * plan.step_s
    hours = math.floor(left_s / 3600.0)
    if hours < 1:
        return None
    wanted_w = _hourly(plan.heat_w, plan, at, hours)
    target_c = 0.5 * (_hourly(plan.low_c, plan, at, hours) + _hourly(plan.high_c, plan, at, hours))
    if plan.outdoor_c:
        outdoor_c = _hourly(plan.outdoor_c, plan, at, hours)
        gain_w = model.building.internal_gains_w + belief.estimate.disturbance_w
        steady = steady_state(model.building, room_c=target_c, outdoor_c=outdoor_c, gain_w=gain_w)
        own_w = np.maximum(steady.heat_w, 0.0)
    else:
        own_w = np.full(hours, float(wanted_w.mean()))
    return Ahead(wanted_w=wanted_w, own_w=own_w, room_c=_hourly(plan.room_c, plan, at, hours))


def shift_setting(
    knob: Knob,
    plan: Plan,
    *,
    belief: Belief,
    model: HouseModel,
    snapshot: Snapshot,
    current: float | None,
    writes_left: float | None,
) -> float | None:
    """The value of a knob that shifts the pump's own control; None if it cannot be told.

    `current` is what the knob holds now, `writes_left` how often the planner may still write it
    this week (None: no limit).
    """
    coming = ahead(plan, snapshot.at, belief=belief, model=model)
    if coming is None or (_stored(knob) and current is None):
        return None
    worth_w = _watts_per_flow_k(belief, model, float(coming.own_w.mean()))
    lead_k = _lead_k(coming, belief=belief, model=model, snapshot=snapshot)
    if lead_k is None and knob.capability in NEED_THE_AIM:
        return None
    response = _Response(knob, _resting_value(knob, coming, snapshot, current), lead_k)
    levels = _levels(response, cautious=belief.known_for_s < CAUTIOUS_HOURS * 3600.0)
    shifts_k = _shifts_k(response, levels, coming)
    heat_w = np.maximum(coming.own_w[:, None] + worth_w * shifts_k, 0.0)
    if knob.capability is Capability.SG_READY:
        heat_w[0, levels == BLOCK_STATE] = 0.0
    sooner = 0.5 ** (np.arange(len(coming.own_w)) / TRUST_HOURS)
    misfit = sooner[:, None] * ((heat_w - coming.wanted_w[:, None]) / worth_w) ** 2
    held = None if current is None else int(np.abs(levels - current).argmin())
    chosen = level_now(
        misfit,
        held=held,
        changes=_changes(writes_left, len(misfit)),
        change_price=_change_price(writes_left),
    )
    if chosen == held and _stored(knob):
        return current
    return in_range(knob, float(levels[chosen]))


def limit_setting(
    knob: Knob,
    heat_w: float,
    plan: Plan,
    *,
    belief: Belief,
    model: HouseModel,
    snapshot: Snapshot,
    always: bool = False,
) -> float:
    """The value of a knob that only holds back: free where the plan wants as much as the pump,
    unless it is `always` to hold."""
    low, high = span(knob)
    coming = ahead(plan, snapshot.at, belief=belief, model=model)
    free = coming is None or heat_w >= HOLD_BACK_FRAC * float(coming.own_w[0])
    if free and not always:
        return in_range(knob, high)
    outdoor_c, flow_c = snapshot.value(Signal.OUTDOOR_C), snapshot.value(Signal.FLOW_C)
    warm_c = MODEST_FLOW_C if flow_c is None else max(flow_c, COOLEST_FLOW_C)
    assumed_c = MILD_OUTDOOR_C if outdoor_c is None else outdoor_c
    source_c = source_now(snapshot, model.heat_pump, assumed_c)
    load_frac = heat_w / float(capacity_w(model.heat_pump, source_c, warm_c))
    match knob.capability:
        case Capability.POWER_LIMIT:
            gain = float(part_load_gain(source_c, warm_c, load_frac))
            power_w = heat_w / (float(cop(model.heat_pump, source_c, warm_c)) * gain)
            wanted = LIMIT_MARGIN_FRAC * power_w + model.heat_pump.standby_w
        case Capability.COMPRESSOR_LIMIT:
            wanted = LIMIT_MARGIN_FRAC * load_frac
        case _:
            wanted = high  # on or off: it runs
    return in_range(knob, min(max(wanted, low), high))


def can_follow(knob: Knob) -> str:
    """How well this knob can follow a plan, in words for people."""
    pace = f", changed at most every {knob.minimum_interval_s / 60:.0f} min"
    pace = pace if knob.minimum_interval_s > 0 else ""
    wear = ", few changes a week" if _stored(knob) else ""
    delay = f", acts after {knob.latency_s / 60:.0f} min" if knob.latency_s > 0 else ""
    if knob.capability in LIMITS:
        how = "can hold the pump back, never ask for more"
    elif knob.capability is Capability.SG_READY:
        how = f"{knob.maximum - knob.minimum + 1:.0f} states: less, as usual, more"
    elif knob.capability in (Capability.FLOW_SETPOINT, Capability.RETURN_SETPOINT):
        how = f"follows the plan in steps of {knob.resolution:g} K of water temperature"
    else:
        how = f"shifts the pump's own control in steps of {knob.resolution:g}"
    return f"{how}{pace}{wear}{delay}"


@dataclass(frozen=True, slots=True)
class _Response:
    """What the pump makes of its knob."""

    knob: Knob
    held: float  # now, or what it amounts to while nothing is held
    lead_k: float | None  # what it aims at now, above the flow its own heat would need


def _lead_k(
    coming: Ahead, *, belief: Belief, model: HouseModel, snapshot: Snapshot
) -> float | None:
    """Flow temperature that the pump aims at now, above the one its own heat would need."""
    aim_c = snapshot.value(Signal.FLOW_SETPOINT_C)
    return None if aim_c is None else aim_c - _flow_c(belief, model, float(coming.own_w[0]))


def _resting_value(knob: Knob, coming: Ahead, snapshot: Snapshot, current: float | None) -> float:
    """The knob's value now; of a volatile one that nobody holds, the value that changes nothing."""
    if current is not None:
        return current
    if knob.capability is Capability.SG_READY:
        return NORMAL_STATE
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    if knob.capability is Capability.VIRTUAL_OUTDOOR and outdoor_c is not None:
        return outdoor_c
    return float(coming.room_c[0]) if knob.capability is Capability.ROOM_SETPOINT else 0.0


def _levels(response: _Response, *, cautious: bool) -> FloatArray:
    """The values worth considering: every step of the knob that a house can live with."""
    knob = response.knob
    low, high = span(knob)
    count = round((high - low) / knob.resolution)
    stride = max(1, count // 40)  # tenths of a kelvin are finer than the plan
    levels = low + knob.resolution * np.arange(0, count + 1, stride, dtype=np.float64)
    if knob.capability is Capability.SG_READY:
        return np.array([level for level in levels if round(level) in SG_SHIFT_K])
    if not cautious:
        return levels
    worth_k = _worth_k_per_step(knob)
    lead_k = 0.0 if response.lead_k is None else response.lead_k
    neutral = response.held - lead_k / worth_k
    reach = max(CAUTIOUS_K / abs(worth_k), stride * knob.resolution)
    return levels[np.abs(levels - min(max(neutral, low), high)) <= reach]


def _shifts_k(response: _Response, levels: FloatArray, coming: Ahead) -> FloatArray:
    """Flow temperature above the pump's own, per hour and level."""
    knob, lead_k = response.knob, response.lead_k
    shape = (len(coming.own_w), len(levels))
    if knob.capability is Capability.SG_READY:
        worth = np.array([SG_SHIFT_K[round(level)] for level in levels])
        return np.broadcast_to(worth, shape)
    worth_k = _worth_k_per_step(knob)
    if lead_k is None:  # what it aims at is not known: its set-point against the room
        return np.asarray(worth_k * (levels[None, :] - coming.room_c[:, None]))
    shifts_k = np.broadcast_to(lead_k + worth_k * (levels - response.held), shape)
    if knob.capability is Capability.ROOM_SETPOINT:
        warmer_k = coming.room_c - coming.room_c[0]
        return np.asarray(shifts_k - worth_k * warmer_k[:, None])
    return shifts_k


def _worth_k_per_step(knob: Knob) -> float:
    """Flow temperature that one unit of the knob is worth."""
    match knob.capability:
        case Capability.ROOM_SETPOINT:
            return ROOM_INFLUENCE_K_PER_K
        case Capability.VIRTUAL_OUTDOOR:
            return -CURVE_SLOPE_K_PER_K
        case Capability.SG_READY:
            return SG_SHIFT_K[3]
        case _:
            return 1.0


def _changes(writes_left: float | None, hours: int) -> int:
    """How many changes the coming hours may use: their even share of what is left of the week."""
    if writes_left is None:
        return FREE_CHANGES
    return 0 if writes_left < 1.0 else max(1, round(writes_left * hours / WEEK_HOURS))


def _change_price(writes_left: float | None) -> float:
    if writes_left is None:
        return CHANGE_PRICE
    return STORED_CHANGE_PRICE * PLENTY_OF_WRITES / max(writes_left, 1.0)


def _stored(knob: Knob) -> bool:
    return knob.write_class is not WriteClass.VOLATILE


def _flow_c(belief: Belief, model: HouseModel, heat_w: float) -> float:
    """Flow temperature at rest for this heat, with what was learned about emitters and pauses."""
    asked_w = heat_w / belief.heating_share_frac
    return float(flow_for_heat(emitter_now(belief, model), asked_w, belief.estimate.state_c[0]))


def _watts_per_flow_k(belief: Belief, model: HouseModel, heat_w: float) -> float:
    """Heat that one kelvin more of flow temperature brings, around this heat."""
    room_c, emitter = belief.estimate.state_c[0], emitter_now(belief, model)
    flow_c = max(_flow_c(belief, model, heat_w), room_c + 2.0)
    warmer_w, cooler_w = (
        float(heat_for_flow(emitter, flow_c + step_k, room_c)) for step_k in (0.5, -0.5)
    )
    return max(warmer_w - cooler_w, 1.0) * belief.heating_share_frac


def _hourly(values: tuple[float, ...], plan: Plan, at: datetime, hours: int) -> FloatArray:
    """Means over the hours that start at `at`, of values that hold over the plan's steps."""
    offset = (at - plan.starts_at).total_seconds() / plan.step_s
    per_hour = 3600.0 / plan.step_s
    total = np.concatenate(([0.0], np.cumsum(values)))
    edges = offset + per_hour * np.arange(hours + 1)
    reached = np.interp(edges, np.arange(len(total)), total)
    return np.asarray(np.diff(reached) / per_hour, dtype=np.float64)
