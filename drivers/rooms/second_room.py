"""A room of the second zone: any room device, whose temperature is then that zone's."""

from drivers.api import Device, Observation, Signal

IN_THE_SECOND_ZONE = {Signal.ROOM_C: Signal.SECOND_ROOM_C}


class SecondRoom:
    """A `Device` that says of a room's temperature that it is the second zone's.

    Whatever else the device says (a set-point, a mode) is no wish for the house.
    """

    def __init__(self, room: Device) -> None:
        self._room = room

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._room.name

    async def read(self) -> Observation:
        """The room's temperature under its other name."""
        seen = await self._room.read()
        return {new: seen[old] for old, new in IN_THE_SECOND_ZONE.items() if old in seen}

    async def close(self) -> None:
        """Close the device."""
        await self._room.close()
