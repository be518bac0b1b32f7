"""What a German grid operator must leave a controllable device (EnWG §14a). Pure; no legal advice.

Source: Bundesnetzagentur, decision BK6-22-300; the shares for three to eight devices are as they
are commonly published.
"""

from collections.abc import Sequence

LEAST_W = 4200.0
LARGE_W, LARGE_FRAC = 11000.0, 0.4
SIMULTANEOUS_FRAC = (0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45)
"""For two devices, three, ... nine and more."""


def guaranteed_w(connected_w: float) -> float:
    """Of one heat pump, its heater rod included: 4.2 kW, or 40 % of more than 11 kW."""
    return max(LEAST_W, LARGE_FRAC * connected_w) if connected_w > LARGE_W else LEAST_W


def managed_guaranteed_w(devices: int, large_w: Sequence[float] = ()) -> float:
    """Of all devices behind one energy manager; `large_w` are the heat pumps over 11 kW."""
    if devices < 1 or len(large_w) > devices:
        raise ValueError("count every device, the large ones included")
    first_w = max(LARGE_FRAC * sum(large_w), LEAST_W)
    if devices == 1:
        return first_w
    share_frac = SIMULTANEOUS_FRAC[min(devices - 2, len(SIMULTANEOUS_FRAC) - 1)]
    return first_w + (devices - 1) * share_frac * LEAST_W


def left_for_pump_w(limit_w: float, others_w: float) -> float:
    """Of a limit for several: what is left for the heat pump beside the others."""
    return max(limit_w - others_w, 0.0)
