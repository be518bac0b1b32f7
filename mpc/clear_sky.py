"""Irradiance where a forecast tells clouds only."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike

from mpc.arrays import FloatArray
from mpc.sun import SunPosition, sun_position

QUARTERS = 4
"""Looks at the sun within a step: an hour at sunrise is partly night."""


def clear_ghi_w_per_m2(sun: SunPosition) -> FloatArray:
    """Global horizontal irradiance of a cloudless sky, 1098 s exp(-0.059 / s), s the sun's sine.

    Haurwitz, Insolation in relation to cloud type, Journal of Meteorology 3 (1946) 123, with the
    exponent of Reno, Hansen, Stein, SAND2012-2389 (2012).
    """
    sine = np.sin(np.radians(sun.elevation_deg))
    up = np.maximum(sine, 1e-3)
    return np.asarray(np.where(sine > 0.0, 1098.0 * up * np.exp(-0.059 / up), 0.0))


def ghi_under_clouds_w_per_m2(
    starts: Sequence[datetime],
    step_s: float,
    cloud_frac: ArrayLike,
    *,
    latitude_deg: float,
    longitude_deg: float,
) -> FloatArray:
    """Mean irradiance of each step from its start on: clear sky times 1 - 0.75 N**3.4.

    N is the share of the sky in cloud. Kasten, Czeplak, Solar and terrestrial radiation dependent
    on the amount and type of cloud, Solar Energy 24 (1980) 177: means over many skies, single
    hours lie a third off.
    """
    offsets = [timedelta(seconds=step_s * (k + 0.5) / QUARTERS) for k in range(QUARTERS)]
    looks = [start + offset for start in starts for offset in offsets]
    sun = sun_position(looks, latitude_deg=latitude_deg, longitude_deg=longitude_deg)
    clear = clear_ghi_w_per_m2(sun).reshape(len(starts), QUARTERS).mean(axis=1)
    clouds = np.clip(np.asarray(cloud_frac, dtype=np.float64), 0.0, 1.0)
    return np.asarray(clear * (1.0 - 0.75 * clouds**3.4), dtype=np.float64)
