"""What the duals of a plan say in money: the worth of heat, and the price of the margin."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mpc.numbers import Stage
from mpc.plan import Trajectory
from mpc.problem import CompiledProblem
from mpc.solvers import Answer, Matrices

VALUE_DIGITS = 6


def marginal_per_kwh(
    stage: Stage, ready: CompiledProblem, problem: Matrices, answer: Answer
) -> Trajectory:
    """Per step, in the horizon's currency: by how much a gift of heat lowers the cost of the plan.

    A free kW in block k moves the right-hand side of the heat balance by -A_k, the balance's part
    of the column of the heat given there; with duals y (c + A'y = 0) the cost falls by -A_k'y
    (R. T. Rockafellar, Convex Analysis, 1970, on sensitivity). The balance's rows are the
    equalities that hold a temperature of the house. At a kink of the cost the value is one of those
    between its two slopes. Of the relaxed answer: whole decisions have no dual.
    """
    if answer.dual is None:
        return ()
    rows = _balance(ready, problem)
    given = ready.columns["emitted_kw" if ready.symbols.shape.buffer else "heat_kw"]
    columns = sparse.csr_matrix(problem.a)[rows][:, given]
    per_kw = -np.asarray(columns.T @ answer.dual[rows])
    value = stage.scale * per_kw / stage.hours
    return tuple(np.round(stage.blocks.spread(value), VALUE_DIGITS).tolist())


def _balance(ready: CompiledProblem, problem: Matrices) -> NDArray[np.intp]:
    """Indices of the rows of x_k = A_k x_(k-1) + b_k q_k + d_k."""
    equal = sparse.csr_matrix(problem.a)[: problem.equalities]
    entries = np.diff(equal[:, ready.columns["state_c"]].indptr)
    return np.asarray(np.flatnonzero(entries), dtype=np.intp)


def margin_cost(
    stage: Stage, ready: CompiledProblem, problem: Matrices, answer: Answer
) -> float | None:
    """At most this much a plan without margin would cost less, in the horizon's currency.

    The cost is convex in the edges of the band: moving an edge of block k out by its margin m_k
    saves no more than its dual times m_k. None where nobody says how wide the margin is.
    """
    kept_k = stage.request.comfort.kept_k
    if answer.dual is None or not kept_k:
        return None
    widths_k = stage.blocks.highest(kept_k)
    inequalities = sparse.csr_matrix(problem.a)[problem.equalities :]
    dual = answer.dual[problem.equalities :]
    of_room = np.diff(inequalities[:, ready.columns["state_c"]].indptr) > 0
    total = 0.0
    for slack in ("below_k", "above_k"):
        here = inequalities[:, ready.columns[slack]]
        edges = np.flatnonzero(of_room & (np.diff(here.indptr) > 0))
        blocks = here[edges].indices // len(ready.symbols.shape.rooms)
        total += float(np.maximum(dual[edges], 0.0) @ widths_k[blocks])
    return round(stage.scale * total, VALUE_DIGITS)
