"""Following a trajectory with few changes: a knob that wears, or that has few positions. Pure.

A stored set-point may be written some fifteen times a week, an SG Ready contact has four states.
Which level to hold now so that the coming hours are followed best is a shortest path over
(hour, level, changes left), solved exactly by dynamic programming (R. Bellman, Dynamic
Programming, 1957).
"""

import numpy as np

from mpc.arrays import FloatArray


def level_now(misfit: FloatArray, *, held: int | None, changes: int, change_price: float) -> int:
    """The index of the level to hold now.

    `misfit[h, l]` is what it costs to spend hour h at level l; `held` is the level held now, None
    when none is (then the first choice is free); `changes` is the largest number of changes over
    the horizon and `change_price` what one costs, in the unit of `misfit`.

    Backward recursion: V[h, c, l] = misfit[h, l] + min(V[h+1, c, l], price + min_k V[h+1, c-1, k]),
    c being the changes still allowed. Equal costs keep the held level, else take the lowest index.
    Raises ValueError for an empty horizon.
    """
    hours, levels = misfit.shape
    if hours == 0 or levels == 0:
        raise ValueError("nothing to follow")
    ahead = np.zeros((changes + 1, levels))
    for hour in range(hours - 1, -1, -1):
        best = ahead.copy()
        if changes > 0:
            elsewhere = ahead[:-1].min(axis=1, keepdims=True) + change_price
            best[1:] = np.minimum(best[1:], elsewhere)
        ahead = misfit[hour] + best
    if held is None:
        return int(ahead[changes].argmin())
    if changes == 0:
        return held
    best_other = int(ahead[changes - 1].argmin())
    moved = float(ahead[changes - 1, best_other]) + change_price
    return best_other if moved < float(ahead[changes, held]) else held
