"""What an emulated heat pump brings to the wire, by what its profile speaks."""

from typing import TypeAlias

from drivers.api import Capability
from drivers.profile import AnyProfile, ModbusProfile, MqttProfile
from hil.knob_memory import OnWrite
from hil.manners import Manners
from hil.registers import Readings, RegisterImage
from hil.relay_board import RelayBoard
from hil.topic_image import TopicImage

PumpImage: TypeAlias = RegisterImage | TopicImage | RelayBoard


def pump_image(
    profile: AnyProfile,
    on_write: OnWrite,
    *,
    readings: Readings,
    manners: Manners,
    older_firmware: bool,
) -> PumpImage:
    """Registers, topics, or two relays at the contacts of a pump that says nothing itself."""
    if isinstance(profile, ModbusProfile):
        return RegisterImage(
            profile,
            readings=readings,
            on_write=on_write,
            manners=manners,
            turned=manners.older_words if older_firmware else (),
        )
    if has_relays(profile):
        return RelayBoard(profile, on_write=on_write)
    return TopicImage(profile, readings=readings, on_write=on_write, manners=manners)


def has_relays(profile: MqttProfile) -> bool:
    """Whether two relays stand for SG Ready."""
    knob = profile.knobs.get(Capability.SG_READY)
    return knob is not None and profile.points[knob.point].rule == "sg_contacts"
