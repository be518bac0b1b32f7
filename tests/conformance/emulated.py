"""One emulated heat pump in memory, the real driver on it, and heatherd's hand on the driver.

The device is the simulator's: profile, manners, knob memory and the pump's own control. Only the
wire is not there, and no water flows: readings stand still unless a test changes them.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from wired import WatchedModbusLink, WatchedMqttLink, Wire, questions_of

from drivers.api import Capability, HeatPump, Signal
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.profile import (
    AnyProfile,
    DeviceKind,
    ModbusProfile,
    MqttProfile,
    load_profile,
    shipped_profiles,
)
from drivers.transports.modbus import ModbusLink
from hil.device import Bus, EmulatedDevice
from hil.firmware import Firmware
from hil.house import House, load_house
from hil.manners import manners_of
from hil.pump_face import PumpFace
from hil.pump_image import PumpImage, pump_image
from hil.registers import RegisterImage
from hil.topic_device import TopicDevice

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
TICK_S = 60.0

READINGS = {
    Signal.OUTDOOR_C: 2.0,
    Signal.ROOM_C: 21.0,
    Signal.FLOW_C: 35.0,
    Signal.FLOW_SETPOINT_C: 36.0,
    Signal.RETURN_C: 30.0,
    Signal.BRINE_C: 1.0,
    Signal.DHW_C: 48.0,
    Signal.COMPRESSOR_HZ: 50.0,
    Signal.OPERATING_STATE: 1.0,
    Signal.DEFROSTING: 0.0,
    Signal.ALARM: 0.0,
    Signal.POWER_W: 1500.0,
    Signal.HEAT_W: 5000.0,
    Signal.ENERGY_KWH: 1234.0,
    Signal.HEAT_ENERGY_KWH: 4321.0,
}
IN_FORCE = (
    "flow_request_c",
    "return_request_c",
    "virtual_outdoor_c",
    "power_limit_w",
    "speed_limit_frac",
    "heating_on",
    "dhw_boost",
    "curve_offset_k",
    "dhw_start_c",
    "room_setpoint_c",
)
"""What commands change in the pump's own control."""

profile_of = cache(load_profile)
PUMPS = tuple(name for name in shipped_profiles() if profile_of(name).kind is DeviceKind.HEAT_PUMP)


class EmulatedPump:
    """A heat pump of one profile; with a capability, in the mode in which that knob acts."""

    def __init__(self, profile: AnyProfile, capability: Capability | None = None) -> None:
        self.profile = profile
        self.readings: dict[Signal, float | None] = dict(READINGS)
        self.wire = Wire()
        self._clock_s = 0.0
        self._firmware = _firmware()
        manners = manners_of(profile)
        needed = None if capability is None else profile.knobs[capability].only_when
        if needed is not None:
            mode = {needed.point: float(needed.values[0])}
            manners = replace(manners, settings={**manners.settings, **mode})
        self._face: PumpFace[PumpImage] = PumpFace(
            profile,
            lambda on_write: pump_image(
                profile,
                on_write,
                readings=lambda: self.readings,
                manners=manners,
                older_firmware=False,
            ),
            firmware=self._firmware,
            manners=manners,
        )
        self.image = self._face.image
        if isinstance(self.image, RegisterImage):
            unit = self.image.profile.connection.unit
            self.bus = Bus({unit: EmulatedDevice(self.image, self._face.presence)})
            self._modbus: WatchedModbusLink | None = WatchedModbusLink(self.bus, self.wire)
        else:
            self._modbus = None
            self.topics = TopicDevice(self.image, self._face.presence)
            self._mqtt = WatchedMqttLink(self.topics, self.wire, questions_of(profile))

    @property
    def now(self) -> datetime:
        """The time at the pump and at heatherd."""
        return START + timedelta(seconds=self._clock_s)

    def driver(self) -> HeatPump:
        """A new driver, as after a start; it knows what a running one would know."""
        if isinstance(self.profile, ModbusProfile):
            assert self._modbus is not None
            return ModbusHeatPump(
                self.profile.name,
                self.profile,
                self._modbus,
                unit=self.profile.connection.unit,
                now=lambda: self.now,
                pause=_no_pause,
            )
        self._mqtt.leave()
        driver = MqttHeatPump(
            self.profile.name,
            self.profile,
            self._mqtt,
            now=lambda: self.now,
        )
        self.topics.image.appear(True)  # everything is said again
        self._mqtt.speak()
        return driver

    def registers(self) -> ModbusLink:
        """The wire, for who wants to look himself."""
        assert self._modbus is not None
        return self._modbus

    def said(self) -> dict[str, bytes]:
        """All that the device says, unasked and asked by others, by topic."""
        assert isinstance(self.profile, MqttProfile)
        self.topics.image.appear(True)
        messages = self.topics.messages()
        for topic, payload in questions_of(self.profile):
            messages += self.topics.command(topic, payload)
        return {topic: payload.encode() for topic, payload, _ in messages}

    def pass_time(self, seconds: float) -> None:
        """Let the pump live."""
        end_s = self._clock_s + seconds
        tick_s = seconds
        if isinstance(self.profile, MqttProfile):  # says again what would be stale
            tick_s = self.profile.connection.stale_after_s / 4.0
        while self._clock_s < end_s:
            self._clock_s = min(self._clock_s + tick_s, end_s)
            self._face.pass_time(self._clock_s)
            if self._modbus is None:
                self._mqtt.speak()

    def turn(self, capability: Capability, value: float) -> None:
        """Somebody sets a knob at the pump's panel."""
        self._face.turn(capability, value)
        if self._modbus is None:
            self._mqtt.speak()

    def restart(self) -> None:
        """The pump was without power for a moment, and has booted."""
        self._face.restart()
        self.pass_time(self._face.presence.manners.boot_s + TICK_S)

    def control(self) -> dict[str, object]:
        """Every command that the pump's own control obeys now."""
        found: dict[str, object] = {name: getattr(self._firmware, name) for name in IN_FORCE}
        return found | {"sg_ready": self._firmware.sg.asked}

    @property
    def wear(self) -> Mapping[str, int]:
        """Writes to the device's lasting memory, by point."""
        return self.image.write_counts


@cache
def _house() -> House:
    return load_house("timber1972")


def _firmware() -> Firmware:
    house = _house()
    machine = house.truth.machine
    return Firmware(
        house.truth.firmware,
        house.curve,
        modulation_min_frac=machine.modulation_min_frac,
        nominal_w=machine.nominal_w,
        room_setpoint_c=21.0,
    )


async def _no_pause(_wait_s: float) -> None:
    """A device in memory needs no time between two registers."""
