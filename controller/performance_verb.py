"""The verb `performance`: the heat pump by its own meters, week by week and over the season."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from controller.app import heat_knob
from controller.cold_figures import ColdFigures
from controller.config import HouseConfig
from controller.defrost_loss import DefrostLoss, defrost_losses
from controller.experience import EXPERIENCE, Experience
from controller.knob_response import Response, knob_responses
from controller.performance import Performance, performances, season_of, week_of
from controller.pump_figures import PumpFigures
from controller.pump_looks import METER, PUMP, Look, Source, look_of, look_of_quarter
from controller.recorder import Records
from controller.records import RecordError
from controller.store import StoreError, open_store
from controller.terminal import DEFAULT_CONFIG, AsJson, ConfigPath, Exit, fail, load, out, show_json
from drivers.api import Knob
from drivers.errors import ConfigurationError
from mpc.heat_pump import LOAD_NODES, SOURCE_NODES_C

SHORTEST_SHOWN_S = 360.0
"""At the limit; less rounds to no time at all."""

COVERS = {
    "compressor": "compressor and its fan or source pump (SPF H2)",
    "heater": "compressor and electric heater (SPF H3)",
    "pumps": "compressor, electric heater and circulation pumps (SPF H4)",
    None: "boundary not told",
}
"""Boundaries as SEPEMO-Build (2012) numbers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """All that is told by one way of measuring electricity."""

    electricity: str
    covers: str | None  # key of COVERS
    weeks: list[Performance]
    seasons: list[Performance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The whole answer."""

    sides: list[Side]
    defrosts: list[DefrostLoss]
    responses: list[Response]
    knob: Knob | None
    figures: PumpFigures
    cold: ColdFigures


def add_performance_verb(app: typer.Typer) -> None:
    """Add the verb `performance`."""
    app.command("performance", epilog="Example: heatherd performance -c house.toml --days 30")(
        performance_command
    )


def performance_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    days: Annotated[
        float, typer.Option("--days", min=1.0, help="weeks, defrosts and knob of so many days")
    ] = 90.0,
    as_json: AsJson = False,
) -> None:
    """Say how the heat pump performs by its own meters, what defrosts cost, how its knob acts.

    Heat over electricity by week and by heating season, with what the electricity covers. Only
    looks: no plan changes by it.
    """
    settings = load(config)
    try:
        told = _told(settings, timedelta(days=days))
    except RecordError as error:
        fail(str(error), Exit.NO_RECORDS)
    except ConfigurationError as error:
        fail(str(error))
    except StoreError as error:
        fail(str(error), Exit.FAILED)
    if as_json:
        show_json(_result(told))
    else:
        _show(told)


def _told(settings: HouseConfig, span: timedelta) -> Told:
    store = Records(settings.storage.directory / "records.db")
    try:
        latest_at = store.latest_at()
        if latest_at is None:
            raise RecordError("nothing has been recorded yet")
        older = _quarters(store)
        newer = [look_of(record) for record in store.records()]
    finally:
        store.close()
    lately = [look for look in newer if look.at >= latest_at - span]
    pump = settings.heat_pump
    ways = (("its own meter", METER, pump.meter_covers), ("the pump's own figures", PUMP,
            pump.power_covers))  # fmt: skip
    sides = []
    for name, source, covers in ways:
        weeks = performances(lately, source, partial(week_of, zone=settings.zone))
        seasons = performances([*older, *newer], source, partial(season_of, zone=settings.zone))
        if seasons:
            sides.append(Side(electricity=name, covers=covers, weeks=weeks, seasons=seasons))
    source, learned = _finest(lately), _experience(settings)
    return Told(
        sides=sides,
        defrosts=defrost_losses(lately, source),
        responses=knob_responses(lately, source),
        knob=heat_knob(settings),
        figures=learned.pump,
        cold=learned.cold,
    )


def _quarters(store: Records) -> list[Look]:
    """What has outlived its records; nothing in a file from before there was such a thing."""
    try:
        return [look_of_quarter(at, means) for at, means in store.quarters()]
    except RecordError:
        return []  # whatever else is wrong with the file is told by its records


def _finest(looks: Sequence[Look]) -> Source:
    """The pump's own power leaves out what does not belong to the compressor; else the meter's."""
    return PUMP if any(PUMP.power in look.values for look in looks) else METER


def _experience(settings: HouseConfig) -> Experience:
    path = settings.storage.directory / "state.db"
    if not path.exists():
        return Experience()
    with open_store(path) as store:
        return store.value("experience", EXPERIENCE) or Experience()


def _result(told: Told) -> dict[str, Any]:
    return {
        "electricity": [
            {
                "by": side.electricity,
                "covers": side.covers,
                "weeks": [{**asdict(p), "spf": p.spf} for p in side.weeks],
                "seasons": [{**asdict(p), "spf": p.spf} for p in side.seasons],
            }
            for side in told.sides
        ],
        "defrosts": [{**asdict(one), "loss_frac": one.loss_frac} for one in told.defrosts],
        "knob": None if told.knob is None else told.knob.capability.value,
        "responses": [asdict(one) for one in told.responses],
        "cop": {"load_frac": LOAD_NODES, **asdict(told.figures)},
        "limits": {
            "source_c": SOURCE_NODES_C,
            "at_limit_s": told.cold.most_s,
            "most_frac": told.cold.most_fracs,
            "predicts_better": told.cold.predicts_better,
            "defrost_frac": told.cold.defrost_fracs,
        },
    }


def _show(told: Told) -> None:
    for side in told.sides:
        out.print(f"Electricity by {side.electricity}: {COVERS[side.covers]}.", highlight=False)
        out.print(_periods([*side.weeks, *side.seasons]))
    if not told.sides:
        _say("Heat and electricity were never measured together: no performance factor.")
    if any(told.figures.seen_s):
        _say("COP in steady heating, measured over assumed (plans use it):")
        out.print(_loads(told.figures))
    if any(told.cold.heating_kwh) or any(told.cold.most_s):
        _say("Largest heat over the map's, and electricity of defrosts, lately:")
        out.print(_limits(told.cold))
    if told.defrosts:
        _say("Heating with its defrosts, by outdoor temperature:")
        out.print(_defrosts(told.defrosts))
        if not any(one.counts_back for one in told.defrosts):
            _say("Heat taken from the house by defrosts was not measured: the loss is at least so.")
    if told.knob is not None and told.responses:
        _say(f"After a change of {told.knob.capability.value}, per unit of it:")
        out.print(_responses(told.responses))


def _say(text: str) -> None:
    out.print(text, highlight=False, markup=False)


def _periods(found: Sequence[Performance]) -> Table:
    table = Table("period", "known h", "outdoor °C", "heat kWh", "electricity kWh", "SPF", box=None)
    for one in found:
        table.add_row(
            escape(one.period), f"{one.known_h:.0f}", _or_dash(one.outdoor_c, ".1f"),
            f"{one.heat_kwh:.1f}", f"{one.electricity_kwh:.1f}", _or_dash(one.spf, ".2f"),
        )  # fmt: skip
    return table


def _loads(figures: PumpFigures) -> Table:
    table = Table("share of capacity", "measured over assumed", "seen h", box=None)
    for load_frac, gain, seen_s in zip(LOAD_NODES, figures.gain, figures.seen_s, strict=True):
        if seen_s > 0.0:
            table.add_row(f"{load_frac:.0%}", f"{gain:.2f}", f"{seen_s / 3600.0:.1f}")
    return table


def _limits(cold: ColdFigures) -> Table:
    table = Table("source °C", "at its limit h", "largest heat", "for defrosts", box=None)
    columns = (SOURCE_NODES_C, cold.most_s, cold.most_fracs, cold.defrost_fracs)
    for source_c, most_s, most_frac, defrost_frac in zip(*columns, strict=True):
        largest = _or_dash(most_frac if most_s >= SHORTEST_SHOWN_S else None, ".2f")
        table.add_row(f"{source_c:g}", f"{most_s / 3600.0:.1f}", largest, f"{defrost_frac:.1%}")
    return table


def _defrosts(found: Sequence[DefrostLoss]) -> Table:
    table = Table("outdoor °C", "heating h", "defrosts", "minutes each", "COP", "steady", "lost",
                  box=None)  # fmt: skip
    for one in found:
        low = "below" if one.from_c is None else f"{one.from_c:g} to"
        span = f"{one.from_c:g} and more" if one.to_c is None else f"{low} {one.to_c:g}"
        each = f"{60.0 * one.defrost_h / one.defrosts:.1f}" if one.defrosts else "–"
        table.add_row(
            span, f"{one.heating_h:.0f}", str(one.defrosts), each, _or_dash(one.whole_cop, ".2f"),
            _or_dash(one.steady_cop, ".2f"), _or_dash(one.loss_frac, ".1%"),
        )  # fmt: skip
    return table


def _responses(found: Sequence[Response]) -> Table:
    table = Table("after min", "changes", "flow K", "power W", box=None)
    for one in found:
        table.add_row(
            f"{one.after_s / 60.0:.0f}", str(one.changes), _or_dash(one.flow_k, "+.2f"),
            _or_dash(one.power_w, "+.0f"),
        )  # fmt: skip
    return table


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
