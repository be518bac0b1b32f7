"""A weather service as a source: asked hourly, later after failures."""

from datetime import datetime, timedelta
from typing import Protocol

from drivers.api import WeatherSeries
from drivers.errors import DriverError, SlowDownError
from drivers.prices.polling import FIRST_WAIT, LONGEST_WAIT, jitter
from drivers.weather.series import with_past

EVERY = timedelta(hours=1)
"""Models are computed anew every one to six hours."""


class WeatherService(Protocol):
    """One service, asked once. Knows no clock and remembers nothing."""

    @property
    def name(self) -> str: ...

    async def ask(self, at: datetime) -> WeatherSeries:
        """The forecast of now. Raises a `DriverError`, also for none."""
        ...


class LiveWeather:
    """A `WeatherSource` over a service that need not be asked each time.

    While a question failed and the next is not due, the same failure is raised again, so that the
    records keep saying why the forecast is old.
    """

    def __init__(self, service: WeatherService, *, seed: str) -> None:
        """`seed` spreads the questions of many houses over a quarter of an hour."""
        self._service = service
        self._seed = seed
        self._held: WeatherSeries | None = None
        self._due_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._failure: DriverError | None = None
        self._failures = 0

    async def fetch(self, now: datetime) -> WeatherSeries:
        """The forecast known now. Raises a `DriverError`."""
        asked_at, due_at = self._asked_at, self._due_at
        if asked_at is not None and due_at is not None and asked_at <= now < due_at:
            if self._failure is not None:
                raise self._failure.with_traceback(None)
            if self._held is not None:
                return self._held
        self._asked_at = now
        try:
            fresh = await self._service.ask(now)
        except DriverError as error:
            self._failures += 1
            wait = min(FIRST_WAIT * 2.0 ** min(self._failures - 1, 10), LONGEST_WAIT)
            retry_at = error.retry_at if isinstance(error, SlowDownError) else now
            self._due_at, self._failure = max(now + wait, retry_at), error
            raise
        self._failure, self._failures = None, 0
        self._due_at = now + EVERY + jitter(self._seed, now.date())
        self._held = fresh if self._held is None else with_past(fresh, self._held)
        return self._held
