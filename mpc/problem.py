"""The optimisation behind a plan, as a list of named terms; docs/mathematics.md follows its order.

Heat in kW and temperatures in °C over blocks of h hours; costs in units of the mean price.
Everything that changes from one plan to the next is a parameter, so that a problem is compiled
once per `Shape`. With `whole` > 0 the first blocks are decided on or off; without, the problem is
their relaxation, and its optimum a bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from mpc.arrays import FloatArray
from mpc.solvers import Matrices
from mpc.symbols import Shape, Symbols
from mpc.terms_bill import energy, peak_charges, site, smooth
from mpc.terms_house import (
    buffer,
    comfort,
    frost,
    house,
    mean_room,
    stored_heat,
    tank,
    tank_comfort,
)
from mpc.terms_machine import back_up_heater, curve, dwell, limits, machine, run_and_off, starts

Numbers: TypeAlias = Mapping[str, FloatArray]
"""Value of every parameter of a problem, by name."""

TERMS = (
    house,
    buffer,
    tank,
    machine,
    curve,
    back_up_heater,
    limits,
    starts,
    run_and_off,
    dwell,
    site,
    energy,
    peak_charges,
    comfort,
    mean_room,
    frost,
    tank_comfort,
    stored_heat,
    smooth,
)


@dataclass(frozen=True, slots=True)
class CompiledProblem:
    """A problem ready for numbers; `columns` says where each unknown stands in the solver's x."""

    problem: Any
    symbols: Symbols
    columns: Mapping[str, slice]
    whole: NDArray[np.intp]  # columns that are whole numbers once refined

    def matrices(self, numbers: Numbers) -> Matrices:
        """The problem in the solver's form; a number that is missing is a KeyError."""
        for name, parameter in self.symbols.numbers.items():
            parameter.value = np.asarray(numbers[name], dtype=np.float64)
        data = self.problem.get_problem_data(cp.CLARABEL, enforce_dpp=True)[0]
        return Matrices(c=data["c"], a=data["A"], b=data["b"], equalities=int(data["dims"].zero))

    def values(self, name: str, x: FloatArray) -> FloatArray:
        """An unknown's value in a solution."""
        return x[self.columns[name]].reshape(self.symbols.unknowns[name].shape, order="F")


@lru_cache(maxsize=8)
def compiled(shape: Shape) -> CompiledProblem:
    """The problem of this shape, built once in a process."""
    symbols = Symbols(shape)
    terms = [term(symbols) for term in TERMS]
    cost = sum(term.cost for term in terms)
    laws = [law for term in terms for law in term.constraints]
    problem = cp.Problem(cp.Minimize(cost), [*laws, *symbols.bounds])
    for parameter in symbols.numbers.values():
        parameter.value = np.ones(parameter.shape)
    columns_of = problem.get_problem_data(cp.CLARABEL, enforce_dpp=True)[0]["param_prob"]
    start_of = columns_of.var_id_to_col
    columns = {
        name: slice(start_of[unknown.id], start_of[unknown.id] + unknown.size)
        for name, unknown in symbols.unknowns.items()
    }
    whole = [
        np.arange(columns[name].start, columns[name].start + count)
        for name, count in symbols.whole.items()
    ]
    return CompiledProblem(problem, symbols, columns, np.concatenate([*whole, []]).astype(np.intp))
