"""What the configured services answer now, for `check --online`: each is asked once."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from controller.clock import Clock
from controller.config import HouseConfig
from controller.connect import RealLinks, connect
from controller.connect_prices import HttpLink, price_sources
from controller.connect_weather import weather_sources
from drivers.api import PriceSeries, WeatherSeries
from drivers.errors import DriverError


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source said, in words."""

    of: str  # prices or weather
    good: bool
    text: str


async def ask_online(
    config: HouseConfig, clock: Clock, *, patience_s: float, web: HttpLink | None = None
) -> list[Answer]:
    """Ask every source of prices and weather once. Raises `ConfigurationError`.

    `patience_s` is for what comes over the broker; `web` replaces the network in tests.
    """
    links = RealLinks(config)
    outside = connect(config, clock.now, links)
    sources = price_sources(config, links.mqtt, clock.now, web=web)
    background = [asyncio.ensure_future(job()) for job in outside.background]
    heard: list[Answer] = []
    try:
        if background:
            await clock.sleep_until(clock.now() + timedelta(seconds=patience_s))
        for source in sources:
            try:
                prices = await source.fetch(clock.now())
            except DriverError as error:
                heard.append(Answer("prices", False, str(error)))
            else:
                heard.append(Answer("prices", True, price_words(prices, config.zone)))
        for weather_source in weather_sources(config, web=web):
            try:
                weather = await weather_source.fetch(clock.now())
            except DriverError as error:
                heard.append(Answer("weather", False, str(error)))
            else:
                heard.append(Answer("weather", True, _weather_words(weather, config.zone)))
    finally:
        for task in background:
            task.cancel()
        for device in outside.devices:
            await device.close()
    return heard


def price_words(series: PriceSeries, zone: ZoneInfo) -> str:
    """Source, span, step, range and holes of a price series."""
    known = [price for price in series.per_kwh if price is not None]
    unknown = len(series.per_kwh) - len(known)
    parts = [
        f"{series.source}: {_span(series, len(series.per_kwh), zone)}",
        f"{min(known):.4f} to {max(known):.4f} {series.currency}/kWh" if known else "no price",
    ]
    if unknown:
        parts.append(f"{unknown} of {len(series.per_kwh)} steps unknown")
    if series.preliminary:
        parts.append("preliminary")
    return ", ".join(parts)


def _weather_words(series: WeatherSeries, zone: ZoneInfo) -> str:
    low, high = min(series.outdoor_c), max(series.outdoor_c)
    span = _span(series, len(series.outdoor_c), zone)
    sun = max(series.ghi_w_per_m2)
    wind = "" if series.wind_m_s is None else f", wind up to {max(series.wind_m_s):.0f} m/s"
    return f"{series.source}: {span}, {low:.1f} to {high:.1f} °C, sun up to {sun:.0f} W/m²{wind}"


def _span(series: PriceSeries | WeatherSeries, steps: int, zone: ZoneInfo) -> str:
    starts_at = series.starts_at
    ends_at = starts_at + timedelta(seconds=series.step_s * steps)
    first, last = (f"{at.astimezone(zone):%d %b %H:%M}" for at in (starts_at, ends_at))
    return f"{first} to {last} in steps of {series.step_s // 60} min"
