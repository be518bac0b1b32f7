"""[frequency] as the guide writes it, and what is refused, with every reason in words."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import app
from controller.config import ConfigError, parse_config
from controller.connect import connect
from drivers.api import Absent, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.frequency.one_signal import OneSignal, counted_in, narrowed
from drivers.profile import load_profile
from drivers.transports.in_memory import MemoryMqttLink

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/how-to/frequency.md").read_text("utf-8")
EXAMPLE = (ROOT / "deploy/examples/generic-modbus.toml").read_text("utf-8")
ACCEPTED = EXAMPLE.replace('# accept_maturity = "simulated"', 'accept_maturity = "simulated"')
AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
GOOD = {
    "product": "fcr_d_up", "capacity_w": 800, "latency": "1 s", "ramp_frac_per_s": 0.25,
    "device": {"profile": "sdm630", "host": "192.0.2.2"},
    "resolution_hz": 0.001, "noise_hz": 0.005, "delay": "0.5 s",
}  # fmt: skip


def refusal(promise, **heat_pump):
    """What connecting says."""
    document = tomllib.loads(ACCEPTED)
    document["heat_pump"] |= heat_pump
    config = parse_config({**document, "frequency": {**GOOD, **promise}})
    with pytest.raises(ConfigurationError) as error:
        connect(config, lambda: AT)
    return str(error.value)


def checked(text, tmp_path):
    house = tmp_path / "house.toml"
    house.write_text(f"{ACCEPTED}\n{text}", "utf-8")
    return CliRunner().invoke(app, ["check", "-c", str(house)])


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL))
def test_check_accepts_the_frequency_guides_examples(text, tmp_path):
    answer = checked(text, tmp_path)
    assert answer.exit_code == 0, answer.output
    assert "500 W of fcr_d_up by power_limit" in " ".join(answer.output.split())


@pytest.mark.parametrize(("latency", "told"), [("1 s", False), ("1.5 s", True)])
def test_check_says_when_the_whole_chain_begins_too_late(latency, told, tmp_path):
    text = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0]
    said = " ".join(checked(text.replace('"1.5 s"', f'"{latency}"'), tmp_path).output.split())
    assert ("Source, loop and knob together begin after up to 3 s" in said) is told


def test_check_refuses_with_the_words_of_the_guide(tmp_path):
    text = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0]
    slow = text.replace('"1.5 s"', '"5 s"').replace("= 0.5", "= 0.05")
    answer = checked(slow, tmp_path)
    assert answer.exit_code != 0
    (said,) = re.findall(r"```text\n(.*?)\n```", GUIDE, re.DOTALL)
    assert said in " ".join(answer.output.split())


@pytest.mark.parametrize(
    ("promise", "reason"),
    [
        ({"latency": "3 s"}, "power_limit is refused for fcr_d_up: it starts after 3 s"),
        ({"capacity_w": 5}, "5 W are 5 of its steps, 7 are needed"),
        ({"knob": "room_setpoint"}, "a room set-point becomes power only through the pump's own"),
        ({"knob": "curve_offset"}, "a heating curve becomes power only through the pump's own"),
        ({"knob": "sg_ready"}, "this pump has no knob sg_ready (it has curve_offset,"),
        ({"product": "fcr"}, 'set heat_pump.knob = "power_limit"'),
        ({"resolution_hz": 0.1}, "the source is refused: its resolution is 0.1 Hz, 0.005 Hz are"),
        ({"delay": "2 s"}, "the source is refused: its delay is 2 s, 1 s are allowed"),
        (
            {"device": {"profile": "em24_ethernet", "host": "192.0.2.2"}},
            "the source is refused: its resolution is 0.1 Hz",
        ),
        ({"device": {"profile": "sdm72_v1", "serial": "/dev/ttyUSB0"}}, "does not deliver"),
    ],
)
def test_what_is_not_fast_enough_is_refused_with_the_reason(promise, reason):
    assert reason in refusal(promise)


def test_what_nobody_has_stated_or_measured_does_not_qualify():
    bare = {"product": "fcr_d_up", "capacity_w": 800, "device": GOOD["device"]}
    config = parse_config({**tomllib.loads(ACCEPTED), "frequency": bare})
    with pytest.raises(ConfigurationError) as error:
        connect(config, lambda: AT)
    for reason in (
        "its latency and ramp have not been measured",
        "its resolution is not stated",
        "its error is not stated",
        "its delay is not stated",
    ):
        assert reason in str(error.value)


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ("nibe_s", "it is stored in a memory that wears"),
        ("lambda_eul", "this pump has no knob power_limit"),
    ],
)
def test_pumps_without_a_fast_limit_are_refused(profile, reason):
    assert reason in refusal({}, profile=profile)


def test_a_speed_limit_is_refused_although_it_were_fast():
    promise = {"knob": "compressor_limit", "w_per_unit": 3000.0}
    assert "it may be written every 300 s" in refusal(promise, profile="heishamon", host=None)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"device": None}, "either device or topic"),
        ({"topic": "a/b"}, "either device or topic"),
        ({"capacity_w": 0}, "greater than 0"),
        ({"product": "ffr"}, "fcr_n"),
        ({"latencyy": "1 s"}, "did you mean 'latency'"),
    ],
)
def test_a_wrong_frequency_section_is_refused_in_words(changes, word):
    promise = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
    with pytest.raises(ConfigError, match=word):
        parse_config({**tomllib.loads(ACCEPTED), "frequency": promise})


def test_a_frequency_over_mqtt_needs_a_broker():
    document = tomllib.loads(ACCEPTED)
    document.pop("mqtt")
    document.pop("room")
    promise = {k: v for k, v in GOOD.items() if k != "device"} | {"topic": "a/b"}
    with pytest.raises(ConfigError, match=r"\[frequency\] with a topic needs \[mqtt\]"):
        parse_config({**document, "frequency": promise})


def test_a_power_limit_that_the_owner_has_not_accepted_is_asked_for(tmp_path):
    house = tmp_path / "house.toml"
    accepted = EXAMPLE.replace('# accept_maturity = "simulated"', 'accept = ["flow_setpoint"]')
    controlling = accepted.replace('mode = "observe"', 'mode = "control"')
    text = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0]
    house.write_text(f"{controlling}\n{text}", "utf-8")
    answer = CliRunner().invoke(app, ["check", "-c", str(house)])
    assert answer.exit_code != 0
    assert 'set heat_pump.accept = ["flow_setpoint", "power_limit"]' in " ".join(
        answer.output.split()
    )


class Broker:
    """Links of a house whose devices are nowhere but on this broker."""

    def __init__(self):
        self.link = MemoryMqttLink()

    def modbus(self, _device, _profile):
        raise AssertionError("nothing is contacted")

    def mqtt(self):
        return self.link


async def test_a_number_in_a_message_is_the_frequency_until_it_is_none():
    document = tomllib.loads(ACCEPTED)
    document["heat_pump"] |= {"profile": "generic_mqtt", "host": None}
    promise = {k: v for k, v in GOOD.items() if k != "device"}
    promise |= {"topic": "transducer/status", "pointer": "/hz"}
    config = parse_config({**document, "frequency": promise})
    broker = Broker()
    seconds = connect(config, lambda: AT, broker).seconds
    assert isinstance(await seconds.frequency.read(), Absent)
    broker.link.deliver("transducer/status", '{"hz": 49.987}')
    assert await seconds.frequency.read() == Sample(49.987, AT)
    broker.link.deliver("transducer/status", '{"hz": 4998}')
    assert isinstance(await seconds.frequency.read(), Absent)
    assert seconds.power is None


def test_one_signal_is_one_request_and_tells_what_its_register_counts_in():
    profile = load_profile("em24_ethernet")
    assert list(narrowed(profile, Signal.FREQUENCY_HZ).signals) == [Signal.FREQUENCY_HZ]
    assert counted_in(profile, Signal.FREQUENCY_HZ) == 0.1
    assert counted_in(load_profile("sdm630"), Signal.FREQUENCY_HZ) == 0.0
    assert counted_in(load_profile("shelly_pro_3em"), Signal.FREQUENCY_HZ) == 0.0


async def test_a_device_without_the_signal_says_so():
    class Dumb:
        name = "dumb"

        async def read(self):
            return {}

        async def close(self):
            return None

    found = await OneSignal(Dumb(), Signal.FREQUENCY_HZ).read()
    assert found == Absent("dumb has no frequency_hz")
