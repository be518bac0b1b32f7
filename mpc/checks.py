"""Does a plan keep what must be kept? Asked of every plan before anybody follows it."""

import math
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mpc.arrays import FloatArray
from mpc.heat_pump_source import planned_source_c
from mpc.plan import Plan, PlanRequest
from mpc.power_curve import emission, heat_max_w

HEAT_SLACK_FRAC = 0.03  # of the largest heat: the bound moves with the temperatures found
POWER_SLACK_FRAC = 0.03  # of a power limit, for the same reason
SHARE_SLACK = 1e-3


def broken(request: PlanRequest, plan: Plan) -> tuple[str, ...]:
    """The hard constraints that the replayed plan breaks, in words; empty when it keeps them all.

    Flow limit and power limit at the temperatures of the replay, one thing at a time, the heater's
    size; minimum run and off times, starts and dwell of the refined steps. A run may end early
    where the power limit does not allow the lowest heat. Comfort is a wish and not asked for here.
    """
    rooms_c = chain(*plan.rooms_c)
    if not all(map(math.isfinite, (*plan.heat_w, *plan.power_w, *rooms_c, *plan.dhw_c))):
        return ("the plan is not finite",)
    return (
        *_power(request, plan),
        *_machine(request, plan),
        *_times(request, plan),
        *_dwell(request, plan),
    )


def _power(request: PlanRequest, plan: Plan) -> tuple[str, ...]:
    limit = request.limits.power_max_w
    if limit is None:
        return ()
    standby_w = request.heat_pump.standby_w
    drawn = np.array(plan.power_w) - standby_w
    allowed = np.array(limit) * (1.0 + POWER_SLACK_FRAC) + standby_w
    over = drawn - allowed
    if float(over.max()) <= 0.0:
        return ()
    step = int(np.argmax(over))
    return (f"step {step} draws {drawn[step]:.0f} W where {limit[step]:.0f} W are allowed",)


def _machine(request: PlanRequest, plan: Plan) -> tuple[str, ...]:
    faults = []
    run, dhw = np.array(plan.run_frac), _or_zero(plan.dhw_run_frac, plan)
    if float((run + dhw).max()) > 1.0 + SHARE_SLACK:
        faults.append("rooms and hot water at the same time")
    heater = request.heater
    if heater is not None:
        most_w = heater.stage_w * heater.stages * heater.efficiency_frac
        if max(plan.heater_w) > most_w * (1.0 + SHARE_SLACK) + 1.0:
            faults.append(f"more than {most_w:.0f} W from the back-up heater")
    flow_max_c = request.limits.flow_max_c
    flow_c = max((c for c, w in zip(plan.flow_c, plan.heat_w, strict=True) if w > 0.0), default=0.0)
    if flow_c > flow_max_c + HEAT_SLACK_FRAC * abs(flow_max_c - min(plan.room_c)):
        faults.append(f"flow of {flow_c:.1f} °C over the limit of {flow_max_c:g} °C")
    return tuple(faults)


def _may_run(request: PlanRequest, plan: Plan) -> NDArray[np.bool_]:
    """Whether each step's power limit, if any, allows the lowest continuous heat."""
    room_c = np.array(plan.room_c)
    if request.limits.power_max_w is None:
        return np.ones(len(room_c), dtype=np.bool_)
    where = emission(
        heat_pump=request.heat_pump,
        emitter=request.emitter,
        limits=request.limits,
        source_c=planned_source_c(request),
        room_c=room_c,
        floor_c=None,
    )
    return heat_max_w(where) > 0.0


def _or_zero(values: tuple[float, ...], plan: Plan) -> FloatArray:
    return np.array(values) if values else np.zeros(len(plan.heat_w))


def _times(request: PlanRequest, plan: Plan) -> tuple[str, ...]:
    """Minimum times and starts among the refined steps, with the machine's past before them."""
    machine, whole = request.compressor, plan.refined_steps
    if whole == 0:
        return ()
    busy = np.round(np.array(plan.run_frac) + _or_zero(plan.dhw_run_frac, plan))[:whole]
    faults: list[str] = []
    possible = _may_run(request, plan)
    step_s = request.horizon.step_s
    gone_s = max((request.estimate.at - request.horizon.starts_at).total_seconds(), 0.0)
    held_s = machine.since_s if machine.running is not None else math.inf
    was = bool(machine.running)
    started, day_left_s = 0, math.inf
    if machine.day_ends_at is not None:
        day_left_s = (machine.day_ends_at - request.horizon.starts_at).total_seconds()
    for step, on in enumerate(busy > 0.5):
        if on != was:
            least_s = machine.minimum_run_s if was else machine.minimum_off_s
            if held_s < least_s - 1e-6 and (on or possible[step]):
                what = "run" if was else "rest"
                faults.append(f"step {step} ends a {what} after {held_s:.0f} s of {least_s:.0f} s")
            started += int(on and step * step_s < day_left_s)
            held_s = 0.0
        was = bool(on)
        held_s += step_s - gone_s if step == 0 else step_s
    budget = None if machine.starts_per_day is None else machine.starts_left
    if budget is not None and started > budget:
        faults.append(f"{started} starts where {budget} are left today")
    return tuple(faults)


def _dwell(request: PlanRequest, plan: Plan) -> tuple[str, ...]:
    """What the pump turns to among the refined steps, rooms or hot water, it stays with."""
    least_s, step_s = request.compressor.dwell_s, request.horizon.step_s
    if not plan.dhw_run_frac or plan.refined_steps == 0:
        return ()
    faults = []
    for name, shares in (("the rooms", plan.run_frac), ("hot water", plan.dhw_run_frac)):
        on = np.round(np.array(shares[: plan.refined_steps]))
        begins, ends = (np.flatnonzero(np.diff(on) == change) + 1 for change in (1.0, -1.0))
        for begin in begins:
            end = next((int(e) for e in ends if e > begin), None)
            stays_s = math.inf if end is None else (end - begin) * step_s
            if stays_s < least_s - 1e-6:
                faults.append(
                    f"step {begin} turns to {name} for {stays_s:.0f} s of {least_s:.0f} s"
                )
    return tuple(faults)
