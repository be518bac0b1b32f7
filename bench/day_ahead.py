"""Predictions of the room a day ahead against what it became: is there an offset?

A prediction starts from what the controller believed at an instant and goes on with the heat, the
weather and the sun of its own records, so that only the house model and the estimate can be wrong.
The truth is the plant's; the constant offset of its sensor, which nobody can know, is put on it.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.estimate import delivered_heat_w
from controller.model import HouseModel
from controller.records import StepRecord
from drivers.api import Signal
from hil.house import load_house
from hil.occupants import Occupancy
from hil.simulated_house import Truth
from mpc import estimator
from mpc.plan import Estimate

AHEAD = timedelta(hours=24)
EVERY = timedelta(hours=2)


class Extra:
    """People, and beside them a heat that nobody knows of, equal in both zones."""

    def __init__(self, people: Occupancy, extra_w: float) -> None:
        self._people = people
        self._half_w = extra_w / 2.0

    def gains_w(self, at: datetime, /) -> tuple[float, float]:
        """Heat into living and sleeping zone."""
        living_w, sleeping_w = self._people.gains_w(at)
        return living_w + self._half_w, sleeping_w + self._half_w

    def draw_l_per_min(self, at: datetime, /) -> float:
        """As the people do."""
        return self._people.draw_l_per_min(at)

    def airing_per_h(self, at: datetime, /) -> tuple[float, float]:
        """As the people do."""
        return self._people.airing_per_h(at)


@dataclass(frozen=True, slots=True)
class Offset:
    """True room minus its prediction of a day before."""

    count: int
    mean_k: float
    rms_k: float


def day_ahead_offset(
    records: Sequence[StepRecord],
    truths: Sequence[Truth],
    *,
    model: HouseModel,
    house: str,
    days: tuple[int, int] = (4, 7),
) -> Offset:
    """Over predictions for these days of the records, the first being day 1.

    Raises ValueError where the records do not reach so far.
    """
    first_at = records[0].at + timedelta(days=days[0] - 1)
    last_at = records[0].at + timedelta(days=days[1])
    sensor_k = load_house(house).truth.sensors.room_offset_k
    true_at = [truth.at for truth in truths]
    errors_k, start_at = [], first_at - AHEAD
    while start_at + AHEAD < last_at:
        index = bisect_left(records, start_at, key=lambda r: r.at)
        found = _ahead(records, index, model)
        if found is not None:
            true = truths[min(bisect_left(true_at, found.at), len(truths) - 1)]
            errors_k.append(true.zone_c[0] + sensor_k - found.state_c[0])
        start_at += EVERY
    if not errors_k:
        raise ValueError(f"no prediction for days {days[0]} to {days[1]}")
    rms_k = math.sqrt(statistics.fmean(error**2 for error in errors_k))
    return Offset(len(errors_k), statistics.fmean(errors_k), rms_k)


def _ahead(records: Sequence[StepRecord], index: int, model: HouseModel) -> Estimate | None:
    """The belief of a record carried on for a day; None where the records end before."""
    if index >= len(records):
        return None
    estimate = records[index].belief.estimate
    until = records[index].at + AHEAD
    for now, then in zip(records[index:], records[index + 1 :], strict=False):
        outdoor_c = now.snapshot.value(Signal.OUTDOOR_C)
        estimate = estimator.predict(
            estimate,
            model.building,
            until=then.at,
            heat_w=delivered_heat_w(now.snapshot, model) or 0.0,
            outdoor_c=(then.outdoor_forecast_c or 0.0) if outdoor_c is None else outdoor_c,
            ghi_w_per_m2=then.ghi_w_per_m2,
        )
        if then.at >= until:
            return estimate
    return None
