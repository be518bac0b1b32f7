"""What the sky brings to this house: sun through windows, weather nobody tells any more. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from controller.config_house import House
from drivers.api import WeatherSeries
from mpc.sun import Apertures, through_windows

DAY = timedelta(days=1)

Sun = Callable[[Sequence[datetime], Sequence[float]], Sequence[float]]
"""From middles of steps and global horizontal irradiance to that on the model's one aperture."""


def as_told(_: Sequence[datetime], ghi_w_per_m2: Sequence[float]) -> Sequence[float]:
    """The sun on a house whose windows nobody has described."""
    return ghi_w_per_m2


def sun_of(house: House) -> Sun:
    """How the sun reaches the rooms of this house.

    The model knows one aperture. It is the sum of the windows' on day one, and stays that here when
    a learned house has another: what the records hold must not change its meaning.
    """
    windows, place = house.windows, house.place
    if windows is None or place is None:
        return as_told
    latitude_deg, longitude_deg = place
    aperture_m2, share = windows.aperture_m2, windows.effective_frac
    apertures = Apertures(
        north_m2=share * windows.north_m2,
        east_m2=share * windows.east_m2,
        south_m2=share * windows.south_m2,
        west_m2=share * windows.west_m2,
        roof_m2=share * windows.roof_m2,
    )

    def on_windows(middles: Sequence[datetime], ghi_w_per_m2: Sequence[float]) -> Sequence[float]:
        found: list[float] = through_windows(
            apertures,
            aperture_m2,
            at=middles,
            ghi_w_per_m2=ghi_w_per_m2,
            latitude_deg=latitude_deg,
            longitude_deg=longitude_deg,
        ).tolist()
        return found

    return on_windows


def middles_of(series: WeatherSeries) -> list[datetime]:
    """The middle of every step."""
    step = timedelta(seconds=series.step_s)
    return [series.starts_at + step * (k + 0.5) for k in range(len(series.outdoor_c))]


def ended_at(series: WeatherSeries) -> datetime:
    """The end of the last step."""
    return series.starts_at + timedelta(seconds=series.step_s) * len(series.outdoor_c)


def in_force(series: WeatherSeries, at: datetime, sensor_c: float | None) -> WeatherSeries:
    """The forecast while it lasts; then a day made from it, for as long as nobody tells better.

    Temperatures follow the course of its last day, at the level of the house's own sensor: tomorrow
    is most often as warm as today. Sun and wind are the means of all its days at that time of day;
    a forecast of less than a day tells nothing of the sun.
    """
    ended = ended_at(series)
    if at < ended:
        return series
    steps = int(DAY.total_seconds()) // series.step_s
    day_c = _mean_day(series.outdoor_c[-steps:], steps)
    starts_at = ended + DAY * ((at - ended) // DAY)
    now_c = day_c[int((at - starts_at).total_seconds()) // series.step_s]
    rise_k = 0.0 if sensor_c is None else sensor_c - now_c
    wind, dark = series.wind_m_s, len(series.ghi_w_per_m2) < steps
    return replace(
        series,
        starts_at=starts_at,
        outdoor_c=tuple(value + rise_k for value in day_c),
        ghi_w_per_m2=(0.0,) * steps if dark else _mean_day(series.ghi_w_per_m2, steps),
        wind_m_s=None if wind is None else _mean_day(wind, steps),
    )


def _mean_day(values: Sequence[float], steps: int) -> tuple[float, ...]:
    """The mean of whole days before the end; of less than one the mean of all, all day long."""
    days = len(values) // steps
    if days == 0:
        return (float(np.mean(values)),) * steps
    whole = np.array(values[-days * steps :], dtype=np.float64).reshape(days, steps)
    found: list[float] = whole.mean(axis=0).tolist()
    return tuple(found)
