"""Day-ahead prices from aWATTar in Germany and Austria: hours, before taxes and grid fees."""

from datetime import UTC, datetime

from pydantic import TypeAdapter

from drivers.api import PriceSeries
from drivers.errors import TransientError
from drivers.prices.polling import EURO_AUCTION
from drivers.prices.series import Row, Span, per_kwh, read_json, series_of
from drivers.transports.http import HttpLink, HttpRequest

_UNIT = "eur/mwh"


class _Price(Row):
    start_timestamp: int  # ms since 1970
    end_timestamp: int
    marketprice: float | None
    unit: str


class _Answer(Row):
    data: tuple[_Price, ...]


_ANSWER = TypeAdapter(_Answer)


class Awattar:
    """The `PriceService` of a country, DE or AT."""

    publication = EURO_AUCTION

    def __init__(self, link: HttpLink, country: str) -> None:
        self.name = f"aWATTar {country}"
        self._link = link
        self._url = f"https://api.awattar.{country.lower()}/v1/marketdata"

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Prices between two instants as far as published. Raises a `DriverError`."""
        answer = await self._link.ask(self.request(since, until), at)
        return self.parse(answer.checked().body, at)

    def request(self, since: datetime, until: datetime) -> HttpRequest:
        """The question for the prices between two instants."""
        return HttpRequest(
            url=self._url, params=(("start", _milliseconds(since)), ("end", _milliseconds(until)))
        )

    def parse(self, body: bytes, at: datetime) -> PriceSeries:
        """The series in an answer."""
        spans: list[Span] = []
        for price in read_json(_ANSWER, body, self.name).data:
            if price.unit.replace(" ", "").lower() != _UNIT:
                raise TransientError(f"{self.name}: prices in {price.unit} instead of EUR/MWh")
            length_s = (price.end_timestamp - price.start_timestamp) // 1000
            starts_at = instant_of(price.start_timestamp // 1000, self.name)
            spans.append(Span(starts_at, length_s, per_kwh(price.marketprice)))
        return series_of(spans, issued_at=at, currency="EUR", source=self.name)


def instant_of(epoch_s: int, source: str) -> datetime:
    """Seconds since 1970 as an instant. Raises `TransientError`."""
    try:
        return datetime.fromtimestamp(epoch_s, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TransientError(f"{source}: {str(epoch_s)[:40]} s since 1970 is no time") from error


def _milliseconds(at: datetime) -> str:
    return str(round(at.timestamp()) * 1000)
