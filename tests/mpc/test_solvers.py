"""Solvers agree, and an answer counts only when its own dual proves it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mpc import solvers
from mpc.building import EmitterKind
from mpc.numbers import numbers_of, shape_of, stage_of
from mpc.plan import NotSolved, PlanRequest, Solved
from mpc.problem import compiled
from mpc.solver import first_conditions, solve
from mpc.solvers import LINEAR, SOLVED, Answer, Matrices, proven, refined, relaxed

Make = Callable[..., PlanRequest]


def matrices_of(request: PlanRequest) -> Matrices:
    stage = stage_of(request)
    met = first_conditions(stage)
    return compiled(shape_of(stage)).matrices(numbers_of(stage, met.curve, met.tank))


def small() -> Matrices:
    """min x + 2 y with x + y = 4, x <= 3, x >= 0, y >= 0: x = 3, y = 1, cost 5."""
    rows = np.array([[1.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])
    return Matrices(
        c=np.array([1.0, 2.0]),
        a=sparse.csc_matrix(rows),
        b=np.array([4.0, 3.0, 0.0, 0.0]),
        equalities=1,
    )


@pytest.mark.parametrize("name", LINEAR)
def test_every_solver_proves_the_optimum_of_a_small_problem(name: str) -> None:
    answer = proven(small(), LINEAR[name](small()))
    assert answer.status == SOLVED
    assert answer.x == pytest.approx([3.0, 1.0], abs=1e-4)
    assert answer.cost == pytest.approx(5.0, abs=1e-3)
    assert answer.bound == pytest.approx(5.0, abs=1e-3)


@pytest.mark.parametrize(
    "house",
    [
        {},
        {"kind": EmitterKind.FLOOR, "outdoor_c": -8.0, "room_c": 19.0},
        {"outdoor_c": 8.0, "prices": (0.2, -0.1, 0.4, 0.0) * 24},
    ],
)
def test_clarabel_piqp_and_highs_agree_in_cost(everything: Make, house: dict[str, object]) -> None:
    problem = matrices_of(everything(**house))
    answers = [proven(problem, LINEAR[name](problem)) for name in ("clarabel", "piqp", "highs")]
    assert [answer.status for answer in answers] == [SOLVED] * 3
    costs = [answer.cost for answer in answers]
    assert costs == pytest.approx([costs[0]] * 3, rel=1e-4, abs=1e-4)


def lie(problem: Matrices, kind: str) -> Answer:
    """What a solver that is wrong in one way or another says."""
    good = solvers.clarabel(problem)
    assert good.x is not None
    assert good.dual is not None
    x, dual = good.x.copy(), good.dual.copy()
    if kind == "breaks a row":
        x = 0.9 * x
    if kind == "no number":
        x[0] = np.nan
    if kind == "no price":
        dual[-1] = np.inf
    if kind == "no proof":
        dual = 0.0 * dual
    if kind == "wrong sign":
        dual = -dual
    return Answer("liar", SOLVED, x, dual)


LIES = {
    "breaks a row": "row",
    "no number": "not finite",
    "no price": "not finite",
    "no proof": "reduced cost",
    "wrong sign": "reduced cost",
}


@pytest.mark.parametrize("kind", LIES)
def test_a_wrong_answer_does_not_pass_for_solved(kind: str) -> None:
    checked = proven(small(), lie(small(), kind))
    assert LIES[kind] in checked.status
    assert checked.x is None


def test_a_feasible_point_that_costs_more_does_not_pass_for_solved() -> None:
    good = solvers.clarabel(small())
    assert "gap" in proven(small(), replace(good, x=np.array([2.0, 2.0]))).status
    assert proven(small(), replace(good, x=np.array([3.0, 1.0]))).status == SOLVED


@settings(max_examples=100, deadline=None)
@given(
    right=st.floats(-0.5, 0.5),
    up=st.floats(-0.5, 0.5),
)
def test_only_points_near_the_optimum_are_proven(right: float, up: float) -> None:
    good = solvers.clarabel(small())
    assert good.x is not None
    moved = good.x + np.array([right, up])
    checked = proven(small(), replace(good, x=moved))
    if checked.status == SOLVED:
        assert abs(float(small().c @ moved) - 5.0) < 0.01
        assert abs(float(moved.sum()) - 4.0) < 0.001
    if max(abs(right), abs(up)) < 1e-6:
        assert checked.status == SOLVED


@pytest.mark.parametrize(
    "kind", ["breaks a row", "no number", "no proof", "optimum of other prices"]
)
def test_a_solver_that_lies_is_passed_over(
    everything: Make,
    relaxed_request: Make,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def liar(problem: Matrices) -> Answer:
        if kind != "optimum of other prices":
            return lie(problem, kind)
        other = replace(problem, c=problem.c * np.linspace(1.0, 3.0, len(problem.c)))
        return replace(solvers.clarabel(other), solver="liar", dual=solvers.clarabel(problem).dual)

    monkeypatch.setitem(LINEAR, "liar", liar)
    request = relaxed_request(everything(), solvers=("liar", "piqp"))
    result = solve(request)
    assert isinstance(result, Solved)
    assert result.diagnostics.solver == "piqp"
    assert result.diagnostics.tried[0].startswith("liar: ")
    assert SOLVED not in result.diagnostics.tried[0].split(": ")[1]
    honest = solve(relaxed_request(everything()))
    assert isinstance(honest, Solved)
    assert result.diagnostics.objective == pytest.approx(honest.diagnostics.objective, rel=1e-3)


def test_when_all_solvers_fail_there_are_words_and_no_plan(
    make_request: Make, relaxed_request: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LINEAR, "liar", lambda p: lie(p, "no number"))
    monkeypatch.setitem(LINEAR, "lazy", lambda _: Answer("lazy", "MaxIterations"))
    result = solve(relaxed_request(make_request(), solvers=("liar", "lazy")))
    assert isinstance(result, NotSolved)
    assert "MaxIterations" in result.reason
    assert result.diagnostics is not None
    assert result.diagnostics.tried == ("liar: not finite", "lazy: MaxIterations")


@pytest.mark.parametrize(("hours", "outdoor_c"), [(3, 0.0), (24, 12.0), (12, 0.0)])
def test_osqp_counts_only_when_it_proves_itself(
    make_request: Make,
    relaxed_request: Make,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
    outdoor_c: float,
) -> None:
    """Good enough for the first plan; "solved" with a broken row and no answer in the others."""
    monkeypatch.setattr(solvers, "OSQP_ITERATIONS", 12_000)
    request = make_request(hours=hours, outdoor_c=outdoor_c)
    problem = matrices_of(request)
    said, sure = LINEAR["osqp"](problem), LINEAR["clarabel"](problem)
    checked = proven(problem, said)
    answer, tried = relaxed(problem, ("osqp", "clarabel"))
    assert answer.status == SOLVED
    assert answer.cost == pytest.approx(proven(problem, sure).cost, rel=2e-4)
    assert answer.solver == ("osqp" if checked.status == SOLVED else "clarabel")
    assert tried[0] == f"osqp: {checked.status}"
    result = solve(relaxed_request(request, solvers=("osqp", "clarabel")))
    assert isinstance(result, Solved)


def test_numbers_that_are_none_ask_no_solver() -> None:
    broken = replace(small(), b=np.array([np.nan, 3.0, 0.0, 0.0]))
    answer, said = relaxed(broken, ("clarabel",))
    assert (answer.status, said) == ("numbers out of range", ("numbers out of range",))


def test_no_solver_no_answer() -> None:
    answer, said = relaxed(small(), ())
    assert answer.x is None
    assert said == ()


def test_whole_numbers_cost_no_less_than_shares() -> None:
    """x in whole numbers, x <= 2.5: x = 2, y = 2, cost 6 where shares make 5.5."""
    problem = replace(small(), b=np.array([4.0, 2.5, 0.0, 0.0]))
    first = np.array([0], dtype=np.intp)
    answer = refined(problem, first, gap_cost=1e-6, time_limit_s=1.0, node_limit=10)
    assert answer.x == pytest.approx([2.0, 2.0])
    assert answer.cost == pytest.approx(6.0)
    shares = relaxed(problem, ("clarabel",))[0]
    assert shares.cost == pytest.approx(5.5, abs=1e-3)
    assert shares.cost <= answer.bound + 1e-3 <= answer.cost + 2e-3


def test_a_problem_without_whole_solution_is_told_in_words() -> None:
    """0.2 <= x <= 0.8 holds no whole number."""
    rows = sparse.csc_matrix(np.array([[1.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]]))
    problem = Matrices(small().c, rows, np.array([4.0, 0.8, -0.2, 0.0]), 1)
    first = np.array([0], dtype=np.intp)
    answer = refined(problem, first, gap_cost=0.0, time_limit_s=1.0, node_limit=10)
    assert answer.x is None
    assert "nothing found" in answer.status
