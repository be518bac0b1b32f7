"""Prices and weather forecasts as they were issued: nothing is known before its time.

An `Archive` holds three separate things: price publications (one per local day), forecasts (one per
run of a weather service) and the weather as it then was. What a controller is told at an instant is
picked from those already issued; nothing is computed from later ones.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo

import numpy as np

from bench.forecast_error import DE_BILT
from bench.sky import Array, clear_sky_w_per_m2
from bench.zones import HOUR, HOUR_S, ArchiveError, HourlyWeather, Zone, load_zone, zones
from drivers.api import PriceSeries, WeatherSeries
from drivers.errors import TransientError

__all__ = [
    "Archive",
    "ArchiveError",
    "ArchivePrices",
    "ArchiveWeather",
    "TruthWeather",
    "Zone",
    "load_zone",
    "zones",
]

DAY = timedelta(days=1)
PUBLISHED_LOCAL = time(12, 45)  # of the day before: when the day-ahead auction's result comes out
RUN_EVERY_H = 6  # 00, 06, 12, 18 UTC, as global weather models run
RUN_TAKES = HOUR  # from the start of a run to its forecast being there to fetch
FORECAST_H = 72
TRUTH_MARGIN = DAY  # the plant's trace reaches beyond the simulated span where there is data
MEMORY_H = 96  # white noise older than this no longer shows in an hour's error


class TruthWeather(TypedDict):
    """The weather as it was and where: what a simulated house stands in."""

    starts_at: datetime
    step_s: int
    outdoor_c: tuple[float, ...]
    direct_horizontal_w_per_m2: tuple[float, ...]
    diffuse_horizontal_w_per_m2: tuple[float, ...]
    wind_m_per_s: tuple[float, ...]
    relative_humidity_frac: tuple[float, ...] | None
    latitude: float
    longitude: float
    timezone: str


class Archive:
    """One zone over one span, as it was known at each instant of it.

    `seed` draws the forecast errors; without `forecast_errors` every forecast is the truth (but
    still issued only every six hours). Raises `ArchiveError` when there is no data for the span.
    """

    def __init__(
        self,
        zone: Zone,
        *,
        start_at: datetime,
        end_at: datetime,
        seed: int,
        forecast_errors: bool = True,
    ) -> None:
        _require_span(zone, start_at, end_at)
        self.zone = zone
        self.start_at = start_at.astimezone(UTC)
        self.end_at = end_at.astimezone(UTC)
        self._timezone = ZoneInfo(zone.timezone)
        self._publications: Mapping[date, PriceSeries] = self._publish()
        runs = _Runs(zone, seed=seed, scale=1.0 if forecast_errors else 0.0)
        first_run_at = _last_run_at(self.start_at)
        count = (self.end_at - first_run_at) // (RUN_EVERY_H * HOUR) + 1
        run_ats = [first_run_at + i * RUN_EVERY_H * HOUR for i in range(count)]
        self._forecasts: Mapping[datetime, WeatherSeries] = {
            at: runs.forecast(at) for at in run_ats
        }
        self._truth = zone.weather

    def prices_at(self, now: datetime) -> PriceSeries:
        """Today's prices and, once published, tomorrow's; today and tomorrow are local days."""
        self._require_inside(now)
        today = now.astimezone(self._timezone).date()
        known = [
            publication
            for day in (today, today + DAY)
            if (publication := self._publications.get(day)) is not None
            and publication.issued_at <= now
        ]
        if not known:
            raise ArchiveError(f"no prices of {today} in the archive of {self.zone.name}")
        per_kwh = tuple(price for publication in known for price in publication.per_kwh)
        return replace(known[0], issued_at=known[-1].issued_at, per_kwh=per_kwh)

    def weather_at(self, now: datetime) -> WeatherSeries:
        """The newest forecast that could be fetched at `now`."""
        self._require_inside(now)
        return self._forecasts[_last_run_at(now)]

    def truth_weather(self) -> TruthWeather:
        """The weather as it was, from a day before the span to a day after where there is data."""
        truth = self._truth
        first = max(0, (self.start_at - TRUTH_MARGIN - truth.starts_at) // HOUR)
        last = min(len(truth.outdoor_c), -((truth.starts_at - self.end_at - TRUTH_MARGIN) // HOUR))
        humidity = truth.relative_humidity_frac
        return TruthWeather(
            starts_at=truth.starts_at + first * HOUR,
            step_s=HOUR_S,
            outdoor_c=truth.outdoor_c[first:last],
            direct_horizontal_w_per_m2=truth.direct_horizontal_w_per_m2[first:last],
            diffuse_horizontal_w_per_m2=truth.diffuse_horizontal_w_per_m2[first:last],
            wind_m_per_s=truth.wind_m_per_s[first:last],
            relative_humidity_frac=None if humidity is None else humidity[first:last],
            latitude=self.zone.latitude,
            longitude=self.zone.longitude,
            timezone=self.zone.timezone,
        )

    def altered_after(self, instant: datetime, *, seed: int = 0) -> "Archive":
        """A copy in which everything after `instant` came out differently, and nothing before.

        Changed are all prices and forecasts issued after it, and the weather of every hour that
        starts at least an hour after it (a trace may interpolate between the middles of two hours).
        """
        rng = np.random.default_rng([seed, 1])
        other = copy.copy(self)
        other._publications = {
            day: series if series.issued_at <= instant else _other_prices(series, rng)
            for day, series in self._publications.items()
        }
        other._forecasts = {
            run_at: series if series.issued_at <= instant else _other_forecast(series, rng)
            for run_at, series in self._forecasts.items()
        }
        kept = -((self._truth.starts_at - instant) // HOUR) + 1
        other._truth = _other_weather(self._truth, max(0, kept), rng)
        return other

    def _publish(self) -> dict[date, PriceSeries]:
        prices = self.zone.spot_per_kwh
        day = self.start_at.astimezone(self._timezone).date()
        last_day = self.end_at.astimezone(self._timezone).date() + DAY
        publications: dict[date, PriceSeries] = {}
        while day <= last_day:
            starts_at = self._local(day, time.min)
            first = (starts_at - prices.starts_at) // HOUR
            hours = (self._local(day + DAY, time.min) - starts_at) // HOUR  # 23, 24 or 25
            per_kwh = prices.per_kwh[max(0, first) : max(0, first + hours)]
            if per_kwh:
                publications[day] = PriceSeries(
                    issued_at=self._local(day - DAY, PUBLISHED_LOCAL),
                    starts_at=max(starts_at, prices.starts_at),
                    step_s=HOUR_S,
                    per_kwh=per_kwh,
                    currency=self.zone.currency,
                    source=self.zone.price_source,
                )
            day += DAY
        return publications

    def _local(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self._timezone).astimezone(UTC)

    def _require_inside(self, now: datetime) -> None:
        if not self.start_at <= now <= self.end_at:
            raise ArchiveError(
                f"{now.isoformat()} lies outside the archive's span,"
                f" {self.start_at.isoformat()} to {self.end_at.isoformat()}"
            )


class ArchivePrices:
    """Day-ahead prices from an archive, as a price source of the controller."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def fetch(self, now: datetime) -> PriceSeries:
        """What was published by `now`. Raises `TransientError` outside the archive's span."""
        try:
            return self._archive.prices_at(now)
        except ArchiveError as error:
            raise TransientError(str(error)) from error


class ArchiveWeather:
    """Weather forecasts from an archive, as a weather source of the controller."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def fetch(self, now: datetime) -> WeatherSeries:
        """What had been forecast by `now`. Raises `TransientError` outside the archive's span."""
        try:
            return self._archive.weather_at(now)
        except ArchiveError as error:
            raise TransientError(str(error)) from error


class _Runs:
    """The runs of a weather service: truth plus an error with the memory of real ones.

    error(hour) = spread(lead) * (sqrt(r) * common(hour) + sqrt(1 - r) * own(hour)), where r is the
    correlation between two forecasts of the same hour (the same for issues 6 h and 24 h apart,
    which is a simplification), `common` depends on (seed, UTC day) and `own` on (seed, run) only,
    so no forecast depends on another. Both have unit variance and an exponential memory from hour
    to hour. The outdoor temperature takes it as a difference in K, the irradiance as the logarithm
    of a factor; a forecast promises no more sun than a cloudless sky gives.
    """

    def __init__(self, zone: Zone, *, seed: int, scale: float) -> None:
        weather = zone.weather
        self._starts_at = weather.starts_at
        self._source = zone.weather_source
        self._seed = seed
        self._outdoor_c = np.array(weather.outdoor_c)
        self._ghi = np.array(weather.direct_horizontal_w_per_m2) + np.array(
            weather.diffuse_horizontal_w_per_m2
        )
        clear = clear_sky_w_per_m2(
            weather.starts_at, len(self._ghi), latitude=zone.latitude, longitude=zone.longitude
        )
        self._ghi_most = np.maximum(clear, self._ghi)
        lead_days = np.arange(FORECAST_H) / 24.0
        self._outdoor_spread_k = scale * np.interp(
            lead_days, range(len(DE_BILT.outdoor_std_k)), DE_BILT.outdoor_std_k
        )
        self._irradiance_spread = scale * DE_BILT.irradiance_log_std
        self._outdoor_memory = _memory(DE_BILT.outdoor_hour_to_hour)
        self._irradiance_memory = _memory(DE_BILT.irradiance_hour_to_hour)

    def forecast(self, run_at: datetime) -> WeatherSeries:
        """The forecast of one run, cut to the hours there is weather for."""
        first = (run_at - self._starts_at) // HOUR
        from_lead = max(0, -first)
        hours = slice(first + from_lead, min(first + FORECAST_H, len(self._ghi)))
        leads = slice(from_lead, from_lead + hours.stop - hours.start)
        outdoor_noise, irradiance_noise = self._noise(run_at)
        outdoor_c = self._outdoor_c[hours] + (self._outdoor_spread_k * outdoor_noise)[leads]
        factor = np.exp(self._irradiance_spread * irradiance_noise[leads])
        ghi = np.minimum(self._ghi[hours] * factor, self._ghi_most[hours])
        return WeatherSeries(
            issued_at=run_at + RUN_TAKES,
            starts_at=run_at + from_lead * HOUR,
            step_s=HOUR_S,
            outdoor_c=tuple(outdoor_c.round(2).tolist()),
            ghi_w_per_m2=tuple(ghi.round(1).tolist()),
            source=self._source,
        )

    def _noise(self, run_at: datetime) -> tuple[Array, Array]:
        """Unit noise over the hours of a run, for temperature and irradiance."""
        own = self._white(_OWN, run_at, MEMORY_H + FORECAST_H)
        days = (MEMORY_H + FORECAST_H) // 24 + 1
        midnight_at = run_at.replace(hour=0) - timedelta(hours=MEMORY_H)
        by_day = [self._white(_COMMON, midnight_at + i * DAY, 24) for i in range(days)]
        common = np.concatenate(by_day, axis=1)[:, run_at.hour :][:, : MEMORY_H + FORECAST_H]
        outdoor = _blend(common[0], own[0], DE_BILT.outdoor_issue_to_issue)
        irradiance = _blend(common[1], own[1], DE_BILT.irradiance_issue_to_issue)
        return (
            np.convolve(outdoor, self._outdoor_memory, mode="valid")[-FORECAST_H:],
            np.convolve(irradiance, self._irradiance_memory, mode="valid")[-FORECAST_H:],
        )

    def _white(self, stream: int, at: datetime, hours: int) -> Array:
        hour_number = int(at.timestamp()) // HOUR_S
        rng = np.random.default_rng([self._seed, stream, hour_number])
        return rng.standard_normal((2, hours))


_COMMON, _OWN = 0, 1  # streams of random numbers


def _memory(hour_to_hour: float) -> Array:
    """Weights that turn white noise into noise with this correlation, of unit variance."""
    weights = np.power(hour_to_hour, np.arange(MEMORY_H))
    return np.asarray(weights / np.sqrt(np.sum(weights**2)))


def _blend(common: Array, own: Array, common_frac: float) -> Array:
    return np.asarray(np.sqrt(common_frac) * common + np.sqrt(1.0 - common_frac) * own)


def _last_run_at(now: datetime) -> datetime:
    """Start of the newest run whose forecast is there at `now`."""
    begun_at = now.astimezone(UTC) - RUN_TAKES
    hour = begun_at.hour // RUN_EVERY_H * RUN_EVERY_H
    return begun_at.replace(hour=hour, minute=0, second=0, microsecond=0)


def _require_span(zone: Zone, start_at: datetime, end_at: datetime) -> None:
    first_at = max(zone.spot_per_kwh.starts_at, zone.weather.starts_at)
    last_at = min(zone.spot_per_kwh.ends_at, zone.weather.ends_at)
    if start_at.tzinfo is None or end_at.tzinfo is None:
        raise ArchiveError("start and end of the span need a time zone")
    if not first_at <= start_at < end_at <= last_at:
        raise ArchiveError(
            f"no data of {zone.name} for {start_at.isoformat()} to {end_at.isoformat()};"
            f" there is {first_at.isoformat()} to {last_at.isoformat()}"
        )


def _other_prices(series: PriceSeries, rng: np.random.Generator) -> PriceSeries:
    shifts = _shifts(rng, len(series.per_kwh), least=0.05, most=0.25)
    per_kwh = tuple(
        None if price is None else round(price + shift, 6)
        for price, shift in zip(series.per_kwh, shifts, strict=True)
    )
    return replace(series, per_kwh=per_kwh)


def _other_forecast(series: WeatherSeries, rng: np.random.Generator) -> WeatherSeries:
    outdoor_c = np.array(series.outdoor_c) + _shifts(rng, len(series.outdoor_c), least=2, most=6)
    ghi = np.array(series.ghi_w_per_m2) * rng.uniform(0.2, 0.8, len(series.ghi_w_per_m2))
    return replace(
        series,
        outdoor_c=tuple(outdoor_c.round(2).tolist()),
        ghi_w_per_m2=tuple(ghi.round(1).tolist()),
    )


def _other_weather(weather: HourlyWeather, kept: int, rng: np.random.Generator) -> HourlyWeather:
    """The same weather up to entry `kept`, then another one."""
    count = len(weather.outdoor_c) - kept
    if count <= 0:
        return weather
    outdoor_c = np.array(weather.outdoor_c[kept:]) + _shifts(rng, count, least=2, most=6)
    sun = rng.uniform(0.2, 0.8, count)
    direct = np.array(weather.direct_horizontal_w_per_m2[kept:]) * sun
    diffuse = np.array(weather.diffuse_horizontal_w_per_m2[kept:]) * sun
    wind = np.array(weather.wind_m_per_s[kept:]) + rng.uniform(0.5, 2.0, count)
    return replace(
        weather,
        outdoor_c=weather.outdoor_c[:kept] + tuple(outdoor_c.tolist()),
        direct_horizontal_w_per_m2=weather.direct_horizontal_w_per_m2[:kept]
        + tuple(direct.tolist()),
        diffuse_horizontal_w_per_m2=weather.diffuse_horizontal_w_per_m2[:kept]
        + tuple(diffuse.tolist()),
        wind_m_per_s=weather.wind_m_per_s[:kept] + tuple(wind.tolist()),
    )


def _shifts(rng: np.random.Generator, count: int, *, least: float, most: float) -> Array:
    """Differences of either sign, none smaller than `least`."""
    return np.asarray(rng.uniform(least, most, count) * rng.choice([-1.0, 1.0], count))
