"""Plans arrive without waiting; what stands in for them; a worker that dies costs one plan."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from controller.clock import SteppedClock
from controller.planner import InlinePlanner, News, Planning, WorkerPlanner
from mpc.plan import NotSolved, PlanRequest, PlanResult, Solved
from mpc.rules import heating_curve_plan

Minutes = Callable[[float], datetime]
Ask = Callable[[datetime], PlanRequest]
FAILED = NotSolved("infeasible", None)


@dataclass
class Scripted:
    """A planner that answers what it is told, when it is told."""

    answer: Callable[[PlanRequest], PlanResult]
    asked: list[PlanRequest] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def solve(self, request: PlanRequest) -> PlanResult:
        self.asked.append(request)
        await self.may_answer.wait()
        return self.answer(request)

    def close(self) -> None:
        self.closed = True


def optimised(request: PlanRequest) -> Solved:
    """A plan as a solver would hand it out."""
    return Solved(replace(heating_curve_plan(request), source="mpc", refined_steps=1), None)  # type: ignore[arg-type]


def failed(request: PlanRequest) -> NotSolved:
    del request
    return FAILED


@pytest.fixture
def planner() -> Scripted:
    return Scripted(optimised)


@pytest.fixture
def planning(planner: Scripted, clock: SteppedClock) -> Planning:
    return Planning(planner, clock, every_s=900.0, max_age_s=7200.0)


async def planned(planning: Planning, at: datetime, ask: Ask) -> News | None:
    """One cycle in which there is time to plan, and the news of it."""
    async with asyncio.TaskGroup() as tasks:
        planning.consider(at, tasks, lambda: ask(at))
    return planning.collect()


async def test_a_plan_arrives_one_cycle_later(
    planning: Planning, make_request: Ask, minutes: Minutes
) -> None:
    async with asyncio.TaskGroup() as tasks:
        planning.consider(minutes(0), tasks, lambda: make_request(minutes(0)))
        assert planning.collect() is None
        plan, note = planning.plan_at(minutes(0))
        assert (plan, note) == (None, "no plan and no rule: the pump keeps its own control")
    news = planning.collect()
    assert news is not None
    assert news.request == make_request(minutes(0))
    assert news.took_ms >= 0.0
    plan, note = planning.plan_at(minutes(1))
    assert plan is not None
    assert (plan.source, note) == ("mpc", None)
    assert planning.collect() is None


async def test_plans_are_made_at_their_pace_and_one_at_a_time(
    planning: Planning, planner: Scripted, make_request: Ask, minutes: Minutes
) -> None:
    await planned(planning, minutes(0), make_request)
    await planned(planning, minutes(14), make_request)
    assert len(planner.asked) == 1
    planner.may_answer.clear()
    async with asyncio.TaskGroup() as tasks:
        planning.consider(minutes(15), tasks, lambda: make_request(minutes(15)))
        await asyncio.sleep(0)
        planning.consider(minutes(31), tasks, lambda: make_request(minutes(31)))
        await asyncio.sleep(0)
        planner.may_answer.set()
    assert [request.made_at for request in planner.asked] == [minutes(0), minutes(15)]


async def test_what_matters_makes_it_plan_again_at_once(
    planning: Planning, planner: Scripted, make_request: Ask, minutes: Minutes
) -> None:
    await planned(planning, minutes(0), make_request)
    planning.hurry()
    await planned(planning, minutes(1), make_request)
    await planned(planning, minutes(2), make_request)
    assert [request.made_at for request in planner.asked] == [minutes(0), minutes(1)]


async def test_a_hurry_while_planning_plans_again_with_the_new_facts(
    planning: Planning, planner: Scripted, make_request: Ask, minutes: Minutes
) -> None:
    planner.may_answer.clear()
    async with asyncio.TaskGroup() as tasks:
        planning.consider(minutes(0), tasks, lambda: make_request(minutes(0)))
        await asyncio.sleep(0)
        planning.hurry()
        planner.may_answer.set()
    await planned(planning, minutes(1), make_request)
    assert [request.made_at for request in planner.asked] == [minutes(0), minutes(1)]


async def test_an_older_plan_is_noted_and_then_gives_way_to_the_rule(
    planning: Planning, planner: Scripted, make_request: Ask, minutes: Minutes
) -> None:
    await planned(planning, minutes(0), make_request)
    planner.answer = failed
    for minute in range(15, 135, 15):
        news = await planned(planning, minutes(minute), make_request)
        assert news is not None
        assert news.result is FAILED
    plan, note = planning.plan_at(minutes(30))
    assert plan is not None
    assert (plan.source, note) == ("mpc", None)
    plan, note = planning.plan_at(minutes(120))
    assert plan is not None
    assert (plan.source, note) == ("mpc", "plan is 120 min old")
    plan, note = planning.plan_at(minutes(121))
    assert plan is not None
    assert (plan.source, note) == ("heating-curve", "no plan: heating-curve rule")


async def test_the_rule_stands_in_from_the_first_failure_and_ends_with_a_plan(
    planning: Planning, planner: Scripted, make_request: Ask, minutes: Minutes
) -> None:
    planner.answer = failed
    await planned(planning, minutes(0), make_request)
    assert planning.plan_at(minutes(1))[1] == "no plan: heating-curve rule"
    assert planning.plan_at(minutes(49 * 60))[0] is None  # beyond its horizon
    planner.answer = optimised
    await planned(planning, minutes(15), make_request)
    plan, note = planning.plan_at(minutes(16))
    assert plan is not None
    assert (plan.source, note) == ("mpc", None)


async def test_a_request_that_is_no_question_leaves_the_pump_to_itself(
    planning: Planning,
    planner: Scripted,
    make_request: Ask,
    minutes: Minutes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    planner.answer = failed

    def broken(at: datetime) -> PlanRequest:
        request = make_request(at)
        estimate = replace(request.estimate, disturbance_w=float("nan"))
        return replace(request, estimate=estimate)

    await planned(planning, minutes(0), make_request)
    await planned(planning, minutes(15), broken)
    assert planning.plan_at(minutes(16))[0] is None
    assert "no rule either" in caplog.text


async def test_simulated_time_stands_still_while_planning(
    planner: Scripted, make_request: Ask, minutes: Minutes
) -> None:
    moved: list[datetime] = []

    async def advance(at: datetime) -> None:
        moved.append(at)

    clock = SteppedClock(minutes(0), advance)
    planning = Planning(planner, clock, every_s=900.0, max_age_s=7200.0)
    planner.may_answer.clear()
    async with asyncio.TaskGroup() as tasks:
        planning.consider(minutes(0), tasks, lambda: make_request(minutes(0)))
        sleeping = tasks.create_task(clock.sleep_until(minutes(1)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not sleeping.done()
        planner.may_answer.set()
    assert moved == [minutes(1)]


async def test_settling_stops_what_is_under_way(
    planning: Planning, planner: Scripted, make_request: Ask, minutes: Minutes
) -> None:
    planner.may_answer.clear()
    async with asyncio.TaskGroup() as tasks:
        planning.consider(minutes(0), tasks, lambda: make_request(minutes(0)))
        await asyncio.sleep(0)
        await planning.settle()
    assert planner.closed
    assert planning.collect() is None


async def test_the_inline_planner_solves_here(make_request: Ask, minutes: Minutes) -> None:
    request = make_request(minutes(0))
    broken = replace(request, estimate=replace(request.estimate, disturbance_w=float("nan")))
    planner = InlinePlanner()
    assert isinstance(await planner.solve(broken), NotSolved)
    planner.close()


# ---- the worker process --------------------------------------------------------------------------

# Its work is from the standard library here, so that the process starts fast: what is tried is
# what happens to the process, and any function that can be imported will do.


@pytest.fixture
async def worker(request: pytest.FixtureRequest) -> AsyncIterator[WorkerPlanner]:
    work, deadline_s = request.param
    planner = WorkerPlanner(deadline_s, work)
    yield planner
    planner.close()


def question(value: float) -> Any:
    """Stands for a request: the standard library's functions take numbers."""
    return value


@pytest.mark.parametrize("worker", [(time.sleep, 0.1)], indirect=True)
async def test_the_deadline_kills_and_the_next_request_is_answered(worker: WorkerPlanner) -> None:
    assert await worker.solve(question(600.0)) == NotSolved("no plan within 0.1 s", None)
    assert await worker.solve(question(0.0)) is None


@pytest.mark.parametrize("worker", [(signal.raise_signal, 15.0)], indirect=True)
async def test_a_worker_that_is_killed_costs_one_plan(worker: WorkerPlanner) -> None:
    result = await worker.solve(question(signal.SIGKILL))
    assert isinstance(result, NotSolved)
    assert result.reason.startswith("the planner process died")
    assert await worker.solve(question(signal.SIGCONT)) is None


@pytest.mark.parametrize("worker", [(time.sleep, 15.0)], indirect=True)
async def test_closing_twice_while_solving_is_harmless(worker: WorkerPlanner) -> None:
    assert await worker.solve(question(0.0)) is None
    solving = asyncio.ensure_future(worker.solve(question(600.0)))
    await asyncio.sleep(0)
    solving.cancel()
    worker.close()
    worker.close()
    with pytest.raises(asyncio.CancelledError):
        await solving


# ---- stability -----------------------------------------------------------------------------------


async def test_the_plan_before_is_kept_unless_the_new_one_gains(
    make_request: Ask, minutes: Minutes
) -> None:
    planner = InlinePlanner()
    said = []
    for minute in (0, 15, 30):
        result = await planner.solve(make_request(minutes(minute)))
        assert isinstance(result, Solved)
        assert result.plan.made_at == minutes(minute)
        said.append(result.diagnostics.tried[-1])
    assert said[0] == "piqp: solved"
    assert all(words.startswith(("kept: ", "changed: it saves ")) for words in said[1:])
    assert any(words.startswith("kept: ") for words in said[1:])
