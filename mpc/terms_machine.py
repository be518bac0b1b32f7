"""Terms of the optimisation: what the compressor and the back-up heater can and may."""

from typing import Any

import cvxpy as cp
import numpy as np

from mpc.arrays import FloatArray
from mpc.symbols import Symbols, Term


def machine(s: Symbols) -> Term:
    """Running, it gives between its lowest and its largest heat; one thing at a time."""
    blocks = s.shape.blocks
    least, most = s.number("heat_min_kw", blocks), s.number("heat_max_kw", blocks)
    laws = [
        s.heat_kw >= cp.multiply(least, s.run),
        s.heat_kw <= cp.multiply(most, s.run),
        s.busy <= s.number("busy_high", blocks),
        s.busy >= s.number("busy_low", blocks),
    ]
    if s.shape.hot_water:
        least, most = s.number("dhw_min_kw", blocks), s.number("dhw_max_kw", blocks)
        laws += [
            s.dhw_kw >= cp.multiply(least, s.dhw_run),
            s.dhw_kw <= cp.multiply(most, s.dhw_run),
            s.dhw_run <= s.number("dhw_high", blocks),
            s.dhw_run >= s.number("dhw_low", blocks),
        ]
    return Term(0.0, tuple(laws))


def curve(s: Symbols) -> Term:
    """P >= a_i q + c_i on for every segment i of the power curve, and P below its chord.

    The perspective form: on = 1 gives the curve, on between 0 and 1 the mix of running and resting.
    The chord holds the epigraph where electricity is worth less than nothing.
    """
    blocks = s.shape.blocks
    power = s.unknown("power_kw", blocks, nonneg=True)
    slope = s.number("power_slope", s.shape.segments, blocks)
    offset = s.number("power_offset_kw", s.shape.segments, blocks)
    laws = [
        power >= cp.multiply(slope[i], s.heat_kw) + cp.multiply(offset[i], s.run)
        for i in range(s.shape.segments)
    ]
    chord = cp.multiply(s.number("chord_slope", blocks), s.heat_kw)
    laws.append(power <= chord + cp.multiply(s.number("chord_kw", blocks), s.run))
    return Term(0.0, tuple(laws))


def back_up_heater(s: Symbols) -> Term:
    """Between nothing and all stages; whole stages in the first blocks."""
    if not (s.shape.heater_space or s.shape.heater_hot_water):
        return Term(0.0, ())
    both = s.heater_kw + s.dhw_heater_kw
    laws = [both <= s.number("heater_max_kw", s.shape.blocks)]
    if s.shape.whole:
        most, whole = float(s.shape.heater_stages), s.shape.whole
        stages = s.choice("heater_stages", whole, whole=whole, most=most)
        laws.append(both[: s.shape.whole] == s.number("stage_kw") * stages)
    return Term(0.0, tuple(laws))


def limits(s: Symbols) -> Term:
    """Electric power within the limit of the block; the reserve stays free, softly."""
    blocks = s.shape.blocks
    laws = []
    cost: Any = 0.0
    if s.shape.power_limited:
        laws.append(s.total_kw <= s.number("power_max_kw", blocks))
    if s.shape.reserve:
        price = s.number("reserve_cost", blocks, nonneg=True)
        short = s.unknown("reserve_short_kw", blocks, nonneg=True)
        laws.append(s.total_kw + short >= s.number("reserve_up_kw", blocks))
        cost = price @ short
        if s.shape.power_limited:
            over = s.unknown("reserve_over_kw", blocks, nonneg=True)
            spare = s.number("reserve_down_kw", blocks)
            laws.append(s.total_kw + spare - over <= s.number("power_max_kw", blocks))
            cost = cost + price @ over
    return Term(cost, tuple(laws))


def starts(s: Symbols) -> Term:
    """Every start of the compressor costs, and a day has only so many."""
    blocks = s.shape.blocks
    start = s.unknown("start", blocks, nonneg=True)
    busy = s.busy
    cost = s.number("start_cost", nonneg=True) * cp.sum(start)
    laws = [start[0] >= busy[0] - s.number("was_busy"), start[1:] >= busy[1:] - busy[:-1]]
    if s.shape.starts_limited:
        laws.append(s.number("today", blocks) @ start <= s.number("starts_left"))
        laws.append(s.number("tomorrow", blocks) @ start <= s.number("starts_per_day"))
    return Term(cost, tuple(laws))


def run_and_off(s: Symbols) -> Term:
    """Once started it runs its minimum time, once stopped it rests; among whole decisions.

    After a first block that is partly gone, one block longer where that needs it.
    """
    whole, run, off = s.shape.whole, s.shape.run_blocks, s.shape.off_blocks
    start = s.unknown("start", s.shape.blocks, nonneg=True)
    laws = []
    if whole and run > 1:
        laws.append(_last(whole, run) @ start[:whole] <= s.busy[:whole])
    if whole > off > 1:
        laws.append((_last(whole, off) @ start[:whole])[off:] <= 1.0 - s.busy[: whole - off])
    busy = s.busy
    if whole > run:
        laws.append(busy[run] >= s.number("first_run", nonneg=True) * busy[0])
    if whole > off:
        longer = s.number("first_rest", nonneg=True)
        laws.append(busy[off] + longer <= 1.0 + longer * busy[0])
    return Term(0.0, tuple(laws))


def dwell(s: Symbols) -> Term:
    """A change between rooms and hot water is kept for a while."""
    whole, stay = s.shape.whole, s.shape.dwell_blocks
    if not (s.shape.hot_water and whole and stay > 1):
        return Term(0.0, ())
    laws = []
    for name, on in (("rooms", s.run), ("hot_water", s.dhw_run)):
        begin = s.unknown(f"begin_{name}", whole - 1, nonneg=True)
        laws.append(begin >= on[1:whole] - on[: whole - 1])
        laws.append(_last(whole - 1, stay) @ begin <= on[1:whole])
    return Term(0.0, tuple(laws))


def _last(size: int, span: int) -> FloatArray:
    """Row k sums entries k-span+1 to k."""
    ones = np.tri(size) - np.tri(size, k=-span)
    return np.asarray(ones, dtype=np.float64)
