"""Half-hourly prices of Octopus Agile in Great Britain."""

from datetime import UTC, datetime, time, timedelta
from urllib.parse import parse_qsl, urlsplit

from pydantic import AwareDatetime, TypeAdapter

from drivers.api import PriceSeries
from drivers.errors import ConfigurationError, TransientError
from drivers.prices.polling import Publication
from drivers.prices.series import Row, Span, read_json, series_of, utc
from drivers.transports.http import HttpAnswer, HttpLink, HttpRequest

HOST = "https://api.octopus.energy"
MOST_PAGES = 4
_PAGE_SIZE = "1500"
_PENCE_PER_POUND = 100.0
_BAD_REQUEST, _NOT_FOUND = 400, 404


class _Rate(Row):
    value_exc_vat: float
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None = None
    payment_method: str | None = None


class _Page(Row):
    next: str | None = None
    results: tuple[_Rate, ...]


class _Refusal(Row):
    detail: str


_PAGE, _REFUSAL = TypeAdapter(_Page), TypeAdapter(_Refusal)


class OctopusAgile:
    """The `PriceService` of one tariff, such as E-1R-AGILE-24-10-01-A; pounds before VAT."""

    publication = Publication("Europe/London", time(16), timedelta(hours=-1))
    """Agile's day runs from 23:00 to 23:00 and comes out from four in the afternoon."""

    def __init__(
        self, link: HttpLink, product: str, tariff: str, *, payment: str = "DIRECT_DEBIT"
    ) -> None:
        """`payment`: which of two rates counts where they differ by the way of paying."""
        self.name = f"Octopus {tariff}"
        self._link = link
        self._payment = payment
        self._url = (
            f"{HOST}/v1/products/{product}/electricity-tariffs/{tariff}/standard-unit-rates/"
        )

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Prices between two instants as far as published. Raises a `DriverError`."""
        request: HttpRequest | None = self.request(since, until)
        rates: list[_Rate] = []
        for _ in range(MOST_PAGES):
            if request is None:
                break
            answer = await self._link.ask(request, at)
            page = read_json(_PAGE, self._accepted(answer).body, self.name)
            rates += page.results
            request = None if page.next is None else self._following(page.next)
        return self._series(rates, (since, until), at)

    def request(self, since: datetime, until: datetime) -> HttpRequest:
        """The question for the prices between two instants."""
        return HttpRequest(
            url=self._url,
            params=(
                ("period_from", f"{since.astimezone(UTC):%Y-%m-%dT%H:%MZ}"),
                ("period_to", f"{until.astimezone(UTC):%Y-%m-%dT%H:%MZ}"),
                ("page_size", _PAGE_SIZE),
            ),
        )

    def parse(
        self, body: bytes, at: datetime, window: tuple[datetime, datetime] | None = None
    ) -> PriceSeries:
        """The series in one page; a rate without end lasts to the end of the window."""
        return self._series(list(read_json(_PAGE, body, self.name).results), window, at)

    def _series(
        self, rates: list[_Rate], window: tuple[datetime, datetime] | None, at: datetime
    ) -> PriceSeries:
        first, last = window or (min((utc(rate.valid_from) for rate in rates), default=at), None)
        spans: list[Span] = []
        ordered = sorted(rates, key=lambda rate: rate.payment_method == self._payment)
        for rate in ordered:  # of two rates for one time the last counts: ours
            if rate.payment_method not in (None, self._payment):
                continue
            starts_at = max(utc(rate.valid_from), first)
            ends_at = last if rate.valid_to is None else utc(rate.valid_to)
            if ends_at is None:
                continue
            if last is not None:
                ends_at = min(ends_at, last)
            length_s = round((ends_at - starts_at).total_seconds())
            spans.append(Span(starts_at, length_s, rate.value_exc_vat / _PENCE_PER_POUND))
        return series_of(spans, issued_at=at, currency="GBP", source=self.name)

    def _accepted(self, answer: HttpAnswer) -> HttpAnswer:
        """A refusal carries its reason: the tariff does not exist, or has no such rates."""
        if answer.status in (_BAD_REQUEST, _NOT_FOUND):
            try:
                why = read_json(_REFUSAL, answer.body, self.name).detail
            except TransientError:
                why = f"answered {answer.status}"
            raise ConfigurationError(f"{self.name}: {why}")
        return answer.checked()

    def _following(self, url: str) -> HttpRequest:
        """The next page; only of the same place, whatever an answer says."""
        return HttpRequest(url=self._url, params=tuple(parse_qsl(urlsplit(url).query)))
