"""A measured frequency with the faults that meters have."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.frequency_watch import Watch, watched


def heard(readings, *, applied=False):
    watch, believed = Watch(), []
    for second, reading_hz in enumerate(readings):
        watch = watched(watch, reading_hz, float(second), applied=applied)
        believed.append(watch.believed_hz)
    return believed


def test_an_ordinary_frequency_is_believed_as_it_comes():
    readings = [50.0, 49.98, 49.9, 49.66, 49.42]
    assert heard(readings) == [None, *readings[1:]]


def test_a_single_spike_is_not_answered_and_a_lasting_jump_is():
    assert heard([50.0, 50.0, 51.0, 50.01])[1:] == [50.0, 50.0, 50.01]
    assert heard([50.0, 50.0, 49.2, 49.19])[1:] == [50.0, 50.0, 49.19]


def test_two_spikes_to_different_sides_confirm_nothing():
    assert heard([50.0, 50.0, 51.0, 49.0])[1:] == [50.0, 50.0, 50.0]


def test_a_gap_of_three_seconds_leaves_nothing_to_believe():
    believed = heard([50.0, 50.0, None, None, None, 50.01, 50.02])
    assert believed[1:] == [50.0, 50.0, 50.0, None, None, 50.02]


@pytest.mark.parametrize("nonsense", [0.0, -50.0, 60.0, math.nan, math.inf])
def test_what_no_grid_has_is_a_gap(nonsense):
    assert heard([50.0, 50.0, nonsense, nonsense, nonsense])[1:] == [50.0, 50.0, 50.0, None]


def test_a_value_that_stands_still_for_a_minute_is_not_believed_until_it_moves():
    believed = heard([50.0] + [49.98] * 80 + [49.97, 49.96])
    assert believed[60] == 49.98
    assert believed[61:82] == [None] * 21
    assert believed[82] == 49.96


def test_a_test_signal_may_stand_still():
    assert heard([49.9] * 200, applied=True)[1:] == [49.9] * 199


@given(st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=40))
def test_only_what_was_read_and_is_possible_is_ever_believed(readings):
    for hz in heard(readings):
        assert hz is None or (hz in readings and 45.0 <= hz <= 55.0)
