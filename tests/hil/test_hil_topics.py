"""Emulated pumps behind MQTT: what they say, when, and what they do with commands."""

import json
from datetime import UTC, datetime

import pytest

from drivers.api import Capability, OperatingState, Signal
from drivers.profile import load_mqtt_profile
from hil.manners import Manners, manners_of
from hil.presence import Presence
from hil.topic_device import TopicDevice
from hil.topic_image import TopicImage

START = datetime(2024, 1, 15, tzinfo=UTC)
HEISHAMON = "panasonic_heat_pump"


class Pump:
    """An image with readings of our choice, and what it was told to do."""

    def __init__(self, profile, **manners):
        self.readings = {
            Signal.OUTDOOR_C: -1.26,
            Signal.FLOW_C: 34.04,
            Signal.COMPRESSOR_HZ: 40.0,
            Signal.OPERATING_STATE: float(OperatingState.DHW),
            Signal.DEFROSTING: 0.0,
            Signal.ALARM: 0.0,
            Signal.POWER_W: 1600.0,
        }
        self.orders = []
        self.image = TopicImage(
            load_mqtt_profile(profile),
            readings=lambda: self.readings,
            on_write=lambda capability, value: self.orders.append((capability, value)),
            manners=Manners(**manners),
        )

    def said(self):
        return {topic: payload for topic, payload, _ in self.image.pop_messages()}

    def at(self, clock_s):
        self.image.pass_time(clock_s)
        self.image.report()
        return self.said()


def test_readings_are_said_as_the_device_says_them():
    said = Pump("heishamon").at(0.0)
    assert said[f"{HEISHAMON}/main/Outside_Temp"] == "-1"
    assert said[f"{HEISHAMON}/main/Main_Outlet_Temp"] == "34"
    assert said[f"{HEISHAMON}/main/ThreeWay_Valve_State"] == "1"
    assert said[f"{HEISHAMON}/main/Heat_Power_Consumption"] == "1600"
    assert said[f"{HEISHAMON}/main/DHW_Power_Consumption"] == "0"
    assert said[f"{HEISHAMON}/main/Error"] == "No error"
    assert said[f"{HEISHAMON}/main/Heating_Mode"] == "0"
    assert f"{HEISHAMON}/main/Main_Target_Temp" not in said  # nobody knows it


def test_what_it_keeps_at_the_broker_is_told_with_the_message():
    pump = Pump("heishamon")
    pump.image.report()
    assert {retain for _, _, retain in pump.image.pop_messages()} == {True}
    plain = Pump("generic_mqtt")
    plain.image.report()
    assert {retain for _, _, retain in plain.image.pop_messages()} == {False}


def test_only_changes_are_said_and_everything_now_and_then():
    pump = Pump("heishamon")
    everything = pump.at(0.0)
    assert pump.at(60.0) == {}
    pump.readings[Signal.OUTDOOR_C] = 3.0
    assert pump.at(120.0) == {f"{HEISHAMON}/main/Outside_Temp": "3"}
    assert pump.at(300.0).keys() == everything.keys() - {f"{HEISHAMON}/main/Outside_Temp"}


@pytest.mark.parametrize(("alarm", "word"), [(0.0, "No error"), (74.0, "H74"), (1.0, "H01")])
def test_an_alarm_has_a_word(alarm, word):
    pump = Pump("heishamon")
    pump.readings[Signal.ALARM] = alarm
    assert pump.at(0.0)[f"{HEISHAMON}/main/Error"] == word


@pytest.mark.parametrize(
    ("state", "defrosting", "alarm", "word"),
    [
        (OperatingState.OFF, 0.0, 0.0, "off"),
        (OperatingState.HEATING, 0.0, 0.0, "heating"),
        (OperatingState.DHW, 0.0, 0.0, "hot water"),
        (OperatingState.DEFROST, 1.0, 0.0, "defrost"),
        (OperatingState.OFF, 0.0, 5.0, "compressor alarm"),
    ],
)
def test_a_text_with_several_meanings_says_the_strongest(state, defrosting, alarm, word):
    pump = Pump("ems_esp")
    pump.readings |= {
        Signal.OPERATING_STATE: float(state),
        Signal.DEFROSTING: defrosting,
        Signal.ALARM: alarm,
    }
    assert json.loads(pump.at(0.0)["ems-esp/boiler_data"])["hpactivity"] == word


def test_a_reading_beyond_the_scale_is_shown_at_its_end_and_none_is_left_out():
    pump = Pump("generic_mqtt")
    pump.readings |= {Signal.OUTDOOR_C: 99.0, Signal.FLOW_C: None, Signal.DHW_C: float("nan")}
    state = json.loads(pump.at(0.0)["heatpump/state"])
    assert state["outdoor_c"] == 60
    assert "flow_c" not in state
    assert "dhw_c" not in state


def test_a_command_is_obeyed_and_shown_at_once():
    pump = Pump("generic_mqtt")
    pump.said()
    assert pump.image.command("heatpump/set/flow_setpoint", "34.5") == "flow_setpoint"
    assert json.loads(pump.said()["heatpump/state"])["flow_setpoint"] == 34.5
    assert pump.orders[-1] == (Capability.FLOW_SETPOINT, 34.5)
    assert pump.image.held(Capability.FLOW_SETPOINT) == 34.5


def test_what_nobody_renews_lapses():
    pump = Pump("generic_mqtt")
    pump.image.command("heatpump/set/flow_setpoint", "34.5")
    pump.image.pass_time(599.0)
    assert pump.orders[-1] == (Capability.FLOW_SETPOINT, 34.5)
    assert json.loads(pump.at(600.0)["heatpump/state"])["flow_setpoint"] == 0
    assert pump.orders[-1] == (Capability.FLOW_SETPOINT, None)


@pytest.mark.parametrize("payload", ["", "warm", "NaN", "66", "{}", "\x00"])
def test_a_command_without_sense_changes_nothing(payload):
    pump = Pump("generic_mqtt")
    before = list(pump.orders)
    assert pump.image.command("heatpump/set/flow_setpoint", payload) is None
    assert pump.image.command("heatpump/set/other", "1") is None
    assert pump.orders == before


def test_every_write_of_a_stored_value_is_counted_and_survives_a_restart():
    pump = Pump("generic_mqtt")
    for value in ("1", "2", "2"):
        pump.image.command("heatpump/set/curve_offset", value)
    pump.image.command("heatpump/set/flow_setpoint", "40")
    pump.image.restart()
    assert pump.image.write_counts == {"curve_offset": 3}
    state = json.loads(pump.at(0.0)["heatpump/state"])
    assert (state["curve_offset"], state["flow_setpoint"]) == (2, 0)


def test_in_curve_mode_a_flow_temperature_is_not_taken():
    pump = Pump("heishamon")
    pump.image.hold(Capability.CURVE_OFFSET, 0.0)
    topic = f"{HEISHAMON}/commands/SetZ1HeatRequestTemperature"
    assert pump.image.command(topic, "35") is None
    assert pump.image.command(topic, "-2") == "shift"
    assert pump.said() == {f"{HEISHAMON}/main/Z1_Heat_Request_Temp": "-2"}
    assert not pump.image.in_force(Capability.FLOW_SETPOINT)


def test_in_direct_mode_a_shift_is_not_taken():
    pump = Pump("heishamon", settings={"heating_mode": 1.0})
    topic = f"{HEISHAMON}/commands/SetZ1HeatRequestTemperature"
    assert pump.image.command(topic, "-2") is None
    assert pump.image.command(topic, "35") == "direct_flow"


def test_what_is_taken_and_never_reported_is_obeyed_silently():
    pump = Pump("heishamon")
    assert pump.image.command(f"{HEISHAMON}/commands/SetSmartGridMode", "1") == "sg_ready"
    assert pump.orders[-1] == (Capability.SG_READY, 3.0)
    assert pump.said() == {}
    assert pump.image.held(Capability.SG_READY) is None


def test_a_device_that_must_be_asked_speaks_only_then():
    pump = Pump("ebusd")
    assert pump.at(0.0) == {}
    assert pump.image.command("ebusd/hmu/State/get", "") is None
    assert pump.said() == {"ebusd/hmu/State": "-;-;-;hot water"}
    pump.image.command("ebusd/hmu/FlowTemp/get", "")
    assert pump.said() == {"ebusd/hmu/FlowTemp": "34"}


def test_it_listens_on_its_command_and_question_topics():
    assert Pump("generic_mqtt").image.listens == tuple(
        f"heatpump/set/{name}"
        for name in ("curve_offset", "flow_setpoint", "power_limit", "room_setpoint")
    )
    assert "ebusd/hmu/State/get" in Pump("ebusd").image.listens


def device(profile="heishamon"):
    pump = Pump(profile)
    loaded = load_mqtt_profile(profile)
    presence = Presence(manners_of(loaded), on_watchdog=lambda *_: None)
    return pump, presence, TopicDevice(pump.image, presence)


def test_who_is_away_says_nothing_and_the_broker_says_so_once():
    _, presence, bridge = device()
    words = [payload for topic, payload, _ in bridge.messages() if topic.endswith("LWT")]
    assert words == ["Online"]
    presence.silent = True
    assert bridge.messages() == [(f"{HEISHAMON}/LWT", "Offline", True)]
    assert bridge.messages() == []
    assert bridge.command(f"{HEISHAMON}/commands/SetDHWTemp", "50") == []
    presence.silent = False
    assert len(bridge.messages()) > 5


def test_a_device_without_time_passes_a_command_over():
    pump, presence, bridge = device()
    bridge.messages()
    presence.busy = True
    assert bridge.command(f"{HEISHAMON}/commands/SetDHWTemp", "50") == []
    assert pump.image.write_counts == {}
    presence.busy = False
    assert bridge.command(f"{HEISHAMON}/commands/SetDHWTemp", "50") == [
        (f"{HEISHAMON}/main/DHW_Target_Temp", "50", True)
    ]
