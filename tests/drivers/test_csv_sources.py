"""Prices and weather from CSV files: steps, holes, issue times, and errors that name the line."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.errors import ConfigurationError, DriverError, TransientError
from drivers.prices.csv_file import CsvPrices
from drivers.weather.csv_file import CsvWeather

WRITTEN = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
NOW = datetime(2026, 1, 14, 18, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.csv"


def write(path: Path, *lines: str, at: datetime = WRITTEN) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.mark.parametrize(
    ("second", "step_s"),
    [("2026-01-15T00:15:00Z", 900), ("2026-01-15T00:30Z", 1800), ("2026-01-15T02:00+01:00", 3600)],
)
async def test_the_step_is_the_spacing(path: Path, second: str, step_s: int) -> None:
    write(path, "timestamp_utc,price", "2026-01-15T00:00:00Z,85.5", f"{second},-3")
    series = await CsvPrices(path, "EUR", per_mwh=True).fetch(NOW)
    assert series.step_s == step_s
    assert series.starts_at == datetime(2026, 1, 15, tzinfo=UTC)
    assert series.per_kwh == (0.0855, -0.003)
    assert (series.issued_at, series.currency, series.source) == (WRITTEN, "EUR", "series.csv")


async def test_prices_per_kwh_are_taken_as_they_are_and_zero_is_a_price(path: Path) -> None:
    write(path, "timestamp_utc,price", "2026-01-15T00:00Z,0", "2026-01-15T01:00Z,0.12", "")
    series = await CsvPrices(path, "DKK", per_mwh=False).fetch(NOW)
    assert series.per_kwh == (0.0, 0.12)


async def test_missing_rows_and_cells_are_unknown_prices(path: Path) -> None:
    write(
        path,
        "timestamp_utc,price",
        "2026-01-15T00:00Z,1",
        "2026-01-15T01:00Z,",
        "2026-01-15T04:00Z,5",
    )
    series = await CsvPrices(path, "EUR", per_mwh=False).fetch(NOW)
    assert series.per_kwh == (1.0, None, None, None, 5.0)


async def test_rows_issued_later_do_not_exist_yet(path: Path) -> None:
    write(
        path,
        "timestamp_utc,price,issued_at",
        "2026-01-15T00:00Z,1,2026-01-14T12:00Z",
        "2026-01-15T01:00Z,2,2026-01-14T13:00Z",
        "2026-01-15T02:00Z,3,2026-01-14T19:00Z",
    )
    source = CsvPrices(path, "EUR", per_mwh=False)
    before = await source.fetch(NOW)
    assert before.per_kwh == (1.0, 2.0)
    assert before.issued_at == datetime(2026, 1, 14, 13, tzinfo=UTC)
    assert (await source.fetch(NOW + timedelta(hours=2))).per_kwh == (1.0, 2.0, 3.0)


async def test_nothing_issued_is_worth_another_try(path: Path) -> None:
    write(path, "timestamp_utc,price", "2026-01-15T00:00Z,1", "2026-01-15T01:00Z,1")
    with pytest.raises(TransientError, match="issued"):
        await CsvPrices(path, "EUR", per_mwh=False).fetch(WRITTEN - timedelta(hours=1))


async def test_an_absent_file_is_worth_another_try(path: Path) -> None:
    source = CsvPrices(path, "EUR", per_mwh=False)
    with pytest.raises(TransientError, match="cannot be read"):
        await source.fetch(NOW)
    write(path, "timestamp_utc,price", "2026-01-15T00:00Z,1", "2026-01-15T01:00Z,1")
    assert (await source.fetch(NOW)).per_kwh == (1.0, 1.0)


async def test_the_file_is_read_again_when_it_changes(path: Path) -> None:
    write(path, "timestamp_utc,price", "2026-01-15T00:00Z,1", "2026-01-15T01:00Z,1")
    source = CsvPrices(path, "EUR", per_mwh=False)
    await source.fetch(NOW)
    later = WRITTEN + timedelta(hours=1)
    write(path, "timestamp_utc,price", "2026-01-16T00:00Z,7", "2026-01-16T01:00Z,8", at=later)
    series = await source.fetch(NOW)
    assert (series.per_kwh, series.issued_at) == ((7.0, 8.0), later)


async def test_an_unchanged_file_is_not_parsed_again(path: Path) -> None:
    write(path, "timestamp_utc,price", "2026-01-15T00:00Z,1", "2026-01-15T01:00Z,1")
    source = CsvPrices(path, "EUR", per_mwh=False)
    await source.fetch(NOW)
    write(path, "timestamp_utc,price", "2026-01-15T00:00Z,9", "2026-01-15T01:00Z,9")
    assert (await source.fetch(NOW)).per_kwh == (1.0, 1.0)  # same size, same time: not touched


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["time,price"], "line 1: the header must be timestamp_utc,price"),
        ([], "line 1: the header"),
        (["2026-01-15T00:00,1"], "line 2: .* has no offset"),
        (["15.01.2026 00:00,1"], "line 2: .* is not an ISO 8601 time"),
        (["2026-01-15T00:00Z,1,2"], "line 2: 3 cells instead of 2"),
        (["2026-01-15T00:00Z,cheap"], "line 2: 'cheap' is not a number"),
        (["2026-01-15T00:00Z,nan"], "line 2: 'nan' is not a finite number"),
        (["2026-01-15T00:00Z,1"], "at least two lines"),
        (["2026-01-15T01:00Z,1", "2026-01-15T00:00Z,1"], "line 3: the time does not lie after"),
        (["2026-01-15T00:00Z,1", "2026-01-15T00:00Z,1"], "line 3: the time does not lie after"),
        (["2026-01-15T00:00Z,1", "2026-01-15T00:10Z,1"], "600 s apart"),
        (
            ["2026-01-15T00:00Z,1", "2026-01-15T00:30Z,1", "2026-01-15T01:15Z,1"],
            "line 4: lies off the grid",
        ),
    ],
)
async def test_wrong_content_names_the_line(path: Path, lines: list[str], message: str) -> None:
    header = [] if not lines or lines[0].startswith("time") else ["timestamp_utc,price"]
    write(path, *header, *lines)
    with pytest.raises(ConfigurationError, match=message):
        await CsvPrices(path, "EUR", per_mwh=False).fetch(NOW)


def test_a_file_that_is_not_text_is_a_configuration_error(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        asyncio.run(CsvPrices(path, "EUR", per_mwh=False).fetch(NOW))


WEATHER = "timestamp_utc,outdoor_c,ghi_w_per_m2"


async def test_weather_is_read_with_short_holes_bridged_straight(path: Path) -> None:
    write(
        path,
        WEATHER,
        "2026-01-15T00:00Z,-4,0",
        "2026-01-15T01:00Z,0,0",
        "2026-01-15T05:00Z,4,400",
    )
    series = await CsvWeather(path).fetch(NOW)
    assert series.outdoor_c == (-4.0, 0.0, 1.0, 2.0, 3.0, 4.0)
    assert series.ghi_w_per_m2 == (0.0, 0.0, 100.0, 200.0, 300.0, 400.0)
    assert (series.issued_at, series.step_s, series.source) == (WRITTEN, 3600, "series.csv")
    assert series.starts_at == datetime(2026, 1, 15, tzinfo=UTC)


async def test_an_empty_cell_is_bridged_too(path: Path) -> None:
    write(
        path,
        WEATHER,
        "2026-01-15T00:00Z,1,0",
        "2026-01-15T01:00Z,,10",
        "2026-01-15T02:00Z,3,20",
    )
    assert (await CsvWeather(path).fetch(NOW)).outdoor_c == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["T00:00Z,0,0", "T01:00Z,0,0", "T05:01Z,0,0"], "line 4: lies off the grid"),
        (["T00:00Z,0,0", "T01:00Z,0,0", "T06:00Z,0,0"], "line 4: a hole of more than 3 h"),
        (["T00:00Z,0,0", "T01:00Z,61,0"], "line 3: 61 is not plausible"),
        (["T00:00Z,0,0", "T01:00Z,0,-1"], "line 3: -1 is not plausible"),
        (["T00:00Z,,0", "T01:00Z,0,0"], "first line has an empty cell"),
        (["T00:00Z,0,0", "T01:00Z,0,"], "last line has an empty cell"),
    ],
)
async def test_wrong_weather_names_the_line(path: Path, lines: list[str], message: str) -> None:
    write(path, WEATHER, *(f"2026-01-15{line}" for line in lines))
    with pytest.raises(DriverError, match=message):
        await CsvWeather(path).fetch(NOW)


async def test_wind_may_stand_behind_the_sun(path: Path) -> None:
    rows = ("2026-01-15T00:00Z,1,0,4", "2026-01-15T01:00Z,2,0,", "2026-01-15T02:00Z,3,0,8")
    write(path, f"{WEATHER},wind_m_s", *rows)
    assert (await CsvWeather(path).fetch(NOW)).wind_m_s == (4.0, 6.0, 8.0)
    write(path, WEATHER, *(row.rpartition(",")[0] for row in rows))
    assert (await CsvWeather(path).fetch(NOW)).wind_m_s is None
    write(path, f"{WEATHER},wind_m_s,issued_at", *(f"{row},2026-01-14T00:00Z" for row in rows))
    assert (await CsvWeather(path).fetch(NOW)).wind_m_s == (4.0, 6.0, 8.0)


async def test_a_column_of_another_name_is_refused(path: Path) -> None:
    write(path, f"{WEATHER},wind", "2026-01-15T00:00Z,1,0,4", "2026-01-15T01:00Z,1,0,4")
    with pytest.raises(DriverError, match=r"ghi_w_per_m2\[,wind_m_s\]\[,issued_at\]"):
        await CsvWeather(path).fetch(NOW)
