"""The composition root: configuration in, running service out. Only here are drivers named."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from controller.acceptance import grid_knobs as limit_knobs
from controller.acceptance import may_write, tank_knob
from controller.act import Actuator, let_go
from controller.actuation import choose_knob
from controller.clock import Clock
from controller.config import HouseConfig
from controller.connect import Outside, connect
from controller.export import Exporter, InfluxSink
from controller.fast import Duty
from controller.fast_frequency import FrequencyDuty
from controller.fast_peak import PeakDuty
from controller.forecasts import Forecasts
from controller.frequency_files import FrequencyFiles
from controller.learned import KEY as LEARNED
from controller.learned import LESSONS, Lessons
from controller.liveness import Supervisor
from controller.loop import Loop, Parts
from controller.model import house_model
from controller.owner import PATIENCE_S, Owner, ask, serve
from controller.planner import Planner, Planning, WorkerPlanner
from controller.recorder import Recorder
from controller.sense import sense
from controller.snapshot import Snapshot
from controller.stages import Stages
from controller.step import GridKnobs, machine
from controller.store import Store
from controller.sunlight import sun_of
from drivers.api import Knob, Signal
from drivers.errors import ConfigurationError
from drivers.grid.limit import RemembersLimits
from drivers.profile import load_profile
from mpc.answer import rule_request

log = logging.getLogger(__name__)

BROKER_PATIENCE_S = 3.0
"""How long a release without a service waits for the messages that the broker keeps."""

HAND_BACK_PATIENCE_S = 45.0
"""How long a hand-back waits for a pump behind a broker to say what it holds; less than systemd's
`TimeoutStopSec`. What is still open then is handed back by the next start."""

SAID = "grid_operator"
"""The key in the store of what the grid operator has said."""

ROOM_SIGNALS = (
    Signal.ROOM_C,
    Signal.ROOM_SETPOINT_C,
    Signal.ROOM_HEATING_ENABLED,
    Signal.ROOM_DEMAND_FRAC,
)


def heat_knob(config: HouseConfig) -> Knob | None:
    """The knob a service with this configuration steers heat with. Raises `ConfigurationError`."""
    return choose_knob(load_profile(config.heat_pump.profile).knobs, config.heat_pump.capability)


def hot_water_knob(config: HouseConfig) -> Knob | None:
    """The knob it steers hot water with. Raises `ConfigurationError`."""
    return tank_knob(config, load_profile(config.heat_pump.profile).knobs)


def grid_knobs(config: HouseConfig) -> GridKnobs:
    """What it keeps the grid operator's limit with. Raises `ConfigurationError`."""
    return limit_knobs(config, load_profile(config.heat_pump.profile))


def assemble(
    config: HouseConfig,
    outside: Outside,
    *,
    clock: Clock,
    planner: Planner | None,
    store: Store,
    recorder: Recorder,
    supervisor: Supervisor | None = None,
    clock_is_right: Callable[[], bool] = lambda: True,
) -> Loop:
    """Put one house together. Raises `ConfigurationError`."""
    granted = may_write(config, outside.pump)
    knob = choose_knob(outside.pump.knobs, config.heat_pump.capability)
    if knob is None and config.control.strategy != "heating-curve":
        have = ", ".join(outside.pump.knobs) or "none"
        raise ConfigurationError(
            f"heat_pump.knob: no knob {config.heat_pump.knob!r} for heat (the pump has {have})"
        )
    config_hash = recorder.keep("config", config.model_dump_json(by_alias=True), clock.now())
    control = config.control
    if isinstance(outside.grid, RemembersLimits):
        outside.grid.remember(store.text(SAID), partial(store.save_text, SAID))
    return Loop(
        Parts(
            stages=Stages(
                config,
                house_model(config),
                machine(
                    config,
                    knob,
                    tank_knob(config, outside.pump.knobs),
                    limit_knobs(config, outside.pump),
                ),
            ).taught(store.value(LEARNED, LESSONS) or Lessons()),
            devices=outside.devices,
            grid=outside.grid,
            actuator=Actuator(outside.pump, store, may_write=granted),
            forecasts=Forecasts(
                outside.prices,
                outside.weather,
                clock=clock,
                store=store,
                every_s=control.forecast_every_s,
                sun=sun_of(config.house),
            ),
            planning=None
            if planner is None
            else Planning(
                planner, clock, every_s=control.plan_every_s, max_age_s=control.plan_max_age_s
            ),
            store=store,
            recorder=recorder,
            clock=clock,
            stale_s=stale_limits_s(config),
            config_hash=config_hash,
            advanced=(supervisor or Supervisor(None, control.cycle_s)).advanced,
            clock_is_right=clock_is_right,
            duties=_duties(config, outside),
        )
    )


def _duties(config: HouseConfig, outside: Outside) -> list[Duty]:
    """What cannot wait for the next cycle."""
    duties: list[Duty] = []
    section, sources = config.frequency, outside.seconds
    if section is not None and sources is not None:
        files = FrequencyFiles(
            config.storage.directory / "frequency", section.product,
            resource=section.resource or config.house.name, area=section.area,
            keep_days=section.log_days,
        )  # fmt: skip
        draw = random.Random(config.house.name).random  # each house returns at its own moments
        cycle_s = config.control.cycle_s
        duties.append(FrequencyDuty(section, sources, files, cycle_s=cycle_s, draw_frac=draw))
    if outside.peak is not None:
        duties.append(PeakDuty(config, outside.peak))
    return duties


def stale_limits_s(config: HouseConfig) -> Mapping[Signal, float]:
    """How old a reading may be, by signal, where that is not the usual."""
    room, second = config.room, config.second_room
    of_the_room = {} if room is None else dict.fromkeys(ROOM_SIGNALS, room.stale_after_s)
    if second is not None:
        of_the_room[Signal.SECOND_ROOM_C] = second.stale_after_s
    return {**of_the_room, **(config.control.stale_after_s or {})}


def _planner(config: HouseConfig) -> Planner | None:
    """Who plans by this strategy; None: the pump keeps its own curve."""
    control = config.control
    if control.strategy == "heating-curve":
        return None
    if control.strategy == "mpc":
        return WorkerPlanner(control.plan_deadline_s)
    return WorkerPlanner(control.plan_deadline_s, partial(rule_request, control.strategy))


async def run(
    config: HouseConfig,
    *,
    clock: Clock,
    stop: asyncio.Event,
    outside: Outside | None = None,
    planner: Planner | None = None,
    until: datetime | None = None,
    channel: bool = True,
    supervisor: Supervisor | None = None,
    clock_is_right: Callable[[], bool] = lambda: True,
) -> None:
    """The service: from connecting to handing back. Raises `ConfigurationError` before it starts.

    `outside`, `planner` and `until` let a bench put its own world, planner and end in place.
    """
    if channel and await is_running(config.storage.socket):
        raise ConfigurationError(f"a service already answers on {config.storage.socket}")
    world = outside
    if world is None:
        world = connect(config, clock.now, stopwatch_s=clock.stopwatch_s)
    if planner is None:
        planner = _planner(config)
    folder = config.storage.directory
    with (
        closing(Store(folder / "state.db")) as store,
        closing(_recorder(config, clock)) as r,
    ):
        try:
            loop = assemble(
                config, world, clock=clock, planner=planner, store=store, recorder=r,
                supervisor=supervisor, clock_is_right=clock_is_right,
            )  # fmt: skip
            async with asyncio.TaskGroup() as tasks:
                jobs = [*world.background, *world.receivers, *_exports(config, r)]
                background = [tasks.create_task(_forever(job)) for job in jobs]
                if channel:
                    owner = Owner(loop, clock, room_range_c=_room_range_c(config))
                    background.append(tasks.create_task(serve(owner, config.storage.socket)))
                await loop.run(stop, until)
                for task in background:
                    task.cancel()
        finally:
            for device in world.devices:
                await device.close()
            if planner is not None:
                planner.close()


def _recorder(config: HouseConfig, clock: Clock) -> Recorder:
    keep = timedelta(days=config.storage.keep_days)
    return Recorder(config.storage.directory / "records.db", keep, clock.stopwatch_s)


def _exports(config: HouseConfig, recorder: Recorder) -> list[Callable[[], Awaitable[None]]]:
    influx = config.export.influxdb
    if influx is None:
        return []
    return [Exporter(recorder, InfluxSink(influx, config.house.name), every_s=influx.every_s).run]


async def _forever(job: Callable[[], Awaitable[None]]) -> None:
    await job()


def _room_range_c(config: HouseConfig) -> tuple[float, float]:
    return config.comfort.frost_c + 1.0, config.comfort.room_max_c - 0.5


async def is_running(socket: Path, *, patience_s: float = PATIENCE_S) -> bool:
    """Whether a service answers on the owner's channel."""
    try:
        answer = await ask(socket, {"verb": "status"}, patience_s=patience_s)
    except TimeoutError:
        return True  # somebody listens, however slowly
    except OSError:
        return False
    return bool(answer.get("ok"))


async def hand_back_without_service(
    config: HouseConfig, clock: Clock, *, stay_released: bool
) -> bool:
    """Restore what a dead service left on the pump; True when nothing of ours is left there."""
    tariff = config.tariff.model_copy(update={"hold": None})
    needed = config.model_copy(update={"grid": None, "frequency": None, "tariff": tariff})
    outside = connect(needed, clock.now)  # a wrong word about the grid must not keep the pump
    store = Store(config.storage.directory / "state.db")
    background = [asyncio.ensure_future(job()) for job in outside.background]
    try:
        if stay_released:
            store.save_wishes(replace(store.wishes(), released=True))
        actuator = Actuator(outside.pump, store, may_write=())
        ends_at = clock.now() + timedelta(seconds=HAND_BACK_PATIENCE_S if background else 0.0)
        if background and actuator.holds_the_pump:  # devices behind a broker must speak first
            await clock.sleep_until(clock.now() + timedelta(seconds=BROKER_PATIENCE_S))
        while not (done := await let_go(actuator, clock)) and clock.now() < ends_at:
            await clock.sleep_until(clock.now() + timedelta(seconds=BROKER_PATIENCE_S))
        return done
    finally:
        for task in background:
            task.cancel()
        for device in outside.devices:
            await device.close()
        store.close()


async def read_once(outside: Outside, clock: Clock, *, patience_s: float) -> Snapshot:
    """One look at every device, for `check --read`; never writes."""
    background = [asyncio.ensure_future(job()) for job in outside.background]
    try:
        await clock.sleep_until(clock.now() + timedelta(seconds=patience_s if background else 0))
        return await sense(outside.devices, at=clock.now(), before=None, stale_s={})
    finally:
        for task in background:
            task.cancel()
        for device in outside.devices:
            await device.close()
