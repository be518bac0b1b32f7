"""A buffer between pump and emitters while a rule walks: who gives what in a step."""

import numpy as np

from mpc.plan import PlanRequest
from mpc.storage import buffer_steps


class BufferSide:
    """The buffer at the start of a step, and whether it asks to be charged.

    The pump starts when what is in it above `low_c` does not last for the step, and stops when it
    is at `high_c` or the rooms take nothing.
    """

    def __init__(self, request: PlanRequest, first_frac: float) -> None:
        """`first_frac` is what is left of the first step. Raises ValueError without a buffer."""
        if request.buffer is None:
            raise ValueError("the request has no buffer")
        self._buffer, emitter = request.buffer, request.emitter
        step_h = np.full(len(request.horizon.outdoor_c), request.horizon.step_s / 3600.0)
        step_h[0] *= first_frac
        self._kept, self._gain_k_per_kw, self._drive_k = buffer_steps(request.buffer, step_h)
        excess_k = emitter.design_flow_c - 0.5 * emitter.design_spread_k - emitter.design_room_c
        self._emitter_w_per_k = emitter.design_heat_w / excess_k
        self._c = request.buffer.state_c
        self.asks = bool(request.compressor.running) and not request.compressor.hot_water

    def look(self, k: int, wanted_w: float) -> None:
        """Update the hysteresis when the rooms want this heat in step `k`."""
        if wanted_w > self._above_w(k, self._buffer.low_c):
            self.asks = True
        if wanted_w <= 0.0 or self._above_w(k, self._buffer.high_c) >= 0.0:
            self.asks = False

    def short_w(self, k: int) -> float:
        """Heat over the whole step that is missing for `low_c` at its end."""
        return max(0.0, -self._above_w(k, self._buffer.low_c))

    def given_w(self, k: int, wanted_w: float, *, heat_w: float, room_c: float) -> float:
        """Heat into the emitters in step `k`, `heat_w` coming in.

        As much as is wanted and there; what would make the buffer hotter than `high_c` goes to
        the rooms. At most what the emitters take at the present temperatures.
        """
        there_w = max(self._above_w(k, self._buffer.low_c) + heat_w, 0.0)
        surplus_w = max(self._above_w(k, self._buffer.high_c) + heat_w, 0.0)
        mixed_c = max(self._c, self._buffer.low_c) if heat_w > 0.0 else self._c
        most_w = max(self._emitter_w_per_k * (mixed_c - room_c), 0.0)
        return min(max(min(wanted_w, there_w), surplus_w), most_w)

    def advance(self, k: int, heat_w: float, given_w: float) -> None:
        """To the end of step `k`."""
        net_kw = (heat_w - given_w) / 1000.0
        self._c = float(
            self._kept[k] * self._c + self._gain_k_per_kw[k] * net_kw + self._drive_k[k]
        )

    def _above_w(self, k: int, level_c: float) -> float:
        """Heat that can leave over step `k` until the buffer is at this level; < 0: is missing."""
        left_c = self._kept[k] * self._c + self._drive_k[k]
        return float((left_c - level_c) / self._gain_k_per_kw[k] * 1000.0)
