"""Sunshine from clouds, beside an implementation by others."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.clear_sky import clear_ghi_w_per_m2, ghi_under_clouds_w_per_m2
from mpc.sun import SunPosition

DAY = [datetime(2026, 6, 21, tzinfo=UTC) + timedelta(hours=h) for h in range(24)]
PLACE = {"latitude_deg": 55.7, "longitude_deg": 12.6}


def test_a_clear_sky_is_that_of_pvlib() -> None:
    import pandas as pd
    from pvlib.clearsky import haurwitz

    elevation = np.linspace(-20.0, 89.0, 110)
    theirs = haurwitz(pd.Series(90.0 - elevation))["ghi"].to_numpy()
    ours = clear_ghi_w_per_m2(SunPosition(elevation, np.zeros_like(elevation)))
    assert ours == pytest.approx(theirs, abs=0.01)


def test_a_june_day_in_copenhagen_brings_what_it_brings() -> None:
    """Clear June days there bring 8 to 8.5 kWh/m²; an overcast sky lets a quarter through."""
    clear = ghi_under_clouds_w_per_m2(DAY, 3600.0, np.zeros(24), **PLACE)
    assert 7.5 < clear.sum() / 1000.0 < 8.8
    assert int(np.argmax(clear)) == 11  # noon there is at 11:12 UTC
    overcast = ghi_under_clouds_w_per_m2(DAY, 3600.0, np.ones(24), **PLACE)
    assert overcast == pytest.approx(0.25 * clear)


@given(a=st.floats(0.0, 1.0), b=st.floats(0.0, 1.0))
def test_more_clouds_never_bring_more_sun(a: float, b: float) -> None:
    low, high = sorted((a, b))
    brighter = ghi_under_clouds_w_per_m2(DAY, 3600.0, np.full(24, low), **PLACE)
    darker = ghi_under_clouds_w_per_m2(DAY, 3600.0, np.full(24, high), **PLACE)
    assert np.all(darker <= brighter)
    assert np.all(darker >= 0.0)
