"""True weather at the house: a trace of means, the sun's place, and irradiance on the windows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

GROUND_ALBEDO = 0.2  # grass and paving, ISO 13790
HIGHEST_BEAM_W_PER_M2 = 1050.0  # clear sky at sea level; near the horizon the quotient runs away
SAMPLES_PER_STEP = 12  # of the sun's height, to turn a mean on the horizontal into a beam
WALL_AZIMUTHS = tuple(math.radians(degrees) for degrees in (0.0, 90.0, 180.0, 270.0))  # N E S W
DEFAULT_HUMIDITY_FRAC = 0.85  # winter mean of maritime northern Europe, when the trace has none


@dataclass(frozen=True, slots=True)
class Sky:
    """Weather at one instant; irradiance on vertical planes facing north, east, south, west."""

    outdoor_c: float
    wind_m_per_s: float
    humidity_frac: float
    vertical_w_per_m2: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class SunPosition:
    """Where the sun stands; azimuth clockwise from north, both in radians."""

    elevation: float
    azimuth: float


def sun_position(at: datetime, *, latitude: float, longitude: float) -> SunPosition:
    """Sun's elevation and azimuth, good to a few tenths of a degree.

    Declination and equation of time as Fourier series of the fractional year, hour angle from
    true solar time: NOAA Global Monitoring Division, "General Solar Position Calculations".
    """
    utc = at.astimezone(UTC)
    hour = utc.hour + utc.minute / 60.0 + utc.second / 3600.0
    year = 2.0 * math.pi / 365.0 * (utc.timetuple().tm_yday - 1 + (hour - 12.0) / 24.0)
    c1, s1 = math.cos(year), math.sin(year)
    c2, s2 = math.cos(2.0 * year), math.sin(2.0 * year)
    c3, s3 = math.cos(3.0 * year), math.sin(3.0 * year)
    equation_min = 229.18 * (
        0.000075 + 0.001868 * c1 - 0.032077 * s1 - 0.014615 * c2 - 0.040849 * s2
    )
    declination = (
        0.006918 - 0.399912 * c1 + 0.070257 * s1 - 0.006758 * c2 + 0.000907 * s2
        - 0.002697 * c3 + 0.00148 * s3
    )  # fmt: skip
    solar_min = hour * 60.0 + equation_min + 4.0 * longitude
    hour_angle = math.radians(solar_min / 4.0 - 180.0)
    phi = math.radians(latitude)
    up = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(
        hour_angle
    )
    east = -math.cos(declination) * math.sin(hour_angle)
    north = math.cos(phi) * math.sin(declination) - math.sin(phi) * math.cos(
        declination
    ) * math.cos(hour_angle)
    return SunPosition(
        elevation=math.asin(max(-1.0, min(1.0, up))),
        azimuth=math.atan2(east, north) % (2.0 * math.pi),
    )


@dataclass(frozen=True, kw_only=True)
class WeatherTrace:
    """What the weather really does. Entry i is the mean over the step that starts at
    `starts_at + i * step_s`; irradiances are on the horizontal; the time zone is the people's.
    """

    starts_at: datetime
    step_s: int
    outdoor_c: Sequence[float]
    direct_horizontal_w_per_m2: Sequence[float]
    diffuse_horizontal_w_per_m2: Sequence[float]
    wind_m_per_s: Sequence[float]
    relative_humidity_frac: Sequence[float] | None = None
    latitude: float = 56.15
    longitude: float = 10.2
    timezone: str = "Europe/Copenhagen"
    _beams: dict[int, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None:
            raise ValueError("the weather trace starts at a naive time; give it an offset")
        series = [
            self.outdoor_c,
            self.direct_horizontal_w_per_m2,
            self.diffuse_horizontal_w_per_m2,
            self.wind_m_per_s,
        ]
        if self.relative_humidity_frac is not None:
            series.append(self.relative_humidity_frac)
        if not self.outdoor_c or any(len(one) != len(self.outdoor_c) for one in series):
            raise ValueError("the series of the weather trace are empty or differ in length")

    @property
    def ends_at(self) -> datetime:
        """End of the last step."""
        return self.starts_at + timedelta(seconds=self.step_s * len(self.outdoor_c))

    def sky(self, at: datetime) -> Sky:
        """The weather at an instant of the trace; raises ValueError outside it."""
        offset_s = (at - self.starts_at).total_seconds()
        index = int(offset_s // self.step_s)
        if offset_s < 0 or index >= len(self.outdoor_c):
            raise ValueError(
                f"no weather at {at.isoformat()}: the trace covers "
                f"{self.starts_at.isoformat()} to {self.ends_at.isoformat()}"
            )
        direct = self.direct_horizontal_w_per_m2[index]
        diffuse = self.diffuse_horizontal_w_per_m2[index]
        humidity = self.relative_humidity_frac
        vertical = self._vertical(at, index) if direct + diffuse > 0.0 else (0.0, 0.0, 0.0, 0.0)
        return Sky(
            outdoor_c=self._outdoor(offset_s),
            wind_m_per_s=self.wind_m_per_s[index],
            humidity_frac=DEFAULT_HUMIDITY_FRAC if humidity is None else humidity[index],
            vertical_w_per_m2=vertical,
        )

    def _outdoor(self, offset_s: float) -> float:
        """Linear between the centres of the steps; the ends are held."""
        place = offset_s / self.step_s - 0.5
        low = min(max(math.floor(place), 0), len(self.outdoor_c) - 1)
        high = min(low + 1, len(self.outdoor_c) - 1)
        share = min(max(place - low, 0.0), 1.0)
        return self.outdoor_c[low] * (1.0 - share) + self.outdoor_c[high] * share

    def _vertical(self, at: datetime, index: int) -> tuple[float, float, float, float]:
        """Beam by angle of incidence, isotropic diffuse, reflection from the ground."""
        direct = self.direct_horizontal_w_per_m2[index]
        diffuse = self.diffuse_horizontal_w_per_m2[index]
        even = 0.5 * diffuse + 0.5 * GROUND_ALBEDO * (direct + diffuse)
        sun = sun_position(at, latitude=self.latitude, longitude=self.longitude)
        flat = self._beam(index) * math.cos(sun.elevation) if sun.elevation > 0.0 else 0.0
        north, east, south, west = (
            even + max(0.0, flat * math.cos(sun.azimuth - wall)) for wall in WALL_AZIMUTHS
        )
        return (north, east, south, west)

    def _beam(self, index: int) -> float:
        """Beam on a plane facing the sun, so that its mean on the horizontal is the trace's."""
        known = self._beams.get(index)
        if known is not None:
            return known
        heights = 0.0
        for sample in range(SAMPLES_PER_STEP):
            at = self.starts_at + timedelta(
                seconds=self.step_s * (index + (sample + 0.5) / SAMPLES_PER_STEP)
            )
            sun = sun_position(at, latitude=self.latitude, longitude=self.longitude)
            heights += max(0.0, math.sin(sun.elevation))
        mean_height = heights / SAMPLES_PER_STEP
        direct = self.direct_horizontal_w_per_m2[index]
        beam = min(direct / mean_height, HIGHEST_BEAM_W_PER_M2) if mean_height > 0.0 else 0.0
        self._beams[index] = beam
        return beam


def plain_winter(starts_at: datetime, *, days: int, mean_c: float = 1.0) -> WeatherTrace:
    """Invented weather for trying things out: days between -3 and +5 °C, warm and cold spells,
    a weak sun at noon, wind that comes and goes."""
    hours = range(days * 24)
    begin = starts_at.replace(minute=0, second=0, microsecond=0)
    first = begin.astimezone(UTC).hour
    sun = [max(0.0, math.cos((first + hour + 0.5 - 11.5) * math.pi / 9.0)) for hour in hours]
    sun = [
        height if 7 <= (first + hour) % 24 < 16 else 0.0
        for hour, height in zip(hours, sun, strict=True)
    ]
    return WeatherTrace(
        starts_at=begin,
        step_s=3600,
        outdoor_c=[
            mean_c
            + 2.0 * math.cos((first + hour - 14.0) * math.pi / 12.0)
            + 3.0 * math.sin(hour * 2.0 * math.pi / 137.0)
            for hour in hours
        ],
        direct_horizontal_w_per_m2=[70.0 * height for height in sun],
        diffuse_horizontal_w_per_m2=[80.0 * height for height in sun],
        wind_m_per_s=[4.0 + 2.0 * math.sin(hour * 2.0 * math.pi / 53.0) for hour in hours],
        relative_humidity_frac=[0.86 + 0.08 * math.sin(hour * 0.11) for hour in hours],
    )
