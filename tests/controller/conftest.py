"""What the tests of the controller share: a house, what it asks of the planner, a simulated day."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asking import first_request

from controller.app import assemble
from controller.clock import SteppedClock
from controller.config import HouseConfig, parse_config
from controller.connect import Outside
from controller.loop import Loop
from controller.recorder import Recorder
from controller.snapshot import Reading, Snapshot
from controller.store import Store, open_store
from drivers.api import Signal
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.points import encode
from drivers.profile import load_modbus_profile
from drivers.testing import AN_INSTANT, RegisterBank, Rig, make_rig
from drivers.transports.in_memory import MemoryModbusLink
from mpc.plan import Diagnostics, PlanRequest, PlanResult, Solved
from mpc.rules import heating_curve_plan

NOW = AN_INSTANT
HEALTHY = {"room": 20.0, "flow": 35.0, "outdoor": 2.0, "alarm": 0.0, "compressor": 0.0}


def _document(tmp_path: Path) -> dict[str, Any]:
    return {
        "house": {
            "timezone": "Europe/Copenhagen",
            "year": 1972,
            "area_m2": 140.0,
            "emitter": "radiator",
            "design_flow_c": 50.0,
        },
        "heat_pump": {"profile": "generic_modbus", "host": "192.0.2.1"},
        "storage": {"directory": str(tmp_path), "socket": str(tmp_path / "owner.sock")},
    }


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    """The least a configuration says, as parsed TOML; every test has its own."""
    return _document(tmp_path)


@pytest.fixture
def config(document: dict[str, Any]) -> HouseConfig:
    """A house that only observes."""
    return parse_config(document)


@pytest.fixture
def make_request(config: HouseConfig) -> Callable[[datetime], PlanRequest]:
    """The planner's question for an ordinary winter day."""

    def ask(at: datetime) -> PlanRequest:
        values = {Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: 2.0}
        snapshot = Snapshot(at, {signal: Reading(v, at) for signal, v in values.items()})
        return first_request(snapshot, config, whole=True)

    return ask


@pytest.fixture
def clock() -> SteppedClock:
    """Simulated time over a world without anything in it."""

    async def advance(at: datetime) -> None:
        del at

    return SteppedClock(NOW, advance)


@pytest.fixture
def minutes() -> Callable[[float], datetime]:
    """An instant so many minutes after noon."""
    return lambda count: NOW + timedelta(minutes=count)


@dataclass
class RulePlanner:
    """Answers at once with the heating-curve rule, and keeps the questions."""

    asked: list[PlanRequest] = field(default_factory=list)

    async def solve(self, request: PlanRequest) -> PlanResult:
        self.asked.append(request)
        diagnostics = Diagnostics(
            solver="rule", status="solved", iterations=0, solve_ms=0.0, objective=0.0,
            replay_error_k=0.0,
        )  # fmt: skip
        return Solved(heating_curve_plan(request), diagnostics)

    def close(self) -> None:
        """There is nothing to close."""


class House:
    """A pump in memory with the real driver, loop, store and recorder around it."""

    def __init__(self, config: HouseConfig, folder: Path) -> None:
        self.config = config
        self.profile = load_modbus_profile(config.heat_pump.profile)
        self.bank = RegisterBank(self.profile)
        self.clock = SteppedClock(NOW, self._advance)
        self.planner = RulePlanner()
        self.store = Store(folder / "state.db")
        self.recorder = Recorder(folder / "records.db")
        self.on_advance: Callable[[datetime], None] | None = None
        for name, value in HEALTHY.items():
            self.put(name, value)
        self.outside = self.outside_of_now()

    def outside_of_now(self) -> Outside:
        """The pump alone, by the house's present clock."""
        return Outside(
            pump=self.pump(), devices=[self.pump()], prices=None, weather=None, background=[]
        )

    def pump(self) -> ModbusHeatPump:
        """Another driver of the same pump."""
        link = MemoryModbusLink(self.bank)
        return ModbusHeatPump("pump", self.profile, link, unit=1, now=self.clock.now)

    def put(self, name: str, value: float) -> None:
        """Let a point of the pump hold a value."""
        self.bank.put(name, encode(self.profile.points[name], value))

    def loop(self, **watched: Any) -> Loop:
        """The controller, as after a start; `watched`: what `assemble` may be told besides."""
        return assemble(
            self.config, self.outside, clock=self.clock, planner=self.planner,
            store=self.store, recorder=self.recorder, **watched,
        )  # fmt: skip

    def close(self) -> None:
        """Close the files."""
        self.recorder.close()
        self.store.close()

    async def _advance(self, at: datetime) -> None:
        if self.on_advance is not None:
            self.on_advance(at)


@pytest.fixture
def make_house(document: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Houses that heatherd may steer, or with `mode="observe"` only watch."""
    houses: list[House] = []

    def make(**control: str) -> House:
        document["heat_pump"]["accept_maturity"] = "simulated"
        document["control"] = {"mode": "control", **control}
        house = House(parse_config(document), tmp_path)
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "state.db") as opened:
        yield opened


@pytest.fixture
def generic() -> Rig:
    return make_rig(load_modbus_profile("generic_modbus"))


@pytest.fixture
def nibe() -> Rig:
    return make_rig(load_modbus_profile("nibe_s"))
