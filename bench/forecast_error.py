"""How wrong weather forecasts are: statistics of archived forecasts for De Bilt, winter 2024/25.

The file holds, for each hour, the value of the latest model run (day 0) and the values forecast one
to five days before. Errors are against day 0, which is a model's answer and no thermometer.
`python -m bench.forecast_error` prints what `measure` finds.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from bench.sky import Array
from bench.zones import read_columns

FILE_NAME = "forecast_NL_de_bilt.csv.gz"
DAYS = 5
DAYLIGHT_W_PER_M2 = 50.0  # relative errors of dusk say nothing about heating a room


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastErrorStatistics:
    """Spread and memory of forecast errors, the mean error taken out.

    Index i of `outdoor_std_k` is a lead of i days; the first is extended on the line through the
    next two, because day 0 is the reference and has no error of its own. Irradiance errors are
    ratios forecast/actual, described by their logarithm.
    """

    outdoor_std_k: tuple[float, ...]
    outdoor_hour_to_hour: float  # correlation of the errors of neighbouring hours, one forecast
    outdoor_issue_to_issue: float  # correlation of the errors of two forecasts of the same hour
    irradiance_log_std: float
    irradiance_hour_to_hour: float
    irradiance_issue_to_issue: float


DE_BILT = ForecastErrorStatistics(
    outdoor_std_k=(0.62, 0.94, 1.26, 1.54, 1.74, 2.03),
    outdoor_hour_to_hour=0.90,
    outdoor_issue_to_issue=0.65,
    irradiance_log_std=0.45,
    irradiance_hour_to_hour=0.70,
    irradiance_issue_to_issue=0.72,
)
"""What `measure` finds, written down so that simulations need not read the file; tested."""


def measure() -> ForecastErrorStatistics:
    """Measure the statistics from the shipped forecasts.

    The memory from hour to hour is taken from days 2 to 5: the column of day 1 is stitched from
    several runs, and the seams would count as forgetting. The correlation between issues is the
    mean over neighbouring days.
    """
    _, columns = read_columns(FILE_NAME)
    values = {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    actual_c = values["outdoor_c_day0"]
    outdoor_k = [values[f"outdoor_c_day{day}"] - actual_c for day in range(1, DAYS + 1)]
    ratio = [
        _log_ratio(values[f"ghi_w_per_m2_day{day}"], values["ghi_w_per_m2_day0"])
        for day in range(1, DAYS + 1)
    ]
    std_k = [float(np.std(error)) for error in outdoor_k]
    return ForecastErrorStatistics(
        outdoor_std_k=(2.0 * std_k[0] - std_k[1], *std_k),
        outdoor_hour_to_hour=_hour_to_hour(outdoor_k),
        outdoor_issue_to_issue=_issue_to_issue(outdoor_k),
        irradiance_log_std=float(np.mean([np.nanstd(error) for error in ratio[:3]])),
        irradiance_hour_to_hour=_hour_to_hour(ratio),
        irradiance_issue_to_issue=_issue_to_issue(ratio),
    )


def _log_ratio(forecast: Array, actual: Array) -> Array:
    """Logarithm of forecast/actual by day, NaN otherwise."""
    light = (actual >= DAYLIGHT_W_PER_M2) & (forecast >= DAYLIGHT_W_PER_M2 / 5.0)
    ratio = np.where(light, forecast, 1.0) / np.where(light, actual, 1.0)
    return np.where(light, np.log(ratio), np.nan)


def _hour_to_hour(errors_by_day: list[Array]) -> float:
    return float(np.mean([_correlation(error[:-1], error[1:]) for error in errors_by_day[1:]]))


def _issue_to_issue(errors_by_day: list[Array]) -> float:
    pairs = pairwise(errors_by_day)
    return float(np.mean([_correlation(later, earlier) for later, earlier in pairs]))


def _correlation(left: Array, right: Array) -> float:
    known = ~(np.isnan(left) | np.isnan(right))
    return float(np.corrcoef(left[known], right[known])[0, 1])


if __name__ == "__main__":
    for label, value in asdict(measure()).items():
        print(label, np.round(value, 3))
