"""Parameters of the bill's terms: energy of the connection and peak charges."""

import numpy as np

from mpc.arrays import FloatArray
from mpc.blocks import Blocks
from mpc.peaks import PeakCharge, PeakGroup
from mpc.plan import PlanRequest
from mpc.symbols import PeakShape

FEE_MARGIN_FRAC = 0.02  # kept below a fee step: power curves may be off by as much (solver)
ENDLESS_KW = 1000.0  # stands for the last step's missing upper end


def site_numbers(request: PlanRequest, blocks: Blocks, weight: FloatArray) -> dict[str, FloatArray]:
    """Costs per kW of a block; `weight` is hours over the price scale.

    An export price above the import price is cut to it: buying and selling at once is no plan.
    """
    price = blocks.mean(request.horizon.price_per_kwh)
    numbers = {"import_cost": price * weight}
    site = request.site
    if site is None:
        return numbers
    exported = np.minimum(blocks.mean(site.export_price_per_kwh), price)
    standby_w = request.heat_pump.standby_w
    pv_kw = np.maximum(blocks.mean(site.pv_w), 0.0) / 1000.0
    numbers["export_worth"] = exported * weight
    numbers["pv_kw"] = pv_kw
    numbers["net_load_kw"] = (blocks.mean(site.base_load_w) + standby_w) / 1000.0 - pv_kw
    return numbers


def peak_shapes(charges: tuple[PeakCharge, ...], request: PlanRequest) -> tuple[PeakShape, ...]:
    """Sizes that stay the same from plan to plan, as long as the kind of charge does."""
    horizon = request.horizon
    steps, step_s = len(horizon.outdoor_c), horizon.step_s
    fine_s = min(request.search.fine_s + 3600.0, steps * step_s)
    span_s = {PeakGroup.DAY: 86_400.0, PeakGroup.WEEK: 604_800.0}
    shapes = []
    for charge in charges:
        rows = int(np.ceil(fine_s / charge.interval_s)) + 1
        groups = 0
        if charge.kind is not PeakGroup.FREE:
            groups = int(np.ceil(steps * step_s / span_s[charge.kind])) + 2
            groups = max(groups, len(charge.floor_kw))
        averaged, fees = len(charge.history_kw), len(charge.steps)
        shapes.append(PeakShape(charge.kind, rows, groups, averaged, fees))
    return tuple(shapes)


def peak_numbers(
    charge: PeakCharge, request: PlanRequest, blocks: Blocks, scale: float
) -> dict[str, FloatArray]:
    """Rows, weights and history of one charge; see `PeakCharge` and `terms_bill`."""
    shape = peak_shapes((charge,), request)[0]
    fine = min(blocks.fine + 1, len(blocks))
    later = len(blocks) - fine
    of_step = np.array(charge.interval_of_step, dtype=np.intp)
    weight_of = np.append(np.array(charge.weight_frac), 0.0)  # the last for "none"
    group_of = np.append(np.array(charge.group_of_interval, dtype=np.intp), 0)
    mix = np.zeros((shape.fine_rows, fine))
    past = np.zeros(shape.fine_rows)
    row_interval = np.full(shape.fine_rows + later, -1, dtype=np.intp)
    end = int(blocks.first[fine - 1] + blocks.length[fine - 1])
    found = [j for j in dict.fromkeys(of_step[:end].tolist()) if j >= 0]
    for row, interval in enumerate(found):
        inside = (of_step[:end] == interval).astype(np.float64)
        mix[row] = charge.step_frac * np.add.reduceat(inside, blocks.first[:fine])
        past[row] = charge.past_kw[interval]
        row_interval[row] = interval
    for k in range(later):
        block = slice(blocks.first[fine + k], blocks.first[fine + k] + blocks.length[fine + k])
        inside_block = of_step[block]
        heaviest = int(np.argmax(np.where(inside_block >= 0, weight_of[inside_block], -1.0)))
        row_interval[shape.fine_rows + k] = inside_block[heaviest]
    weights = np.where(row_interval >= 0, weight_of[row_interval], 0.0)
    numbers = {"mix": mix, "past_kw": past, "history_kw": np.array(charge.history_kw)}
    if charge.kind is PeakGroup.FREE:
        numbers["weight"] = weights
    else:
        member = group_of[row_interval][None, :] == np.arange(shape.groups)[:, None]
        numbers["weight"] = member * weights
        floor = np.zeros(shape.groups)
        floor[: len(charge.floor_kw)] = charge.floor_kw
        numbers["floor_kw"] = floor
    numbers["cost_per_kw"] = np.array(charge.price_per_kw / scale)
    if charge.steps:
        ends = [min(step.below_kw, ENDLESS_KW) * (1.0 - FEE_MARGIN_FRAC) for step in charge.steps]
        numbers["below_kw"] = np.array(ends)
        numbers["fee"] = np.array([step.fee for step in charge.steps]) / scale
    return numbers
