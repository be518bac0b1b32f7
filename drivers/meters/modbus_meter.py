"""An electricity meter behind Modbus, read as its profile says."""

from drivers.api import Now, Observation
from drivers.errors import ConfigurationError
from drivers.profile import DeviceKind, ModbusProfile
from drivers.registers_reader import RegistersReader
from drivers.transports.modbus import ModbusLink


class ModbusMeter:
    """A `Device` that delivers the signals of a meter profile."""

    def __init__(
        self, name: str, profile: ModbusProfile, link: ModbusLink, *, unit: int, now: Now
    ) -> None:
        if profile.kind != DeviceKind.METER:
            raise ConfigurationError(f"{name}: profile {profile.name} is not of a meter")
        self._name = name
        self._link = link
        self._reader = RegistersReader(profile, link, unit, now)

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._name

    async def read(self) -> Observation:
        """Every signal of the profile; an absent meter makes every signal `Absent`."""
        return await self._reader.read()

    async def close(self) -> None:
        """Give the link back."""
        await self._link.close()
