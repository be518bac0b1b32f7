"""A day's price in pieces, the tariffs that come along, and the verb that shows them."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from controller.cli import app
from controller.config import ConfigError, HouseConfig, effective_values, parse_config
from controller.forecasts import KNOWN, Known
from controller.model_tariff import tariff_of
from controller.store import open_store
from controller.tariff_bill import day_bill, mean_total
from controller.tariff_presets import overridden, preset, preset_names
from tests.drivers.priced import series

Document = dict[str, Any]
ZONE = "Europe/Oslo"
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31)) | st.sampled_from(
    [date(2026, 3, 29), date(2026, 10, 25)]
)


def parsed(document: Document, **tariff: object) -> HouseConfig:
    return parse_config(document | {"tariff": tariff})


# ---- the bill of a day ---------------------------------------------------------------------------


@given(DAYS, st.sampled_from(preset_names()), st.floats(-0.5, 3.0))
def test_pieces_add_up_to_what_the_planner_reckons_with(day: date, name: str, spot: float) -> None:
    section = _section(name, margin_frac=0.02, adder_per_kwh=0.05)
    tariff = tariff_of(section.tariff, ZONE)
    for step in day_bill(tariff, day, lambda _: spot):
        at = step.starts_at
        while at < step.ends_at:
            assert step.total == pytest.approx(tariff.price_per_kwh(spot, at))
            at += timedelta(minutes=15)
        assert step.vat is not None
        assert sum(part for part in step.pieces.values() if part) + spot + step.vat == (
            pytest.approx(step.total)
        )


def _section(name: str, **tariff: object) -> HouseConfig:
    house = {"timezone": ZONE, "year": 1972, "area_m2": 140.0, "emitter": "radiator",
             "design_flow_c": 50.0}  # fmt: skip
    pump = {"profile": "generic_modbus", "host": "192.0.2.1"}
    return parse_config({"house": house, "heat_pump": pump, "tariff": {"preset": name, **tariff}})


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-01-15", 24)]
)
def test_bill_covers_the_whole_local_day(day: str, hours: int) -> None:
    tariff = tariff_of(_section("no-elvia").tariff, ZONE)
    steps = day_bill(tariff, date.fromisoformat(day), lambda _: 0.1)
    assert steps[-1].ends_at - steps[0].starts_at == timedelta(hours=hours)
    assert all(one.ends_at == two.starts_at for one, two in itertools.pairwise(steps))


def test_unknown_spot_price_has_pieces_but_no_sum() -> None:
    tariff = tariff_of(_section("no-elvia", margin_frac=0.02).tariff, ZONE)
    noon = datetime(2026, 1, 15, 11, tzinfo=UTC)
    steps = day_bill(tariff, date(2026, 1, 15), lambda at: None if at < noon else 0.0)
    assert (steps[0].total, steps[0].vat, steps[0].pieces["margin"]) == (None, None, None)
    assert steps[0].pieces["Enova"] == 0.01
    assert steps[-1].total is not None
    assert steps[-1].pieces["margin"] == 0.0
    assert mean_total([steps[0]]) is None


def test_day_of_elvia_is_the_printed_one() -> None:
    """16.99 øre at night, 28.99 on working days; 7.13 øre tax, 1 øre Enova, 25 % VAT."""
    tariff = tariff_of(_section("no-elvia").tariff, ZONE)
    thursday = day_bill(tariff, date(2026, 11, 19), lambda _: 0.5)
    assert [step.total for step in thursday] == pytest.approx(
        [(0.5 + rate + 0.0713 + 0.01) * 1.25 for rate in (0.1699, 0.2899, 0.1699)]
    )
    sunday = day_bill(tariff, date(2026, 11, 22), lambda _: 0.5)
    assert [step.total for step in sunday] == pytest.approx([(0.5 + 0.1699 + 0.0813) * 1.25])


def test_hours_of_the_danish_grid_are_the_printed_ones() -> None:
    tariff = tariff_of(_section("dk-hurup").tariff, "Europe/Copenhagen")
    steps = day_bill(tariff, date(2026, 2, 24), lambda _: 0.0)
    assert [step.pieces["grid"] for step in steps] == [0.1998, 0.5993, 1.798, 0.5993]
    hours = [(step.ends_at - step.starts_at).total_seconds() / 3600 for step in steps]
    assert hours == [6, 11, 4, 3]


# ---- tariffs that come along ---------------------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_source_and_day_and_is_accepted(name: str) -> None:
    found = preset(name)
    assert found.source
    assert found.title
    assert isinstance(found.valid_from, date)
    assert _section(name).tariff.currency == found.tariff["currency"]


@pytest.mark.parametrize(
    ("name", "with_vat"), [("fi", 0.02827515), ("de", 0.024395), ("nl", 0.110836)]
)
def test_taxes_of_a_country_are_those_with_vat_of_its_source(name: str, with_vat: float) -> None:
    tariff = tariff_of(_section(name).tariff, ZONE)
    bill = day_bill(tariff, date(2026, 6, 1), lambda _: 0.0)
    assert [step.total for step in bill] == [pytest.approx(with_vat, abs=1e-9)]


def test_preset_is_changed_key_by_key_and_charge_by_charge(document: Document) -> None:
    tax = {"name": "electricity tax", "per_kwh": 0.2}
    mine = parsed(document, preset="no-elvia", vat_frac=0.0, energy=[tax]).tariff
    plain = parsed(document, preset="no-elvia").tariff
    assert (mine.vat_frac, mine.currency, mine.peak) == (0.0, "NOK", plain.peak)
    assert [piece.per_kwh for piece in mine.energy if piece.name == "electricity tax"] == [0.2]
    others = [piece for piece in plain.energy if piece.name != "electricity tax"]
    assert [piece for piece in mine.energy if piece.name != "electricity tax"] == others


def test_check_says_what_comes_from_the_preset(document: Document) -> None:
    config = parsed(document, preset="no-elvia", vat_frac=0.0)
    origins = {key: origin for key, _, origin in effective_values(config)}
    assert origins["tariff.vat_frac"] == "file"
    assert origins["tariff.currency"] == "preset"
    assert origins["tariff.energy[0].per_kwh"] == "preset"
    assert origins["tariff.energy[0].spot_frac"] == "default"


def test_records_hold_the_rates_of_a_preset_and_not_its_name(document: Document) -> None:
    config = parsed(document, preset="no-elvia")
    text = config.model_dump_json(by_alias=True)
    assert "no-elvia" not in text
    again = HouseConfig.model_validate_json(text)
    assert tariff_of(again.tariff, ZONE) == tariff_of(config.tariff, ZONE)


@pytest.mark.parametrize(
    ("tariff", "words"),
    [
        ({"preset": "no-elva"}, "there is no preset 'no-elva'"),
        ({"preset": 7}, "preset"),
        ({"preset": "no", "energy": 3}, "energy"),
        ({"preset": "no", "energy": [3]}, "energy"),
        ({"preset": "no", "enrgy": []}, "did you mean 'energy'"),
    ],
)
def test_wrong_preset_or_change_is_named(document: Document, tariff: Document, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(document, **tariff)
    assert words in str(error.value)


def test_rows_of_a_preset_stay_behind_the_owners() -> None:
    given_ = {"energy": [{"name": "a", "per_kwh": 1}, {"name": "b", "per_kwh": 2}]}
    own = {"energy": [{"name": "b", "per_kwh": 3}, {"name": "c", "per_kwh": 4}]}
    merged = overridden(given_, own)["energy"]
    assert [(row["name"], row["per_kwh"]) for row in merged] == [("b", 3), ("c", 4), ("a", 1)]


# ---- the verb ------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = tmp_path / "house.toml"
    path.write_text(
        f"""
[house]
timezone = "{ZONE}"
year = 1972
area_m2 = 140
emitter = "radiator"
design_flow_c = 50
[heat_pump]
profile = "generic_modbus"
host = "192.0.2.1"
[storage]
directory = "{tmp_path}"
[tariff]
preset = "no-elvia"
"""
    )
    return path


def shown(house: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["tariff", "-c", str(house), *words], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_verb_prints_a_day_piece_by_piece(house: Path) -> None:
    text = shown(house, "--date", "2026-11-19", "--spot", "0.5")
    assert "Thursday 19 November 2026, NOK/kWh" in text
    assert "06:00-22:00" in text
    assert "1.0890" in text
    assert "3 highest means of 60 min of different days" in text
    assert "Spot:" not in text


def test_verb_takes_the_prices_that_the_service_knows(house: Path, tmp_path: Path) -> None:
    assert "no spot prices are known" in shown(house, "--date", "2026-11-19")
    with open_store(tmp_path / "state.db") as store:
        known = Known(prices=series("2026-11-18 23:00", [0.5, None], source="Market NO1"))
        store.save_text("known", KNOWN.dump_json(known).decode())
    text = shown(house, "--date", "2026-11-19")
    assert "Spot: Market NO1" in text
    steps = json.loads(shown(house, "--date", "2026-11-19", "--json"))
    assert steps[0]["spot"] == 0.5
    assert steps[0]["starts_at"] == "2026-11-18T23:00:00+00:00"
    assert steps[1]["total"] is None


def test_verb_lists_the_presets(house: Path) -> None:
    text = shown(house, "--presets")
    assert all(name in text for name in preset_names())
    assert len(json.loads(shown(house, "--presets", "--json"))) == len(preset_names())


def test_verb_refuses_what_is_no_day(house: Path) -> None:
    result = CliRunner().invoke(app, ["tariff", "-c", str(house), "--date", "yesterday"])
    assert result.exit_code == 2
