import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.building import EmitterKind
from mpc.cop_rules import (
    VINTAGE_FACTOR,
    CopRule,
    Vintage,
    air_cop,
    ground_cop,
    ground_for,
    rule_map,
    supply_for,
)
from mpc.heat_pump import SourceKind, capacity_w, cop

GROUND = CopRule(ground_frac=1.0)
AIR = CopRule(ground_frac=0.0)


def at_outdoor(outdoor_c: float, kind: EmitterKind) -> float:
    """Data-sheet COP of the ground-source unit when day and week are as cold."""
    return float(ground_cop(ground_for(outdoor_c), supply_for(kind, outdoor_c)))


@pytest.mark.parametrize(
    ("ground_c", "supply_c", "printed"),
    [(0.0, 55.0, 2.5), (0.0, 35.0, 3.8), (15.0, 55.0, 3.3), (15.0, 35.0, 5.3)],
)
def test_the_rule_meets_the_rows_of_the_report_s_sheet(
    ground_c: float, supply_c: float, printed: float
) -> None:
    assert float(ground_cop(ground_c, supply_c)) == pytest.approx(printed, abs=0.015)


@pytest.mark.parametrize(
    ("outdoor_c", "kind", "printed"),
    [
        (-20.0, EmitterKind.RADIATOR, 2.51),
        (-12.0, EmitterKind.RADIATOR, 2.83),
        (-10.0, EmitterKind.RADIATOR, 2.91),
        (0.0, EmitterKind.RADIATOR, 3.32),
        (7.0, EmitterKind.RADIATOR, 4.25),
        (10.0, EmitterKind.RADIATOR, 4.69),
        (-10.0, EmitterKind.FLOOR, 3.52),
        (7.0, EmitterKind.FLOOR, 4.58),
    ],
)
def test_the_rule_gives_the_report_s_cop_by_outdoor_temperature(
    outdoor_c: float, kind: EmitterKind, printed: float
) -> None:
    assert at_outdoor(outdoor_c, kind) == pytest.approx(printed, abs=0.006)


def test_field_factor_and_vintage_lower_and_raise_the_applied_cop() -> None:
    def applied(vintage: Vintage) -> float:
        rule = CopRule(ground_frac=1.0, vintage=vintage)
        return float(rule.cop(ground_c=0.0, air_c=-10.0, supply_c=48.75))

    assert applied(Vintage.Y2020) == pytest.approx(2.77, abs=0.006)
    assert applied(Vintage.Y2035) == pytest.approx(3.14, abs=0.006)
    factors = [0.95 * VINTAGE_FACTOR[v] for v in Vintage]
    assert [round(f, 3) for f in factors] == [0.950, 1.013, 1.013, 1.077]
    assert GROUND.ground_field_frac == 0.95


def test_supply_temperatures_of_the_design_day() -> None:
    assert float(supply_for(EmitterKind.RADIATOR, -12.0)) == pytest.approx(50.0)
    assert float(supply_for(EmitterKind.FLOOR, -12.0)) == pytest.approx(40.0)
    assert float(supply_for(EmitterKind.RADIATOR, -30.0)) == pytest.approx(55.0)
    assert float(supply_for(EmitterKind.FLOOR, 25.0)) == pytest.approx(30.0)


def test_the_ground_follows_the_week_but_never_freezes() -> None:
    assert ground_for([-6.0, 4.0]).tolist() == [0.0, 4.0]


def test_the_air_surrogate_at_minus_ten_on_radiators() -> None:
    supply_c = supply_for(EmitterKind.RADIATOR, -10.0)
    assert float(air_cop(-10.0, supply_c)) == pytest.approx(2.52, abs=0.006)
    applied = AIR.cop(ground_c=0.0, air_c=-10.0, supply_c=supply_c)
    assert float(applied) == pytest.approx(2.14, abs=0.006)


@given(
    outdoor_c=st.floats(-25.0, 19.9),
    supply_c=st.floats(30.0, 55.0),
    more_k=st.floats(0.0, 20.0),
    ground_frac=st.floats(0.0, 1.0),
)
def test_cop_rises_with_the_source_falls_with_the_supply_and_floors_beat_radiators(
    outdoor_c: float, supply_c: float, more_k: float, ground_frac: float
) -> None:
    rule = CopRule(ground_frac=ground_frac)

    def found(source_c: float, supply: float) -> float:
        return float(rule.cop(ground_c=ground_for(source_c), air_c=source_c, supply_c=supply))

    here = found(outdoor_c, supply_c)
    assert found(outdoor_c + more_k, supply_c) >= here - 1e-9
    assert found(outdoor_c, supply_c + more_k) <= here + 1e-9
    floor = float(supply_for(EmitterKind.FLOOR, outdoor_c))
    radiator = float(supply_for(EmitterKind.RADIATOR, outdoor_c))
    assert found(outdoor_c, floor) >= found(outdoor_c, radiator) - 1e-9


@given(ground_frac=st.floats(0.0, 1.0))
def test_a_stock_lies_between_its_two_kinds(ground_frac: float) -> None:
    at = {"ground_c": 2.0, "air_c": -3.0, "supply_c": 44.0}
    ends = [float(rule.cop(**at)) for rule in (GROUND, AIR)]
    mixed = float(CopRule(ground_frac=ground_frac).cop(**at))
    assert mixed == pytest.approx(ground_frac * ends[0] + (1.0 - ground_frac) * ends[1])


@pytest.mark.parametrize("source", SourceKind)
def test_the_rule_as_a_map_gives_the_rule_at_the_map_s_points(source: SourceKind) -> None:
    ground = source is SourceKind.GROUND
    rule = CopRule(ground_frac=float(ground), vintage=Vintage.Y2030)
    heat_pump = rule_map(rule, source=source, nominal_heat_w=7000.0)
    for p in heat_pump.points:
        expected = rule.cop(ground_c=p.source_c + 5.0, air_c=p.source_c, supply_c=p.flow_c)
        found = float(cop(heat_pump, p.source_c, p.flow_c))
        assert found == pytest.approx(max(float(expected), 1.0), rel=1e-9)
    rating_c = 0.0 if ground else 7.0
    assert float(capacity_w(heat_pump, rating_c, 35.0)) == pytest.approx(7000.0, rel=0.05)


def test_shares_and_maps_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        CopRule(ground_frac=1.1)
    with pytest.raises(ValueError, match="of air alone"):
        rule_map(GROUND, source=SourceKind.AIR, nominal_heat_w=7000.0)
