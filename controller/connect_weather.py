"""From the section [weather] to a weather source; like connect.py it names concrete drivers."""

import platform
from collections.abc import Sequence
from datetime import datetime

from controller.config import HouseConfig
from controller.config_weather import WeatherOrigin
from controller.secrets import secret
from drivers.api import WeatherSource
from drivers.errors import ConfigurationError
from drivers.transports.http import HttpLink, PoliteLink, WebLink
from drivers.weather.answers import Place
from drivers.weather.backed_up import BackedUpWeather
from drivers.weather.bright_sky import BrightSky
from drivers.weather.csv_file import CsvWeather
from drivers.weather.live import LiveWeather, WeatherService
from drivers.weather.met_norway import MetNorway
from drivers.weather.mosmix import Mosmix
from drivers.weather.open_meteo import OpenMeteo
from drivers.weather.series import SunUnderClouds
from mpc.clear_sky import ghi_under_clouds_w_per_m2

KEY_VARIABLE = "HEATHERD_WEATHER_TOKEN"
"""The key of a customer of Open-Meteo, where it is not in a file."""


def weather_source(config: HouseConfig, *, web: HttpLink | None = None) -> WeatherSource | None:
    """What the configuration names, put together. Raises `ConfigurationError`."""
    sources = weather_sources(config, web=web)
    if len(sources) > 1:
        return BackedUpWeather(sources[0], sources[1])
    return sources[0] if sources else None


def weather_sources(config: HouseConfig, *, web: HttpLink | None = None) -> list[WeatherSource]:
    """The source and its backup; nothing is asked yet. Raises `ConfigurationError`.

    `web` replaces the network in tests.
    """
    link = PoliteLink(WebLink() if web is None else web)
    origins = () if config.weather is None else config.weather.origins
    return [_source(config, origin, link) for origin in origins]


def _source(config: HouseConfig, origin: WeatherOrigin, link: HttpLink) -> WeatherSource:
    if origin.csv is not None:
        return CsvWeather(origin.csv)
    return LiveWeather(
        _service(config, origin, link), seed=f"{platform.node()} {config.house.name}"
    )


def _service(config: HouseConfig, origin: WeatherOrigin, link: HttpLink) -> WeatherService:
    house = config.house
    if origin.kind == "mosmix":
        sun = None if house.place is None else _sun(*house.place)
        return Mosmix(link, origin.station or "", sun=sun)
    if house.place is None:
        raise ConfigurationError(
            f"weather: {origin.kind} needs house.latitude_deg and longitude_deg"
        )
    latitude_deg, longitude_deg = house.place
    place = Place(
        latitude_deg=latitude_deg, longitude_deg=longitude_deg, altitude_m=house.altitude_m
    )
    sun = _sun(latitude_deg, longitude_deg)
    match origin.kind:
        case "open_meteo":
            return OpenMeteo(
                link, place, secret("weather.token_file", origin.token_file, KEY_VARIABLE)
            )
        case "met_norway":
            return MetNorway(link, place, contact=origin.contact or "", sun=sun)
        case "bright_sky":
            return BrightSky(link, place, sun=sun)
        case _:
            raise ConfigurationError(f"weather: kind {origin.kind} is not known")


def _sun(latitude_deg: float, longitude_deg: float) -> SunUnderClouds:
    """What clouds over the house let through."""

    def under_clouds(
        starts: Sequence[datetime], step_s: float, cloud_frac: Sequence[float]
    ) -> Sequence[float]:
        found: list[float] = ghi_under_clouds_w_per_m2(
            starts, step_s, cloud_frac, latitude_deg=latitude_deg, longitude_deg=longitude_deg
        ).tolist()
        return found

    return under_clouds
