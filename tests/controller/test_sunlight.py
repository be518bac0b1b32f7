"""The sun as the rooms of a house get it, and the weather after its forecast has ended."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from asking import first_request
from hypothesis import given
from hypothesis import strategies as st

from controller.config import HouseConfig, parse_config
from controller.forecasts import Known
from controller.snapshot import Reading, Snapshot
from controller.sunlight import as_told, in_force, sun_of
from drivers.api import Signal, WeatherSeries
from drivers.testing import AN_INSTANT
from mpc.plan import PlanRequest

NOW = AN_INSTANT.replace(hour=0, minute=0, second=0, microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Document = dict[str, Any]


def forecast(days: float = 2.0, rise_k: float = 0.0) -> WeatherSeries:
    """The sun shines from 8 to 16, harder on the first day; cold nights."""
    hours = range(round(24 * days))
    return WeatherSeries(
        issued_at=NOW, starts_at=NOW, step_s=3600,
        outdoor_c=tuple((4.0 if 8 <= h % 24 < 20 else 0.0) + rise_k for h in hours),
        ghi_w_per_m2=tuple(
            (300.0 if h < 24 else 100.0) if 8 <= h % 24 < 16 else 0.0 for h in hours
        ),
        source="test", wind_m_s=tuple(3.0 for _ in hours),
    )  # fmt: skip


def facing(document: Document, **windows: float) -> HouseConfig:
    house = document["house"] | {
        "latitude_deg": 55.7, "longitude_deg": 12.6, "windows": windows,
    }  # fmt: skip
    return parse_config(document | {"house": house, "site": {"pv_kwp": 5.0}})


def asked(config: HouseConfig, weather: WeatherSeries, at: datetime = NOW) -> PlanRequest:
    values = {Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: 7.0}
    snapshot = Snapshot(at, {s: Reading(v, at) for s, v in values.items()})
    return first_request(snapshot, config, known=Known(weather=weather))


# ---- windows -------------------------------------------------------------------------------------


def test_morning_sun_reaches_east_windows_and_evening_sun_west_ones(document: Document) -> None:
    east = asked(facing(document, east_m2=10.0), forecast()).horizon.ghi_w_per_m2
    west = asked(facing(document, west_m2=10.0), forecast()).horizon.ghi_w_per_m2
    morning, evening = slice(4 * 8, 4 * 10), slice(4 * 13, 4 * 15)
    assert sum(east[morning]) > 1.5 * sum(west[morning])
    assert sum(west[evening]) > 1.5 * sum(east[evening])


def test_winter_sun_on_south_windows_is_stronger_than_on_the_ground(document: Document) -> None:
    inside = asked(facing(document, south_m2=10.0), forecast()).horizon.ghi_w_per_m2
    assert max(inside) > 1.5 * 300.0


def test_roof_windows_get_what_the_forecast_says(document: Document) -> None:
    request = asked(facing(document, roof_m2=8.0), forecast())
    assert request.horizon.ghi_w_per_m2[4 * 9] == pytest.approx(300.0)
    assert request.building.solar_aperture_m2 == pytest.approx(2.0)  # a quarter of the openings


def test_solar_modules_see_the_sky_whatever_the_windows(document: Document) -> None:
    with_windows = asked(facing(document, south_m2=10.0), forecast())
    site = {"site": {"pv_kwp": 5.0}}
    without = asked(parse_config(document | site), forecast())
    assert with_windows.site is not None
    assert without.site is not None
    assert with_windows.site.pv_w == without.site.pv_w
    assert with_windows.horizon.ghi_w_per_m2 != without.horizon.ghi_w_per_m2


def test_a_house_without_windows_in_words_takes_the_sun_as_told(config: HouseConfig) -> None:
    assert sun_of(config.house) is as_told


@given(ghi=st.floats(0.0, 1200.0), hour=st.integers(0, 23))
def test_sun_on_windows_is_finite_and_dark_skies_stay_dark(ghi: float, hour: int) -> None:
    house = parse_config(
        {
            "house": {
                "timezone": "UTC", "year": 1975, "area_m2": 120.0, "emitter": "radiator",
                "design_flow_c": 50.0, "latitude_deg": 55.7, "longitude_deg": 12.6,
                "windows": {"north_m2": 2.0, "east_m2": 3.0, "south_m2": 9.0, "west_m2": 4.0},
            },
            "heat_pump": {"profile": "nibe_s", "host": "pump"},
        }
    ).house  # fmt: skip
    (inside,) = sun_of(house)([NOW + hour * HOUR], [ghi])
    assert 0.0 <= inside <= 1361.0 + ghi
    assert sun_of(house)([NOW + hour * HOUR], [0.0]) == [0.0]


# ---- a forecast that has ended -------------------------------------------------------------------


def test_a_forecast_is_left_alone_while_it_lasts() -> None:
    series = forecast()
    assert in_force(series, NOW + 47 * HOUR, 9.0) is series


@given(hours=st.floats(0.0, 24.0 * 30), sensor_c=st.floats(-20.0, 30.0))
def test_after_its_end_the_day_goes_on_at_the_level_of_the_sensor(
    hours: float, sensor_c: float
) -> None:
    at = NOW + 2 * DAY + hours * HOUR
    day = in_force(forecast(), at, sensor_c)
    assert day.starts_at <= at < day.starts_at + DAY
    index = int((at - day.starts_at) / HOUR)
    assert day.outdoor_c[index] == pytest.approx(sensor_c)
    assert max(day.outdoor_c) - min(day.outdoor_c) == pytest.approx(4.0)
    assert max(day.ghi_w_per_m2) == pytest.approx(200.0)  # the mean of both days
    assert day.ghi_w_per_m2[12] == pytest.approx(200.0)
    assert day.ghi_w_per_m2[0] == 0.0


def test_less_than_a_day_of_forecast_is_its_mean_in_the_dark() -> None:
    day = in_force(forecast(days=0.5), NOW + 5 * DAY, None)
    assert day.outdoor_c == pytest.approx((4.0 / 3.0,) * 24)
    assert set(day.ghi_w_per_m2) == {0.0}


def test_a_plan_in_an_outage_follows_the_sensor_and_says_on_what(config: HouseConfig) -> None:
    at = NOW + 6 * DAY + 9 * HOUR
    horizon = asked(config, forecast(rise_k=-10.0), at).horizon  # far colder than it is now
    assert horizon.outdoor_c[0] == pytest.approx(7.0)
    assert min(horizon.outdoor_c) == pytest.approx(3.0)
    (note,) = [note for note in horizon.notes if "ended" in note]
    assert note.startswith("the weather forecast ended 105 h ago")
    assert "the sensor's level" in note
