"""Heat neither appears nor vanishes in building, water and tank."""

from dataclasses import replace

import pytest

from hil.building import J_PER_KWH, Building
from hil.house import house_names, load_house
from hil.hydronics import Emitter, WaterLoop
from hil.tank import COLD_C, HotWaterTank
from hil.weather import Sky

COLD = Sky(
    outdoor_c=-5.0, wind_m_per_s=4.0, humidity_frac=0.8, vertical_w_per_m2=(20.0, 40.0, 160.0, 40.0)
)


def heated(name, *, hours=48, sky=COLD):
    building = Building(load_house(name).truth.building, 20.0)
    building.expose(sky, gains_w=(300.0, 100.0), airing_per_h=(0.0, 0.2))
    for _ in range(hours * 240):
        building.step(15.0, convective_w=(1500.0, 1000.0), radiant_w=(500.0, 400.0))
    return building


@pytest.mark.parametrize("name", house_names())
def test_stored_heat_is_what_came_in_minus_what_went_out(name):
    building = heated(name)
    change_kwh = building.stored_kwh()  # it started at the reference
    assert change_kwh == pytest.approx((building.gained_j - building.lost_j) / J_PER_KWH, rel=1e-3)
    assert abs(change_kwh) > 1.0


def test_wind_and_open_windows_cost_heat():
    calm = heated("timber1972", sky=replace(COLD, wind_m_per_s=0.0))
    windy = heated("timber1972", sky=replace(COLD, wind_m_per_s=12.0))
    assert windy.lost_j > 1.03 * calm.lost_j
    assert windy.living.air_c < calm.living.air_c


def test_sun_through_the_windows_warms_the_zone_that_has_them():
    dark = heated("villa1961", sky=replace(COLD, vertical_w_per_m2=(0.0, 0.0, 0.0, 0.0)))
    bright = heated("villa1961")
    assert bright.living.air_c - dark.living.air_c > bright.sleeping.air_c - dark.sleeping.air_c > 0


def test_a_settled_house_rests_on_its_gradient():
    building = Building(load_house("brick1935").truth.building, 20.0)
    dark = replace(COLD, vertical_w_per_m2=(0.0, 0.0, 0.0, 0.0))
    building.expose(dark, gains_w=(300.0, 100.0), airing_per_h=(0.0, 0.0))
    heat_w = building.settle(air_c=21.0, radiant_frac=0.25)
    assert building.living.air_c == pytest.approx(21.0, abs=0.05)
    assert abs(building.living.mass_c - 21.0) < 1.5
    assert -5.0 < building.envelope_outer_c < building.envelope_inner_c < 21.0
    before_c = building.living.mass_c
    for _ in range(240):
        building.step(
            15.0,
            convective_w=(0.75 * heat_w[0], 0.75 * heat_w[1]),
            radiant_w=(0.25 * heat_w[0], 0.25 * heat_w[1]),
        )
    assert building.living.mass_c == pytest.approx(before_c, abs=0.02)


def test_the_air_cools_much_faster_than_the_mass_when_heating_stops():
    building = Building(load_house("brick1935").truth.building, 20.0)
    building.expose(COLD, gains_w=(0.0, 0.0), airing_per_h=(0.0, 0.0))
    building.settle(air_c=21.0, radiant_frac=0.25)
    mass_c = building.living.mass_c
    for _ in range(240):
        building.step(15.0, convective_w=(0.0, 0.0), radiant_w=(0.0, 0.0))
    assert 21.0 - building.living.air_c > 3.0 * (mass_c - building.living.mass_c)


def water(name):
    truth = load_house(name).truth
    return WaterLoop(
        truth.loop, living=truth.living_emitter, sleeping=truth.sleeping_emitter, ground_c=9.0
    )


@pytest.mark.parametrize("name", ["timber1972", "slab2004"])
def test_the_loop_gives_what_the_machine_put_in(name):
    loop = water(name)
    start_kwh = loop.stored_kwh()
    to_tank_j = 0.0
    for index in range(4000):
        tank_c = 45.0 if index % 800 < 100 else None
        to_tank_j += 15.0 * loop.step(
            15.0, machine_w=5000.0, kg_per_s=0.28, dhw_sink_c=tank_c, air_c=(21.0, 20.5)
        )
    out_kwh = (loop.given_j + loop.to_ground_j + to_tank_j) / J_PER_KWH
    stored_kwh = loop.stored_kwh() - start_kwh
    assert out_kwh + stored_kwh == pytest.approx(5.0 * 4000 * 15 / 3600, rel=1e-3)


def test_a_settled_loop_gives_the_heat_it_was_settled_for():
    loop = water("timber1972")
    loop.settle(heat_w=(1500.0, 1100.0), air_c=21.0)
    mean_c = 0.5 * (loop.flow_c + loop.living.body_c)
    assert loop.living.give_w(mean_c - 21.0) == pytest.approx(1500.0, rel=0.1)
    assert loop.flow_c > loop.return_c > 21.0


def test_emitters_follow_their_exponent():
    truth = load_house("timber1972").truth.living_emitter
    emitter = Emitter(truth, 9.0)
    assert emitter.give_w(truth.rated_excess_k) == pytest.approx(truth.rated_w)
    assert emitter.give_w(10.0) / emitter.give_w(5.0) == pytest.approx(2.0**truth.exponent)
    assert emitter.excess_k(emitter.give_w(12.0)) == pytest.approx(12.0)
    assert emitter.give_w(-3.0) < 0.0


def test_the_tank_accounts_for_every_joule():
    tank = HotWaterTank(load_house("timber1972").truth.tank)
    start_j = tank.stored_j()
    for index in range(2000):
        tapped = 6.0 if index % 300 < 20 else 0.0
        heat_w = 4000.0 if index % 500 > 440 else 0.0
        tank.step(15.0, heat_w=heat_w, tapped_l_per_min=tapped, room_c=20.0)
    gone_j = tank.stored_j() - start_j + tank.drawn_j + tank.lost_j
    assert gone_j == pytest.approx(4 * 59 * 15.0 * 4000.0, rel=1e-3)


def test_a_draw_cools_the_lower_layer_first():
    tank = HotWaterTank(load_house("timber1972").truth.tank)
    for _ in range(20):
        tank.step(15.0, heat_w=0.0, tapped_l_per_min=8.0, room_c=20.0)
    assert COLD_C < tank.lower_c < tank.sensor_c < tank.upper_c < 50.0
