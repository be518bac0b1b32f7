"""Each price service: the question that is sent, and what is made of every kind of answer."""

import asyncio
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import (
    DriverError,
    LinkLostError,
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
