"""Forecasts from Open-Meteo: quarter-hours all over the world; free for private use, CC BY 4.0."""

from datetime import UTC, datetime

from pydantic import TypeAdapter

from drivers.api import WeatherSeries
from drivers.errors import RefusedByDeviceError, TransientError
from drivers.prices.series import Row, read_json
from drivers.transports.http import HttpAnswer, HttpLink, HttpRequest
from drivers.weather.answers import MPS_PER_KMPH, Place, scaled
from drivers.weather.series import Sky, series_of

STEP_S = 900
_WIND = {"m/s": 1.0, "km/h": MPS_PER_KMPH}
_BAD_REQUEST = 400


class _Units(Row):
    temperature_2m: str
    shortwave_radiation: str
    wind_speed_10m: str


class _Quarters(Row):
    time: tuple[int | datetime, ...]
    temperature_2m: tuple[float | None, ...]
    shortwave_radiation: tuple[float | None, ...]
    wind_speed_10m: tuple[float | None, ...]


class _Answer(Row):
    utc_offset_seconds: int
    minutely_15_units: _Units
    minutely_15: _Quarters


class _Refusal(Row):
    reason: str


_ANSWER = TypeAdapter(_Answer)
_REFUSAL = TypeAdapter(_Refusal)


class OpenMeteo:
    """The `WeatherService`; with a key that of its customers."""

    name = "Open-Meteo"

    def __init__(self, link: HttpLink, place: Place, key: str | None = None) -> None:
        self._link = link
        self._place = place
        self._key = key

    async def ask(self, at: datetime) -> WeatherSeries:
        """The forecast of now. Raises a `DriverError`."""
        answer = await self._link.ask(self.request, at)
        return self.parse(_understood(answer).checked().body, at)

    @property
    def request(self) -> HttpRequest:
        """The question: yesterday too, so that the running hour is always there."""
        host = "api.open-meteo.com" if self._key is None else "customer-api.open-meteo.com"
        return HttpRequest(
            url=f"https://{host}/v1/forecast",
            params=(
                ("latitude", self._place.latitude),
                ("longitude", self._place.longitude),
                ("minutely_15", "temperature_2m,shortwave_radiation,wind_speed_10m"),
                ("wind_speed_unit", "ms"),
                ("timezone", "GMT"),
                ("timeformat", "unixtime"),
                ("forecast_days", "4"),
                ("past_days", "1"),
                *(() if self._key is None else (("apikey", self._key),)),
            ),
        )

    def parse(self, body: bytes, at: datetime) -> WeatherSeries:
        """The series in an answer."""
        answer = read_json(_ANSWER, body, self.name)
        told, units = answer.minutely_15, answer.minutely_15_units
        wind = _WIND.get(units.wind_speed_10m)
        if (units.temperature_2m, units.shortwave_radiation) != ("°C", "W/m²") or wind is None:
            raise TransientError(f"{self.name}: other units than °C, W/m² and m/s")
        if answer.utc_offset_seconds != 0:
            raise TransientError(f"{self.name}: times of another zone than GMT")
        instants = [_utc(moment, self.name) for moment in told.time]
        columns = (told.temperature_2m, told.shortwave_radiation, told.wind_speed_10m)
        if any(len(column) != len(instants) for column in columns):
            raise TransientError(f"{self.name}: columns of different lengths")
        winds = [scaled(value, wind) for value in told.wind_speed_10m]
        sky = Sky(
            outdoor_c=dict(zip(instants, told.temperature_2m, strict=True)),
            ghi_before_w_per_m2=dict(zip(instants, told.shortwave_radiation, strict=True)),
            wind_m_s=dict(zip(instants, winds, strict=True)),
        )
        return series_of(sky, step_s=STEP_S, issued_at=at, at=at, source=self.name)


def _utc(moment: int | datetime, source: str) -> datetime:
    """Seconds since 1970, or a stamp without offset, which is GMT here."""
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TransientError(f"{source}: {str(moment)[:40]} is no time") from error


def _understood(answer: HttpAnswer) -> HttpAnswer:
    """The answer, unless it says what is wrong with the question."""
    if answer.status != _BAD_REQUEST:
        return answer
    try:
        reason = read_json(_REFUSAL, answer.body, OpenMeteo.name).reason
    except TransientError:
        return answer
    raise RefusedByDeviceError(f"{OpenMeteo.name}: {reason[:200]}")
