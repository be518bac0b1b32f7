"""Forecasts from MET Norway: all over the world, without sunshine; CC BY 4.0.

Its terms: every application names itself and how to reach who runs it, coordinates have at most
four decimals, nobody asks again before `Expires`, and then only whether it has changed. The last
two are kept by `PoliteLink`.
"""

from datetime import datetime

from pydantic import TypeAdapter

from drivers.api import WeatherSeries
from drivers.errors import ConfigurationError, RefusedByDeviceError, TransientError
from drivers.prices.series import Row, read_json
from drivers.transports.http import USER_AGENT, HttpLink, HttpRequest
from drivers.weather.answers import Place, aware, scaled
from drivers.weather.series import Sky, SunUnderClouds, series_of

STEP_S = 3600
_PASSING_AWAY, _FORBIDDEN, _ELSEWHERE = 203, 403, 422


class _Details(Row):
    air_temperature: float | None = None
    cloud_area_fraction: float | None = None  # %
    wind_speed: float | None = None


class _Instant(Row):
    details: _Details


class _Data(Row):
    instant: _Instant


class _Row(Row):
    time: datetime
    data: _Data


class _Units(Row):
    air_temperature: str
    cloud_area_fraction: str = "%"
    wind_speed: str = "m/s"


class _Meta(Row):
    updated_at: datetime
    units: _Units


class _Properties(Row):
    meta: _Meta
    timeseries: tuple[_Row, ...]


class _Answer(Row):
    properties: _Properties


_ANSWER = TypeAdapter(_Answer)


class MetNorway:
    """The `WeatherService`; `sun` makes irradiance from its clouds."""

    name = "MET Norway"

    def __init__(self, link: HttpLink, place: Place, *, contact: str, sun: SunUnderClouds) -> None:
        """`contact`: a mail or web address of who runs this controller."""
        self._link = link
        self._place = place
        self._contact = contact
        self._sun = sun

    async def ask(self, at: datetime) -> WeatherSeries:
        """The forecast of now. Raises a `DriverError`."""
        answer = await self._link.ask(self.request, at)
        if answer.status == _FORBIDDEN:
            raise ConfigurationError(f"{self.name} does not let us in (403): check weather.contact")
        if answer.status == _ELSEWHERE:
            raise RefusedByDeviceError(f"{self.name} knows nothing of this place (422)")
        good = answer if answer.status == _PASSING_AWAY else answer.checked()
        return self.parse(good.body, at)

    @property
    def request(self) -> HttpRequest:
        """The question, always the same."""
        altitude_m = self._place.altitude_m
        return HttpRequest(
            url="https://api.met.no/weatherapi/locationforecast/2.0/compact",
            params=(
                ("lat", self._place.latitude),
                ("lon", self._place.longitude),
                *(() if altitude_m is None else (("altitude", f"{altitude_m:.0f}"),)),
            ),
            headers=(("User-Agent", f"{USER_AGENT} {self._contact}"),),
        )

    def parse(self, body: bytes, at: datetime) -> WeatherSeries:
        """The series in an answer."""
        told = read_json(_ANSWER, body, self.name).properties
        units = told.meta.units
        if (units.air_temperature, units.cloud_area_fraction, units.wind_speed) != (
            "celsius", "%", "m/s",
        ):  # fmt: skip
            raise TransientError(f"{self.name}: other units than celsius, % and m/s")
        rows = [(aware(row.time, self.name), row.data.instant.details) for row in told.timeseries]
        sky = Sky(
            outdoor_c={moment: row.air_temperature for moment, row in rows},
            wind_m_s={moment: row.wind_speed for moment, row in rows},
            cloud_frac={moment: scaled(row.cloud_area_fraction, 0.01) for moment, row in rows},
        )
        issued_at = aware(told.meta.updated_at, self.name)
        return series_of(
            sky, step_s=STEP_S, issued_at=issued_at, at=at, source=self.name, sun=self._sun
        )
