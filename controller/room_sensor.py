"""How far a room sensor can be trusted: its steps, its age, whether it is frozen. Pure.

Sensors that repeat themselves tell less than those that follow the room. The smallest change ever
shown is the sensor's step; a value that is only repeated counts as one reading, however often it
comes. A value that does not change by a digit while the model says that the house must have moved
by more than FROZEN_MOVED_K and two steps is no reading: the sensor is frozen until it changes.
"""

import math
from dataclasses import dataclass, replace

from mpc.estimator import moved_to, vector
from mpc.plan import Estimate

ROOM_STD_K = 0.15
"""Measurement noise of a domestic room sensor with 0.1 K steps and its placement."""

CORRELATED_S = 900.0
"""Readings within a quarter of an hour share their error: draught, sun on the case, its lag."""

LATE_K_PER_H = 0.5
"""How fast a heated room moves: a reading of an hour ago is so much less sure."""

FIRST_STEP_K, LEAST_STEP_K = 0.5, 0.01
"""Radiator thermostats show half degrees; finer sensors say so with their first changes."""

STEP_FORGETS_FRAC = 1.0 / 64.0
"""Of every larger change: a single small one (a float's rounding) is not a step for ever."""

FROZEN_LEAST_S = 2 * 3600.0
FROZEN_MOVED_K = 1.0
FROZEN_STEPS = 2.0
"""Two hours are beyond the longest usual reporting interval; a kelvin is more than a model of a
house errs in the hours in which a working sensor shows no change."""

DIGITS = 6
"""Of what is kept: a millionth of a kelvin is small in a record, and enough."""


@dataclass(frozen=True, slots=True)
class RoomSensor:
    """What is known of the sensor; `free` is the house predicted without it since it changed."""

    value_c: float | None = None  # as it last said
    unchanged_s: float = 0.0
    unused_s: float = CORRELATED_S  # since a reading last corrected the belief
    step_k: float = FIRST_STEP_K
    free: tuple[float, ...] = ()  # as `mpc.estimator.vector`: temperatures in °C, heats in W
    low_c: float = 0.0  # of the air in `free`, once there is one
    high_c: float = 0.0
    frozen: bool = False

    def passed(self, span_s: float, free: Estimate, *, air: int = 0) -> "RoomSensor":
        """After a span without a new word; `free` is where the house would be by itself.

        `air` is the state that the sensor reads.
        """
        z = tuple(round(v, DIGITS) for v in vector(free).tolist())
        return replace(
            self,
            unchanged_s=self.unchanged_s + span_s,
            unused_s=self.unused_s + span_s,
            free=z,
            low_c=min(self.low_c, z[air]) if self.free else z[air],
            high_c=max(self.high_c, z[air]) if self.free else z[air],
        )

    def told(self, value_c: float) -> "RoomSensor":
        """After a reading."""
        if value_c != self.value_c:
            step_k = self._step_k(value_c)
            return RoomSensor(value_c, unused_s=self.unused_s, step_k=round(step_k, DIGITS))
        moved_k = self.high_c - self.low_c
        stuck = moved_k > FROZEN_MOVED_K + FROZEN_STEPS * self.step_k
        long = self.unchanged_s >= FROZEN_LEAST_S
        return replace(self, frozen=self.frozen or (stuck and long))

    def used(self) -> "RoomSensor":
        """After the belief was corrected."""
        return replace(self, unused_s=0.0)

    def std_k(self, age_s: float) -> float:
        """Standard deviation of a reading of so long ago, as of one that stands for itself."""
        alone = ROOM_STD_K**2 + self.step_k**2 / 12.0 + (LATE_K_PER_H * age_s / 3600.0) ** 2
        shared = max(CORRELATED_S, self.unchanged_s) / max(self.unused_s, 1.0)
        return math.sqrt(alone * max(shared, 1.0))

    def free_from(self, estimate: Estimate) -> Estimate:
        """The house without the sensor, as of `estimate`; where none is kept, the estimate."""
        if len(self.free) != len(vector(estimate)):
            return estimate
        return moved_to(estimate, self.free)

    def _step_k(self, value_c: float) -> float:
        if self.value_c is None:
            return self.step_k
        change_k = max(abs(value_c - self.value_c), LEAST_STEP_K)
        if change_k < self.step_k:
            return change_k
        return self.step_k + STEP_FORGETS_FRAC * (min(change_k, FIRST_STEP_K) - self.step_k)
