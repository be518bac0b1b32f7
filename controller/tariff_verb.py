"""The verb `tariff`: what a kWh costs on a day, step by step and piece by piece."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from controller.clock import WallClock
from controller.config import HouseConfig
from controller.connect import RealLinks
from controller.connect_prices import price_source
from controller.forecasts import KNOWN
from controller.model_tariff import tariff_of
from controller.online import price_words
from controller.store import StoreError, open_store
from controller.tariff_bill import BillStep, day_bill, mean_total
from controller.tariff_presets import preset, preset_names
from controller.terminal import DEFAULT_CONFIG, AsJson, ConfigPath, Exit, fail, load, out, show_json
from drivers.api import PriceSeries
from drivers.errors import DriverError
from mpc.peak_tariff import PeakTariff
from mpc.tariff import Tariff
from mpc.tariff_calendar import first_of_month


def add_tariff_verb(app: typer.Typer) -> None:
    """Add the verb `tariff`."""
    app.command("tariff", epilog="Example: heatherd tariff -c house.toml --date 2026-01-31")(
        tariff_command
    )


def tariff_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    day: Annotated[
        str | None, typer.Option("--date", help="local day such as 2026-01-31; default: today")
    ] = None,
    spot: Annotated[
        float | None,
        typer.Option("--spot", help="reckon with this spot price per kWh instead of known ones"),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="ask the sources instead of what the service knows")
    ] = False,
    presets: Annotated[
        bool, typer.Option("--presets", help="list the tariffs that come with heatherd")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what a kWh costs over a day: spot, margin, each charge, VAT and the sum.

    Prices per kWh before VAT, the last column with it. A step without a known spot price has no
    sum. Charges on power are listed below: they are paid per kW.
    """
    if presets:
        _list_presets(as_json)
        return
    settings = load(config)
    tariff = tariff_of(settings.tariff, settings.house.timezone)
    try:
        chosen = (
            WallClock().now().astimezone(settings.zone).date()
            if day is None
            else date.fromisoformat(day)
        )
    except ValueError:
        fail(f"--date: {day!r} is not a day such as 2026-01-31", Exit.USAGE)
    series = None if spot is not None else _prices(settings, online=online)
    steps = day_bill(tariff, chosen, spot_of(series) if spot is None else lambda _: spot)
    if as_json:
        show_json([_json_step(step) for step in steps])
        return
    _show(steps, settings, tariff)
    if spot is None:
        words = "no spot prices are known" if series is None else price_words(series, settings.zone)
        out.print(f"Spot: {words}", highlight=False, markup=False)


def spot_of(series: PriceSeries | None) -> Callable[[datetime], float | None]:
    """The spot price at an instant; None where nobody knows."""

    def spot_at(at: datetime) -> float | None:
        if series is None:
            return None
        place = int((at - series.starts_at).total_seconds() // series.step_s)
        return series.per_kwh[place] if 0 <= place < len(series.per_kwh) else None

    return spot_at


def _prices(settings: HouseConfig, *, online: bool) -> PriceSeries | None:
    """What the service knew last, or what the sources answer now."""
    if online:
        return asyncio.run(_asked(settings))
    path = settings.storage.directory / "state.db"
    if not path.exists():
        return None
    try:
        with open_store(path) as store:
            known = store.value("known", KNOWN)
    except (StoreError, DriverError) as error:
        fail(str(error), Exit.FAILED)
    return None if known is None else known.prices


async def _asked(settings: HouseConfig) -> PriceSeries:
    now = WallClock().now
    try:
        source = price_source(settings, RealLinks(settings).mqtt, now)
        if source is None:
            fail("prices: no source is configured")
        return await source.fetch(now())
    except DriverError as error:
        fail(str(error), Exit.FAILED)


def _show(steps: list[BillStep], settings: HouseConfig, tariff: Tariff) -> None:
    names = list(dict.fromkeys(name for step in steps for name in step.pieces))
    title = f"{steps[0].starts_at.astimezone(settings.zone):%A %d %B %Y}, {tariff.currency}/kWh"
    table = Table("time", "spot", *map(escape, names), "VAT", "sum", box=None, title=title)
    for step in steps:
        first, last = (
            f"{at.astimezone(settings.zone):%H:%M}" for at in (step.starts_at, step.ends_at)
        )
        row = [step.spot, *(step.pieces.get(name) for name in names), step.vat, step.total]
        table.add_row(f"{first}-{last}", *("unknown" if x is None else f"{x:.4f}" for x in row))
    out.print(table)
    mean = mean_total(steps)
    if mean is not None:
        out.print(f"Mean of the known steps: {mean:.4f} {tariff.currency}/kWh", highlight=False)
    for name in tariff.ended(steps[0].starts_at):
        out.print(f"No rate of {name} is valid any more: it counts as nothing.", highlight=False)
    for peak in tariff.peaks:
        out.print(_peak_words(peak, steps[0].starts_at, tariff.currency), highlight=False)


def _peak_words(peak: PeakTariff, at: datetime, currency: str) -> str:
    """One charge on power in a sentence."""
    month = first_of_month(peak.calendar.local(at).date())
    of = {"free": "", "day": " of different days", "week": " of different weeks"}[peak.group.value]
    count = "highest mean" if peak.averaged == 1 else f"{peak.averaged} highest means"
    rule = f"the {count} of {peak.interval_s // 60} min{of}"
    rate = next(
        (
            rate
            for rate in peak.rates
            if rate.validity.covers(month) and (not rate.months or month.month in rate.months)
        ),
        None,
    )
    if rate is None:
        return f"On power, {peak.name}: {rule}; no price holds on this day."
    if rate.steps:
        fees = ", ".join(f"{step.fee:g}" for step in rate.steps)
        return f"On power, {peak.name}: {rule}; fees by the step {fees} {currency} with VAT."
    return f"On power, {peak.name}: {rule}; {rate.price_per_kw:g} {currency}/kW with VAT."


def _json_step(step: BillStep) -> dict[str, object]:
    return {
        **asdict(step),
        "starts_at": step.starts_at.isoformat(),
        "ends_at": step.ends_at.isoformat(),
    }


def _list_presets(as_json: bool) -> None:
    found = [preset(name) for name in preset_names()]
    if as_json:
        show_json(
            [
                {
                    "name": p.name,
                    "title": p.title,
                    "source": p.source,
                    "valid_from": f"{p.valid_from}",
                }
                for p in found
            ]
        )
        return
    table = Table("preset", "right from", "what it is", "source", box=None)
    for p in found:
        table.add_row(p.name, f"{p.valid_from}", escape(p.title), escape(p.source))
    out.print(table)
