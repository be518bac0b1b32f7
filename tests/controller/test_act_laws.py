"""Whatever happens in whatever order, the owner finds what he last set when we let go."""

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.act import Actuator, Applied, Outcome
from controller.guard import Allowed, Refused
from controller.store import Store
from drivers.api import Capability, Sample
from drivers.errors import TransientError
from drivers.points import Point, encode
from drivers.profile import load_modbus_profile
from drivers.testing import RegisterBank, make_rig

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
OFFSET = Capability.CURVE_OFFSET
OURS = st.integers(-3, 5).map(float)
OWNERS = st.sampled_from([-10.0, -8.0, -6.0, 7.0, 9.0, 10.0])
"""Apart from ours: a person who happens to set our own value cannot be told from us."""
T = TypeVar("T")


class CrashError(Exception):
    """The process ends in the middle of a request."""


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait, as with a device in memory."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("it waits for something")


TROUBLES = ["none", "lost", "answer lost", "mute", "crash before", "crash after", "crash reading"]


class Wire:
    """What may happen to writes and reads between us and the registers."""

    def __init__(self, bank: RegisterBank) -> None:
        self.trouble = "none"
        self._bank = bank
        self._take, self._give = bank.write, bank.read
        bank.write, bank.read = self.write, self.read  # type: ignore[method-assign]

    def write(self, unit: int, address: int, values: Any) -> None:
        if self.trouble == "lost":
            raise TransientError("no answer")
        if self.trouble == "crash before":
            raise CrashError
        self._take(unit, address, values)
        if self.trouble == "answer lost":
            raise TransientError("no answer")
        if self.trouble == "crash after":
            raise CrashError

    def read(self, unit: int, space: Any, address: int, count: int) -> list[int]:
        if self.trouble == "mute":
            raise TransientError("no answer")
        if self.trouble == "crash reading":
            raise CrashError
        return self._give(unit, space, address, count)


class TwoHands(RuleBasedStateMachine):
    """The controller and the owner at one stored knob, over a bad wire, with crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.rig = make_rig(load_modbus_profile("nibe_s"))
        self.point: Point = self.rig.profile.points[self.rig.profile.knobs[OFFSET].point]
        self.at = AT
        self.owners = 9.0
        self._turn(self.owners)
        self.wire = Wire(self.rig.bank)
        self.store = Store(Path(self.folder.name) / "state.db")
        self.hand = Actuator(self.rig.pump, self.store, may_write=[OFFSET])
        self.outcome: Outcome | None = None

    def teardown(self) -> None:
        self.wire.trouble = "none"
        try:
            assert done(self.hand.hand_back(self.at))
            assert self._held() == self.owners
        finally:
            self.store.close()
            self.folder.cleanup()

    def _turn(self, value: float) -> None:
        self.rig.bank.put(self.point.name, encode(self.point, value))

    def _held(self) -> float:
        trouble, self.wire.trouble = self.wire.trouble, "none"
        sample = done(self.rig.pump.read_back(OFFSET))
        self.wire.trouble = trouble
        assert isinstance(sample, Sample)
        return sample.value

    def _unless_it_crashes(self, coroutine: Coroutine[Any, Any, T]) -> T | None:
        """What comes of it; after a crash, None and a new process."""
        try:
            return done(coroutine)
        except CrashError:
            self.we_crash_and_start_again()
            return None

    @rule()
    def we_try_to_let_go(self) -> None:
        """Over whatever wire: a restore may crash, again and again."""
        if self._unless_it_crashes(self.hand.hand_back(self.at)):
            assert self._held() == self.owners

    @rule(value=OURS, minutes=st.integers(0, 50))
    def we_ask(self, value: float, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)
        self.outcome = self._unless_it_crashes(self.hand.apply(Allowed({OFFSET: value}), self.at))
        if isinstance(self.outcome, Applied):
            assert self.outcome.read_back == {OFFSET: self._held()}

    @rule(value=OWNERS)
    def the_owner_turns(self, value: float) -> None:
        self.owners = value
        self._turn(value)

    @rule(trouble=st.sampled_from(TROUBLES))
    def the_wire_changes(self, trouble: str) -> None:
        self.wire.trouble = trouble

    @rule()
    def we_crash_and_start_again(self) -> None:
        self.store.close()
        self.store = Store(Path(self.folder.name) / "state.db")
        self.hand = Actuator(self.rig.pump, self.store, may_write=[OFFSET])

    @rule()
    def the_guard_refuses(self) -> None:
        refused = Refused(("no room temperature",))
        self.outcome = self._unless_it_crashes(self.hand.apply(refused, self.at))

    @rule()
    def the_owner_says_resume(self) -> None:
        self.hand.take_up_again()

    @precondition(lambda self: self.wire.trouble == "none")
    @rule()
    def we_let_go(self) -> None:
        assert done(self.hand.hand_back(self.at))
        assert self._held() == self.owners

    @invariant()
    def a_value_of_ours_is_always_covered_by_a_lease(self) -> None:
        if self._held() != self.owners:
            assert self.store.leases()[OFFSET].original is not None


TestTheOwnerFindsWhatHeLastSet = TwoHands.TestCase
TestTheOwnerFindsWhatHeLastSet.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None
)
