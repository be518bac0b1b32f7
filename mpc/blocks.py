"""Steps of a horizon joined to blocks: fine ones first, whole hours later."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.arrays import FloatArray

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Blocks:
    """`first[k]` is the first step of block k, `length[k]` its number of steps.

    The blocks before `fine` hold one step each, block `fine` reaches to a whole hour, all later
    ones are hours; the last takes what is left over.
    """

    first: NDArray[np.intp]
    length: NDArray[np.intp]
    fine: int

    def __len__(self) -> int:
        return len(self.first)

    def mean(self, per_step: ArrayLike) -> FloatArray:
        """Mean over the steps of each block."""
        values = np.asarray(per_step, dtype=np.float64)
        return np.asarray(np.add.reduceat(values, self.first) / self.length, dtype=np.float64)

    def total(self, per_step: ArrayLike) -> FloatArray:
        """Sum over the steps of each block."""
        values = np.asarray(per_step, dtype=np.float64)
        return np.asarray(np.add.reduceat(values, self.first), dtype=np.float64)

    def highest(self, per_step: ArrayLike) -> FloatArray:
        """Largest value within each block."""
        values = np.asarray(per_step, dtype=np.float64)
        return np.asarray(np.maximum.reduceat(values, self.first), dtype=np.float64)

    def lowest(self, per_step: ArrayLike) -> FloatArray:
        """Smallest value within each block."""
        values = np.asarray(per_step, dtype=np.float64)
        return np.asarray(np.minimum.reduceat(values, self.first), dtype=np.float64)

    def at_end(self, per_step: ArrayLike) -> FloatArray:
        """Value of each block's last step."""
        values = np.asarray(per_step, dtype=np.float64)
        return np.asarray(values[..., self.first + self.length - 1], dtype=np.float64)

    def spread(self, per_block: ArrayLike) -> FloatArray:
        """The value of its block for every step."""
        return np.repeat(np.asarray(per_block, dtype=np.float64), self.length, axis=-1)


def blocks_of(starts_at: datetime, *, step_s: int, steps: int, fine_s: float) -> Blocks:
    """Blocks of a horizon; their number depends on `steps`, `step_s` and `fine_s` only.

    A horizon that is hardly longer than `fine_s`, or has steps of an hour, stays as it is.
    """
    per_hour = HOUR_S // step_s
    fine = max(1, round(fine_s / step_s))
    hours = (steps - fine - per_hour) // max(per_hour, 1)
    if per_hour <= 1 or hours < 2:
        return Blocks(np.arange(steps), np.ones(steps, dtype=np.intp), steps)
    gone = int(starts_at.timestamp() % HOUR_S) // step_s
    bridge = per_hour - (gone + fine) % per_hour
    later = fine + bridge + per_hour * np.arange(hours)
    first = np.concatenate([np.arange(fine + 1), later])
    return Blocks(first, np.diff(np.append(first, steps)), fine)
