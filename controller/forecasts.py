"""Prices and weather: fetch in the background, keep the last good answer, say how old it is."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from controller.clock import Clock
from controller.store import Store
from controller.sunlight import Sun, as_told, in_force
from drivers.api import PriceSeries, PriceSource, ResumingPrices, WeatherSeries, WeatherSource
from drivers.errors import DriverError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """The latest answers; None means that there never was one."""

    prices: PriceSeries | None = None
    weather: WeatherSeries | None = None
    notes: tuple[str, ...] = ()


KNOWN = TypeAdapter(Known)


class Forecasts:
    """The last good answer of each source; survives restarts."""

    def __init__(
        self,
        prices: PriceSource | None,
        weather: WeatherSource | None,
        *,
        clock: Clock,
        store: Store,
        every_s: float,
        sun: Sun = as_told,
    ) -> None:
        """`sun`: how it reaches the rooms."""
        self._price_source = prices
        self._weather_source = weather
        self._clock = clock
        self._store = store
        self._sun = sun
        self._every = timedelta(seconds=every_s)
        self._next_at: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self._known = self._restored()
        held = self._known.prices
        if held is not None and isinstance(prices, ResumingPrices) and not prices.resume(held):
            log.warning("kept prices of %s in %s are not used", held.source, held.currency)
            self._known = replace(self._known, prices=None)

    @property
    def known(self) -> Known:
        """What is known now; a frozen value, the same for the whole cycle."""
        return self._known

    def consider(self, at: datetime, tasks: asyncio.TaskGroup) -> None:
        """Start fetching if it is time. Never waits."""
        if self._task is not None and not self._task.done():
            return
        if self._next_at is not None and self._next_at - self._every <= at < self._next_at:
            return  # a clock that was set back does not stop the asking
        self._next_at = at + self._every
        self._task = tasks.create_task(self._fetch(at), name="forecasts")

    async def _fetch(self, at: datetime) -> None:
        async with self._clock.busy():
            before = self._known
            notes: list[str] = []
            remarks: list[str] = []
            aged: list[str] = []
            prices, weather = before.prices, before.weather
            if self._price_source is not None:
                try:
                    prices = await self._price_source.fetch(at)
                    if prices.remark:
                        remarks.append(f"prices: {prices.remark}")
                except DriverError as error:
                    notes.append(f"prices: {error}")
            if self._weather_source is not None:
                try:
                    weather = await self._weather_source.fetch(at)
                    if weather.remark:
                        remarks.append(f"weather: {weather.remark}")
                except DriverError as error:
                    notes.append(f"weather: {error}")
                    if weather is not None:
                        aged.append(_still_in_use(weather))
        for note in notes:
            if note not in before.notes:
                log.warning("%s; the last good answer stays in use", note)
        for remark in remarks:
            if remark not in before.notes:
                log.warning("%s", remark)
        self._known = Known(prices, weather, (*remarks, *notes, *aged))
        if (prices, weather) != (before.prices, before.weather):
            self._store.save_text("known", KNOWN.dump_json(self._known).decode())

    def _restored(self) -> Known:
        text = self._store.text("known")
        if text is None:
            return Known()
        try:
            return KNOWN.validate_json(text)
        except ValidationError as error:
            log.warning("stored forecasts are unreadable and were dropped: %s", error)
            return Known()

    def ghi_at(self, at: datetime) -> float:
        """Irradiance forecast for an instant as the rooms get it.

        0 where nothing is known (the cautious side).
        """
        weather = self._known.weather
        if weather is None:
            return 0.0
        day = in_force(weather, at, None)
        index = _index(day, at)
        if index is None:
            return 0.0
        middle = day.starts_at + timedelta(seconds=day.step_s * (index + 0.5))
        return self._sun([middle], [day.ghi_w_per_m2[index]])[0]

    def outdoor_at(self, at: datetime) -> float | None:
        """Outdoor temperature forecast for an instant."""
        return value_at(self._known.weather, at, "outdoor_c")

    def wind_at(self, at: datetime) -> float | None:
        """Wind forecast for an instant; None: nobody tells it."""
        weather = self._known.weather
        if weather is None or weather.wind_m_s is None:
            return None
        return value_at(in_force(weather, at, None), at, "wind_m_s")


def value_at(weather: WeatherSeries | None, at: datetime, field: str) -> float | None:
    """One of a forecast's series at an instant; None where it does not reach."""
    if weather is None:
        return None
    index = _index(weather, at)
    values: tuple[float, ...] = tuple(getattr(weather, field))
    return None if index is None else values[index]


def _index(weather: WeatherSeries, at: datetime) -> int | None:
    """The step that contains an instant."""
    index = int((at - weather.starts_at).total_seconds() // weather.step_s)
    return index if 0 <= index < len(weather.outdoor_c) else None


def _still_in_use(weather: WeatherSeries) -> str:
    return f"weather: {weather.source} of {weather.issued_at:%Y-%m-%d %H:%M} UTC stays in use"
