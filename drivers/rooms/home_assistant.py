"""A thermostat that announces itself to Home Assistant over MQTT; its message tells the topics."""

from drivers.api import Absent, Now, Observation, Signal
from drivers.rooms.discovery import Refusal, climate_of
from drivers.rooms.topics_room import TopicsRoom
from drivers.transports.mqtt import MqttLink

_PROMISED = (Signal.ROOM_C, Signal.ROOM_SETPOINT_C, Signal.ROOM_HEATING_ENABLED)


class HomeAssistantRoom:
    """A `Device` whose topics come from a retained message such as homeassistant/climate/x/config.

    A configuration that changes is followed; one that cannot be used, or is withdrawn, leaves
    every signal `Absent` with the reason. Nothing of Home Assistant itself is needed.
    """

    def __init__(self, name: str, link: MqttLink, *, discovery_topic: str, now: Now) -> None:
        self._name = name
        self._topic = discovery_topic
        self._room = TopicsRoom(name, link, now=now)
        self._config = b""
        self._why_not = "no configuration message yet"
        link.subscribe(discovery_topic, self._on_config)

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._name

    async def read(self) -> Observation:
        """The newest word on every signal that the device announces."""
        if self._why_not:
            absent = Absent(f"{self._topic}: {self._why_not}")
            return dict.fromkeys(_PROMISED, absent)
        return await self._room.read()

    async def close(self) -> None:
        """The link is not ours; there is nothing to close."""

    def _on_config(self, topic: str, payload: bytes, retained: bool) -> None:
        """Follow the device's configuration; a repeated one changes nothing."""
        del topic, retained
        if payload == self._config and not self._why_not:
            return
        self._config = payload
        climate = climate_of(payload)
        if isinstance(climate, Refusal):
            self._why_not = climate.reason
            return
        self._why_not = ""
        self._room.listen(climate)
