"""Which knobs the owner lets heatherd write, and what he is told about the others."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controller.acceptance import accepted, may_write
from controller.config import HouseConfig, parse_config
from drivers.api import Capability, HeatPump, Maturity, WriteClass
from drivers.errors import ConfigurationError
from drivers.profile import load_modbus_profile
from drivers.testing import make_rig

FLOW, OFFSET = Capability.FLOW_SETPOINT, Capability.CURVE_OFFSET
MakeConfig = Callable[..., HouseConfig]


@pytest.fixture
def make_config(document: dict[str, Any]) -> MakeConfig:
    def make(mode: str = "control", **heat_pump: object) -> HouseConfig:
        document["control"] = {"mode": mode}
        document["heat_pump"] |= heat_pump
        return parse_config(document)

    return make


def pump(maturity: Maturity = Maturity.SIMULATED, *, forbidden: bool = False) -> HeatPump:
    profile = replace(load_modbus_profile("generic_modbus"), maturity=maturity)
    if forbidden:
        knob = replace(profile.knobs[OFFSET], write_class=WriteClass.FORBIDDEN)
        profile = replace(profile, knobs={**profile.knobs, OFFSET: knob})
    return make_rig(profile).pump


def test_a_proven_pump_may_be_written_with_all_its_knobs(make_config: MakeConfig) -> None:
    proven = pump(Maturity.FIELD)
    assert may_write(make_config(), proven) == set(proven.knobs)


def test_only_accepted_knobs_of_an_unproven_pump_may_be_written(make_config: MakeConfig) -> None:
    assert may_write(make_config(accept=["flow_setpoint"]), pump()) == {FLOW}


def test_the_steering_knob_must_be_accepted_and_the_message_says_what_to_add(
    make_config: MakeConfig,
) -> None:
    with pytest.raises(ConfigurationError) as told:
        may_write(make_config(accept=["curve_offset"]), pump())
    assert 'set heat_pump.accept = ["curve_offset", "flow_setpoint"]' in str(told.value)
    assert 'heat_pump.accept_maturity = "simulated"' in str(told.value)
    chosen = make_config(accept=["curve_offset"], knob="curve_offset")
    assert may_write(chosen, pump()) == {OFFSET}


def test_what_is_accepted_does_not_depend_on_the_mode(make_config: MakeConfig) -> None:
    observing = make_config("observe", accept=["curve_offset"])
    assert accepted(observing, pump()) == {OFFSET}
    assert may_write(observing, pump()) == frozenset()


def test_a_knob_the_pump_has_not_cannot_be_accepted(make_config: MakeConfig) -> None:
    with pytest.raises(ConfigurationError, match="no dhw_boost to write"):
        accepted(make_config(accept=["dhw_boost"]), pump())


def test_a_forbidden_knob_is_never_granted(make_config: MakeConfig) -> None:
    assert OFFSET not in may_write(make_config(accept_maturity="simulated"), pump(forbidden=True))
    with pytest.raises(ConfigurationError, match="no curve_offset to write"):
        accepted(make_config(accept=["curve_offset"]), pump(forbidden=True))
