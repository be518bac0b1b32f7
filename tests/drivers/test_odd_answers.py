"""What services and boxes may say at the ends of calendars and numbers: each was once too much."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.api import PriceSeries
from drivers.errors import LONGEST_LINE, ConfigurationError, DriverError, TransientError
from drivers.grid.limit import GridState
from drivers.grid.lpc_inbox import LpcInbox, LpcTerms
from drivers.grid.windows import WithWindows, staggered
from drivers.prices.awattar import Awattar
from drivers.prices.csv_file import CsvPrices
from drivers.prices.energi_data_service import EnergiDataService
from drivers.prices.energy_charts import EnergyCharts
from drivers.prices.entsoe import MOST_STEPS, Entsoe
from drivers.prices.live import LivePrices
from drivers.prices.polling import EURO_AUCTION
from drivers.profile import LARGEST_BYTES, load_profile
from drivers.section import LONGEST_SHOWN, shown
from drivers.transports.http import HttpAnswer, PoliteLink, parse_xml
from drivers.transports.in_memory_http import Reply
from drivers.weather.series import Sky, series_of
from tests.drivers.priced import at, recorded, series, web

NOW = at("2026-01-15 12:00")
HUGE = 10**400


# ---- prices and weather ---


class Told:
    """A price service that says what the test wants."""

    name = "Told"
    publication = EURO_AUCTION
    answer: PriceSeries = series("2026-01-15 00:00", [0.1] * 24)

    async def ask(self, *_: datetime) -> PriceSeries:
        return self.answer


async def test_a_price_of_another_year_does_not_stand_in_the_way_of_todays() -> None:
    told = Told()
    live = LivePrices(told, "EUR", seed="house")
    told.answer = series("2036-01-15 00:00", [0.1])
    with pytest.raises(TransientError, match="no price of these days"):
        await live.fetch(NOW)
    told.answer = series("2026-01-15 00:00", [0.2] * 24)
    assert (await live.fetch(NOW + timedelta(hours=2))).per_kwh == (0.2,) * 24


async def test_prices_far_ahead_are_left_out_of_a_good_answer() -> None:
    told = Told()
    told.answer = series("2026-01-15 00:00", [0.2] * 24 + [None] * 24 * 200 + [9.0])
    fetched = await LivePrices(told, "EUR", seed="house").fetch(NOW)
    assert 9.0 not in fetched.per_kwh
    assert fetched.per_kwh[:24] == (0.2,) * 24


@pytest.mark.parametrize("start", [HUGE, -(10**20)])
def test_an_instant_of_hundreds_of_digits_is_refused_by_awattar(start: int) -> None:
    row = {"start_timestamp": start, "end_timestamp": 0, "marketprice": 1.0, "unit": "Eur/MWh"}
    with pytest.raises(TransientError, match="is no time"):
        Awattar(web(b""), "DE").parse(json.dumps({"data": [row]}).encode(), NOW)


def test_an_instant_of_hundreds_of_digits_is_refused_by_energy_charts() -> None:
    said = {"unix_seconds": [HUGE], "price": [1.0], "unit": "EUR / MWh"}
    with pytest.raises(TransientError, match="is no time"):
        EnergyCharts(web(b""), "NL").parse(json.dumps(said).encode(), NOW)


def test_the_first_hours_of_the_calendar_are_refused() -> None:
    record = {"TimeUTC": "0001-01-01T00:00:00+14:00", "PriceArea": "DK1", "DayAheadPriceEUR": 1.0}
    body = json.dumps({"records": [record]}).encode()
    with pytest.raises(TransientError, match="no time of these days"):
        EnergiDataService(web(b""), "DK1", "DKK").parse(body, NOW)


def test_a_small_document_of_a_thousand_years_is_refused_before_it_is_spread_out() -> None:
    good = recorded("entsoe/BE_60M.xml").decode()
    first, last = good.index("<TimeSeries>"), good.index("</TimeSeries>") + len("</TimeSeries>")
    period = (
        "<TimeSeries><in_Domain.mRID>10YBE----------2</in_Domain.mRID>"
        "<currency_Unit.name>EUR</currency_Unit.name>"
        "<price_Measure_Unit.name>MWH</price_Measure_Unit.name><Period><timeInterval>"
        "<start>2025-01-01T23:00Z</start><end>2026-01-01T23:00Z</end></timeInterval>"
        "<resolution>PT15M</resolution><Point><position>1</position>"
        "<price.amount>1</price.amount></Point></Period></TimeSeries>"
    )
    service = Entsoe(web(b""), "BE", "secret")
    one = good[:first] + period + good[last:]
    assert len(service.parse(one.encode(), NOW).per_kwh) == 365 * 96 < MOST_STEPS
    many = good[:first] + period * 1000 + good[last:]
    with pytest.raises(TransientError, match="more prices than two years"):
        service.parse(many.encode(), NOW)


def test_a_document_without_its_interval_is_damaged() -> None:
    body = recorded("entsoe/BE_60M.xml").replace(b"timeInterval", b"timeless")
    with pytest.raises(TransientError, match="timeInterval"):
        Entsoe(web(b""), "BE", "secret").parse(body, NOW)


def test_entities_in_letters_of_two_bytes_are_refused_too() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    with pytest.raises(TransientError):
        parse_xml(text.encode("utf-16"), "place")


def test_a_forecast_that_begins_next_year_is_refused() -> None:
    begins_at = NOW + timedelta(days=365)
    hours = [begins_at + timedelta(hours=k) for k in range(24)]
    sky = Sky(outdoor_c=dict.fromkeys(hours, 1.0), ghi_before_w_per_m2=dict.fromkeys(hours, 0.0))
    with pytest.raises(TransientError, match="no weather to come"):
        series_of(sky, step_s=3600, issued_at=NOW, at=NOW, source="service")


# ---- HTTP ---


async def test_a_validator_that_no_request_may_hold_is_not_sent_back() -> None:
    body = recorded("energycharts/price_nl_2025-12-31.json")
    far = web(
        Reply(body, headers={"ETag": '"é"', "Last-Modified": "Thu, 15 Jan 2026 12:00:00 GMT"})
    )
    service = EnergyCharts(PoliteLink(far), "NL")
    for _ in range(2):
        await service.ask(NOW, NOW, NOW)
    assert [name for name, _ in far.asked[1].headers] == ["If-Modified-Since"]


@pytest.mark.parametrize(
    ("expires", "date"),
    [
        ("Fri, 01 Jan 0100 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("Thu, 15 Jan 2026 13:00:00 +9999999999999999999", "Thu, 15 Jan 2026 13:00:00 GMT"),
    ],
)
def test_dates_at_the_ends_of_the_calendar_say_nothing_of_freshness(
    expires: str, date: str
) -> None:
    headers = {"expires": expires, "date": date, "retry-after": expires}
    answer = HttpAnswer(place="h", status=200, body=b"", headers=headers, at=NOW)
    assert answer.fresh_until is None or answer.fresh_until >= NOW
    assert NOW <= answer.retry_at <= NOW + timedelta(days=1)


def test_a_message_quotes_little_of_what_was_said() -> None:
    assert str(DriverError("a" * 9000 + "\nsecond")).splitlines() == ["a" * LONGEST_LINE, "second"]


# ---- limits of the grid operator ---


class Box:
    """What the control box says, and what holds."""

    def __init__(self) -> None:
        terms = LpcTerms(failsafe_w=4200.0, failsafe_minimum_s=7200.0, guaranteed_w=4200.0)
        self.inbox = LpcInbox(terms, now=lambda: NOW, stopwatch_s=lambda: 0.0)

    def say(self, **body: object) -> str | None:
        return self.inbox.take(json.dumps(body).encode(), place="box")


@pytest.mark.parametrize("duration_s", [1e300, 2.0**63, 1e12])
def test_a_limit_for_longer_than_all_calendars_holds_for_a_year(duration_s: float) -> None:
    box = Box()
    assert box.say(heartbeat=1, limit_w=4200, duration_s=duration_s) is None
    limit = box.inbox.limit()
    assert (limit.limit_w, limit.state) == (4200.0, GridState.LIMITED)
    assert limit.until == NOW + timedelta(days=366)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("2026-01-15T13:00:00+00:00", "9999-12-31T23:59:59-12:00"),
        ("0001-01-01T00:00:00+14:00", "2026-01-15T13:00:00+00:00"),
        ("2036-01-15T13:00:00+00:00", "2036-01-15T15:00:00+00:00"),
    ],
)
async def test_a_window_of_another_year_takes_nobodys_place(starts_at: str, ends_at: str) -> None:
    box = Box()
    told = box.say(reduction={"starts_at": starts_at, "ends_at": ends_at, "limit_w": 0})
    assert told is not None
    assert "another year" in told
    windows = [staggered(w, house="a", recovery_s=900.0) for w in box.inbox.windows()]
    source = WithWindows(None, lambda: windows, guaranteed_w=4200.0, now=lambda: NOW)
    assert (await source.read()).limit_w is None


# ---- files ---


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a = " + b"[" * 5000, "nested without end"),
        (b"a = " + b"9" * 5000, "not valid TOML"),
        (b"\xff", "not UTF-8"),
        (b"#" * (LARGEST_BYTES + 1), "are no profile"),
        (b"name = 0x" + b"f" * 9000, "a number of thousands of digits"),
    ],
    ids=["deep", "digits", "bytes", "large", "hexadecimal"],
)
def test_a_profile_that_nobody_wrote_is_refused_in_words(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=reason):
        load_profile(path)


def test_a_whole_number_beyond_all_floats_is_no_number_of_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f"[connection]\ntimeout_s = 0x{'f' * 400}\n")
    with pytest.raises(ConfigurationError, match="timeout_s: must be a number"):
        load_profile(path)


def test_a_problem_quotes_little_of_a_wrong_value() -> None:
    assert len(shown("a" * 9000)) == LONGEST_SHOWN


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2036-02-01T00:00Z,1", "ten years"),
        ("0001-01-01T00:00:00+14:00,1", "no time of this world"),
        (f"{'9' * 200_000},1", "is not CSV"),
        (f"2026-01-15T02:00Z,{'9' * 5000}", "not a finite number"),
    ],
    ids=["far", "first", "long", "infinite"],
)
async def test_a_line_of_a_csv_file_that_nobody_wrote_is_refused_in_words(
    tmp_path: Path, row: str, reason: str
) -> None:
    path = tmp_path / "prices.csv"
    good = "timestamp_utc,price\n2026-01-15T00:00Z,1\n2026-01-15T01:00Z,1\n"
    path.write_text(f"{good}{row}\n")
    with pytest.raises(ConfigurationError, match=reason) as caught:
        await CsvPrices(path, "EUR", per_mwh=False).fetch(datetime(2099, 1, 1, tzinfo=UTC))
    assert len(str(caught.value)) < 300
