"""The pure stages of a cycle for one house; the loop calls them, replay calls them again. Pure."""

from dataclasses import dataclass, replace

from controller.actuation import DIRECT, LIMITS, rest_setting
from controller.config import HouseConfig
from controller.estimate import Belief, believe, first_belief, opened, opens
from controller.grid_hold import held
from controller.guard import Memory, Refused, Settings, Verdict, Wanted, judge, remember
from controller.guard_rules_grid import within_grid_limit
from controller.guard_types import Situation
from controller.hot_water_steering import TankNow, hot_water_settings, with_hot_water
from controller.learned import Lesson, Lessons
from controller.model import HouseModel, house_model
from controller.records import StepRecord
from controller.savings_days import COMPARISON, compares
from controller.snapshot import Snapshot
from controller.step import Machine, decide, limits
from controller.wishes import Target
from drivers.api import Capability
from mpc.plan import Estimate, Plan


@dataclass(frozen=True, slots=True)
class Previous:
    """What the cycle before left for this one."""

    snapshot: Snapshot
    belief: Belief
    planned_heat_w: float | None
    another_house: bool  # its belief is about a house model that is no longer in force
    opening: Estimate | None = None  # what that of now believes, having followed the records


def previous_of(
    record: StepRecord | None, learned_hash: str | None, opening: Estimate | None = None
) -> Previous | None:
    """The part of a record that the next cycle, with this learned building, builds on."""
    if record is None:
        return None
    changed = record.learned_hash != learned_hash
    opening = opening if changed and opens(opening, record.at) else None
    return Previous(record.snapshot, record.belief, record.wanted.heat_w, changed, opening)


@dataclass(frozen=True, slots=True)
class Stages:
    """Estimate, decide and guard, bound to one house."""

    config: HouseConfig
    model: HouseModel
    machine: Machine
    lesson: Lesson | None = None  # whose building the model is; None: that of day one
    opening: Estimate | None = None  # what the model believed on the night it came into force

    def taught(self, lessons: Lessons) -> "Stages":
        """With the house model of the lesson in force; the same stages where nothing changed."""
        lesson = lessons.in_force(self.config)
        if lesson == self.lesson:
            return self
        learned = None if lesson is None else lesson.building
        opening = None if self.config.house.second_zone else lessons.opening
        model = house_model(self.config, learned)
        return replace(self, model=model, lesson=lesson, opening=opening)

    def _learned_since(self, restored: Belief | None) -> bool:
        """Whether the lesson in force is newer than a belief from before a restart."""
        if self.lesson is None or restored is None:
            return False
        return restored.estimate.at < self.lesson.learned_at

    def remember(self, memory: Memory, snapshot: Snapshot) -> Memory:
        """What the guard remembers after this look."""
        knob = self.machine.knob
        ours = knob is not None and knob.capability in DIRECT | LIMITS
        resting = {knob.capability: rest_setting(knob)} if knob is not None and ours else {}
        sg_ready = knob is not None and knob.capability is Capability.SG_READY
        now = remember(memory, snapshot, resting, sg_ready=sg_ready)
        return replace(now, grid=held(memory.grid, snapshot, self.config.comfort.frost_c))

    def estimate(
        self,
        snapshot: Snapshot,
        *,
        previous: Previous | None,
        restored: Belief | None,
        memory: Memory,
        target: Target,
        ghi_w_per_m2: float,
        outdoor_forecast_c: float | None,
        wind_m_s: float | None = None,
    ) -> Belief:
        """What is believed of the house now."""
        if previous is None:
            return first_belief(
                snapshot, self.model, restored, another_house=self._learned_since(restored)
            )
        belief = previous.belief
        if previous.another_house:
            if previous.opening is None:
                return first_belief(snapshot, self.model, belief, another_house=True)
            belief = opened(belief, previous.opening)
        return believe(
            belief,
            before=previous.snapshot,
            now=snapshot,
            model=self.model,
            planned_heat_w=previous.planned_heat_w,
            ghi_w_per_m2=ghi_w_per_m2,
            outdoor_forecast_c=outdoor_forecast_c,
            wind_m_s=wind_m_s,
            target_c=target.room_c,
            running_s=running_s(memory, snapshot),
            asked_flow_c=(memory.settings or {}).get(Capability.FLOW_SETPOINT),
            least_frac=self.machine.modulation_min_frac,
        )

    def decide(
        self,
        snapshot: Snapshot,
        *,
        plan: Plan | None,
        belief: Belief,
        memory: Memory,
        current: float | None,
        writes_left: float | None,
        released: bool,
        tank: TankNow | None = None,
    ) -> Wanted:
        """What to ask of the pump; nothing while the owner has released it."""
        if released:
            return Wanted({}, None, None, "none", "released by the owner")
        if compares(snapshot.at, self.config):
            return Wanted({}, None, None, "none", COMPARISON)
        if self.config.control.strategy == "heating-curve":
            return Wanted({}, None, None, "none", "the pump's own heating curve is the strategy")
        wanted = decide(
            snapshot,
            plan=plan,
            belief=belief,
            memory=memory,
            model=self.model,
            machine=self.machine,
            current=current,
            writes_left=writes_left,
        )
        section, knob = self.config.hot_water, self.machine.tank_knob
        wish = hot_water_settings(plan, snapshot, tank, section=section, knob=knob)
        return with_hot_water(wanted, wish, self.machine.knob) if section.enabled else wanted

    def guard(
        self, wanted: Wanted, *, snapshot: Snapshot, belief: Belief, memory: Memory, target: Target
    ) -> Verdict:
        """What may be asked of it; the grid operator's limit binds whatever comes out."""
        bounds = limits(
            snapshot,
            belief=belief,
            model=self.model,
            machine=self.machine,
            config=self.config,
            target=target,
        )
        verdict = judge(wanted, snapshot, memory, bounds)
        return within_grid_limit(verdict, Situation(snapshot, memory, bounds))


def settings_of(verdict: Verdict) -> Settings | None:
    """The settings a verdict lets through."""
    return None if isinstance(verdict, Refused) else verdict.settings


def running_s(memory: Memory, snapshot: Snapshot) -> float:
    """How long the compressor has been running; 0 when it rests or that is not known."""
    if not memory.compressor_on or memory.since is None:
        return 0.0
    return (snapshot.at - memory.since).total_seconds()
