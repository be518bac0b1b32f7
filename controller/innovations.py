"""How far readings lie from what was expected of them: is the estimator as good as it says? Pure.

A filter that is right has innovations of mean 0, as large as it says (`spread` 1), and each
independent of the one before (`lag1` 0).
"""

import math
from dataclasses import dataclass

from mpc.estimator import Innovation

MEMORY = 500.0
"""Readings that count: a day or two of a domestic sensor."""

DIGITS = 6  # of what is kept


@dataclass(frozen=True, slots=True)
class Innovations:
    """Running means over the last readings; `square`, `product`, `last` in standard deviations."""

    count: float = 0.0
    mean_k: float = 0.0
    square: float = 0.0
    product: float = 0.0  # of neighbours
    last: float = 0.0

    def seen(self, found: Innovation) -> "Innovations":
        """One more reading."""
        count = min(self.count + 1.0, MEMORY)
        value = found.value_k / found.std_k
        return Innovations(
            count=count,
            mean_k=round(self.mean_k + (found.value_k - self.mean_k) / count, DIGITS),
            square=round(self.square + (value * value - self.square) / count, DIGITS),
            product=round(self.product + (value * self.last - self.product) / count, DIGITS),
            last=round(value, DIGITS),
        )

    @property
    def spread(self) -> float:
        """Root mean square over what the filter expects."""
        return math.sqrt(self.square)

    @property
    def lag1(self) -> float:
        """Correlation of neighbours."""
        return self.product / self.square if self.square > 0.0 else 0.0
