from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.building import (
    Building,
    EmitterKind,
    MassClass,
    archetype,
    capacities_kwh_per_k,
    discretise,
    drive,
    emitter_for,
    simulate,
    steady_state,
    total_loss_w_per_k,
    with_radiators,
)
from mpc.second_zone import in_two_zones
from mpc.wind import wind_gain_w

HOUSE = archetype(year=1970, area_m2=140.0, mass=MassClass.MEDIUM, emitter=EmitterKind.RADIATOR)
SHARED = in_two_zones(HOUSE, second_frac=0.3, exchange_w_per_k=60.0)
APART = in_two_zones(HOUSE, second_frac=0.3, exchange_w_per_k=60.0, own_heat=True)


def radiators(building: Building) -> Building:
    emitter = emitter_for(building=building, kind=EmitterKind.RADIATOR, design_flow_c=50.0)
    return with_radiators(building, emitter)


@given(second_frac=st.floats(0.05, 0.95), exchange_w_per_k=st.floats(0.0, 500.0))
def test_a_house_cut_in_two_like_zones_behaves_as_one(
    second_frac: float, exchange_w_per_k: float
) -> None:
    both = in_two_zones(HOUSE, second_frac=second_frac, exchange_w_per_k=exchange_w_per_k)
    assert total_loss_w_per_k(both) == pytest.approx(total_loss_w_per_k(HOUSE))
    assert capacities_kwh_per_k(both).sum() == pytest.approx(capacities_kwh_per_k(HOUSE).sum())
    ends = []
    for building in (HOUSE, both):
        step = discretise(building, 1800.0)
        push = drive(step, outdoor_c=np.full(24, -3.0), ghi_w_per_m2=120.0, gain_w=400.0)
        start = np.full(len(step.a), 20.0)
        ends.append(simulate(step, start, heat_w=np.full(24, 4000.0), drive_k=push))
    one, two = ends
    assert two[:2] == pytest.approx(one, abs=1e-6)
    assert two[2:] == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize("building", [SHARED, APART, radiators(SHARED), radiators(APART)])
def test_the_energy_balance_of_two_zones_closes(building: Building) -> None:
    zone = building.second_zone
    assert zone is not None
    step = discretise(building, 60.0)
    n, second = 12 * 60, len(step.a) - 2
    heat_w = np.full(n, 3000.0)
    if step.b_heat.ndim == 2:
        heat_w = np.stack([heat_w, np.linspace(0.0, 1500.0, n)])
    push = drive(step, outdoor_c=np.full(n, 1.0), ghi_w_per_m2=80.0, gain_w=300.0)
    start = np.full(len(step.a), 20.0)
    states = np.column_stack([start, simulate(step, start, heat_w=heat_w, drive_k=push)])
    over = 0.5 * (states[:, 1:] + states[:, :-1]) - 1.0
    lost_w = building.air_outdoor_w_per_k * over[0] + building.mass_outdoor_w_per_k * over[1]
    lost_w += zone.air_outdoor_w_per_k * over[second]
    lost_w += zone.mass_outdoor_w_per_k * over[second + 1]
    given_w = heat_w.sum() / n + 300.0 + 80.0 * building.solar_aperture_m2 - lost_w.mean()
    stored_kwh = float(capacities_kwh_per_k(building) @ (states[:, -1] - start))
    assert stored_kwh == pytest.approx(given_w * 12.0 / 1000.0, abs=0.01)


@pytest.mark.parametrize("building", [SHARED, APART, radiators(SHARED), radiators(APART)])
def test_two_zones_at_rest_stay_at_rest(building: Building) -> None:
    rest = steady_state(building, room_c=21.0, outdoor_c=-5.0, ghi_w_per_m2=50.0, gain_w=400.0)
    step = discretise(building, 3600.0)
    push = drive(step, outdoor_c=-5.0, ghi_w_per_m2=50.0, gain_w=400.0)
    after = simulate(step, rest.state_c[:, 0], heat_w=rest.heat_w, drive_k=push)
    assert after[:, 0] == pytest.approx(rest.state_c[:, 0], abs=1e-9)
    if building.second_zone is not None and building.second_zone.heat_frac is None:
        assert rest.heat_w.shape == (2, 1)
        assert float(rest.state_c[-2, 0]) == pytest.approx(21.0)


def test_a_zone_without_its_share_of_heat_stays_colder_the_less_its_door_is_open() -> None:
    def second_c(exchange_w_per_k: float) -> float:
        assert SHARED.second_zone is not None
        zone = replace(SHARED.second_zone, heat_frac=0.1, exchange_w_per_k=exchange_w_per_k)
        rest = steady_state(replace(SHARED, second_zone=zone), room_c=21.0, outdoor_c=0.0)
        return float(rest.state_c[-2, 0])

    closed, ajar, opened = (second_c(w) for w in (5.0, 50.0, 500.0))
    assert closed < ajar < opened < 21.0


def test_a_second_heat_input_has_a_column_of_its_own_and_warms_its_own_zone_most() -> None:
    step = discretise(APART, 900.0)
    assert step.b_heat.shape == (4, 2)
    assert step.b_heat[0, 0] > 3.0 * step.b_heat[2, 0] > 0.0
    assert step.b_heat[2, 1] > 3.0 * step.b_heat[0, 1] > 0.0
    assert discretise(SHARED, 900.0).b_heat.shape == (4,)


def test_radiators_of_the_first_zone_are_sized_for_its_share_of_the_heat() -> None:
    whole = radiators(HOUSE)
    for part in (radiators(SHARED), radiators(APART)):
        assert part.floor_kwh_per_k == pytest.approx(0.7 * (whole.floor_kwh_per_k or 0.0))
        assert part.floor_air_w_per_k == pytest.approx(0.7 * whole.floor_air_w_per_k)


def test_wind_takes_heat_with_the_cold_and_nothing_by_default() -> None:
    def gains_w(building: Building) -> list[float]:
        winds_m_s, outdoor_c = [4.0, 9.0, 0.0], [0.0, -4.0, 6.0]
        found = wind_gain_w(building, wind_m_s=winds_m_s, outdoor_c=outdoor_c, target_c=21.0)
        return [float(w) for w in found]

    assert gains_w(replace(HOUSE, wind_w_per_k_per_m_s=3.0)) == pytest.approx([0.0, -375.0, 180.0])
    assert gains_w(HOUSE) == pytest.approx([0.0, 0.0, 0.0])
