"""Emulated devices on a Modbus bus: registers, and the mood to answer.

Errors are those of `drivers.errors`, as a driver on this device would get them; the servers turn
them into exception codes or silence.
"""

from collections.abc import Mapping, Sequence

from drivers.errors import RefusedByDeviceError
from drivers.points import Space
from hil.manners import Manners
from hil.presence import Presence
from hil.registers import IllegalValueError, RegisterImage


class NoSuchUnitError(RefusedByDeviceError):
    """Nobody on the bus has this unit number."""


class EmulatedDevice:
    """One unit of a bus."""

    def __init__(self, image: RegisterImage, presence: Presence | None = None) -> None:
        self.image = image
        self.presence = Presence(Manners()) if presence is None else presence

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Registers, if the device is in the mood. Raises a `DriverError`."""
        self.presence.listen(f"unit {unit}")
        largest = self.presence.manners.largest_read
        if count > largest:
            raise IllegalValueError(f"illegal value: unit {unit} gives {largest} registers at once")
        return self.image.read(unit, space, address, count)

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Take a write. Raises a `DriverError`."""
        self.presence.listen(f"unit {unit}", written=self.image.written(address))
        self.image.write(unit, address, values)


class Bus:
    """Several devices behind one Modbus address, told apart by their unit."""

    def __init__(self, devices: Mapping[int, EmulatedDevice]) -> None:
        self.devices = dict(devices)

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Read from one unit; an unknown unit is refused."""
        return self._device(unit).read(unit, space, address, count)

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Write to one unit; an unknown unit is refused."""
        self._device(unit).write(unit, address, values)

    def manners(self, unit: int) -> Manners:
        """How a unit behaves; plain manners where there is none."""
        device = self.devices.get(unit)
        return Manners() if device is None else device.presence.manners

    @property
    def single_client(self) -> bool:
        """Whether the address takes one connection only."""
        return any(device.presence.manners.single_client for device in self.devices.values())

    def _device(self, unit: int) -> EmulatedDevice:
        device = self.devices.get(unit)
        if device is None:
            raise NoSuchUnitError(f"no device answers as unit {unit}")
        return device
