from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.heat_pump import HeatPumpMap, rated
from mpc.heat_pump_maps import air_water_surrogate, ground_source_map

DRY = air_water_surrogate(8000.0)
SCATTERED = replace(DRY, points=DRY.points[3::11])


@pytest.mark.parametrize("dry", [DRY, SCATTERED])
def test_frost_costs_most_at_1_7_degrees_and_nothing_in_cold_or_mild_air(dry: HeatPumpMap) -> None:
    source_c = np.array([-15.0, -8.3, -3.3, 1.7, 4.45, 7.2, 15.0])
    plain = rated(dry).at(source_c, 40.0)
    frosted = rated(replace(dry, frost_frac=1.0)).at(source_c, 40.0)
    heat = (1.0, 1.0, 0.95, 0.90, 0.95, 1.0, 1.0)
    assert frosted[1] / plain[1] == pytest.approx(np.array(heat), abs=0.004)
    worst = 0.90 / 0.985
    middle = 0.5 * (1.0 + worst)
    expected = np.array([1.0, 1.0, middle, worst, middle, 1.0, 1.0])
    assert frosted[0] / plain[0] == pytest.approx(expected, abs=0.004)


@given(share=st.floats(0.0, 1.0), source_c=st.floats(-30.0, 30.0), flow_c=st.floats(20.0, 65.0))
def test_frost_never_helps_and_half_of_it_costs_half(
    share: float, source_c: float, flow_c: float
) -> None:
    dry, some, whole = (
        rated(replace(DRY, frost_frac=frac)).at(source_c, flow_c) for frac in (0.0, share, 1.0)
    )
    for none, part, full in zip(dry, some, whole, strict=True):
        assert full <= part + 1e-9
        assert part == pytest.approx(none - share * (none - full), rel=1e-6)


def test_frost_on_a_ground_source_map_or_beyond_its_share_is_refused() -> None:
    for wrong in (replace(ground_source_map(5), frost_frac=0.5), replace(DRY, frost_frac=1.5)):
        with pytest.raises(ValueError, match="frost takes a share"):
            rated(wrong)
