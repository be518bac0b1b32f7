"""A price service as a source: asked when it can bring news, its answers put together."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from drivers.api import PriceSeries
from drivers.errors import ConfigurationError, DriverError, SlowDownError, TransientError
from drivers.prices.polling import Attempt, Publication, next_ask_at
from drivers.prices.series import KEPT_AHEAD, KEPT_HISTORY, joined, known_until, scaled, within


class PriceService(Protocol):
    """One service, asked once. Knows no clock and remembers nothing."""

    @property
    def name(self) -> str:
        """What records call it, with the zone: other zones have other prices."""
        ...

    @property
    def publication(self) -> Publication: ...

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        """Prices between two instants as far as published. Raises a `DriverError`, also for none.

        `at` is now.
        """
        ...


class LivePrices:
    """A `PriceSource` over a service that need not be asked each time.

    New prices win over older ones; a hole in a new answer does not erase what was known. While a
    question failed and the next is not due, the same failure is raised again, so that the records
    keep saying why prices are missing.
    """

    def __init__(
        self, service: PriceService, currency: str, *, seed: str, exchange_rate: float | None = None
    ) -> None:
        """`exchange_rate`: units of `currency` per unit of the service's; `seed`: of the jitter."""
        self._service = service
        self._currency = currency
        self._seed = seed
        self._exchange_rate = exchange_rate
        self._held: PriceSeries | None = None
        self._attempt: Attempt | None = None
        self._failure: DriverError | None = None

    @property
    def name(self) -> str:
        """The name of the service."""
        return self._service.name

    def resume(self, held: PriceSeries) -> bool:
        """Take up what an earlier run knew, if it is of the same service, zone and currency."""
        if held.source != self.name or held.currency != self._currency:
            return False
        self._held = replace(held, remark="")
        return True

    def due_at(self, now: datetime) -> datetime | None:
        """When a question can bring news; None: at once."""
        held = self._held
        until = None if held is None else known_until(held, now)
        return next_ask_at(
            None if until == now else until,
            self._attempt,
            publication=self._service.publication,
            seed=self._seed,
            preliminary_since=held.issued_at if held is not None and held.preliminary else None,
        )

    async def fetch(self, now: datetime) -> PriceSeries:
        """The prices known now. Raises a `DriverError`."""
        due_at = self.due_at(now)
        if due_at is not None and now < due_at:
            if self._failure is not None:
                raise self._failure.with_traceback(None)
            if self._held is not None:
                return self._held
        try:
            self._held = self._together(await self._asked(now), now)
        except DriverError as error:
            failures = 1 if self._attempt is None else self._attempt.failures + 1
            retry_at = error.retry_at if isinstance(error, SlowDownError) else None
            self._attempt, self._failure = Attempt(now, failures, retry_at), error
            raise
        self._failure = None
        self._attempt = self._still_missing(self._held, now)
        return self._held

    async def _asked(self, now: datetime) -> PriceSeries:
        publication = self._service.publication
        first, last = publication.window(now)
        held = self._held
        if held is not None and not held.preliminary:
            known = known_until(held, now)
            if known < last:
                first = max(first, publication.starts_at(publication.day_of(known)))
        return self._in_our_currency(await self._service.ask(first, last, now))

    def _in_our_currency(self, series: PriceSeries) -> PriceSeries:
        if series.currency == self._currency:
            return series
        if self._exchange_rate is None:
            raise ConfigurationError(
                f"{self.name} gives prices in {series.currency}, the tariff is in "
                f"{self._currency}: set prices.exchange_rate"
            )
        return scaled(series, self._exchange_rate, self._currency)

    def _together(self, fresh: PriceSeries, now: datetime) -> PriceSeries:
        news = _around(fresh, now)
        if news is None:
            raise TransientError(f"{self.name}: the answer holds no price of these days")
        held = None if self._held is None else _around(self._held, now)
        if held is None:
            return news
        both = joined(news, held)
        same = both.per_kwh == held.per_kwh and both.starts_at == held.starts_at
        return held if same and both.preliminary == held.preliminary else both

    def _still_missing(self, held: PriceSeries, now: datetime) -> Attempt | None:
        """An answer that left a hole, or that may change, counts as a question in vain."""
        _, until = self._service.publication.window(now)
        if known_until(held, now) >= until and not held.preliminary:
            return None
        return Attempt(now, 1 if self._attempt is None else self._attempt.failures + 1)


def _around(series: PriceSeries, now: datetime) -> PriceSeries | None:
    """The part that counts now; whatever an answer says of other years cannot stay in the way."""
    return within(series, now - KEPT_HISTORY, now + KEPT_AHEAD)
