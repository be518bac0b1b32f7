"""A simulated house to which things happen: faults and people, minute by minute."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.archive import Archive
from bench.run import archive_of
from bench.spec import Address, RunSpec, house_config
from bench.world import MemoryWorld, weather_trace
from controller.app import run
from controller.clock import SteppedClock
from controller.config import HouseConfig
from controller.connect import Outside
from controller.guard import Refused
from controller.owner import ask
from controller.planner import InlinePlanner, Planner
from controller.recorder import Records
from controller.records import StepRecord
from drivers.api import Now
from drivers.errors import LinkLostError
from drivers.points import Space
from hil.device import Bus
from hil.house import load_house
from hil.occupants import Occupancy

START = datetime(2024, 1, 15, 5, tzinfo=UTC)
PUMP_UNIT = 1
GENERIC_ROOM, GENERIC_FLOW = 4, 1  # input registers of the generic profile
NO_SENSOR = 0x8000

Action = Callable[["ScriptedWorld"], Awaitable[None] | None]


def at_hour(hours: float) -> datetime:
    """An instant of the simulated time."""
    return START + timedelta(hours=hours)


def spec(**changes: Any) -> RunSpec:
    """A radiator house in a Danish January; plans every half hour, to save time."""
    plain = RunSpec(
        house="timber1972",
        zone="DK1",
        start_at=START,
        days=0.25,
        seed=1,
        strategy="mpc",
        control=(("plan_every", "30 min"), ("horizon", "24 h")),
    )
    return replace(plain, **changes)


@dataclass
class Wire:
    """The bus of the house, with what may go wrong on it; notes every write."""

    bus: Bus
    now: Callable[[], datetime]
    down: bool = False
    shown: dict[int, int] = field(default_factory=dict)  # input register of the pump -> content
    writes: list[tuple[datetime, int, tuple[int, ...]]] = field(default_factory=list)

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        if self.down:
            raise LinkLostError("the cable is out")
        registers = self.bus.read(unit, space, address, count)
        if unit == PUMP_UNIT and space is Space.INPUT:
            return [self.shown.get(address + i, value) for i, value in enumerate(registers)]
        return registers

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        if self.down:
            raise LinkLostError("the cable is out")
        self.bus.write(unit, address, values)
        self.writes.append((self.now(), address, tuple(values)))


class ScriptedWorld(MemoryWorld):
    """The house in memory; each action happens at the end of the cycle that reaches its time."""

    def __init__(
        self,
        spec: RunSpec,
        archive: Archive,
        script: dict[datetime, Action],
        *,
        occupants: Occupancy | None = None,
    ) -> None:
        super().__init__(spec, archive, occupants=occupants)
        self.wire = Wire(self.house.modbus, now=lambda: self.house.at)
        self.house.modbus = self.wire  # type: ignore[assignment]
        self.muted: set[str] = set()
        self.answers: list[dict[str, Any]] = []
        self.requests: list[tuple[datetime, float | None]] = []
        self.stop = asyncio.Event()
        self.config: HouseConfig | None = None
        self._script = dict(script)

    def turn_out(self, archive: Archive) -> None:
        """Another future, from the same start: the plant settled in its own first day's weather."""
        self._archive = archive
        self.house._weather = weather_trace(archive)

    async def advance(self, until: datetime) -> None:
        await super().advance(until)
        self.requests.append((until, self.house.firmware.flow_request_c))
        for at in sorted(at for at in self._script if at <= until):
            done = self._script.pop(at)(self)
            if done is not None:
                await done

    async def owner(self, **request: Any) -> None:
        """The owner says something on the service's channel."""
        assert self.config is not None
        self.answers.append(await ask(self.config.storage.socket, request))

    def offset_in_register(self) -> int:
        """What the NIBE register map holds as curve offset."""
        raw = self.house.pump_registers.read(PUMP_UNIT, Space.HOLDING, 30, 1)[0]
        return raw - 0x10000 if raw >= 0x8000 else raw

    def _deliver(self) -> None:
        for topic, payload, retain in self.house.pop_messages():
            if topic not in self.muted:
                self._mqtt.deliver(topic, payload, retain=retain)


@dataclass
class Story:
    """What came of it."""

    world: ScriptedWorld
    config: HouseConfig
    records: list[StepRecord]

    def between(self, first: datetime, last: datetime) -> list[StepRecord]:
        """The records of a span, its end excluded."""
        return [record for record in self.records if first <= record.at < last]

    def refused(self, first: datetime, last: datetime) -> list[str]:
        """Why nothing was asked of the pump, per cycle of the span; all must be refusals."""
        verdicts = [record.verdict for record in self.between(first, last)]
        assert verdicts
        assert all(isinstance(verdict, Refused) for verdict in verdicts)
        return [verdict.reasons[0] for verdict in verdicts]

    def steered(self, first: datetime, last: datetime) -> bool:
        """Whether in every cycle of the span something was asked of the pump."""
        verdicts = [record.verdict for record in self.between(first, last)]
        return bool(verdicts) and not any(isinstance(v, Refused) for v in verdicts)

    def asked(self, first: datetime, last: datetime) -> set[float | None]:
        """Flow temperatures that the pump's control was following over the span."""
        return {value for at, value in self.world.requests if first <= at < last}

    def rooms_c(self) -> list[float]:
        """The true temperatures of the living zone."""
        return [truth.zone_c[0] for truth in self.world.truths]


def config_of(
    spec: RunSpec, archive: Archive, directory: Path, **sections: dict[str, Any]
) -> HouseConfig:
    """The owner's configuration, single values of sections replaced."""
    config = house_config(
        spec, load_house(spec.house), archive.zone, address=Address(), directory=directory
    )
    changed = {
        name: getattr(config, name).model_copy(update=values) for name, values in sections.items()
    }
    return config.model_copy(update=changed)


async def live(
    world: ScriptedWorld,
    config: HouseConfig,
    *,
    until: datetime,
    planner: Planner | None = None,
    outside: Callable[[Outside], Outside] = lambda outside: outside,
) -> None:
    """Run the service on the house from its present instant on."""
    world.config = config
    clock = SteppedClock(world.house.at, world.advance)
    now: Now = clock.now
    await run(
        config,
        clock=clock,
        stop=world.stop,
        outside=outside(world.outside(config, now)),
        planner=InlinePlanner() if planner is None else planner,
        until=until,
    )


def records_in(config: HouseConfig) -> list[StepRecord]:
    """Everything recorded."""
    store = Records(config.storage.directory / "records.db")
    try:
        return list(store.records())
    finally:
        store.close()


def play(
    directory: Path,
    script: dict[datetime, Action],
    *,
    run_spec: RunSpec | None = None,
    planner: Planner | None = None,
    outside: Callable[[Outside], Outside] = lambda outside: outside,
    future: Archive | None = None,
    occupants: Occupancy | None = None,
    prepare: Callable[[ScriptedWorld], None] | None = None,
    **sections: dict[str, Any],
) -> Story:
    """One run of the service with things happening to the house."""
    chosen = spec() if run_spec is None else run_spec
    archive = archive_of(chosen)
    config = config_of(chosen, archive, directory, **sections)

    async def everything() -> ScriptedWorld:
        world = ScriptedWorld(chosen, archive, script, occupants=occupants)
        if future is not None:
            world.turn_out(future)
        if prepare is not None:
            prepare(world)
        await live(world, config, until=chosen.end_at, planner=planner, outside=outside)
        return world

    return Story(asyncio.run(everything()), config, records_in(config))
