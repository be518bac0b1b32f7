"""Each price service: the question that is sent, and what is made of every kind of answer."""

import asyncio
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import (
    ConfigurationError,
    DriverError,
    LinkLostError,
    RefusedByDeviceError,
    SlowDownError,
    TransientError,
)
from drivers.prices.awattar import Awattar
from drivers.prices.energi_data_service import DKK_PER_EUR, EnergiDataService
from drivers.prices.energy_charts import EnergyCharts
from drivers.prices.live import PriceService
from drivers.prices.nordpool import NordPool
from drivers.prices.octopus import OctopusAgile
from drivers.prices.tibber import Tibber
from drivers.transports.http import HttpLink
from drivers.transports.in_memory_http import Reply
from tests.drivers.priced import at, recorded, web

NOW = at("2025-10-26 12:30")
SINCE, UNTIL = at("2025-10-25 22:00"), at("2025-10-27 23:00")  # 25 hours and a day

SERVICES: dict[str, Callable[[HttpLink], PriceService]] = {
    "nordpool": lambda link: NordPool(link, "SE3", "SEK"),
    "energi_data_service": lambda link: EnergiDataService(link, "DK1", "DKK"),
    "awattar": lambda link: Awattar(link, "DE"),
    "energy_charts": lambda link: EnergyCharts(link, "NL"),
    "octopus": lambda link: OctopusAgile(link, "AGILE-24-10-01", "E-1R-AGILE-24-10-01-A"),
    "tibber": lambda link: Tibber(link, "s3cret"),
}


# ---- what every service has in common ------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(b""),
        Reply(status=204),
        Reply(b"{}"),
        Reply(b"[]"),
        Reply(b"null"),
        Reply(b"<html>maintenance</html>"),
        Reply(status=302),
        Reply(status=401),
        Reply(status=403),
        Reply(status=404),
        Reply(status=418),
        Reply(status=429),
        Reply(status=500),
        LinkLostError("aborted"),
    ],
    ids=lambda reply: f"{reply.status}-{len(reply.body)}" if isinstance(reply, Reply) else "abort",
)
async def test_no_disguise_of_a_failure_passes_for_prices(
    name: str, reply: Reply | Exception
) -> None:
    with pytest.raises(DriverError) as caught:
        await SERVICES[name](web(reply)).ask(SINCE, UNTIL, NOW)
    assert "s3cret" not in str(caught.value)


GOOD = {
    "nordpool": "nordpool/day_ahead_prices_SE3_2024-11-05.json",
    "energi_data_service": "energidataservice/constructed_dayaheadprices_dk1_autumn_repeat.json",
    "awattar": "awattar/marketdata.json",
    "energy_charts": "energycharts/price_nl_2025-12-31.json",
    "octopus": "octopus/standard_unit_rates.json",
    "tibber": "tibber/priceinfo_hourly_nok_2021.json",
}


@pytest.mark.parametrize("name", SERVICES)
@given(data=st.data())
def test_any_damage_to_an_answer_gives_prices_or_a_driver_error(
    name: str, data: st.DataObject
) -> None:
    body = recorded(GOOD[name])
    place = data.draw(st.integers(0, len(body) - 1))
    noise = data.draw(st.binary(max_size=4))
    service = SERVICES[name](web(body[:place] + noise + body[place + len(noise) :]))
    try:
        series = asyncio.run(service.ask(SINCE, UNTIL, NOW))
    except DriverError:
        return
    assert all(price is None or abs(price) < float("inf") for price in series.per_kwh)
    assert series.issued_at == NOW


# ---- Nord Pool -----------------------------------------------------------------------------------


def test_nord_pool_is_asked_for_the_day_of_central_europe() -> None:
    service = NordPool(web(b""), "FI", "EUR")
    request = service.request(at("2025-10-26 22:30"))  # 00:30 in Helsinki
    assert request.url == "https://dataportal-api.nordpoolgroup.com/api/DayAheadPrices"
    assert request.params == (
        ("date", "2025-10-26"),
        ("market", "DayAhead"),
        ("deliveryArea", "FI"),
        ("currency", "EUR"),
    )


async def test_nord_pool_gives_today_when_tomorrow_is_not_there_yet() -> None:
    link = web(recorded("nordpool/day_ahead_prices_SE3_2024-11-05.json"), Reply(status=204))
    series = await NordPool(link, "SE3", "SEK").ask(SINCE, UNTIL, NOW)
    assert [dict(request.params)["date"] for request in link.asked] == ["2025-10-26", "2025-10-27"]
    assert (series.step_s, len(series.per_kwh)) == (3600, 24)
    assert series.starts_at == at("2024-11-04 23:00")
    assert series.per_kwh[0] == 0.02154


def test_nord_pool_final_and_preliminary_are_told_apart() -> None:
    service = NordPool(web(b""), "SE3", "SEK")
    final = recorded("nordpool/constructed_trailer_final_state.json")
    series = service.parse(final, NOW)
    assert (series.step_s, series.per_kwh, series.currency) == (900, (0.55668, 0.51988), "SEK")
    assert not series.preliminary
    assert service.parse(final.replace(b'"Final"', b'"Preliminary"'), NOW).preliminary


def test_nord_pool_indices_are_read_too() -> None:
    body = recorded("nordpool/day_ahead_indices_15min_NL_snippet.json")
    series = NordPool(web(b""), "NL", "EUR").parse(body, NOW)
    assert (series.step_s, series.per_kwh) == (900, pytest.approx((0.08968,)))


def test_nord_pool_area_that_is_not_in_the_answer_has_no_price() -> None:
    body = recorded("nordpool/day_ahead_prices_SE3_2024-11-05.json")
    with pytest.raises(TransientError, match="no price"):
        NordPool(web(b""), "SE4", "SEK").parse(body, NOW)


# ---- Energi Data Service -------------------------------------------------------------------------


def test_energi_data_service_is_asked_for_all_records_in_utc() -> None:
    request = EnergiDataService(web(b""), "DK1", "DKK").request(SINCE, UNTIL)
    assert request.url == "https://api.energidataservice.dk/dataset/DayAheadPrices"
    assert dict(request.params) == {
        "start": "2025-10-25T22:00",
        "end": "2025-10-27T23:00",
        "timezone": "utc",
        "filter": '{"PriceArea":["DK1"]}',
        "sort": "TimeUTC asc",
        "limit": "0",
    }


def test_energi_data_service_survives_the_hour_that_comes_twice() -> None:
    body = recorded("energidataservice/constructed_dayaheadprices_dk1_autumn_repeat.json")
    series = EnergiDataService(web(b""), "DK1", "DKK").parse(body, NOW)
    assert (series.starts_at, series.step_s) == (at("2025-10-26 00:00"), 900)
    assert len(series.per_kwh) == 6
    assert series.per_kwh[:5] == pytest.approx((0.373, 0.34689, 0.32078, 0.29467, 0.26856))


def test_energi_data_service_reckons_missing_kroner_from_euro() -> None:
    body = recorded("energidataservice/constructed_dayaheadprices_dk1_autumn_repeat.json")
    service = EnergiDataService(web(b""), "DK1", "DKK")
    assert service.parse(body, NOW).per_kwh[5] == pytest.approx(0.0325 * 268.56 / 36.0)
    document = json.loads(body)
    for record in document["records"]:
        record["DayAheadPriceDKK"] = None
    prices = service.parse(json.dumps(document).encode(), NOW).per_kwh
    assert prices[5] == pytest.approx(0.0325 * DKK_PER_EUR)


def test_energi_data_service_gives_euro_when_the_tariff_is_in_euro() -> None:
    body = recorded("energidataservice/dayaheadprices_dk2_snippet.json")
    series = EnergiDataService(web(b""), "DK2", "EUR").parse(body, NOW)
    assert (series.per_kwh, series.currency, series.step_s) == ((0.099269997,), "EUR", 900)


async def test_energi_data_service_says_when_it_may_be_asked_again() -> None:
    link = web(Reply(status=429, headers={"Retry-After": "45"}))
    with pytest.raises(SlowDownError) as caught:
        await EnergiDataService(link, "DK1", "DKK").ask(SINCE, UNTIL, NOW)
    assert (caught.value.retry_at - NOW).total_seconds() == 45.0


# ---- aWATTar, energy-charts ----------------------------------------------------------------------


def test_awattar_is_asked_in_milliseconds() -> None:
    request = Awattar(web(b""), "AT").request(SINCE, UNTIL)
    assert request.url == "https://api.awattar.at/v1/marketdata"
    assert request.params == (("start", "1761429600000"), ("end", "1761606000000"))


def test_awattar_hours_keep_their_sign() -> None:
    series = Awattar(web(b""), "DE").parse(recorded("awattar/marketdata.json"), NOW)
    assert (series.step_s, series.per_kwh) == (3600, (0.04209, 0.0385, -0.00512))
    assert (series.starts_at, series.currency) == (at("2015-04-09 15:00"), "EUR")


def test_awattar_other_unit_is_refused() -> None:
    body = recorded("awattar/marketdata.json").replace(b"Eur/MWh", b"ct/kWh")
    with pytest.raises(TransientError, match="ct/kWh"):
        Awattar(web(b""), "DE").parse(body, NOW)


def test_energy_charts_is_asked_by_market_days() -> None:
    request = EnergyCharts(web(b""), "DE-LU").request(SINCE, UNTIL)
    assert request.url == "https://api.energy-charts.info/price"
    assert request.params == (("bzn", "DE-LU"), ("start", "2025-10-26"), ("end", "2025-10-27"))


def test_energy_charts_arrays_become_quarter_hours() -> None:
    body = recorded("energycharts/price_nl_2025-12-31.json")
    series = EnergyCharts(web(b""), "NL").parse(body, NOW)
    assert (series.starts_at, series.step_s) == (at("2025-12-30 23:00"), 900)
    assert series.per_kwh == pytest.approx((0.09487, 0.09031, 0.08619))


async def test_energy_charts_has_nothing_yet_by_404() -> None:
    with pytest.raises(TransientError, match="nothing published yet"):
        await EnergyCharts(web(Reply(status=404)), "NL").ask(SINCE, UNTIL, NOW)


def _charts(**changes: object) -> bytes:
    document = json.loads(recorded("energycharts/price_nl_2025-12-31.json"))
    return json.dumps(document | changes).encode()


@pytest.mark.parametrize(
    "body", [_charts(price=[1.0]), _charts(unit="EUR / kWh"), _charts(unix_seconds=[1, 2, 3])]
)
def test_energy_charts_arrays_that_do_not_fit_are_refused(body: bytes) -> None:
    with pytest.raises(TransientError):
        EnergyCharts(web(b""), "NL").parse(body, NOW)


def test_energy_charts_holes_duplicates_and_disorder_are_no_prices() -> None:
    body = _charts(
        unix_seconds=[1767138300, 1767135600, 1767137400, 1767135600],
        price=[4.0, 1.0, None, 0.0],
    )
    series = EnergyCharts(web(b""), "NL").parse(body, NOW)
    assert series.per_kwh == (0.0, None, None, 0.004)


# ---- Octopus -------------------------------------------------------------------------------------


def agile(link: HttpLink | None = None) -> OctopusAgile:
    return OctopusAgile(link or web(b""), "AGILE-24-10-01", "E-1R-AGILE-24-10-01-A")


def rate(
    since: str, until: str | None, pence: float, payment: str | None = None
) -> dict[str, object]:
    return {"value_exc_vat": pence, "value_inc_vat": pence * 1.05, "valid_from": since,
            "valid_to": until, "payment_method": payment}  # fmt: skip


def page(*rates: dict[str, object], following: str | None = None) -> bytes:
    return json.dumps({"count": len(rates), "next": following, "results": rates}).encode()


def test_octopus_is_asked_for_the_tariff_in_utc() -> None:
    request = agile().request(SINCE, UNTIL)
    assert request.url == (
        "https://api.octopus.energy/v1/products/AGILE-24-10-01/electricity-tariffs/"
        "E-1R-AGILE-24-10-01-A/standard-unit-rates/"
    )
    assert request.params == (
        ("period_from", "2025-10-25T22:00Z"),
        ("period_to", "2025-10-27T23:00Z"),
        ("page_size", "1500"),
    )


def test_octopus_pence_before_vat_become_pounds() -> None:
    body = page(
        rate("2025-10-26T00:30:00Z", "2025-10-26T01:00:00Z", -2.5),
        rate("2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z", 18.04),
    )
    series = agile().parse(body, NOW)
    assert (series.starts_at, series.step_s) == (at("2025-10-26 00:00"), 1800)
    assert series.per_kwh == (0.1804, -0.025)
    assert series.currency == "GBP"


def test_octopus_rows_far_apart_are_no_series() -> None:
    with pytest.raises(TransientError, match="more than a year"):
        agile().parse(recorded("octopus/standard_unit_rates.json"), NOW)


def test_octopus_of_two_ways_of_paying_the_chosen_one_counts() -> None:
    span = ("2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z")
    body = page(rate(*span, 20.0, "DIRECT_DEBIT"), rate(*span, 25.0, "NON_DIRECT_DEBIT"))
    assert agile().parse(body, NOW).per_kwh == (0.2,)
    other = OctopusAgile(web(b""), "P", "T", payment="NON_DIRECT_DEBIT")
    assert other.parse(body, NOW).per_kwh == (0.25,)


async def test_octopus_pages_are_followed_and_a_rate_without_end_fills_the_window() -> None:
    link = web(
        page(
            rate("2025-10-27T22:00:00Z", None, 30.0),
            following="https://elsewhere.example/v1/?page=2&period_from=2025-10-25T22%3A00Z",
        ),
        page(rate("2025-10-27T21:30:00Z", "2025-10-27T22:00:00Z", 10.0)),
    )
    series = await agile(link).ask(SINCE, UNTIL, NOW)
    assert series.per_kwh == (0.1, 0.3, 0.3)
    assert link.asked[1].url == agile().request(SINCE, UNTIL).url
    assert link.asked[1].params == (("page", "2"), ("period_from", "2025-10-25T22:00Z"))


async def test_octopus_endless_pages_are_given_up() -> None:
    link = web(page(rate("2025-10-27T22:00:00Z", None, 30.0), following="https://x.example/?a=1"))
    await agile(link).ask(SINCE, UNTIL, NOW)
    assert len(link.asked) == 4


async def test_octopus_refusal_says_why() -> None:
    link = web(Reply(recorded("octopus/error_day_night.json"), status=400))
    with pytest.raises(ConfigurationError, match="day and night rates"):
        await agile(link).ask(SINCE, UNTIL, NOW)


# ---- Tibber --------------------------------------------------------------------------------------


def test_tibber_is_asked_with_the_token_in_the_header() -> None:
    request = Tibber(web(b""), "s3cret").request("QUARTER_HOURLY")
    assert (request.url, request.method) == ("https://api.tibber.com/v1-beta/gql", "POST")
    assert request.headers == (("Authorization", "Bearer s3cret"),)
    query = str(request.json)
    assert "priceInfo(resolution: QUARTER_HOURLY)" in query
    assert query.count("{", 1) == query.count("}", 1, -1)
    assert "s3cret" not in query


@pytest.mark.parametrize(("part", "first"), [("total", 1.7628), ("energy", 1.4022)])
def test_tibber_gives_the_price_with_or_without_taxes(part: str, first: float) -> None:
    service = Tibber(web(b""), "t", part="energy" if part == "energy" else "total")
    series = service.parse(recorded("tibber/priceinfo_hourly_nok_2021.json"), NOW)
    assert (series.starts_at, series.step_s) == (at("2021-12-28 23:00"), 3600)
    assert (series.per_kwh[0], series.currency) == (first, "NOK")


async def test_tibber_home_without_quarter_hours_is_asked_for_hours() -> None:
    empty = recorded("tibber/priceinfo_empty_real_2026.json")
    link = web(empty, recorded("tibber/priceinfo_hourly_nok_2021.json"))
    series = await Tibber(link, "t").ask(SINCE, UNTIL, NOW)
    assert series.step_s == 3600
    assert ["HOURLY" in str(r.json) and "QUARTER" not in str(r.json) for r in link.asked] == [
        False,
        True,
    ]
    with pytest.raises(TransientError, match="no price"):
        await Tibber(web(empty), "t").ask(SINCE, UNTIL, NOW)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(recorded("tibber/constructed_error_unauthenticated.json")), ConfigurationError),
        (Reply(recorded("tibber/error_400_user_agent.json"), status=400), RefusedByDeviceError),
        (Reply(b'{"data":null,"errors":[{"message":"x"}]}'), TransientError),
        (Reply(b'{"data":{"viewer":{"homes":[]}}}'), RefusedByDeviceError),
        (Reply(b'{"data":{"viewer":{"homes":[{"currentSubscription":null}]}}}'),
         RefusedByDeviceError),
    ],
)  # fmt: skip
async def test_tibber_errors_inside_an_answer_are_found(
    reply: Reply, error: type[DriverError]
) -> None:
    with pytest.raises(error):
        await Tibber(web(reply), "t").ask(SINCE, UNTIL, NOW)


def home(identifier: str, rows: list[tuple[str, float]]) -> dict[str, object]:
    prices = [{"total": total, "energy": total, "startsAt": start} for start, total in rows]
    info = {"current": {"currency": "EUR"}, "today": prices, "tomorrow": []}
    return {"id": identifier, "currentSubscription": {"priceInfo": info}}


def account(*homes: dict[str, object]) -> bytes:
    return json.dumps({"data": {"viewer": {"homes": homes}}}).encode()


def test_tibber_offset_may_change_inside_a_day() -> None:
    body = account(
        home("a", [("2025-10-26T02:00:00+02:00", 0.1), ("2025-10-26T02:00:00+01:00", 0.2)])
    )
    assert Tibber(web(b""), "t").parse(body, NOW).per_kwh == (0.1, 0.2)


def test_tibber_one_of_several_homes_is_chosen() -> None:
    stamp = "2025-10-26T02:00:00+01:00"
    body = account(home("a", []), home("b", [(stamp, 0.2)]), home("c", [(stamp, 0.3)]))
    assert Tibber(web(b""), "t").parse(body, NOW).per_kwh == (0.2,)
    assert Tibber(web(b""), "t", home="c").parse(body, NOW).per_kwh == (0.3,)
    with pytest.raises(ConfigurationError, match="no such home"):
        Tibber(web(b""), "t", home="d").parse(body, NOW)


def test_tibber_stamp_without_offset_is_refused() -> None:
    with pytest.raises(TransientError):
        Tibber(web(b""), "t").parse(account(home("a", [("2025-10-26T02:00:00", 0.1)])), NOW)
