"""Where the sun stands, and what falls on the windows of each side of a house."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import ArrayLike

from mpc.arrays import FloatArray

SOLAR_CONSTANT_W_PER_M2 = 1361.0
ALBEDO_FRAC = 0.2  # of grass and soil, the usual value
SIDES_AZIMUTH_DEG = np.array([0.0, 90.0, 180.0, 270.0])  # north, east, south, west
LEAST_SINE = np.sin(
    np.radians(3.0)
)  # a lower sun is behind something, and 1/sine is no longer sure
_NOON_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apertures:
    """Effective window area by side in m2: glass area times g-value, frames, dirt and shading."""

    north_m2: float = 0.0
    east_m2: float = 0.0
    south_m2: float = 0.0
    west_m2: float = 0.0
    roof_m2: float = 0.0  # roof windows, taken as horizontal


@dataclass(frozen=True, slots=True)
class SunPosition:
    """Direction of the sun in degrees; azimuth from north over east. No refraction."""

    elevation_deg: FloatArray
    azimuth_deg: FloatArray


def sun_position(
    at: Sequence[datetime], *, latitude_deg: float, longitude_deg: float
) -> SunPosition:
    """The sun at these aware instants (the middles of steps), within 0.02 degrees until 2050.

    Michalsky, The Astronomical Almanac's algorithm for approximate solar position, Solar Energy 40
    (1988) 227.
    """
    days = np.array([(moment - _NOON_J2000).total_seconds() / 86400.0 for moment in at])
    mean_longitude = np.radians((280.460 + 0.9856474 * days) % 360.0)
    anomaly = np.radians((357.528 + 0.9856003 * days) % 360.0)
    ecliptic = mean_longitude + np.radians(1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    obliquity = np.radians(23.439 - 0.0000004 * days)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    # Greenwich mean sidereal time: the almanac's hours, with the time of day folded into the days.
    sidereal_h = (18.697375 + 24.065709824279 * days) % 24.0
    hour = np.radians(sidereal_h * 15.0 + longitude_deg) - ascension
    latitude = np.radians(latitude_deg)
    elevation = np.arcsin(
        np.sin(latitude) * np.sin(declination)
        + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    )
    azimuth = np.arctan2(
        -np.cos(declination) * np.sin(hour),
        np.sin(declination) * np.cos(latitude)
        - np.cos(declination) * np.sin(latitude) * np.cos(hour),
    )
    return SunPosition(np.degrees(elevation), np.degrees(azimuth) % 360.0)


def diffuse_w_per_m2(ghi_w_per_m2: ArrayLike, sun: SunPosition) -> FloatArray:
    """Diffuse horizontal irradiance where only the global one is known.

    Erbs, Klein, Duffie, Estimation of the diffuse radiation fraction, Solar Energy 28 (1982) 293;
    the distance to the sun is taken as its mean (error up to 3 %).
    """
    ghi = np.asarray(ghi_w_per_m2, dtype=np.float64)
    sine = np.sin(np.radians(sun.elevation_deg))
    clear_w_per_m2 = SOLAR_CONSTANT_W_PER_M2 * np.maximum(sine, LEAST_SINE)
    k = np.clip(ghi / clear_w_per_m2, 0.0, 1.0)
    middle = 0.9511 - 0.1604 * k + 4.388 * k**2 - 16.638 * k**3 + 12.336 * k**4
    share = np.where(k <= 0.22, 1.0 - 0.09 * k, np.where(k <= 0.80, middle, 0.165))
    return np.asarray(np.where(sine > LEAST_SINE, share, 1.0) * ghi, dtype=np.float64)


def on_sides(
    *, ghi_w_per_m2: ArrayLike, diffuse_w_per_m2: ArrayLike, sun: SunPosition
) -> FloatArray:
    """Irradiance on walls facing north, east, south and west (4 x steps).

    Beam from the sun's direction, half of an isotropic sky, and half of what the ground reflects. A
    sun below 3 degrees gives no beam; the beam never exceeds the solar constant.
    """
    ghi = np.maximum(np.asarray(ghi_w_per_m2, dtype=np.float64), 0.0)
    diffuse = np.clip(diffuse_w_per_m2, 0.0, ghi)
    sine = np.sin(np.radians(sun.elevation_deg))
    beam = np.where(sine > LEAST_SINE, (ghi - diffuse) / np.maximum(sine, LEAST_SINE), 0.0)
    flat = np.minimum(beam, SOLAR_CONSTANT_W_PER_M2) * np.cos(np.radians(sun.elevation_deg))
    turned = np.cos(np.radians(sun.azimuth_deg[None, :] - SIDES_AZIMUTH_DEG[:, None]))
    around = 0.5 * diffuse + 0.5 * ALBEDO_FRAC * ghi
    return np.asarray(np.maximum(turned, 0.0) * flat + around, dtype=np.float64)


def effective_w_per_m2(
    apertures: Apertures,
    solar_aperture_m2: float,
    *,
    ghi_w_per_m2: ArrayLike,
    sides_w_per_m2: FloatArray,
) -> FloatArray:
    """The irradiance that, on the building's one aperture, brings what all windows bring together.

    It takes the place of the global horizontal irradiance in everything that follows, as the house
    model only knows `Building.solar_aperture_m2`; ValueError if that is 0.
    """
    if solar_aperture_m2 <= 0.0:
        raise ValueError("windows by side need a solar_aperture_m2 to be expressed in")
    areas = np.array([apertures.north_m2, apertures.east_m2, apertures.south_m2, apertures.west_m2])
    ghi = np.asarray(ghi_w_per_m2, dtype=np.float64)
    entering_w = areas @ sides_w_per_m2 + apertures.roof_m2 * ghi
    return np.asarray(entering_w / solar_aperture_m2, dtype=np.float64)


def through_windows(
    apertures: Apertures,
    solar_aperture_m2: float,
    *,
    at: Sequence[datetime],
    ghi_w_per_m2: ArrayLike,
    latitude_deg: float,
    longitude_deg: float,
) -> FloatArray:
    """`effective_w_per_m2` of a forecast that knows the global horizontal irradiance only.

    `at` are the middles of the forecast's steps.
    """
    sun = sun_position(at, latitude_deg=latitude_deg, longitude_deg=longitude_deg)
    diffuse = diffuse_w_per_m2(ghi_w_per_m2, sun)
    sides = on_sides(ghi_w_per_m2=ghi_w_per_m2, diffuse_w_per_m2=diffuse, sun=sun)
    return effective_w_per_m2(
        apertures, solar_aperture_m2, ghi_w_per_m2=ghi_w_per_m2, sides_w_per_m2=sides
    )
