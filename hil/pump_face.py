"""The heat pump as the outside sees it: what it shows, what it obeys, its manners and its faults.

Between the pump's control (hil/firmware.py) and the wire. How values lie in registers or topics is
the image's business: a device that speaks something else than Modbus brings an image of its own.
"""

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from drivers.api import Capability, Knob, WriteClass
from drivers.profile import Profile
from hil.firmware import Firmware
from hil.knob_memory import OnWrite
from hil.manners import Effect, Manners, Watchdog
from hil.orders import obey
from hil.presence import Presence
from hil.sg_ready import NORMAL

OWNERS_FLOW_AT_C = 0.0
"""Outdoors; an owner of a pump with a fixed flow temperature sets what is right on such a day."""


class Image(Protocol):
    """What a device shows and takes, in values; whatever it speaks."""

    @property
    def write_counts(self) -> Mapping[str, int]:
        """Writes to the device's lasting memory, by point."""
        ...

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        ...

    def restart(self) -> None:
        """Power was away for a moment."""
        ...

    def in_force(self, capability: Capability) -> bool:
        """Whether the device has such a knob and is in the mode in which it acts."""
        ...

    def hold(self, capability: Capability, value: float) -> None:
        """Show a value of a knob, as if set at the device's own panel."""
        ...

    def held(self, capability: Capability) -> float | None:
        """What the device shows for a knob, None where there is nothing."""
        ...


AnImage = TypeVar("AnImage", bound=Image)


class PumpFace(Generic[AnImage]):
    """The emulated heat pump on its wire; `make_image` is given what to call when it is written."""

    def __init__(
        self,
        profile: Profile,
        make_image: Callable[[OnWrite], AnImage],
        *,
        firmware: Firmware,
        manners: Manners,
    ) -> None:
        self.alarm_code = 0  # of the watchdog over the wire
        self._firmware = firmware
        self._knobs: Mapping[Capability, Knob] = profile.knobs
        self._boosting = False
        self.presence = Presence(manners, on_watchdog=self._on_watchdog)
        self.image = make_image(self._on_write)
        for capability, value in self._owners_settings().items():
            if self._is_stored(capability):  # a volatile knob shows requests, and there is none
                self.image.hold(capability, value)

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        self.presence.pass_time(clock_s)
        self.image.pass_time(clock_s)
        if self._boosting and not self._firmware.dhw_boost:
            self._boosting = False
            self.image.hold(Capability.DHW_BOOST, 0.0)

    def turn(self, capability: Capability, value: float) -> None:
        """Somebody sets a knob at the pump's panel. Raises ValueError where there is none."""
        if capability not in self._knobs:
            raise ValueError(f"this pump has no knob for {capability}")
        self.image.hold(capability, value)
        self._on_write(capability, value)

    def restart(self) -> None:
        """Power was away for a moment: volatile values are gone, stored ones stay in force."""
        self._firmware.restart()
        self.presence.restart()
        self.image.restart()
        knob = self._knobs.get(Capability.SG_READY)
        if knob is not None and knob.write_class is not WriteClass.VOLATILE:
            obey(self._firmware, knob.capability, self.image.held(knob.capability))

    def _owners_settings(self) -> dict[Capability, float]:
        """What the pump holds before anybody has written to it.

        A stored flow or return set-point is in force: such a pump has no curve while its owner
        has chosen a fixed temperature.
        """
        firmware = self._firmware
        settings = {
            Capability.CURVE_OFFSET: 0.0,
            Capability.ROOM_SETPOINT: firmware.room_setpoint_c,
            Capability.DHW_SETPOINT: firmware.dhw_start_c,
            Capability.DHW_BOOST: 0.0,
            Capability.ON_OFF: 1.0,
            Capability.SG_READY: float(NORMAL),
        }
        for capability in (Capability.POWER_LIMIT, Capability.COMPRESSOR_LIMIT):
            if self._is_stored(capability):
                settings[capability] = self._knobs[capability].maximum
        fixed_c = firmware.curve_flow_c(OWNERS_FLOW_AT_C)
        spread_k = firmware.spread_k
        for capability, value_c in (
            (Capability.FLOW_SETPOINT, fixed_c),
            (Capability.RETURN_SETPOINT, fixed_c - spread_k),
        ):
            if self._is_stored(capability) and self.image.in_force(capability):
                knob = self._knobs[capability]
                settings[capability] = min(max(value_c, knob.minimum), knob.maximum)
                obey(firmware, capability, settings[capability])
        return settings

    def _is_stored(self, capability: Capability) -> bool:
        knob = self._knobs.get(capability)
        return knob is not None and knob.write_class is not WriteClass.VOLATILE

    def _on_write(self, capability: Capability, value: float | None) -> None:
        obey(self._firmware, capability, value)
        if capability is Capability.DHW_BOOST:
            self._boosting = self._firmware.dhw_boost

    def _on_watchdog(self, rule: Watchdog, tripped: bool) -> None:
        self.alarm_code = rule.alarm_code if tripped else 0
        self._firmware.stopped = tripped and rule.effect is Effect.STOP
