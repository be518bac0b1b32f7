"""What a German grid operator must leave: worked figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.grid.section14a import (
    LARGE_W,
    LEAST_W,
    guaranteed_w,
    left_for_pump_w,
    managed_guaranteed_w,
)


@pytest.mark.parametrize(
    ("connected_w", "least_w"), [(6000.0, 4200.0), (11000.0, 4200.0), (19700.0, 7880.0)]
)
def test_one_heat_pump_keeps_its_floor(connected_w, least_w):
    assert guaranteed_w(connected_w) == pytest.approx(least_w)


@pytest.mark.parametrize(("devices", "kw"), [(1, 4.2), (2, 7.56), (3, 10.5), (9, 19.32)])
def test_devices_behind_one_manager_share_a_total(devices, kw):
    assert managed_guaranteed_w(devices) == pytest.approx(kw * 1000.0)


def test_a_large_heat_pump_raises_the_total():
    assert managed_guaranteed_w(2, [20000.0]) == pytest.approx(8000.0 + 0.8 * 4200.0)


def test_large_devices_are_counted_among_all():
    with pytest.raises(ValueError, match="count every device"):
        managed_guaranteed_w(1, [12000.0, 12000.0])


@given(st.floats(LARGE_W, 1e5), st.floats(0.0, 1e4))
def test_more_connected_power_never_leaves_less(connected_w, more_w):
    assert LEAST_W <= guaranteed_w(connected_w) <= guaranteed_w(connected_w + more_w)


def test_others_take_their_share_of_a_limit_first():
    assert left_for_pump_w(7560.0, 3000.0) == 4560.0
    assert left_for_pump_w(1000.0, 3000.0) == 0.0
