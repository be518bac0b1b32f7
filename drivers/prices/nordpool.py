"""Day-ahead prices from the Nord Pool data portal, the interface of its own website.

Business use needs a licence of Nord Pool. One question per calendar day in Central European Time,
also for Finland and the Baltics, whose first hour then is 01:00 local.
"""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, TypeAdapter

from drivers.api import PriceSeries
from drivers.errors import DriverError, TransientError
from drivers.prices.polling import EURO_AUCTION
from drivers.prices.series import CamelRow, Span, per_kwh, read_json, series_of, spans_of, utc
from drivers.transports.http import HttpLink, HttpRequest

URL = "https://dataportal-api.nordpoolgroup.com/api/DayAheadPrices"
_NO_CONTENT = 204


class _Entry(CamelRow):
    delivery_start: AwareDatetime
    delivery_end: AwareDatetime
    entry_per_area: dict[str, float | None]


class _State(CamelRow):
    state: str
    areas: tuple[str, ...]


class _Day(CamelRow):
    currency: str
    multi_area_entries: tuple[_Entry, ...] = ()
    multi_index_entries: tuple[_Entry, ...] = ()
    area_states: tuple[_State, ...] = ()


_DAY = TypeAdapter(_Day)


class NordPool:
    """The `PriceService` of one delivery area, such as SE3."""

    publication = EURO_AUCTION

    def __init__(self, link: HttpLink, area: str, currency: str) -> None:
        self.name = f"Nord Pool {area}"
        self._link = link
        self._area = area
        self._currency = currency

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Prices between two instants as far as published. Raises a `DriverError`.

        A day that is missing is no failure as long as there is another.
        """
        days: list[PriceSeries] = []
        failure: DriverError | None = None
        day_at = since
        while day_at < until:
            day = self.publication.day_of(day_at)
            try:
                answer = await self._link.ask(self.request(day_at), at)
                if answer.status == _NO_CONTENT:
                    raise TransientError(f"{self.name}: nothing published yet for {day}")
                days.append(self.parse(answer.checked().body, at))
            except DriverError as error:
                failure = error
            day_at = self.publication.starts_at(day + timedelta(days=1))
        if not days:
            raise failure or TransientError(f"{self.name}: nothing was asked for")
        return series_of(
            [span for day in days for span in spans_of(day)],
            issued_at=at,
            currency=days[0].currency,
            source=self.name,
            preliminary=any(day.preliminary for day in days),
        )

    def request(self, at: datetime) -> HttpRequest:
        """The question for the market day that contains an instant."""
        return HttpRequest(
            url=URL,
            params=(
                ("date", self.publication.day_of(at).isoformat()),
                ("market", "DayAhead"),
                ("deliveryArea", self._area),
                ("currency", self._currency),
            ),
        )

    def parse(self, body: bytes, at: datetime) -> PriceSeries:
        """One day's series, also from DayAheadPriceIndices. Raises `TransientError`."""
        day = read_json(_DAY, body, self.name)
        spans = [
            Span(
                utc(entry.delivery_start),
                round((entry.delivery_end - entry.delivery_start).total_seconds()),
                per_kwh(entry.entry_per_area.get(self._area)),
            )
            for entry in day.multi_area_entries or day.multi_index_entries
        ]
        final = any(
            state.state == "Final" and self._area in state.areas for state in day.area_states
        )
        return series_of(
            spans,
            issued_at=at,
            currency=day.currency,
            source=self.name,
            preliminary=bool(day.area_states) and not final,
        )
