from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.heat_pump import (
    HeatPumpMap,
    RatedPoint,
    SourceKind,
    capacity_w,
    cop,
    part_load_gain,
    rated,
    source_for,
)
from mpc.heat_pump_maps import (
    AIR_FIELD_FRAC,
    GROUND_FIELD_FRAC,
    GROUND_SIZES_KW,
    air_water_surrogate,
    ground_source_map,
)

RADIATOR_FLOW_C = {-10.0: 48.75, 0.0: 42.5, 7.0: 38.125}
SCATTERED = HeatPumpMap(
    source=SourceKind.AIR,
    points=(
        RatedPoint(source_c=-7.0, flow_c=35.0, heat_w=5200.0, power_w=1857.0),
        RatedPoint(source_c=2.0, flow_c=35.0, heat_w=5800.0, power_w=1611.0),
        RatedPoint(source_c=7.0, flow_c=35.0, heat_w=6500.0, power_w=1354.0),
        RatedPoint(source_c=7.0, flow_c=55.0, heat_w=6000.0, power_w=2000.0),
    ),
    field_frac=1.0,
    standby_w=8.0,
)
ONE_POINT = replace(SCATTERED, points=SCATTERED.points[1:2])
MAPS = (*(ground_source_map(kw) for kw in GROUND_SIZES_KW), air_water_surrogate(8000.0))


def rated_only(heat_pump: HeatPumpMap) -> HeatPumpMap:
    """Without the field factor, and from the 35 and 55 °C rows the report's lines are drawn by."""
    rows = tuple(p for p in heat_pump.points if p.flow_c != 45.0)
    return replace(heat_pump, points=rows, field_frac=1.0)


@pytest.mark.parametrize(
    ("ground_c", "flow_c", "expected"),
    [(0.0, 55.0, 2.5), (0.0, 35.0, 3.8), (15.0, 55.0, 3.3), (15.0, 35.0, 5.3)],
)
def test_ground_source_cop_is_the_printed_one(
    ground_c: float, flow_c: float, expected: float
) -> None:
    heat_pump = replace(ground_source_map(9), field_frac=1.0)
    assert float(cop(heat_pump, ground_c - 5.0, flow_c)) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    ("ground_c", "flow_c", "expected"),
    [(0.0, 48.75, 2.91), (0.0, 39.375, 3.52), (0.0, 42.5, 3.32), (7.0, 38.125, 4.25)],
)
def test_ground_source_cop_between_the_rows_follows_the_lines(
    ground_c: float, flow_c: float, expected: float
) -> None:
    heat_pump = ground_source_map(9)
    brine_c = ground_c - 5.0
    assert float(cop(rated_only(heat_pump), brine_c, flow_c)) == pytest.approx(expected, abs=0.02)
    full = replace(heat_pump, field_frac=1.0)
    assert float(cop(full, brine_c, flow_c)) == pytest.approx(expected, abs=0.1)


def test_field_factors_of_ground_source_units_by_vintage() -> None:
    at_minus_10 = float(cop(rated_only(ground_source_map(9)), -5.0, 48.75))
    assert GROUND_FIELD_FRAC == 0.95
    assert at_minus_10 * GROUND_FIELD_FRAC == pytest.approx(2.77, abs=0.02)
    assert at_minus_10 * GROUND_FIELD_FRAC * 3.4 / 3.0 == pytest.approx(3.14, abs=0.02)
    assert [round(GROUND_FIELD_FRAC * k / 3.0, 3) for k in (3.0, 3.2, 3.4)] == [0.95, 1.013, 1.077]


@pytest.mark.parametrize(
    ("outdoor_c", "raw", "applied"), [(-10.0, 2.52, 2.14), (0.0, 3.16, 2.68), (7.0, 3.76, 3.20)]
)
def test_air_to_water_surrogate_at_radiator_flow(
    outdoor_c: float, raw: float, applied: float
) -> None:
    heat_pump = air_water_surrogate(8000.0)
    flow_c = RADIATOR_FLOW_C[outdoor_c]
    assert AIR_FIELD_FRAC == 0.85
    assert float(cop(replace(heat_pump, field_frac=1.0), outdoor_c, flow_c)) == pytest.approx(
        raw, abs=0.01
    )
    assert float(cop(heat_pump, outdoor_c, flow_c)) == pytest.approx(applied, abs=0.01)


def test_nominal_heat_of_the_surrogate_holds_at_its_rating_point() -> None:
    assert float(capacity_w(air_water_surrogate(8000.0), 7.0, 35.0)) == pytest.approx(8000.0)
    colder = float(capacity_w(air_water_surrogate(8000.0), -12.0, 35.0))
    assert 0.75 < colder / 8000.0 < 0.85


@pytest.mark.parametrize("heat_pump", MAPS)
def test_rated_points_are_met_exactly(heat_pump: HeatPumpMap) -> None:
    for p in heat_pump.points:
        assert float(capacity_w(heat_pump, p.source_c, p.flow_c)) == pytest.approx(p.heat_w)
        expected = max(1.0, heat_pump.field_frac * p.heat_w / p.power_w)
        assert float(cop(heat_pump, p.source_c, p.flow_c)) == pytest.approx(expected)


@given(
    source_c=st.floats(-40.0, 40.0),
    flow_c=st.floats(5.0, 90.0),
    warmer_k=st.floats(0.0, 40.0),
    which=st.integers(0, len(MAPS) + 1),
)
def test_cop_never_rises_with_the_flow_and_never_falls_below_one(
    source_c: float, flow_c: float, warmer_k: float, which: int
) -> None:
    heat_pump = (*MAPS, SCATTERED, ONE_POINT)[which]
    cool, warm = (float(cop(heat_pump, source_c, f)) for f in (flow_c, flow_c + warmer_k))
    assert 1.0 <= warm <= cool + 1e-9
    assert float(capacity_w(heat_pump, source_c, flow_c)) > 0.0


@given(source_c=st.floats(-40.0, 40.0), flow_c=st.floats(5.0, 90.0), which=st.integers(0, 5))
def test_between_the_nodes_a_map_is_bilinear_and_beyond_them_it_holds(
    source_c: float, flow_c: float, which: int
) -> None:
    pump = rated((*MAPS, SCATTERED, ONE_POINT)[which])
    for values, found in zip(
        (pump.rated_cop, pump.rated_heat_w),
        (pump.cop(source_c, flow_c), pump.capacity_w(source_c, flow_c)),
        strict=True,
    ):
        along_flow = [np.interp(source_c, pump.source_c, column) for column in values.T]
        expected = float(np.interp(flow_c, pump.flow_c, along_flow))
        if values is pump.rated_cop:
            expected = max(pump.field_frac * expected, 1.0)
        else:
            expected = max(expected, 0.2 * float(values.max()))
        assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("heat_pump", MAPS)
def test_cop_and_capacity_asked_together_are_those_asked_apart(heat_pump: HeatPumpMap) -> None:
    pump, source_c, flow_c = rated(heat_pump), np.linspace(-30.0, 30.0, 61), 41.0
    cops, heats_w = pump.at(source_c, flow_c)
    assert cops.tolist() == pump.cop(source_c, flow_c).tolist()
    assert heats_w.tolist() == pump.capacity_w(source_c, flow_c).tolist()


@pytest.mark.parametrize("heat_pump", MAPS)
def test_cop_rises_with_the_source(heat_pump: HeatPumpMap) -> None:
    along = cop(heat_pump, np.linspace(-15.0, 15.0, 31), 42.0)
    assert all(a <= b + 1e-9 for a, b in pairwise(along.tolist()))


def test_scattered_points_are_met_within_a_few_percent() -> None:
    for p in SCATTERED.points:
        found = float(cop(SCATTERED, p.source_c, p.flow_c))
        assert found == pytest.approx(p.heat_w / p.power_w, rel=0.1)
        heat_w = float(capacity_w(SCATTERED, p.source_c, p.flow_c))
        assert heat_w == pytest.approx(p.heat_w, rel=0.05)


def test_one_point_is_enough_for_a_plausible_map() -> None:
    assert float(cop(ONE_POINT, 2.0, 35.0)) == pytest.approx(3.6, rel=0.01)
    assert 2.0 < float(cop(ONE_POINT, 2.0, 45.0)) < 3.2


def test_a_row_that_rises_with_the_flow_is_taken_as_rounding() -> None:
    points = tuple(
        RatedPoint(source_c=s, flow_c=f, heat_w=6000.0, power_w=w)
        for s, f, w in ((2, 35, 1800), (2, 45, 1700), (7, 35, 1500), (7, 45, 1900))
    )
    heat_pump = replace(SCATTERED, points=points)
    assert float(cop(heat_pump, 2.0, 45.0)) == pytest.approx(float(cop(heat_pump, 2.0, 35.0)))


def test_part_load_spares_lift_and_full_load_spares_none() -> None:
    gains = part_load_gain(0.0, 40.0, np.array([0.3, 0.6, 1.0, 1.2])).tolist()
    assert gains == pytest.approx([50.0 / 43.0, 50.0 / 46.0, 1.0, 1.0])
    narrow = float(part_load_gain(20.0, 25.0, 0.3))  # a lift below the least counts as the least
    assert narrow == pytest.approx(25.0 / 18.0)


def test_points_that_cannot_be_a_heat_pump_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        cop(replace(SCATTERED, points=()), 0.0, 35.0)
    broken = replace(SCATTERED.points[0], power_w=0.0)
    with pytest.raises(ValueError, match="positive"):
        cop(replace(SCATTERED, points=(broken,)), 0.0, 35.0)
    with pytest.raises(ValueError, match="there are 5, 7 and 9"):
        ground_source_map(6)


def test_brine_follows_the_mean_outdoors_and_air_each_step() -> None:
    outdoor = (2.0, 4.0, 6.0)
    assert source_for(ground_source_map(5), outdoor).tolist() == [-1.0, -1.0, -1.0]
    assert source_for(ground_source_map(5), (-6.0, -6.0)).tolist() == [-5.0, -5.0]
    assert source_for(air_water_surrogate(8000.0), outdoor).tolist() == [2.0, 4.0, 6.0]
