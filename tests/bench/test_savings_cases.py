"""The reckoning of savings, held against drawn days whose saving is known."""

import numpy as np
import pytest

from bench.savings import case, figures


def test_a_case_is_the_same_every_time() -> None:
    assert case(3, days=28) == case(3, days=28)
    assert case(3, days=28) != case(4, days=28)


@pytest.mark.timeout(120)
def test_the_interval_is_honest_and_narrower_than_before_and_after() -> None:
    row = figures(100, days=56)
    values = {name: float(value) for name, value in row.items() if value is not None}
    assert 70.0 <= values["inside the interval, %"] <= 92.0  # 100 cases: 80 +- 3 sigma
    assert abs(values["mean error, points"]) < 2.0
    naive = values["before/after: eight of ten errors below, points"]
    assert values["half-width of the interval, points"] < 0.5 * naive


def test_a_saving_is_told_from_none_in_the_mean() -> None:
    found = [case(number, days=56) for number in range(60)]
    slope = np.polyfit([o.truth for o in found], [o.frac for o in found], 1)[0]
    assert slope == pytest.approx(1.0, abs=0.25)
