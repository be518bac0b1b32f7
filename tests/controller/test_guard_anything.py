"""The guard: no sequence of wishes, readings, limits, clock steps, sleeps and restarts makes its
output illegal."""

from dataclasses import replace
from datetime import datetime, timedelta

from guarded import AT, FLOW, FLOW_KNOB, LIMITS, SG, SG_LIMITS, snapshot
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.grid_hold import Held, held
from controller.guard import (
    MEMORY,
    Altered,
    Memory,
    Purpose,
    Refused,
    Verdict,
    Wanted,
    carried,
    judge,
    remember,
)
from controller.guard_rules_grid import within_grid_limit
from controller.guard_types import Limits, Situation
from controller.snapshot import Snapshot
from drivers.api import OperatingState, Signal
from drivers.grid.limit import GridLimit, GridState

NAN = float("nan")
BOUNDS = replace(LIMITS, starts_per_hour=2, rise_k_per_min=10.0, return_max_c=45.0)
SG_BOUNDS = replace(SG_LIMITS, starts_per_hour=2, rise_k_per_min=10.0, return_max_c=45.0)
READINGS = {
    Signal.ROOM_C: st.floats(5.0, 28.0) | st.sampled_from([NAN, -127.0, 85.0, 8.0, 26.0]),
    Signal.FLOW_C: st.floats(15.0, 70.0) | st.sampled_from([NAN, 3276.7]),
    Signal.RETURN_C: st.floats(15.0, 50.0) | st.sampled_from([NAN, -3276.8]),
    Signal.DHW_C: st.floats(10.0, 65.0) | st.just(NAN),
    Signal.ALARM: st.sampled_from([0.0, 0.0, 0.0, 7.0]),
    Signal.OPERATING_STATE: st.sampled_from([*map(float, OperatingState), 77.0]),
}
DRAWN_W = 3000.0
"""By a compressor that runs; it follows no limit by itself."""


class Anything(RuleBasedStateMachine):
    """A pump that obeys at once and keeps to itself when it is handed back.

    `true_at` is the time that really passes, `clock` what the computer takes it for.
    """

    limits: Limits = BOUNDS

    def __init__(self) -> None:
        super().__init__()
        self.true_at = AT
        self.clock_off = timedelta(0)
        self.on = False
        self.changed_at: datetime | None = None
        self.memory = Memory()
        self.readings: dict[Signal, float] = {Signal.ROOM_C: 21.0, Signal.FLOW_C: 30.0}
        self.blocks: list[datetime] = []
        self.wrong: list[str] = []
        self.limit_w: float | None = None
        self.metered = True
        self.over_cycles = 0

    @rule(signal=st.sampled_from(list(READINGS)), data=st.data())
    def a_reading_changes_or_goes(self, signal: Signal, data: st.DataObject) -> None:
        value = data.draw(st.none() | READINGS[signal])
        self.readings.pop(signal, None)
        if value is not None:
            self.readings[signal] = value

    @rule()
    def all_is_well_again(self) -> None:
        self.readings = {Signal.ROOM_C: 21.0, Signal.FLOW_C: 30.0}

    @rule(limit_w=st.none() | st.sampled_from([0.0, 1000.0, 9000.0]), metered=st.booleans())
    def the_grid_operator_limits(self, limit_w: float | None, metered: bool) -> None:
        self.limit_w, self.metered = limit_w, metered

    @rule(step_s=st.sampled_from([-3600, -20, 20, 3600]))
    def the_clock_is_set(self, step_s: int) -> None:
        self.clock_off += timedelta(seconds=step_s)

    @rule(minutes=st.integers(1, 180))
    def the_computer_sleeps(self, minutes: int) -> None:
        """The pump does what it was asked, then what it wants."""
        self.true_at += timedelta(minutes=minutes)

    @rule(minutes=st.integers(0, 90))
    def the_service_is_restarted(self, minutes: int) -> None:
        """It hands the pump back before anything else; its memory was saved."""
        self.memory = MEMORY.validate_json(MEMORY.dump_json(carried(self.memory)))
        self.true_at += timedelta(minutes=minutes)

    @precondition(lambda self: self.limits.knob is FLOW_KNOB)
    @rule(
        run=st.booleans(),
        flow_c=st.floats(16.0, 90.0) | st.just(NAN),
        minutes=st.sampled_from([1, 2, 5, 20, 40]),
    )
    def a_flow_is_wished(self, run: bool, flow_c: float, minutes: int) -> None:
        value = flow_c if run else 15.0
        self._for(Wanted({FLOW: value}, run, None, "mpc", "any"), minutes)

    @precondition(lambda self: self.limits.knob is not FLOW_KNOB)
    @rule(state=st.sampled_from([0.0, 1.0, 1.0, 2.0, 3.0, 4.0, NAN]), minutes=st.integers(1, 180))
    def a_state_is_wished(self, state: float, minutes: int) -> None:
        self._for(Wanted({SG: state}, None, None, "mpc", "any"), minutes)

    def _for(self, wanted: Wanted, minutes: int) -> None:
        self.over_cycles = 0
        for _ in range(minutes):
            self.true_at += timedelta(minutes=1)
            self._cycle(wanted)

    def _cycle(self, wanted: Wanted) -> None:
        limits, before = self.limits, self.memory.settings
        seen = self._seen()
        grid = held(self.memory.grid, seen, limits.frost_c)
        sg_ready = limits.knob is SG_BOUNDS.knob
        now = remember(self.memory, seen, {FLOW: 15.0}, sg_ready=sg_ready)
        self.memory = replace(now, grid=grid)
        verdict = judge(wanted, seen, self.memory, limits)
        verdict = within_grid_limit(verdict, Situation(seen, self.memory, limits))
        self._check_limit(verdict, seen)
        if isinstance(verdict, Altered) and Purpose.DSO in verdict.forced.values():
            self.memory = replace(self.memory, settings=verdict.settings)
            self._obey(verdict.settings.get(FLOW, 0.0) > 15.0, ours=False)
            return
        if isinstance(verdict, Refused):
            self.memory = replace(self.memory, settings=None)
            self._obey(False, ours=False)
            return
        self.memory = replace(self.memory, settings=verdict.settings)
        ((capability, value),) = verdict.settings.items()
        room_c = self.readings[Signal.ROOM_C]
        if not -40.0 <= room_c <= 60.0:
            self.wrong.append(f"acts on a room of {room_c}")
        if capability is FLOW:
            self._check_flow(value, room_c, None if before is None else before[FLOW])
        else:
            self._check_state(value, room_c)

    def _seen(self) -> Snapshot:
        """What is measured now, with the limit in force."""
        values = {**self.readings, Signal.COMPRESSOR_HZ: 40.0 if self.on else 0.0}
        if self.metered:
            values[Signal.METER_POWER_W] = DRAWN_W if self.on else 0.0
        grid = GridLimit(limit_w=self.limit_w, guaranteed_w=4200.0, state=GridState.LIMITED)
        return replace(snapshot(values, self.true_at + self.clock_off), grid=grid)

    def _check_limit(self, verdict: Verdict, seen: Snapshot) -> None:
        """Above wishes, hold times and freezes; only a house about to freeze is heated blindly."""
        hold, rest = self.memory.grid, self.limits.rest_value
        if hold is None:
            return
        blind = not self.metered and not Situation(seen, self.memory, self.limits).at_frost_floor
        asked = {} if isinstance(verdict, Refused) else verdict.settings
        knob = self.limits.knob
        assert knob is not None
        if (blind or hold.step is Held.RESTED) and asked.get(knob.capability) != rest:
            self.wrong.append(f"asks for {asked} beyond the limit")
        over = self.metered and self.on and hold.allowed_w < DRAWN_W
        self.over_cycles = self.over_cycles + 1 if over else 0
        if self.over_cycles > 4:
            self.wrong.append(f"draws too much for {self.over_cycles} min")

    def _check_flow(self, value: float, room_c: float, before: float | None) -> None:
        limits = self.limits
        if not 15.0 <= value <= limits.flow_max_c:
            self.wrong.append(f"asks for {value}")
        if room_c <= limits.frost_c and value != limits.frost_value:
            self.wrong.append("leaves a freezing house cold")
        calm = room_c > limits.frost_c and before not in (None, 15.0)
        if before is not None and calm and value > before + 10.0 * self.memory.passed_s / 60.0:
            self.wrong.append(f"jumps from {before} to {value}")
        self._obey(value > 15.0, ours=room_c > limits.frost_c)

    def _obey(self, asked: bool, *, ours: bool) -> None:
        """The compressor follows; what frost, alarm and hand-back do is not held against times."""
        if asked == self.on:
            return
        least_s = self.limits.minimum_run_s if self.on else self.limits.minimum_off_s
        if ours and self.changed_at is not None:
            lasted_s = (self.true_at - self.changed_at).total_seconds()
            if lasted_s < least_s:
                self.wrong.append(f"{'ran' if self.on else 'rested'} {lasted_s} s")
        self.on, self.changed_at = asked, self.true_at

    def _check_state(self, value: float, room_c: float) -> None:
        if value not in (1.0, 2.0, 3.0, 4.0):
            self.wrong.append(f"asks for state {value}")
        if value == 4.0 and room_c > self.limits.frost_c and self._defrosts_not():
            self.wrong.append("switches the electric heater on")
        if value == 1.0 and room_c <= self.limits.frost_c:
            self.wrong.append("blocks a freezing house")
        if value == 1.0:
            day_ago = self.true_at - timedelta(days=1)
            self.blocks = [at for at in self.blocks if at > day_ago] + [self.true_at]

    def _defrosts_not(self) -> bool:
        return self.readings.get(Signal.OPERATING_STATE) != float(OperatingState.DEFROST)

    @invariant()
    def nothing_illegal_was_asked(self) -> None:
        assert not self.wrong

    @invariant()
    def no_day_has_more_than_two_hours_of_block(self) -> None:
        assert len(self.blocks) <= 122


class AnythingOfSgReady(Anything):
    """The same with two relays."""

    limits = SG_BOUNDS


TestNothingMakesAFlowIllegal = Anything.TestCase
TestNothingMakesAStateIllegal = AnythingOfSgReady.TestCase
TestNothingMakesAFlowIllegal.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None
)
TestNothingMakesAStateIllegal.settings = TestNothingMakesAFlowIllegal.settings
