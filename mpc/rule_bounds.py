"""Least and most heat of a running pump, step by step, for rules that walk through the horizon."""

from dataclasses import dataclass, replace

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import floor_of
from mpc.heat_pump import Rated, part_load_gain
from mpc.plan import HeatLimits, PlanRequest
from mpc.power_curve import Emission, heat_max_w, lowest_w
from mpc.replay import emission_at

NODE_K = 0.5  # between the temperatures for which the bounds are worked out beforehand
BEYOND_K = 5.0  # the table reaches this far beyond start and band; its edges hold outside


@dataclass(frozen=True, slots=True)
class RoomBounds:
    """Heat into the rooms, over the temperature of what the water heats (room or floor).

    Read on the unfavourable side: `most_w` of the next warmer node, so a bound never promises
    more than the map; NODE_K costs at most some hundredths of the heat.
    """

    lowest_c: float
    most_w: FloatArray  # nodes x steps
    least_w: FloatArray

    def at(self, step: int, heated_c: float) -> tuple[float, float]:
        """(least, most) while running; (0, 0) where the limits forbid running."""
        node = int(np.ceil((heated_c - self.lowest_c) / NODE_K))
        node = min(max(node, 0), len(self.most_w) - 1)
        most = float(self.most_w[node, step])
        return min(float(self.least_w[node, step]), most), most


def net_limits(request: PlanRequest) -> HeatLimits:
    """The limits with the circulation pump's share of the power taken out."""
    limits = request.limits
    if limits.power_max_w is None:
        return limits
    used_w = request.compressor.circulation_w
    return replace(limits, power_max_w=tuple(max(p - used_w, 0.0) for p in limits.power_max_w))


def heats_floor(request: PlanRequest) -> bool:
    """The water meets a heated floor, not the room."""
    has_floor = request.building.floor_kwh_per_k is not None
    return has_floor and request.emitter.design_floor_c is not None


def heated_state(request: PlanRequest) -> int:
    """The state that the water meets."""
    floor = floor_of(request.building)
    return floor if floor is not None and heats_floor(request) else 0


def room_bounds(request: PlanRequest) -> RoomBounds:
    """The table for a request; one call of the bisection for all nodes and steps."""
    limits, comfort = net_limits(request), request.comfort
    floor = heats_floor(request)
    start_c = request.estimate.state_c[heated_state(request)]
    low_c = min(start_c, *comfort.low_c) - BEYOND_K
    high_c = max(start_c, *comfort.high_c, limits.flow_max_c if floor else start_c) + BEYOND_K
    nodes_c = low_c + NODE_K * np.arange(int((high_c - low_c) / NODE_K) + 2)
    outside = _emission(request)
    steps, nodes = len(outside.source_c), len(nodes_c)
    heated_c = np.repeat(nodes_c, steps)
    if limits.power_max_w is not None:
        limits = replace(limits, power_max_w=limits.power_max_w * nodes)
    where = replace(
        outside,
        limits=limits,
        source_c=np.tile(outside.source_c, nodes),
        room_c=heated_c,
        floor_c=heated_c if floor else None,
    )
    most_w = heat_max_w(where)
    return RoomBounds(
        lowest_c=low_c,
        most_w=np.minimum.accumulate(most_w.reshape(nodes, steps), axis=0),
        least_w=_least_w(where, most_w).reshape(nodes, steps),
    )


def _emission(request: PlanRequest) -> Emission:
    """The conditions of every step as every plan's replay sees them, the house at its start."""
    steps = len(request.horizon.outdoor_c)
    return emission_at(request, np.tile(np.array(request.estimate.state_c)[:, None], steps))


def _least_w(where: Emission, most_w: FloatArray) -> FloatArray:
    """Lowest continuous heat: q = frac * capacity at the flow that q needs, from above."""
    least_w = most_w
    for _ in range(2):  # capacity falls with the flow: the second value is the one from above
        least_w = lowest_w(where, least_w)
    return least_w


@dataclass(frozen=True, slots=True)
class WaterBounds:
    """Heat into the hot-water tank at its present mean temperature."""

    pump: Rated
    source_c: FloatArray
    limits: HeatLimits  # net of circulation
    standby_w: float
    approach_k: float

    def at(self, step: int, mean_c: float) -> tuple[float, float]:
        """(least, most) while running; (0, 0) where the power limit forbids running.

        Between the two power is convex, so the straight line gives a heat within the limit.
        """
        flow = mean_c + self.approach_k
        most = float(self.pump.capacity_w(self.source_c[step], flow))
        least = self.limits.modulation_min_frac * most
        if self.limits.power_max_w is None:
            return least, most
        allowed_w = self.limits.power_max_w[step] - self.standby_w
        least_power_w = self._power_w(step, mean_c, least)
        most_power_w = self._power_w(step, mean_c, most)
        if most_power_w <= allowed_w:
            return least, most
        if least_power_w > allowed_w or least >= most:
            return 0.0, 0.0
        share = (allowed_w - least_power_w) / (most_power_w - least_power_w)
        return least, least + min(max(share, 0.0), 1.0) * (most - least)

    def _power_w(self, step: int, mean_c: float, heat_w: float) -> float:
        """Electricity of the compressor for this heat while running, without standby."""
        source, flow = self.source_c[step], mean_c + self.approach_k
        load = heat_w / float(self.pump.capacity_w(source, flow))
        return heat_w / float(part_load_gain(source, flow, load) * self.pump.cop(source, flow))


def water_bounds(request: PlanRequest) -> WaterBounds:
    """For a request with hot water."""
    if request.hot_water is None:
        raise ValueError("the request has no hot water")
    outside = _emission(request)
    return WaterBounds(
        pump=outside.pump,
        source_c=outside.source_c,
        limits=net_limits(request),
        standby_w=outside.standby_w,
        approach_k=request.hot_water.tank.approach_k,
    )
