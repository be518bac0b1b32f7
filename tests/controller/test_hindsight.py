"""What is learned of the past may use what was told of it afterwards, and nothing else."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from controller.hindsight import told_afterwards
from drivers.api import WeatherSeries
from mpc.house_data import HouseData

START = datetime(2026, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def data(steps: int = 96) -> HouseData:
    ones = np.ones(steps)
    return HouseData(
        starts_at=START,
        step_s=900.0,
        room_c=20.0 * ones,
        heat_w=1000.0 * ones,
        outdoor_c=0.0 * ones,
        ghi_w_per_m2=7.0 * ones,
    )


def told(*, issued_h: float, first_h: float = 0.0, ghi: float, hours: int = 48) -> WeatherSeries:
    return WeatherSeries(
        issued_at=START + issued_h * HOUR,
        starts_at=START + first_h * HOUR,
        step_s=3600,
        outdoor_c=(0.0,) * hours,
        ghi_w_per_m2=(ghi,) * hours,
        source="station",
    )


def test_hours_that_had_passed_get_the_last_word() -> None:
    found = told_afterwards(
        data(), [told(issued_h=10.5, ghi=100.0), told(issued_h=4.0, ghi=50.0)]
    ).ghi_w_per_m2

    assert (found[:40] == 100.0).all()  # ten whole hours had passed
    assert (found[40:] == 7.0).all()  # of the rest there was only a forecast


def test_a_pure_forecast_changes_nothing() -> None:
    found = told_afterwards(data(), [told(issued_h=3.0, first_h=3.0, ghi=100.0)])

    assert (found.ghi_w_per_m2 == 7.0).all()


@given(
    st.lists(
        st.tuples(
            st.floats(-30.0, 60.0), st.floats(-30.0, 60.0), st.floats(0.0, 900.0),
            st.integers(0, 80),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_nothing_after_the_last_issue_is_touched(
    series: list[tuple[float, float, float, int]],
) -> None:
    issued = [told(issued_h=i, first_h=f, ghi=g, hours=n) for i, f, g, n in series]
    found = told_afterwards(data(), issued).ghi_w_per_m2

    last_h = max((i for i, _, _, _ in series), default=-1.0)
    later = 0.25 * np.arange(96) >= last_h
    assert (found[later] == 7.0).all()
    assert set(found.tolist()) <= {7.0, *(g for _, _, g, _ in series)}
