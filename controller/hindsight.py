"""What a weather service told of hours that had passed: the last word on them. Pure.

Services answer with the day before, too, measured by then or analysed from measurements. What is
learned of the past may know it; no plan and no record of its time does.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from drivers.api import WeatherSeries
from mpc.arrays import FloatArray
from mpc.house_data import HouseData


def told_afterwards(data: HouseData, issued: Iterable[WeatherSeries]) -> HouseData:
    """The data with the sun of the steps that had ended when they were last told of.

    `issued` in any order; steps of which nothing was told afterwards keep what is recorded.
    """
    ghi_w_per_m2 = data.ghi_w_per_m2.copy()
    for series in sorted(issued, key=lambda one: one.issued_at):
        _overwrite(ghi_w_per_m2, data, series)
    return replace(data, ghi_w_per_m2=ghi_w_per_m2)


def _overwrite(ghi_w_per_m2: FloatArray, data: HouseData, series: WeatherSeries) -> None:
    passed_s = (series.issued_at - series.starts_at).total_seconds()
    passed = min(math.floor(passed_s / series.step_s), len(series.ghi_w_per_m2))
    if passed < 1:
        return
    first_s = (data.starts_at - series.starts_at).total_seconds()
    middles_s = first_s + data.step_s * (np.arange(len(data)) + 0.5)
    entry = np.floor(middles_s / series.step_s).astype(np.int64)
    told = (entry >= 0) & (entry < passed)
    ghi_w_per_m2[told] = np.array(series.ghi_w_per_m2)[entry[told]]
