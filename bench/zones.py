"""Real prices and weather of two price zones, hour by hour, from the files in `bench/data`.

Every entry holds for the hour that starts at its instant. The files carry the source's own stamps:
prices by the start of the hour, weather as the instant's value (temperature, wind, humidity) or the
mean of the PRECEDING hour (radiation); they are brought to the hour's start here.
"""

import csv
import gzip
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources

import numpy as np

from bench.sky import Array, diffuse_from_direct, extraterrestrial_w_per_m2

HOUR = timedelta(hours=1)
HOUR_S = 3600
# wind profile exponent over land: IEC 61400-1:2019, normal wind profile model
WIND_100M_TO_10M = (10.0 / 100.0) ** 0.2


class ArchiveError(ValueError):
    """The archive does not hold what was asked for; the message says what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyPrices:
    """Day-ahead prices; None where the source has a hole."""

    starts_at: datetime
    per_kwh: tuple[float | None, ...]

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + len(self.per_kwh) * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyWeather:
    """The weather as it was, without holes; humidity is None where the source has none."""

    starts_at: datetime
    outdoor_c: tuple[float, ...]
    direct_horizontal_w_per_m2: tuple[float, ...]
    diffuse_horizontal_w_per_m2: tuple[float, ...]
    wind_m_per_s: tuple[float, ...]  # at 10 m
    relative_humidity_frac: tuple[float, ...] | None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + len(self.outdoor_c) * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A price zone and a place in it whose weather goes with the prices."""

    name: str
    country: str  # ISO 3166 code
    latitude: float
    longitude: float
    timezone: str  # IANA name; the market's days are local days
    currency: str
    price_source: str
    weather_source: str
    spot_per_kwh: HourlyPrices
    weather: HourlyWeather


def zones() -> tuple[str, ...]:
    """Names of the zones there is data for."""
    return ("DK1", "DE_LU")


@cache
def load_zone(name: str) -> Zone:
    """Read a zone's files, once per process. Raises `ArchiveError` for an unknown name."""
    if name == "DK1":
        latitude, longitude = 56.13, 10.19
        return Zone(
            name=name,
            country="DK",
            latitude=latitude,
            longitude=longitude,
            timezone="Europe/Copenhagen",
            currency="EUR",
            price_source="day-ahead auction, Bundesnetzagentur | SMARD.de",
            weather_source="Aarhus, Weather data by Open-Meteo.com",
            spot_per_kwh=_prices(name),
            weather=_weather(name, latitude=latitude, longitude=longitude),
        )
    if name == "DE_LU":
        latitude, longitude = 51.16, 10.45  # the middle of Germany: the weather is a mean over it
        return Zone(
            name=name,
            country="DE",
            latitude=latitude,
            longitude=longitude,
            timezone="Europe/Berlin",
            currency="EUR",
            price_source="day-ahead auction, Bundesnetzagentur | SMARD.de",
            weather_source="mean over Germany, Weather data by Open-Meteo.com",
            spot_per_kwh=_prices(name),
            weather=_weather(name, latitude=latitude, longitude=longitude),
        )
    raise ArchiveError(f"no data for zone {name!r}; there is {', '.join(zones())}")


def read_columns(file_name: str) -> tuple[datetime, dict[str, tuple[float | None, ...]]]:
    """An hourly file of `bench/data`: the first stamp, and each column with None for an empty cell.

    Raises `ArchiveError` when an hour is missing or doubled.
    """
    raw = resources.files("bench").joinpath("data", file_name).read_bytes()
    rows = csv.reader(gzip.decompress(raw).decode("utf-8").splitlines())
    names = next(rows)
    stamps, *cells = zip(*rows, strict=True)
    starts_at = datetime.fromisoformat(stamps[0])
    if datetime.fromisoformat(stamps[-1]) - starts_at != (len(stamps) - 1) * HOUR:
        raise ArchiveError(f"{file_name} does not hold one row per hour")
    columns = {
        name: tuple(float(cell) if cell else None for cell in column)
        for name, column in zip(names[1:], cells, strict=True)
    }
    return starts_at, columns


def _prices(name: str) -> HourlyPrices:
    starts_at, columns = read_columns(f"price_{name}.csv.gz")
    per_kwh = tuple(
        None if per_mwh is None else round(per_mwh / 1000.0, 6)
        for per_mwh in columns["eur_per_mwh"]
    )
    return HourlyPrices(starts_at=starts_at, per_kwh=per_kwh)


def _weather(name: str, *, latitude: float, longitude: float) -> HourlyWeather:
    file_name = f"weather_{name}.csv.gz"
    starts_at, columns = read_columns(file_name)
    whole = {key: _without_holes(column, file_name) for key, column in columns.items()}
    direct = _mean_of_preceding_hour(whole["direct_horizontal_w_per_m2"])
    if "diffuse_horizontal_w_per_m2" in whole:
        diffuse = _mean_of_preceding_hour(whole["diffuse_horizontal_w_per_m2"])
    else:
        beyond_air = extraterrestrial_w_per_m2(
            starts_at, len(direct), latitude=latitude, longitude=longitude
        )
        diffuse = diffuse_from_direct(direct, beyond_air)
    if "wind_10m_m_per_s" in whole:
        wind = _mean_of_instants(whole["wind_10m_m_per_s"])
    else:
        wind = _mean_of_instants(whole["wind_100m_m_per_s"]) * WIND_100M_TO_10M
    humidity = None
    if "relative_humidity_pct" in whole:
        humidity = _rounded(_mean_of_instants(whole["relative_humidity_pct"]) / 100.0)
    return HourlyWeather(
        starts_at=starts_at,
        outdoor_c=_rounded(_mean_of_instants(whole["outdoor_c"])),
        direct_horizontal_w_per_m2=_rounded(direct),
        diffuse_horizontal_w_per_m2=_rounded(diffuse),
        wind_m_per_s=_rounded(wind),
        relative_humidity_frac=humidity,
    )


def _without_holes(column: tuple[float | None, ...], file_name: str) -> Array:
    """A plant needs weather every hour, so a hole is an error of the file, not a value."""
    if None in column:
        raise ArchiveError(f"{file_name} has a hole in row {column.index(None) + 2}")
    return np.array(column, dtype=np.float64)


def _mean_of_preceding_hour(stamped_at_end: Array) -> Array:
    """The mean stamped at an hour's end belongs to that hour, which starts one entry earlier."""
    return stamped_at_end[1:]


def _mean_of_instants(instants: Array) -> Array:
    """Mean over each hour of what was given at its two ends."""
    return np.asarray((instants[:-1] + instants[1:]) / 2.0)


def _rounded(values: Array) -> tuple[float, ...]:
    return tuple(values.round(3).tolist())
