"""Between which errors a forecast has lately been wrong eight times of ten.

An error is what came minus what was forecast. A quantile lies q standard deviations from 0, with q
on each side followed so that one error in ten lies beyond it, whatever their distribution is
(Gibbs and Candes 2021, Adaptive conformal inference under distribution shift, arXiv 2106.00170).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

BEYOND_FRAC = 0.1
"""Of the errors lies beyond the quantile of either side."""

NORMAL_STDS, LEAST_STDS, MOST_STDS = 1.2816, 0.3, 4.0
"""q of normal errors, and its bounds."""

MEMORY_DAYS, PRIOR_DAYS = 20.0, 2.0
"""Watched days that count; the spread believed before counts like so many."""

FOLLOWS_PER_DAY = 0.3
"""How fast q follows: a day beyond it moves it by 0.27, one within by -0.03."""

DIGITS = 6


@dataclass(frozen=True, slots=True)
class ErrorBand:
    """What was watched of one kind of error; survives restarts."""

    days: float = 0.0
    square: float = 0.0  # mean of the squares
    low_stds: float = NORMAL_STDS
    high_stds: float = NORMAL_STDS

    def seen(self, errors: Sequence[float], *, usual_std: float, days: float) -> "ErrorBand":
        """Errors of so many more days, at least one; those of one day count as one."""
        std = self.std(usual_std)
        above = sum(error > self.high_stds * std for error in errors) / len(errors)
        below = sum(error < -self.low_stds * std for error in errors) / len(errors)
        total = min(self.days + days, MEMORY_DAYS)
        square = sum(error * error for error in errors) / len(errors)
        return ErrorBand(
            days=round(total, DIGITS),
            square=round(self.square + (square - self.square) * min(days / total, 1.0), 2 * DIGITS),
            low_stds=_followed(self.low_stds, below, days),
            high_stds=_followed(self.high_stds, above, days),
        )

    def std(self, usual_std: float) -> float:
        """Spread of the errors about 0; `usual_std` is what was believed before any was seen."""
        total = self.days * self.square + PRIOR_DAYS * usual_std * usual_std
        return math.sqrt(total / (self.days + PRIOR_DAYS))

    def quantiles(self, usual_std: float) -> tuple[float, float]:
        """What one error in ten lies below, and one above."""
        std = self.std(usual_std)
        return -self.low_stds * std, self.high_stds * std


def _followed(stds: float, beyond_frac: float, days: float) -> float:
    moved = stds + FOLLOWS_PER_DAY * days * (beyond_frac - BEYOND_FRAC)
    return round(min(max(moved, LEAST_STDS), MOST_STDS), DIGITS)
