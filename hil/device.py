"""An emulated device on a bus: its registers, its manners, and the faults it can be given.

Errors are those of `drivers.errors`, as a driver on this device would get them; the servers turn
them into exception codes or silence. All times are simulated seconds.
"""

from collections.abc import Callable, Mapping, Sequence

from drivers.errors import NoAnswerError, RefusedByDeviceError, TransientError
from drivers.points import Space
from hil.manners import Manners, Watchdog
from hil.registers import IllegalValueError, RegisterImage

OnWatchdog = Callable[[Watchdog, bool], None]
"""Called when the device's own watchdog trips (True) or is content again (False)."""


class BusyError(TransientError):
    """The device asks to be asked again (exception 6)."""


class NoSuchUnitError(RefusedByDeviceError):
    """Nobody on the bus has this unit number."""


class SilenceWatch:
    """A device's own watchdog over its Modbus traffic."""

    def __init__(self, rule: Watchdog, on_change: OnWatchdog) -> None:
        self._rule = rule
        self._on_change = on_change
        self._heard_s: float | None = None  # None: not armed
        self.tripped = False

    def heard(self, clock_s: float, written: str | None) -> None:
        """A request has come; `written` names the point it writes to, if it does."""
        if self._rule.armed_by and written not in self._rule.armed_by:
            return
        self._heard_s = clock_s
        if self.tripped:
            self.tripped = False
            self._on_change(self._rule, False)

    def pass_time(self, clock_s: float) -> None:
        """Trip once the silence has been too long."""
        if self._heard_s is None or self.tripped:
            return
        if clock_s - self._heard_s >= self._rule.silence_s:
            self.tripped = True
            self._on_change(self._rule, True)

    def forget(self) -> None:
        """The device restarts: as if nobody had ever spoken."""
        self._heard_s = None
        if self.tripped:
            self.tripped = False
            self._on_change(self._rule, False)


class EmulatedDevice:
    """One unit of a bus."""

    def __init__(
        self, image: RegisterImage, manners: Manners, *, on_watchdog: OnWatchdog | None = None
    ) -> None:
        self.image = image
        self.manners = manners
        self.silent = False  # a fault: no answer to anything
        self.busy = False  # a fault: nothing but exception 6
        self._boots_until_s = 0.0
        self._requests = 0
        self._watch: SilenceWatch | None = None
        if manners.watchdog is not None and on_watchdog is not None:
            self._watch = SilenceWatch(manners.watchdog, on_watchdog)

    @property
    def answers(self) -> bool:
        """Whether it would answer now at all."""
        return not self.silent and self.image.clock_s >= self._boots_until_s

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Registers, if the device is in the mood. Raises a `DriverError`."""
        self._listen(unit, None)
        if count > self.manners.largest_read:
            raise IllegalValueError(
                f"illegal value: unit {unit} gives {self.manners.largest_read} registers at once"
            )
        return self.image.read(unit, space, address, count)

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Take a write. Raises a `DriverError`."""
        self._listen(unit, self.image.written(address))
        self.image.write(unit, address, values)

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        self.image.pass_time(clock_s)
        if self._watch is not None:
            self._watch.pass_time(clock_s)

    def restart(self) -> None:
        """Power was away for a moment; nothing is answered until it has booted."""
        self._boots_until_s = self.image.clock_s + self.manners.boot_s
        self.image.restart()
        if self._watch is not None:
            self._watch.forget()

    def _listen(self, unit: int, written: str | None) -> None:
        if not self.answers:
            raise NoAnswerError(f"unit {unit} stays silent")
        if self._watch is not None:
            self._watch.heard(self.image.clock_s, written)
        self._requests += 1
        every = self.manners.busy_every
        if self.busy or (every > 0 and self._requests % every == 0):
            raise BusyError(f"unit {unit}: device busy (code 6)")


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
        return Manners() if device is None else device.manners

    @property
    def single_client(self) -> bool:
        """Whether the address takes one connection only."""
        return any(device.manners.single_client for device in self.devices.values())

    def _device(self, unit: int) -> EmulatedDevice:
        device = self.devices.get(unit)
        if device is None:
            raise NoSuchUnitError(f"no device answers as unit {unit}")
        return device
