"""What a planner's process does with a request, and all that it has to import. Pure."""

import math
from dataclasses import replace

from mpc.plan import Diagnostics, NotSolved, Plan, PlanRequest, PlanResult, Solved


def solve_request(request: PlanRequest, held: Plan | None = None) -> PlanResult:
    """The request's plan; where that gains too little over `held`, one with its near decisions.

    What came of the comparison stands last in `diagnostics.tried`. The solver is imported by
    whoever solves: the service itself stays small without it.
    """
    from mpc.solver import solve
    from mpc.stability import Changed, Kept, steady

    result = solve(request)
    if held is None or not isinstance(result, Solved):
        return result
    match steady(request, result.plan, held):
        case Kept(plan, gain):
            said = f"kept: a change would save {gain:.4f}"
        case Changed(_, reason):
            plan, said = result.plan, f"changed: {reason}"
    return Solved(
        plan, replace(result.diagnostics, tried=(*result.diagnostics.tried, said))
    )  # fmt: skip


def rule_request(rule: str, request: PlanRequest, _held: Plan | None = None) -> PlanResult:
    """The plan of a rule of `mpc.rules.RULES`; a rule plans anew every time."""
    from mpc.rules import RULES

    try:
        plan = RULES[rule](request)
    except ValueError as error:
        return NotSolved(str(error), None)
    return Solved(
        plan,
        Diagnostics(
            solver=rule,
            status="rule",
            iterations=0,
            solve_ms=0.0,
            objective=math.nan,
            replay_error_k=0.0,
        ),
    )
