"""Two weather sources, the second for when the first one stays away."""

from dataclasses import replace
from datetime import datetime, timedelta

from drivers.api import WeatherSeries, WeatherSource
from drivers.errors import DriverError, TransientError

PATIENCE = timedelta(hours=6)
"""A forecast of the first source is better than a new one of the second for so long: two models
differ by more than one model does from its next run."""


class BackedUpWeather:
    """A `WeatherSource`: the first one's forecast; after hours without it, the second one's."""

    def __init__(self, first: WeatherSource, second: WeatherSource) -> None:
        self._first = first
        self._second = second
        self._held: WeatherSeries | None = None
        self._held_at: datetime | None = None

    async def fetch(self, now: datetime) -> WeatherSeries:
        """The forecast known now. Raises `TransientError` naming both failures."""
        try:
            first = await self._first.fetch(now)
        except DriverError as error:
            return await self._without_first(now, error)
        self._held, self._held_at = first, now
        return first

    async def _without_first(self, now: datetime, why: DriverError) -> WeatherSeries:
        held, held_at = self._held, self._held_at
        if held is not None and held_at is not None and now - held_at < PATIENCE:
            return replace(held, remark=f"{held.source} of {held.issued_at:%d %b %H:%M} UTC: {why}")
        try:
            second = await self._second.fetch(now)
        except DriverError as error:
            raise TransientError(f"{why}; and of its backup: {error}") from error
        return replace(second, remark=f"{second.source} stands in: {why}")
