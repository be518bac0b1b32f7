"""What a value written to a knob means to the pump's control."""

from drivers.api import Capability
from hil.firmware import Firmware
from hil.sg_ready import NORMAL

ROOM_KNOB_K_PER_K = 2.0
"""Room influence of a pump that is steered by its room set-point while its curve has none: at 0 the
knob would do nothing, and makers preset some 1 to 4 K of flow per kelvin of room."""

REQUESTS = {
    Capability.FLOW_SETPOINT: "flow_request_c",
    Capability.RETURN_SETPOINT: "return_request_c",
    Capability.VIRTUAL_OUTDOOR: "virtual_outdoor_c",
    Capability.POWER_LIMIT: "power_limit_w",
}
"""Knobs that stand for nothing when nobody asks."""


def obey(firmware: Firmware, capability: Capability, value: float | None) -> None:
    """A knob was written, or (None) its request ended and the pump's own setting is back."""
    if capability in REQUESTS:
        setattr(firmware, REQUESTS[capability], value)
    elif capability is Capability.COMPRESSOR_LIMIT:
        firmware.speed_limit_frac = 1.0 if value is None else value
    elif capability is Capability.SG_READY:
        firmware.sg.asked = NORMAL if value is None else int(value)
    elif capability is Capability.ON_OFF:
        firmware.heating_on = value != 0.0
    elif capability is Capability.DHW_BOOST:
        firmware.dhw_boost = value is not None and value != 0.0
    elif capability is Capability.CURVE_OFFSET:
        firmware.curve_offset_k = 0.0 if value is None else value
    elif capability is Capability.DHW_SETPOINT:
        firmware.dhw_start_c = firmware.truth.dhw_start_c if value is None else value
    elif capability is Capability.ROOM_SETPOINT and value is not None:
        firmware.room_setpoint_c = value  # without a request the thermostat's last word stands
        if firmware.room_influence_k_per_k == 0.0:
            firmware.room_influence_k_per_k = ROOM_KNOB_K_PER_K
