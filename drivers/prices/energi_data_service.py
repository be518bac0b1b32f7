"""Danish day-ahead prices from Energi Data Service: the data set DayAheadPrices."""

from datetime import UTC, datetime

from pydantic import TypeAdapter

from drivers.api import PriceSeries
from drivers.prices.polling import EURO_AUCTION
from drivers.prices.series import Row, per_kwh, read_json, series_of, spaced, utc
from drivers.transports.http import HttpLink, HttpRequest

URL = "https://api.energidataservice.dk/dataset/DayAheadPrices"
DKK_PER_EUR = 7.46038
"""Central rate of the Danish krone in ERM II since 1999; where no record shows the day's own."""

_LEAST_EUR_PER_MWH = 1.0  # smaller prices show no rate


class _Record(Row):
    TimeUTC: datetime
    PriceArea: str
    DayAheadPriceEUR: float | None = None
    DayAheadPriceDKK: float | None = None


class _Answer(Row):
    records: tuple[_Record, ...]


_ANSWER = TypeAdapter(_Answer)


class EnergiDataService:
    """The `PriceService` of DK1 or DK2, in DKK or EUR."""

    publication = EURO_AUCTION

    def __init__(self, link: HttpLink, area: str, currency: str) -> None:
        """`currency` other than EUR means DKK."""
        self.name = f"Energi Data Service {area}"
        self._link = link
        self._area = area
        self._currency = "EUR" if currency == "EUR" else "DKK"

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Prices between two instants as far as published. Raises a `DriverError`."""
        answer = await self._link.ask(self.request(since, until), at)
        return self.parse(answer.checked().body, at)

    def request(self, since: datetime, until: datetime) -> HttpRequest:
        """The question; limit 0 is all, the default of 100 records would cut a day."""
        return HttpRequest(
            url=URL,
            params=(
                ("start", f"{since.astimezone(UTC):%Y-%m-%dT%H:%M}"),
                ("end", f"{until.astimezone(UTC):%Y-%m-%dT%H:%M}"),
                ("timezone", "utc"),
                ("filter", f'{{"PriceArea":["{self._area}"]}}'),
                ("sort", "TimeUTC asc"),
                ("limit", "0"),
            ),
        )

    def parse(self, body: bytes, at: datetime) -> PriceSeries:
        """The series in an answer, by TimeUTC: TimeDK comes twice in autumn."""
        records = read_json(_ANSWER, body, self.name).records
        mine = [record for record in records if record.PriceArea == self._area]
        rate = _dkk_per_eur(mine)
        return series_of(
            spaced((utc(record.TimeUTC), per_kwh(self._price(record, rate))) for record in mine),
            issued_at=at,
            currency=self._currency,
            source=self.name,
        )

    def _price(self, record: _Record, dkk_per_eur: float) -> float | None:
        if self._currency == "EUR":
            return record.DayAheadPriceEUR
        if record.DayAheadPriceDKK is not None or record.DayAheadPriceEUR is None:
            return record.DayAheadPriceDKK
        return record.DayAheadPriceEUR * dkk_per_eur


def _dkk_per_eur(records: list[_Record]) -> float:
    """The rate of the latest record that shows one."""
    for record in sorted(records, key=lambda record: utc(record.TimeUTC), reverse=True):
        eur, dkk = record.DayAheadPriceEUR, record.DayAheadPriceDKK
        if eur is not None and dkk is not None and abs(eur) >= _LEAST_EUR_PER_MWH:
            return dkk / eur
    return DKK_PER_EUR
