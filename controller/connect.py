"""From configuration to drivers: with app.py the only place where concrete drivers are named."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from controller.config import HouseConfig
from controller.config_devices import Device as DeviceConfig
from controller.config_room import Room
from controller.connect_frequency import seconds_sources
from controller.connect_grid import grid_source
from controller.connect_peak import peak_meters
from controller.connect_prices import price_source
from controller.connect_weather import weather_source
from controller.fast_frequency import Seconds
from controller.fast_peak import Meters
from controller.secrets import secret
from drivers.api import Device, HeatPump, Now, PriceSource, Signal, WeatherSource
from drivers.errors import ConfigurationError
from drivers.grid.limit import GridSource
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.meters.grid_meter import GridMeter
from drivers.meters.modbus_meter import ModbusMeter
from drivers.meters.mqtt_meter import MqttMeter
from drivers.profile import AnyProfile, ModbusProfile, MqttProfile, load_profile
from drivers.profile_modbus import SerialLine
from drivers.rooms.home_assistant import HomeAssistantRoom
from drivers.rooms.opentherm_gateway import gateway_topics
from drivers.rooms.second_room import SecondRoom
from drivers.rooms.topics_room import Presence, RoomTopics, TopicsRoom, room_point
from drivers.rooms.zigbee2mqtt import ZigbeeRoom
from drivers.transports.modbus import LinkPool, ModbusLink
from drivers.transports.modbus_serial import SerialSettings
from drivers.transports.mqtt import BrokerLink, MqttLink, TlsFiles

PASSWORD_VARIABLE = "HEATHERD_MQTT_PASSWORD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The connected world of one house."""

    pump: HeatPump
    devices: Sequence[Device]  # all that is read; the earlier device wins a signal
    prices: PriceSource | None
    weather: WeatherSource | None
    background: Sequence[Callable[[], Awaitable[None]]]
    grid: GridSource | None = None  # where the grid operator's limit comes from
    receivers: Sequence[Callable[[], Awaitable[None]]] = ()  # what listens for others, in a service
    seconds: Seconds | None = None  # what is read every second; None: no [frequency]
    peak: Meters | None = None  # read every second against the peaks of the tariff


class Links(Protocol):
    """Where connections come from: the real world, or a bench's memory."""

    def modbus(self, device: DeviceConfig, profile: ModbusProfile) -> ModbusLink:
        """The link to a Modbus device; devices at one address share it."""
        ...

    def mqtt(self) -> MqttLink:
        """The link to the broker. Raises `ConfigurationError` when none is configured."""
        ...


class RealLinks:
    """Sockets and serial lines; nothing is contacted before it is used."""

    def __init__(self, config: HouseConfig, mqtt: MqttLink | None = None) -> None:
        self._config = config
        self._pool = LinkPool()
        self._mqtt = mqtt

    def modbus(self, device: DeviceConfig, profile: ModbusProfile) -> ModbusLink:
        """The link to a Modbus device; devices at one address share it."""
        c = profile.connection
        if device.serial is not None:
            line = c.serial or SerialLine()
            settings = SerialSettings(
                baudrate=device.baudrate or line.baudrate,
                parity=line.parity.value,
                stop_bits=line.stop_bits,
            )
            return self._pool.serial(device.serial, settings, timeout_s=c.timeout_s, gap_s=c.gap_s)
        if device.host is None:
            raise ConfigurationError(
                f"profile {profile.name} speaks Modbus: give its host or serial line"
            )
        return self._pool.link(
            device.host, device.port or c.port, timeout_s=c.timeout_s, gap_s=c.gap_s
        )

    def mqtt(self) -> MqttLink:
        """The link to the broker. Raises `ConfigurationError` when none is configured."""
        if self._mqtt is None:
            self._mqtt = BrokerLink(
                _broker_url(self._config), _client_id(self._config), tls=_tls(self._config)
            )
        return self._mqtt


def connect(
    config: HouseConfig,
    now: Now,
    links: Links | None = None,
    stopwatch_s: Callable[[], float] | None = None,
) -> Outside:
    """Drivers for everything the configuration names; nothing is contacted yet.

    `stopwatch_s` is monotonic, for durations that a clock which is set must not change.

    Raises `ConfigurationError`.
    """
    used = _Used(RealLinks(config) if links is None else links)
    devices: list[Device] = []
    if config.room is not None:
        devices.append(_room(config.room, "room", used, now))
    if config.second_room is not None:
        devices.append(SecondRoom(_room(config.second_room, "second room", used, now)))
    pump = _pump(config, used, now)
    devices.append(pump)
    if config.meter is not None:
        devices.append(_meter(config.meter, "meter", used, now))
    if config.grid_meter is not None:
        devices.append(GridMeter(_meter(config.grid_meter, "grid meter", used, now)))
    receivers: list[Callable[[], Awaitable[None]]] = []
    grid = grid_source(
        config,
        mqtt=used.mqtt,
        meter=lambda device: _meter(device, "grid contact", used, now),
        now=now,
        stopwatch_s=stopwatch_s,
        beside=receivers.append,
    )
    seconds = seconds_sources(
        config,
        pump.knobs,
        mqtt=used.mqtt,
        meter=lambda device, profile: _metered(device, profile, "every second", used, now=now),
        now=now,
    )
    peak = peak_meters(
        config,
        pump.knobs,
        meter=lambda device, profile: _metered(device, profile, "every second", used, now=now),
    )
    return Outside(
        pump=pump,
        devices=devices,
        prices=price_source(config, used.mqtt, now),
        weather=weather_source(config),
        background=used.background,
        grid=grid,
        receivers=receivers,
        seconds=seconds,
        peak=peak,
    )


class _Used:
    """Links on their way to the drivers; remembers what has to run beside them."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._broker: MqttLink | None = None

    def modbus(self, device: DeviceConfig, profile: ModbusProfile) -> ModbusLink:
        return self._links.modbus(device, profile)

    def mqtt(self) -> MqttLink:
        if self._broker is None:
            self._broker = self._links.mqtt()
        return self._broker

    @property
    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return () if self._broker is None else (self._broker.run,)


def _room(room: Room, name: str, links: Links, now: Now) -> Device:
    if room.kind == "zigbee2mqtt":
        return ZigbeeRoom(
            name,
            links.mqtt(),
            sensor_topic=room.sensor_topic,
            thermostat_topic=room.thermostat_topic,
            now=now,
        )
    if room.discovery_topic is not None:
        return HomeAssistantRoom(name, links.mqtt(), discovery_topic=room.discovery_topic, now=now)
    if room.topic is not None:
        topics = gateway_topics(
            room.topic, temperature=room.temperature_label, setpoint=room.setpoint_label
        )
    else:
        topics = _room_topics(room)
    return TopicsRoom(name, links.mqtt(), topics, now=now)


def _room_topics(room: Room) -> RoomTopics:
    """The topics that the owner has written down."""
    places = {
        Signal.ROOM_C: (room.temperature_topic, room.temperature_pointer),
        Signal.ROOM_SETPOINT_C: (room.setpoint_topic, room.setpoint_pointer),
        Signal.ROOM_HEATING_ENABLED: (room.mode_topic, room.mode_pointer),
    }
    return RoomTopics(
        points={
            signal: (room_point(signal, topic, pointer),)
            for signal, (topic, pointer) in places.items()
            if topic is not None
        },
        presences=[Presence(topic=topic) for topic in [room.availability_topic] if topic],
    )


def _pump(config: HouseConfig, links: Links, now: Now) -> HeatPump:
    device, profile = config.heat_pump, load_profile(config.heat_pump.profile)
    if not isinstance(profile, ModbusProfile):
        return MqttHeatPump("heat pump", profile, links.mqtt(), base_topic=device.topic, now=now)
    within_s = profile.connection.poll_within_s
    if within_s is not None and config.control.cycle_s > within_s:
        raise ConfigurationError(
            f"{profile.title} stops when it is not asked every {within_s:g} s: "
            f'set control.cycle = "{within_s * 2.0 / 3.0:g} s" or less'
        )
    unit = profile.connection.unit if device.unit is None else device.unit
    return ModbusHeatPump("heat pump", profile, links.modbus(device, profile), unit=unit, now=now)


def _meter(device: DeviceConfig, name: str, links: Links, now: Now) -> Device:
    return _metered(device, load_profile(device.profile), name, links, now=now)


def _metered(
    device: DeviceConfig, profile: AnyProfile, name: str, links: Links, *, now: Now
) -> Device:
    if isinstance(profile, MqttProfile):
        return MqttMeter(name, profile, links.mqtt(), topic=device.topic, now=now)
    unit = profile.connection.unit if device.unit is None else device.unit
    return ModbusMeter(name, profile, links.modbus(device, profile), unit=unit, now=now)


def _client_id(config: HouseConfig) -> str:
    return f"heatherd-{quote(config.house.name, safe='')}-{os.getpid()}"


def _broker_url(config: HouseConfig) -> str:
    """The broker's address with the user's name and the password from outside the configuration."""
    mqtt = config.mqtt
    if mqtt is None:
        raise ConfigurationError("mqtt: no broker is configured")
    password = secret("mqtt.password_file", mqtt.password_file, PASSWORD_VARIABLE)
    if mqtt.username is None:
        return mqtt.broker
    scheme, rest = mqtt.broker.split("://", 1)
    shared = "" if password is None else f":{quote(password, safe='')}"
    return f"{scheme}://{quote(mqtt.username, safe='')}{shared}@{rest}"


def _tls(config: HouseConfig) -> TlsFiles | None:
    mqtt = config.mqtt
    return None if mqtt is None else TlsFiles(mqtt.ca_file, mqtt.cert_file, mqtt.key_file)
