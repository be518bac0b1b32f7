"""Day-ahead prices from energy-charts.info (Fraunhofer ISE); its licence differs by zone."""

from datetime import datetime, timedelta

from pydantic import TypeAdapter

from drivers.api import PriceSeries
from drivers.errors import TransientError
from drivers.prices.awattar import instant_of
from drivers.prices.polling import EURO_AUCTION
from drivers.prices.series import Row, per_kwh, read_json, series_of, spaced
from drivers.transports.http import HttpLink, HttpRequest

URL = "https://api.energy-charts.info/price"
_NOT_FOUND = 404
_UNIT = "eur/mwh"


class _Answer(Row):
    unix_seconds: tuple[int, ...]
    price: tuple[float | None, ...]
    unit: str


_ANSWER = TypeAdapter(_Answer)


class EnergyCharts:
    """The `PriceService` of one bidding zone, such as DE-LU."""

    publication = EURO_AUCTION

    def __init__(self, link: HttpLink, zone: str) -> None:
        self.name = f"energy-charts {zone}"
        self._link = link
        self._zone = zone

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Prices between two instants as far as published. Raises a `DriverError`."""
        answer = await self._link.ask(self.request(since, until), at)
        if answer.status == _NOT_FOUND:
            raise TransientError(f"{self.name}: nothing published yet for that time")
        return self.parse(answer.checked().body, at)

    def request(self, since: datetime, until: datetime) -> HttpRequest:
        """The question by market days, both included."""
        last_at = until - timedelta(seconds=1)
        return HttpRequest(
            url=URL,
            params=(
                ("bzn", self._zone),
                ("start", self.publication.day_of(since).isoformat()),
                ("end", self.publication.day_of(last_at).isoformat()),
            ),
        )

    def parse(self, body: bytes, at: datetime) -> PriceSeries:
        """The series in an answer: two arrays side by side."""
        answer = read_json(_ANSWER, body, self.name)
        if answer.unit.replace(" ", "").lower() != _UNIT:
            raise TransientError(f"{self.name}: prices in {answer.unit} instead of EUR/MWh")
        if len(answer.unix_seconds) != len(answer.price):
            raise TransientError(f"{self.name}: {len(answer.unix_seconds)} times, "
                                 f"{len(answer.price)} prices")  # fmt: skip
        starts = [instant_of(epoch_s, self.name) for epoch_s in answer.unix_seconds]
        prices = map(per_kwh, answer.price)
        return series_of(
            spaced(zip(starts, prices, strict=True)),
            issued_at=at,
            currency="EUR",
            source=self.name,
        )
