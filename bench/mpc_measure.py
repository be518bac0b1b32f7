"""One house through the planner with a stopwatch at every part, and raw solvers on its matrices.

Times are CPU seconds of this process: all solvers run on one thread, so on a machine that does
nothing else they are what the clock shows, and on a busy one they stay comparable.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from typing import Any
from unittest.mock import patch

import clarabel
import highspy
import numpy as np
from scipy import sparse

import mpc.solver
from bench.mpc_houses import DrawnHouse
from mpc.checks import broken
from mpc.numbers import shape_of, stage_of
from mpc.plan import PlanRequest, Search, Solved
from mpc.problem import CompiledProblem, compiled
from mpc.solvers import Matrices
from mpc.symbols import Shape

RAW_SEARCH_EVERY = 10  # houses; HiGHS' own search takes several times as long as ours
PARTS = {
    "numbers": ("stage_of", "shape_of", "first_conditions", "conditions_found", "numbers_of"),
    "solver": ("relaxed",),
    "refinement": ("refined",),
    "replay": ("marginal_per_kwh", "_accepted"),
}
"""What is timed as what, by the functions that `mpc.solver` calls."""


@dataclass(slots=True, kw_only=True)
class Measured:
    """What one house showed; times in CPU ms, gaps as shares of the plan's electricity cost."""

    number: int
    model: int
    pump: str
    tariff: str
    zone: str
    parts: str  # that not every house has
    rows: int
    columns: int
    compile_ms: float
    resolve_ms: float  # a relaxed plan from question to answer, problem compiled
    resolve_wall_ms: float
    split_ms: dict[str, float]
    passes: int
    raw_clarabel_ms: float  # the matrices of all passes
    raw_highs_ms: float
    raw_highs_said: str  # empty: optimal
    refine_ms: float
    refine_wall_ms: float
    refine_status: str
    raw_search_ms: float | None
    raw_search_status: str
    refined_gap_frac: float | None
    relaxed_gap_frac: float | None
    first_failed: list[str] = field(default_factory=list)  # what the first solver said then
    failed: list[str] = field(default_factory=list)  # reasons why there is no plan
    unrefined: str = ""  # why the refined answer was not taken
    broke: list[str] = field(default_factory=list)  # by accepted plans


class Stopwatch:
    """CPU ms by part, and the matrices that went to the solvers, of one call of `solve`."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = defaultdict(float)
        self.matrices: list[Matrices] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """While this is open, everything `mpc.solver` calls is timed."""
        patches = [
            patch.object(mpc.solver, name, self._timed(part, getattr(mpc.solver, name)))
            for part, names in PARTS.items()
            for name in names
        ]
        own = CompiledProblem.matrices
        timed = self._timed("canonicalisation", own)

        def kept(ready: CompiledProblem, numbers: Any) -> Matrices:
            self.matrices.append(timed(ready, numbers))
            return self.matrices[-1]

        patches.append(patch.object(CompiledProblem, "matrices", kept))
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()

    def _timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*args: Any, **named: Any) -> Any:
            began_s = time.process_time()
            try:
                return call(*args, **named)
            finally:
                self.ms[part] += 1000.0 * (time.process_time() - began_s)

        return timed


def shape(request: PlanRequest) -> Shape:
    """The structure of its problem; houses of one shape share a compiled one."""
    return shape_of(stage_of(request))


def later(house: DrawnHouse) -> PlanRequest:
    """The house's next question: another state, other prices and weather, the same structure."""
    request, rng = house.request, np.random.default_rng([house.number, 2])
    horizon, estimate = request.horizon, request.estimate
    price = np.array(horizon.price_per_kwh) * rng.uniform(0.9, 1.1, len(horizon.price_per_kwh))
    outdoor = np.array(horizon.outdoor_c) + np.cumsum(rng.normal(0, 0.1, len(horizon.outdoor_c)))
    states = np.array(estimate.state_c) + rng.normal(0.0, 0.2, len(estimate.state_c))
    return replace(
        request,
        horizon=replace(
            horizon, price_per_kwh=tuple(price.tolist()), outdoor_c=tuple(outdoor.tolist())
        ),
        estimate=replace(estimate, state_c=tuple(states.tolist())),
        search=replace(request.search, refine=False),
    )


def measured(house: DrawnHouse) -> Measured:
    """A whole plan, then a relaxed one for the next question, then the raw solvers on it."""
    compile_ms = _cpu_ms(lambda: compiled(shape(house.request)))[0]
    first, full = _planned(house.request)
    again, resolve = _planned(later(house))
    raw_clarabel_ms = sum(_cpu_ms(partial(raw_clarabel, m))[0] for m in again.matrices)
    highs = [_cpu_ms(partial(raw_highs, m)) for m in again.matrices]
    said = {status for _, status in highs if status != "Optimal"}
    search_ms, search_status = None, ""
    if house.number % RAW_SEARCH_EVERY == 0 and full.own_gap_cost is not None:
        whole = compiled(shape(house.request)).whole
        problem, gap = first.matrices[-1], full.own_gap_cost
        limit_s = Search().time_limit_s
        search_ms, search_status = _cpu_ms(
            lambda: raw_highs(problem, whole, gap_cost=gap, time_limit_s=limit_s)
        )
    rows, columns = again.matrices[-1].a.shape
    request = house.request
    diagnostics = getattr(full.result, "diagnostics", None)
    return Measured(
        number=house.number,
        model=house.model,
        pump=house.pump,
        tariff=house.tariff,
        zone=house.zone,
        parts=_parts(request),
        rows=rows,
        columns=columns,
        compile_ms=compile_ms,
        resolve_ms=resolve.cpu_ms,
        resolve_wall_ms=resolve.wall_ms,
        split_ms=dict(again.ms),
        passes=len(again.matrices),
        raw_clarabel_ms=raw_clarabel_ms,
        raw_highs_ms=sum(ms for ms, _ in highs),
        raw_highs_said=", ".join(sorted(said)),
        refine_ms=first.ms["refinement"],
        refine_wall_ms=0.0 if diagnostics is None else diagnostics.refine_ms,
        refine_status="" if diagnostics is None else diagnostics.refine_status,
        raw_search_ms=search_ms,
        raw_search_status=search_status,
        refined_gap_frac=None if diagnostics is None else diagnostics.refined_gap_frac,
        relaxed_gap_frac=None if diagnostics is None else diagnostics.relaxed_gap_frac,
        first_failed=[*_first_failed(full), *_first_failed(resolve)],
        failed=[*_failed(full), *_failed(resolve)],
        unrefined=_unrefined(full),
        broke=[*_broke(full), *_broke(resolve)],
    )


def matrices_of(request: PlanRequest) -> Matrices:
    """What goes to the solvers in the last pass of its relaxed plan."""
    relaxed = replace(request, search=replace(request.search, refine=False))
    return _planned(relaxed)[0].matrices[-1]


@dataclass(frozen=True, slots=True)
class _Planned:
    request: PlanRequest
    result: Any
    cpu_ms: float
    wall_ms: float
    own_gap_cost: float | None  # what the refinement was told to be satisfied with


def _planned(request: PlanRequest) -> tuple[Stopwatch, _Planned]:
    watch = Stopwatch()
    told: list[float] = []
    own: Callable[..., Any] = vars(mpc.solver)["refined"]

    def noted(*args: Any, **named: Any) -> Any:
        told.append(named["gap_cost"])
        return own(*args, **named)

    with patch.object(mpc.solver, "refined", noted), watch.running():
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        result = mpc.solver.solve(request)
        cpu_ms = 1000.0 * (time.process_time() - cpu_s)
        wall_ms = 1000.0 * (time.perf_counter() - wall_s)
    return watch, _Planned(request, result, cpu_ms, wall_ms, told[0] if told else None)


def _cpu_ms(call: Callable[[], Any]) -> tuple[float, Any]:
    began_s = time.process_time()
    found = call()
    return 1000.0 * (time.process_time() - began_s), found


def _first_failed(planned: _Planned) -> list[str]:
    """What the first solver said in the passes in which it was not enough."""
    diagnostics = planned.result.diagnostics
    tried = () if diagnostics is None else diagnostics.tried
    first = planned.request.search.solvers[0]
    return [said for said in tried if said.startswith(f"{first}:") and said != f"{first}: solved"]


def _failed(planned: _Planned) -> list[str]:
    return [] if isinstance(planned.result, Solved) else [planned.result.reason]


def _unrefined(planned: _Planned) -> str:
    """Why a plan that was to be refined is not."""
    result = planned.result
    if not isinstance(result, Solved) or result.plan.refined_steps:
        return ""
    status = result.diagnostics.refine_status
    return status if result.diagnostics.refined_gap_frac is None else f"{status}, broke a rule"


def _broke(planned: _Planned) -> list[str]:
    """Hard constraints broken by a plan that was accepted."""
    result = planned.result
    return list(broken(planned.request, result.plan)) if isinstance(result, Solved) else []


def _parts(request: PlanRequest) -> str:
    water = request.hot_water
    found = {
        "buffer": request.buffer is not None,
        "reserve": request.reserve is not None,
        "disinfection": water is not None and water.sanitise_c is not None,
        "one speed": request.limits.modulation_min_frac == 1.0,
    }
    return ", ".join(name for name, there in found.items() if there)


def raw_clarabel(problem: Matrices) -> str:
    """Clarabel as its documentation shows it, on one thread."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    columns = len(problem.c)
    cones = [
        clarabel.ZeroConeT(problem.equalities),
        clarabel.NonnegativeConeT(len(problem.b) - problem.equalities),
    ]
    nothing, a = sparse.csc_matrix((columns, columns)), sparse.csc_matrix(problem.a)
    run = clarabel.DefaultSolver(nothing, problem.c, a, problem.b, cones, settings)
    return str(run.solve().status)


def raw_highs(
    problem: Matrices,
    whole: Any = (),
    *,
    gap_cost: float | None = None,
    time_limit_s: float | None = None,
) -> str:
    """HiGHS as it comes, on one thread; with whole numbers its own search to the same gap."""
    a = sparse.csc_matrix(problem.a)
    low = np.full(len(problem.b), -highspy.kHighsInf)
    low[: problem.equalities] = problem.b[: problem.equalities]
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = a.shape
    model.col_cost_ = problem.c
    model.col_lower_ = np.full(a.shape[1], -highspy.kHighsInf)
    model.col_upper_ = np.full(a.shape[1], highspy.kHighsInf)
    model.row_lower_, model.row_upper_ = low, problem.b
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = a.indptr, a.indices
    model.a_matrix_.value_ = a.data
    if len(whole):
        kinds = np.full(a.shape[1], highspy.HighsVarType.kContinuous)
        kinds[whole] = highspy.HighsVarType.kInteger
        model.integrality_ = kinds.tolist()
    run = highspy.Highs()
    run.setOptionValue("output_flag", False)
    run.setOptionValue("threads", 1)
    if gap_cost is not None:
        run.setOptionValue("mip_rel_gap", 0.0)
        run.setOptionValue("mip_abs_gap", gap_cost)
    if time_limit_s is not None:
        run.setOptionValue("time_limit", time_limit_s)
    run.passModel(model)
    run.run()
    return str(run.modelStatusToString(run.getModelStatus()))
