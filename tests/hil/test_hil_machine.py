"""The compressor machine against its data sheet and against what real ones do."""

from dataclasses import replace

import pytest

from hil.house import house_names, load_house
from hil.machine import Machine, moisture_frac, sheet_value

TRUTH = load_house("timber1972").truth.machine


def run(*, speed_frac, outdoor_c, flow_c, humidity_frac=0.4, minutes=60, truth=TRUTH):
    machine = Machine(truth)
    for _ in range(minutes * 4):
        machine.step(
            15.0,
            hz=speed_frac * truth.hz_max,
            outdoor_c=outdoor_c,
            humidity_frac=humidity_frac,
            flow_c=flow_c,
        )
    return machine


def cop(machine):
    return machine.heat_w / machine.power_w


@pytest.mark.parametrize("name", house_names())
def test_the_data_sheet_is_what_the_machine_gives(name):
    house = load_house(name)
    for point in house.owner.sheet:
        seen = sheet_value(house.truth.machine, source_c=point.source_c, flow_c=point.flow_c)
        assert seen.heat_w == pytest.approx(point.heat_w, rel=0.02)
        assert seen.power_w == pytest.approx(point.power_w, rel=0.02)


def test_data_sheets_lie_where_published_ones_lie():
    for name in house_names():
        sheet = {(row.source_c, row.flow_c): row for row in load_house(name).owner.sheet}
        mild, cold = sheet[7.0, 35.0], sheet[-7.0, 35.0]
        assert 3.7 < mild.heat_w / mild.power_w < 4.7
        assert 2.6 < cold.heat_w / cold.power_w < 3.4
        assert 0.65 < cold.heat_w / mild.heat_w < 0.85


def test_cop_falls_with_the_flow_temperature_and_rises_with_the_source():
    by_flow = [cop(run(speed_frac=0.6, outdoor_c=0.0, flow_c=flow)) for flow in (30, 40, 50, 58)]
    assert by_flow == sorted(by_flow, reverse=True)
    by_source = [cop(run(speed_frac=0.6, outdoor_c=source, flow_c=40)) for source in (-15, -5, 5)]
    assert by_source == sorted(by_source)


def test_capacity_falls_with_the_source_temperature():
    heats = [
        run(speed_frac=1.0, outdoor_c=source, flow_c=40).heat_w for source in (-15.0, -5.0, 5.0)
    ]
    assert heats == sorted(heats)


def test_middle_speed_is_the_most_efficient():
    low, middle, high = (
        cop(run(speed_frac=speed, outdoor_c=2.0, flow_c=40.0)) for speed in (0.3, 0.45, 1.0)
    )
    assert middle > low
    assert middle > 1.08 * high


def test_the_first_minutes_after_a_start_are_poor():
    early = run(speed_frac=0.5, outdoor_c=2.0, flow_c=35.0, minutes=1)
    later = run(speed_frac=0.5, outdoor_c=2.0, flow_c=35.0, minutes=15)
    assert cop(early) < 0.75 * cop(later)
    assert early.heat_w < 0.6 * later.heat_w


def test_humid_air_at_two_degrees_leads_to_defrosts_that_take_heat_from_the_water():
    machine = Machine(TRUTH)
    colder = 0.0
    for _ in range(4 * 180):
        machine.step(15.0, hz=75.0, outdoor_c=2.0, humidity_frac=0.92, flow_c=40.0)
        colder = min(colder, machine.heat_w)
    assert 2 <= machine.defrosts <= 5
    assert colder == -TRUTH.defrost_w


def test_dry_air_at_minus_ten_does_not():
    assert (
        run(speed_frac=0.85, outdoor_c=-10.0, flow_c=40.0, humidity_frac=0.5, minutes=300).defrosts
        == 0
    )


def test_mild_air_does_not():
    assert (
        run(speed_frac=0.6, outdoor_c=9.0, flow_c=35.0, humidity_frac=0.9, minutes=300).frost_kg
        == 0.0
    )


def test_frost_costs_efficiency_before_it_is_melted():
    clean = run(speed_frac=0.8, outdoor_c=1.0, flow_c=40.0, humidity_frac=0.95, minutes=12)
    frosted = run(speed_frac=0.8, outdoor_c=1.0, flow_c=40.0, humidity_frac=0.95, minutes=45)
    assert frosted.frost_kg > 3.0 * clean.frost_kg
    assert frosted.defrosts == 0
    assert cop(frosted) < 0.98 * cop(clean)


def test_a_standing_machine_draws_standby_and_in_the_cold_crankcase_heat():
    warm = run(speed_frac=0.0, outdoor_c=15.0, flow_c=25.0)
    cold = run(speed_frac=0.0, outdoor_c=0.0, flow_c=25.0)
    assert warm.power_w == TRUTH.standby_w
    assert cold.power_w == TRUTH.standby_w + TRUTH.crankcase_w
    assert warm.heat_w == cold.heat_w == 0.0


def test_a_ground_source_unit_cools_its_brine_and_never_frosts():
    truth = replace(TRUTH, source="ground", ground_c=8.0)
    machine = run(
        speed_frac=0.8, outdoor_c=-10.0, flow_c=35.0, humidity_frac=0.9, minutes=600, truth=truth
    )
    air = run(speed_frac=0.8, outdoor_c=-10.0, flow_c=35.0)
    assert -2.0 < machine.brine_c < 6.0
    assert machine.defrosts == 0
    assert cop(machine) > cop(air)


def test_saturated_air_holds_what_the_psychrometric_chart_says():
    assert moisture_frac(20.0) == pytest.approx(0.0147, rel=0.01)
    assert moisture_frac(0.0) == pytest.approx(0.0038, rel=0.02)
