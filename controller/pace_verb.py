"""The verb `measure-knob`: latency and ramp of the power limit, and what they are good for."""

import asyncio
import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from controller import app as service
from controller.acceptance import accepted
from controller.actuation import choose_knob
from controller.clock import Clock, WallClock
from controller.commission import Consent, Site
from controller.config import HouseConfig
from controller.connect import connect
from controller.knob_pace import (
    KNOB,
    SELDOM_S,
    Measured,
    NotMeasured,
    Pace,
    Second,
    keep_pace,
    measure,
    pace_before,
    refusals,
    response_of,
)
from controller.learn_verb import model_in_force
from controller.qualify import Duty
from controller.stages import Stages
from controller.step import GridKnobs, machine
from controller.store import Store, StoreError, open_store
from controller.terminal import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    Exit,
    fail,
    load,
    out,
    show_json,
)
from drivers.api import Knob
from drivers.errors import ConfigurationError
from drivers.profile import load_profile
from mpc.step_response import Followed

FILE = "power-limit-steps.csv"


def add_pace_verb(app: typer.Typer) -> None:
    """Add the verb `measure-knob`."""
    app.command("measure-knob", epilog="Example: heatherd measure-knob --capacity-w 500")(
        measure_knob
    )


def measure_knob(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    capacity_w: Annotated[
        float, typer.Option("--capacity-w", min=200.0, help="what you think of promising")
    ] = 500.0,
    yes: Annotated[bool, typer.Option("--yes", help="agree to the steps beforehand")] = False,
    last: Annotated[
        bool, typer.Option("--last", help="print what was measured before; nothing is contacted")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how fast the pump follows its power limit, and say what that is good for.

    With your consent the limit is moved down and up twice while the compressor heats the rooms, a
    meter is read every second, and the limit is handed back. The service must not run meanwhile.
    Exit code 1: nothing was measured.
    """
    settings = load(config)
    if not last and asyncio.run(service.is_running(settings.storage.socket)):
        fail("the service is running: stop it first, it has its hands on the pump", Exit.USAGE)
    present = sys.stdin.isatty() and not as_json
    consent = Consent(
        steps=frozenset({KNOB} if yes else ()),
        ask=typer.confirm if present else None,
        tell=lambda text: typer.echo(text, err=as_json),
    )
    try:
        knob = load_profile(settings.heat_pump.profile).knobs.get(KNOB)
        with open_store(settings.storage.directory / "state.db") as store:
            pace = pace_before(store) if last else _now(settings, store, consent, capacity_w)
    except StoreError as error:
        fail(str(error), Exit.FAILED)
    except ConfigurationError as error:
        fail(str(error))
    if pace is None or knob is None:
        fail("nothing was measured before", Exit.FAILED)
    if as_json:
        show_json(as_document(pace, knob, capacity_w))
    else:
        for line in words(pace, knob, capacity_w):
            out.print(line, markup=False, highlight=False, soft_wrap=True)


def _now(settings: HouseConfig, store: Store, consent: Consent, step_w: float) -> Pace:
    found = asyncio.run(measure_house(settings, store, consent, WallClock(), step_w=step_w))
    if isinstance(found, NotMeasured):
        fail(f"nothing was measured: {'; '.join(found.reasons)}", Exit.FAILED)
    pace, seconds = found
    keep_pace(store, pace)
    path = settings.storage.directory / FILE
    write_seconds(path, seconds)
    consent.tell(f"Every reading is in {path}.")
    return pace


async def measure_house(
    settings: HouseConfig, store: Store, consent: Consent, clock: Clock, *, step_w: float
) -> Measured:
    """Connect, measure, disconnect. Raises `ConfigurationError`."""
    tariff = settings.tariff.model_copy(update={"hold": None})
    needed = settings.model_copy(update={"frequency": None, "tariff": tariff})
    outside = connect(needed, clock.now)  # both may wait for what is measured here
    background = [asyncio.ensure_future(job()) for job in outside.background]
    try:
        if background:
            patience = timedelta(seconds=service.BROKER_PATIENCE_S)
            await clock.sleep_until(clock.now() + patience)
        site = Site(
            outside=outside, store=store, clock=clock, accepted=accepted(needed, outside.pump)
        )
        return await measure(site, stages_of(needed, site), consent, step_w=step_w)
    finally:
        for task in background:
            task.cancel()
        for device in outside.devices:
            await device.close()


def stages_of(settings: HouseConfig, site: Site) -> Stages:
    """The guard of this house, with the pump's power limit in its hand."""
    knobs = site.outside.pump.knobs
    heat = choose_knob(knobs, settings.heat_pump.capability)
    limit = GridKnobs(power=knobs.get(KNOB))
    return Stages(settings, model_in_force(settings), machine(settings, heat, None, limit))


def write_seconds(path: Path, seconds: Sequence[Second]) -> None:
    """Every reading with the limit of its second, as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("at", "power_w", "limit_w"))
        for second in seconds:
            rows.writerow((second.at.isoformat(), round(second.power_w, 1), second.limit_w))


def words(pace: Pace, knob: Knob, capacity_w: float) -> list[str]:
    """For people: each step, what to write into the configuration, and what qualifies."""
    said = [
        f"{KNOB}, measured {pace.measured_at.isoformat(timespec='minutes')}, "
        f"a reading every {pace.every_s:.1f} s:"
    ]
    for step in pace.steps:
        if isinstance(step, Followed):
            said.append(
                f"  {step.change_w:+.0f} W: begins after {step.dead_s:g} s, "
                f"complete {step.ramp_s:g} s later"
            )
        else:
            said.append(f"  not followed: {step.reason}")
    if pace.every_s > SELDOM_S:
        said.append("The meter is too slow to show a second: what is told is its pace too.")
    for section, duty in (("[frequency]", Duty.FCR_D_UP), ("[tariff.hold]", Duty.PEAK)):
        response = response_of(pace, duty, capacity_w)
        if response.latency_s is not None and response.ramp_frac_per_s is not None:
            of = f"  # of capacity_w = {capacity_w:g}" if duty is not Duty.PEAK else ""
            said += [
                section,
                f'latency = "{response.latency_s:g} s"',
                f"ramp_frac_per_s = {response.ramp_frac_per_s:g}{of}",
            ]
    for duty in Duty:
        reasons = refusals(pace, knob, duty, capacity_w)
        said.append(f"{duty}: {'; '.join(reasons) if reasons else 'qualifies'}")
    return said


def as_document(pace: Pace, knob: Knob, capacity_w: float) -> dict[str, Any]:
    """For programs."""
    return {
        "knob": KNOB.value,
        "measured_at": pace.measured_at.isoformat(),
        "every_s": pace.every_s,
        "capacity_w": capacity_w,
        "latency_s": pace.latency_s,
        "steps": [asdict(step) for step in pace.steps],
        "duties": {
            duty.value: {
                "ramp_frac_per_s": response_of(pace, duty, capacity_w).ramp_frac_per_s,
                "refused": list(refusals(pace, knob, duty, capacity_w)),
            }
            for duty in Duty
        },
    }
