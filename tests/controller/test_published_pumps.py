from dataclasses import replace

import pytest

from controller.config import ConfigError, HouseConfig, parse_config
from controller.model import heat_pump_map, house_model
from controller.published_pumps import UnknownPumpError, doubt, find, published, suggestions
from mpc.heat_pump import SourceKind, capacity_w, cop
from mpc.heat_pump_published import RATING_C, published_map
from mpc.plan import BackupHeater

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
    assert suggestions("VWL 55/6")[0] == "Vaillant Deutschland VWL 55/6 A 230V"
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


def configured(**heat_pump: object) -> HouseConfig:
    """A house whose pump is described by these keys."""
    house = {"timezone": "Europe/Copenhagen", "year": 1975, "area_m2": 140.0}
    return parse_config(
        {
            "house": {**house, "emitter": "radiator", "design_flow_c": 50.0},
            "heat_pump": {"profile": "generic-modbus", "host": "pump.local", **heat_pump},
        }
    )


def test_the_configuration_names_a_unit_and_the_model_has_its_map() -> None:
    config = configured(model="Nibe F2040-8", nominal_heat_w=7000.0)
    assert heat_pump_map(config) == published("Nibe F2040-8", nominal_heat_w=7000.0)


def test_standby_and_frost_of_the_owner_go_into_the_map() -> None:
    heat_pump = heat_pump_map(configured(standby_w=4.0, frost_frac=0.5))
    assert (heat_pump.standby_w, heat_pump.frost_frac) == (4.0, 0.5)
    plain = heat_pump_map(configured())
    assert float(capacity_w(heat_pump, 1.7, 35.0)) == pytest.approx(
        0.95 * float(capacity_w(plain, 1.7, 35.0)), rel=0.01
    )


@pytest.mark.parametrize("source", ["air", "ground"])
def test_a_later_rule_gives_a_better_cop_by_the_report_s_factor(source: str) -> None:
    old, new = (
        heat_pump_map(configured(source=source, cop_rule=f"ipower-{year}")) for year in (2020, 2035)
    )
    ratio = float(cop(new, 2.0, 45.0)) / float(cop(old, 2.0, 45.0))
    assert ratio == pytest.approx(3.4 / 3.0)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"model": "nibe f2040"}, r"heat_pump\.model: .*did you mean.*'Nibe F2040-8'"),
        ({"model": "CTC EcoAir 510M 1x230V"}, "contradict each other"),
        ({"model": "Nibe F2040-8", "source": "ground"}, 'set source = "air"'),
        ({"model": "Bosch Compress 6000 10 LW", "source": "ground"}, "set modulation_min_frac = 1"),
        ({"model": "Nibe F2040-8", "cop_rule": "ipower-2020"}, "not two of them"),
        ({"source": "ground", "frost_frac": 0.5}, "frost_frac is of air"),
    ],
)
def test_figures_that_do_not_fit_together_are_refused_in_words(
    keys: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        configured(**keys)


def test_every_shipped_unit_but_one_is_a_smooth_map_near_its_certificate() -> None:
    kinds = {
        replace(fit, name="", standby_w=0.0): fit
        for fit in map(find, dict.fromkeys(suggestions("", count=10_000)))
    }
    refused = []
    for fit in kinds.values():
        try:
            found = published_map(fit)
        except ValueError:
            refused.append(fit.name)
            continue
        source_c, flow_c = RATING_C[fit.source]
        assert 2.0 < float(cop(found.heat_pump, source_c, flow_c)) < 5.5
    assert len(kinds) > 400
    assert refused == ["Enertech CTC AB CTC EcoAir 510M 1x230V"]


def test_heater_and_circulation_pump_of_the_owner_are_in_the_model() -> None:
    model = house_model(configured(circulation_w=45.0, heater={"stage_w": 3000.0, "stages": 3}))
    assert model.circulation_w == 45.0
    assert model.heater == BackupHeater(stage_w=3000.0, stages=3)
    plain = house_model(configured())
    assert (plain.heater, plain.circulation_w) == (None, 0.0)
