"""Whether a knob may be written now; the same questions for every transport."""

from collections.abc import Awaitable, Callable

from drivers.api import Absent, Capability, Knob, Sample, WriteClass
from drivers.errors import (
    ConfigurationError,
    OutOfRangeError,
    RefusedByDeviceError,
    TransientError,
)
from drivers.profile import AnyProfile

ReadPoint = Callable[[str], Awaitable[Sample | Absent]]


def knob_of(profile: AnyProfile, capability: Capability, device: str) -> Knob:
    """The knob of a capability. Raises `ConfigurationError` where the profile offers none."""
    try:
        return profile.knobs[capability]
    except KeyError:
        raise ConfigurationError(
            f"{device}: profile {profile.name} offers no {capability}"
        ) from None


def check_value(knob: Knob, value: float, device: str) -> None:
    """Raises `ConfigurationError` for a forbidden knob, `OutOfRangeError` outside its range."""
    if knob.write_class is WriteClass.FORBIDDEN:
        raise ConfigurationError(f"{device}: {knob.capability} must never be written")
    if not knob.minimum <= value <= knob.maximum and value != knob.release_value:
        raise OutOfRangeError(
            f"{device}: {knob.capability} {value:g} is outside {knob.minimum:g} .. {knob.maximum:g}"
        )


async def check_mode(knob: Knob, value: float, device: str, read_point: ReadPoint) -> None:
    """Raises a `DriverError` while the device is not in the mode in which the knob acts.

    In another mode the same value may mean something else, so the mode must be known. Giving a
    knob back by its release value asks for nothing and is always allowed.
    """
    needed = knob.only_when
    if needed is None or value == knob.release_value:
        return
    mode = await read_point(needed.point)
    if isinstance(mode, Absent):
        raise TransientError(
            f"{device}: {knob.capability} needs {needed.point}, which is unknown: {mode.reason}"
        )
    if mode.value not in needed.values:
        wanted = " or ".join(str(value) for value in needed.values)
        raise RefusedByDeviceError(
            f"{device}: {knob.capability} acts only while {needed.point} is {wanted}, "
            f"and it is {mode.value:g}"
        )
