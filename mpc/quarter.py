"""Keeping the running metered interval under the peak that is paid for already. Pure."""

from mpc.peak_state import Running

J_PER_KWH = 3.6e6
LEAST_LEFT_S = 5.0
"""The last seconds of an interval cannot save it: dividing by them would swing the limit wildly."""


def heat_pump_limit_w(
    running: Running, *, interval_s: float, level_kw: float, others_w: float, unseen_s: float = 0.0
) -> float:
    """What the heat pump may draw for the rest of the interval so that its mean stays at the level.

    E = level * interval - seen - unseen at the level, spread over the seconds left:

        limit = E / left - others

    `others_w` is everything else at the same connection now (import positive); time of which
    nothing was seen (`unseen_s`) counts as if it had been at the level. Not below 0; what must be
    heated nevertheless (frost, the pump's lowest speed) is for the guard to say.
    """
    left_s = max(interval_s - running.seen_s - unseen_s, LEAST_LEFT_S)
    left_kwh = level_kw * (interval_s - unseen_s) / 3600.0 - running.seen_kwh
    return max(0.0, left_kwh * J_PER_KWH / left_s - others_w)
