"""Too warm and too cold: the house's own limits. Pure."""

from controller.guard_types import Draft, Situation, for_safety, with_heat
from drivers.api import Signal


def not_too_warm(draft: Draft, situation: Situation) -> Draft:
    room_c = situation.snapshot.value(Signal.ROOM_C)
    limits = situation.limits
    if room_c is None or room_c < limits.room_max_c or draft.run is False:
        return draft
    rested = with_heat(draft, limits, limits.rest_value)
    if draft.run is None and rested == draft.settings:
        return draft
    return draft.because(
        f"room {room_c:.1f} °C is at its limit of {limits.room_max_c:.1f} °C",
        settings=rested,
        run=False,
        forced=for_safety(limits),
    )


def frost_comes_first(draft: Draft, situation: Situation) -> Draft:
    """A cold house is heated at any cost, also while the pump says it defrosts: a stuck signal must
    not freeze it. The pump's own pause still protects the compressor."""
    room_c = situation.snapshot.value(Signal.ROOM_C)
    limits = situation.limits
    if room_c is None or room_c > limits.frost_c or limits.frost_value is None:
        return draft
    return draft.because(
        f"room {room_c:.1f} °C is at the frost floor of {limits.frost_c:.1f} °C",
        settings=with_heat(draft, limits, limits.frost_value),
        run=True,
        forced=for_safety(limits),
    )
