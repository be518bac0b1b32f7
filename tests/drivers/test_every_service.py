"""What holds for every price and weather service alike, each in its own words and formats."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from drivers.api import PriceSeries
from drivers.errors import DriverError, LinkLostError
from drivers.prices.live import LivePrices
from drivers.prices.series import known_until
from drivers.transports.http import HttpLink, PoliteLink
from drivers.transports.in_memory_http import Reply
from drivers.weather.live import LiveWeather, WeatherService
from tests.drivers.priced import at, web
from tests.drivers.served import KINDS, Kind, Quote, Served, quotes
from tests.drivers.test_weather_services import GOOD as GOOD_WEATHER
from tests.drivers.test_weather_services import SERVICES as WEATHER

HOUR = timedelta(hours=1)
NOON = at("2025-10-25 10:00")
every_service = pytest.mark.parametrize("name", KINDS)


def rising(moment: datetime) -> float:
    """Prices that differ from each other, many below zero."""
    quarter = int(moment.timestamp()) // 900
    return float(quarter % 90 - 40)


async def asked(kind: Kind, body: bytes, first: datetime, last: datetime) -> PriceSeries:
    return await kind.make(web(body)).ask(first, last, first + 12 * HOUR)


def per_kwh(quote: Quote) -> object:
    """What a price should come to."""
    return None if quote.per_mwh is None else pytest.approx(quote.per_mwh / 1000.0, abs=1e-12)


def day_of(kind: Kind, day: str) -> tuple[datetime, datetime]:
    publication = kind.make(web(b"")).publication
    noon = at(f"{day} 10:00")
    return publication.window(noon)


@every_service
@pytest.mark.parametrize(
    ("day", "hours"), [("2025-10-25", 24), ("2025-10-26", 25), ("2026-03-29", 23)]
)
async def test_days_of_92_96_and_100_quarters_arrive_whole(name: str, day: str, hours: int) -> None:
    kind = KINDS[name]
    first, last = day_of(kind, day)
    assert last - first == hours * HOUR
    told = quotes(first, last, kind.step_s, rising)
    series = await asked(kind, kind.encode(told), first, last)
    assert (series.starts_at, series.step_s) == (first, kind.step_s)
    assert list(series.per_kwh) == [per_kwh(quote) for quote in told]
    assert min(p for p in series.per_kwh if p is not None) < 0.0
    assert (series.currency, series.issued_at) == (kind.currency, first + 12 * HOUR)


@every_service
async def test_order_and_repetition_of_prices_in_an_answer_do_not_matter(name: str) -> None:
    kind = KINDS[name]
    first, last = day_of(kind, "2025-10-26")
    told = quotes(first, last, kind.step_s, rising)
    mixed = [*told, *told[10:20]]
    random.Random(7).shuffle(mixed)
    plain = await asked(kind, kind.encode(told), first, last)
    if name == "energy_charts":  # two arrays: what is out of order there is no price list
        mixed = [*told, *told[-1:]]
    assert await asked(kind, kind.encode(mixed), first, last) == plain


@every_service
async def test_a_price_that_is_missing_is_unknown_and_zero_is_zero(name: str) -> None:
    kind = KINDS[name]
    first, last = day_of(kind, "2025-10-25")
    told = quotes(first, last, kind.step_s, rising)
    told[3] = Quote(told[3].starts_at, kind.step_s, 0.0)
    told[5] = Quote(told[5].starts_at, kind.step_s, None)
    for body in (kind.encode(told), kind.encode([*told[:5], *told[6:]])):
        series = await asked(kind, body, first, last)
        assert series.per_kwh[3] == 0.0
        assert series.per_kwh[5] is None
        assert series.per_kwh[6] == per_kwh(told[6])


PRICE_QUESTIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    "nordpool": (
        "GET", "https://dataportal-api.nordpoolgroup.com/api/DayAheadPrices",
        {"date": "2025-10-26", "market": "DayAhead", "deliveryArea": "DK1", "currency": "EUR"},
    ),
    "energi_data_service": (
        "GET", "https://api.energidataservice.dk/dataset/DayAheadPrices",
        {
            "start": "2025-10-25T22:00", "end": "2025-10-26T23:00", "timezone": "utc",
            "filter": '{"PriceArea":["DK1"]}', "sort": "TimeUTC asc", "limit": "0",
        },
    ),
    "entsoe": (
        "GET", "https://web-api.tp.entsoe.eu/api",
        {
            "securityToken": "s3cret", "documentType": "A44", "in_Domain": "10YDK-1--------W",
            "out_Domain": "10YDK-1--------W", "periodStart": "202510252200",
            "periodEnd": "202510262300", "contract_MarketAgreement.type": "A01",
        },
    ),
    "awattar": (
        "GET", "https://api.awattar.de/v1/marketdata",
        {"start": "1761429600000", "end": "1761519600000"},
    ),
    "energy_charts": (
        "GET", "https://api.energy-charts.info/price",
        {"bzn": "DK1", "start": "2025-10-26", "end": "2025-10-26"},
    ),
    "octopus": (
        "GET",
        "https://api.octopus.energy/v1/products/AGILE-24-10-01/electricity-tariffs/"
        "E-1R-AGILE-24-10-01-A/standard-unit-rates/",
        {
            "period_from": "2025-10-25T22:00Z", "period_to": "2025-10-26T23:00Z",
            "page_size": "1500",
        },
    ),
    "tibber": ("POST", "https://api.tibber.com/v1-beta/gql", {}),
}  # fmt: skip


@every_service
async def test_a_price_service_is_asked_exactly_what_it_documents(name: str) -> None:
    """Of the day on which the clock goes back; the link adds who asks, the same to everybody."""
    kind = KINDS[name]
    first, last = day_of(kind, "2025-10-26")
    link = web(kind.encode(quotes(first, last, kind.step_s, rising)))
    await kind.make(link).ask(first, last, first + 12 * HOUR)
    (request,) = link.asked
    assert (request.method, request.url, dict(request.params)) == PRICE_QUESTIONS[name]
    token = (("Authorization", "Bearer s3cret"),)
    assert request.headers == (token if name == "tibber" else ())


@every_service
async def test_an_answer_without_a_single_price_is_a_failure(name: str) -> None:
    kind = KINDS[name]
    first, last = day_of(kind, "2025-10-25")
    for told in ([], quotes(first, last, kind.step_s, lambda _: None)):
        with pytest.raises(DriverError):
            await asked(kind, kind.encode(told), first, last)


class Run:
    """A house that asks its source every quarter of an hour."""

    def __init__(self, name: str, **served: object) -> None:
        self.at = NOON
        kind = KINDS[name]
        self.served = Served(kind, rising, lambda: self.at, **served)  # type: ignore[arg-type]
        self.live = LivePrices(self.served.service, kind.currency, seed="house")
        self.said: dict[datetime, PriceSeries | DriverError] = {}

    async def until(self, last: datetime) -> None:
        while self.at < last:
            try:
                self.said[self.at] = await self.live.fetch(self.at)
            except DriverError as error:
                self.said[self.at] = error
            self.at += HOUR / 4

    @property
    def newest(self) -> PriceSeries:
        """The latest good answer: what the forecasts go on with."""
        return [said for said in self.said.values() if isinstance(said, PriceSeries)][-1]


@every_service
async def test_prices_that_come_out_late_are_waited_for_and_then_known(name: str) -> None:
    run = Run(name, late=timedelta(hours=3))
    publication = run.served.service.publication
    published_at = publication.published_at(publication.day_of(NOON + 24 * HOUR))
    await run.until(published_at + timedelta(hours=2))
    assert known_until(run.newest, run.at) == publication.window(NOON)[1]
    await run.until(published_at + timedelta(hours=4, minutes=30))
    assert known_until(run.newest, run.at) == publication.window(published_at)[1]


@every_service
async def test_a_service_silent_for_a_week_is_named_not_pestered_and_used_again(name: str) -> None:
    ends = NOON + timedelta(hours=30) + timedelta(days=7)
    run = Run(name, silent=lambda moment: NOON + timedelta(hours=30) <= moment < ends)
    await run.until(NOON + timedelta(hours=30))
    assert isinstance(run.said[NOON], PriceSeries)
    before = len(run.served.link.asked)
    await run.until(ends)
    dark = [said for moment, said in run.said.items() if moment > NOON + timedelta(hours=54)]
    assert len(dark) > 6 * 96 - 10
    assert all(isinstance(said, LinkLostError) for said in dark)
    assert all(run.served.kind.host in str(said) for said in dark)
    assert len(run.served.link.asked) - before < 2 * 7 * 24 + 24
    await run.until(ends + 3 * HOUR)
    assert known_until(run.newest, run.at) > run.at


@every_service
async def test_prices_of_before_a_restart_are_used_while_the_service_is_silent(name: str) -> None:
    run = Run(name)
    await run.until(NOON + HOUR / 2)
    again = Run(name, silent=lambda _: True)
    assert again.live.resume(run.newest)
    again.at = run.at
    assert await again.live.fetch(again.at) == run.newest


WEATHER_HOSTS = {
    "open_meteo": "customer-api.open-meteo.com",
    "met_norway": "api.met.no",
    "bright_sky": "api.brightsky.dev",
    "mosmix": "opendata.dwd.de",
}


WEATHER_QUESTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "open_meteo": (
        "https://customer-api.open-meteo.com/v1/forecast",
        {
            "latitude": "55.6761", "longitude": "12.5680", "wind_speed_unit": "ms",
            "minutely_15": "temperature_2m,shortwave_radiation,wind_speed_10m",
            "timezone": "GMT", "timeformat": "unixtime", "forecast_days": "4", "past_days": "1",
            "apikey": "s3cret",
        },
    ),
    "met_norway": (
        "https://api.met.no/weatherapi/locationforecast/2.0/compact",
        {"lat": "55.6761", "lon": "12.5680", "altitude": "9"},
    ),
    "bright_sky": (
        "https://api.brightsky.dev/weather",
        {
            "lat": "55.6761", "lon": "12.5680", "date": "2026-03-28T23:00+00:00",
            "last_date": "2026-04-02T00:00+00:00", "tz": "Etc/UTC", "units": "dwd",
        },
    ),
    "mosmix": (
        "https://opendata.dwd.de/weather/local_forecasts/mos/MOSMIX_L/single_stations/"
        "P0036/kml/MOSMIX_L_LATEST_P0036.kmz",
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WEATHER)
async def test_a_weather_service_is_asked_exactly_what_it_documents(name: str) -> None:
    body, now = GOOD_WEATHER[name]
    link = web(body)
    await WEATHER[name](link).ask(now)
    url, params = WEATHER_QUESTIONS[name]
    (request,) = link.asked
    assert (request.method, request.url, dict(request.params)) == ("GET", url, params)
    names = [header for header, _ in request.headers]
    assert names == (["User-Agent"] if name == "met_norway" else [])


@pytest.mark.parametrize("name", WEATHER)
async def test_a_weather_service_silent_for_a_week_is_named_and_not_pestered(name: str) -> None:
    make: Callable[[HttpLink], WeatherService] = WEATHER[name]
    body, now = GOOD_WEATHER[name]
    link = web(body, LinkLostError(f"{WEATHER_HOSTS[name]} cannot be reached"))
    live = LiveWeather(make(PoliteLink(link)), seed="house")
    assert (await live.fetch(now)).starts_at <= now
    said: list[str] = []
    for quarter in range(8, 7 * 96):
        with pytest.raises(LinkLostError) as caught:
            await live.fetch(now + quarter * HOUR / 4)
        said.append(str(caught.value))
    assert set(said) == {f"{WEATHER_HOSTS[name]} cannot be reached"}
    assert len(link.asked) < 7 * 24 + 12
    assert all(WEATHER_HOSTS[name] in request.url for request in link.asked)


@pytest.mark.parametrize("name", WEATHER)
async def test_a_forecast_with_nothing_in_it_is_a_failure_and_not_mild_weather(name: str) -> None:
    body, now = GOOD_WEATHER[name]
    for empty in (Reply(b"{}"), Reply(body[: len(body) // 2])):
        with pytest.raises(DriverError):
            await WEATHER[name](web(empty)).ask(now)
