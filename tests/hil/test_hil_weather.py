"""The sun's place, the beam on the windows, and what lies between two hours."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from hil.weather import WeatherTrace, plain_winter, sun_position

MIDNIGHT = datetime(2024, 3, 20, tzinfo=UTC)


def one_day(**series):
    values = {
        "outdoor_c": [0.0] * 24,
        "direct_horizontal_w_per_m2": [0.0] * 24,
        "diffuse_horizontal_w_per_m2": [0.0] * 24,
        "wind_m_per_s": [3.0] * 24,
    } | series
    return WeatherTrace(starts_at=MIDNIGHT, step_s=3600, latitude=50.0, longitude=0.0, **values)


def test_at_the_equinox_the_noon_sun_stands_in_the_south_at_the_colatitude():
    sun = sun_position(datetime(2024, 3, 20, 12, 7, tzinfo=UTC), latitude=50.0, longitude=0.0)
    assert math.degrees(sun.elevation) == pytest.approx(40.0, abs=0.5)
    assert math.degrees(sun.azimuth) == pytest.approx(180.0, abs=1.0)


def test_at_midsummer_the_noon_sun_is_higher_by_the_tilt_of_the_axis():
    sun = sun_position(datetime(2024, 6, 21, 12, 2, tzinfo=UTC), latitude=50.0, longitude=0.0)
    assert math.degrees(sun.elevation) == pytest.approx(63.4, abs=0.5)


def test_the_equinox_sun_rises_in_the_east_and_sets_in_the_west():
    rising = sun_position(datetime(2024, 3, 20, 6, 20, tzinfo=UTC), latitude=50.0, longitude=0.0)
    setting = sun_position(datetime(2024, 3, 20, 17, 55, tzinfo=UTC), latitude=50.0, longitude=0.0)
    assert math.degrees(rising.azimuth) == pytest.approx(92.0, abs=3.0)
    assert math.degrees(setting.azimuth) == pytest.approx(268.0, abs=3.0)
    assert abs(math.degrees(rising.elevation)) < 3.0
    assert abs(math.degrees(setting.elevation)) < 3.0


def test_longitude_shifts_the_day():
    here = sun_position(datetime(2024, 3, 20, 12, 0, tzinfo=UTC), latitude=50.0, longitude=0.0)
    east = sun_position(datetime(2024, 3, 20, 11, 0, tzinfo=UTC), latitude=50.0, longitude=15.0)
    assert here.azimuth == pytest.approx(east.azimuth, abs=0.01)


def test_the_beam_reproduces_the_mean_on_the_horizontal():
    trace = one_day(direct_horizontal_w_per_m2=[0.0] * 7 + [200.0] * 10 + [0.0] * 7)
    total = 0.0
    minutes = range(9 * 60, 10 * 60)
    for minute in minutes:
        at = MIDNIGHT + timedelta(minutes=minute + 0.5)
        sun = sun_position(at, latitude=50.0, longitude=0.0)
        south = trace.sky(at).vertical_w_per_m2[2] - 0.1 * 200.0  # without the ground's share
        cosine = math.cos(sun.elevation) * math.cos(sun.azimuth - math.pi)
        total += south / cosine * math.sin(sun.elevation)
    assert total / len(minutes) == pytest.approx(200.0, rel=0.01)


def test_morning_sun_is_on_the_east_windows_and_noon_sun_on_the_south_ones():
    trace = one_day(direct_horizontal_w_per_m2=[0.0] * 7 + [300.0] * 10 + [0.0] * 7)
    north, east, south, west = trace.sky(MIDNIGHT + timedelta(hours=8)).vertical_w_per_m2
    assert east > south > west
    assert north == west == pytest.approx(0.1 * 300.0)
    north, east, south, west = trace.sky(MIDNIGHT + timedelta(hours=12)).vertical_w_per_m2
    assert south > 5.0 * max(east, west, north)


def test_diffuse_light_falls_on_every_side_alike():
    trace = one_day(diffuse_horizontal_w_per_m2=[100.0] * 24)
    assert trace.sky(MIDNIGHT).vertical_w_per_m2 == pytest.approx((60.0,) * 4)


def test_temperature_is_linear_between_the_middles_of_the_hours():
    trace = one_day(outdoor_c=[float(hour) for hour in range(24)])
    assert trace.sky(MIDNIGHT + timedelta(hours=5.5)).outdoor_c == pytest.approx(5.0)
    assert trace.sky(MIDNIGHT + timedelta(hours=6)).outdoor_c == pytest.approx(5.5)
    assert trace.sky(MIDNIGHT).outdoor_c == 0.0
    assert trace.sky(MIDNIGHT + timedelta(hours=23, minutes=59)).outdoor_c == 23.0


def test_a_trace_says_where_it_ends():
    trace = one_day()
    with pytest.raises(ValueError, match="the trace covers"):
        trace.sky(MIDNIGHT + timedelta(days=1))
    with pytest.raises(ValueError, match="the trace covers"):
        trace.sky(MIDNIGHT - timedelta(seconds=1))


def test_a_trace_refuses_naive_time_and_unequal_series():
    with pytest.raises(ValueError, match="naive"):
        WeatherTrace(
            starts_at=datetime(2024, 1, 1),  # noqa: DTZ001  what is refused
            step_s=3600,
            outdoor_c=[0.0],
            direct_horizontal_w_per_m2=[0.0],
            diffuse_horizontal_w_per_m2=[0.0],
            wind_m_per_s=[0.0],
        )
    with pytest.raises(ValueError, match="differ in length"):
        one_day(wind_m_per_s=[3.0] * 23)


def test_the_invented_winter_is_cold_and_dark_at_night():
    trace = plain_winter(MIDNIGHT, days=2)
    night = trace.sky(MIDNIGHT + timedelta(hours=1))
    noon = trace.sky(MIDNIGHT + timedelta(hours=12))
    assert night.vertical_w_per_m2 == (0.0, 0.0, 0.0, 0.0)
    assert noon.vertical_w_per_m2[2] > 50.0
    assert -10.0 < night.outdoor_c < noon.outdoor_c < 10.0
