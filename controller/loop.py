"""The controller's one loop: sense, estimate, forecast, plan, decide, guard, act, record."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from controller.act import Actuator, let_go
from controller.actuation import DIRECT, LIMITS
from controller.belief_words import belief_notes
from controller.clock import Clock, ClockWatch, sleep_or_stop
from controller.estimate import Belief
from controller.experience import EXPERIENCE, Experience
from controller.fast import KNOB, Duty, FastLoop
from controller.fast_bounds import Look
from controller.forecasts import KNOWN, Forecasts, Known
from controller.grid_plan import limits_otherwise
from controller.guard import MEMORY, Memory, Refused, carried, forgets
from controller.hot_water import runs_short
from controller.hot_water_steering import TankNow
from controller.learned import KEY as LEARNED
from controller.learned import LEARNED_BUILDING, LESSONS
from controller.planner import PLAN, REQUEST, News, Planning
from controller.recorder import Recorder
from controller.records import StepRecord
from controller.request import plan_request
from controller.sense import sense
from controller.snapshot import Snapshot
from controller.stages import Stages, previous_of, running_s, settings_of
from controller.store import Store
from controller.wishes import Target, Wishes, forget_past, notice_thermostat, target
from drivers.api import Device, Signal
from drivers.grid.limit import GridSource
from mpc.building import Building
from mpc.plan import NotSolved, Plan, PlanRequest, Solved

log = logging.getLogger(__name__)

BELIEF_EVERY = timedelta(minutes=15)
"""How often the belief is saved: losing a quarter of an hour of it costs nothing."""

LONG_SLEEP = timedelta(hours=1)
"""After a longer break between cycles (the computer slept) the house is looked at anew: what it did
meanwhile is not known, and a measured room is worth more than hours of prediction."""

CLOCK_IN_DOUBT = "the clock is not synchronised yet: observing only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the loop works with; put together in app.py."""

    stages: Stages
    devices: Sequence[Device]
    actuator: Actuator
    forecasts: Forecasts
    planning: Planning | None  # None: the strategy needs no plans
    store: Store
    recorder: Recorder
    clock: Clock
    stale_s: Mapping[Signal, float]
    config_hash: str  # names the settings among the records
    advanced: Callable[[], None] = lambda: None  # told of every finished cycle
    clock_is_right: Callable[[], bool] = lambda: True  # until then nothing is written
    grid: GridSource | None = None  # None: nobody limits this house
    duties: Sequence[Duty] = ()  # what cannot wait for the next cycle


class Loop:
    """One house under control."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._wishes = forget_past(parts.store.wishes(), parts.clock.now())
        self._before: StepRecord | None = None
        self._clock_watch = ClockWatch(parts.clock)
        self._kept: dict[str, tuple[object, str]] = {}
        self._saved_at: datetime | None = None
        self._experience = parts.store.value("experience", EXPERIENCE) or Experience()
        self._used = parts.store.value("guard", MEMORY) or Memory()  # of starts and blocks
        self._hands = asyncio.Lock()  # one hand at a time on the pump
        self._fast = FastLoop(
            parts.duties, parts.actuator, self._hands,
            clock=parts.clock, cycle_s=parts.stages.config.control.cycle_s,
        )  # fmt: skip

    async def run(self, stop: asyncio.Event, until: datetime | None = None) -> None:
        """Cycle until told to stop, then hand the pump back."""
        clock = self._p.clock
        cycle = timedelta(seconds=self._p.stages.config.control.cycle_s)
        next_at = clock.now()
        try:
            if self._p.actuator.holds_the_pump:
                log.warning("an earlier run left the pump in our hands: handing it back first")
                await self._p.actuator.hand_back(next_at)
            async with asyncio.TaskGroup() as tasks, clock.taking_turns():
                fast = tasks.create_task(self._run_fast(), name="fast")
                while not stop.is_set() and (until is None or next_at < until):
                    if (started_at := clock.now()) - next_at >= cycle:
                        next_at = started_at  # the computer slept, or its clock was set ahead
                    await self.cycle(tasks)
                    now = clock.now()  # a clock that jumps back must not stop the cycles
                    next_at = min(max(next_at + cycle, now), now + cycle)
                    await sleep_or_stop(clock, next_at, stop)
                fast.cancel()
                if self._p.planning is not None:
                    await self._p.planning.settle()
        finally:
            await self.hand_back()
            if self._before is not None:
                self._p.store.save_belief(self._before.belief)
                self._p.store.save_value("guard", MEMORY, carried(self._before.memory))

    async def cycle(self, tasks: asyncio.TaskGroup) -> StepRecord:
        """One pass through all stages; every decision in it sees the same snapshot."""
        self._begin_anew_after_a_break()
        p, before, at = self._p, self._before, self._p.clock.now()

        snapshot = await sense(
            p.devices, at=at, before=None if before is None else before.snapshot,
            stale_s=p.stale_s, grid=p.grid,
        )  # fmt: skip
        self._listen(snapshot)
        wish = self._target_at(at, snapshot)

        memory = p.stages.remember(self._used if before is None else before.memory, snapshot)
        self._keep_used(memory)
        ghi_w_per_m2, outdoor_c = p.forecasts.ghi_at(at), p.forecasts.outdoor_at(at)
        wind_m_s = p.forecasts.wind_at(at) if p.stages.config.house.windy else None
        learned_hash = self._learned_hash(at)
        previous = previous_of(before, learned_hash, p.stages.opening)
        belief = p.stages.estimate(
            snapshot,
            previous=previous,
            restored=None if before else p.store.belief(),
            memory=memory,
            target=wish,
            ghi_w_per_m2=ghi_w_per_m2,
            outdoor_forecast_c=outdoor_c,
            wind_m_s=wind_m_s,
        )

        self._learn(snapshot, memory)
        p.forecasts.consider(at, tasks)
        plan, note, news = self._plan(snapshot, belief, memory, tasks)

        current, writes_left = await self._knob_now(at)
        tank = await self._tank_now(at)
        wanted = p.stages.decide(
            snapshot, plan=plan, belief=belief, memory=memory, current=current,
            writes_left=writes_left, released=self._wishes.released, tank=tank,
        )  # fmt: skip
        verdict = p.stages.guard(
            wanted, snapshot=snapshot, belief=belief, memory=memory, target=wish
        )
        may_act = verdict if p.clock_is_right() else Refused((CLOCK_IN_DOUBT,))
        look = Look(
            stages=p.stages, snapshot=snapshot, belief=belief, memory=memory, target=wish,
            plan=plan, verdict=may_act, writes=p.actuator.writes(KNOB),
            site=self._experience.site,
        )  # fmt: skip
        async with self._hands:
            self._fast.look(look)
            outcome = await p.actuator.apply(self._fast.within(may_act), at)

        record = StepRecord(
            continues=before is not None,
            snapshot=snapshot,
            target=wish,
            belief=belief,
            memory=replace(memory, settings=settings_of(verdict)),
            ghi_w_per_m2=ghi_w_per_m2,
            outdoor_forecast_c=outdoor_c,
            wind_m_s=wind_m_s,
            current=current,
            writes_left=writes_left,
            plan_hash=None if plan is None else self._keep("plan", plan, at),
            forecast_hash=self._keep("forecast", p.forecasts.known, at),
            released=self._wishes.released,
            wanted=wanted,
            verdict=verdict,
            outcome=outcome,
            notes=_notes(note, *p.forecasts.known.notes, *belief_notes(belief), *self._fast.notes),
            plan_time_ms=None if news is None else round(news.took_ms, 1),
            not_solved=news is not None and isinstance(news.result, NotSolved),
            config_hash=p.config_hash,
            learned_hash=learned_hash,
            opening=None if previous is None else previous.opening,
            tank=tank,
        )
        p.recorder.append(record)
        self._before = record
        self._save_belief(record)
        p.advanced()
        return record

    def _begin_anew_after_a_break(self) -> None:
        """Durations over it mean nothing: go on as after a start, hold times included."""
        step_s = self._clock_watch.set_by_s()
        since = None if self._before is None else self._p.clock.now() - self._before.at
        if step_s != 0.0:
            log.warning("the clock was set by %+.0f s: beginning anew", step_s)
        elif since is not None and since > LONG_SLEEP:
            log.warning("no cycle for %.0f min: beginning anew", since.total_seconds() / 60.0)
        else:
            return
        if self._before is not None:
            self._p.store.save_belief(self._before.belief)
            self._used = carried(self._before.memory)
        self._before, self._saved_at = None, None
        self._hurry()

    def _plan(
        self, snapshot: Snapshot, belief: Belief, memory: Memory, tasks: asyncio.TaskGroup
    ) -> tuple[Plan | None, str | None, News | None]:
        """The plan in force, a note if it is a stand-in, and the news that came; never waits."""
        planning = self._p.planning
        if planning is None:
            return None, None, None
        news = planning.collect()
        if news is not None:
            self._keep("request", news.request, snapshot.at)
            if isinstance(news.result, Solved):
                self._experience = self._experience.promised(news.result.plan, news.request)
        planning.consider(snapshot.at, tasks, lambda: self._question(snapshot, belief, memory))
        plan, note = planning.plan_at(snapshot.at)
        return plan, note, news

    def _learn(self, snapshot: Snapshot, memory: Memory) -> None:
        """What this look tells of earlier plans' promises, of tank, pump and grid connection."""
        stages, before = self._p.stages, self._before
        steers = stages.config.control.mode == "control"
        asked = steers and before is not None and before.wanted.heat_w is not None
        self._experience = self._experience.seen(
            snapshot, stages.config, stages.model,
            running_s=running_s(memory, snapshot), asked=asked,
            known=self._p.forecasts.known,
        )  # fmt: skip

    def _question(self, snapshot: Snapshot, belief: Belief, memory: Memory) -> PlanRequest:
        stages = self._p.stages
        knob = stages.machine.knob
        return plan_request(
            snapshot,
            known=self._p.forecasts.known,
            belief=belief,
            target_at=lambda at: self._target_at(at, snapshot),
            model=stages.model,
            config=stages.config,
            memory=memory,
            experience=self._experience,
            whole=knob is not None and knob.capability in DIRECT | LIMITS,
            tank_knob=stages.machine.tank_knob,
        )

    def _target_at(self, at: datetime, snapshot: Snapshot) -> Target:
        return target(self._wishes, self._p.stages.config.comfort, snapshot, at)

    def _listen(self, snapshot: Snapshot) -> None:
        """A turn at the wall thermostat, or the end of a timed wish, changes what is wanted."""
        heard = notice_thermostat(forget_past(self._wishes, snapshot.at), snapshot)
        if heard != self._wishes:
            self._wishes = heard
            self._p.store.save_wishes(heard)
        before = self._before
        wanted_c = self._target_at(snapshot.at, snapshot).room_c
        if before is not None and (
            wanted_c != before.target.room_c or limits_otherwise(before.snapshot, snapshot)
        ):
            self._hurry()

    async def _knob_now(self, at: datetime) -> tuple[float | None, float | None]:
        """What a knob that shifts the pump's own control holds, and how often it may be written."""
        knob = self._p.stages.machine.knob
        if knob is None or knob.capability in DIRECT | LIMITS:
            return None, None
        actuator = self._p.actuator
        return await actuator.current(knob.capability), actuator.writes_left(knob.capability, at)

    async def _tank_now(self, at: datetime) -> TankNow | None:
        """The tank and its knob as they are; None: not ours, or not known."""
        knob, tank = self._p.stages.machine.tank_knob, self._experience.tank
        sensor_c = None if tank is None else tank.sensor_c(at)
        if knob is None or tank is None or tank.now is None or sensor_c is None:
            return None
        actuator, config = self._p.actuator, self._p.stages.config
        return TankNow(
            sensor_c=sensor_c,
            mean_c=tank.now.mean_c,
            current=await actuator.current(knob.capability),
            writes_left=actuator.writes_left(knob.capability, at),
            short=runs_short(tank, at=at, section=config.hot_water, zone=config.zone),
        )

    def _keep(self, kind: str, value: Plan | Known | PlanRequest | Building, at: datetime) -> str:
        """Record a large value once; the hash names it."""
        kept = self._kept.get(kind)
        if kept is not None and kept[0] is value:
            return kept[1]
        name = self._p.recorder.keep(kind, CODECS[kind].dump_json(value).decode(), at)
        self._kept[kind] = (value, name)
        return name

    def _save_belief(self, record: StepRecord) -> None:
        if self._saved_at is None or record.at - self._saved_at >= BELIEF_EVERY:
            with self._p.store.learned_together():
                self._p.store.save_belief(record.belief)
                self._p.store.save_value("experience", EXPERIENCE, self._experience)
            self._saved_at = record.at
            self._take_up_learned()

    def _keep_used(self, memory: Memory) -> None:
        """Before the next command: whoever is killed then must not start or block again."""
        if forgets(self._used, memory):
            self._used = carried(memory)
            self._p.store.save_value("guard", MEMORY, self._used)

    def _learned_hash(self, at: datetime) -> str | None:
        """Names the learned building that this cycle works with."""
        lesson = self._p.stages.lesson
        return None if lesson is None else self._keep("building", lesson.building, at)

    def _take_up_learned(self) -> None:
        """A house learned or rolled back meanwhile holds from the next cycle on."""
        lessons = self._p.store.value(LEARNED, LESSONS)
        stages = self._p.stages if lessons is None else self._p.stages.taught(lessons)
        if stages is not self._p.stages:
            version = "day one" if stages.lesson is None else f"version {stages.lesson.version}"
            log.info("the house model is now that of %s", version)
            self._p = replace(self._p, stages=stages)
            self._hurry()

    async def _run_fast(self) -> None:
        """The one-second loop beside the cycles; whatever happens to it, they go on without."""
        if not self._p.duties:
            return
        try:
            await self._fast.run()
        except Exception as error:
            log.exception("the one-second loop has failed: the cycle takes the power limit back")
            self._fast.fail(f"{type(error).__name__}: {error}")

    # What the owner's channel may ask of the loop.

    @property
    def wishes(self) -> Wishes:
        """The owner's will in force."""
        return self._wishes

    @property
    def last(self) -> StepRecord | None:
        """The latest finished cycle."""
        return self._before

    def change_wishes(self, wishes: Wishes) -> None:
        """Take up a new will of the owner at once, and durably."""
        self._wishes = wishes
        self._p.store.save_wishes(wishes)
        self._hurry()

    def _hurry(self) -> None:
        if self._p.planning is not None:
            self._p.planning.hurry()

    async def hand_back(self) -> bool:
        """Give the pump back; True when nothing of ours is left on it."""
        async with self._hands:
            self._fast.forget("the pump is handed back")
            return await let_go(self._p.actuator, self._p.clock)

    def resume(self) -> None:
        """Knobs left to somebody else may be used again."""
        self._p.actuator.take_up_again()


CODECS: Mapping[str, TypeAdapter[Any]] = {
    "plan": PLAN,
    "request": REQUEST,
    "forecast": KNOWN,
    "building": LEARNED_BUILDING,
}


def _notes(*texts: str | None) -> tuple[str, ...]:
    return tuple(text for text in texts if text is not None)
