"""PlanRequest in, Solved or NotSolved out."""

from dataclasses import dataclass, replace

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import floor_of
from mpc.checks import broken
from mpc.marginal import margin_cost, marginal_per_kwh
from mpc.numbers import Stage, numbers_of, shape_of, stage_of
from mpc.plan import (
    Diagnostics,
    NotSolved,
    Plan,
    PlanRequest,
    PlanResult,
    Solved,
    Trajectory,
)
from mpc.power_curve import (
    Emission,
    PowerCurve,
    TankCurve,
    emission,
    heat_max_w,
    power_curve,
    power_w,
    tank_curve,
)
from mpc.problem import CompiledProblem, Numbers, compiled
from mpc.replay import Decisions, emission_at, plan_from, steady_at_target
from mpc.request_check import flaw
from mpc.solvers import LINEAR, SOLVED, Answer, refined, relaxed

MAX_PASSES = 3  # of solving and drawing the power curves again at the temperatures found
PASS_POWER_FRAC = 0.02  # of the energy that the temperatures found may change without another pass
PASS_HEAT_FRAC = 0.005  # heat beyond the bound at the temperatures found, of the largest bound
REPLAY_K = 0.05  # largest room difference between the solver's rooms and the replayed ones
OWN_COST_MIN = 0.1  # kWh at the mean price: a plan that uses nothing still has a gap to speak of
NODE_LIMIT = 2_000  # of the refinement's search tree: the same answer on a slow machine


@dataclass(frozen=True, slots=True)
class Conditions:
    """The temperatures that heat will meet, and the power curves there; per block."""

    where: Emission
    curve: PowerCurve
    tank: TankCurve | None


def solve(request: PlanRequest) -> PlanResult:
    """The cheapest comfortable plan, replayed and checked. Never raises for numerical reasons.

    Each pass solves the relaxed problem, whose power curves hold at assumed temperatures of rooms,
    emitters and tank; then these are replaced by the ones found, until that changes little. The
    refinement decides the first hours whole, with the last curves. The plan's powers and costs
    always come from the map. Where no plan has room for the tank's charges as `mpc.charges` chose
    them, they are left to the solver; where air warms so fast that an hour's mean says too little
    of its quarters, all steps are planned as they are.
    """
    wrong = flaw(request) or _unknown_solver(request.search.solvers)
    if wrong is not None:
        return NotSolved(f"unusable request: {wrong}", None)
    result, water = _solved(request), request.hot_water
    if isinstance(result, NotSolved) and water is not None and water.charge_w is not None:
        request = replace(request, hot_water=replace(water, charge_w=None, warm_up_kwh=0.0))
        result = _solved(request)
    length_s = float(request.horizon.step_s * len(request.horizon.outdoor_c))
    if isinstance(result, NotSolved) and request.search.fine_s < length_s:
        result = _solved(replace(request, search=replace(request.search, fine_s=length_s)))
    return result


def _solved(request: PlanRequest) -> PlanResult:
    """The plan of a request that can be read."""
    stage = stage_of(request)
    ready = compiled(shape_of(stage))
    met = first_conditions(stage)
    said: list[str] = []
    answers: list[Answer] = []
    while True:
        numbers = numbers_of(stage, met.curve, met.tank)
        problem = ready.matrices(numbers)
        answer, tried = relaxed(problem, request.search.solvers)
        said += tried
        answers.append(answer)
        if answer.x is None or answer.status != SOLVED:
            return NotSolved(
                f"the solver ended with {answer.status}", _diagnostics(answers, tried=tuple(said))
            )
        if len(answers) == MAX_PASSES:
            break
        found = conditions_found(stage, ready, answer.x)
        if _agrees(met, found, ready, answer.x):
            break
        met = found
    whole, search = None, request.search
    own_cost = float(numbers["import_cost"] @ total_kw(ready, numbers, answer.x))
    own_cost = max(own_cost, OWN_COST_MIN)
    if search.refine:
        whole = refined(
            problem,
            ready.whole,
            gap_cost=search.gap_frac * own_cost,
            time_limit_s=search.time_limit_s,
            node_limit=NODE_LIMIT,
        )
    return _accepted(
        stage,
        ready,
        met,
        _Found(
            relaxed=tuple(answers),
            whole=whole,
            said=tuple(said),
            own_cost=own_cost,
            numbers=numbers,
            marginal_per_kwh=marginal_per_kwh(stage, ready, problem, answer),
            margin_cost=margin_cost(stage, ready, problem, answer),
        ),
    )


def _unknown_solver(names: tuple[str, ...]) -> str | None:
    known = ", ".join(LINEAR)
    unknown = next((name for name in names if name not in LINEAR), None)
    return None if unknown is None else f"no solver is called {unknown!r} (there are {known})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """All that the solvers said of one request."""

    relaxed: tuple[Answer, ...]
    whole: Answer | None
    said: tuple[str, ...]
    own_cost: float
    numbers: Numbers
    marginal_per_kwh: Trajectory
    margin_cost: float | None


def total_kw(ready: CompiledProblem, numbers: Numbers, x: FloatArray) -> FloatArray:
    """Electricity of heat pump and back-up heater in a solution, by its power curves."""
    shape = ready.symbols.shape
    power_kw = ready.values("power_kw", x)
    if shape.hot_water:
        power_kw = power_kw + numbers["dhw_power_slope"] * ready.values("dhw_kw", x)
        power_kw = power_kw + numbers["dhw_power_kw"] * ready.values("dhw_run", x)
    for name, present in (
        ("heater_kw", shape.heater_space),
        ("dhw_heater_kw", shape.heater_hot_water),
    ):
        if present:
            power_kw = power_kw + numbers["heater_kw_per_kw"] * ready.values(name, x)
    return power_kw


def _accepted(stage: Stage, ready: CompiledProblem, met: Conditions, found: _Found) -> PlanResult:
    """The refined answer if there is one and it survives the replay, else the relaxed one."""
    last = found.relaxed[-1]
    reason = "nothing to replay"
    for answer in (found.whole, last):
        if answer is None or answer.x is None:
            continue
        whole_steps = ready.symbols.shape.whole if answer is found.whole else 0
        plan = replayed(stage, decisions(stage, ready, answer.x))
        plan = replace(
            plan,
            refined_steps=whole_steps,
            marginal_per_kwh=found.marginal_per_kwh,
            margin_cost=found.margin_cost,
        )
        rooms_c = ready.values("state_c", answer.x)[list(ready.symbols.shape.rooms)]
        error_k = max(
            float(np.max(np.abs(stage.blocks.at_end(np.array(again)) - once)))
            for again, once in zip(plan.rooms_c, rooms_c, strict=True)
        )
        diagnostics = _diagnostics(
            list(found.relaxed),
            whole=found.whole,
            tried=found.said,
            own_cost=found.own_cost,
            replay_error_k=error_k,
            fit_error_frac=met.curve.fit_error_frac,
        )
        curve_kwh = float(stage.hours @ total_kw(ready, found.numbers, answer.x))
        more_frac = _more(stage, plan, curve_kwh)
        diagnostics = replace(diagnostics, linearisation_error_frac=more_frac)
        faults = broken(stage.request, plan)
        if error_k <= REPLAY_K and not faults:
            return Solved(plan, diagnostics)
        reason = "; ".join(faults) or f"the replayed rooms differ by {error_k:.3f} K"
    return NotSolved(reason, diagnostics)


def replayed(stage: Stage, wanted: Decisions) -> Plan:
    """The plan of these decisions, its heat cut to what the temperatures it meets allow."""
    request, house = stage.request, stage.house
    plan = plan_from(request, house, wanted, source="mpc")
    heat_w, into_w = np.array(plan.heat_w), wanted.emitted_w
    heated_w = heat_w if wanted.heater_w is None else heat_w + wanted.heater_w
    states = house.states_c(heated_w if into_w is None else into_w)
    bound_w = heat_max_w(emission_at(request, house.during_c(states)))
    if (heat_w > bound_w).any():
        wanted = replace(wanted, heat_w=np.minimum(heat_w, bound_w))
        plan = plan_from(request, house, wanted, source="mpc")
    return _tank_within_power(stage, wanted, plan)


def _tank_within_power(stage: Stage, wanted: Decisions, plan: Plan) -> Plan:
    """The plan with less heat for the tank in steps that would draw more than they may.

    A tank gets hotter, and its heat dearer, from one step of a block to the next; where it is
    heated far, also more than the last pass could know. The heater gives way first, watt by watt
    (a stage may so be on for a part of the step), then the pump.
    """
    request, limit_w = stage.request, stage.request.limits.power_max_w
    if limit_w is None or wanted.dhw_heat_w is None:
        return plan
    over_w = np.array(plan.power_w) - request.heat_pump.standby_w - np.array(limit_w)
    over_w = np.where(wanted.dhw_heat_w > 0.0, np.maximum(over_w, 0.0), 0.0)
    if not over_w.any():
        return plan
    heater_w = wanted.dhw_heater_w
    if heater_w is not None and request.heater is not None:
        efficiency = request.heater.efficiency_frac
        cut_w = np.minimum(heater_w, over_w * efficiency)
        heater_w, over_w = heater_w - cut_w, over_w - cut_w / efficiency
    within = np.array(limit_w) / np.maximum(np.array(limit_w) + over_w, 1.0)
    wanted = replace(
        wanted, dhw_heat_w=wanted.dhw_heat_w * np.minimum(within, 1.0), dhw_heater_w=heater_w
    )
    return plan_from(request, stage.house, wanted, source="mpc")


def _more(stage: Stage, plan: Plan, curve_kwh: float) -> float:
    """The plan's energy by the map over that of the curves it was made with, minus 1."""
    request = stage.request
    standby_w = request.heat_pump.standby_w
    hours = np.full(len(plan.power_w), request.horizon.step_s / 3600.0)
    hours[0] *= stage.house.first_frac
    map_kwh = float(hours @ (np.array(plan.power_w) - standby_w)) / 1000.0
    return map_kwh / curve_kwh - 1.0 if curve_kwh > OWN_COST_MIN else 0.0


def decisions(stage: Stage, ready: CompiledProblem, x: FloatArray) -> Decisions:
    """What a solution decides, for every step."""
    shape = ready.symbols.shape

    def spread(name: str, present: bool = True, scale: float = 1000.0) -> FloatArray | None:
        if not present:
            return None
        return stage.blocks.spread(np.maximum(ready.values(name, x), 0.0) * scale)

    heat_w, run = spread("heat_kw"), spread("run", scale=1.0)
    if heat_w is None or run is None:
        raise KeyError("heat_kw")
    return Decisions(
        heat_w=heat_w,
        run_frac=np.minimum(run, 1.0),
        dhw_heat_w=spread("dhw_kw", shape.hot_water),
        dhw_run_frac=spread("dhw_run", shape.hot_water, 1.0),
        heater_w=spread("heater_kw", shape.heater_space),
        dhw_heater_w=spread("dhw_heater_kw", shape.heater_hot_water),
        emitted_w=spread("emitted_kw", shape.buffer),
    )


def first_conditions(stage: Stage) -> Conditions:
    """A house at its target, and a tank half way between its bounds."""
    request, blocks = stage.request, stage.blocks
    steady = steady_at_target(request, stage.house).state_c
    tank_c, water = None, request.hot_water
    if water is not None:
        tank_c = blocks.mean(0.5 * (np.array(water.low_c) + np.array(water.high_c)))
    return conditions_at(stage, np.stack([blocks.mean(row) for row in steady]), tank_c)


def conditions_found(stage: Stage, ready: CompiledProblem, x: FloatArray) -> Conditions:
    """The conditions at the temperatures of a solution."""
    ends = ready.values("state_c", x)
    states = stage.house.during_c(ends)
    tank_c = None
    if stage.request.hot_water is not None:
        layers = ready.values("tank_c", x)
        start = np.array(stage.request.hot_water.state_c)
        tank_c = (0.5 * (np.column_stack([start, layers[:, :-1]]) + layers)).mean(axis=0)
    return conditions_at(stage, states, tank_c)


def conditions_at(stage: Stage, states_c: FloatArray, tank_c: FloatArray | None) -> Conditions:
    """Power curves where house and tank have these temperatures (states x blocks, blocks)."""
    request, blocks, floor = stage.request, stage.blocks, floor_of(stage.request.building)
    limits = request.limits
    if limits.power_max_w is not None:
        lowest = blocks.lowest(limits.power_max_w) - request.compressor.circulation_w
        limits = replace(limits, power_max_w=tuple(lowest.tolist()))
    where = emission(
        heat_pump=request.heat_pump,
        emitter=request.emitter,
        limits=limits,
        source_c=stage.source_c,
        room_c=states_c[0],
        floor_c=None if floor is None else states_c[floor],
    )
    curve = power_curve(where, heat_max_w(where))
    water = request.hot_water
    if water is None or tank_c is None:
        return Conditions(where, curve, None)
    tank = tank_curve(
        request.heat_pump,
        limits,
        source_c=stage.source_c,
        flow_c=tank_c + water.tank.approach_k,
        possible=(tank_c <= water.pump_max_c).astype(np.float64),
        charge_w=water.charge_w,
    )
    return Conditions(where, curve, tank)


def _agrees(assumed: Conditions, found: Conditions, ready: CompiledProblem, x: FloatArray) -> bool:
    """Do power and bounds at the temperatures this heat leads to agree with the assumed ones?"""
    heat_w = 1000.0 * ready.values("heat_kw", x)
    planned_w = power_w(assumed.where, heat_w) - assumed.where.standby_w
    found_w = power_w(found.where, heat_w) - found.where.standby_w
    missed_w = float(np.sum(np.abs(planned_w - found_w)))
    used_w = float(np.sum(found_w))
    bound_w = found.curve.heat_max_w
    excess_w = float(np.max(heat_w - bound_w))
    if assumed.tank is not None and found.tank is not None:
        tank_w = 1000.0 * ready.values("dhw_kw", x)
        run = ready.values("dhw_run", x)
        power = found.tank.slope * tank_w + found.tank.offset_w * run
        more_w = power - assumed.tank.slope * tank_w - assumed.tank.offset_w * run
        missed_w += float(np.sum(np.abs(more_w)))
        used_w += float(np.sum(power))
        excess_w = max(excess_w, float(np.max(tank_w - found.tank.heat_max_w)))
    return missed_w <= PASS_POWER_FRAC * used_w and (
        excess_w <= PASS_HEAT_FRAC * float(np.max(bound_w))
    )


def _diagnostics(
    answers: list[Answer],
    *,
    tried: tuple[str, ...],
    whole: Answer | None = None,
    own_cost: float = np.nan,
    replay_error_k: float = np.inf,
    fit_error_frac: float = 0.0,
) -> Diagnostics:
    last = answers[-1]
    found = whole if whole is not None and whole.x is not None else None
    return Diagnostics(
        solver=last.solver,
        status=last.status,
        iterations=sum(answer.iterations for answer in answers),
        solve_ms=sum(answer.solve_ms for answer in answers),
        objective=last.cost,
        replay_error_k=replay_error_k,
        passes=len(answers),
        power_fit_error_frac=fit_error_frac,
        refine_ms=0.0 if whole is None else whole.solve_ms,
        refine_status="" if whole is None else whole.status,
        refined_gap_frac=None if found is None else (found.cost - found.bound) / own_cost,
        relaxed_gap_frac=None if found is None else (found.cost - last.cost) / own_cost,
        tried=tried,
    )
