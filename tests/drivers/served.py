"""Price and weather services rebuilt from their documentation: any prices in each one's own words.

Written from the facts about the services, not from our drivers. `Served` answers questions as the
service does, with what is published at its own `now`, until it falls silent.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from xml.sax.saxutils import escape

from drivers.api import WeatherSeries
from drivers.errors import LinkLostError
from drivers.prices.awattar import Awattar
from drivers.prices.energi_data_service import EnergiDataService
from drivers.prices.energy_charts import EnergyCharts
from drivers.prices.entsoe import Entsoe
from drivers.prices.live import PriceService
from drivers.prices.nordpool import NordPool
from drivers.prices.octopus import OctopusAgile
from drivers.prices.tibber import Tibber
from drivers.transports.http import HttpLink, HttpRequest
from drivers.transports.in_memory_http import MemoryWebLink, Reply

DK1 = "10YDK-1--------W"
A44 = "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"


@dataclass(frozen=True)
class Quote:
    """One price of a service, per MWh; None: the service names the time but no price."""

    starts_at: datetime
    length_s: int
    per_mwh: float | None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(seconds=self.length_s)


Encode = Callable[[Sequence[Quote]], bytes]


@dataclass(frozen=True)
class Kind:
    """One service: how it is made, how it writes prices, how long one lasts, where it is."""

    make: Callable[[HttpLink], PriceService]
    encode: Encode
    step_s: int
    host: str
    currency: str = "EUR"


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_nordpool(quotes: Sequence[Quote]) -> bytes:
    entries = [
        {"deliveryStart": stamp(q.starts_at), "deliveryEnd": stamp(q.ends_at),
         "entryPerArea": {"DK1": q.per_mwh}}
        for q in quotes
    ]  # fmt: skip
    states = [{"state": "Final", "areas": ["DK1"]}]
    return json.dumps(
        {"currency": "EUR", "multiAreaEntries": entries, "areaStates": states}
    ).encode()


def as_energi_data_service(quotes: Sequence[Quote]) -> bytes:
    records = [
        {"TimeUTC": q.starts_at.strftime("%Y-%m-%dT%H:%M:%S"), "PriceArea": "DK1",
         "DayAheadPriceEUR": q.per_mwh, "DayAheadPriceDKK": None}
        for q in quotes
    ]  # fmt: skip
    return json.dumps({"total": len(records), "records": records}).encode()


def as_awattar(quotes: Sequence[Quote]) -> bytes:
    rows = [
        {"start_timestamp": int(q.starts_at.timestamp() * 1000),
         "end_timestamp": int(q.ends_at.timestamp() * 1000),
         "marketprice": q.per_mwh, "unit": "Eur/MWh"}
        for q in quotes
    ]  # fmt: skip
    return json.dumps({"object": "list", "data": rows}).encode()


def as_energy_charts(quotes: Sequence[Quote]) -> bytes:
    return json.dumps(
        {
            "license_info": "",
            "unix_seconds": [int(q.starts_at.timestamp()) for q in quotes],
            "price": [q.per_mwh for q in quotes],
            "unit": "EUR / MWh",
        }
    ).encode()


def as_octopus(quotes: Sequence[Quote]) -> bytes:
    """Newest first, in pence; a time without a price is not in the list."""
    rows = [
        {"value_exc_vat": q.per_mwh / 10.0, "value_inc_vat": q.per_mwh * 1.05 / 10.0,
         "valid_from": stamp(q.starts_at), "valid_to": stamp(q.ends_at), "payment_method": None}
        for q in reversed(quotes)
        if q.per_mwh is not None
    ]  # fmt: skip
    return json.dumps({"count": len(rows), "next": None, "results": rows}).encode()


def as_tibber(quotes: Sequence[Quote]) -> bytes:
    rows = [
        {"total": None if q.per_mwh is None else q.per_mwh / 1000.0, "energy": 0.0,
         "startsAt": stamp(q.starts_at)}
        for q in quotes
    ]  # fmt: skip
    info = {"current": {"currency": "EUR"}, "today": rows, "tomorrow": []}
    homes = [{"id": "h", "currentSubscription": {"priceInfo": info}}]
    return json.dumps({"data": {"viewer": {"homes": homes}}}).encode()


def as_entsoe(quotes: Sequence[Quote]) -> bytes:
    """One period for each price: the service too begins a new one where prices are missing."""
    periods = "".join(
        f"<Period><timeInterval><start>{stamp(q.starts_at)}</start><end>{stamp(q.ends_at)}</end>"
        f"</timeInterval><resolution>PT{q.length_s // 60}M</resolution><Point><position>1"
        f"</position><price.amount>{q.per_mwh}</price.amount></Point></Period>"
        for q in quotes
        if q.per_mwh is not None
    )
    return (
        f'<Publication_MarketDocument xmlns="{A44}">'
        "<type>A44</type><createdDateTime>2025-10-25T11:05:00Z</createdDateTime><TimeSeries>"
        f"<in_Domain.mRID>{escape(DK1)}</in_Domain.mRID><currency_Unit.name>EUR"
        "</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name>"
        f"<curveType>A03</curveType>{periods}</TimeSeries></Publication_MarketDocument>"
    ).encode()


AGILE = "E-1R-AGILE-24-10-01-A"
KINDS: Mapping[str, Kind] = {
    "nordpool": Kind(
        lambda link: NordPool(link, "DK1", "EUR"), as_nordpool, 900,
        "dataportal-api.nordpoolgroup.com",
    ),
    "energi_data_service": Kind(
        lambda link: EnergiDataService(link, "DK1", "EUR"), as_energi_data_service, 900,
        "api.energidataservice.dk",
    ),
    "entsoe": Kind(
        lambda link: Entsoe(link, "DK1", "s3cret"), as_entsoe, 900, "web-api.tp.entsoe.eu"
    ),
    "awattar": Kind(lambda link: Awattar(link, "DE"), as_awattar, 3600, "api.awattar.de"),
    "energy_charts": Kind(
        lambda link: EnergyCharts(link, "DK1"), as_energy_charts, 900, "api.energy-charts.info"
    ),
    "octopus": Kind(
        lambda link: OctopusAgile(link, "AGILE-24-10-01", AGILE), as_octopus, 1800,
        "api.octopus.energy", "GBP",
    ),
    "tibber": Kind(lambda link: Tibber(link, "s3cret"), as_tibber, 900, "api.tibber.com"),
}  # fmt: skip


def quotes(
    starts_at: datetime, ends_at: datetime, step_s: int, price: Callable[[datetime], float | None]
) -> list[Quote]:
    """Prices from one instant to another."""
    count = round((ends_at - starts_at).total_seconds()) // step_s
    starts = [starts_at + timedelta(seconds=step_s * place) for place in range(count)]
    return [Quote(at, step_s, price(at)) for at in starts]


@dataclass
class Served:
    """The service itself: answers with what it has published by `now`, in its own words."""

    kind: Kind
    price: Callable[[datetime], float | None]
    now: Callable[[], datetime]
    silent: Callable[[datetime], bool] = lambda _: False
    late: timedelta = timedelta(0)  # how much later than usual it publishes
    link: MemoryWebLink = field(init=False)

    def __post_init__(self) -> None:
        self.link = MemoryWebLink(self._serve)

    @property
    def service(self) -> PriceService:
        return self.kind.make(self.link)

    def _serve(self, request: HttpRequest) -> Reply:
        at = self.now()
        if self.silent(at):
            raise LinkLostError(f"{request.place} cannot be reached")
        publication = self.service.publication
        first, last = publication.window(at - self.late)
        first = publication.window(at)[0]
        asked = dict(request.params)
        if "date" in asked:  # one market day for each question
            day = date.fromisoformat(asked["date"])
            first = max(first, publication.starts_at(day))
            last = min(last, publication.starts_at(day + timedelta(days=1)))
        if first >= last:
            return Reply(status=204)
        return Reply(self.kind.encode(quotes(first, last, self.kind.step_s, self.price)))


def as_open_meteo(series: WeatherSeries) -> bytes:
    """A forecast as Open-Meteo writes it: radiation is the mean of the quarter that ends there."""
    step, quarters = timedelta(seconds=series.step_s), series.step_s // 900
    stamps: list[int] = []
    rows: list[tuple[float, float]] = []
    before = 0.0
    for place, (outdoor_c, ghi) in enumerate(
        zip(series.outdoor_c, series.ghi_w_per_m2, strict=True)
    ):
        for quarter in range(quarters):
            at = series.starts_at + place * step + quarter * timedelta(minutes=15)
            stamps.append(int(at.timestamp()))
            rows.append((outdoor_c, before if quarter == 0 else ghi))
        before = ghi
    return json.dumps(
        {
            "utc_offset_seconds": 0,
            "minutely_15_units": {
                "temperature_2m": "°C",
                "shortwave_radiation": "W/m²",
                "wind_speed_10m": "m/s",
            },
            "minutely_15": {
                "time": stamps,
                "temperature_2m": [row[0] for row in rows],
                "shortwave_radiation": [row[1] for row in rows],
                "wind_speed_10m": [3.0 for _ in rows],
            },
        }
    ).encode()
