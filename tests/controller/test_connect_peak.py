"""[tariff.hold]: which knob may hold the running interval, and what `check` says where none may."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.acceptance import may_write
from controller.app import hand_back_without_service
from controller.cli import app
from controller.clock import SteppedClock
from controller.config import parse_config
from controller.connect import connect
from controller.connect_peak import peak_refusals, peak_words
from drivers.errors import ConfigurationError
from drivers.profile import load_profile

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "deploy/examples/generic-modbus.toml").read_text("utf-8")
PEAK = {"interval": "15 min", "group": "free", "rate": [{"price_per_kw": 5.0}]}
FAST = {"latency": "10 s", "ramp_frac_per_s": 0.05}
METER = {"profile": "sdm630", "host": "192.0.2.9"}


def house(document, *, profile="generic_modbus", hold=FAST, peak=PEAK, grid_meter=METER):
    document["heat_pump"]["profile"] = profile
    document["tariff"] = {
        **({} if peak is None else {"peak": [peak]}),
        **({} if hold is None else {"hold": hold}),
    }
    if grid_meter is not None:
        document["grid_meter"] = grid_meter
    return parse_config(document)


def refusals(config):
    return "; ".join(peak_refusals(config, load_profile(config.heat_pump.profile).knobs))


def test_a_measured_power_limit_with_a_meter_and_a_charge_qualifies(document, at_noon):
    config = house(document)
    assert refusals(config) == ""
    assert connect(config, at_noon).peak is not None
    assert connect(house(document, hold=None), at_noon).peak is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hold": {}}, "its latency and ramp have not been measured"),
        ({"hold": {**FAST, "latency": "2 min"}}, "it starts after 120 s"),
        ({"hold": {**FAST, "ramp_frac_per_s": 0.01}}, "it is complete after 110 s"),
        ({"grid_meter": None}, r"\[grid_meter\]"),
        ({"peak": None}, r"\[\[tariff.peak\]\]"),
        ({"profile": "nibe_s"}, "stored in a memory that wears; .*every 1800 s"),
        ({"profile": "stiebel_isg"}, "this pump takes no limit of power in watts"),
        ({"profile": "stiebel_isg"}, "sg_ready is refused: relays have to rest"),
    ],
)
def test_what_is_not_fast_enough_is_refused_with_every_reason(document, at_noon, changes, why):
    with pytest.raises(ConfigurationError, match=why):
        connect(house(document, **changes), at_noon)


def test_a_power_limit_that_the_owner_has_not_accepted_is_named(document, at_noon):
    document["control"] = {"mode": "control"}
    document["heat_pump"]["accept"] = ["flow_setpoint"]
    config = house(document)
    with pytest.raises(ConfigurationError, match=r"tariff\.hold: .*power_limit"):
        may_write(config, connect(config, at_noon).pump)


def test_check_says_whether_the_running_interval_is_held(tmp_path):
    house_file = tmp_path / "house.toml"
    accepted = EXAMPLE.replace('# accept_maturity = "simulated"', 'accept_maturity = "simulated"')
    peak = '[[tariff.peak]]\ninterval = "15 min"\nrate = [{ price_per_kw = 5 }]\n'
    meter = '[grid_meter]\nprofile = "sdm630"\nhost = "192.0.2.9"\n'
    hold = '[tariff.hold]\nlatency = "10 s"\nramp_frac_per_s = 0.05\n'
    for added, code, words in (
        ("", 0, None),
        (peak, 0, "is not held: nothing measures the house at its connection"),
        (peak + meter, 0, "is not held: power_limit is refused: its latency and ramp"),
        (peak + meter + hold, 0, "is held under the peak that is paid for"),
        (peak + hold, 3, "tariff.hold: nothing measures the house"),
    ):
        house_file.write_text(f"{accepted}\n{added}", "utf-8")
        answer = CliRunner().invoke(app, ["check", "-c", str(house_file)])
        said = " ".join(answer.output.split())
        assert answer.exit_code == code, said
        assert words in said if words is not None else "interval" not in said


def test_words_for_check_are_none_without_a_charge_on_power():
    config = parse_config(tomllib.loads(EXAMPLE))
    assert peak_words(config, {}) is None


async def test_a_release_needs_no_qualified_knob(document, stopped_clock):
    config = house(document, hold={})
    assert await hand_back_without_service(config, stopped_clock, stay_released=False)


@pytest.fixture
def at_noon():
    return lambda: NOON


NOON = tomllib.loads("at = 2026-01-15T12:00:00Z")["at"]


@pytest.fixture
def stopped_clock():
    async def advance(_):
        pass

    return SteppedClock(NOON, advance)
