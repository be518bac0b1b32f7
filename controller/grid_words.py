"""For `heatherd check`: what a grid operator's limit can do about hot water. Pure."""

from dataclasses import dataclass

from controller.acceptance import Offers, accepted, how_to_accept, tank_limit_knob
from controller.actuation import BLOCK_STATE, choose_knob, rest_setting, span
from controller.config import HouseConfig
from drivers.api import Capability


@dataclass(frozen=True, slots=True)
class HotWaterUnderLimit:
    """How the pump's own hot-water charges yield to a limit."""

    stops: bool  # by a knob, in some measure
    text: str


def hot_water_under_limit(config: HouseConfig, pump: Offers) -> HotWaterUnderLimit | None:
    """What ends a charge that the pump makes by itself; None where nobody can limit the house."""
    if config.grid is None:
        return None
    granted, ways = accepted(config, pump), []
    heat = choose_knob(pump.knobs, config.heat_pump.capability)
    blocks = heat is not None and heat.capability is Capability.SG_READY
    if heat is not None and blocks and rest_setting(heat) == BLOCK_STATE:
        ways.append("sg_ready, which blocks the compressor")
    power = pump.knobs.get(Capability.POWER_LIMIT)
    if power is not None and power.capability in granted:
        ways.append(f"power_limit, for limits of {span(power)[0]:g} W and more")
    if (tank := tank_limit_knob(config, pump)) is not None:
        rest_c = rest_setting(tank)
        ends_c = rest_c + config.hot_water.stops_above_k
        ways.append(f"dhw_setpoint at {rest_c:g} °C: a tank below {ends_c:g} °C is heated up to it")
    if ways:
        return HotWaterUnderLimit(
            True, f"Under a limit the pump's own hot-water charges yield by {'; by '.join(ways)}."
        )
    said = (
        "Under a limit the pump's own hot-water charges cannot be stopped: they go on, and "
        "limit-log counts their minutes."
    )
    could = [c for c in (Capability.POWER_LIMIT, Capability.DHW_SETPOINT) if c in pump.knobs]
    if could:
        said += f" This pump has {' and '.join(could)}: {how_to_accept([*granted, *could])}."
    else:
        said += " If that matters, let a contact of the control box switch the pump."
    return HotWaterUnderLimit(False, said)
