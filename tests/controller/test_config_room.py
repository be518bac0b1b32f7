"""The section [room]: keys by kind, and the driver that each kind gets."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.config import ConfigError, HouseConfig, parse_config
from controller.config_devices import Device
from controller.connect import connect
from drivers.api import Absent, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.profile import ModbusProfile
from drivers.testing import RegisterBank
from drivers.transports.in_memory import MemoryModbusLink, MemoryMqttLink
from drivers.transports.modbus import ModbusLink
from drivers.transports.mqtt import MqttLink

Document = dict[str, Any]
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


class MemoryLinks:
    """One broker and one heat pump in memory."""

    def __init__(self) -> None:
        self.broker = MemoryMqttLink()

    def modbus(self, device: Device, profile: ModbusProfile) -> ModbusLink:
        del device
        return MemoryModbusLink(RegisterBank(profile))

    def mqtt(self) -> MqttLink:
        return self.broker


def with_room(document: Document, room: Document) -> HouseConfig:
    document["mqtt"] = {"broker": "mqtt://192.0.2.1:1883"}
    document["room"] = room
    return parse_config(document)


@pytest.mark.parametrize(
    ("room", "reason"),
    [
        ({"kind": "mqtt"}, "give temperature_topic, setpoint_topic, or leave [room] out"),
        ({"kind": "opentherm_gateway"}, "give topic, or leave [room] out"),
        ({"kind": "home_assistant"}, "give discovery_topic, temperature_topic, setpoint_topic, or"),
        (
            {"kind": "mqtt", "temperature_topic": "a", "sensor_topic": "b"},
            'sensor_topic is for kind "zigbee2mqtt", not "mqtt"',
        ),
        (
            {"sensor_topic": "b", "temperature_pointer": "/t"},
            'temperature_pointer is for kind "home_assistant" or "mqtt", not "zigbee2mqtt"',
        ),
        (
            {"kind": "home_assistant", "discovery_topic": "a", "temperature_topic": "b"},
            "give discovery_topic or the topics themselves, not both",
        ),
        (
            {"kind": "mqtt", "setpoint_topic": "a", "temperature_pointer": "/t"},
            "temperature_pointer needs temperature_topic",
        ),
        ({"kind": "mqtt", "temperature_topic": "home/+/t"}, "a topic has no wildcards"),
        ({"kind": "mqtt", "temperature_topic": "/house/t"}, "no outer slashes"),
        (
            {"kind": "mqtt", "temperature_topic": "a", "temperature_pointer": "t"},
            "a JSON pointer starts with a slash",
        ),
        ({"kind": "knx", "sensor_topic": "a"}, "'zigbee2mqtt'"),
    ],
)
def test_a_room_that_cannot_be_meant_is_refused(
    document: Document, room: Document, reason: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        with_room(document, room)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("room", "topic", "payload"),
    [
        ({"sensor_topic": "zigbee2mqtt/x"}, "zigbee2mqtt/x", '{"temperature": 20.5}'),
        (
            {"kind": "zigbee2mqtt", "thermostat_topic": "zigbee2mqtt/x"},
            "zigbee2mqtt/x",
            '{"local_temperature": 20.5}',
        ),
        (
            {"kind": "mqtt", "temperature_topic": "h/air", "temperature_pointer": "/t"},
            "h/air",
            '{"t": 20.5}',
        ),
        ({"kind": "home_assistant", "temperature_topic": "h/t"}, "h/t", "20.5"),
        ({"kind": "opentherm_gateway", "topic": "OTGW/value/x"}, "OTGW/value/x/Tr", "20.5"),
        (
            {"kind": "opentherm_gateway", "topic": "OTGW/value/x", "temperature_label": "t/r"},
            "OTGW/value/x/t/r",
            "20.5",
        ),
        (
            {"kind": "home_assistant", "discovery_topic": "homeassistant/climate/x/config"},
            "a/t",
            "20.5",
        ),
    ],
)
def test_each_kind_of_room_is_heard(
    document: Document, room: Document, topic: str, payload: str
) -> None:
    links = MemoryLinks()
    links.broker.deliver(
        "homeassistant/climate/x/config", '{"current_temperature_topic": "a/t"}', retain=True
    )
    outside = connect(with_room(document, room), lambda: NOON, links)
    listener = outside.devices[0]
    assert isinstance(asyncio.run(listener.read())[Signal.ROOM_C], Absent)
    links.broker.deliver(topic, payload)
    assert asyncio.run(listener.read())[Signal.ROOM_C] == Sample(20.5, NOON)


def test_a_meter_on_the_broker_needs_no_host_and_takes_its_own_topic(document: Document) -> None:
    document["meter"] = {"profile": "shelly_pro_3em", "topic": "shellypro3em-1"}
    links = MemoryLinks()
    outside = connect(with_room(document, {"sensor_topic": "z/x"}), lambda: NOON, links)
    links.broker.deliver("shellypro3em-1/status/em:0", '{"total_act_power": 812.5, "a_freq": 50}')
    read = asyncio.run(outside.devices[-1].read())
    assert read[Signal.METER_POWER_W] == Sample(812.5, NOON)
    assert isinstance(read[Signal.METER_ENERGY_KWH], Absent)
    links.broker.deliver("shellypro3em-1/status/emdata:0", '{"total_act": 1234567.0}')
    links.broker.deliver("shellypro3em-1/online", "false", retain=True)
    gone = asyncio.run(outside.devices[-1].read())
    assert all(isinstance(outcome, Absent) for outcome in gone.values())


# ---- meters on a serial line ---


def test_a_meter_on_a_serial_line_talks_as_its_profile_or_its_owner_says(
    document: Document,
) -> None:
    document["meter"] = {"profile": "sdm120", "serial": "/dev/no-such-line", "unit": 3}
    document["heat_pump"] = {"profile": "lg_therma_v", "serial": "/dev/no-such-line"}
    document["control"] = {"cycle": "20 s"}
    document["control"] = {"cycle": "20 s"}
    config = parse_config(document)
    with pytest.raises(ConfigurationError, match="need the same baud rate"):
        connect(config, lambda: NOON)
    document["meter"]["baudrate"] = 9600
    outside = connect(parse_config(document), lambda: NOON)
    read = asyncio.run(outside.devices[-1].read())
    assert "there is no such device" in str(read[Signal.METER_POWER_W])


@pytest.mark.parametrize(
    ("meter", "reason"),
    [
        ({"profile": "sdm120", "host": "a", "serial": "/dev/x"}, "host or serial, not both"),
        ({"profile": "sdm120", "host": "a", "baudrate": 9600}, "give serial"),
    ],
)
def test_a_meter_has_one_way_to_it(document: Document, meter: Document, reason: str) -> None:
    document["meter"] = meter
    with pytest.raises(ConfigError) as caught:
        parse_config(document)
    assert reason in str(caught.value)


def test_a_modbus_meter_without_an_address_is_refused(document: Document) -> None:
    document["meter"] = {"profile": "sdm120"}
    with pytest.raises(ConfigurationError, match="give its host or serial line"):
        connect(parse_config(document), lambda: NOON)
