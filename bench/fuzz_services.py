"""Every price and weather service with answers of theirs, and what can become of an answer."""

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from bench.fuzz_messages import RECORDED
from bench.fuzz_spoil import ByteSpoiler, changed, dumped
from drivers.api import PriceSeries, WeatherSeries
from drivers.prices.awattar import Awattar
from drivers.prices.datahub_pricelist import Charge, charges
from drivers.prices.energi_data_service import EnergiDataService
from drivers.prices.energy_charts import EnergyCharts
from drivers.prices.entsoe import Entsoe
from drivers.prices.json_rows import RowForm
from drivers.prices.json_sources import HttpJsonPrices, home_assistant_prices
from drivers.prices.live import LivePrices, PriceService
from drivers.prices.nordpool import NordPool
from drivers.prices.octopus import OctopusAgile
from drivers.prices.tibber import Tibber
from drivers.transports.http import HttpLink
from drivers.weather.answers import Place
from drivers.weather.bright_sky import BrightSky
from drivers.weather.live import LiveWeather, WeatherService
from drivers.weather.met_norway import MetNorway
from drivers.weather.mosmix import Mosmix
from drivers.weather.open_meteo import OpenMeteo

PLACE = Place(latitude_deg=55.6761, longitude_deg=12.568, altitude_m=9.0)
HOUR = timedelta(hours=1)
CURRENCY, EXCHANGE_RATE = "DKK", 7.46
ROWS = RowForm(rows=("/today", "/tomorrow"), currency=CURRENCY)
Answered = PriceSeries | WeatherSeries | tuple[Charge, ...]
Fetch = Callable[[datetime], object]
"""Asks at an instant; what it returns is to be awaited and gives an `Answered`."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service, answers that it has given, and when they were given."""

    name: str
    fetch_from: Callable[[HttpLink], Fetch]
    good: tuple[bytes, ...]  # the first has something to say at `at`
    at: datetime
    again: timedelta = timedelta(minutes=70)  # after which it asks anew, whatever the answer was


def services() -> list[Service]:
    """All of them; answers as recorded, which are only in a checkout."""
    return [*_price_services(), *_weather_services()]


def _price_services() -> list[Service]:
    makes: list[tuple[str, Callable[[HttpLink], PriceService], str, str]] = [
        ("entsoe", lambda link: Entsoe(link, "BE", "secret"), "BE_60M_15M_mix.xml", "entsoe"),
        ("nordpool", lambda link: NordPool(link, "SE3", "SEK"),
         "day_ahead_prices_SE3_2024-11-05.json", "nordpool"),
        ("energi_data_service", lambda link: EnergiDataService(link, "DK1", "DKK"),
         "constructed_dayaheadprices_dk1_autumn_repeat.json", "energidataservice"),
        ("awattar", lambda link: Awattar(link, "DE"), "marketdata.json", "awattar"),
        ("energy_charts", lambda link: EnergyCharts(link, "NL"),
         "price_nl_2025-12-31.json", "energycharts"),
        ("octopus", lambda link: OctopusAgile(link, "AGILE-24-10-01", "E-1R-AGILE-24-10-01-A"),
         "standard_unit_rates.json", "octopus"),
        ("tibber", lambda link: Tibber(link, "secret"),
         "priceinfo_hourly_nok_2021.json", "tibber"),
    ]  # fmt: skip
    found = [
        Service(name, _live_prices(make), _bodies(folder, first), _said_at(folder, first))
        for name, make, first, folder in makes
    ]
    today, row = datetime(2026, 1, 15, tzinfo=UTC), b""
    rows = [
        {"start": f"{today + k * HOUR:%Y-%m-%dT%H:%M:%SZ}", "price": 80.5 + k} for k in range(24)
    ]
    row = json.dumps({"today": rows, "tomorrow": None}).encode()
    sensor = json.dumps({"state": "1", "attributes": {"today": rows}}).encode()
    return [
        *found,
        Service(
            "datahub_pricelist",
            lambda link: lambda at: charges(link, "5790000432752", (), at=at),
            _bodies("energidataservice", "constructed_datahubpricelist.json"),
            today,
        ),
        Service(
            "http_json",
            lambda link: HttpJsonPrices(link, "http://192.0.2.1/p", ROWS).fetch,
            (row,),
            today,
        ),
        Service(
            "home_assistant",
            lambda link: (
                home_assistant_prices(
                    link, "http://192.0.2.1", ROWS, entity="sensor.price", token="secret"
                ).fetch
            ),
            (sensor,),
            today,
        ),
    ]


def _weather_services() -> list[Service]:
    met = json.dumps(json.loads(_recorded("metno/compact_40.7_-74_trimmed.json"))["data"]).encode()
    kml = _recorded("mosmix/mosmix_l_p0036_trimmed.kml")
    begins_at = datetime(2026, 3, 29, tzinfo=UTC)
    hours = [
        {"timestamp": (begins_at + k * HOUR).isoformat(), "temperature": 2.0 + k, "solar": 0.1 * k,
         "wind_speed": 18.0, "cloud_cover": 50}
        for k in range(8)
    ]  # fmt: skip
    bright = json.dumps({"weather": hours, "sources": []}).encode()
    quarters = _recorded("openmeteo/constructed_minutely15.json")
    makes: list[tuple[str, Callable[[HttpLink], WeatherService], bytes, datetime]] = [
        ("open_meteo", lambda link: OpenMeteo(link, PLACE, "secret"), quarters,
         datetime(2026, 1, 15, 10, 5, tzinfo=UTC)),
        ("met_norway", lambda link: MetNorway(link, PLACE, contact="me@x.org", sun=_sun), met,
         datetime(2020, 7, 20, 11, 50, tzinfo=UTC)),
        ("bright_sky", lambda link: BrightSky(link, PLACE, sun=_sun), bright,
         begins_at + HOUR / 2),
        ("mosmix", lambda link: Mosmix(link, "P0036", sun=_sun), packed(kml, "MOSMIX_L.kml"),
         datetime(2023, 4, 12, 10, 10, tzinfo=UTC)),
    ]  # fmt: skip
    back = timedelta(seconds=-1)  # a clock set back: recorded forecasts are too short to wait
    return [Service(name, _live_weather(make), (body,), at, back) for name, make, body, at in makes]


def _live_prices(make: Callable[[HttpLink], PriceService]) -> Callable[[HttpLink], Fetch]:
    return lambda link: (
        LivePrices(make(link), CURRENCY, seed="fuzz", exchange_rate=EXCHANGE_RATE).fetch
    )


def _live_weather(make: Callable[[HttpLink], WeatherService]) -> Callable[[HttpLink], Fetch]:
    return lambda link: LiveWeather(make(link), seed="fuzz").fetch


def _sun(starts: Sequence[datetime], step_s: float, clouds: Sequence[float]) -> list[float]:
    del step_s
    return [400.0 * (1.0 - cloud) for _, cloud in zip(starts, clouds, strict=True)]


@cache
def _recorded(name: str) -> bytes:
    return (RECORDED / "http" / name).read_bytes()


def _bodies(folder: str, first: str) -> tuple[bytes, ...]:
    names = sorted(
        path.name for path in (RECORDED / "http" / folder).iterdir() if path.suffix != ".csv"
    )
    return tuple(_recorded(f"{folder}/{name}") for name in [first, *names])


def _said_at(folder: str, first: str) -> datetime:
    """The noon of the first day that an answer speaks of."""
    text = _recorded(f"{folder}/{first}").decode()
    if found := re.search(r'(?:Start"|startsAt"|<start>|from"|UTC")[: "]*(\d{4}-\d\d-\d\d)', text):
        day = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    else:
        number = int(re.findall(r"\b1\d{9}(?=000\b|\b)", text)[0])
        day = datetime.fromtimestamp(number, UTC)
    return day.replace(hour=12, minute=0, second=0, microsecond=0)


def packed(content: bytes, name: str) -> bytes:
    """A ZIP archive with one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, content)
    return archive.getvalue()


# ---- what can become of an answer ---

ENTITIES = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
HEAD = b'<?xml version="1.0" encoding="%s"?>'
ODD_TEXTS = (
    b"", b"nan", b"inf", b"-1", b"1e400", b"999999999999999999999", b"\xff", b"&#0;", b"&b;",
    b"\xc2\xa0", b"0001-01-01T00:00+14:00", b"9999-12-31T23:00Z", b"2026-01-15T00:00", b"PT1S",
    b"PT15M", b"PT60M", b"9" * 5000, b"- - -", b"1_0", b"0x1", b"<!-- -->", b"<![CDATA[1]]>",
)  # fmt: skip
_TEXT = re.compile(rb">([^<>]*\S[^<>]*)<")
BOMB_BYTES = 30_000_000
"""More than any driver unpacks."""


class AnswerSpoiler:
    """Makes bad bodies of good ones."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._bytes = ByteSpoiler(chance)

    def body(self, good: bytes) -> tuple[str, bytes]:
        """What was done, and what came of it."""
        chance = self._chance
        draw = chance.random()
        if draw < 0.08:
            return "healthy", good
        if draw < 0.10:
            return "something else", chance.choice(
                (b"", b"null", b"[]", b"{}", b"<html>maintenance</html>", b"PK\x03\x04", b"0")
            )
        if draw < 0.35:
            way = chance.choice(tuple(self._bytes.ways))
            return way, self._bytes.ways[way](good)
        if good.startswith(b"PK"):
            return self._archive(good)
        if good.lstrip()[:1] == b"<":
            return self._document(good)
        document: object = json.loads(good)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            document = changed(document, chance)
        return "other values", dumped(document)

    def _document(self, good: bytes) -> tuple[str, bytes]:
        """XML."""
        chance = self._chance
        way = chance.choice((*["other texts"] * 6, "entities", "nested", "tags", "many periods"))
        if way == "other texts":
            for _ in range(chance.choice((1, 1, 2, 5))):
                texts = list(_TEXT.finditer(good))
                if not texts:
                    break
                match = chance.choice(texts)
                good = good[: match.start(1)] + chance.choice(ODD_TEXTS) + good[match.end(1) :]
            return way, good if chance.random() < 0.7 else packed(good, "a.xml")
        if way == "entities":
            bad = ENTITIES + good[good.find(b"?>") + 2 :].replace(b"1", b"&b;", 3)
            if chance.random() < 0.5:
                return way, (HEAD % b"utf-16" + bad).decode(errors="replace").encode("utf-16")
            return way, HEAD % b"utf-8" + bad
        if way == "nested":
            return way, b"<a>" * 50_000 + chance.choice((b"", b"</a>" * 50_000))
        if way == "many periods":
            return way, _for_years(good)
        name = chance.choice(re.findall(rb"</([\w:.]+)>", good))
        return way, good.replace(b"<" + name, b"<" + name + b"x", chance.choice((1, 1000)))

    def _archive(self, good: bytes) -> tuple[str, bytes]:
        """ZIP; flags and sizes stand in its directory."""
        chance = self._chance
        way = chance.choice(("other texts", "other texts", "bomb", "directory", "other name"))
        with zipfile.ZipFile(io.BytesIO(good)) as archive:
            (name,) = archive.namelist()
            inside = archive.read(name)
        if way == "other texts":
            return way, packed(self._document(inside)[1], name)
        if way == "bomb":
            return way, _bomb(name)
        if way == "other name":
            return way, packed(
                inside, chance.choice(("x", "/", "../a.kml", "a.kml/", "é.KML", "b.txt"))
            )
        bad, first = bytearray(good), good.index(b"PK\x01\x02")
        for _ in range(chance.randint(1, 4)):
            bad[chance.randrange(first, len(bad))] = chance.randrange(256)
        return way, bytes(bad)


def _for_years(good: bytes) -> bytes:
    """A small document that speaks of a thousand years, as often as it can."""
    first, last = good.find(b"<TimeSeries>"), good.find(b"</TimeSeries>")
    if first < 0:
        return good * 2
    series = good[first : last + len(b"</TimeSeries>")]
    series = re.sub(rb"<start>[^<]*", b"<start>2025-01-01T23:00Z", series)
    series = re.sub(rb"<end>[^<]*", b"<end>2026-01-01T23:00Z", series)
    points = re.sub(rb"<Point>.*</Point>", _point(), series, flags=re.DOTALL)
    return good[:first] + points * 1000 + good[last + len(b"</TimeSeries>") :]


def _point() -> bytes:
    """One price; the curve repeats it."""
    return b"<Point><position>1</position><price.amount>1</price.amount></Point>"


@cache
def _bomb(name: str) -> bytes:
    return packed(b"0" * BOMB_BYTES, name)
