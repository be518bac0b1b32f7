import pytest

from controller.published_pumps import UnknownPumpError, doubt, find, published, suggestions
from mpc.heat_pump import SourceKind, capacity_w, cop
from mpc.heat_pump_published import RATING_C

UNITS = (
    "Vaillant Deutschland VWL 55/6 A 230V",
    "Nibe F2040-8",
    "STIEBEL ELTRON WPL 25 AC",
    "Bosch Thermotechnik Bosch Compress 6000 10 LW",
)


@pytest.mark.parametrize("model", UNITS)
def test_a_published_unit_is_a_plausible_heat_pump(model: str) -> None:
    heat_pump = published(model)
    source_c, flow_c = RATING_C[heat_pump.source]
    assert 2.5 < float(cop(heat_pump, source_c, flow_c)) < 5.0
    assert float(cop(heat_pump, source_c, 55.0)) < float(cop(heat_pump, source_c, 35.0))
    assert 1.0 <= heat_pump.standby_w < 50.0


def test_a_unit_is_found_without_its_maker_and_in_any_spelling_of_case_and_space() -> None:
    assert find("f2040-8") == find("  NIBE   F2040-8 ") == find("Nibe F2040-8")
    assert find("Bosch Compress 6000 10 LW").source is SourceKind.GROUND
    assert not find("Bosch Compress 6000 10 LW").regulated


def test_a_unit_in_another_size_gives_the_rated_heat_asked_for() -> None:
    larger = published("Nibe F2040-8", nominal_heat_w=9000.0)
    assert float(capacity_w(larger, 7.0, 35.0)) == pytest.approx(9000.0)


def test_a_name_that_is_not_there_brings_similar_ones() -> None:
    with pytest.raises(UnknownPumpError, match=r"there is none.*'Nibe F2040-8'"):
        published("nibe f2040")
    assert "Nibe F2040-12" in suggestions("2040 nibe")
    assert "Nibe F2040-12" in suggestions("Nibe F2040-21")
    with pytest.raises(UnknownPumpError, match=r"there is none$"):
        find("§§§")


def test_a_unit_whose_figures_disagree_is_named() -> None:
    assert doubt("Nibe F2040-8") is None
    told = doubt("DAIKIN Europe ERRQ011AV1 / EKHBRD011ADV17")
    assert told is not None
    assert "24%" in told
    with pytest.raises(ValueError, match="contradict each other"):
        published("CTC EcoAir 510M 1x230V")
