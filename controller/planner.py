"""Ask for plans without waiting for them: a worker process with a deadline that really kills."""

import asyncio
import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pebble import ProcessExpired, ProcessPool
from pydantic import TypeAdapter

from controller.clock import Clock
from controller.ladder import NAMES, Level, Rungs, level_at, plan_of
from mpc.answer import solve_request
from mpc.plan import NotSolved, Plan, PlanRequest, PlanResult, Solved
from mpc.rules import RULES, heating_curve_plan

log = logging.getLogger(__name__)

PRICE_RULE = "heat-first-then-price"
"""The rule that stands in where prices are known: the demand at any price, more when cheap."""

REQUEST = TypeAdapter(PlanRequest)
PLAN = TypeAdapter(Plan)


class Planner(Protocol):
    """Somebody who turns a request into a plan."""

    async def solve(self, request: PlanRequest) -> PlanResult: ...

    def close(self) -> None: ...


class InlinePlanner:
    """Solves in this process; for simulations, where time stands still meanwhile.

    As in the worker, a plan is left only for a gain over the one before.
    """

    def __init__(self) -> None:
        self._held: Plan | None = None

    async def solve(self, request: PlanRequest) -> PlanResult:
        result = solve_request(request, self._held)
        if isinstance(result, Solved):
            self._held = result.plan
        return result

    def close(self) -> None:
        return None


class WorkerPlanner:
    """Solves in a process of its own; killed at the deadline, started anew by the next request.

    `work` is what the process does with a request and, from the second plan on, the plan before: a
    function that it can import.
    """

    def __init__(self, deadline_s: float, work: Callable[..., PlanResult] = solve_request) -> None:
        self._deadline_s = deadline_s
        self._work = work
        self._held: Plan | None = None
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=1, context=context)

    async def solve(self, request: PlanRequest) -> PlanResult:
        args: list[object] = [request] if self._held is None else [request, self._held]
        future = self._pool.schedule(self._work, args=args, timeout=self._deadline_s)
        try:
            result: PlanResult = await asyncio.wrap_future(future)
        except (TimeoutError, FutureTimeoutError):
            return NotSolved(f"no plan within {self._deadline_s:g} s", None)
        except ProcessExpired as error:
            return NotSolved(f"the planner process died (exit code {error.exitcode})", None)
        if isinstance(result, Solved):
            self._held = result.plan
        return result

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()


@dataclass(frozen=True, slots=True)
class News:
    """What came back from the planner since the last cycle."""

    request: PlanRequest
    result: PlanResult
    took_ms: float


class Planning:
    """When to plan, which plan holds now, and what stands in when there is none.

    What stands in for what is said in `controller.ladder`; the rules are computed here, from the
    question that was not answered.
    """

    def __init__(self, planner: Planner, clock: Clock, *, every_s: float, max_age_s: float) -> None:
        self._planner = planner
        self._clock = clock
        self._every = timedelta(seconds=every_s)
        self._max_age = timedelta(seconds=max_age_s)
        self._task: asyncio.Task[None] | None = None
        self._next_at: datetime | None = None
        self._rungs = Rungs()
        self._news: News | None = None

    def hurry(self) -> None:
        """Something changed that matters: plan again in the next cycle."""
        self._next_at = None

    def consider(
        self, at: datetime, tasks: asyncio.TaskGroup, ask: Callable[[], PlanRequest]
    ) -> None:
        """Start planning if it is time and nothing is under way. Never waits."""
        if self._task is not None and not self._task.done():
            return
        if self._next_at is not None and at < self._next_at:
            return
        self._next_at = at + self._every
        self._task = tasks.create_task(self._solve(ask()), name="plan")

    async def _solve(self, request: PlanRequest) -> None:
        async with self._clock.busy():
            started_s = self._clock.stopwatch_s()
            result = await self._planner.solve(request)
            took_ms = (self._clock.stopwatch_s() - started_s) * 1000.0
        self._news = News(request, result, took_ms)

    def collect(self) -> News | None:
        """The answer that came since the last call, once."""
        news, self._news = self._news, None
        if news is None:
            return None
        self._rungs = after(self._rungs, news.request, news.result)
        if isinstance(news.result, NotSolved):
            log.warning("no plan: %s", news.result.reason)
        return news

    def plan_at(self, at: datetime) -> tuple[Plan | None, str | None]:
        """The plan that holds at `at`, and a note if it is not a fresh one in full."""
        level = level_at(self._rungs, at, every=self._every, max_age=self._max_age)
        plan = plan_of(self._rungs, level)
        if level is Level.REFINED:
            return plan, None
        if level is Level.SHIFTED and plan is not None:
            return plan, f"plan is {(at - plan.made_at).total_seconds() / 60:.0f} min old"
        return plan, NAMES[level]

    async def settle(self) -> None:
        """Stop what is under way."""
        if self._task is not None:
            self._task.cancel()
        self._planner.close()


def after(rungs: Rungs, request: PlanRequest, result: PlanResult) -> Rungs:
    """The rungs once the planner has answered."""
    horizon = request.horizon
    priced = bool(horizon.price_known) and horizon.price_known[0]
    answers = rungs.priced_answers + 1 if priced else 0
    match result:
        case Solved(plan, _):
            whole = plan.refined_steps > 0 or not request.search.refine or plan.source != "mpc"
            return Rungs(plan=plan, in_full=whole, priced_answers=answers)
        case NotSolved():
            rooms = replace(request, hot_water=None)  # the tank goes back to the pump
            return replace(
                rungs,
                price_rule=_rule_for(rooms, RULES[PRICE_RULE]) if priced else None,
                heating_curve=_rule_for(request, heating_curve_plan),
                priced_answers=answers,
            )


def _rule_for(request: PlanRequest, rule: Callable[[PlanRequest], Plan]) -> Plan | None:
    try:
        return rule(request)
    except ValueError as error:
        log.error("no rule either: %s", error)
        return None
