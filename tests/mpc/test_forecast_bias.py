"""The outdoor forecast corrected by the house's own sensor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.forecast_bias import LASTS_S, MOST_K, ForecastBias

HOUR = 3600.0


def watched(errors_k: list[float], span_s: float = 900.0) -> ForecastBias:
    bias = ForecastBias()
    for error_k in errors_k:
        bias = bias.seen(5.0 + error_k, 5.0, span_s)
    return bias


def test_before_any_look_nothing_is_corrected() -> None:
    assert ForecastBias().corrected([1.0, 2.0], lead_s=0.0, step_s=HOUR) == (1.0, 2.0)


def test_a_difference_that_stays_is_corrected_at_every_lead() -> None:
    bias = watched([1.5] * 96 * 14)
    assert bias.correction_k(0.0) == pytest.approx(1.5)
    assert bias.correction_k(48 * HOUR) == pytest.approx(1.5, rel=0.25)


def test_the_difference_of_the_hour_fades_with_the_lead() -> None:
    bias = watched([0.0] * 96 * 7 + [2.0] * 16)
    near, far = bias.correction_k(HOUR), bias.correction_k(48 * HOUR)
    assert near > 1.5
    assert abs(far) < 0.15
    assert bias.correction_k(LASTS_S) < bias.correction_k(HOUR)


def test_one_day_of_watching_is_not_yet_believed_to_last() -> None:
    assert watched([2.0] * 96).correction_k(48 * HOUR) < 0.8


def test_a_sensor_in_the_sun_cannot_pull_far() -> None:
    assert watched([30.0] * 96).correction_k(0.0) <= MOST_K


def test_after_a_gap_the_old_difference_says_nothing() -> None:
    bias = watched([3.0] * 96).seen(4.0, 5.0, 5 * HOUR)
    assert bias.now_k == pytest.approx(-1.0)


@given(st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=60), st.floats(0.0, 200 * HOUR))
def test_a_correction_lies_within_what_was_seen(errors_k: list[float], lead_s: float) -> None:
    cut = [*np.clip(errors_k, -MOST_K, MOST_K), 0.0]
    found = watched(errors_k).correction_k(lead_s)
    assert min(cut) - 1e-9 <= found <= max(cut) + 1e-9


def test_errors_like_those_of_real_forecasts_become_smaller() -> None:
    rng = np.random.default_rng(4)
    error = np.zeros(24 * 30)
    for hour in range(1, len(error)):
        error[hour] = 0.9 * error[hour - 1] + rng.normal(0.0, 0.4)
    sensor_k = error + 0.6
    bias, left_k, raw_k = ForecastBias(), [], []
    for hour in range(len(error) - 6):
        bias = bias.seen(5.0 + sensor_k[hour], 5.0, HOUR)
        if hour > 24 * 7:
            left_k.append(sensor_k[hour + 6] - bias.correction_k(6 * HOUR))
            raw_k.append(sensor_k[hour + 6])
    assert np.std(left_k) < np.std(raw_k)
    assert np.mean(np.square(left_k)) < 0.7 * np.mean(np.square(raw_k))
