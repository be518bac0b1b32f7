"""A forecast of the outdoor temperature, corrected by the house's own sensor.

The forecast is of a grid cell, the sensor hangs on a wall; the house feels the wall. Their
difference has a part that stays (height, town, the sensor itself) and one that passes with the
weather:
    correction(lead) = b + (e - b) exp(-lead / LASTS_S),
e the difference now, smoothed over an hour, b its mean over a week, trusted as days go by.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SMOOTHED_S = 3600.0
MEMORY_S = 7 * 86400.0
TRUSTED_S = 2 * 86400.0
"""After so much watching the lasting difference counts half."""

LASTS_S = 9.5 * 3600.0
"""Errors of neighbouring hours of one forecast correlate by 0.90 (De Bilt, winter 2024/25)."""

MOST_K = 4.0
"""More is no forecast error but a sensor in the sun, or in the snow."""

LONGEST_S = 3600.0
"""After a longer gap the difference before it says nothing."""


@dataclass(frozen=True, slots=True)
class ForecastBias:
    """Sensor minus forecast, as watched; survives restarts."""

    now_k: float = 0.0
    lasting_k: float = 0.0
    seen_s: float = 0.0

    def seen(self, sensor_c: float, forecast_c: float, span_s: float) -> "ForecastBias":
        """One more look, `span_s` after the one before."""
        if span_s <= 0.0:
            return self
        error_k = min(max(sensor_c - forecast_c, -MOST_K), MOST_K)
        kept = math.exp(-span_s / SMOOTHED_S) if span_s <= LONGEST_S and self.seen_s else 0.0
        counted_s = min(span_s, LONGEST_S)
        seen_s = min(self.seen_s + counted_s, MEMORY_S)
        return ForecastBias(
            now_k=error_k + kept * (self.now_k - error_k),
            lasting_k=self.lasting_k + counted_s / seen_s * (error_k - self.lasting_k),
            seen_s=seen_s,
        )

    def correction_k(self, lead_s: float) -> float:
        """What to add to the forecast for an instant so far ahead; nothing before any look."""
        if self.seen_s == 0.0:
            return 0.0
        lasting_k = self.lasting_k * self.seen_s / (self.seen_s + TRUSTED_S)
        return lasting_k + (self.now_k - lasting_k) * math.exp(-max(lead_s, 0.0) / LASTS_S)

    def corrected(
        self, outdoor_c: Sequence[float], *, lead_s: float, step_s: float
    ) -> tuple[float, ...]:
        """The forecast's steps, the first of which lies `lead_s` ahead (below 0: behind)."""
        return tuple(
            value + self.correction_k(lead_s + index * step_s)
            for index, value in enumerate(outdoor_c)
        )
