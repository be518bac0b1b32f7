"""Decide what to ask of the pump in this cycle, from snapshot, belief and plan. Pure."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.actuation import (
    DIRECT,
    LIMITS,
    HeatPath,
    heat_setting,
    in_range,
    let_run_setting,
    rest_setting,
    warm_setting,
)
from controller.brine import source_now
from controller.config import HouseConfig
from controller.estimate import (
    STANDARD_WINTER_C,
    Belief,
    delivered_heat_w,
    emitter_now,
    floor_now_c,
)
from controller.guard import Limits, Memory, Wanted
from controller.hot_water_steering import SANITISE_SPARE_K, highest_value
from controller.model import HouseModel
from controller.snapshot import Snapshot
from controller.starts import local_midnight
from controller.steering import limit_setting, shift_setting
from controller.wishes import Target, second_target
from drivers.api import Capability, Knob, OperatingState, Signal
from mpc.building import flow_for_heat
from mpc.heat_pump import capacity_w
from mpc.plan import Plan

START_FRAC, KEEP_FRAC = 0.55, 0.25
"""A resting pump starts when the plan wants this share of its lowest heat; a running one stops
below the smaller share. The gap keeps small steps of a plan from becoming starts and stops."""


SETTLED_AFTER = timedelta(minutes=8)
"""From here on the return shows the emitters and not the water that stood in the pipes."""

LOOK_S = 3600.0
"""A running pump is kept for heat planned within this time: a restart costs more than a pause."""

SLOWED_DOWN_FRAC = 1.2
"""Up to this heat over the one asked for, a pump counts as having slowed down to it."""

AT_LOWEST_FRAC = 1.05
"""Who shall give the lowest heat, up to this, is asked for the lowest that the maker states: what
the pump gives then is its lowest. Asked for the believed one, it would confirm any belief."""

COAST_K, COAST_MAX_K = 0.5, 4.0
"""How far below the measured flow a running pump is kept at least, and how far that may lift the
set-point above the one the heat needs."""

MODEST_FLOW_C, COOLEST_FLOW_C = 35.0, 25.0
"""Flow temperature taken for capacity while it is unknown, and while the pump rests and cools."""

COLD_K = 1.0
"""A room this far below its band may have more starts than a day is to have."""

LEGIONELLA_C = 55.0
"""A tank that is heated beyond this is being heated through, where the owner gave no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridKnobs:
    """What the grid operator's limit is kept with beside the knob for heat; None: there is none."""

    power: Knob | None = None  # takes the number
    tank: Knob | None = None  # ends hot-water charges of the pump's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the controller knows of the pump it steers."""

    knob: Knob | None
    flow_max_c: float
    power_max_w: float | None
    minimum_run_s: float
    minimum_off_s: float
    modulation_min_frac: float
    tank_knob: Knob | None = None  # None: hot water is the pump's own
    power_knob: Knob | None = None  # takes the grid operator's limit; None: nobody limits, or none
    tank_limit_knob: Knob | None = None  # hot water yields to that limit by it
    always_held: bool = False  # a power limit is always that of the plan: there is more to give


def machine(
    config: HouseConfig,
    knob: Knob | None,
    tank_knob: Knob | None = None,
    grid: GridKnobs | None = None,
) -> Machine:
    """The pump's protection values as configured."""
    pump = config.heat_pump
    return Machine(
        knob=knob,
        flow_max_c=pump.flow_max_c,
        power_max_w=pump.power_max_w,
        minimum_run_s=pump.minimum_run_s,
        minimum_off_s=pump.minimum_off_s,
        modulation_min_frac=pump.modulation_min_frac,
        tank_knob=tank_knob,
        power_knob=None if grid is None else grid.power,
        tank_limit_knob=None if grid is None else grid.tank,
        always_held=config.frequency is not None and config.frequency.droop.down,
    )


def planned_run(plan: Plan, at: datetime) -> bool | None:
    """Whether the compressor shall work for the rooms; None where the plan does not decide that."""
    index = _index(plan, at)
    return plan.run_frac[index] > 0.5 if 0 <= index < plan.refined_steps else None


def _index(plan: Plan, at: datetime) -> int:
    return math.floor((at - plan.starts_at).total_seconds() / plan.step_s)


def planned_heat_w(plan: Plan, at: datetime) -> float | None:
    """The plan's heat for the step that holds `at`; None outside the plan."""
    index = _index(plan, at)
    return plan.heat_w[index] if 0 <= index < len(plan.heat_w) else None


def lowest_heat_w(snapshot: Snapshot, belief: Belief, model: HouseModel, machine: Machine) -> float:
    """The least heat the pump can give without cycling, at today's temperatures."""
    known = belief.lowest_frac
    least_frac = machine.modulation_min_frac if known is None else known
    return least_frac * _most_heat_w(snapshot, model)


def _most_heat_w(snapshot: Snapshot, model: HouseModel) -> float:
    """The largest heat the pump can give, at today's temperatures."""
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    flow_c = snapshot.value(Signal.FLOW_C)
    assumed_c = STANDARD_WINTER_C if outdoor_c is None else outdoor_c
    source_c = source_now(snapshot, model.heat_pump, assumed_c)
    warm_c = MODEST_FLOW_C if flow_c is None else max(flow_c, COOLEST_FLOW_C)
    return float(capacity_w(model.heat_pump, source_c, warm_c))


def decide(
    snapshot: Snapshot,
    *,
    plan: Plan | None,
    belief: Belief,
    memory: Memory,
    model: HouseModel,
    machine: Machine,
    current: float | None,
    writes_left: float | None = None,
) -> Wanted:
    """Follow the plan's heat for this instant with the pump's knob.

    `current` is the knob's value last read back, `writes_left` what the planner may still write of
    it this week. Without a plan, a knob or a known room the answer is to ask nothing, which leaves
    the pump to its own curve.
    """
    knob = machine.knob
    if knob is None:
        return _nothing("the pump has no knob for heat")
    if plan is None or (heat_w := planned_heat_w(plan, snapshot.at)) is None:
        return _nothing("there is no plan for now")
    if knob.capability in DIRECT | LIMITS:
        return _run_or_rest(
            knob, heat_w, plan, belief=belief, memory=memory, model=model, machine=machine,
            snapshot=snapshot,
        )  # fmt: skip
    value = shift_setting(
        knob, plan, belief=belief, model=model, snapshot=snapshot, current=current,
        writes_left=writes_left,
    )  # fmt: skip
    if value is None:
        return _nothing("it cannot be told what the pump would do by itself")
    return Wanted({knob.capability: value}, None, heat_w, plan.source, "shift")


def _run_or_rest(
    knob: Knob,
    heat_w: float,
    plan: Plan,
    *,
    belief: Belief,
    memory: Memory,
    model: HouseModel,
    machine: Machine,
    snapshot: Snapshot,
) -> Wanted:
    """A pump gives its lowest heat or none: the plan's whole decisions say which; where it has
    none, heat below the lowest becomes runs and rests here."""
    least_w = lowest_heat_w(snapshot, belief, model, machine)
    running = memory.compressor_on is True
    planned = planned_run(plan, snapshot.at)
    run = planned
    if run is None:
        soon_w = max(heat_w, mean_heat_w(plan, snapshot.at, LOOK_S)) if running else heat_w
        run = soon_w >= least_w * (KEEP_FRAC if running else START_FRAC)
    if not run:
        return Wanted({knob.capability: rest_setting(knob)}, False, heat_w, plan.source, "rest")
    # Means of a relaxed plan have to fit beside hot water and defrosting; whole steps are as meant.
    share_frac = belief.heating_share_frac if planned is None else 1.0
    asked_w = max(heat_w / share_frac, least_w)
    if knob.capability in LIMITS:
        value = limit_setting(
            knob, asked_w, plan, belief=belief, model=model, snapshot=snapshot,
            always=machine.always_held,
        )  # fmt: skip
        return Wanted({knob.capability: value}, True, heat_w, plan.source, "heat")
    path = _heat_path(snapshot, belief=belief, model=model, memory=memory, machine=machine)
    stated_w = lowest_heat_w(snapshot, replace(belief, lowest_frac=None), model, machine)
    at_lowest = heat_w <= AT_LOWEST_FRAC * least_w
    value = heat_setting(knob, stated_w if at_lowest else asked_w, path=path, snapshot=snapshot)
    slow = path.given_w is not None and path.given_w <= SLOWED_DOWN_FRAC * asked_w
    if running and slow and knob.capability is Capability.FLOW_SETPOINT:
        value = in_range(knob, _kept_running(value, snapshot))
    return Wanted({knob.capability: value}, True, heat_w, plan.source, "heat")


def _heat_path(
    snapshot: Snapshot, *, belief: Belief, model: HouseModel, memory: Memory, machine: Machine
) -> HeatPath:
    since = memory.since if memory.compressor_on else None
    return HeatPath(
        emitter=emitter_now(belief, model),
        room_c=belief.estimate.state_c[0],
        floor_c=floor_now_c(belief, model.building),
        water_w_per_k=belief.water_w_per_k,
        settled=since is not None and snapshot.at - since >= SETTLED_AFTER,
        given_w=delivered_heat_w(snapshot, model),
        most_w=_most_heat_w(snapshot, model),
        flow_max_c=machine.flow_max_c,
    )


def _kept_running(setpoint_c: float, snapshot: Snapshot) -> float:
    """A running pump stops when its flow is well above the set-point; one that has slowed down as
    far as it can and shall go on is asked for little less than it gives."""
    flow_c = snapshot.value(Signal.FLOW_C)
    if flow_c is None or snapshot.operating_state is not OperatingState.HEATING:
        return setpoint_c
    return max(setpoint_c, min(flow_c - COAST_K, setpoint_c + COAST_MAX_K))


def mean_heat_w(plan: Plan, at: datetime, span_s: float) -> float:
    """The plan's mean heat from `at` over a span, as far as the plan reaches."""
    first = _index(plan, at)
    steps = plan.heat_w[max(first, 0) : first + max(1, round(span_s / plan.step_s))]
    return sum(steps) / len(steps) if steps else 0.0


def limits(
    snapshot: Snapshot,
    *,
    belief: Belief,
    model: HouseModel,
    machine: Machine,
    config: HouseConfig,
    target: Target,
) -> Limits:
    """The guard's bounds and its three safe values of the knob at this moment."""
    knob, tank, pump = machine.knob, machine.tank_knob, config.heat_pump
    sanitise_c, second = config.hot_water.legionella_c, second_target(target, config)
    return Limits(
        knob=knob,
        rest_value=None if knob is None else rest_setting(knob),
        run_value=None
        if knob is None
        else _run_value(knob, snapshot, belief=belief, model=model, machine=machine),
        frost_value=None if knob is None else _frost_value(knob, machine),
        flow_max_c=machine.flow_max_c,
        power_max_w=machine.power_max_w,
        minimum_run_s=machine.minimum_run_s,
        minimum_off_s=machine.minimum_off_s,
        frost_c=config.comfort.frost_c,
        room_max_c=max(config.comfort.room_max_c, target.room_c + 0.5),
        tank_knob=tank,
        tank_max_c=math.inf if tank is None else highest_value(tank, config.hot_water),
        power_knob=machine.power_knob,
        tank_limit_knob=machine.tank_limit_knob,
        room_min_c=target.room_c - target.band_k - COLD_K,
        second_room_min_c=-math.inf if second is None else second.room_c - second.band_k - COLD_K,
        day_began_at=local_midnight(snapshot.at, config.zone) - timedelta(days=1),
        return_max_c=math.inf if pump.return_max_c is None else pump.return_max_c,
        starts_per_hour=pump.starts_per_hour,
        starts_per_day=pump.starts_per_day,
        rise_k_per_min=pump.flow_rise_k_per_min,
        sg_hold_s=pump.sg_hold_s,
        heater_only_for_frost=pump.electric_heat == "frost",
        sanitised_from_c=LEGIONELLA_C if sanitise_c is None else sanitise_c - SANITISE_SPARE_K,
    )


def _run_value(
    knob: Knob, snapshot: Snapshot, *, belief: Belief, model: HouseModel, machine: Machine
) -> float | None:
    if knob.capability not in DIRECT:
        return let_run_setting(knob)
    least_w = lowest_heat_w(snapshot, belief, model, machine)
    room_c, floor_c = belief.estimate.state_c[0], floor_now_c(belief, model.building)
    flow_c = float(flow_for_heat(emitter_now(belief, model), least_w, room_c, floor_c))
    if knob.capability is Capability.RETURN_SETPOINT:
        flow_c -= least_w / belief.water_w_per_k
    return min(max(flow_c, knob.minimum), machine.flow_max_c, knob.maximum)


def _frost_value(knob: Knob, machine: Machine) -> float:
    value = warm_setting(knob)
    return min(value, machine.flow_max_c) if knob.capability in DIRECT else value


def _nothing(reason: str) -> Wanted:
    return Wanted({}, None, None, "none", reason)
