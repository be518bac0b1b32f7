"""A plan changes only for a stated gain: the plan in force against the one just made."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

import numpy as np

from mpc.arrays import FloatArray
from mpc.checks import broken
from mpc.numbers import Stage, numbers_of, shape_of, stage_of
from mpc.plan import Plan, PlanRequest
from mpc.power_curve import heat_max_w
from mpc.problem import CompiledProblem, Numbers, compiled
from mpc.replay import Decisions, emission_at, plan_from
from mpc.solver import Conditions, conditions_at, decisions
from mpc.solvers import SOLVED, relaxed
from mpc.worth import decisions_of, into_w, step_hours, tank_c, worth

GAIN_FRAC = 0.005  # of what the fresh plan's electricity costs in a day, ...
GAIN_MIN = 0.01  # ... and at least so much of the currency: less is within what a forecast errs
NEAR_S = 2 * 3600.0  # of a plan without whole decisions: what is followed before many more plans
SAME_SHARE = 0.02  # of a step in which the compressor runs: the same decision
SAME_HEAT_FRAC = 0.02  # of the plan's largest heat: the same decision


@dataclass(frozen=True, slots=True)
class Kept:
    """The decisions of the near hours stay; `plan` has them, replayed under today's request."""

    plan: Plan
    gain: float  # what the fresh plan would have saved; at most the stated gain


@dataclass(frozen=True, slots=True)
class Changed:
    """The fresh plan holds, and why."""

    gain: float | None  # what it saves; None: the plan before could not be compared
    reason: str


Verdict: TypeAlias = Kept | Changed


def steady(
    request: PlanRequest, fresh: Plan, held: Plan | None, *, gain: float | None = None
) -> Verdict:
    """Whether the fresh plan is worth leaving the held one; `gain` None: `stated_gain`.

    Only the near hours count, for the rest is decided again before it comes: the whole decisions
    that both plans have, or `NEAR_S` where there are none. If these differ, the best plan is sought
    that keeps them - first with the heats of the held plan, then with its runs and rests only - and
    that is free in all later hours. Free it must be: what the estimate was wrong is made good
    later, and a plan that could not would lose against every fresh one. It must keep every limit;
    if it then costs at most the gain more than the fresh plan, in all terms of the request, it is
    kept.
    """
    near = "there was no plan before" if held is None else _near(request, fresh, held)
    if isinstance(near, str):
        return Changed(None, near)
    if near.same(fresh):
        return Kept(fresh, 0.0)
    fresh_cost = worth(request, fresh).total
    asked = stated_gain(fresh) if gain is None else gain
    saved, fault = None, "nothing keeps its decisions any more"
    for plan in _keeping(request, fresh, near):
        faults = broken(request, plan)
        if faults:
            fault = faults[0]
            continue
        saved = worth(request, plan).total - fresh_cost
        if saved <= asked:
            return Kept(replace(plan, marginal_per_kwh=fresh.marginal_per_kwh), saved)
    if saved is None:
        return Changed(None, f"the plan before does not hold any more: {fault}")
    return Changed(saved, f"it saves {saved:.3f}, more than the {asked:.3f} a change must bring")


def stated_gain(fresh: Plan) -> float:
    """What a change must save, in the horizon's currency."""
    days = len(fresh.heat_w) * fresh.step_s / 86_400.0
    return max(GAIN_FRAC * abs(fresh.cost) / days, GAIN_MIN)


@dataclass(frozen=True, slots=True)
class _Near:
    """What the held plan decides for the near steps, from the request's first step on."""

    run_frac: FloatArray
    heat_w: FloatArray
    dhw_run_frac: FloatArray
    dhw_heat_w: FloatArray

    def same(self, fresh: Plan) -> bool:
        """Does the fresh plan decide the same, up to what nobody feels?"""
        mine = _near_of(fresh, 0, len(self.run_frac))
        scale_w = max(*fresh.heat_w, *fresh.dhw_heat_w, 1.0)
        return all(
            float(np.max(np.abs(ours - theirs))) <= allowed
            for ours, theirs, allowed in (
                (self.run_frac, mine.run_frac, SAME_SHARE),
                (self.dhw_run_frac, mine.dhw_run_frac, SAME_SHARE),
                (self.heat_w, mine.heat_w, SAME_HEAT_FRAC * scale_w),
                (self.dhw_heat_w, mine.dhw_heat_w, SAME_HEAT_FRAC * scale_w),
            )
        )


def _near_of(plan: Plan, first: int, steps: int) -> _Near:
    """What a plan decides in these steps."""
    part, none = slice(first, first + steps), (0.0,) * len(plan.heat_w)
    run, heat = plan.run_frac[part], plan.heat_w[part]
    dhw_run, dhw = plan.dhw_run_frac or none, plan.dhw_heat_w or none
    return _Near(np.array(run), np.array(heat), np.array(dhw_run[part]), np.array(dhw[part]))


def _near(request: PlanRequest, fresh: Plan, held: Plan) -> _Near | str:
    """The held plan's near decisions, or why they cannot be compared."""
    horizon = request.horizon
    ahead_s = (horizon.starts_at - held.starts_at) / timedelta(seconds=1)
    first = round(ahead_s / horizon.step_s)
    if held.step_s != horizon.step_s or abs(first * horizon.step_s - ahead_s) > 1e-3:
        return "the plan before has other steps"
    if first < 0 or not held.run_frac:
        return "the plan before does not hold for now"
    left = len(held.heat_w) - first
    if fresh.refined_steps:
        steps = min(held.refined_steps - first, fresh.refined_steps, left)
    else:
        steps = min(round(NEAR_S / held.step_s), left)
    if steps <= 0:
        return "the decisions of the plan before are over"
    return _near_of(held, first, steps)


def _keeping(request: PlanRequest, fresh: Plan, near: _Near) -> Iterator[Plan]:
    """The best plans with the near decisions, one after the other."""
    stage = stage_of(request)
    ready = compiled(shape_of(stage))
    met = _conditions(stage, fresh)
    numbers = numbers_of(stage, met.curve, met.tank)
    pinned = {**numbers, **_pattern(numbers, fresh, near)}
    for posed in ({**pinned, **_heats(numbers, near)}, pinned):
        plan = _best(stage, ready, posed)
        if plan is not None:
            yield replace(plan, refined_steps=fresh.refined_steps)


def _conditions(stage: Stage, fresh: Plan) -> Conditions:
    """The power curves at the temperatures that the fresh plan leads to."""
    request, house, blocks = stage.request, stage.house, stage.blocks
    decided = decisions_of(request, house, fresh)
    during = house.during_c(house.states_c(into_w(decided)))
    mean_c = None
    if request.hot_water is not None:
        layers = tank_c(request, decided, step_hours(request, house))
        mean_c = blocks.mean(layers.mean(axis=0))
    return conditions_at(stage, np.stack([blocks.mean(row) for row in during]), mean_c)


def _pattern(numbers: Numbers, fresh: Plan, near: _Near) -> dict[str, FloatArray]:
    """Runs and rests: the near ones, then those that the fresh plan has decided whole."""
    steps = len(near.run_frac)
    decided = max(steps, fresh.refined_steps)
    later = _near_of(fresh, steps, decided - steps)
    dhw = np.append(near.dhw_run_frac, later.dhw_run_frac)
    busy = np.minimum(np.append(near.run_frac, later.run_frac) + dhw, 1.0)
    pinned = {}
    for name, values in (("busy", busy), ("dhw", dhw)):
        for side in ("low", "high"):
            pinned[f"{name}_{side}"] = np.append(values, numbers[f"{name}_{side}"][decided:])
    return pinned


def _heats(numbers: Numbers, near: _Near) -> dict[str, FloatArray]:
    """The near heats as far as the pump can give them today."""
    pinned = {}
    for name, heat_w, run in (
        ("heat", near.heat_w, near.run_frac),
        ("dhw", near.dhw_heat_w, near.dhw_run_frac),
    ):
        low, high = numbers.get(f"{name}_min_kw"), numbers.get(f"{name}_max_kw")
        if low is None or high is None:
            continue
        steps = len(run)
        running_kw = heat_w / np.maximum(run, 1e-3) / 1000.0
        kept = np.clip(running_kw, low[:steps], high[:steps])
        pinned[f"{name}_min_kw"] = np.append(kept, low[steps:])
        pinned[f"{name}_max_kw"] = np.append(kept, high[steps:])
    return pinned


def _best(stage: Stage, ready: CompiledProblem, numbers: Numbers) -> Plan | None:
    """The cheapest plan with what is pinned, replayed; None where there is none."""
    answer, _ = relaxed(ready.matrices(numbers), stage.request.search.solvers)
    if answer.x is None or answer.status != SOLVED:
        return None
    return _replayed(stage, decisions(stage, ready, answer.x))


def _replayed(stage: Stage, wanted: Decisions) -> Plan:
    """The plan of these decisions, its heat cut to what the temperatures it meets allow."""
    request, house = stage.request, stage.house
    met = emission_at(request, house.during_c(house.states_c(into_w(wanted))))
    cut = replace(wanted, heat_w=np.minimum(wanted.heat_w, heat_max_w(met)))
    return plan_from(request, house, cut, source="mpc")
