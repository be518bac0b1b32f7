"""The solvers behind the plan: matrices in, a checked answer out.

min c x subject to A x + s = b, s = 0 in the first rows and s >= 0 in the others. Whatever a solver
says of itself, its answer counts only if it keeps the rows and its dual proves the cost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mpc.arrays import FloatArray

ROW_TOLERANCE = 1e-4  # kW, K, kWh: far below what a meter or thermometer shows
DUAL_TOLERANCE = 1e-4  # of a reduced cost, in mean prices
GAP_TOLERANCE = 1e-4  # of the cost, between an answer and what its dual proves
MAX_ITERATIONS = 100  # of the interior point solvers; a usual plan takes 15 to 30
PIQP_LEAST = 1e-8  # regularisation, proof of infeasibility: its defaults find one in 80 infeasible
OSQP_ITERATIONS = 50_000
SOLVED = "solved"


@dataclass(frozen=True, slots=True)
class Matrices:
    """A linear problem; `equalities` first rows of `a` hold exactly."""

    c: FloatArray
    a: Any  # sparse, rows x columns
    b: FloatArray
    equalities: int

    def finite(self) -> bool:
        """Whether every number is one."""
        return all(bool(np.isfinite(v).all()) for v in (self.c, self.a.data, self.b))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call; `x` is None unless there is something to use."""

    solver: str
    status: str  # SOLVED, or what is wrong with it
    x: FloatArray | None = None
    dual: FloatArray | None = None  # per row; c + A' dual = 0
    cost: float = np.nan
    bound: float = np.nan  # no solution costs less
    iterations: int = 0
    solve_ms: float = 0.0


def relaxed(problem: Matrices, solvers: tuple[str, ...]) -> tuple[Answer, tuple[str, ...]]:
    """The first answer that proves itself, and what each solver in turn said."""
    said: list[str] = []
    answer = Answer("none", "no solver was asked")
    if not problem.finite():
        return Answer("none", "numbers out of range"), ("numbers out of range",)
    for name in solvers:
        answer = proven(problem, LINEAR[name](problem))
        said.append(f"{name}: {answer.status}")
        if answer.status == SOLVED:
            break
    return answer, tuple(said)


def proven(problem: Matrices, answer: Answer) -> Answer:
    """The answer with its status put right: rows, reduced costs and duality gap are computed here.

    For x and dual y: A x <= b (= in the first rows), y >= 0 in the others, c + A'y = 0, and the
    bound -b'y close to c x (R. T. Rockafellar, Convex Analysis, 1970, on linear duality).
    """
    if answer.status != SOLVED or answer.x is None or answer.dual is None:
        return answer
    x, y, equal = answer.x, answer.dual, problem.equalities
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return Answer(answer.solver, "not finite")
    slack = problem.b - problem.a @ x
    row = max(_worst(np.abs(slack[:equal])), _worst(-slack[equal:]))
    reduced = max(_worst(np.abs(problem.c + problem.a.T @ y)), _worst(-y[equal:]))
    cost, bound = float(problem.c @ x), float(-problem.b @ y)
    gap = abs(cost - bound) / (1.0 + abs(cost))
    for what, found, allowed in (
        ("a row is broken by", row, ROW_TOLERANCE),
        ("a reduced cost is off by", reduced, DUAL_TOLERANCE),
        ("the duality gap is", gap, GAP_TOLERANCE),
    ):
        if not found <= allowed:
            return Answer(answer.solver, f"{what} {found:.2g}", solve_ms=answer.solve_ms)
    return Answer(
        answer.solver, SOLVED, x, y, cost, bound, answer.iterations, answer.solve_ms
    )  # fmt: skip


def _worst(values: FloatArray) -> float:
    return float(np.max(values, initial=0.0))


def clarabel(problem: Matrices) -> Answer:
    """Interior point, homogeneous embedding: asked where an answer before does not prove itself."""
    import clarabel as solver

    rows, columns = problem.a.shape
    settings = solver.DefaultSettings()
    settings.verbose = False
    settings.max_iter = MAX_ITERATIONS
    settings.max_threads = 1
    settings.direct_solve_method = "qdldl"
    cones = [solver.ZeroConeT(problem.equalities)]
    cones.append(solver.NonnegativeConeT(rows - problem.equalities))
    nothing = sparse.csc_matrix((columns, columns))
    a = sparse.csc_matrix(problem.a)
    found = solver.DefaultSolver(nothing, problem.c, a, problem.b, cones, settings).solve()
    status = SOLVED if str(found.status) == "Solved" else str(found.status)
    return Answer(
        "clarabel", status, np.array(found.x), np.array(found.z),
        iterations=int(found.iterations), solve_ms=1000.0 * float(found.solve_time),
    )  # fmt: skip


def piqp(problem: Matrices) -> Answer:
    """Proximal interior point: faster than Clarabel, and asked first."""
    import piqp as solver

    equal, columns = problem.equalities, len(problem.c)
    a = sparse.csr_matrix(problem.a)
    first, rest = sparse.csc_matrix(a[:equal]), sparse.csc_matrix(a[equal:])
    run = solver.SparseSolver()
    run.settings.max_iter = 2 * MAX_ITERATIONS
    run.settings.reg_lower_limit = run.settings.eps_primal_inf = PIQP_LEAST
    run.settings.compute_timings = True
    nothing = sparse.csc_matrix((columns, columns))
    run.setup(
        nothing, problem.c, first, problem.b[:equal], rest,
        np.full(len(problem.b) - equal, -np.inf), problem.b[equal:],
        np.full(columns, -np.inf), np.full(columns, np.inf),
    )  # fmt: skip
    status, found = run.solve(), run.result
    said = SOLVED if status == solver.PIQP_SOLVED else str(status).rsplit(".", 1)[-1]
    dual = np.concatenate([found.y, found.z_u])
    return Answer(
        "piqp", said, np.array(found.x), dual,
        iterations=int(found.info.iter), solve_ms=1000.0 * float(found.info.run_time),
    )  # fmt: skip


def osqp(problem: Matrices) -> Answer:
    """Operator splitting: rarely accurate enough on a plan, which is why `proven` looks first."""
    import osqp as solver

    columns = len(problem.c)
    low = np.full(len(problem.b), -np.inf)
    low[: problem.equalities] = problem.b[: problem.equalities]
    run = solver.OSQP()
    run.setup(
        P=sparse.csc_matrix((columns, columns)), q=problem.c, A=sparse.csc_matrix(problem.a),
        l=low, u=problem.b, verbose=False, eps_abs=1e-6, eps_rel=1e-6, polishing=True,
        max_iter=OSQP_ITERATIONS,
    )  # fmt: skip
    found = run.solve(raise_error=False)
    said = SOLVED if str(found.info.status) == "solved" else str(found.info.status)
    return Answer(
        "osqp", said, np.array(found.x), np.array(found.y),
        iterations=int(found.info.iter), solve_ms=1000.0 * float(found.info.run_time),
    )  # fmt: skip


def highs(problem: Matrices) -> Answer:
    """HiGHS' interior point without presolve: its presolve breaks on some houses."""
    run = _highs_model(problem, np.array([], dtype=np.intp))
    run.setOptionValue("presolve", "off")
    run.setOptionValue("solver", "ipm")
    run.run()
    found, info = run.getSolution(), run.getInfo()
    status = run.modelStatusToString(run.getModelStatus())
    return Answer(
        "highs", SOLVED if status == "Optimal" else status,
        np.array(found.col_value), -np.array(found.row_dual),
        iterations=int(info.ipm_iteration_count), solve_ms=1000.0 * float(run.getRunTime()),
    )  # fmt: skip


LINEAR: Mapping[str, Callable[[Matrices], Answer]] = {
    "clarabel": clarabel,
    "piqp": piqp,
    "highs": highs,
    "osqp": osqp,
}
"""The solvers of the relaxed plan, by the names of the configuration."""


def refined(
    problem: Matrices, whole: NDArray[np.intp], *, gap_cost: float, time_limit_s: float,
    node_limit: int,
) -> Answer:  # fmt: skip
    """The mixed-integer problem by HiGHS: the best it found within its limits, and its bound.

    Few and short searches in neighbourhoods: measured on these problems, its usual ones take nine
    tenths of the time, and none at all leaves the tree without a good plan to cut by.
    """
    run = _highs_model(problem, whole)
    run.setOptionValue("mip_rel_gap", 0.0)
    run.setOptionValue("mip_abs_gap", gap_cost)
    run.setOptionValue("time_limit", time_limit_s)
    run.setOptionValue("mip_max_nodes", node_limit)
    for search in ("root_reduced_cost", "feasibility_jump"):
        run.setOptionValue(f"mip_heuristic_run_{search}", False)
    run.run()
    info = run.getInfo()
    status = run.modelStatusToString(run.getModelStatus())
    took_ms = 1000.0 * float(run.getRunTime())
    if int(info.primal_solution_status) != 2:  # kSolutionStatusFeasible
        return Answer("highs", f"nothing found: {status}", solve_ms=took_ms)
    x = np.array(run.getSolution().col_value)
    x[whole] = np.round(x[whole])
    return Answer(
        "highs", SOLVED if status == "Optimal" else status, x, None,
        float(info.objective_function_value), float(info.mip_dual_bound),
        int(info.mip_node_count), took_ms,
    )  # fmt: skip


def _highs_model(problem: Matrices, whole: NDArray[np.intp]) -> Any:
    import highspy

    a = sparse.csc_matrix(problem.a)
    rows, columns = a.shape
    low = np.full(rows, -highspy.kHighsInf)
    low[: problem.equalities] = problem.b[: problem.equalities]
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns, rows
    model.col_cost_ = problem.c
    model.col_lower_ = np.full(columns, -highspy.kHighsInf)
    model.col_upper_ = np.full(columns, highspy.kHighsInf)
    model.row_lower_, model.row_upper_ = low, problem.b
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = a.indptr
    model.a_matrix_.index_ = a.indices
    model.a_matrix_.value_ = a.data
    if len(whole):
        kinds = [highspy.HighsVarType.kContinuous] * columns
        for column in whole:
            kinds[column] = highspy.HighsVarType.kInteger
        model.integrality_ = kinds
    run = highspy.Highs()
    run.setOptionValue("output_flag", False)
    run.setOptionValue("threads", 1)
    run.passModel(model)
    return run
