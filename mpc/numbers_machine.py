"""Parameters of the compressor's terms: forced and forbidden blocks, starts, power limit."""

import math
from dataclasses import dataclass

import numpy as np

from mpc.arrays import FloatArray
from mpc.blocks import Blocks
from mpc.plan import PlanRequest

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class CompressorShape:
    """Minimum times in fine blocks."""

    run_blocks: int
    off_blocks: int
    dwell_blocks: int


def compressor_shape(request: PlanRequest) -> CompressorShape:
    """Minimum times rounded up to whole steps."""
    machine, step_s = request.compressor, request.horizon.step_s
    run, off, dwell = (
        max(1, math.ceil(span_s / step_s - 1e-9))
        for span_s in (machine.minimum_run_s, machine.minimum_off_s, machine.dwell_s)
    )
    return CompressorShape(run, off, dwell)


def whole_blocks(request: PlanRequest, blocks: Blocks) -> int:
    """How many first blocks are decided on or off: within the fine ones."""
    wanted = round(request.search.refined_s / request.horizon.step_s)
    return max(1, min(wanted, blocks.fine, len(blocks)))


def compressor_numbers(request: PlanRequest, blocks: Blocks) -> dict[str, FloatArray]:
    """What the machine's past forces or forbids, what a start costs, what power is allowed."""
    machine, count = request.compressor, len(blocks)
    step_s = request.horizon.step_s
    low, high = np.zeros(count), np.ones(count)
    dhw_low, dhw_high = np.zeros(count), np.ones(count)
    until_s = np.cumsum(blocks.length) * float(step_s)
    starts_s = np.asarray(until_s - blocks.length * step_s, dtype=np.float64)
    now_s = max((request.estimate.at - request.horizon.starts_at).total_seconds(), 0.0)
    if machine.running:
        low[starts_s < now_s + machine.minimum_run_s - machine.since_s] = 1.0
        if machine.hot_water and request.hot_water is not None:
            dhw_low[starts_s < now_s + machine.dwell_s - machine.since_s] = 1.0
            low = np.maximum(low, dhw_low)
    elif machine.running is False:
        rests_until_s = now_s + machine.minimum_off_s - machine.since_s
        free_s = until_s - np.maximum(starts_s, now_s)
        high = np.clip((until_s - rests_until_s) / free_s, 0.0, 1.0)
    numbers = {
        "busy_low": low,
        "busy_high": high,
        "dhw_low": dhw_low,
        "dhw_high": dhw_high,
        "was_busy": np.array(1.0 if machine.running else 0.0),
        "start_cost": np.array(machine.start_price / _scale(request)),
    }
    numbers |= _first_step(request, low)
    if machine.starts_per_day is not None:
        numbers |= _budget(request, starts_s)
    if request.limits.power_max_w is not None:
        numbers["power_max_kw"] = blocks.lowest(request.limits.power_max_w) / 1000.0
    if request.heater is not None:
        stage_kw = request.heater.stage_w / 1000.0
        numbers["stage_kw"] = np.array(stage_kw * request.heater.efficiency_frac)
        numbers["heater_kw_per_kw"] = np.array(1.0 / request.heater.efficiency_frac)
        most = stage_kw * request.heater.stages * request.heater.efficiency_frac
        numbers["heater_max_kw"] = np.full(count, most)
    if request.reserve is not None:
        numbers["reserve_up_kw"] = blocks.highest(request.reserve.up_w) / 1000.0
        numbers["reserve_down_kw"] = blocks.highest(request.reserve.down_w) / 1000.0
    return numbers


def _first_step(request: PlanRequest, busy_low: FloatArray) -> dict[str, FloatArray]:
    """1 where what is left of the first step makes a minimum time one block longer, else 0.

    Minimum times are whole blocks, but the first one is partly gone: who starts or stops in it has
    held out for less than a step when it ends. What must run anyway needs no rest before it.
    """
    machine, step_s = request.compressor, request.horizon.step_s
    gone_s = max((request.estimate.at - request.horizon.starts_at).total_seconds(), 0.0)
    blocks = compressor_shape(request)

    def short(count: int, least_s: float) -> bool:
        return count * step_s - gone_s < least_s - 1e-6

    off = blocks.off_blocks
    forced = off < len(busy_low) and bool(busy_low[off] > 0.0)
    runs_on = not machine.running and short(blocks.run_blocks, machine.minimum_run_s)
    rests_on = bool(machine.running) and short(off, machine.minimum_off_s) and not forced
    return {"first_run": np.array(float(runs_on)), "first_rest": np.array(float(rests_on))}


def _scale(request: PlanRequest) -> float:
    return max(float(np.mean(np.abs(request.horizon.price_per_kwh))), 1e-3)


def _budget(request: PlanRequest, starts_s: FloatArray) -> dict[str, FloatArray]:
    """Starts left until local midnight, and those of the day after."""
    machine = request.compressor
    day_left_s = DAY_S
    if machine.day_ends_at is not None:
        day_left_s = (machine.day_ends_at - request.horizon.starts_at).total_seconds()
    today = starts_s < day_left_s
    tomorrow = ~today & (starts_s < day_left_s + DAY_S)
    per_day = float(machine.starts_per_day or 0)
    left = per_day if machine.starts_left is None else float(machine.starts_left)
    return {
        "today": today.astype(np.float64),
        "tomorrow": tomorrow.astype(np.float64),
        "starts_left": np.array(max(left, 0.0)),
        "starts_per_day": np.array(per_day),
    }
