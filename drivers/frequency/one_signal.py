"""One signal of a device that is asked every second: the grid's frequency, or a power beside it."""

from dataclasses import replace

from drivers.api import Absent, Device, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.points import Kind, Point
from drivers.profile import AnyProfile, ModbusProfile


class OneSignal:
    """The newest value of a signal, from any device that delivers it."""

    def __init__(self, device: Device, signal: Signal) -> None:
        self._device = device
        self._signal = signal

    async def read(self) -> Sample | Absent:
        """Never raises for a device that is absent or silent."""
        observed = await self._device.read()
        return observed.get(self._signal, Absent(f"{self._device.name} has no {self._signal}"))

    async def close(self) -> None:
        """Close the device."""
        await self._device.close()


def narrowed(profile: AnyProfile, signal: Signal) -> AnyProfile:
    """The profile with this signal alone, so that a second's read is one request.

    Raises `ConfigurationError` where the device does not deliver it, or not every second.
    """
    point = profile.signals.get(signal)
    if point is None:
        raise ConfigurationError(f"profile {profile.name} does not deliver {signal}")
    if isinstance(profile, ModbusProfile) and profile.connection.read_interval_s > 1.0:
        raise ConfigurationError(
            f"profile {profile.name} asks for {profile.connection.read_interval_s:g} s between "
            f"reads; {signal} is needed every second"
        )
    return replace(profile, signals={signal: point})


def counted_in(profile: AnyProfile, signal: Signal) -> float:
    """The step of a register of whole numbers; 0.0: the wire is finer, or says nothing of it."""
    point = profile.points[profile.signals[signal]]
    if isinstance(point, Point) and point.kind is not Kind.FLOAT32:
        return abs(point.scale)
    return 0.0
