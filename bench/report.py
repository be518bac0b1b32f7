"""The result of a simulation as one page for a house owner: a file that opens without network.

`render` only arranges what it is given: the sentences and numbers are the caller's, the look is in
`bench/static`. Series are thinned to means over equal steps, so that the page stays small.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from importlib import resources
from string import Template
from zoneinfo import ZoneInfo

from bench.timelines import (
    Grid,
    Series,
    Timeline,
    cheap_spans,
    grid_over,
    period,
    running_cop,
    ticks,
)

__all__ = ["KpiRow", "Report", "Timeline", "Track", "render"]

ROLES = ("baseline", "ours", "third")  # of the tracks, in their order


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What one run did. All series have one entry per instant of `at`; None = not known."""

    name: str
    at: Sequence[datetime]
    room_c: Mapping[str, Series]  # per zone of the house
    outdoor_c: Series
    power_w: Series
    heat_w: Series
    flow_c: Series
    low_c: Series  # comfort band
    high_c: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class KpiRow:
    """One line of the table: what it is, why it matters, and a formatted value per column."""

    label: str
    explanation: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the page shows; the first track is the one compared against."""

    title: str
    headline: str
    explanation: str
    timezone: str  # IANA name of the place: the page speaks local time
    currency: str
    tracks: Sequence[Track]
    price_per_kwh: Timeline  # what a kWh costs the house
    kpis: Sequence[KpiRow]
    notes: Sequence[str]  # what is simulated, what was assumed
    made: Mapping[str, str]  # command, seed, versions
    attributions: Sequence[str]  # where the data is from, under which licence
    planned_power_w: Timeline | None = None
    planned_heat_w: Timeline | None = None


def render(report: Report) -> str:
    """The whole page as HTML. Raises `ValueError` when there is nothing to show."""
    instants = [at for track in report.tracks for at in (*track.at[:1], *track.at[-1:])]
    if not instants:
        raise ValueError("a report needs at least one run with at least one instant")
    grid = grid_over(min(instants), max(instants))
    data = json.dumps(_page_data(report, grid), separators=(",", ":"), allow_nan=False)
    # inside a script element only "<" could end it or open a comment
    data = data.replace("<", "\\u003c")
    return Template(_static("report.html")).substitute(
        title=escape(report.title),
        headline=escape(report.headline),
        explanation=escape(report.explanation),
        period=escape(period(grid, ZoneInfo(report.timezone))),
        style=_static("uPlot.min.css") + _static("report.css"),
        kpi_table=_kpi_table(report.kpis),
        notes=_list(report.notes),
        made=_definitions(report.made),
        attributions=_list(report.attributions),
        data=data,
        script=_static("uPlot.iife.min.js") + "\n" + _static("report.js"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of a chart; `role` names its colour in report.css."""

    label: str
    role: str
    values: Series
    stepped: bool = False
    filled: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Band:
    """A shaded range behind the lines of a chart."""

    label: str
    low: Series
    high: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """One chart as report.js draws it; `least_span` keeps small wiggles from looking large."""

    title: str
    unit: str
    digits: int
    least_span: float
    lines: Sequence[_Line]
    band: _Band | None = None
    height_px: int = 140
    from_zero: bool = False
    shade_cheap: bool = False


def _page_data(report: Report, grid: Grid) -> dict[str, object]:
    timezone = ZoneInfo(report.timezone)
    price = grid.held(report.price_per_kwh)
    charts = [
        _price_chart(report, price),
        _power_chart(report, grid),
        *_heat_charts(report, grid),
        _room_chart(report, grid),
        _outdoor_chart(report, grid),
        _flow_chart(report, grid),
        _cop_chart(report, grid),
    ]
    return {
        "timezone": report.timezone,
        "starts_at_s": int(grid.starts_at.timestamp()),
        "step_s": grid.step_s,
        "count": grid.count,
        "ticks": ticks(grid, timezone),
        "cheap": cheap_spans(grid, price, timezone),
        "cheap_label": "cheapest quarter of each day",
        "charts": [asdict(chart) for chart in charts],
    }


def _price_chart(report: Report, price: Series) -> _Chart:
    line = _Line(label="price", role="price", values=_rounded(price, 4), stepped=True, filled=True)
    return _Chart(
        title="Electricity price",
        unit=f"{report.currency} per kWh",
        digits=3,
        least_span=0.1,
        lines=[line],
        from_zero=True,
        shade_cheap=True,
    )


def _power_chart(report: Report, grid: Grid) -> _Chart:
    measured = [(track, role, track.power_w) for track, role in _with_roles(report.tracks)]
    return _Chart(
        title="Electricity into the heat pump",
        unit="kW",
        digits=2,
        least_span=0.5,
        lines=_kw_lines(measured, report.planned_power_w, grid),
        height_px=170,
        from_zero=True,
        shade_cheap=True,
    )


def _heat_charts(report: Report, grid: Grid) -> list[_Chart]:
    """Heat is worth a chart of its own only beside what was planned."""
    if report.planned_heat_w is None:
        return []
    measured = [(track, role, track.heat_w) for track, role in _with_roles(report.tracks)]
    chart = _Chart(
        title="Heat out of the heat pump",
        unit="kW",
        digits=1,
        least_span=2.0,
        lines=_kw_lines(measured, report.planned_heat_w, grid),
        from_zero=True,
        shade_cheap=True,
    )
    return [chart]


def _room_chart(report: Report, grid: Grid) -> _Chart:
    lines = [
        _Line(
            label=track.name if len(track.room_c) == 1 else f"{track.name}, {zone}",
            role=role,
            values=_rounded(grid.means(track.at, room_c), 2),
            dashed=i > 0,
        )
        for track, role in _with_roles(report.tracks)
        for i, (zone, room_c) in enumerate(track.room_c.items())
    ]
    banded = report.tracks[-1]
    band = _Band(
        label="comfort band",
        low=_rounded(grid.means(banded.at, banded.low_c), 2),
        high=_rounded(grid.means(banded.at, banded.high_c), 2),
    )
    return _Chart(
        title="Room temperature",
        unit="°C",
        digits=1,
        least_span=2.0,
        lines=lines,
        band=band,
        height_px=210,
    )


def _outdoor_chart(report: Report, grid: Grid) -> _Chart:
    track = report.tracks[0]
    values = _rounded(grid.means(track.at, track.outdoor_c), 2)
    line = _Line(label="outdoors", role="outdoor", values=values)
    return _Chart(title="Outdoor temperature", unit="°C", digits=1, least_span=4.0, lines=[line])


def _flow_chart(report: Report, grid: Grid) -> _Chart:
    lines = [
        _Line(label=track.name, role=role, values=_rounded(grid.means(track.at, track.flow_c), 1))
        for track, role in _with_roles(report.tracks)
    ]
    return _Chart(
        title="Water to the radiators or floor", unit="°C", digits=1, least_span=8.0, lines=lines
    )


def _cop_chart(report: Report, grid: Grid) -> _Chart:
    lines = []
    for track, role in _with_roles(report.tracks):
        heat_w, power_w = grid.means(track.at, track.heat_w), grid.means(track.at, track.power_w)
        cop = _rounded(running_cop(grid, heat_w, power_w), 2)
        lines.append(_Line(label=track.name, role=role, values=cop))
    return _Chart(
        title="Heat per unit of electricity (COP)",
        unit="mean over 3 hours; higher is better",
        digits=1,
        least_span=2.0,
        lines=lines,
    )


def _kw_lines(
    measured_w: Sequence[tuple[Track, str, Series]], planned_w: Timeline | None, grid: Grid
) -> list[_Line]:
    lines = [
        _Line(
            label=track.name,
            role=role,
            values=_kw(grid.means(track.at, series_w)),
            stepped=True,
            filled=role == "ours",
        )
        for track, role, series_w in measured_w
    ]
    if planned_w is not None:
        values = _kw(grid.held(planned_w))
        lines.append(_Line(label="planned", role="plan", values=values, stepped=True, dashed=True))
    return lines


def _with_roles(tracks: Sequence[Track]) -> list[tuple[Track, str]]:
    if len(tracks) == 1:
        return [(tracks[0], "ours")]
    return [(track, ROLES[min(i, len(ROLES) - 1)]) for i, track in enumerate(tracks)]


def _rounded(values: Series, digits: int) -> list[float | None]:
    return [None if value is None else round(value, digits) for value in values]


def _kw(values_w: Series) -> list[float | None]:
    return _rounded([None if value_w is None else value_w / 1000.0 for value_w in values_w], 3)


def _kpi_table(rows: Sequence[KpiRow]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row.values))
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "\n".join(
        f'<tr><th scope="row"><strong>{escape(row.label)}</strong>'
        f"<small>{escape(row.explanation)}</small></th>"
        + "".join(f"<td>{escape(row.values.get(column, '–'))}</td>" for column in columns)
        + "</tr>"
        for row in rows
    )
    return (
        f'<table style="--columns: {len(columns)}">\n'
        f"<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def _list(items: Sequence[str]) -> str:
    if not items:
        return ""
    return "<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>"


def _definitions(items: Mapping[str, str]) -> str:
    if not items:
        return ""
    entries = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in items.items())
    return "<dl>\n" + "\n".join(entries) + "\n</dl>"


def _static(name: str) -> str:
    return resources.files("bench").joinpath("static", name).read_text(encoding="utf-8")
