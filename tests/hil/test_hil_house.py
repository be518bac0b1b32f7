"""Whole houses under their own control and under commands."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from drivers.api import Capability, OperatingState
from drivers.points import encode
from hil.building import J_PER_KWH
from hil.house import house_names, load_house, parse_house
from hil.occupants import Family, Steady
from hil.simulated_house import PUMP_UNIT, SimulatedHouse
from hil.weather import plain_winter

START = datetime(2024, 1, 15, tzinfo=UTC)


def simulated(name="timber1972", *, days=8, mean_c=0.0, **arguments):
    settings = {"start_at": START, "seed": 3} | arguments
    return SimulatedHouse(
        load_house(name), plain_winter(START, days=days, mean_c=mean_c), **settings
    )


def after(**span):
    return START + timedelta(**span)


def write(house, capability, value):
    image = house.pump_registers
    point = image.profile.points[image.profile.knobs[capability].point]
    house.modbus.write(PUMP_UNIT, point.address, list(encode(point, value)))


def test_there_are_six_houses_of_both_emitters_and_all_masses():
    houses = [load_house(name) for name in house_names()]
    assert len(houses) == 6
    assert {house.owner.emitter for house in houses} == {"radiator", "floor"}
    assert {house.owner.mass for house in houses} == {"light", "medium", "heavy"}


def test_unknown_houses_and_keys_are_refused():
    with pytest.raises(ValueError, match="there are brick1935"):
        load_house("castle")
    with pytest.raises(KeyError):
        parse_house("empty", {})


@pytest.mark.parametrize("name", house_names())
def test_own_control_keeps_a_cold_week_comfortable(name):
    house = simulated(name, mean_c=-3.0)
    living, sleeping = [], []
    for hour in range(1, 7 * 24 + 1):
        house.advance(after(hours=hour))
        zone_c = house.truth().zone_c
        living.append(zone_c[0])
        sleeping.append(zone_c[1])
    mean_c = sum(living) / len(living)
    assert 20.2 < mean_c < 21.8
    assert min(living) > 18.5
    assert max(living) < 23.5
    assert abs(mean_c - sum(sleeping) / len(sleeping)) < 0.6
    truth = house.truth()
    assert 2.2 < truth.heat_kwh / truth.electricity_kwh < 4.6
    assert truth.backup_kwh < 0.08 * truth.electricity_kwh
    assert 5 < truth.compressor_starts < 140
    assert house.firmware.trips == 0


@pytest.mark.parametrize("name", ["brick1935", "slab2004"])
def test_heat_from_the_machine_is_found_again_in_the_house(name):
    house = simulated(name)
    loop, tank, building = house._loop, house._tank, house._building
    loop_kwh, tank_j, building_kwh = loop.stored_kwh(), tank.stored_j(), building.stored_kwh()
    house.advance(after(days=2))
    truth = house.truth()
    to_tank_j = tank.stored_j() - tank_j + tank.drawn_j + tank.lost_j
    found_kwh = (
        (loop.given_j + loop.to_ground_j + to_tank_j) / J_PER_KWH + loop.stored_kwh() - loop_kwh
    )
    assert truth.heat_kwh == pytest.approx(found_kwh, rel=1e-3)
    gained_kwh = (building.gained_j - building.lost_j) / J_PER_KWH
    assert building.stored_kwh() - building_kwh == pytest.approx(gained_kwh, rel=1e-3, abs=1e-3)


def test_equal_arguments_give_equal_futures_however_time_is_cut():
    first, second = simulated(), simulated()
    first.advance(after(hours=20))
    for minute in range(1, 20 * 60 + 1):
        second.advance(after(minutes=minute))
    assert first.truth() == second.truth()
    assert first.pop_messages() == second.pop_messages()


def test_another_seed_is_another_family():
    first, second = simulated(seed=1), simulated(seed=2)
    first.advance(after(hours=24))
    second.advance(after(hours=24))
    assert first.truth() != second.truth()


def test_it_starts_near_rest():
    house = simulated(occupants=Steady(), mean_c=-3.0)
    before = house.truth()
    assert before.zone_c == pytest.approx((21.0, 21.0), abs=0.05)
    assert before.flow_c > before.return_c > 25.0
    house.advance(after(hours=3))
    assert house.truth().zone_c[0] == pytest.approx(21.0, abs=0.7)


def test_time_does_not_run_back():
    house = simulated()
    house.advance(after(minutes=5))
    with pytest.raises(ValueError, match="does not run back"):
        house.advance(after(minutes=4))


def test_a_flow_request_is_obeyed_while_renewed_and_forgotten_afterwards():
    house = simulated()
    for minute in range(0, 60, 5):
        house.advance(after(minutes=minute))
        write(house, Capability.FLOW_SETPOINT, 15.0)
    assert house.truth().compressor_hz == 0.0
    assert house.firmware.flow_request_c == 15.0
    house.advance(after(minutes=66))
    assert house.firmware.flow_request_c is None
    house.advance(after(minutes=180))
    assert house.truth().flow_c > 30.0


def test_heating_ahead_stores_heat_and_costs_more_now():
    plain, ahead = simulated(occupants=Steady()), simulated(occupants=Steady())
    for minute in range(0, 360, 5):
        plain.advance(after(minutes=minute))
        ahead.advance(after(minutes=minute))
        write(ahead, Capability.FLOW_SETPOINT, 50.0)
    assert ahead.truth().stored_kwh > plain.truth().stored_kwh + 3.0
    assert ahead.truth().electricity_kwh > plain.truth().electricity_kwh + 1.0
    assert ahead.truth().zone_c[0] > plain.truth().zone_c[0] + 0.5


def test_a_power_limit_holds_outside_starts_and_minimum_runs():
    house = simulated(mean_c=-6.0)
    peak_w = 0.0
    for minute in range(0, 480, 5):
        house.advance(after(minutes=minute))
        write(house, Capability.POWER_LIMIT, 1100.0)
        if minute > 60:
            peak_w = max(peak_w, house.truth().power_w)
    assert peak_w < 1200.0


def test_a_curve_offset_warms_the_rooms_for_good():
    plain, shifted = simulated(occupants=Steady()), simulated(occupants=Steady())
    write(shifted, Capability.CURVE_OFFSET, 5.0)
    plain.advance(after(days=2))
    shifted.advance(after(days=2))
    assert shifted.truth().zone_c[0] > plain.truth().zone_c[0] + 0.8
    assert shifted.pump_registers.write_counts == {"curve_offset": 1}


def test_the_resident_turns_the_thermostat():
    house = simulated()
    house.advance(after(minutes=10))
    house.pop_messages()
    house.set_room_setpoint(22.5)
    house.advance(after(minutes=12))
    payloads = [
        json.loads(payload)
        for topic, payload, _ in house.pop_messages()
        if topic == "zigbee2mqtt/thermostat"
    ]
    assert payloads[-1]["occupied_heating_setpoint"] == 22.5
    assert house.firmware.room_setpoint_c == 22.5


def test_the_room_sensor_reports_changes_and_signs_of_life():
    house = simulated()
    house.advance(after(hours=12))
    sensed = [
        json.loads(payload)
        for topic, payload, _ in house.pop_messages()
        if topic == "zigbee2mqtt/living_room"
    ]
    assert 24 <= len(sensed) < 400
    offset_k = house.house.truth.sensors.room_offset_k
    assert sensed[-1]["temperature"] == pytest.approx(house.truth().zone_c[0] + offset_k, abs=0.4)
    assert set(sensed[-1]) == {"temperature", "humidity", "battery", "linkquality"}


def test_an_alarm_leaves_the_compressor_standing():
    house = simulated()
    house.advance(after(hours=1))
    house.set_alarm(27)
    house.advance(after(hours=2))
    assert house.truth().compressor_hz == 0.0
    assert house.truth().operating_state in (OperatingState.OFF, OperatingState.HEATING)


def test_a_day_of_the_family_does_not_depend_on_other_days():
    days = [after(days=day, hours=hour) for day in range(5) for hour in range(24)]
    forward = Family(seed=5, people=4, timezone="Europe/Copenhagen")
    backward = Family(seed=5, people=4, timezone="Europe/Copenhagen")
    seen = {at: (forward.gains_w(at), forward.draw_l_per_min(at)) for at in days}
    for at in reversed(days):
        assert (backward.gains_w(at), backward.draw_l_per_min(at)) == seen[at]


def test_a_family_uses_as_much_as_families_do():
    family = Family(seed=1, people=4, timezone="Europe/Copenhagen")
    minutes = [after(minutes=minute) for minute in range(14 * 24 * 60)]
    litres_per_day = sum(family.draw_l_per_min(at) for at in minutes) / 14
    mean_w = sum(sum(family.gains_w(at)) for at in minutes) / len(minutes)
    aired_h = sum(any(family.airing_per_h(at)) for at in minutes) / 60
    assert 120.0 < litres_per_day < 260.0
    assert 350.0 < mean_w < 700.0
    assert 0.2 < aired_h < 6.0
