"""Prices in anybody's JSON: a file, a page, a topic."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import ConfigurationError, DriverError, TransientError
from drivers.prices.json_rows import RowForm, parse_rows
from drivers.prices.json_sources import HttpJsonPrices, JsonFilePrices, MqttPrices
from drivers.transports.in_memory import MemoryMqttLink
from drivers.transports.in_memory_http import Reply
from tests.drivers.priced import at, web

NOW = at("2026-01-15 12:00")
FORM = RowForm(currency="EUR")


def row(start: object, price: object) -> dict[str, object]:
    return {"start": start, "price": price}


def body(*rows: object) -> bytes:
    return json.dumps(rows).encode()


@pytest.mark.parametrize(
    "start", ["2026-01-15T13:00:00+01:00", "2026-01-15T12:00:00Z", 1768478400, 1768478400000]
)
def test_start_is_iso_text_with_offset_or_seconds_or_milliseconds(start: object) -> None:
    assert parse_rows(body(row(start, 0.1)), FORM, "x", NOW).starts_at == NOW


@pytest.mark.parametrize("price", [0.25, "0.25", "2.5e-1"])
def test_price_is_a_number_or_its_text(price: object) -> None:
    assert parse_rows(body(row(0, price)), FORM, "x", NOW).per_kwh == (0.25,)


def test_null_is_unknown_and_zero_is_zero() -> None:
    rows = [row(0, 0), row(900, None), row(1800, -0.1)]
    assert parse_rows(body(*rows), FORM, "x", NOW).per_kwh == (0.0, None, -0.1)


def test_lists_stand_where_the_pointers_say_and_may_be_missing() -> None:
    document = {"a/b": [{"today": [row(0, 1.0)]}], "tomorrow": None}
    form = RowForm(currency="EUR", rows=("/a~1b/0/today", "/tomorrow", "/later"))
    assert parse_rows(json.dumps(document), form, "x", NOW).per_kwh == (1.0,)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (b"", TransientError),
        (b"[]", TransientError),
        (b"null", TransientError),
        (b"{}", ConfigurationError),
        (body(1), ConfigurationError),
        (body({"start": 0}), ConfigurationError),
        (body(row("2026-01-15T13:00:00", 1)), ConfigurationError),
        (body(row("soon", 1)), TransientError),
        (body(row(True, 1)), TransientError),
        (body(row(None, 1)), TransientError),
        (body(row(1e300, 1)), TransientError),
        (body(row(0, True)), TransientError),
        (body(row(0, "cheap")), TransientError),
        (body(row(0, [])), TransientError),
        (b'[{"start":0,"price":NaN}]', TransientError),
        (b'[{"start":0,"price":1e999}]', TransientError),
        (body(row(7, 1)), TransientError),
        (b"[" * 100_000, TransientError),
    ],
)
def test_what_is_no_price_list_is_a_failure(document: bytes, error: type[DriverError]) -> None:
    with pytest.raises(error):
        parse_rows(document, FORM, "x", NOW)


@given(st.binary(max_size=200))
def test_any_bytes_give_prices_or_a_driver_error(noise: bytes) -> None:
    try:
        series = parse_rows(noise, FORM, "x", NOW)
    except DriverError:
        return
    assert series.per_kwh


async def test_file_is_issued_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    source = JsonFilePrices(path, FORM)
    with pytest.raises(TransientError, match="cannot be read"):
        await source.fetch(NOW)
    path.write_bytes(body(row(0, 1.0)))
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert (await source.fetch(written_at + timedelta(hours=1))).issued_at == written_at
    with pytest.raises(TransientError, match="to come"):
        await source.fetch(written_at - timedelta(hours=1))


async def test_topic_gives_its_last_message_with_the_time_it_was_heard() -> None:
    link = MemoryMqttLink()
    heard_at = [NOW]
    source = MqttPrices(link, "energy/prices", FORM, now=lambda: heard_at[0])
    with pytest.raises(TransientError, match="nothing has been heard"):
        await source.fetch(NOW)
    await link.publish("energy/prices", body(row(0, 1.0)))
    heard_at[0] += timedelta(hours=1)
    await link.publish("energy/prices", body(row(0, 2.0)))
    told = await source.fetch(NOW + timedelta(hours=2))
    assert (told.per_kwh, told.issued_at) == ((2.0,), NOW + timedelta(hours=1))


async def test_page_keeps_its_query_and_one_that_is_not_there_is_the_configuration() -> None:
    link = web(body(row(0, 1.0)), Reply(status=404))
    source = HttpJsonPrices(link, "http://box.local/prices?area=a%20b&empty=", FORM)
    await source.fetch(NOW)
    assert link.asked[0].params == (("area", "a b"), ("empty", ""))
    assert link.asked[0].headers == ()
    with pytest.raises(ConfigurationError, match="does not exist"):
        await source.fetch(NOW)
