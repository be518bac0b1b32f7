import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from bench.report import KpiRow, Report, Timeline, Track, render
from bench.timelines import Grid, cheap_spans, grid_over, period, running_cop, ticks

START_AT = datetime(2024, 1, 14, 23, tzinfo=UTC)  # midnight in Denmark
COPENHAGEN = ZoneInfo("Europe/Copenhagen")


def track(
    name: str,
    *,
    hours: int = 48,
    step_s: int = 300,
    power_w: Callable[[int], float | None] = lambda _: 1000.0,
) -> Track:
    count = hours * 3600 // step_s
    return Track(
        name=name,
        at=[START_AT + timedelta(seconds=i * step_s) for i in range(count)],
        room_c={"living": [21.0] * count, "sleeping": [20.0] * count},
        outdoor_c=[0.0] * count,
        power_w=[power_w(i) for i in range(count)],
        heat_w=[3000.0] * count,
        flow_c=[35.0] * count,
        low_c=[20.0] * count,
        high_c=[22.0] * count,
    )


def report(*tracks: Track) -> Report:
    return Report(
        title="One week",
        headline="heatherd heated this house for 21.30 EUR instead of 24.90 EUR",
        explanation="The same house, twice.",
        timezone="Europe/Copenhagen",
        currency="EUR",
        tracks=tracks or (track("Heating curve"), track("heatherd")),
        price_per_kwh=Timeline(
            starts_at=START_AT, step_s=3600, values=[0.1 * (i % 24) for i in range(48)]
        ),
        kpis=[
            KpiRow(
                label="Cost",
                explanation="What it cost.",
                values={"Heating curve": "24.90 EUR", "heatherd": "21.30 EUR"},
            ),
            KpiRow(label="Starts", explanation="Of the compressor.", values={"heatherd": "12"}),
        ],
        notes=["Simulated house."],
        made={"Seed": "1"},
        attributions=["Weather data by Open-Meteo.com"],
    )


def page_data(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found.group(1))
    return data


def charts(page: str) -> dict[str, dict[str, object]]:
    found = page_data(page)["charts"]
    assert isinstance(found, list)
    return {chart["title"]: chart for chart in found}


class Outline(HTMLParser):
    """Collects the elements of a page and what they fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.fetched += [str(value) for key, value in attrs if key in ("src", "href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    return parser


def test_the_page_fetches_nothing() -> None:
    page = render(report())
    assert outline(page).fetched == []
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page


def test_the_headline_comes_before_the_charts_and_the_charts_before_the_table() -> None:
    page = render(report())
    positions = [
        page.index(part) for part in ("<h1>", 'id="charts"', "<table", "How this was made")
    ]
    assert positions == sorted(positions)


def test_the_page_says_what_to_do_without_javascript() -> None:
    assert "<noscript>" in render(report())


def test_everything_given_is_escaped() -> None:
    evil = "<script>alert('&')</script><!--"
    page = render(
        replace(
            report(track(evil)),
            title=evil,
            headline=evil,
            explanation=evil,
            currency=evil,
            kpis=[KpiRow(label=evil, explanation=evil, values={evil: evil})],
            notes=[evil],
            made={evil: evil},
            attributions=[evil],
        )
    )
    assert "<script>alert" not in page
    assert outline(page).elements.count("script") == 2  # the data and the program
    assert page_data(page)["charts"][0]["unit"] == f"{evil} per kWh"  # type: ignore[index]


def test_a_dollar_sign_in_a_text_is_a_dollar_sign() -> None:
    assert "$title costs $5" in render(replace(report(), headline="$title costs $5"))


def test_there_is_a_chart_for_each_question_of_an_owner() -> None:
    assert list(charts(render(report()))) == [
        "Electricity price",
        "Electricity into the heat pump",
        "Room temperature",
        "Outdoor temperature",
        "Water to the radiators or floor",
        "Heat per unit of electricity (COP)",
    ]


def test_what_was_planned_is_drawn_beside_what_happened() -> None:
    planned = Timeline(starts_at=START_AT, step_s=1800, values=[500.0, None])
    page = render(replace(report(), planned_power_w=planned, planned_heat_w=planned))
    for title in ("Electricity into the heat pump", "Heat out of the heat pump"):
        lines = charts(page)[title]["lines"]
        assert isinstance(lines, list)
        assert lines[-1]["label"] == "planned"
        assert lines[-1]["values"][:4] == [0.5, 0.5, None, None]


def test_a_quarter_hour_shows_the_mean_of_its_known_values() -> None:
    # three samples per quarter hour; 0.0 is a value, None is not
    powers = [0.0, 1000.0, 2000.0, None, None, 3000.0, None, None, None]
    run = track("heatherd", hours=1, power_w=lambda i: powers[i] if i < len(powers) else 10.0)
    lines = charts(render(report(run)))["Electricity into the heat pump"]["lines"]
    assert isinstance(lines, list)
    assert lines[0]["values"] == [1.0, 3.0, None, 0.01]


def test_every_line_and_zone_is_named_in_words() -> None:
    lines = charts(render(report()))["Room temperature"]["lines"]
    assert isinstance(lines, list)
    assert [line["label"] for line in lines] == [
        "Heating curve, living",
        "Heating curve, sleeping",
        "heatherd, living",
        "heatherd, sleeping",
    ]
    assert [line["role"] for line in lines] == ["baseline", "baseline", "ours", "ours"]


def test_a_value_missing_in_the_table_is_a_dash() -> None:
    assert "<td>–</td><td>12</td>" in render(report())


def test_a_month_of_minutes_stays_below_a_megabyte() -> None:
    def jagged(i: int) -> float:
        return 1000.0 + 0.7 * (i * 7919 % 1000)

    month = [
        track(name, hours=31 * 24, step_s=60, power_w=jagged)
        for name in ("Heating curve", "heatherd")
    ]
    page = render(report(*month))
    data = page_data(page)
    assert data["step_s"] == 900
    assert len(page.encode()) < 1_000_000


def test_a_report_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        render(replace(report(), tracks=[]))


def test_a_year_is_shown_in_longer_steps() -> None:
    grid = grid_over(START_AT, START_AT + timedelta(days=365))
    assert grid.step_s == 3 * 3600
    assert grid.count == 365 * 8 + 1


def test_cop_is_heat_over_electricity_and_nothing_while_the_pump_stands_still() -> None:
    grid = Grid(START_AT, 900, 40)
    heat_w = [3000.0] * 20 + [0.0] * 20
    power_w = [1000.0] * 3 + [None] + [1000.0] * 16 + [10.0] * 20
    cop = running_cop(grid, heat_w, power_w)
    assert cop[:10] == pytest.approx([3.0] * 10)
    assert cop[-10:] == [None] * 10


def test_the_cheapest_quarter_of_each_local_day_is_shaded() -> None:
    grid = Grid(START_AT, 3600, 48)
    price = [0.3] * 2 + [0.1] * 6 + [0.3] * 16 + [0.3] * 18 + [0.2] * 6
    start_s = int(START_AT.timestamp())
    assert cheap_spans(grid, price, COPENHAGEN) == [
        (start_s + 2 * 3600, start_s + 8 * 3600),
        (start_s + 42 * 3600, start_s + 48 * 3600),
    ]


def test_a_flat_price_has_no_cheap_hours_and_an_unknown_one_neither() -> None:
    grid = Grid(START_AT, 3600, 48)
    price: list[float | None] = [0.3] * 24 + [None] * 24
    assert cheap_spans(grid, price, COPENHAGEN) == []


@pytest.mark.parametrize(
    ("before", "hours"),
    [(datetime(2024, 3, 30, 23, tzinfo=UTC), 23), (datetime(2024, 10, 26, 22, tzinfo=UTC), 25)],
)
def test_days_begin_at_local_midnight_over_a_clock_change(before: datetime, hours: int) -> None:
    marks = ticks(Grid(before, 900, 4 * 49), COPENHAGEN)
    midnights = [mark["at"] for mark in marks if mark["rank"] == 0]
    assert midnights[:2] == [
        int(before.timestamp()),
        int(before.timestamp()) + hours * 3600,
    ]
    assert [mark["label"] for mark in marks][1:5] == ["03 h", "06 h", "09 h", "12 h"]


def test_the_span_is_told_in_words() -> None:
    week = Grid(START_AT, 3600, 7 * 24)
    assert period(week, COPENHAGEN) == "15 to 21 January 2024, local time in Copenhagen"
    one_day = Grid(START_AT, 3600, 24)
    assert period(one_day, COPENHAGEN) == "15 January 2024, local time in Copenhagen"
    over_new_year = Grid(datetime(2024, 12, 30, 23, tzinfo=UTC), 3600, 48)
    assert period(over_new_year, COPENHAGEN).startswith("31 December 2024 to 1 January 2025")
