"""A plan changes only for a stated gain: the plan in force against the one just made."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

import numpy as np

from mpc.arrays import FloatArray
from mpc.checks import broken
from mpc.numbers import Stage, numbers_of, shape_of, stage_of
from mpc.plan import Plan, PlanRequest
from mpc.problem import CompiledProblem, Numbers, compiled
from mpc.solver import Conditions, conditions_at, decisions, replayed
from mpc.solvers import SOLVED, relaxed
from mpc.worth import decisions_of, into_w, step_hours, tank_c, worth

GAIN_FRAC = 0.005  # of what the fresh plan's electricity costs in a day, ...
GAIN_MIN = 0.01  # ... and at least so much of the currency: less is within what a forecast errs
SAME_SHARE = 0.02  # of a step in which the compressor runs: the same decision


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

    Only runs and rests count, and only the whole decisions that both plans have: the rest is
    decided again before it comes, and another modulation costs nobody anything. If these differ,
    the best plan is sought that keeps them, free in everything else: what the estimate was wrong is
    made good by it, and a plan that could not would lose against every fresh one. It must keep
    every limit; if it then costs at most the gain more than the fresh plan, in all terms of the
    request, it is kept.
    """
    near = "there was no plan before" if held is None else _near(request, fresh, held)
    if isinstance(near, str):
        return Changed(None, near)
    if near.same(fresh):
        return Kept(fresh, 0.0)
    fresh_cost = worth(request, fresh).total
    asked = stated_gain(fresh) if gain is None else gain
    plan = _keeping(request, fresh, near)
    if plan is None:
        return Changed(None, "nothing keeps the decisions of the plan before any more")
    faults = broken(request, plan)
    if faults:
        return Changed(None, f"the plan before does not hold any more: {faults[0]}")
    saved = worth(request, plan).total - fresh_cost
    if saved <= asked:
        worths = fresh.marginal_per_kwh
        kept = replace(plan, marginal_per_kwh=worths, margin_cost=fresh.margin_cost)
        return Kept(kept, saved)
    return Changed(saved, f"it saves {saved:.3f}, more than the {asked:.3f} a change must bring")


def stated_gain(fresh: Plan) -> float:
    """What a change must save, in the horizon's currency."""
    days = len(fresh.heat_w) * fresh.step_s / 86_400.0
    return max(GAIN_FRAC * abs(fresh.cost) / days, GAIN_MIN)


@dataclass(frozen=True, slots=True)
class _Near:
    """What the held plan decides for the near steps, from the request's first step on."""

    run_frac: FloatArray
    dhw_run_frac: FloatArray

    def same(self, fresh: Plan) -> bool:
        """Does the fresh plan decide the same?"""
        mine = _near_of(fresh, 0, len(self.run_frac))
        return all(
            float(np.max(np.abs(ours - theirs))) <= SAME_SHARE
            for ours, theirs in (
                (self.run_frac, mine.run_frac),
                (self.dhw_run_frac, mine.dhw_run_frac),
            )
        )


def _near_of(plan: Plan, first: int, steps: int) -> _Near:
    """What a plan decides in these steps."""
    part = slice(first, first + steps)
    dhw_run = plan.dhw_run_frac or (0.0,) * len(plan.heat_w)
    return _Near(np.array(plan.run_frac[part]), np.array(dhw_run[part]))


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
    steps = min(held.refined_steps - first, fresh.refined_steps, left)
    if steps <= 0:
        return "there are no whole decisions that both plans have"
    return _near_of(held, first, steps)


def _keeping(request: PlanRequest, fresh: Plan, near: _Near) -> Plan | None:
    """The best plan with the near runs and rests; None where there is none."""
    stage = stage_of(request)
    ready = compiled(shape_of(stage))
    met = _conditions(stage, fresh)
    numbers = numbers_of(stage, met.curve, met.tank)
    plan = _best(stage, ready, {**numbers, **_pattern(numbers, fresh, near)})
    return None if plan is None else replace(plan, refined_steps=fresh.refined_steps)


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


def _best(stage: Stage, ready: CompiledProblem, numbers: Numbers) -> Plan | None:
    """The cheapest plan with what is pinned, replayed; None where there is none."""
    answer, _ = relaxed(ready.matrices(numbers), stage.request.search.solvers)
    if answer.x is None or answer.status != SOLVED:
        return None
    return replayed(stage, decisions(stage, ready, answer.x))
