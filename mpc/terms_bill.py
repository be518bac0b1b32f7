"""Terms of the optimisation: the bill."""

from typing import Any

import cvxpy as cp

from mpc.peaks import PeakGroup
from mpc.symbols import PeakShape, Symbols, Term

SMOOTHING_KWH_PER_KW = 0.005  # a change of 1 kW between blocks weighs like 5 Wh at the mean price


def site(s: Symbols) -> Term:
    """Import minus export = heat pump + other loads - PV; no more is fed in than PV gives."""
    if not s.balanced:
        return Term(0.0, ())
    if not s.shape.site:
        return Term(0.0, (s.import_kw == s.total_kw,))
    blocks = s.shape.blocks
    out = s.unknown("export_kw", blocks, nonneg=True)
    balance = s.import_kw - out == s.total_kw + s.number("net_load_kw", blocks)
    return Term(0.0, (balance, out <= s.number("pv_kw", blocks)))


def energy(s: Symbols) -> Term:
    """What the imported energy costs, less what the exported earns."""
    cost = s.number("import_cost", s.shape.blocks) @ s.import_kw
    if s.shape.site:
        earned = s.number("export_worth", s.shape.blocks)
        cost = cost - earned @ s.unknown("export_kw", s.shape.blocks, nonneg=True)
    return Term(cost, ())


def peak_charges(s: Symbols) -> Term:
    """The mean of the N highest weighted interval means of each billing period."""
    terms = [_peak_charge(s, f"peak{i}_", shape) for i, shape in enumerate(s.shape.peaks)]
    cost: Any = sum(term.cost for term in terms)
    return Term(cost, tuple(law for term in terms for law in term.constraints))


def _peak_charge(s: Symbols, name: str, shape: PeakShape) -> Term:
    """Sum of the N largest = min over t of N t + sum of what exceeds t.

    Rows are the metered intervals: those within the fine blocks mix several of them, later ones
    are blocks. A group's level is at least that of its rows and what it reached before.
    """
    fine = s.shape.fine + 1 if s.shape.fine < s.shape.blocks else s.shape.blocks
    later = s.shape.blocks - fine
    rows = s.number(f"{name}mix", shape.fine_rows, fine) @ s.import_kw[:fine]
    rows = rows + s.number(f"{name}past_kw", shape.fine_rows)
    if later:
        rows = cp.hstack([rows, s.import_kw[fine:]])
    count = shape.fine_rows + later
    row = s.unknown(f"{name}row_kw", count)
    laws = [row == rows]
    if shape.kind is PeakGroup.FREE:
        level = cp.multiply(s.number(f"{name}weight", count, nonneg=True), row)
    else:
        level = s.unknown(f"{name}level_kw", shape.groups, nonneg=True)
        weight = s.number(f"{name}weight", shape.groups, count, nonneg=True)
        laws += [level[g] >= cp.multiply(weight[g], row) for g in range(shape.groups)]
        laws.append(level >= s.number(f"{name}floor_kw", shape.groups))
    threshold = s.unknown(f"{name}threshold_kw")
    over = s.unknown(f"{name}over_kw", level.size, nonneg=True)
    before = s.unknown(f"{name}before_kw", shape.averaged, nonneg=True)
    laws += [over >= level - threshold]
    laws += [before >= s.number(f"{name}history_kw", shape.averaged) - threshold]
    mean = threshold + (cp.sum(over) + cp.sum(before)) / shape.averaged
    if not shape.fee_steps:
        return Term(s.number(f"{name}cost_per_kw", nonneg=True) * mean, tuple(laws))
    chosen = s.choice(f"{name}step", shape.fee_steps, whole=shape.fee_steps)
    laws += [cp.sum(chosen) == 1.0, mean <= s.number(f"{name}below_kw", shape.fee_steps) @ chosen]
    return Term(s.number(f"{name}fee", shape.fee_steps) @ chosen, tuple(laws))


def smooth(s: Symbols) -> Term:
    """A small price on changes of heat: of two plans that cost the same, the calmer one."""
    change = s.unknown("change_kw", s.shape.blocks - 1, nonneg=True)
    step = s.heat_kw[1:] - s.heat_kw[:-1]
    return Term(SMOOTHING_KWH_PER_KW * cp.sum(change), (change >= step, change >= -step))
