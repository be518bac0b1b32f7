"""How fast the pump follows its power limit: a few agreed steps, seen by a meter every second.

The limit goes down and up between two values inside the guard's bounds while the compressor heats
the rooms; nothing is written without the owner's consent, and the knob is handed back whatever
happens. Every ten seconds the whole house is looked at, and where the guard lets nothing through
any more the steps end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, median
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from controller.acceptance import how_to_accept
from controller.act import Actuator, NotApplied, let_go
from controller.actuation import DIRECT, in_range
from controller.commission import Consent, Site
from controller.estimate import first_belief
from controller.fast_bounds import Barred, Bounds, Look, Standing, standing
from controller.frequency_arming import unfit
from controller.guard import Memory, Refused, Verdict, Wanted
from controller.pump_power import power_range
from controller.qualify import Duty, Response, knob_refusals
from controller.sense import sense
from controller.stages import Stages, settings_of
from controller.store import Store
from controller.wishes import Wishes, target
from drivers.api import Capability, Device, Knob, Sample, Signal, WriteClass
from mpc.step_response import Followed, NotFollowed, StepResponse, step_response

KNOB = Capability.POWER_LIMIT
KEY = "knob_pace"

STEPS = 4  # down, up, down, up
BEFORE_S, HOLD_S = 60.0, 120.0
"""Watched before the first step, and after each: a minute of dead time still shows."""

SHOWN_S = 30.0
"""Of the level before a step goes into its fit."""

LOOK_EVERY_S = 10.0
HELD_W = 50.0
"""The upper limit lies so far below what the pump draws by itself, so that it is what holds it."""

LEAST_STEP_W = 200.0
"""A smaller step is lost in what a compressor does by itself."""

WARMER_K = 8.0
"""So much above its flow the pump is asked for, for the ten minutes."""

SELDOM_S = 1.5
"""A meter that says something new more seldom than this cannot show a second."""

AT_ONCE = Response(latency_s=0.0, ramp_frac_per_s=1.0, w_per_unit=1.0)
"""What is wrong with a knob however fast the pump follows it."""


@dataclass(frozen=True, slots=True)
class Second:
    """One new reading of the meter, and the limit that was written then; None: none."""

    at: datetime
    power_w: float
    limit_w: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What came of the steps."""

    measured_at: datetime
    every_s: float  # between two new readings
    full_w: float  # electricity of the pump at its highest speed, as its map has it
    steps: tuple[StepResponse, ...]

    @property
    def followed(self) -> tuple[Followed, ...]:
        """The steps that were answered."""
        return tuple(step for step in self.steps if isinstance(step, Followed))

    @property
    def latency_s(self) -> float | None:
        """From a write to the first change, the slowest of all steps; None: not all followed."""
        if len(self.followed) < len(self.steps):
            return None
        return max(step.dead_s for step in self.followed)


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Nothing was measured, and why."""

    reasons: tuple[str, ...]


Measured: TypeAlias = tuple[Pace, tuple[Second, ...]] | NotMeasured

_PACE = TypeAdapter(Pace)


def pace_before(store: Store) -> Pace | None:
    """The last one that was kept."""
    text = store.text(KEY)
    try:
        return None if text is None else _PACE.validate_json(text)
    except ValidationError:
        return None  # of another version


def keep_pace(store: Store, pace: Pace) -> None:
    """For later questions."""
    store.save_text(KEY, _PACE.dump_json(pace).decode())


def response_of(pace: Pace, duty: Duty, capacity_w: float) -> Response:
    """As the duty counts it: the slowest step, of a capacity; for a held peak the way down alone.

    What was seen is taken for as slow as it can be: as a ramp in watts where the capacity is larger
    than the step, as a duration where it is smaller.
    """
    latency_s = pace.latency_s
    if latency_s is None:
        return Response()
    held = duty is Duty.PEAK
    whole_w = pace.full_w if held else capacity_w
    ramps = [
        min(abs(step.change_w) / whole_w, 1.0) / step.ramp_s
        for step in pace.followed
        if step.change_w < 0.0 or not held
    ]
    return Response(
        latency_s=latency_s, ramp_frac_per_s=round(min(ramps), 4) if ramps else None, w_per_unit=1.0
    )


def refusals(pace: Pace, knob: Knob, duty: Duty, capacity_w: float) -> tuple[str, ...]:
    """Why the knob may not serve this duty with this pace; empty: it qualifies."""
    missed = [step.reason for step in pace.steps if isinstance(step, NotFollowed)]
    if missed:
        return (f"not every step was followed: {missed[0]}",)
    response = response_of(pace, duty, capacity_w)
    return knob_refusals(duty, knob, response, capacity_w=capacity_w)


async def measure(site: Site, stages: Stages, consent: Consent, *, step_w: float) -> Measured:
    """Make the steps, or say why not. The machine of `stages` names the knob."""
    ready = await _ready(site, stages, step_w)
    if isinstance(ready, NotMeasured):
        return ready
    knob, meter = ready
    bench = _Bench(site, stages, meter)
    found = await bench.watch(BEFORE_S)
    if isinstance(found, Barred):
        return NotMeasured(found.reasons)
    levels = _levels(knob, found, bench.seconds, step_w)
    if isinstance(levels, NotMeasured):
        return levels
    low_w, high_w = levels
    question = f"Move {KNOB} between {low_w:g} and {high_w:g} W for ten minutes"
    if bench.warm:
        question += f" while {_warm_words(bench.warm)} is asked"
    question += ", then hand everything back?"
    if not consent.to(question, given=KNOB in consent.steps):
        return NotMeasured(("not agreed to",))
    return await _stepped(bench, levels)


async def _ready(site: Site, stages: Stages, step_w: float) -> tuple[Knob, Device] | NotMeasured:
    """What is moved and what is read."""
    knob = stages.machine.power_knob
    if knob is None:
        return NotMeasured(("this pump takes no limit of power in watts",))
    if reasons := knob_refusals(Duty.PEAK, knob, AT_ONCE, capacity_w=step_w):
        return NotMeasured(reasons)
    if KNOB not in site.accepted:
        return NotMeasured((how_to_accept([*site.accepted, KNOB]),))
    for device in site.outside.devices:
        if device is not site.outside.pump:
            answer = (await device.read()).get(Signal.METER_POWER_W)
            if isinstance(answer, Sample):
                return knob, device
    return NotMeasured(("no meter of the pump answers: [meter]",))


def _levels(
    knob: Knob, bounds: Bounds, seconds: Sequence[Second], step_w: float
) -> tuple[float, float] | NotMeasured:
    """The two limits (W) between which the steps go."""
    if not seconds:
        return NotMeasured(("the meter is silent",))
    power_w = fmean(second.power_w for second in seconds)
    high_w = in_range(knob, min(bounds.most_w, power_w - HELD_W))
    low_w = in_range(knob, max(bounds.least_w, high_w - step_w))
    if high_w - low_w < LEAST_STEP_W:
        return NotMeasured(
            (
                f"the pump draws {power_w:.0f} W and needs {bounds.least_w:.0f} W to run on: "
                f"there is no room for a step of {LEAST_STEP_W:.0f} W; try again on a colder day",
            )
        )
    return low_w, high_w


def _warm_words(warm: Mapping[Capability, float]) -> str:
    return " and ".join(f"{capability} {value:g}" for capability, value in warm.items())


async def _stepped(bench: "_Bench", levels: tuple[float, float]) -> Measured:
    low_w, high_w = levels
    actuator = Actuator(bench.site.outside.pump, bench.site.store, may_write=[KNOB, *bench.warm])
    if actuator.holds_the_pump and not await let_go(actuator, bench.site.clock):
        return NotMeasured(("an earlier step is not put back yet: heatherd release",))
    limits_w = [high_w, *((low_w, high_w) * (STEPS // 2))]
    begins: list[datetime] = []
    try:
        for limit_w in limits_w:
            begins.append(bench.site.clock.now())
            ended = await bench.hold(actuator, limit_w)
            if isinstance(ended, Barred):
                return NotMeasured(ended.reasons)
    finally:
        free = await let_go(actuator, bench.site.clock)
    if not free:
        return NotMeasured(("the knob is not handed back yet: run heatherd release",))
    seconds = bench.seconds
    steps = tuple(
        _fitted(seconds, at, now_w - before_w)
        for at, (before_w, now_w) in zip(begins[1:], pairwise(limits_w), strict=True)
    )
    every_s = median((b.at - a.at).total_seconds() for a, b in pairwise(seconds))
    pace = Pace(measured_at=begins[0], every_s=every_s, full_w=bench.full_w, steps=steps)
    return pace, tuple(seconds)


def _fitted(seconds: Sequence[Second], at: datetime, asked_w: float) -> StepResponse:
    first, last = at - timedelta(seconds=SHOWN_S), at + timedelta(seconds=HOLD_S)
    seen = [second for second in seconds if first <= second.at <= last]
    times = [(second.at - at).total_seconds() for second in seen]
    return step_response(times, [second.power_w for second in seen], asked_w)


class _Bench:
    """The house while it is measured."""

    def __init__(self, site: Site, stages: Stages, meter: Device) -> None:
        self.site = site
        self.seconds: list[Second] = []
        self._stages = stages
        self._meter = meter
        self._memory = Memory()
        self._verdict: Verdict = Refused(("the house has not been looked at",))
        self._flow_c: float | None = None
        self.full_w = 0.0
        self.warm: Mapping[Capability, float] = {}

    async def watch(self, span_s: float) -> Standing:
        """Read the meter every second; the guard's word at the end, or as soon as it is no."""
        word = await self._live(span_s, None)
        self.warm = self._warm()
        return word

    async def hold(self, actuator: Actuator, limit_w: float) -> Standing:
        """Write the limit and keep it until the next one."""
        return await self._live(HOLD_S, (actuator, limit_w))

    async def _live(self, span_s: float, held: tuple[Actuator, float] | None) -> Standing:
        clock = self.site.clock
        ends_at = clock.now() + timedelta(seconds=span_s)
        looked_at: datetime | None = None
        word: Standing = Barred(("the house has not been looked at",))
        while (at := clock.now()) < ends_at:
            if looked_at is None or (at - looked_at).total_seconds() >= LOOK_EVERY_S:
                looked_at, word = at, await self._word(None if held is None else held[1])
                if isinstance(word, Barred):
                    return word
                if held is not None:
                    outcome = await held[0].apply(self._verdict, at)
                    if isinstance(outcome, NotApplied):
                        return Barred((outcome.reason,))
            await clock.sleep_until(at + timedelta(seconds=1))
            await self._read(None if held is None else held[1])
        return word

    def _warm(self) -> Mapping[Capability, float]:
        """A little more heat than now, so that it is the limit that holds the pump: by a set-point
        of its water that is volatile. Without one the way up shows what the pump does by itself."""
        machine = self._stages.machine
        knob, flow_c = machine.knob, self._flow_c
        if knob is None or flow_c is None or knob.capability not in DIRECT:
            return {}
        if knob.write_class is not WriteClass.VOLATILE or knob.capability not in self.site.accepted:
            return {}
        return {knob.capability: in_range(knob, min(flow_c + WARMER_K, machine.flow_max_c))}

    async def _read(self, limit_w: float | None) -> None:
        answer = (await self._meter.read()).get(Signal.METER_POWER_W)
        if not isinstance(answer, Sample):
            return
        if not self.seconds or answer.at > self.seconds[-1].at:
            self.seconds.append(Second(answer.at, answer.value, limit_w))

    async def _word(self, limit_w: float | None) -> Standing:
        """Inside which bounds the limit may be moved now, by the guard."""
        site, stages = self.site, self._stages
        snapshot = await sense(
            site.outside.devices, at=site.clock.now(), before=None, stale_s={},
            grid=site.outside.grid,
        )  # fmt: skip
        self._memory = stages.remember(self._memory, snapshot)
        knob = stages.machine.power_knob
        asked = (knob.maximum if knob else 0.0) if limit_w is None else limit_w
        settings = {KNOB: asked, **self.warm}
        wanted = Wanted(settings, None, None, "steps", "steps to measure its pace")
        belief = first_belief(snapshot, stages.model, None)
        wish = target(Wishes(), stages.config.comfort, snapshot, snapshot.at)
        verdict = stages.guard(
            wanted, snapshot=snapshot, belief=belief, memory=self._memory, target=wish
        )
        look = Look(
            stages=stages, snapshot=snapshot, belief=belief, memory=self._memory, target=wish,
            plan=None, verdict=verdict, writes=True,
        )  # fmt: skip
        self._memory = replace(self._memory, settings=settings_of(verdict))
        self._verdict, self._flow_c = verdict, snapshot.value(Signal.FLOW_C)
        lowest_frac = stages.machine.modulation_min_frac
        self.full_w = power_range(snapshot, stages.model, lowest_frac).most_w
        reasons = unfit(look)
        return Barred(reasons) if reasons else standing(look)
