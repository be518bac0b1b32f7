"""The verbs for the time before and beside steering: `commission`, `shadow-report`, `wear`."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from controller import app as service
from controller.acceptance import accepted
from controller.clock import Clock, WallClock
from controller.commission import Consent, Site, commission
from controller.config import HouseConfig
from controller.connect import connect
from controller.findings import Finding, Judgement, worst
from controller.forecasts import KNOWN
from controller.learn_verb import model_in_force
from controller.recorder import Records
from controller.records import RecordError, StepRecord
from controller.shadow import SHADOW_DAYS, ShadowReport, shadow_report, spot_prices
from controller.snapshot import Snapshot
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
from controller.wear import WEAKEST_MEMORY_WRITES, Ledger, RegisterWear, weekly_budget
from drivers.api import Capability, PriceSeries
from drivers.errors import ConfigurationError
from drivers.profile import load_profile

SHADOW_SEEN = "shadow_report_seen_at"
NO_SHADOW_WEEK = (
    "heatherd steers, but no shadow week has been looked at: observe for a week, "
    "then read `heatherd shadow-report`."
)


def add_care_verbs(app: typer.Typer) -> None:
    """Add the verbs `commission`, `shadow-report` and `wear`."""
    app.command("commission", epilog="Example: heatherd commission -c house.toml --load-w 2000")(
        commission_command
    )
    app.command("shadow-report", epilog="Example: heatherd shadow-report -c house.toml")(
        shadow_command
    )
    app.command("wear", epilog="Example: heatherd wear -c house.toml")(wear_command)


@contextmanager
def _state(settings: HouseConfig) -> Iterator[Store]:
    """The durable state; what cannot be opened ends the program in words."""
    try:
        with open_store(settings.storage.directory / "state.db") as store:
            yield store
    except StoreError as error:
        fail(str(error), Exit.FAILED)
    except ConfigurationError as error:
        fail(str(error))


# ---- commission ----------------------------------------------------------------------------------


def commission_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    yes_step: Annotated[
        list[Capability] | None,
        typer.Option("--yes-step", help="agree to a small step of this knob; may be repeated"),
    ] = None,
    load_w: Annotated[
        float | None,
        typer.Option("--load-w", min=200.0, help="power of a kettle or heater you switch on"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="repeat what was found good")] = False,
    as_json: AsJson = False,
) -> None:
    """Check signs and sensors, and with your consent move each knob a step and put it back.

    The service must not run meanwhile. Findings are kept: a second call goes on where the first
    one ended. Without a terminal and without --yes-step nothing is written. Exit code 1: something
    must be put right before heatherd steers.
    """
    settings = load(config)
    if asyncio.run(service.is_running(settings.storage.socket)):
        fail("the service is running: stop it first, it has its hands on the pump", Exit.USAGE)
    present = sys.stdin.isatty() and not as_json
    consent = Consent(
        steps=frozenset(yes_step or ()),
        load_w=load_w,
        ask=typer.confirm if present else None,
        tell=lambda text: typer.echo(text, err=as_json),
    )
    with _state(settings) as store:
        found = asyncio.run(commission_house(settings, store, consent, WallClock(), again=again))
    if as_json:
        show_json({name: _finding(finding) for name, finding in found.items()})
    else:
        table = Table("check", "", "found", box=None)
        for name, finding in found.items():
            table.add_row(name, finding.judgement.value, escape(finding.text))
        out.print(table)
    raise typer.Exit(Exit.FAILED if worst(found) is Judgement.WRONG else Exit.OK)


async def commission_house(
    settings: HouseConfig, store: Store, consent: Consent, clock: Clock, *, again: bool
) -> dict[str, Finding]:
    """Connect, commission, disconnect. Raises `ConfigurationError`."""
    outside = connect(settings, clock.now)
    background = [asyncio.ensure_future(job()) for job in outside.background]
    try:
        if background:
            patience = timedelta(seconds=service.BROKER_PATIENCE_S)
            await clock.sleep_until(clock.now() + patience)
        site = Site(
            outside=outside,
            store=store,
            clock=clock,
            accepted=accepted(settings, outside.pump),
            history=_last_day(settings, clock.now()),
        )
        return await commission(site, consent, again=again)
    finally:
        for task in background:
            task.cancel()
        for device in outside.devices:
            await device.close()


def _last_day(settings: HouseConfig, now: datetime) -> list[Snapshot]:
    """What was recorded in the last day; no records are no reason not to commission."""
    try:
        records = Records(settings.storage.directory / "records.db")
    except RecordError:
        return []
    try:
        return [record.snapshot for record in records.records(now - timedelta(days=1))]
    except RecordError:
        return []
    finally:
        records.close()


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "judgement": finding.judgement.value,
        "text": finding.text,
        "at": finding.at.isoformat(),
    }


# ---- shadow-report -------------------------------------------------------------------------------


def shadow_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    days: Annotated[float, typer.Option("--days", min=0.1, help="how far to look back")] = 7.0,
    as_json: AsJson = False,
) -> None:
    """Sum up a time of observing: what heatherd would have asked, beside what the pump did.

    Read it before you let heatherd steer. It claims no saving: none was measured.
    """
    settings = load(config)
    try:
        report = _report(settings, timedelta(days=days))
    except (RecordError, ValueError) as error:
        fail(f"no report: {error}", Exit.NO_RECORDS)
    except ConfigurationError as error:
        fail(str(error))
    if report.is_whole_week:
        with _state(settings) as store:
            store.save_text(SHADOW_SEEN, report.last_at.isoformat())
    if as_json:
        show_json(_shadow_dict(report))
    else:
        _show_shadow(report, settings)


def _report(settings: HouseConfig, span: timedelta) -> ShadowReport:
    store = Records(settings.storage.directory / "records.db")
    try:
        latest_at = store.latest_at()
        if latest_at is None:
            raise RecordError("nothing has been recorded yet")
        records = list(store.records(latest_at - span))
        return shadow_report(
            records,
            model=model_in_force(settings),
            knob=service.heat_knob(settings),
            observing=_observing(store),
            spot_at=spot_prices(price_series(store, records)),
        )
    finally:
        store.close()


def _observing(store: Records) -> Callable[[StepRecord], bool]:
    """Whether a record was made while nothing could be written."""
    modes: dict[str | None, bool] = {None: False}

    def observing(record: StepRecord) -> bool:
        name = record.config_hash
        if name not in modes:
            text = store.content(name) if name is not None else None
            modes[name] = text is not None and (
                HouseConfig.model_validate_json(text).control.mode == "observe"
            )
        return modes[name]

    return observing


def price_series(store: Records, records: Sequence[StepRecord]) -> list[PriceSeries]:
    """Every price series that the records knew."""
    found: dict[tuple[datetime, datetime], PriceSeries] = {}
    for name in {record.forecast_hash for record in records if record.forecast_hash is not None}:
        text = store.content(name)
        series = None if text is None else KNOWN.validate_json(text).prices
        if series is not None:
            found[series.issued_at, series.starts_at] = series
    return list(found.values())


def _shadow_dict(report: ShadowReport) -> dict[str, Any]:
    return {
        **asdict(report),
        "first_at": report.first_at.isoformat(),
        "last_at": report.last_at.isoformat(),
        "is_whole_week": report.is_whole_week,
    }


def _show_shadow(report: ShadowReport, settings: HouseConfig) -> None:
    zone, money = settings.zone, settings.tariff.currency
    first, last = (f"{at.astimezone(zone):%d %b %H:%M}" for at in (report.first_at, report.last_at))
    run = report.as_run
    table = Table("", "", box=None, show_header=False)
    rows = [
        ("time", f"{first} to {last}, {report.observed_days:.1f} days of it observing"),
        ("as it was", f"{run.electricity_kwh:.1f} kWh, {_or_unknown(run.cost, '.2f')} {money}, "
                      f"{run.compressor_starts} starts"),
        ("room", f"{_or_unknown(run.mean_room_temp_c, '.1f')} °C in the mean, "
                 f"{run.comfort_kh_below:.1f} K·h below the band"),
        ("asked for", f"something in {report.asked_frac:.0%} of the cycles"),
        *((f"  not in {count}", text) for text, count in report.why_not),
        ("heat", f"{report.planned_heat_kwh:.0f} kWh planned, "
                 f"{_or_unknown(report.delivered_heat_kwh, '.0f')} kWh delivered"),
        ("compressor", f"ran or rested as planned in "
                       f"{_or_unknown(report.ran_as_asked_frac, '.0%')} of the cycles"),
        ("the knob", _knob_words(report)),
        *(
            (f"model, {e.hours} h ahead", f"{e.mean_k:+.2f} K in the mean, {e.rms_k:.2f} K rms, "
                                          f"{e.count} times")
            for e in report.model_errors
        ),
        *((f"missing: {name}", f"{share:.1%}")
          for name, share in report.missing_frac.items() if share > 0.0),
        ("plans", f"{report.plans_failed} were not solved"),
    ]  # fmt: skip
    for name, text in rows:
        table.add_row(name, escape(text))
    out.print(table)
    out.print(
        "The pump did not follow these plans, so no saving is claimed."
        if report.is_whole_week
        else f"That is less than a week of observing ({SHADOW_DAYS:g} days): go on observing.",
        highlight=False,
    )


def _knob_words(report: ShadowReport) -> str:
    """A pump that does not follow makes the wish come again: steering writes less than this."""
    wanted = f"{_or_unknown(report.moves_a_week, '.0f')} changes a week were wanted"
    if report.weekly_budget is None:
        return wanted
    return f"{wanted}; steering would be paced to {report.weekly_budget:g} writes"


def _or_unknown(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def shadow_week_is_due(settings: HouseConfig) -> bool:
    """Whether heatherd is to steer although no shadow week has been looked at."""
    if settings.control.mode != "control" or settings.control.strategy != "mpc":
        return False
    if not (settings.storage.directory / "state.db").exists():
        return True
    with _state(settings) as store:
        return store.text(SHADOW_SEEN) is None


# ---- wear ----------------------------------------------------------------------------------------


def wear_command(*, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """How often each stored setting of the pump has been written, and what its budget leaves.

    The years are those until the weakest memory that any maker states, 100,000 writes of one
    register, would be used up at the rate so far; your pump's own is rarely known.
    """
    settings = load(config)
    now = WallClock().now()
    registers: list[RegisterWear] = []
    if (settings.storage.directory / "state.db").exists():
        with _state(settings) as store:
            registers = Ledger(store).registers()
    budgets = _budgets(settings)
    if as_json:
        show_json([_wear_dict(wear, budgets, now) for wear in registers])
        return
    if not registers:
        out.print("No stored setting has been written yet.")
        return
    table = Table(
        "register", "for", "life", "this week", "budget", "others", "a year", "years", box=None
    )
    for wear in registers:
        budget = budgets.get(wear.capability)
        table.add_row(
            escape(wear.point),
            wear.capability.value,
            str(wear.total),
            str(wear.week_planner),
            "none" if budget is None else f"{budget:g}",
            str(wear.week_other),
            _or_unknown(wear.per_year(now), ".0f"),
            _or_unknown(wear.years_left(now), ".0f"),
        )
    out.print(table)


def _budgets(settings: HouseConfig) -> dict[Capability, float | None]:
    try:
        knobs = load_profile(settings.heat_pump.profile).knobs
    except ConfigurationError as error:
        fail(str(error))
    return {capability: weekly_budget(knob) for capability, knob in knobs.items()}


def _wear_dict(
    wear: RegisterWear, budgets: Mapping[Capability, float | None], now: datetime
) -> dict[str, Any]:
    return {
        "register": wear.point,
        "capability": wear.capability.value,
        "writes": {purpose.value: count for purpose, count in wear.writes.items()},
        "total": wear.total,
        "since": wear.since,
        "week_planner": wear.week_planner,
        "week_other": wear.week_other,
        "weekly_budget": budgets.get(wear.capability),
        "per_year": wear.per_year(now),
        "years_left": wear.years_left(now),
        "weakest_memory_writes": WEAKEST_MEMORY_WRITES,
    }
