"""Temperature that the heat pump draws from over a horizon."""

import numpy as np
from numpy.typing import ArrayLike

from mpc.arrays import FloatArray
from mpc.heat_pump import BRINE_BELOW_GROUND_K, source_for
from mpc.plan import PlanRequest

WEEK_S = 7 * 86400.0


def planned_source_c(request: PlanRequest) -> FloatArray:
    """Source temperature of every step: as the horizon knows it, else by the weather."""
    horizon = request.horizon
    return source_for(request.heat_pump, horizon.outdoor_c, horizon.source_c or None)


def brine_for(
    outdoor_c: ArrayLike,
    *,
    step_s: float,
    past_week_c: float | None = None,
    measured_c: float | None = None,
) -> FloatArray:
    """Brine inlet of each step: the ground follows the mean outdoors of the week before the step.

    The mean is floored at 0 °C and the brine is BRINE_BELOW_GROUND_K colder, both as in iPower
    WP5.5. `past_week_c` is the mean outdoors of the week before the horizon; None takes that of the
    horizon. A brine temperature measured now moves the whole course up or down: what sets one loop
    apart from another changes over months (assumption).
    """
    outdoor = np.asarray(outdoor_c, dtype=np.float64)
    before_c = float(outdoor.mean()) if past_week_c is None else past_week_c
    week = max(round(WEEK_S / step_s), 1)
    summed = np.concatenate([[0.0], np.cumsum(np.concatenate([np.full(week, before_c), outdoor]))])
    week_c = (summed[week:-1] - summed[: len(outdoor)]) / week
    brine_c: FloatArray = np.maximum(week_c, 0.0) - BRINE_BELOW_GROUND_K
    return brine_c if measured_c is None else brine_c + (measured_c - brine_c[0])
