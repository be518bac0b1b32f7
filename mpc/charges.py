"""When the tank is charged: whole charges in the cheapest hours that keep the water warm enough.

Chosen before the rooms' problem, which then has no whole numbers for the tank. A charge takes the
compressor for an hour in ten: that it keeps the rooms waiting meanwhile is left out here and met
there. A search over the two layers, step by step: of the ways that lead to about the same tank the
cheapest goes on (dynamic programming over a grid; each way carries its exact temperatures, so that
nothing drifts with the width of the grid).

The heat that each charge begins with warms pump and pipes and not the tank: many small charges cost
more than few large ones. That the rooms get it afterwards is left out: they would have had it at a
better COP, and after a charge many pumps stop for a while, which is left out too.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mpc.arrays import FloatArray
from mpc.heat_pump_source import planned_source_c
from mpc.plan import PlanRequest, Trajectory
from mpc.power_curve import tank_power_w
from mpc.storage import WATER_KWH_PER_L_K, HotWater, after_draw_c, heated_below, layers_steps

UPPER_GRID_K, LOWER_GRID_K = 1.0, 2.0
"""Tanks that differ by less count as about the same."""

LEVELS_C = np.arange(10.0, 80.0, 2.0)
"""Temperatures of the tank at which the power of a charge is looked up."""

CHEAP_FRAC = 1.0 / 3.0
"""Heat left at the end is worth what it costs in the cheapest third of the last day."""

LAST_DAY_S = 86_400.0
CHANGE_FRAC = 0.1
"""Of the price of a start: a charge mostly joins or delays a run for the rooms."""

RISK_FRAC = 0.2
"""Of the price of too cool water: what would be too cool if the reserve were drawn, and that is
seldom."""

REACHED_K = 0.2
"""So near to a demanded temperature the grid may stay below it."""


@dataclass(frozen=True, slots=True)
class Charges:
    """Share of each step in which the tank is charged, 0 or 1."""

    run_frac: Trajectory
    hot_step: int | None  # in which both layers are as hot as hygiene demands


@dataclass(frozen=True, slots=True)
class _Ways:
    """The cheapest ways so far, one per tank: arrays of equal length."""

    layers_c: FloatArray  # 2 x ways: upper, lower
    steps_on: NDArray[np.intp]  # of the charge under way, up to its shortest length; 0: rests
    hot: NDArray[np.bool_]  # hygiene is done
    cost: FloatArray
    came_from: NDArray[np.intp]

    def at(self, index: NDArray[np.intp]) -> "_Ways":
        """Some of them."""
        return _Ways(
            self.layers_c[:, index],
            self.steps_on[index],
            self.hot[index],
            self.cost[index],
            self.came_from[index],
        )


@lru_cache(maxsize=2)
def charges(request: PlanRequest) -> Charges | None:
    """The schedule; None where the request has no tank or does not know what a charge gives.

    A request is asked for its schedule by the plan, by what the plan before is worth and by what
    both cost: kept from the first.
    """
    water = request.hot_water
    if water is None or water.charge_w is None:
        return None
    return _Search(request, water, water.charge_w).best()


def _mean(layers_c: FloatArray) -> FloatArray:
    """Of the two layers, for every way; written out because numpy's mean is slow for two rows."""
    return np.asarray(0.5 * (layers_c[0] + layers_c[1]))


class _Search:
    """The numbers of one request."""

    def __init__(self, request: PlanRequest, water: HotWater, charge_w: float) -> None:
        machine, horizon = request.compressor, request.horizon
        self.water, self.steps = water, len(horizon.price_per_kwh)
        gone_s = (request.estimate.at - horizon.starts_at).total_seconds()
        first_frac = 1.0 - min(max(gone_s / horizon.step_s, 0.0), 0.99)
        self.hours = np.full(self.steps, horizon.step_s / 3600.0)
        drawn = np.array(water.draw_kwh_per_k)
        self.hours[0], drawn[0] = self.hours[0] * first_frac, drawn[0] * first_frac
        self.layers = layers_steps(
            heated_below(water.tank), step_h=self.hours, draw_kwh_per_k=drawn
        )
        self.charge_kw = charge_w / 1000.0
        self.power_kw = _power_kw(request, water, charge_w)
        self.prices = _Prices(request, self.hours)
        self.start_cost = CHANGE_FRAC * machine.start_price
        self.stay = max(1, math.ceil(machine.dwell_s / horizon.step_s - 1e-9))
        self.charging = machine.charging
        self.on_for = min(self.stay, 1 + int(machine.since_s // horizon.step_s))
        rest_s = machine.minimum_off_s - machine.since_s if machine.running is False else 0.0
        starts_s = np.arange(self.steps) * float(horizon.step_s)
        self.allowed = _within_limit(request, self.power_kw)
        if rest_s > 0.0:
            self.allowed &= starts_s >= max(gone_s, 0.0) + rest_s
        self.reserve = np.array(water.reserve_kwh_per_k or (0.0,) * self.steps)
        self.kwh_per_k = water.tank.volume_l * WATER_KWH_PER_L_K / 2.0
        self.worth_per_kwh = self._worth_per_kwh(round(LAST_DAY_S / horizon.step_s))

    def best(self) -> Charges:
        """The cheapest way, followed back from its end."""
        start = np.array([[self.water.state_c[0]], [self.water.state_c[1]]])
        on = np.array([self.on_for if self.charging else 0], dtype=np.intp)
        ways = _Ways(start, on, np.array([False]), np.zeros(1), np.zeros(1, dtype=np.intp))
        trail = []
        for k in range(self.steps):
            ways = self._merged(self._next(ways, k))
            trail.append(ways)
        due = self.water.sanitise_steps is not None
        missed = np.where(ways.hot | (not due), 0.0, self.water.below_price_per_kh * 100.0)
        index = int(np.argmin(self._rank(ways) + missed))
        run, hot = np.zeros(self.steps), np.zeros(self.steps)
        for k in range(self.steps - 1, -1, -1):
            run[k] = float(trail[k].steps_on[index] > 0)
            hot[k] = float(trail[k].hot[index])
            index = int(trail[k].came_from[index])
        first_hot = int(np.argmax(hot)) if hot.any() else None
        return Charges(tuple(run.tolist()), first_hot)

    def _next(self, ways: _Ways, k: int) -> _Ways:
        """All that can follow in step `k`: rest, and charge."""
        may_rest = np.flatnonzero((ways.steps_on == 0) | (ways.steps_on >= self.stay))
        cool = _mean(ways.layers_c) < min(self.water.high_c[k], self.water.pump_max_c)
        begun = (ways.steps_on > 0) & (ways.steps_on < self.stay)
        may_charge = np.flatnonzero((cool | begun) & self.allowed[k])
        if not len(may_rest) and not len(may_charge):
            may_rest = np.arange(len(ways.cost))
        rested = self._step(ways.at(may_rest), k, charge=False)
        charged = self._step(ways.at(may_charge), k, charge=True)
        both = _Ways(
            np.concatenate([rested.layers_c, charged.layers_c], axis=1),
            np.concatenate([rested.steps_on, charged.steps_on]),
            np.concatenate([rested.hot, charged.hot]),
            np.concatenate([rested.cost, charged.cost]),
            np.concatenate([may_rest, may_charge]),
        )
        return replace(both, cost=both.cost + self._discomfort(both, k))

    def _step(self, ways: _Ways, k: int, *, charge: bool) -> _Ways:
        """One step on; warm water rises at once."""
        mean_c = _mean(ways.layers_c)
        x = self.layers.a[k] @ ways.layers_c + self.layers.d[k][:, None]
        cost, on = ways.cost, np.zeros_like(ways.steps_on)
        if charge:
            per_kw = float(self.layers.b[k].mean())
            begins = ways.steps_on == 0
            lost_kw = begins * (self.water.warm_up_kwh / self.hours[k])
            room_kw = np.maximum(self.water.high_c[k] - _mean(x), 0.0) / per_kw + lost_kw
            heat_kw = np.minimum(room_kw, self.charge_kw)  # the pump ends a charge by itself
            x = x + self.layers.b[k][:, None] * (heat_kw - lost_kw)
            power_kw = np.interp(0.5 * (mean_c + _mean(x)), LEVELS_C, self.power_kw[k])
            power_kw = power_kw * heat_kw / self.charge_kw
            cost = cost + self.prices.cost(k, power_kw) + self.start_cost * begins
            on = np.minimum(ways.steps_on + 1, self.stay)
        x = np.where(x[1] > x[0], _mean(x), x)
        return _Ways(x, on, ways.hot | self._hot(x, k), cost, ways.came_from)

    def _hot(self, layers_c: FloatArray, k: int) -> NDArray[np.bool_]:
        """Whether hygiene is done in this step."""
        water = self.water
        if water.sanitise_c is None or water.sanitise_steps is None:
            return np.zeros(layers_c.shape[1], dtype=np.bool_)
        due = water.sanitise_steps[0] <= k <= water.sanitise_steps[1]
        wanted_c = min(water.sanitise_c, water.pump_max_c) - REACHED_K
        return np.asarray((layers_c[1] >= wanted_c) & due)

    def _discomfort(self, ways: _Ways, k: int) -> FloatArray:
        """Kelvin-hours below what is wanted, now or after the reserve is drawn."""
        water = self.water
        upper_c, lower_c = ways.layers_c
        missing_k = np.maximum(water.low_c[k] - upper_c, 0.0)
        drawn_c = after_draw_c(water.tank, (upper_c, lower_c), float(self.reserve[k]))
        missing_k = missing_k + RISK_FRAC * np.maximum(
            water.reserve_low_c - drawn_c - missing_k, 0.0
        )
        return np.asarray(water.below_price_per_kh * self.hours[k] * missing_k)

    def _merged(self, ways: _Ways) -> _Ways:
        """The cheapest of each cell of the grid, heat in the tank counted."""
        upper = np.round(ways.layers_c[0] / UPPER_GRID_K).astype(np.intp)
        lower = np.round(ways.layers_c[1] / LOWER_GRID_K).astype(np.intp)
        cell = ((upper * 128 + lower) * 16 + ways.steps_on) * 2 + ways.hot
        order = np.lexsort((self._rank(ways), cell))
        cell = cell[order]
        first = np.ones(len(cell), dtype=np.bool_)
        np.not_equal(cell[1:], cell[:-1], out=first[1:])
        return ways.at(order[first])

    def _rank(self, ways: _Ways) -> FloatArray:
        """Cost, less what the heat in the tank is worth."""
        kwh = self.kwh_per_k * (ways.layers_c[0] + ways.layers_c[1])
        return np.asarray(ways.cost - self.worth_per_kwh * kwh)

    def _worth_per_kwh(self, last: int) -> float:
        """What a kWh of heat costs in the cheap hours of the last day."""
        power_kw = np.array([np.interp(self.water.low_c[k], LEVELS_C, row)
                             for k, row in enumerate(self.power_kw)])  # fmt: skip
        per_kwh = self.prices.bought * power_kw / self.charge_kw
        cheapest = np.sort(per_kwh[-last:])
        return max(float(cheapest[: max(1, round(CHEAP_FRAC * len(cheapest)))].mean()), 0.0)


class _Prices:
    """What electricity for the tank costs, step by step: own solar power first."""

    def __init__(self, request: PlanRequest, hours: FloatArray) -> None:
        self.bought = np.array(request.horizon.price_per_kwh)
        self._hours, site = hours, request.site
        self._spare_kw, self._sold = np.zeros_like(hours), self.bought
        if site is not None:
            spare_w = np.array(site.pv_w) - np.array(site.base_load_w)
            self._spare_kw = np.maximum(spare_w, 0.0) / 1000.0
            self._sold = np.array(site.export_price_per_kwh)

    def cost(self, k: int, power_kw: FloatArray) -> FloatArray:
        """Of drawing this power through step `k`."""
        own_kw = np.minimum(power_kw, self._spare_kw[k])
        cost_per_h = self.bought[k] * (power_kw - own_kw) + self._sold[k] * own_kw
        return np.asarray(self._hours[k] * cost_per_h)


def _power_kw(request: PlanRequest, water: HotWater, charge_w: float) -> FloatArray:
    """Electricity of a charge, steps x LEVELS_C."""
    source_c = planned_source_c(request)
    shape = (len(source_c), len(LEVELS_C))
    power_w = tank_power_w(
        request.heat_pump,
        np.full(shape, charge_w).ravel(),
        source_c=np.repeat(source_c, len(LEVELS_C)),
        flow_c=np.tile(LEVELS_C + water.tank.approach_k, len(source_c)),
    )
    return np.asarray(power_w.reshape(shape) + request.compressor.circulation_w) / 1000.0


def _within_limit(request: PlanRequest, power_kw: FloatArray) -> NDArray[np.bool_]:
    """Steps whose power limit, if any, allows a charge of a tank that is nearly warm."""
    if request.limits.power_max_w is None or request.hot_water is None:
        return np.ones(len(power_kw), dtype=np.bool_)
    warm_c = max(request.hot_water.low_c)
    drawn_kw = np.array([np.interp(warm_c, LEVELS_C, row) for row in power_kw])
    return np.asarray(drawn_kw <= np.array(request.limits.power_max_w) / 1000.0)
