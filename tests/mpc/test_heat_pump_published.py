from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.heat_pump import SourceKind, capacity_w, cop, part_load_gain
from mpc.heat_pump_published import CONDITIONS_C, PublishedFit, published_map, scaled

AIR = PublishedFit(
    name="An air unit",
    source=SourceKind.AIR,
    regulated=True,
    standby_w=11.0,
    heat_ref_w=5000.0,
    cop_ref=2.0,
    cop=(0.1524, -0.0932, 7.26),
    heat_frac=(-0.044, -0.001, 0.75),
)
AIR_ON_OFF = replace(
    AIR, regulated=False, cop=(0.0957, -0.0601, 5.7), heat_frac=(0.043, -0.004, 1.44)
)
BRINE = replace(
    AIR,
    source=SourceKind.GROUND,
    heat_ref_w=10000.0,
    cop_ref=2.9,
    cop=(-0.0007, -0.0942, 7.8),
    heat_frac=(-0.02, -0.0005, 0.81),
)
BRINE_ON_OFF = replace(
    BRINE, regulated=False, cop=(-0.0379, -0.105, 8.2), heat_frac=(-0.0016, -0.0041, 1.2)
)
FITS = (AIR, AIR_ON_OFF, BRINE, BRINE_ON_OFF)


@pytest.mark.parametrize("fit", FITS)
def test_a_unit_gives_its_certified_cop_at_the_load_of_the_certification(fit: PublishedFit) -> None:
    heat_pump = replace(published_map(fit).heat_pump, field_frac=1.0)
    for outdoor_c, flow_c in CONDITIONS_C:
        source_c = outdoor_c if fit.source is SourceKind.AIR else 0.0
        found = float(cop(heat_pump, source_c, flow_c))
        if fit.regulated:
            load_w = fit.heat_ref_w * (16.0 - outdoor_c) / 23.0
            load_frac = load_w / float(capacity_w(heat_pump, source_c, flow_c))
            found *= float(part_load_gain(source_c, flow_c, max(load_frac, 0.25)))
        a, b, c = fit.cop
        printed = a * outdoor_c + b * flow_c + c
        if (outdoor_c, flow_c) == (-7.0, 52.0):
            printed = fit.cop_ref
        assert found == pytest.approx(printed, rel=0.15)


@pytest.mark.parametrize("fit", FITS)
def test_the_reference_heat_is_the_capacity_at_the_reference_point(fit: PublishedFit) -> None:
    source_c = -7.0 if fit.source is SourceKind.AIR else 0.0
    found_w = float(capacity_w(published_map(fit).heat_pump, source_c, 52.0))
    assert found_w == pytest.approx(fit.heat_ref_w, rel=0.05)


def test_a_regulated_unit_has_more_heat_in_mild_air_although_its_certified_load_falls() -> None:
    heat_pump = published_map(AIR).heat_pump
    assert float(capacity_w(heat_pump, 7.0, 35.0)) > 1.15 * float(capacity_w(heat_pump, -7.0, 35.0))


@given(
    which=st.sampled_from(FITS),
    source_c=st.floats(-25.0, 25.0),
    flow_c=st.floats(20.0, 65.0),
    warmer_k=st.floats(0.0, 30.0),
)
def test_a_published_map_is_plausible_far_beyond_its_certificate(
    which: PublishedFit, source_c: float, flow_c: float, warmer_k: float
) -> None:
    heat_pump = published_map(which).heat_pump
    here = float(cop(heat_pump, source_c, flow_c))
    assert 1.0 <= float(cop(heat_pump, source_c, flow_c + warmer_k)) <= here + 1e-9
    assert here <= float(cop(heat_pump, source_c + warmer_k, flow_c)) + 1e-9
    assert here < 9.0
    assert float(capacity_w(heat_pump, source_c, flow_c)) > 0.3 * which.heat_ref_w


@pytest.mark.parametrize(
    ("fit", "source_c"), [(AIR, 7.0), (AIR_ON_OFF, 7.0), (BRINE, 0.0), (BRINE_ON_OFF, 0.0)]
)
def test_another_size_of_a_unit_keeps_its_cop(fit: PublishedFit, source_c: float) -> None:
    heat_pump = published_map(fit).heat_pump
    larger = scaled(heat_pump, 14_000.0)
    assert float(capacity_w(larger, source_c, 35.0)) == pytest.approx(14_000.0)
    assert float(cop(larger, -3.0, 48.0)) == pytest.approx(float(cop(heat_pump, -3.0, 48.0)))


def test_figures_that_cannot_be_one_heat_pump_are_refused() -> None:
    with pytest.raises(ValueError, match="no heat pump at 12 °C outdoors and 24 °C flow"):
        published_map(replace(AIR, cop=(-0.35, 0.0, 4.0)))
    with pytest.raises(ValueError, match="contradict each other"):
        published_map(replace(AIR, cop_ref=6.0))
