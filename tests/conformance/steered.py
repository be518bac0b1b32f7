"""heatherd at one knob of one emulated heat pump, and every such knob there is."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from emulated import PUMPS, TICK_S, EmulatedPump, profile_of

from controller.act import Actuator, Applied, Outcome
from controller.guard import Allowed, Purpose
from controller.store import Store
from controller.wear import Ledger
from drivers.api import Capability, Knob, Sample, WriteClass
from drivers.profile import MqttProfile


@dataclass(frozen=True)
class Case:
    """One writable knob of one shipped profile."""

    name: str
    capability: Capability

    def __str__(self) -> str:
        return f"{self.name}-{self.capability.value}"

    @property
    def knob(self) -> Knob:
        """The knob as the profile has it."""
        return profile_of(self.name).knobs[self.capability]

    @property
    def stored(self) -> bool:
        """Whether the device keeps what is written."""
        return self.knob.write_class is WriteClass.PERSISTENT


CASES = tuple(
    Case(name, capability)
    for name in PUMPS
    for capability, knob in profile_of(name).knobs.items()
    if knob.write_class is not WriteClass.FORBIDDEN
)
STORED = tuple(case for case in CASES if case.stored)
VOLATILE = tuple(case for case in CASES if not case.stored)


@dataclass(frozen=True)
class Values:
    """Three values of a knob; a knob of two has the owner's for the third as well."""

    owners: float
    ours: float
    other: float


class Steering:
    """heatherd at one knob of one emulated pump, from its first look at it on."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.knob = case.knob
        self.pump = EmulatedPump(profile_of(case.name), case.capability)
        self.store = Store(Path(":memory:"))  # the file is proven in tests/controller
        self.driver = self.pump.driver()
        self.actuator = self._hand()
        self.before: dict[str, object] = {}
        self.values = Values(0.0, 0.0, 0.0)

    async def look(self) -> "Steering":
        """See what the owner has set, and that the pump obeys it."""
        found = await self.held()
        self.values = values_of(self.knob, found)
        if self.case.stored and self.pump.image.in_force(self.case.capability):
            self.pump.turn(self.case.capability, self.values.owners)
        self.settle()
        self.before = self.pump.control()
        return self

    def start_again(self) -> None:
        """The process died without a word; another one starts on the same state."""
        self.pump.wire.mend()
        self.pump.pass_time(TICK_S)
        self.driver = self.pump.driver()
        self.actuator = self._hand()

    async def ask(self, value: float) -> Outcome:
        """What the planner wants in this cycle."""
        return await self.actuator.apply(Allowed({self.case.capability: value}), self.pump.now)

    async def hold(self, value: float) -> Outcome:
        """The planner wants it until the pump has taken it; the outcome after that."""
        await self.ask(value)
        self.settle()
        return await self.ask(value)

    async def hand_back(self) -> bool:
        """Give the pump back, as the service does: once, and again when it has settled."""
        free = await self.actuator.hand_back(self.pump.now)
        self.settle()
        return free or await self.actuator.hand_back(self.pump.now)

    async def held(self) -> float | None:
        """What the driver reads back."""
        answer = await self.driver.read_back(self.case.capability)
        return answer.value if isinstance(answer, Sample) else None

    async def is_the_owners(self) -> bool:
        """Whether the pump shows what the owner had set, and obeys it and nothing else."""
        shown = await self.held()
        if self.case.stored and shown != pytest.approx(self.values.owners):
            return False
        return self.pump.control() == self.before

    def notice(self) -> None:
        """Wait until a change at the pump can be seen: some devices are asked now and then."""
        profile = self.pump.profile
        poll_s = profile.connection.poll_s if isinstance(profile, MqttProfile) else None
        self.pump.pass_time(TICK_S if poll_s is None else poll_s)

    def settle(self) -> None:
        """Wait until a write is shown and obeyed."""
        self.pump.pass_time(self.knob.settle_s + self.knob.latency_s)

    def near(self, value: float) -> object:
        """Equal up to the step of the device."""
        return pytest.approx(value, abs=self.knob.resolution * 0.501)

    def counted(self) -> dict[Purpose, int]:
        """Writes in the ledger, by purpose."""
        counts: Counter[Purpose] = Counter()
        for wear in Ledger(self.store).registers():
            counts.update(wear.writes)
        return dict(counts)

    def _hand(self) -> Actuator:
        return Actuator(self.driver, self.store, may_write=self.driver.knobs)


def values_of(knob: Knob, found: float | None) -> Values:
    """The owner's as found, and two others: inside what a house can live with, if there are any."""
    low = knob.minimum if knob.safe_minimum is None else knob.safe_minimum
    high = knob.maximum if knob.safe_maximum is None else knob.safe_maximum
    middle = low + round((high - low) / 2.0 / knob.resolution) * knob.resolution
    choice = dict.fromkeys((middle, high, low, knob.maximum, knob.minimum))
    others = [value for value in choice if value not in (found, knob.release_value)]
    owners = knob.release_value if found is None else found
    assert owners is not None  # else nobody could tell whether it is back
    return Values(owners, *[*others, owners][:2])


async def steering(case: Case) -> Steering:
    """A fresh start at a knob."""
    return await Steering(case).look()


def read_back(outcome: Outcome, capability: Capability) -> float | None:
    """What the outcome says is in effect; None where nothing is."""
    return outcome.read_back.get(capability) if isinstance(outcome, Applied) else None
