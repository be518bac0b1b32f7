"""The hot-water tank while a rule walks through the horizon: its own hysteresis and two layers."""

import numpy as np

from mpc.plan import PlanRequest
from mpc.rule_aim import Aim
from mpc.rule_bounds import WaterBounds, water_bounds
from mpc.storage import Layers, layers_steps

FULL_FRAC = 0.1  # a tank that takes less than this share of the lowest heat is full


class TankSide:
    """The tank at the start of a step, and whether its hysteresis asks for a charge."""

    def __init__(self, request: PlanRequest, aim: Aim, first_frac: float) -> None:
        """`first_frac` is what is left of the first step. Raises ValueError without a tank."""
        water = request.hot_water
        if water is None or aim.tank_start_c is None or aim.tank_stop_c is None:
            raise ValueError("the request has no hot water")
        self._water = water
        self._start_c, self._stop_c = aim.tank_start_c, aim.tank_stop_c
        self._bounds: WaterBounds = water_bounds(request)
        step_h = np.full(len(water.draw_kwh_per_k), request.horizon.step_s / 3600.0)
        drawn = np.array(water.draw_kwh_per_k)
        step_h[0], drawn[0] = step_h[0] * first_frac, drawn[0] * first_frac
        self._layers: Layers = layers_steps(water.tank, step_h=step_h, draw_kwh_per_k=drawn)
        self._c = np.array(water.state_c)
        self._sanitised = False
        self._warm_up_w = 1000.0 * water.warm_up_kwh / step_h
        self.asks = self._charging = request.compressor.charging

    def look(self, k: int) -> None:
        """Update the hysteresis at the start of step `k`."""
        least_w, most_w = self.range_w(k)
        if self._c[0] < self._start_c[k] or self._sanitising(k):
            self.asks = True
        if self.room_w(k) <= FULL_FRAC * least_w or most_w <= 0.0:
            self.asks = False

    def range_w(self, k: int) -> tuple[float, float]:
        """(least, most) heat of a running pump into the tank; (0, 0): not allowed.

        At the mean temperature of the step at most heat: the hottest that it can come to.
        """
        least_w, most_w = self._bounds.at(k, float(self._c.mean()))
        end_c = self._layers.a[k] @ self._c + self._layers.b[k] * most_w / 1000.0
        end_c = end_c + self._layers.d[k]
        later_least_w, later_most_w = self._bounds.at(k, 0.5 * float((self._c + end_c).mean()))
        most_w = min(most_w, later_most_w)
        return min(max(least_w, later_least_w), most_w), most_w

    def room_w(self, k: int) -> float:
        """Heat over the whole step that fills the tank by its end."""
        full_c = self._water.pump_max_c if self._sanitising(k) else float(self._stop_c[k])
        layers = self._layers
        cold_c = float(np.mean(layers.a[k] @ self._c + layers.d[k]))
        return max(0.0, (full_c - cold_c) / float(np.mean(layers.b[k])) * 1000.0)

    def advance(self, k: int, heat_w: float) -> None:
        """To the end of step `k`."""
        layers, begins = self._layers, heat_w > 0.0 and not self._charging
        into_w = heat_w - float(self._warm_up_w[k]) if begins else heat_w
        self._c = layers.a[k] @ self._c + layers.b[k] * into_w / 1000.0 + layers.d[k]
        self._charging = heat_w > 0.0
        hot_c = self._water.sanitise_c
        if hot_c is not None and self._due(k) and float(self._c.min()) >= hot_c:
            self._sanitised = True

    def _due(self, k: int) -> bool:
        steps = self._water.sanitise_steps
        return steps is not None and steps[0] <= k <= steps[1]

    def _sanitising(self, k: int) -> bool:
        """A sanitation is due, and within what the heat pump can do alone."""
        hot_c = self._water.sanitise_c
        possible = hot_c is not None and hot_c < self._water.pump_max_c
        return possible and self._due(k) and not self._sanitised
