"""Eight of ten errors lie within the band, whatever their distribution is."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.error_band import BEYOND_FRAC, LEAST_STDS, MEMORY_DAYS, MOST_STDS, NORMAL_STDS, ErrorBand

USUAL = 1.0
Draw = Callable[[np.random.Generator], np.ndarray]


def watched(errors: np.ndarray, days: float = 0.125) -> ErrorBand:
    band = ErrorBand()
    for error in errors:
        band = band.seen([float(error)], usual_std=USUAL, days=days)
    return band


def test_before_any_error_the_usual_spread_holds() -> None:
    assert ErrorBand().quantiles(2.0) == pytest.approx((-2.0 * NORMAL_STDS, 2.0 * NORMAL_STDS))


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng: rng.normal(0.0, 0.4, 4000), id="normal"),
        pytest.param(lambda rng: rng.exponential(0.5, 4000), id="one-sided"),
        pytest.param(lambda rng: rng.standard_t(3.0, 4000), id="heavy tails"),
        pytest.param(lambda rng: 0.3 + rng.normal(0.0, 0.4, 4000), id="off centre"),
    ],
)
def test_one_error_in_ten_lies_beyond_either_side(draw: Draw) -> None:
    errors = draw(np.random.default_rng(1))
    band, above, below = ErrorBand(), 0, 0
    for error in errors:
        low, high = band.quantiles(USUAL)
        above, below = above + (error > high), below + (error < low)
        band = band.seen([float(error)], usual_std=USUAL, days=0.125)
    assert above / len(errors) == pytest.approx(BEYOND_FRAC, abs=0.02)
    if errors.min() < 0.0:  # q has a least value: errors of one sign need no band on the other
        assert below / len(errors) == pytest.approx(BEYOND_FRAC, abs=0.02)


def test_a_spread_that_grows_is_followed_and_the_prior_fades() -> None:
    calm = watched(np.full(8 * 60, 0.1))
    assert calm.std(USUAL) < 0.5 * USUAL
    rough = calm
    for _ in range(8 * 60):
        rough = rough.seen([2.0], usual_std=USUAL, days=0.125)
    assert rough.std(USUAL) > 3.0 * calm.std(USUAL)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60), st.floats(0.0, 10.0))
def test_a_band_stays_finite_and_around_no_error(errors: list[float], usual: float) -> None:
    band = ErrorBand()
    for error in errors:
        band = band.seen([error], usual_std=usual, days=1.0)
    low, high = band.quantiles(usual)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low <= 0.0 <= high
    assert min(band.low_stds, band.high_stds) >= LEAST_STDS
    assert max(band.low_stds, band.high_stds) <= MOST_STDS
    assert 0.0 < band.days <= MEMORY_DAYS
