from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.sun import (
    Apertures,
    SunPosition,
    diffuse_w_per_m2,
    effective_w_per_m2,
    on_sides,
    sun_position,
    through_windows,
)

NORTH, EAST, SOUTH, WEST = range(4)


def sun_at(elevation_deg: float, azimuth_deg: float) -> SunPosition:
    return SunPosition(np.array([elevation_deg]), np.array([azimuth_deg]))


def test_the_sun_stands_where_the_reference_example_says() -> None:
    """Example of the NREL solar position algorithm, 39.742476 N, 105.1786 W."""
    at = datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC)
    sun = sun_position([at], latitude_deg=39.742476, longitude_deg=-105.1786)
    assert float(sun.elevation_deg[0]) == pytest.approx(90.0 - 50.11162, abs=0.03)
    assert float(sun.azimuth_deg[0]) == pytest.approx(194.34024, abs=0.03)


def test_the_sun_goes_from_east_over_south_to_west_and_is_highest_in_june() -> None:
    def day(month: int) -> SunPosition:
        start = datetime(2025, month, 21, tzinfo=UTC)
        hours = [start + timedelta(hours=h) for h in range(24)]
        return sun_position(hours, latitude_deg=56.2, longitude_deg=10.2)

    summer, winter = day(6), day(12)
    assert float(summer.elevation_deg.max()) == pytest.approx(90.0 - 56.2 + 23.4, abs=0.5)
    assert float(winter.elevation_deg.max()) == pytest.approx(90.0 - 56.2 - 23.4, abs=0.5)
    assert 60.0 < summer.azimuth_deg[5] < 90.0 < 150.0 < summer.azimuth_deg[11] < 210.0
    assert 250.0 < summer.azimuth_deg[17] < 290.0


def test_a_wall_the_sun_faces_gets_the_beam_and_the_others_sky_and_ground_only() -> None:
    sides = on_sides(ghi_w_per_m2=400.0, diffuse_w_per_m2=100.0, sun=sun_at(30.0, 180.0))[:, 0]
    around = 0.5 * 100.0 + 0.5 * 0.2 * 400.0
    assert sides[SOUTH] == pytest.approx(600.0 * np.cos(np.radians(30.0)) + around)
    assert sides[[NORTH, EAST, WEST]] == pytest.approx(around, abs=1e-9)


def test_an_overcast_sky_lights_all_sides_alike() -> None:
    sides = on_sides(ghi_w_per_m2=120.0, diffuse_w_per_m2=120.0, sun=sun_at(20.0, 140.0))
    assert sides == pytest.approx(72.0)


@given(
    elevation_deg=st.floats(-90.0, 90.0),
    azimuth_deg=st.floats(0.0, 360.0),
    ghi=st.floats(0.0, 1100.0),
)
def test_no_side_ever_gets_less_than_nothing_or_more_than_the_sun_sends(
    elevation_deg: float, azimuth_deg: float, ghi: float
) -> None:
    sun = sun_at(elevation_deg, azimuth_deg)
    diffuse = diffuse_w_per_m2(ghi, sun)
    assert 0.0 <= float(diffuse[0]) <= ghi + 1e-9
    sides = on_sides(ghi_w_per_m2=ghi, diffuse_w_per_m2=diffuse, sun=sun)
    assert (sides >= 0.0).all()
    assert (sides <= 1361.0 + 0.6 * ghi).all()


def test_clear_skies_are_mostly_beam_and_dull_ones_mostly_diffuse() -> None:
    sun = sun_at(45.0, 180.0)
    assert float(diffuse_w_per_m2(770.0, sun)[0]) < 0.2 * 770.0
    assert float(diffuse_w_per_m2(150.0, sun)[0]) > 0.95 * 150.0


def test_windows_to_the_south_matter_more_in_winter_than_their_area_says() -> None:
    sun = sun_at(10.0, 180.0)
    sides = on_sides(ghi_w_per_m2=150.0, diffuse_w_per_m2=50.0, sun=sun)
    south, north = (
        float(effective_w_per_m2(windows, 5.0, ghi_w_per_m2=150.0, sides_w_per_m2=sides)[0])
        for windows in (Apertures(south_m2=5.0), Apertures(north_m2=5.0))
    )
    assert south > 3.0 * 150.0 > 150.0 > north


def test_roof_windows_alone_are_the_global_irradiance() -> None:
    sides = on_sides(ghi_w_per_m2=150.0, diffuse_w_per_m2=50.0, sun=sun_at(10.0, 180.0))
    found = effective_w_per_m2(
        Apertures(roof_m2=4.0), 4.0, ghi_w_per_m2=150.0, sides_w_per_m2=sides
    )
    assert found == pytest.approx(150.0)
    with pytest.raises(ValueError, match="solar_aperture_m2"):
        effective_w_per_m2(Apertures(), 0.0, ghi_w_per_m2=150.0, sides_w_per_m2=sides)


def test_a_forecast_of_global_irradiance_reaches_east_windows_in_the_morning() -> None:
    start = datetime(2025, 3, 21, 0, 30, tzinfo=UTC)
    hours = [start + timedelta(hours=h) for h in range(24)]
    sun = sun_position(hours, latitude_deg=56.2, longitude_deg=10.2)
    ghi = 800.0 * np.maximum(np.sin(np.radians(sun.elevation_deg)), 0.0)

    def entering(windows: Apertures) -> list[float]:
        found = through_windows(
            windows, 5.0, at=hours, ghi_w_per_m2=ghi, latitude_deg=56.2, longitude_deg=10.2
        )
        return [float(w) for w in found]

    east, west = entering(Apertures(east_m2=5.0)), entering(Apertures(west_m2=5.0))
    assert 6 <= int(np.argmax(east)) <= 9
    assert 14 <= int(np.argmax(west)) <= 17
    assert east[0] == west[0] == 0.0
