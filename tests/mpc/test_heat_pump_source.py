import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.heat_pump import source_for
from mpc.heat_pump_maps import air_water_surrogate, ground_source_map
from mpc.heat_pump_source import brine_for

HOUR_S = 3600.0


def test_brine_starts_from_the_past_week_and_moves_with_the_weather_since() -> None:
    brine_c = brine_for(np.full(240, 14.0), step_s=HOUR_S, past_week_c=7.0)
    assert brine_c[0] == pytest.approx(2.0)
    assert brine_c[84] == pytest.approx(5.5)  # half the week is new
    assert brine_c[168:] == pytest.approx(9.0)
    assert (np.diff(brine_c) >= -1e-12).all()


def test_frozen_weeks_leave_the_ground_at_zero() -> None:
    assert brine_for([-9.0] * 48, step_s=HOUR_S, past_week_c=-6.0) == pytest.approx(-5.0)
    assert brine_for([4.0] * 48, step_s=HOUR_S, past_week_c=4.0) == pytest.approx(-1.0)


def test_a_steady_horizon_alone_agrees_with_the_default_source() -> None:
    outdoor_c = np.full(48, 6.0)
    expected = source_for(ground_source_map(7), outdoor_c)
    assert brine_for(outdoor_c, step_s=HOUR_S) == pytest.approx(expected)


@given(measured_c=st.floats(-8.0, 12.0), past_week_c=st.floats(-15.0, 20.0))
def test_a_measured_brine_is_met_now_and_shifts_what_follows(
    measured_c: float, past_week_c: float
) -> None:
    outdoor_c = np.linspace(-5.0, 15.0, 96)
    plain = brine_for(outdoor_c, step_s=900.0, past_week_c=past_week_c)
    shifted = brine_for(outdoor_c, step_s=900.0, past_week_c=past_week_c, measured_c=measured_c)
    assert shifted[0] == pytest.approx(measured_c)
    assert np.diff(shifted) == pytest.approx(np.diff(plain), abs=1e-9)


def test_a_source_that_is_known_is_taken_as_it_is() -> None:
    for heat_pump in (ground_source_map(5), air_water_surrogate(6000.0)):
        assert source_for(heat_pump, (1.0, 2.0), (3.0, 4.0)).tolist() == [3.0, 4.0]
        assert source_for(heat_pump, (1.0, 2.0), 3.5).tolist() == [3.5, 3.5]
