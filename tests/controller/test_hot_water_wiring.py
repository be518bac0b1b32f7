"""Hot water among the rest: what is accepted, what `check` says, what is kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_records import AT, full_record
from typer.testing import CliRunner

from controller.acceptance import may_write, tank_knob
from controller.cli import app
from controller.config import HouseConfig, parse_config
from controller.experience import EXPERIENCE, Experience
from controller.hot_water_steering import TankNow, hot_water_words
from controller.model import house_model
from controller.records import from_json, to_json
from controller.snapshot import Reading, Snapshot
from drivers.api import Capability, HeatPump, Signal
from drivers.errors import ConfigurationError
from drivers.profile import load_modbus_profile, load_profile
from drivers.testing import make_rig

TANK, BOOST = Capability.DHW_SETPOINT, Capability.DHW_BOOST
MakeConfig = Callable[..., HouseConfig]


@pytest.fixture
def make_config(document: dict[str, Any]) -> MakeConfig:
    """A house with hot water under the controller."""

    def make(mode: str = "control", accept: tuple[str, ...] = (), **words: object) -> HouseConfig:
        document["control"] = {"mode": mode}
        document["heat_pump"] |= {"accept": list(accept)}
        document["hot_water"] = {"enabled": True, **words}
        return parse_config(document)

    return make


def pump(name: str) -> HeatPump:
    return make_rig(load_modbus_profile(name)).pump


@pytest.mark.parametrize("mode", ["observe", "control"])
def test_a_pump_that_cannot_be_asked_for_hot_water_is_refused(
    make_config: MakeConfig, mode: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        may_write(make_config(mode, accept=("flow_setpoint",)), pump("lg_therma_v"))
    assert "no knob dhw_setpoint or dhw_boost (it has" in str(told.value)


def test_a_knob_the_owner_names_must_be_there(make_config: MakeConfig) -> None:
    config = make_config(knob="dhw_boost")
    with pytest.raises(ConfigurationError, match="no knob dhw_boost"):
        tank_knob(config, load_modbus_profile("nibe_s").knobs)


def test_the_knob_for_hot_water_must_be_accepted_too(make_config: MakeConfig) -> None:
    with pytest.raises(ConfigurationError) as told:
        may_write(make_config(accept=("curve_offset",)), pump("nibe_s"))
    assert 'set heat_pump.accept = ["curve_offset", "dhw_setpoint"]' in str(told.value)
    both = make_config(accept=("curve_offset", "dhw_setpoint"))
    assert may_write(both, pump("nibe_s")) == {Capability.CURVE_OFFSET, TANK}


def test_without_the_section_no_knob_for_hot_water_is_used(document: dict[str, Any]) -> None:
    assert tank_knob(parse_config(document), load_modbus_profile("nibe_s").knobs) is None


@pytest.mark.parametrize(
    ("words", "profile", "said"),
    [
        ({}, "nibe_s", "at rest 42 °C, charged to at most 50 °C; legionella is left to the pump"),
        (
            {"starts_below_k": 0, "stops_above_k": 8, "legionella_c": 57},
            "nibe_s",
            "charged to at most 55 °C; heated through to 57 °C at least every 7 days",
        ),
        ({"legionella_c": 60}, "nibe_s", "60 °C against legionella is beyond this knob"),
        (
            {"knob": "dhw_boost", "max_c": 48.0},
            "idm_navigator",
            "goes through dhw_boost: a charge asked for now, to 48 °C",
        ),
    ],
)
def test_what_will_be_done_is_said_in_words(
    make_config: MakeConfig, words: dict[str, Any], profile: str, said: str
) -> None:
    config = make_config(**words)
    knob = tank_knob(config, load_profile(profile).knobs)
    assert said in hot_water_words(config.hot_water, knob)


def test_check_says_what_happens_to_hot_water(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "house.toml"

    def check(profile: str, hot_water: str) -> Any:
        document["heat_pump"]["profile"] = profile
        document["control"] = {"cycle": "20 s"}
        lines = [hot_water]
        for section, keys in document.items():
            lines += [f"[{section}]", *(f"{k} = {json.dumps(v)}" for k, v in keys.items())]
        path.write_text("\n".join(lines))
        return CliRunner().invoke(app, ["check", "-c", str(path)])

    assert "Hot water is the pump's own." in check("nibe_s", "").output
    on = "[hot_water]\nenabled = true"
    assert "Hot water goes through dhw_setpoint" in check("nibe_s", on).output
    refused = check("lg_therma_v", on)
    assert refused.exit_code != 0
    assert "dhw_setpoint or dhw_boost" in refused.output


def test_a_record_keeps_the_tank_and_its_knob() -> None:
    tank = TankNow(sensor_c=47.3, mean_c=44.1, current=43.0, writes_left=12.0)
    record = replace(full_record(), tank=tank)
    assert from_json(to_json(record)) == record
    assert from_json(to_json(full_record())).tank is None
    unread = replace(record, tank=replace(tank, current=None, writes_left=None))
    assert from_json(to_json(unread)) == unread


def test_the_tank_is_watched_only_where_it_is_ours(
    document: dict[str, Any], make_config: MakeConfig
) -> None:
    snapshot = Snapshot(AT, {Signal.DHW_C: Reading(48.0, AT)})
    off = parse_config(document)
    model = house_model(off)
    unseen = Experience().seen(snapshot, off, model, running_s=0.0, asked=False)
    assert unseen.tank is None
    seen = Experience().seen(snapshot, make_config(), model, running_s=0.0, asked=False)
    assert seen.tank is not None
    assert seen.tank.sensor_c(AT) == 48.0
    assert EXPERIENCE.validate_json(EXPERIENCE.dump_json(seen)) == seen
