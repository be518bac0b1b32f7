"""The guard of a pump behind SG Ready whose service is killed at any point of a cycle."""

from dataclasses import replace
from datetime import datetime, timedelta

from guarded import AT, HEALTHY, SG, SG_LIMITS, sg, snapshot
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.guard import MEMORY, Memory, Refused, carried, forgets, judge, remember
from drivers.api import Signal

NORMAL, BLOCKED = 2.0, 1.0
HOLD = timedelta(seconds=SG_LIMITS.sg_hold_s)
MINUTE = timedelta(minutes=1)


class Killed(RuleBasedStateMachine):
    """A relay board that obeys, and a service that dies.

    Whoever dies may have saved what he knew or not, and commanded or not; then the next start, or
    the service manager before it, gives the pump back. Nobody may replace a state that was asked
    for within the time that SG Ready asks for, but by the normal one, which then has to hold too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = AT
        self.state, self.since = NORMAL, AT - HOLD
        self.memory = Memory()
        self.used = Memory()  # as the living service knows it to be kept
        self.disk = MEMORY.dump_json(self.used)
        self.blocked: list[datetime] = []
        self.kills: list[datetime] = []
        self.too_early: list[str] = []

    @rule(state=st.sampled_from([1.0, 1.0, 2.0, 3.0]), minutes=st.integers(1, 40))
    def a_state_is_wished(self, state: float, minutes: int) -> None:
        for _ in range(minutes):
            self._cycle(state, ("save", "command"))

    @rule(
        state=st.sampled_from([1.0, 1.0, 3.0]),
        done=st.sampled_from([(), ("save",), ("save", "command")]),
        silent_min=st.integers(0, 30),
        manager=st.booleans(),
    )
    def the_service_is_killed(
        self, state: float, done: tuple[str, ...], silent_min: int, manager: bool
    ) -> None:
        self._cycle(state, done)
        self.kills.append(self.at)
        if manager:
            self._set(NORMAL)
        self.at += silent_min * MINUTE
        self._set(NORMAL)
        self.used = self.memory = MEMORY.validate_json(self.disk)

    @rule(minutes=st.integers(61, 200))
    def the_computer_sleeps(self, minutes: int) -> None:
        """The timer of the board ends what nobody renews."""
        self.at += minutes * MINUTE
        self._set(NORMAL)
        self.used = self.memory = carried(self.memory)

    def _cycle(self, wish: float, done: tuple[str, ...]) -> None:
        self.at += MINUTE
        seen = snapshot({**HEALTHY, Signal.COMPRESSOR_HZ: 40.0}, self.at)
        self.memory = remember(self.memory, seen, sg_ready=True)
        if "save" in done and forgets(self.used, self.memory):
            self.used = carried(self.memory)
            self.disk = MEMORY.dump_json(self.used)
        verdict = judge(sg(wish), seen, self.memory, SG_LIMITS)
        assert not isinstance(verdict, Refused)
        self.memory = replace(self.memory, settings=verdict.settings)
        if "command" in done:
            asked = verdict.settings[SG]
            if asked not in (self.state, NORMAL) and self.at - self.since < HOLD:
                self.too_early.append(f"{self.state:g} to {asked:g} after {self.at - self.since}")
            self._set(asked)
        if self.state == BLOCKED:
            self.blocked.append(self.at)

    def _set(self, state: float) -> None:
        if state != self.state:
            self.state, self.since = state, self.at

    @invariant()
    def every_state_held_long_enough(self) -> None:
        assert not self.too_early

    @invariant()
    def no_day_has_more_than_two_hours_of_block_and_a_cycle_per_death(self) -> None:
        day_ago = self.at - timedelta(days=1)
        of_the_day = [at for at in self.blocked if at > day_ago]
        assert len(of_the_day) <= 122 + sum(at > day_ago for at in self.kills)


TestNoDeathCutsAStateShort = Killed.TestCase
TestNoDeathCutsAStateShort.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None
)
