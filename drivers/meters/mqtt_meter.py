"""An electricity meter behind MQTT, read as its profile says."""

from drivers.api import Now, Observation
from drivers.errors import ConfigurationError
from drivers.profile import DeviceKind, MqttProfile
from drivers.topics_reader import TopicsReader
from drivers.transports.mqtt import MqttLink


class MqttMeter:
    """A `Device` that delivers the signals of a meter profile; `topic` is its base topic here."""

    def __init__(
        self,
        name: str,
        profile: MqttProfile,
        link: MqttLink,
        *,
        topic: str | None = None,
        now: Now,
    ) -> None:
        if profile.kind != DeviceKind.METER:
            raise ConfigurationError(f"{name}: profile {profile.name} is not of a meter")
        self._name = name
        self._reader = TopicsReader(profile, link, base_topic=topic, now=now)

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._name

    async def read(self) -> Observation:
        """Every signal of the profile; a silent or absent meter makes its signals `Absent`."""
        return await self._reader.read()

    async def close(self) -> None:
        """The link is not ours; there is nothing to close."""
