"""What the owner lets heatherd write. Pure.

A profile that is not proven as far as the owner demands is written to only where he accepts it,
knob by knob. Everything here is a question of the configuration; nothing is contacted.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from controller.actuation import choose_knob
from controller.config import HouseConfig
from controller.hot_water_steering import hot_water_knob
from controller.step import GridKnobs
from drivers.api import Capability, HeatPump, Knob, Maturity, OnSilence, WriteClass
from drivers.errors import ConfigurationError


class Offers(Protocol):
    """A heat pump, or the profile of one."""

    @property
    def knobs(self) -> Mapping[Capability, Knob]: ...

    @property
    def maturity(self) -> Maturity: ...


def offered(pump: Offers) -> frozenset[Capability]:
    """The knobs of this pump that may be written at all."""
    knobs = pump.knobs.items()
    return frozenset(c for c, knob in knobs if knob.write_class is not WriteClass.FORBIDDEN)


def accepted(config: HouseConfig, pump: Offers) -> frozenset[Capability]:
    """The knobs that the owner accepts to be written, whatever heatherd's mode is now.

    Raises `ConfigurationError` for an accepted knob that this pump does not have.
    """
    listed = frozenset(config.heat_pump.accept)
    if unknown := sorted(listed - offered(pump)):
        have = ", ".join(sorted(offered(pump))) or "none"
        raise ConfigurationError(
            f"heat_pump.accept: this pump has no {unknown[0]} to write (it has {have})"
        )
    order = list(Maturity)
    demanded = Maturity(config.heat_pump.accept_maturity)
    proven = order.index(pump.maturity) >= order.index(demanded)
    return offered(pump) if proven else listed


def tank_knob(config: HouseConfig, knobs: Mapping[Capability, Knob]) -> Knob | None:
    """The knob for hot water, None while it is the pump's own.

    Raises `ConfigurationError` where the owner wants it steered and the pump has nothing for that.
    """
    section = config.hot_water
    if not section.enabled:
        return None
    knob = hot_water_knob(knobs, section)
    if knob is None:
        wanted = "dhw_setpoint or dhw_boost" if section.capability is None else section.knob
        have = ", ".join(sorted(knobs)) or "none"
        raise ConfigurationError(
            f"hot_water.enabled: this pump has no knob {wanted} (it has {have}); "
            "its hot water stays its own: leave the section out"
        )
    return knob


def power_knob(config: HouseConfig, knobs: Mapping[Capability, Knob]) -> Knob | None:
    """The knob that takes a limit in watts, of the grid operator's or within seconds; None: nobody
    needs it, or none."""
    within_seconds = config.frequency is not None or config.tariff.hold is not None
    needed = config.grid is not None or within_seconds
    knob = knobs.get(Capability.POWER_LIMIT) if needed else None
    return None if knob is None or knob.write_class is WriteClass.FORBIDDEN else knob


def tank_limit_knob(config: HouseConfig, pump: Offers) -> Knob | None:
    """The set-point of the tank that yields to the grid operator's limit, also where hot water is
    the pump's own; None: nobody limits, or the pump has none that the owner accepts."""
    knob = pump.knobs.get(Capability.DHW_SETPOINT)
    if config.grid is None or knob is None or knob.write_class is WriteClass.FORBIDDEN:
        return None
    return knob if knob.capability in accepted(config, pump) else None


def grid_knobs(config: HouseConfig, pump: Offers) -> GridKnobs:
    """What the grid operator's limit is kept with beside the knob for heat."""
    return GridKnobs(power=power_knob(config, pump.knobs), tank=tank_limit_knob(config, pump))


def may_write(config: HouseConfig, pump: HeatPump) -> frozenset[Capability]:
    """The knobs this service may write, none while it only observes.

    Raises `ConfigurationError` where the owner must decide first.
    """
    tank = tank_knob(config, pump.knobs)
    if config.control.mode == "observe" or config.control.strategy == "heating-curve":
        return frozenset()
    granted = accepted(config, pump)
    knob = choose_knob(pump.knobs, config.heat_pump.capability)
    needed = offered(pump) if knob is None else frozenset({knob.capability})
    if tank is not None and tank.capability not in granted:
        raise ConfigurationError(f"hot_water.enabled: {how_to_accept([*granted, tank.capability])}")
    for key, wanted in (("frequency", config.frequency), ("tariff.hold", config.tariff.hold)):
        if wanted is not None and Capability.POWER_LIMIT not in granted:
            how = how_to_accept([*granted, Capability.POWER_LIMIT])
            raise ConfigurationError(f"{key}: {how}")
    if needed and not needed & granted:
        raise ConfigurationError(
            f"profile {config.heat_pump.profile!r} is proven as far as {pump.maturity.value!r}; "
            f"{how_to_accept(granted | needed)}, "
            f'or for all its knobs heat_pump.accept_maturity = "{pump.maturity.value}"'
        )
    if pump.on_silence is OnSilence.STOPS and not config.heat_pump.accept_stop_on_silence:
        raise ConfigurationError(
            "this pump stops heating when heatherd falls silent; "
            "to accept that, set heat_pump.accept_stop_on_silence = true"
        )
    return granted


def how_to_accept(capabilities: Collection[Capability]) -> str:
    """What the owner writes into the configuration so that these may be written."""
    names = ", ".join(f'"{name}"' for name in sorted(capabilities))
    return f"to let heatherd write it, set heat_pump.accept = [{names}]"
