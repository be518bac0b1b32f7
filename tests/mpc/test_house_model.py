import math

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
    flow_for_heat,
    heat_for_flow,
    simulate,
    steady_state,
    total_loss_w_per_k,
    with_radiators,
)

KINDS = tuple(EmitterKind)


def house(kind: EmitterKind = EmitterKind.RADIATOR, year: int = 1970) -> Building:
    return archetype(year=year, area_m2=140.0, mass=MassClass.MEDIUM, emitter=kind)


def bare(vent: float, transmission: float, mass_wh: float) -> Building:
    """One m2 of the report's two-node house, nothing but losses."""
    return Building(
        area_m2=1.0,
        air_kwh_per_k=0.004,
        mass_kwh_per_k=mass_wh / 1000.0,
        floor_kwh_per_k=None,
        air_outdoor_w_per_k=vent,
        mass_outdoor_w_per_k=transmission,
        air_mass_w_per_k=9.2,
        floor_air_w_per_k=0.0,
        heat_to_mass_frac=0.0,
        solar_aperture_m2=0.0,
        solar_to_mass_frac=0.0,
        internal_gains_w=0.0,
    )


def hours_to_20(building: Building, start_c: tuple[float, float]) -> float:
    step = discretise(building, 36.0)
    off = np.zeros(2000)
    push = drive(step, outdoor_c=np.full(2000, -12.0), ghi_w_per_m2=0.0, gain_w=0.0)
    air = simulate(step, start_c, heat_w=off, drive_k=push)[0]
    return float(np.argmax(air < 20.0) + 1) * 0.01


@pytest.mark.parametrize(
    ("vent", "transmission", "mass_wh", "warm_h", "steady_h"),
    [
        (0.34, 1.57, 60.0, 2.27, 0.28),  # 2020, to 1960
        (0.34, 1.57, 140.0, 4.53, 0.28),
        (0.32, 0.98, 100.0, 4.98, 0.48),  # 2020, 1961-1978
        (0.28, 0.48, 60.0, 5.62, 1.67),  # 2035, 1979-2005
        (0.28, 0.48, 140.0, 11.98, 2.55),
    ],
)
def test_a_cold_house_holds_as_long_as_the_two_node_figures_say(
    vent: float, transmission: float, mass_wh: float, warm_h: float, steady_h: float
) -> None:
    """Hours from 23 to 20 °C at -12 °C without heat: walls at 23 °C, and walls at rest."""
    building = bare(vent, transmission, mass_wh)
    wall_c = float(steady_state(building, room_c=23.0, outdoor_c=-12.0).state_c[1, 0])
    assert hours_to_20(building, (23.0, 23.0)) == pytest.approx(warm_h, abs=0.025)
    assert hours_to_20(building, (23.0, wall_c)) == pytest.approx(steady_h, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_step_agrees_with_a_fine_euler_integration(kind: EmitterKind) -> None:
    b = house(kind)
    heat_w, outdoor_c, ghi, gain_w = 4000.0, -3.0, 150.0, 500.0
    n = len(capacities_kwh_per_k(b))
    start = np.array([20.5, 19.5, 24.0])[:n]
    air, mass, floor = 20.5, 19.5, 24.0
    dt_s, floor_kwh_per_k = 1.0, b.floor_kwh_per_k or math.inf
    for _ in range(900):
        to_mass = b.air_mass_w_per_k * (air - mass)
        from_floor = b.floor_air_w_per_k * (floor - air)
        sun = b.solar_aperture_m2 * ghi
        radiator = heat_w if b.floor_kwh_per_k is None else 0.0
        air_w = from_floor - to_mass - b.air_outdoor_w_per_k * (air - outdoor_c) + gain_w
        air_w += sun * (1 - b.solar_to_mass_frac) + radiator * (1 - b.heat_to_mass_frac)
        mass_w = to_mass - b.mass_outdoor_w_per_k * (mass - outdoor_c)
        mass_w += sun * b.solar_to_mass_frac + radiator * b.heat_to_mass_frac
        air += air_w * dt_s / (b.air_kwh_per_k * 3.6e6)
        mass += mass_w * dt_s / (b.mass_kwh_per_k * 3.6e6)
        floor += (heat_w - from_floor) * dt_s / (floor_kwh_per_k * 3.6e6)
    step = discretise(b, 900.0)
    push = drive(step, outdoor_c=outdoor_c, ghi_w_per_m2=ghi, gain_w=gain_w)
    exact = simulate(step, start, heat_w=[heat_w], drive_k=push)[:, 0]
    assert exact == pytest.approx(np.array([air, mass, floor])[:n], abs=0.003)


@pytest.mark.parametrize("kind", KINDS)
def test_many_small_steps_are_one_large_step(kind: EmitterKind) -> None:
    b = house(kind)
    start = np.array([20.0, 19.0, 25.0])[: len(capacities_kwh_per_k(b))]
    ends = []
    for step_s, count in ((60.0, 60), (3600.0, 1)):
        step = discretise(b, step_s)
        push = drive(step, outdoor_c=np.full(count, 2.0), ghi_w_per_m2=100.0, gain_w=300.0)
        ends.append(simulate(step, start, heat_w=np.full(count, 3000.0), drive_k=push)[:, -1])
    assert ends[0] == pytest.approx(ends[1], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_energy_balance_closes_over_a_day(kind: EmitterKind) -> None:
    b = house(kind)
    n = 24 * 60
    step = discretise(b, 60.0)
    heat_w = 3000.0 + 2000.0 * np.sin(np.arange(n) / 100.0)
    outdoor_c = 2.0 + 5.0 * np.sin(np.arange(n) / 230.0)
    push = drive(step, outdoor_c=outdoor_c, ghi_w_per_m2=0.0, gain_w=400.0)
    start = steady_state(b, room_c=20.0, outdoor_c=2.0).state_c[:, 0]
    states = np.column_stack([start, simulate(step, start, heat_w=heat_w, drive_k=push)])
    middle = 0.5 * (states[:, 1:] + states[:, :-1])
    lost_w = b.air_outdoor_w_per_k * (middle[0] - outdoor_c)
    lost_w += b.mass_outdoor_w_per_k * (middle[1] - outdoor_c)
    stored_kwh = float(capacities_kwh_per_k(b) @ (states[:, -1] - states[:, 0]))
    given_kwh = float(np.sum(heat_w + 400.0 - lost_w)) * 60.0 / 3.6e6
    assert stored_kwh == pytest.approx(given_kwh, abs=0.005)


@pytest.mark.parametrize("kind", KINDS)
def test_the_steady_state_stays_where_it_is(kind: EmitterKind) -> None:
    b = house(kind)
    rest = steady_state(b, room_c=21.0, outdoor_c=-5.0, ghi_w_per_m2=50.0, gain_w=400.0)
    step = discretise(b, 3600.0)
    push = drive(step, outdoor_c=-5.0, ghi_w_per_m2=50.0, gain_w=400.0)
    after = simulate(step, rest.state_c[:, 0], heat_w=rest.heat_w, drive_k=push)
    assert after[:, 0] == pytest.approx(rest.state_c[:, 0], abs=1e-9)


def test_radiators_as_a_state_delay_heat_but_change_neither_loss_nor_balance() -> None:
    plain = house()
    emitter = emitter_for(building=plain, kind=EmitterKind.RADIATOR, design_flow_c=50.0)
    slow = with_radiators(plain, emitter)
    assert total_loss_w_per_k(slow) == pytest.approx(total_loss_w_per_k(plain))
    rises = []
    for b in (plain, slow):
        step = discretise(b, 600.0)
        start = np.full(len(capacities_kwh_per_k(b)), 20.0)
        push = drive(step, outdoor_c=np.full(36, 20.0), ghi_w_per_m2=0.0, gain_w=0.0)
        ends = simulate(step, start, heat_w=np.full(36, 3000.0), drive_k=push)
        lost_w = b.air_outdoor_w_per_k * (ends[0] - 20.0)
        lost_w += b.mass_outdoor_w_per_k * (ends[1] - 20.0)
        stored_kwh = float(capacities_kwh_per_k(b) @ (ends[:, -1] - start))
        assert stored_kwh == pytest.approx(18.0 - float(np.sum(lost_w)) / 6000.0, rel=0.01)
        rises.append(ends[0] - 20.0)
    assert rises[1][0] < 0.6 * rises[0][0]
    assert rises[1][-1] > 0.8 * rises[0][-1]


def test_losses_fall_with_the_construction_year() -> None:
    losses = [total_loss_w_per_k(house(year=year)) for year in (1950, 1970, 1990, 2012, 2020, 2024)]
    assert losses[:5] == sorted(losses[:5], reverse=True)
    assert losses[5] == losses[4]
    assert losses[4] == pytest.approx(losses[2] / 2.0, rel=0.03)


def test_a_house_of_the_seventies_has_the_calibrated_loss_of_its_class() -> None:
    b = house(year=1970)
    assert b.air_outdoor_w_per_k == pytest.approx(0.31 * 140.0)
    assert b.mass_outdoor_w_per_k == pytest.approx(0.97 * 140.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_emitters_meet_their_design_point(kind: EmitterKind) -> None:
    b = house(kind)
    emitter = emitter_for(building=b, kind=kind, design_flow_c=45.0)
    design = steady_state(b, room_c=21.0, outdoor_c=-12.0)
    assert emitter.design_heat_w == pytest.approx(float(design.heat_w[0]))
    floor_c = None if kind is EmitterKind.RADIATOR else float(design.state_c[2, 0])
    assert float(flow_for_heat(emitter, emitter.design_heat_w, 21.0)) == pytest.approx(45.0)
    assert float(flow_for_heat(emitter, emitter.design_heat_w, 21.0, floor_c)) == pytest.approx(
        45.0
    )


@given(
    heat_w=st.floats(0.0, 15_000.0),
    room_c=st.floats(15.0, 26.0),
    over_room_k=st.none() | st.floats(0.0, 8.0),
    kind=st.sampled_from(KINDS),
)
def test_heat_for_flow_undoes_flow_for_heat(
    heat_w: float, room_c: float, over_room_k: float | None, kind: EmitterKind
) -> None:
    emitter = emitter_for(building=house(kind), kind=kind, design_flow_c=45.0)
    floor_c = None if over_room_k is None else room_c + over_room_k
    flow_c = flow_for_heat(emitter, heat_w, room_c, floor_c)
    assert float(heat_for_flow(emitter, flow_c, room_c, floor_c)) == pytest.approx(heat_w, abs=0.5)


def test_water_colder_than_the_room_gives_no_heat() -> None:
    emitter = emitter_for(building=house(), kind=EmitterKind.RADIATOR, design_flow_c=45.0)
    assert float(heat_for_flow(emitter, 18.0, 21.0)) == 0.0


def test_water_too_cold_for_the_design_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot heat this house"):
        emitter_for(building=house(), kind=EmitterKind.RADIATOR, design_flow_c=23.0)
