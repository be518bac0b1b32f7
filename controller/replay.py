"""Run recorded steps again through the pure stages and report every difference.

The plan is an input, so a replay needs no solver; `replan` asks the solver again and compares.
Records of an earlier version keep the belief that they hold: it was estimated otherwise then.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from controller.config import MOST_STEPS, HouseConfig
from controller.learned import LEARNED_BUILDING
from controller.model import house_model
from controller.planner import PLAN, REQUEST
from controller.recorder import Records
from controller.records import LONGEST_REASON, UNREADABLE, VERSION, StepRecord
from controller.stages import Stages, previous_of, settings_of
from controller.step import GridKnobs, machine
from drivers.api import Knob
from mpc.answer import solve_request
from mpc.building import Building
from mpc.plan import Plan, PlanRequest, PlanResult, Solved

TOLERANCE = 1e-9
"""Across architectures and library builds; on the recording machine the difference is zero."""


LONGEST_MESSAGE = 600
"""Characters: what is quoted of damaged records may be of any length."""


class ReplayError(ValueError):
    """The records cannot be replayed; the message says why, in few words."""

    def __init__(self, why: str) -> None:
        super().__init__(why if len(why) <= LONGEST_MESSAGE else f"{why[:LONGEST_MESSAGE]}…")


@dataclass(frozen=True, slots=True)
class Difference:
    """One output that came out otherwise."""

    at: datetime
    stage: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replanned:
    """One plan made again from its recorded request."""

    at: datetime
    recorded_cost: float | None  # None: no plan was made from it then
    replanned_cost: float | None  # None: it cannot be solved now


def recorded_config(records: Records) -> HouseConfig:
    """The newest configuration among the records."""
    text = records.latest("config")
    if text is None:
        raise ReplayError("there is no configuration among the records")
    return _config(text)


def replay(
    records: Records,
    knob_of: Callable[[HouseConfig], Knob | None],
    tank_knob_of: Callable[[HouseConfig], Knob | None] = lambda _: None,
    grid_knobs_of: Callable[[HouseConfig], GridKnobs | None] = lambda _: None,
) -> Iterator[Difference | None]:
    """For every recorded step: None when all stages agree, else the first difference.

    Each step runs under the settings it was made with; the other three tell the pump's knobs for
    heat, for hot water and for the grid operator's limit.
    Raises `ReplayError` or `RecordError` when something the steps build on is gone.
    """
    stages: Stages | None = None
    plan: Plan | None = None
    before: StepRecord | None = None
    for record in records.records():
        if stages is None or before is None or _made_otherwise(before, record):
            config = _settings(records, record)
            knobs = machine(config, knob_of(config), tank_knob_of(config), grid_knobs_of(config))
            stages = Stages(config, house_model(config, _learned(records, record)), knobs)
        if before is None or record.plan_hash != before.plan_hash:
            plan = _plan(records, record.plan_hash)
        yield _run_again(stages, before if record.continues else None, record, plan)
        before = record


def _settings(records: Records, record: StepRecord) -> HouseConfig:
    if record.config_hash is None:
        raise ReplayError(f"the record of {record.at} does not name its settings")
    return _config(_kept(records, "settings", record.config_hash))


def _made_otherwise(before: StepRecord, record: StepRecord) -> bool:
    """Whether settings or house model changed between two cycles."""
    return (before.config_hash, before.learned_hash) != (record.config_hash, record.learned_hash)


def _learned(records: Records, record: StepRecord) -> Building | None:
    """The learned building a cycle worked with; None: that of day one."""
    if record.learned_hash is None:
        return None
    try:
        return LEARNED_BUILDING.validate_json(_kept(records, "building", record.learned_hash))
    except ValidationError as error:
        raise ReplayError(f"building {record.learned_hash} cannot be read: {error}") from error


def _plan(records: Records, name: str | None) -> Plan | None:
    if name is None:
        return None
    try:
        return PLAN.validate_json(_kept(records, "plan", name))
    except ValidationError as error:
        raise ReplayError(f"plan {name} cannot be read: {error}") from error


def _config(text: str) -> HouseConfig:
    try:
        return HouseConfig.model_validate_json(text)
    except ValidationError as error:
        raise ReplayError(f"the recorded settings cannot be read: {error}") from error


def _kept(records: Records, kind: str, name: str) -> str:
    text = records.content(name)
    if text is None:
        raise ReplayError(f"{kind} {name} is not among the records")
    return text


def _run_again(
    stages: Stages, before: StepRecord | None, record: StepRecord, plan: Plan | None
) -> Difference | None:
    """One step; a record in its form can still hold what no cycle has written."""
    try:
        return _step(stages, before, record, plan)
    except UNREADABLE as error:
        why = repr(error)[:LONGEST_REASON]
        raise ReplayError(f"the record of {record.at} cannot be run again: {why}") from error


def _step(
    stages: Stages, before: StepRecord | None, record: StepRecord, plan: Plan | None
) -> Difference | None:  # fmt: skip
    snapshot = record.snapshot
    memory = replace(record.memory, settings=None)  # the first one was carried over a restart
    if before is not None:
        memory = stages.remember(before.memory, snapshot)
    belief = record.belief
    if before is not None and before.version == record.version == VERSION:
        belief = stages.estimate(
            snapshot,
            previous=previous_of(before, record.learned_hash, record.opening),
            restored=None,
            memory=memory,
            target=record.target,
            ghi_w_per_m2=record.ghi_w_per_m2,
            outdoor_forecast_c=record.outdoor_forecast_c,
            wind_m_s=record.wind_m_s,
        )
    wanted = stages.decide(
        snapshot,
        plan=plan,
        belief=belief,
        memory=memory,
        current=record.current,
        writes_left=record.writes_left,
        released=record.released,
        tank=record.tank,
    )
    verdict = stages.guard(
        wanted, snapshot=snapshot, belief=belief, memory=memory, target=record.target
    )
    memory = replace(memory, settings=settings_of(verdict))
    pairs = (
        ("estimate", record.belief, belief),
        ("decide", record.wanted, wanted),
        ("guard", record.verdict, verdict),
        ("memory", record.memory, memory),
    )
    for stage, recorded, replayed in pairs:
        if not same(recorded, replayed):
            return Difference(record.at, stage, repr(recorded), repr(replayed))
    return None


def same(left: object, right: object) -> bool:
    """Equal, numbers up to `TOLERANCE` (relative above 1)."""
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= TOLERANCE * max(1.0, abs(left))
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    names = getattr(type(left), "__dataclass_fields__", None)
    if names is not None and type(left) is type(right):
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    return left == right


def _solved_again(request: PlanRequest, held: Plan | None) -> PlanResult:
    if len(request.horizon.outdoor_c) > MOST_STEPS:
        raise ReplayError(f"the request of {request.made_at} has more than {MOST_STEPS} steps")
    try:
        return solve_request(request, held)
    except UNREADABLE as error:
        why = repr(error)[:LONGEST_REASON]
        raise ReplayError(f"the request of {request.made_at} makes no sense: {why}") from error


def replan(records: Records) -> Iterator[Replanned]:
    """Every recorded request solved again, beside the plan that was made from it then.

    Beside the request, the plan before it decides whether the near hours stay as they were; after
    a restart there was none, so that there the plans may differ by what a change must gain.
    """
    plans = [PLAN.validate_json(text) for text in records.contents("plan")]
    made = {plan.made_at: plan for plan in plans if plan.source == "mpc"}
    held: Plan | None = None
    for text in records.contents("request"):
        request = REQUEST.validate_json(text)
        result = _solved_again(request, held)
        cost = result.plan.cost if isinstance(result, Solved) else None
        recorded = made.get(request.made_at)
        yield Replanned(request.made_at, None if recorded is None else recorded.cost, cost)
        held = recorded or held
