"""Forecasts of Deutscher Wetterdienst as JSON from Bright Sky: hours, Germany and around."""

from datetime import datetime, timedelta

from pydantic import TypeAdapter

from drivers.api import WeatherSeries
from drivers.prices.series import Row, read_json
from drivers.transports.http import HttpLink, HttpRequest
from drivers.weather.answers import MPS_PER_KMPH, Place, aware, scaled
from drivers.weather.series import Sky, SunUnderClouds, series_of

STEP_S = 3600
W_PER_KWH_PER_H = 1000.0


class _Row(Row):
    timestamp: datetime
    temperature: float | None = None
    solar: float | None = None  # kWh/m2 in the hour before
    wind_speed: float | None = None  # km/h
    cloud_cover: float | None = None  # %


class _Answer(Row):
    weather: tuple[_Row, ...]


_ANSWER = TypeAdapter(_Answer)


class BrightSky:
    """The `WeatherService`; where its station tells no sunshine, `sun` makes it from clouds."""

    name = "Bright Sky"

    def __init__(self, link: HttpLink, place: Place, *, sun: SunUnderClouds) -> None:
        self._link = link
        self._place = place
        self._sun = sun

    async def ask(self, at: datetime) -> WeatherSeries:
        """The forecast of now. Raises a `DriverError`."""
        answer = await self._link.ask(self.request(at), at)
        return self.parse(answer.checked().body, at)

    def request(self, at: datetime) -> HttpRequest:
        """The question: from an hour ago to the fourth day."""
        hour = at.replace(minute=0, second=0, microsecond=0)
        return HttpRequest(
            url="https://api.brightsky.dev/weather",
            params=(
                ("lat", self._place.latitude),
                ("lon", self._place.longitude),
                ("date", _stamp(hour - timedelta(hours=1))),
                ("last_date", _stamp(hour + timedelta(days=4))),
                ("tz", "Etc/UTC"),
                ("units", "dwd"),
            ),
        )

    def parse(self, body: bytes, at: datetime) -> WeatherSeries:
        """The series in an answer."""
        rows = read_json(_ANSWER, body, self.name).weather
        told = [(aware(row.timestamp, self.name), row) for row in rows]
        sky = Sky(
            outdoor_c={moment: row.temperature for moment, row in told},
            ghi_before_w_per_m2={
                moment: scaled(row.solar, W_PER_KWH_PER_H) for moment, row in told
            },
            wind_m_s={moment: scaled(row.wind_speed, MPS_PER_KMPH) for moment, row in told},
            cloud_frac={moment: scaled(row.cloud_cover, 0.01) for moment, row in told},
        )
        return series_of(sky, step_s=STEP_S, issued_at=at, at=at, source=self.name, sun=self._sun)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M}+00:00"
