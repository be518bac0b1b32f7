"""Too warm and too cold: the limits of the house itself, its water and its tank. Pure."""

from controller.actuation import DIRECT
from controller.guard_types import Draft, Situation, for_safety, with_heat
from drivers.api import Capability, OperatingState, Signal

OVERSHOOT_K = 5.0
"""Measured water may be so much above its limit: pumps stop by themselves before that."""


def not_too_warm(draft: Draft, situation: Situation) -> Draft:
    """A room at its limit gets no heat."""
    limits = situation.limits
    if not situation.too_warm or draft.run is False:
        return draft
    rested = with_heat(draft, limits, limits.rest_value)
    if draft.run is None and rested == draft.settings:
        return draft
    return draft.because(
        f"room {situation.room_c:.1f} °C is at its limit of {limits.room_max_c:.1f} °C",
        settings=rested,
        run=False,
        forced=for_safety(limits),
    )


def water_not_too_hot(draft: Draft, situation: Situation) -> Draft:
    """Whatever was asked: water measured far above its limit is heated no further.

    Only where the pump heats rooms at our word; hot water has limits of its own.
    """
    snapshot, limits = situation.snapshot, situation.limits
    if draft.run is not True or snapshot.operating_state is not OperatingState.HEATING:
        return draft
    for name, signal, most_c in (
        ("flow", Signal.FLOW_C, limits.flow_max_c + OVERSHOOT_K),
        ("return", Signal.RETURN_C, limits.return_max_c),
    ):
        water_c = snapshot.value(signal)
        if water_c is not None and water_c > most_c:
            return draft.because(
                f"{name} {water_c:.1f} °C is above {most_c:.1f} °C",
                settings=with_heat(draft, limits, limits.rest_value),
                run=False,
                forced=for_safety(limits),
            )
    return draft


def frost_comes_first(draft: Draft, situation: Situation) -> Draft:
    """A cold house is heated at any cost, also while the pump says it defrosts: a stuck signal must
    not freeze it. The pump's own pause still protects the compressor."""
    limits = situation.limits
    if not situation.at_frost_floor or limits.frost_value is None:
        return draft
    return draft.because(
        f"room {situation.coldest_c:.1f} °C is at the frost floor of {limits.frost_c:.1f} °C",
        settings=with_heat(draft, limits, limits.frost_value),
        forced=for_safety(limits),
    )


def legionella_dies(draft: Draft, situation: Situation) -> Draft:
    """A tank that is being heated through is neither blocked nor throttled nor asked for less."""
    snapshot, limits = situation.snapshot, situation.limits
    tank_c, heating = snapshot.value(Signal.DHW_C), snapshot.operating_state
    if heating is not OperatingState.DHW or tank_c is None or tank_c < limits.sanitised_from_c:
        return draft
    kept, knob = dict(draft.settings), limits.knob
    if (
        knob is not None
        and knob.capability not in DIRECT
        and kept.get(knob.capability) == limits.rest_value
    ):
        kept = dict(with_heat(draft, limits, limits.run_value))
    before_c = situation.before(Capability.DHW_SETPOINT)
    if before_c is not None and Capability.DHW_SETPOINT in kept:
        kept[Capability.DHW_SETPOINT] = max(kept[Capability.DHW_SETPOINT], before_c)
    if kept == draft.settings:
        return draft
    return draft.because(
        f"the tank is at {tank_c:.1f} °C against legionella: it is heated to the end",
        settings=kept,
    )
