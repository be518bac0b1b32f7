"""Run the real controller against a simulated world and sum up what came of it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.archive import Archive
from bench.opponents import ForeseenPrices, UnknownPrices, planner_of
from bench.process_world import process_world
from bench.spec import Address, Prices, RunSpec, house_config
from bench.truth import TrueKpis, spot_at, true_kpis
from bench.world import MemoryWorld, World
from bench.zones import load_zone
from controller.app import run
from controller.clock import SteppedClock
from controller.config import HouseConfig
from controller.kpi import Kpis, kpis
from controller.model import house_model
from controller.planner import Planner
from controller.recorder import Recorder
from hil.house import load_house
from hil.occupants import Occupancy
from hil.simulated_house import Truth

Progress = Callable[[float], None]
"""Called with the share of the run that is done."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run."""

    spec: RunSpec
    config: HouseConfig
    truths: tuple[Truth, ...]
    true: TrueKpis
    recorded: Kpis
    directory: Path

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON; `plan_time_ms` is the only one that differs between equal runs."""
        recorded = asdict(self.recorded)
        shared = {
            name: recorded.pop(name)
            for name in ("guard_interventions", "plan_time_ms", "not_solved")
        }
        if self.recorded.plan_time_ms is not None:
            shared["plan_time_ms"] = dict(
                zip(("median", "p95"), self.recorded.plan_time_ms, strict=True)
            )
        return {**self.true.as_dict(), **shared, "from_records": recorded}


ARCHIVES: Mapping[Prices, type[Archive]] = {
    Prices.AS_ISSUED: Archive,
    Prices.FORESEEN: ForeseenPrices,
    Prices.UNKNOWN: UnknownPrices,
}


def archive_of(spec: RunSpec) -> Archive:
    """Prices and forecasts as they were issued over the span of a run."""
    return ARCHIVES[spec.prices](
        load_zone(spec.zone),
        start_at=spec.start_at,
        end_at=spec.end_at + timedelta(hours=1),
        seed=spec.seed,
        forecast_errors=spec.forecast_errors,
    )


def run_in_memory(
    spec: RunSpec,
    directory: Path,
    *,
    archive: Archive | None = None,
    occupants: Occupancy | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """The whole controller in virtual time: no sockets, no other process."""
    known = archive if archive is not None else archive_of(spec)
    world = MemoryWorld(spec, known, occupants=occupants)
    house = load_house(spec.house)
    config = house_config(spec, house, known.zone, address=Address(), directory=directory)
    asyncio.run(drive(spec, config, world, planner=planner_of(spec), progress=progress))
    return sum_up(spec, config, world)


def run_over_sockets(
    spec: RunSpec, directory: Path, *, broker: str | None = None, progress: Progress | None = None
) -> RunResult:
    """The service as it is, in lockstep with a simulator process over Modbus TCP and MQTT."""
    return asyncio.run(_run_over_sockets(spec, directory, broker, progress))


async def _run_over_sockets(
    spec: RunSpec, directory: Path, broker: str | None, progress: Progress | None
) -> RunResult:  # fmt: skip
    archive, house = archive_of(spec), load_house(spec.house)
    async with process_world(spec, archive, broker) as world:
        config = house_config(spec, house, archive.zone, address=world.address, directory=directory)
        await drive(spec, config, world, planner=None, progress=progress)
        await world.finish()
        return sum_up(spec, config, world)


async def drive(
    spec: RunSpec,
    config: HouseConfig,
    world: World,
    *,
    planner: Planner | None,
    progress: Progress | None,
) -> None:
    """The service on a stepped clock until the run is over."""
    span_s = (spec.end_at - spec.start_at).total_seconds()

    async def advance(until: datetime) -> None:
        await world.advance(until)
        if progress is not None:
            progress((until - spec.start_at).total_seconds() / span_s)

    clock = SteppedClock(spec.start_at, advance)
    await run(
        config,
        clock=clock,
        stop=asyncio.Event(),
        outside=world.outside(config, clock.now),
        planner=planner,
        until=spec.end_at,
        channel=False,
    )


def sum_up(spec: RunSpec, config: HouseConfig, world: World) -> RunResult:
    """Figures from the plant's truth and from the controller's own records."""
    zone, model = load_zone(spec.zone), house_model(config)
    recorder = Recorder(config.storage.directory / "records.db")
    try:
        records = [r for r in recorder.records() if spec.start_at <= r.at <= spec.end_at]
    finally:
        recorder.close()
    truths = tuple(t for t in world.truths if t.at <= spec.end_at)
    return RunResult(
        spec=spec,
        config=config,
        truths=truths,
        true=true_kpis(
            truths,
            prices=zone.spot_per_kwh,
            tariff=model.tariff,
            low_c=spec.room_c - spec.band_k,
            high_c=spec.room_c + spec.band_k,
            tank_l=load_house(spec.house).truth.tank.volume_l,
        ),
        recorded=kpis(records, model=model, spot_at=lambda at: spot_at(zone.spot_per_kwh, at)),
        directory=config.storage.directory,
    )
