"""What wind does to a house."""

import numpy as np
from numpy.typing import ArrayLike

from mpc.arrays import FloatArray
from mpc.building import Building


def wind_gain_w(
    building: Building, *, wind_m_s: ArrayLike, outdoor_c: ArrayLike, target_c: ArrayLike
) -> FloatArray:
    """What wind takes from (< 0) or spares the air, beside the infiltration at usual wind.

    Infiltration grows with the wind and with what room and outdoors differ; the product is made
    linear at `target_c`, the room as it is or is wanted, so that it enters as a gain and the model
    keeps its form.
    """
    over_m_s = np.asarray(wind_m_s, dtype=np.float64) - building.usual_wind_m_s
    apart_k = np.asarray(target_c, dtype=np.float64) - np.asarray(outdoor_c, dtype=np.float64)
    return np.asarray(-building.wind_w_per_k_per_m_s * over_m_s * apart_k, dtype=np.float64)
