"""The optimisation behind a plan, as a list of named terms.

Heat q in kW and states x in °C over N steps of dt hours; energy costs sum(w (a q + b q²)) with w
the price of a step. Everything that changes from one plan to the next is a parameter, so the
problem is compiled once per number of states and steps.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cvxpy as cp

from mpc.arrays import FloatArray

SMOOTHING_KWH_PER_KW2 = 0.005  # a change of 1 kW between steps weighs like 5 Wh at the mean price


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNumbers:
    """Values of every parameter of the problem. Costs are in units of the mean price."""

    a: FloatArray  # states x states: one step of the house
    b_heat_k_per_kw: FloatArray  # states
    b_first_k_per_kw: FloatArray  # states; the first step may be a short one
    drive_k: FloatArray  # states x steps; the initial state enters through the first column
    linear_cost_per_kw: FloatArray  # steps
    root_cost_per_kw: FloatArray  # steps; squared it multiplies q²
    heat_max_kw: FloatArray  # steps
    low_c: FloatArray
    high_c: FloatArray
    below_cost_per_k: float  # per step
    above_cost_per_k: float
    target_sum_k: float  # the rooms of all steps shall add up to this
    mean_cost_per_k: float
    stored_kwh_per_k: FloatArray  # states
    stored_target_kwh: float  # what should be left in the house at the end
    stored_cost_per_kwh: float


@dataclass(frozen=True, slots=True)
class Symbols:
    """Variables and parameters the terms are written in."""

    heat_kw: Any
    state_c: Any  # states x steps, at the end of each step
    below_k: Any
    above_k: Any
    debt_k: Any
    drained_kwh: Any
    of: dict[str, Any]  # parameters by the names of PlanNumbers


@dataclass(frozen=True, slots=True)
class Term:
    """One wish or law: what it costs and what it demands."""

    cost: Any
    constraints: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CompiledProblem:
    """A problem ready for numbers."""

    problem: Any
    symbols: Symbols


def house(s: Symbols) -> Term:
    """Dynamics: x_k = a x_(k-1) + b q_k + drive_k; the start is part of the first drive."""
    n, steps = s.state_c.shape
    b = cp.reshape(s.of["b_heat_k_per_kw"], (n, 1), order="C")
    heat = cp.reshape(s.heat_kw[1:], (1, steps - 1), order="C")
    first = s.of["b_first_k_per_kw"] * s.heat_kw[0] + s.of["drive_k"][:, 0]
    later = s.of["a"] @ s.state_c[:, :-1] + b @ heat + s.of["drive_k"][:, 1:]
    return Term(0.0, (s.state_c[:, 0] == first, s.state_c[:, 1:] == later))


def energy(s: Symbols) -> Term:
    """What the electricity costs."""
    quadratic = cp.sum_squares(cp.multiply(s.of["root_cost_per_kw"], s.heat_kw))
    return Term(s.of["linear_cost_per_kw"] @ s.heat_kw + quadratic, ())


def machine(s: Symbols) -> Term:
    """Heat between none and the bound of the step (capacity, flow limit, power limit)."""
    return Term(0.0, (s.heat_kw >= 0.0, s.heat_kw <= s.of["heat_max_kw"]))


def comfort(s: Symbols) -> Term:
    """Kelvin-steps outside the band, at a price: a cold start is never infeasible."""
    room = s.state_c[0]
    cost = s.of["below_cost_per_k"] * cp.sum(s.below_k)
    cost += s.of["above_cost_per_k"] * cp.sum(s.above_k)
    return Term(cost, (room + s.below_k >= s.of["low_c"], room - s.above_k <= s.of["high_c"]))


def mean_room(s: Symbols) -> Term:
    """The mean room temperature, recent past included, is not below the mean target; softly."""
    enough = cp.sum(s.state_c[0]) + s.debt_k >= s.of["target_sum_k"]
    return Term(s.of["mean_cost_per_k"] * s.debt_k, (enough,))


def stored_heat(s: Symbols) -> Term:
    """Heat missing in the house at the end is paid for; heat above the reference earns nothing."""
    left = s.of["stored_kwh_per_k"] @ s.state_c[:, -1]
    enough = left + s.drained_kwh >= s.of["stored_target_kwh"]
    return Term(s.of["stored_cost_per_kwh"] * s.drained_kwh, (enough,))


def smooth(s: Symbols) -> Term:
    """A small price on changes of heat: of two plans that cost the same, the calmer one."""
    return Term(SMOOTHING_KWH_PER_KW2 * cp.sum_squares(cp.diff(s.heat_kw)), ())


TERMS = (house, machine, energy, comfort, mean_room, stored_heat, smooth)


@lru_cache(maxsize=8)
def compiled(states: int, steps: int) -> CompiledProblem:
    """The problem of this size, built once in a process."""
    scalar, per_step, per_state = (), (steps,), (states,)
    symbols = Symbols(
        heat_kw=cp.Variable(steps),
        state_c=cp.Variable((states, steps)),
        below_k=cp.Variable(steps, nonneg=True),
        above_k=cp.Variable(steps, nonneg=True),
        debt_k=cp.Variable(nonneg=True),
        drained_kwh=cp.Variable(nonneg=True),
        of={
            "a": cp.Parameter((states, states)),
            "b_heat_k_per_kw": cp.Parameter(per_state),
            "b_first_k_per_kw": cp.Parameter(per_state),
            "drive_k": cp.Parameter((states, steps)),
            "linear_cost_per_kw": cp.Parameter(per_step),
            "root_cost_per_kw": cp.Parameter(per_step, nonneg=True),
            "heat_max_kw": cp.Parameter(per_step),
            "low_c": cp.Parameter(per_step),
            "high_c": cp.Parameter(per_step),
            "below_cost_per_k": cp.Parameter(scalar, nonneg=True),
            "above_cost_per_k": cp.Parameter(scalar, nonneg=True),
            "target_sum_k": cp.Parameter(scalar),
            "mean_cost_per_k": cp.Parameter(scalar, nonneg=True),
            "stored_kwh_per_k": cp.Parameter(per_state),
            "stored_target_kwh": cp.Parameter(scalar),
            "stored_cost_per_kwh": cp.Parameter(scalar, nonneg=True),
        },
    )
    terms = [term(symbols) for term in TERMS]
    cost = sum(term.cost for term in terms)
    constraints = [c for term in terms for c in term.constraints]
    return CompiledProblem(cp.Problem(cp.Minimize(cost), constraints), symbols)


def set_numbers(problem: CompiledProblem, numbers: PlanNumbers) -> None:
    """Give every parameter its value."""
    for name, parameter in problem.symbols.of.items():
        parameter.value = getattr(numbers, name)
