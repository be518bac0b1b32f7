"""PlanRequest in, Solved or NotSolved out: the one place that knows the solver."""

import warnings
from dataclasses import dataclass, fields

import cvxpy as cp
import numpy as np

from mpc.arrays import FloatArray
from mpc.building import capacities_kwh_per_k, steady_state
from mpc.plan import Diagnostics, NotSolved, PlanRequest, PlanResult, Solved
from mpc.power_curve import Emission, PowerCurve, heat_max_w, power_curve, power_w
from mpc.problem import PlanNumbers, compiled, set_numbers
from mpc.replay import House, emission_at, house_of, plan_from_heat, steady_at_target
from mpc.request_check import flaw

SOLVER = "Clarabel"
MAX_ITERATIONS = 100  # a usual plan takes 15 to 25
MAX_PASSES = 3  # of solving and drawing the power curve again at the temperatures found
PASS_POWER_FRAC = (
    0.02  # of the energy that the temperatures found may change without a further pass
)
PASS_HEAT_FRAC = 0.005  # heat beyond the bound at the temperatures found, of the largest bound
REPLAY_K = 0.05  # largest room difference between the solver's rooms and the replayed ones
END_HOURS = 24.0  # the last day of the horizon sets what heat left in the house is worth
PRICE_SCALE_MIN = 1e-3  # per kWh; keeps the problem finite when electricity is free
CLARABEL_SETTINGS = {
    "max_iter": MAX_ITERATIONS,
    "max_threads": 1,
    "direct_solve_method": "qdldl",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one call of the solver said."""

    status: str
    heat_w: FloatArray | None
    room_c: FloatArray | None
    objective: float
    iterations: int
    solve_ms: float


def solve(request: PlanRequest) -> PlanResult:
    """The cheapest comfortable plan, replayed and checked. Never raises for numerical reasons.

    Each pass solves a convex quadratic problem whose power curve holds at assumed room and floor
    temperatures; then these are replaced by the ones found, until that changes little or
    MAX_PASSES is reached. The plan's powers and costs always come from the map.
    """
    wrong = flaw(request)
    if wrong is not None:
        return NotSolved(f"unusable request: {wrong}", None)
    house = house_of(request)
    where = emission_at(request, steady_at_target(request, house).state_c)
    bound_w = heat_max_w(where)
    answers: list[_Answer] = []
    while True:
        curve = power_curve(where, bound_w)
        answer = _ask(plan_numbers(request, house, curve))
        answers.append(answer)
        if answer.heat_w is None or answer.room_c is None:
            diagnostics = _diagnostics(answers, curve, replay_error_k=np.inf, converged=False)
            return NotSolved(f"the solver ended with {answer.status}", diagnostics)
        heat = np.clip(answer.heat_w, 0.0, bound_w)
        ends = house.states_c(heat)
        assumed, where = where, emission_at(request, house.during_c(ends))
        bound_w = heat_max_w(where)
        converged = _agrees(assumed, where, heat, bound_w)
        if converged or len(answers) == MAX_PASSES:
            break
    error_k = float(np.max(np.abs(ends[0] - answer.room_c)))
    diagnostics = _diagnostics(answers, curve, replay_error_k=error_k, converged=converged)
    if not error_k <= REPLAY_K:
        return NotSolved(f"the replayed rooms differ by {error_k:.3f} K", diagnostics)
    plan = plan_from_heat(request, house, np.minimum(heat, bound_w), source="mpc")
    return Solved(plan, diagnostics)


def _agrees(assumed: Emission, found: Emission, heat_w: FloatArray, bound_w: FloatArray) -> bool:
    """Do power and bounds at the states this heat leads to agree with those it was planned with?"""
    planned_w = power_w(assumed, heat_w) - assumed.standby_w
    found_w = power_w(found, heat_w) - found.standby_w
    missed_w = float(np.sum(np.abs(planned_w - found_w)))
    excess_w = float(np.max(heat_w - bound_w))
    return missed_w <= PASS_POWER_FRAC * float(np.sum(found_w)) and (
        excess_w <= PASS_HEAT_FRAC * float(np.max(bound_w))
    )


def plan_numbers(request: PlanRequest, house: House, curve: PowerCurve) -> PlanNumbers:
    """The request in the units of the problem: kW, hours, and costs over the mean price.

    At a negative price the convex P would be rewarded for waste; there the price is put on the
    secant of the curve, the convex envelope of price * P.
    """
    horizon, comfort = request.horizon, request.comfort
    hours = horizon.step_s / 3600.0
    paid_h = np.full(len(horizon.price_per_kwh), hours)
    paid_h[0] *= house.first_frac
    price = np.array(horizon.price_per_kwh)
    scale = max(float(np.mean(np.abs(price))), PRICE_SCALE_MIN)
    slope = np.where(price >= 0.0, curve.a, curve.secant)
    bend_per_kw = np.where(price >= 0.0, curve.b_per_w * 1000.0, 0.0)
    stored_kwh, worth_per_kwh = _end_of_horizon(request, house, curve)
    return PlanNumbers(
        a=house.step.a,
        b_heat_k_per_kw=house.step.b_heat * 1000.0,
        b_first_k_per_kw=house.first.b_heat * 1000.0,
        drive_k=house.drive_k,
        linear_cost_per_kw=paid_h * price * slope / scale,
        root_cost_per_kw=np.sqrt(paid_h * np.maximum(price, 0.0) * bend_per_kw / scale),
        heat_max_kw=curve.heat_max_w / 1000.0,
        low_c=np.array(comfort.low_c),
        high_c=np.array(comfort.high_c),
        below_cost_per_k=comfort.below_price_per_kh * hours / scale,
        above_cost_per_k=comfort.above_price_per_kh * hours / scale,
        target_sum_k=float(np.sum(comfort.target_c)) - comfort.balance_kh / hours,
        mean_cost_per_k=comfort.mean_price_per_kh * hours / scale,
        stored_kwh_per_k=capacities_kwh_per_k(request.building),
        stored_target_kwh=stored_kwh,
        stored_cost_per_kwh=worth_per_kwh / scale,
    )


def _end_of_horizon(request: PlanRequest, house: House, curve: PowerCurve) -> tuple[float, float]:
    """Heat that should be left in the house (kWh above 0 °C) and the price of a missing kWh.

    Left: the house at rest at the last target in the mean weather of the last day. Price: what one
    more kWh of heat cost on that day at the heat this takes.
    """
    horizon = request.horizon
    last = slice(-max(1, round(END_HOURS * 3600.0 / horizon.step_s)), None)
    rest = steady_state(
        request.building,
        room_c=request.comfort.target_c[-1],
        outdoor_c=float(np.mean(horizon.outdoor_c[last])),
        ghi_w_per_m2=float(np.mean(horizon.ghi_w_per_m2[last])),
        gain_w=float(np.mean(house.gain_w[last])),
    )
    heat_w = np.clip(rest.heat_w[0], 0.0, curve.heat_max_w[last])
    marginal = curve.a[last] + 2.0 * curve.b_per_w[last] * heat_w
    price = np.maximum(np.array(horizon.price_per_kwh[last]), 0.0)
    stored_kwh = float(capacities_kwh_per_k(request.building) @ rest.state_c[:, 0])
    return stored_kwh, float(np.mean(price * marginal))


def _ask(numbers: PlanNumbers) -> _Answer:
    """One solve. Only an optimum counts; an inaccurate one must still survive the replay."""
    values = [np.asarray(getattr(numbers, field.name)) for field in fields(numbers)]
    if not all(np.isfinite(value).all() for value in values):
        return _Answer("numbers out of range", None, None, np.nan, 0, 0.0)
    states, steps = numbers.drive_k.shape
    ready = compiled(states, steps)
    set_numbers(ready, numbers)
    problem, symbols = ready.problem, ready.symbols
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cvxpy warns of what the status says already
            problem.solve(
                solver=cp.CLARABEL, warm_start=False, enforce_dpp=True, **CLARABEL_SETTINGS
            )
    except cp.error.SolverError as error:
        return _Answer(f"solver error: {error}", None, None, np.nan, 0, 0.0)
    status = str(problem.status)
    stats = problem.solver_stats
    heat, room = None, None
    if status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        heat = np.asarray(symbols.heat_kw.value, dtype=np.float64) * 1000.0
        room = np.asarray(symbols.state_c.value[0], dtype=np.float64)
    return _Answer(
        status=status,
        heat_w=heat,
        room_c=room,
        objective=float(problem.value) if problem.value is not None else np.nan,
        iterations=int(stats.num_iters or 0),
        solve_ms=float(stats.solve_time or 0.0) * 1000.0,
    )


def _diagnostics(
    answers: list[_Answer], curve: PowerCurve, *, replay_error_k: float, converged: bool
) -> Diagnostics:
    return Diagnostics(
        solver=SOLVER,
        status=answers[-1].status,
        iterations=sum(answer.iterations for answer in answers),
        solve_ms=sum(answer.solve_ms for answer in answers),
        objective=answers[-1].objective,
        replay_error_k=replay_error_k,
        passes=len(answers),
        converged=converged,
        power_fit_error_frac=curve.fit_error_frac,
    )
