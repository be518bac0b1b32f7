"""The verb `explain`: what the latest plan does and why, and what another wish would cost."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from controller.config import HouseConfig
from controller.forecast_words import forecast_words, forecasts_as_dict
from controller.history import Folder, opened
from controller.planner import PLAN, REQUEST
from controller.replay import recorded_config
from controller.terminal import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    Exit,
    fail,
    out,
    show_json,
)
from controller.what_if_words import Home, change_of
from mpc.changes import WhatIf
from mpc.explain import Activity, Block, explain, summary
from mpc.plan import NotSolved, Plan, PlanRequest


def add_explain_verb(app: typer.Typer) -> None:
    """Add the verb `explain`."""
    app.command("explain", epilog="Example: heatherd explain -c house.toml")(explain_command)


def explain_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    records: Folder = None,
    change: Annotated[
        str | None,
        typer.Option(
            "--what-if", help='plan again with another wish, such as "set-point -0.5", and compare'
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say in words what the latest plan does, when, and why; or what another wish would cost."""
    with opened(config, records) as store:
        settings = recorded_config(store)
        plan_text, request_text = store.latest("plan"), store.latest("request")
        request = None if request_text is None else REQUEST.validate_json(request_text)
        plan = None if plan_text is None else PLAN.validate_json(plan_text)
    if change is not None:
        _compare(change, request, settings, as_json)
        return
    if plan is None:
        fail("No plan has been made yet.", Exit.FAILED)
    made_of = request if request is not None and request.made_at == plan.made_at else None
    blocks = explain(plan, made_of)
    if as_json:
        forecasts = None if made_of is None else forecasts_as_dict(made_of.horizon)
        show_json({**_as_dict(plan, blocks), "forecasts": forecasts})
        return
    zone = settings.zone
    out.print(
        f"Plan for {settings.house.name} of {_day(plan.made_at, zone)}"
        f" {_clock(plan.made_at, zone)} ({plan.source})",
        markup=False,
        highlight=False,
    )
    out.print(summary(plan), markup=False, highlight=False)
    if plan.margin_cost is not None:
        out.print(_margin_words(plan, settings.tariff.currency), markup=False, highlight=False)
    if made_of is not None:
        for said in forecast_words(made_of.horizon, settings.tariff.currency):
            out.print(said, markup=False, highlight=False)
    out.print(_table(blocks, settings))


def _as_dict(plan: Plan, blocks: list[Block]) -> dict[str, Any]:
    return {
        "made_at": plan.made_at.isoformat(),
        "source": plan.source,
        "summary": summary(plan),
        "cost": plan.cost,
        "margin_cost_at_most": plan.margin_cost,
        "blocks": [
            {
                **asdict(block),
                "starts_at": block.starts_at.isoformat(),
                "ends_at": block.ends_at.isoformat(),
            }
            for block in blocks
        ],
    }


def _margin_words(plan: Plan, currency: str) -> str:
    most = f"{plan.margin_cost:.2f} {currency}"
    return f"What is kept free of the comfort band for the plan's own errors costs at most {most}."


def _table(blocks: list[Block], settings: HouseConfig) -> Table:
    zone, money = settings.zone, f"{settings.tariff.currency}/kWh"
    worth = any(block.marginal_per_kwh is not None for block in blocks)
    second = any(block.second_to_c is not None for block in blocks)
    extra = ["heat's worth"] if worth else []
    rooms = ["room or tank", *(["second zone"] if second else [])]
    table = Table("day", "from", "to", money, *extra, *rooms, "", box=None)
    day = ""
    for block in blocks:
        today = _day(block.starts_at, zone)
        value = block.marginal_per_kwh
        table.add_row(
            "" if today == day else today,
            _clock(block.starts_at, zone),
            _end(block, zone),
            f"{block.mean_price_per_kwh:.3f}",
            *([f"{value:.3f}" if value is not None else ""] if worth else []),
            _temperatures(block),
            *([_second_zone(block)] if second else []),
            block.sentence,
        )
        day = today
    return table


def _temperatures(block: Block) -> str:
    first, last = block.room_from_c, block.room_to_c
    if block.activity is Activity.HOT_WATER and block.tank_from_c is not None:
        first, last = block.tank_from_c, block.tank_to_c or block.tank_from_c
    return f"{first:.1f} → {last:.1f} °C"


def _second_zone(block: Block) -> str:
    first, last = block.second_from_c, block.second_to_c
    if block.activity is Activity.HOT_WATER or first is None or last is None:
        return ""
    return f"{first:.1f} → {last:.1f} °C"


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}"


def _end(block: Block, zone: ZoneInfo) -> str:
    """The clock time a block ends, with the weekday if that is not the one it began on."""
    last = (block.ends_at - timedelta(seconds=1)).astimezone(zone)
    same_day = last.date() == block.starts_at.astimezone(zone).date()
    weekday = "" if same_day else f"{block.ends_at.astimezone(zone):%a} "
    return weekday + _clock(block.ends_at, zone)


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


# ---- what if -------------------------------------------------------------------------------------


def _compare(
    text: str, request: PlanRequest | None, settings: HouseConfig, as_json: bool
) -> None:  # fmt: skip
    if request is None:
        fail("No plan has been asked for yet.", Exit.FAILED)
    from mpc.what_if import what_if  # brings the solver: only where something is solved

    comfort = settings.comfort
    home = Home(settings.zone, band_k=comfort.band_k, away_c=comfort.away_c)
    try:
        found = what_if(request, change_of(text, request, home))
    except ValueError as error:
        fail(f"--what-if: {error}", Exit.USAGE)
    if isinstance(found, NotSolved):
        fail(f"it cannot be planned: {found.reason}", Exit.FAILED)
    if as_json:
        show_json(_compared(text, request, found))
    else:
        _show_compared(text, request, found, settings)


def _compared(text: str, request: PlanRequest, found: WhatIf) -> dict[str, Any]:
    asked, changed = asdict(found.asked), asdict(found.changed)
    return {
        "what_if": text,
        "made_at": request.made_at.isoformat(),
        "as_asked": asked,
        "as_changed": changed,
        "difference": {name: changed[name] - asked[name] for name in asked},
    }


ROWS = {
    "cost_per_day": ("energy, {currency} a day", ".2f"),
    "energy_kwh_per_day": ("electricity, kWh a day", ".1f"),
    "room_mean_c": ("mean room, °C", ".2f"),
    "room_lowest_c": ("coldest, °C", ".2f"),
    "below_kh_per_day": ("below the band as asked, K·h a day", ".2f"),
    "above_kh_per_day": ("above it, K·h a day", ".2f"),
    "peak_kw": ("highest power, kW", ".2f"),
    "peak_cost": ("peak charges of the period, {currency}", ".2f"),
}
"""Name and digits of every figure."""


def _show_compared(text: str, request: PlanRequest, found: WhatIf, settings: HouseConfig) -> None:
    currency, zone = settings.tariff.currency, settings.zone
    out.print(
        f"What if: {text}, from {_day(request.made_at, zone)} {_clock(request.made_at, zone)} on",
        markup=False,
        highlight=False,
    )
    table = Table("", "as asked", "what if", "difference", box=None)
    for name, (words, digits) in ROWS.items():
        asked, changed = getattr(found.asked, name), getattr(found.changed, name)
        if name == "peak_cost" and asked == changed == 0.0:
            continue
        table.add_row(
            words.format(currency=currency),
            format(asked, digits),
            format(changed, digits),
            format(changed - asked, f"+{digits}"),
        )
    out.print(table)
