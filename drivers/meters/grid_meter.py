"""A meter at the house's grid connection: any meter, whose power is then the whole house's."""

from drivers.api import Device, Observation, Signal

AT_THE_CONNECTION = {Signal.METER_POWER_W: Signal.GRID_POWER_W}


class GridMeter:
    """A `Device` that says of a meter's power that it is the import of the house."""

    def __init__(self, meter: Device) -> None:
        self._meter = meter

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._meter.name

    async def read(self) -> Observation:
        """The meter's power under its other name; what else it counts is not the heat pump's."""
        seen = await self._meter.read()
        return {new: seen[old] for old, new in AT_THE_CONNECTION.items() if old in seen}

    async def close(self) -> None:
        """Close the meter."""
        await self._meter.close()
