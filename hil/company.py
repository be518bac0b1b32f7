"""The devices around the heat pump: its electricity meter, and a room device behind the broker."""

from drivers.errors import ConfigurationError
from drivers.profile import AnyProfile, DeviceKind, ModbusProfile
from hil.manners import manners_of
from hil.presence import Presence
from hil.registers import Readings, RegisterImage
from hil.topic_device import TopicDevice
from hil.topic_image import TopicImage


class Company:
    """What else is to be read in the house; nothing of it takes commands."""

    def __init__(
        self,
        meter: AnyProfile,
        room: AnyProfile | None,
        *,
        meter_readings: Readings,
        room_readings: Readings,
    ) -> None:
        _must_be(meter, DeviceKind.METER)
        self.talkers: list[TopicDevice] = []
        self.registers: RegisterImage | None = None  # of a meter that speaks Modbus
        if isinstance(meter, ModbusProfile):
            self.registers = RegisterImage(meter, readings=meter_readings, on_write=lambda *_: None)
        else:
            self._add(meter, meter_readings)
        if room is not None:
            _must_be(room, DeviceKind.ROOM)
            self._add(room, room_readings)

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        if self.registers is not None:
            self.registers.pass_time(clock_s)
        for talker in self.talkers:
            talker.presence.pass_time(clock_s)
            talker.image.pass_time(clock_s)

    def _add(self, profile: AnyProfile, readings: Readings) -> None:
        if isinstance(profile, ModbusProfile):
            raise ConfigurationError(f"{profile.name}: a room device is emulated over MQTT only")
        manners = manners_of(profile)
        image = TopicImage(profile, readings=readings, on_write=lambda *_: None, manners=manners)
        self.talkers.append(TopicDevice(image, Presence(manners)))


def _must_be(profile: AnyProfile, wanted: DeviceKind) -> None:
    if profile.kind is not wanted:
        raise ConfigurationError(
            f"{profile.name} is the profile of a {profile.kind}, not of a {wanted}"
        )
