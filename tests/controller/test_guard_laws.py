"""The guard: laws that hold for every wish, every moment and every order of them."""

from dataclasses import replace
from datetime import datetime, timedelta

from guarded import (
    AT,
    FLOW,
    FLOW_KNOB,
    HEALTHY,
    LIMITS,
    OFFSET_KNOB,
    POWER,
    heat,
    rest,
    snapshot,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.guard import (
    Allowed,
    Altered,
    Limits,
    Memory,
    Refused,
    Wanted,
    judge,
    remember,
)
from controller.snapshot import Snapshot
from drivers.api import Capability, OperatingState, Signal

SG = Capability.SG_READY
SG_LIMITS = replace(
    LIMITS,
    knob=replace(FLOW_KNOB, capability=SG, minimum=1.0, maximum=4.0, resolution=1.0),
    rest_value=1.0,
    run_value=2.0,
    frost_value=4.0,
)
values = st.floats(-100.0, 100.0) | st.just(float("nan"))
temperatures = st.floats(-30.0, 70.0)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Wanted, Snapshot, Memory, Limits]:
    """Anything the stages before may bring, and devices may say."""
    knob = draw(st.sampled_from([FLOW_KNOB, OFFSET_KNOB, None]))
    capability = FLOW if knob is None else knob.capability
    wishes = draw(
        st.dictionaries(st.sampled_from([capability, POWER]), values, min_size=1, max_size=2)
    )
    readings = {
        signal: draw(st.none() | strategy)
        for signal, strategy in {
            Signal.FLOW_C: temperatures,
            Signal.ROOM_C: temperatures,
            Signal.ALARM: st.sampled_from([0.0, 7.0]),
            Signal.OPERATING_STATE: st.sampled_from([float(state) for state in OperatingState]),
            Signal.DEFROSTING: st.sampled_from([0.0, 1.0]),
        }.items()
    }
    seen = snapshot({signal: v for signal, v in readings.items() if v is not None})
    since = draw(st.none() | st.integers(0, 3600).map(lambda s: AT - timedelta(seconds=s)))
    # what the guard let through before kept the limits then in force; these may be narrower now
    before = draw(st.none() | st.floats(-100.0, 100.0).map(lambda v: {capability: v}))
    memory = Memory(draw(st.none() | st.booleans()), since, before)
    steered = draw(st.floats(-3.0, 60.0))
    limits = replace(
        LIMITS,
        knob=knob,
        rest_value=draw(st.none() | st.just(steered)),
        run_value=draw(st.none() | st.just(steered)),
        frost_value=draw(st.none() | st.just(steered)),
        flow_max_c=draw(st.floats(10.0, 75.0)),
        power_max_w=draw(st.none() | st.floats(1.0, 9000.0)),
    )
    run = draw(st.none() | st.booleans())
    return Wanted(wishes, run, None, "mpc", "any"), seen, memory, limits


@settings(max_examples=80, deadline=None)
@given(situations())
def test_whatever_is_wanted_the_output_keeps_every_bound(
    case: tuple[Wanted, Snapshot, Memory, Limits],
) -> None:
    wanted, seen, memory, limits = case
    verdict = judge(wanted, seen, memory, limits)
    if isinstance(verdict, Refused):
        assert all(verdict.reasons)
        return
    assert verdict.settings.get(FLOW, 0.0) <= limits.flow_max_c
    if limits.power_max_w is not None:
        assert verdict.settings.get(POWER, 0.0) <= limits.power_max_w
    knob = limits.knob
    if knob is not None and knob.capability in verdict.settings:
        value = verdict.settings[knob.capability]
        assert knob.minimum <= value <= knob.maximum
        if knob.safe_minimum is not None and knob.safe_maximum is not None:
            assert knob.safe_minimum <= value <= knob.safe_maximum


@settings(max_examples=80, deadline=None)
@given(situations())
def test_judging_the_output_again_changes_nothing_more(
    case: tuple[Wanted, Snapshot, Memory, Limits],
) -> None:
    wanted, seen, memory, limits = case
    verdict = judge(wanted, seen, memory, limits)
    if isinstance(verdict, Refused):
        return
    again = judge(replace(wanted, settings=verdict.settings), seen, memory, limits)
    assert not isinstance(again, Refused)
    assert again.settings == verdict.settings


@settings(max_examples=80, deadline=None)
@given(situations())
def test_reasons_say_what_was_done_and_nothing_else_is_altered(
    case: tuple[Wanted, Snapshot, Memory, Limits],
) -> None:
    wanted, seen, memory, limits = case
    match judge(wanted, seen, memory, limits):
        case Allowed(unchanged):
            assert unchanged == wanted.settings
        case Altered(_, reasons) | Refused(reasons):
            assert reasons
            assert all(len(reason) > 10 and reason == reason.strip() for reason in reasons)


class ObedientCompressor(RuleBasedStateMachine):
    """A compressor that follows the set-point once it has stood for its reaction time.

    Wishes come in any order and at any spacing; what the pump does is what the guard lets through.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = AT
        self.reaction = timedelta(0)
        self.on = False
        self.changed_at: datetime | None = None
        self.asked = False  # by the last settings that were let through
        self.asked_at = AT
        self.memory = Memory()
        self.too_short: list[str] = []

    @rule(seconds=st.integers(0, 400))
    def pump_reacts_slower(self, seconds: int) -> None:
        self.reaction = timedelta(seconds=seconds)

    @rule(
        run=st.booleans(),
        flow_c=st.floats(16.0, 60.0),
        room_c=st.floats(15.0, 30.0),
        cycles=st.integers(1, 12),
    )
    def wish(self, run: bool, flow_c: float, room_c: float, cycles: int) -> None:
        wanted = heat(flow_c) if run else rest()
        for _ in range(cycles):
            self._pass_a_minute()
            hz = 40.0 if self.on else 0.0
            seen = snapshot({**HEALTHY, Signal.COMPRESSOR_HZ: hz, Signal.ROOM_C: room_c}, self.at)
            self.memory = remember(self.memory, seen)
            verdict = judge(wanted, seen, self.memory, LIMITS)
            assert not isinstance(verdict, Refused)
            self.memory = replace(self.memory, settings=verdict.settings)
            asked = verdict.settings[FLOW] > LIMITS.rest_value
            if asked != self.asked:
                self.asked, self.asked_at = asked, self.at

    def _pass_a_minute(self) -> None:
        end_at = self.at + timedelta(minutes=1)
        obeys_at = max(self.asked_at + self.reaction, self.at)
        if self.asked != self.on and obeys_at < end_at:
            least_s = LIMITS.minimum_run_s if self.on else LIMITS.minimum_off_s
            if self.changed_at is not None:
                lasted_s = (obeys_at - self.changed_at).total_seconds()
                if lasted_s < least_s:
                    self.too_short.append(f"{'ran' if self.on else 'rested'} {lasted_s} s")
            self.on, self.changed_at = self.asked, obeys_at
        self.at = end_at

    @invariant()
    def every_run_and_every_rest_was_long_enough(self) -> None:
        assert not self.too_short


TestNoWishesBreakRunOrOffTimes = ObedientCompressor.TestCase
TestNoWishesBreakRunOrOffTimes.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None
)


def test_a_pump_is_never_blocked_for_more_than_two_hours_in_any_day() -> None:
    memory, at, blocked = Memory(False, AT - timedelta(days=1)), AT, []
    for _ in range(3 * 24 * 12):
        at += timedelta(minutes=5)
        now = snapshot({**HEALTHY, Signal.COMPRESSOR_HZ: 0.0}, at)
        memory = remember(memory, now)
        verdict = judge(Wanted({SG: 1.0}, False, 0.0, "mpc", "rest"), now, memory, SG_LIMITS)
        assert not isinstance(verdict, Refused)
        memory = replace(memory, settings=verdict.settings)
        blocked.append(verdict.settings[SG] == 1.0)
    a_day = 24 * 12
    most = max(sum(blocked[start : start + a_day]) for start in range(len(blocked) - a_day))
    assert 60 < 5 * most <= 120
