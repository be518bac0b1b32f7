"""The simulated world beside the controller: in this process, or behind sockets in its own."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from bench.archive import Archive, ArchivePrices, ArchiveWeather
from bench.spec import RunSpec
from controller.config import HouseConfig
from controller.config_devices import Device
from controller.connect import Outside, connect
from drivers.api import Now
from drivers.profile import ModbusProfile
from drivers.transports.in_memory import MemoryModbusLink, MemoryMqttLink
from drivers.transports.modbus import ModbusLink
from drivers.transports.mqtt import MqttLink
from hil.house import load_house
from hil.occupants import Occupancy
from hil.simulated_house import SimulatedHouse, Truth
from hil.weather import WeatherTrace


class WorldError(RuntimeError):
    """The simulated world does not answer as it should."""


class World(Protocol):
    """A house that is simulated up to an instant."""

    truths: list[Truth]

    def outside(self, config: HouseConfig, now: Now) -> Outside:
        """The house as the controller's drivers see it."""
        ...

    async def advance(self, until: datetime) -> None:
        """Let the house live until then."""
        ...


def weather_trace(archive: Archive) -> WeatherTrace:
    """The true weather of an archive, for the plant."""
    return WeatherTrace(**archive.truth_weather())


class MemoryWorld:
    """Plant and devices in this process, the real drivers on in-memory links; no sockets.

    Gives the same records as the simulator's process over sockets: the rooms report nothing before
    time passes.
    """

    def __init__(
        self, spec: RunSpec, archive: Archive, *, occupants: Occupancy | None = None
    ) -> None:
        self._spec = spec
        self._archive = archive
        self._mqtt = self.broker()
        self.house = SimulatedHouse(
            load_house(spec.house),
            weather_trace(archive),
            start_at=spec.start_at,
            seed=spec.seed,
            profile=spec.profile,
            curve=spec.curve,
            occupants=occupants,
            room_setpoint_c=spec.room_c,
        )
        self.truths = [self.house.truth()]
        for topic in self.house.listens:
            self._mqtt.subscribe(topic, self._on_command)

    def outside(self, config: HouseConfig, now: Now) -> Outside:
        """The drivers of a real house, on in-memory links."""
        return replace(
            connect(config, now, self),
            prices=ArchivePrices(self._archive),
            weather=ArchiveWeather(self._archive),
            background=(),
        )

    def modbus(self, device: Device, profile: ModbusProfile) -> ModbusLink:
        """The simulated house answers for every device."""
        del device, profile
        return MemoryModbusLink(self.house.modbus)

    def broker(self) -> MemoryMqttLink:
        """The house's own broker, made once."""
        return MemoryMqttLink()

    def mqtt(self) -> MqttLink:
        """The simulated house's own broker."""
        return self._mqtt

    async def advance(self, until: datetime) -> None:
        """Step the plant and hand its messages over."""
        self.house.advance(until)
        self._deliver()
        self.truths.append(self.house.truth())

    def _on_command(self, topic: str, payload: bytes, retained: bool) -> None:
        del retained
        for answer, text, retain in self.house.command(topic, payload.decode()):
            self._mqtt.deliver(answer, text, retain=retain)

    def _deliver(self) -> None:
        for topic, payload, retain in self.house.pop_messages():
            self._mqtt.deliver(topic, payload, retain=retain)
