"""Keeping the running metered interval under the peak that is paid for already. Pure."""

import math
from datetime import datetime

from mpc.peak_charges import charges
from mpc.peak_state import PeakState, Running
from mpc.peak_tariff import PeakTariff

J_PER_KWH = 3.6e6
LEAST_LEFT_S = 5.0
"""The last seconds of an interval cannot save it: dividing by them would swing the limit wildly."""


BELOW_STEP_KW = 0.01
"""How far below the next step of a fee: a level exactly on it is in the dearer step."""


def free_level_kw(tariff: PeakTariff, state: PeakState, at: datetime) -> float | None:
    """The mean import of the interval under way at `at` up to which the bill does not rise.

    With H the N highest of other groups (or intervals) so far and f what the running group has
    reached, the level is the mean of the N highest of them all, so it rises from

        v = max(f, min(H))

    on. Of a fee in steps, whose present step ends at B, the level may rise to B free of charge:

        v = N B - (sum of the N - 1 highest of H)

    Weighted, and divided by the interval's own weight. None: the interval costs nothing at all.
    """
    starts_at = tariff.interval_start(at)
    found = charges(tariff, state, starts_at=starts_at, step_s=tariff.interval_s, steps=1)
    if not found:
        return None
    charge = found[0]
    history = sorted(charge.history_kw, reverse=True)
    reached_kw = max(charge.floor_kw[0], history[-1])
    level_kw = sum([*history[:-1], reached_kw]) / len(history)
    end_kw = next((s.below_kw for s in charge.steps if level_kw < s.below_kw), -math.inf)
    to_step_kw = len(history) * (end_kw - BELOW_STEP_KW) - sum(history[:-1])
    return max(reached_kw, to_step_kw) / charge.weight_frac[0]


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
