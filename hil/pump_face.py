"""The heat pump as the outside sees it: what it shows, what it obeys, its manners and its faults.

Between the pump's control (hil/firmware.py) and the wire. The wire's own part, how values lie in
registers, is the image; a device that speaks something else brings an image of its own.
"""

from collections.abc import Mapping
from typing import Protocol

from drivers.api import Capability, Knob, WriteClass
from drivers.profile import ModbusProfile
from hil.device import EmulatedDevice
from hil.firmware import Firmware
from hil.manners import Effect, Manners, Watchdog
from hil.orders import obey
from hil.presence import Presence
from hil.registers import Readings, RegisterImage
from hil.sg_ready import NORMAL

OWNERS_FLOW_AT_C = 0.0
"""Outdoors; an owner of a pump with a fixed flow temperature sets what is right on such a day."""


class Image(Protocol):
    """What a device shows and takes, in values; whatever it speaks."""

    @property
    def write_counts(self) -> dict[str, int]: ...

    def hold(self, capability: Capability, value: float) -> None:
        """Show a value of a knob, as if set at the device's own panel."""
        ...

    def held(self, capability: Capability) -> float | None:
        """What the device shows for a knob, None where there is nothing."""
        ...


class PumpFace:
    """The emulated heat pump on its wire."""

    def __init__(
        self,
        profile: ModbusProfile,
        *,
        firmware: Firmware,
        readings: Readings,
        manners: Manners,
        older_firmware: bool = False,
    ) -> None:
        self.alarm_code = 0  # of the watchdog over the wire
        self._firmware = firmware
        self._knobs: Mapping[Capability, Knob] = profile.knobs
        self._boosting = False
        self.registers = RegisterImage(
            profile,
            readings=readings,
            on_write=self._on_write,
            manners=manners,
            turned=manners.older_words if older_firmware else (),
        )
        self.presence = Presence(manners, on_watchdog=self._on_watchdog)
        self.device = EmulatedDevice(self.registers, self.presence)
        self._image: Image = self.registers
        for capability, value in self._owners_settings().items():
            self._image.hold(capability, value)

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        self.presence.pass_time(clock_s)
        self.registers.pass_time(clock_s)
        if self._boosting and not self._firmware.dhw_boost:
            self._boosting = False
            self._image.hold(Capability.DHW_BOOST, 0.0)

    def turn(self, capability: Capability, value: float) -> None:
        """Somebody sets a knob at the pump's panel. Raises ValueError where there is none."""
        if capability not in self._knobs:
            raise ValueError(f"this pump has no knob for {capability}")
        self._image.hold(capability, value)
        self._on_write(capability, value)

    def restart(self) -> None:
        """Power was away for a moment: volatile values are gone, stored ones stay in force."""
        self._firmware.restart()
        self.presence.restart()
        self.registers.restart()
        knob = self._knobs.get(Capability.SG_READY)
        if knob is not None and knob.write_class is not WriteClass.VOLATILE:
            obey(self._firmware, knob.capability, self._image.held(knob.capability))

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
            if self._is_stored(capability) and self.registers.in_force(capability):
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
