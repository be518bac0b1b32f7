"""The configuration: every mistake is named with its key, and what is read can be written again."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.config import (
    ConfigError,
    HouseConfig,
    effective_values,
    parse_config,
)
from controller.config_values import LONGEST_S, parse_duration
from controller.model import house_model
from drivers.api import Capability
from drivers.errors import ConfigurationError

EXAMPLES = sorted((Path(__file__).parents[2] / "deploy" / "examples").glob("*.toml"))
Document = dict[str, Any]


@pytest.fixture
def rich(document: Document) -> Document:
    """A configuration in which every section is there."""
    document["house"]["model"] = {"air_kwh_per_k": 2.0}
    document["heat_pump"]["data_sheet"] = [
        {"source_c": 2.0, "flow_c": 35.0, "heat_w": 7000.0, "power_w": 1890.0},
        {"source_c": 7.0, "flow_c": 35.0, "heat_w": 8000.0, "power_w": 1740.0},
    ]
    document["meter"] = {"profile": "sdm630", "host": "192.0.2.2", "port": 1502, "unit": 2}
    document["mqtt"] = {"broker": "mqtt://192.0.2.3:1883", "username": "heatherd"}
    document["room"] = {"sensor_topic": "zigbee2mqtt/room", "stale_after": "1.5 h"}
    document["comfort"] = {"room_c": 20.5}
    document["tariff"] = {"vat_frac": 0.25}
    document["prices"] = {"csv": "prices.csv"}
    document["weather"] = {"csv": "weather.csv"}
    document["control"] = {"cycle": "30 s"}
    return document


def place(document: Document, key: str, value: object) -> Document:
    """The document with one dotted key set."""
    *sections, last = key.split(".")
    at: Any = document
    for section in sections:
        at = at[int(section)] if section.isdigit() else at.setdefault(section, {})
    at[last] = value
    return document


def problems(document: Document) -> list[str]:
    with pytest.raises(ConfigError) as error:
        parse_config(document)
    return str(error.value).splitlines()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid_and_only_observe(path: Path) -> None:
    config = parse_config(tomllib.loads(path.read_text(encoding="utf-8")))
    assert config.control.mode == "observe"


def test_the_least_configuration_observes(document: Document) -> None:
    config = parse_config(document)
    assert config.control.mode == "observe"
    assert config.heat_pump.accept_maturity == "field"
    assert config.heat_pump.capability is None
    assert config.zone.key == "Europe/Copenhagen"


def test_a_chosen_knob_is_a_capability(document: Document) -> None:
    config = parse_config(place(document, "heat_pump.knob", "curve_offset"))
    assert config.heat_pump.capability is Capability.CURVE_OFFSET


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("heatpump", "heat_pump"),
        ("house.emiter", "emitter"),
        ("house.model.air_kwh_per_K", "air_kwh_per_k"),
        ("heat_pump.flow_max", "flow_max_c"),
        ("heat_pump.minimum_run_s", "minimum_run"),
        ("heat_pump.data_sheet.1.heat", "heat_w"),
        ("meter.hosts", "host"),
        ("mqtt.brokr", "broker"),
        ("room.sensor", "sensor_topic"),
        ("comfort.room", "room_c"),
        ("tariff.vat_fraction", "vat_frac"),
        ("prices.per_MWh", "per_mwh"),
        ("weather.cvs", "csv"),
        ("control.plan_evry", "plan_every"),
        ("storage.sokcet", "socket"),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(
    rich: Document, key: str, suggestion: str
) -> None:
    assert problems(place(rich, key, 1)) == [f"{key}: unknown key; did you mean '{suggestion}'?"]


def test_an_unknown_key_like_no_other_gets_no_suggestion(rich: Document) -> None:
    assert problems(place(rich, "house.zzzz", 1)) == ["house.zzzz: unknown key"]


def test_every_problem_is_named_at_once(document: Document) -> None:
    del document["house"]["timezone"]
    document["house"]["year"] = 1066
    document["heat_pump"]["hots"] = document["heat_pump"].pop("host")
    found = problems(document)
    assert "house.timezone: required, but missing" in found
    assert "heat_pump.hots: unknown key; did you mean 'host'?" in found
    assert any(line.startswith("house.year: ") and line.endswith("(got 1066)") for line in found)
    assert len(found) == 3


def test_an_empty_file_names_the_sections_it_needs() -> None:
    assert problems({}) == [
        "house: required, but missing",
        "heat_pump: required, but missing",
    ]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("house.timezone", "Europe/Kopenhagen", "did you mean 'Europe/Copenhagen'?"),
        ("house.timezone", "qqqqq", "unknown time zone (got"),
        ("house.area_m2", float("nan"), "finite number"),
        ("house.area_m2", 0, "greater than 10"),
        ("house.emitter", "stove", "'radiator' or 'floor'"),
        ("house.design_flow_c", 90, "less than or equal to 75"),
        ("heat_pump.port", 0, "greater than or equal to 1"),
        ("heat_pump.unit", 256, "less than or equal to 255"),
        ("heat_pump.power_max_w", float("inf"), "finite number"),
        ("heat_pump.minimum_run", 600, "a duration is text with a unit"),
        ("heat_pump.minimum_run", "10 minutes", "a duration is text with a unit"),
        ("heat_pump.minimum_run", "0 s", "greater than 0"),
        ("heat_pump.minimum_run", "9" * 400 + " s", "finite number"),
        ("heat_pump.knob", "dhw_boost", "'auto'"),
        ("heat_pump.accept_maturity", "hope", "'simulated'"),
        ("mqtt.broker", "192.0.2.3", "should match pattern"),
        ("room", {}, "give sensor_topic, thermostat_topic, or leave [room] out"),
        ("comfort.margin_k", 1.0, "comfort.margin_k must be smaller than comfort.band_k"),
        ("comfort.away_c", 8.0, "frost_c < away_c <= room_c < room_max_c must hold"),
        ("comfort.away_c", 22.0, "frost_c < away_c <= room_c < room_max_c must hold"),
        ("comfort.room_max_c", 18.0, "frost_c < away_c <= room_c < room_max_c must hold"),
        ("control.horizon", "45 min", "horizon must span four to 1344 steps"),
        ("control.step", "7 min", "step must divide an hour"),
        ("control.plan_every", "10 s", "plan_every must not be shorter than cycle"),
        ("control.mode", "dream", "'observe' or 'control'"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(
    rich: Document, key: str, value: object, reason: str
) -> None:
    found = problems(place(rich, key, value))
    assert len(found) == 1
    assert reason in found[0]


def test_a_room_needs_a_broker(rich: Document) -> None:
    del rich["mqtt"]
    assert "[room] needs [mqtt]: name the broker" in problems(rich)[0]


def test_a_password_in_the_address_is_refused_and_not_repeated(rich: Document) -> None:
    found = problems(place(rich, "mqtt.broker", "mqtt://me:hunter2@192.0.2.3:1883"))
    assert "mqtt.broker" in found[0]
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60 s", 60.0), ("10 min", 600.0), ("1.5 h", 5400.0), (" 2d ", 172800.0), ("0.5s", 0.5)],
)
def test_durations_are_text_with_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "min", "-5 s", "1e3 s", "5 m", "5 s 3", None, 5, True])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="a duration is text with a unit"):
        parse_duration(text)


def test_every_setting_tells_where_it_comes_from(rich: Document) -> None:
    values = {key: (value, origin) for key, value, origin in effective_values(parse_config(rich))}
    assert values["house.year"] == (1972, "file")
    assert values["house.name"] == ("house", "default")
    assert values["house.model.air_kwh_per_k"] == (2.0, "file")
    assert values["house.model.mass_kwh_per_k"] == (None, "default")
    assert values["heat_pump.minimum_run"] == (600.0, "default")
    assert values["heat_pump.data_sheet[1].heat_w"] == (8000.0, "file")
    assert values["meter.port"] == (1502, "file")
    assert values["control.cycle"] == (30.0, "file")
    assert values["control.plan_every"] == (900.0, "default")
    assert values["comfort.room_c"] == (20.5, "file")


def test_absent_sections_are_told_as_such(document: Document) -> None:
    values = {
        key: (value, origin) for key, value, origin in effective_values(parse_config(document))
    }
    assert values["prices"] == (None, "default")
    assert values["heat_pump.data_sheet"] == ((), "default")


def reread(config: HouseConfig) -> HouseConfig:
    return HouseConfig.model_validate_json(config.model_dump_json(by_alias=True))


def test_what_is_recorded_can_be_read_again(rich: Document, document: Document) -> None:
    for given_ in (rich, document):
        assert reread(parse_config(given_)) == parse_config(given_)


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-9, LONGEST_S))
def test_any_duration_can_be_read_again(seconds: float) -> None:
    minimal = {
        "house": {
            "timezone": "UTC", "year": 2000, "area_m2": 100.0, "emitter": "floor",
            "design_flow_c": 35.0,
        },
        "heat_pump": {"profile": "nibe_s", "host": "pump", "minimum_run": f"{seconds:.12f} s"},
    }  # fmt: skip
    config = parse_config(minimal)
    assert reread(config) == config


def test_passwords_are_never_part_of_it(
    rich: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEATHERD_MQTT_PASSWORD", "hunter2")
    secret = tmp_path / "secret"
    secret.write_text("hunter3")
    config = parse_config(place(rich, "mqtt.password_file", str(secret)))
    shown = config.model_dump_json(by_alias=True) + repr(list(effective_values(config)))
    assert "hunter" not in shown


def test_a_configuration_does_not_change(document: Document) -> None:
    config = parse_config(document)
    with pytest.raises(ValueError, match="frozen"):
        config.house.year = 1999  # type: ignore[misc]


def _fields(model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield f"{prefix}.{field.alias or name}", field


def test_nothing_that_makes_the_pump_act_is_a_default() -> None:
    fields = dict(_fields(HouseConfig.model_fields["control"].default_factory, "control"))
    assert fields["control.mode"].default == "observe"


def test_water_too_cool_for_the_house_is_refused_in_words(document: Document) -> None:
    document["house"] |= {"emitter": "floor", "design_flow_c": 25.0}
    with pytest.raises(ConfigurationError, match=r"house: design flow .* cannot heat this house"):
        house_model(parse_config(document))


def test_a_part_that_exchanges_no_heat_is_refused_in_words(document: Document) -> None:
    document["house"] |= {"emitter": "radiator", "model": {"floor_kwh_per_k": 35}}
    with pytest.raises(ConfigurationError, match=r"house\.model: a part of the house"):
        house_model(parse_config(document))
