"""The heat pump's COP as it was measured, over the one the planner assumes, by load. Pure."""

import math
from dataclasses import dataclass, replace

from controller.brine import source_now
from controller.model import HouseModel
from controller.snapshot import Snapshot
from drivers.api import OperatingState, Signal
from mpc.heat_pump import LOAD_NODES, HeatPumpMap, capacity_w, cop, part_load_gain

SETTLED_S = 1800.0
"""Running time after which power and heat belong to one working point."""

MEMORY_S = 24 * 3600.0
"""Running time at one load that counts: some days of a heating season."""

TRUSTED_S = 2 * 3600.0
"""After so much of it, what was measured weighs as much as the map."""

GAIN_RANGE = (0.6, 1.8)
"""Meters may be wrong, or the map; further than this it is something else."""

LEAST_POWER_W = 150.0
"""Below this a ratio of heat and power says nothing."""


@dataclass(frozen=True, slots=True)
class PumpFigures:
    """Measured over assumed COP at LOAD_NODES, and how long each was watched."""

    gain: tuple[float, ...] = (1.0,) * len(LOAD_NODES)
    seen_s: tuple[float, ...] = (0.0,) * len(LOAD_NODES)

    def seen(
        self, snapshot: Snapshot, model: HouseModel, *, running_s: float, span_s: float
    ) -> "PumpFigures":
        """One more look; only steady heating with measured heat, power and flow says anything."""
        measured = _measured(snapshot, model)
        if measured is None or running_s < SETTLED_S or not 0.0 < span_s < 3600.0:
            return self
        load_frac, found = measured
        gain, seen_s = list(self.gain), list(self.seen_s)
        for node, share in _near(load_frac):
            weighed_s = share * span_s
            total_s = min(seen_s[node] + weighed_s, MEMORY_S)
            if total_s > 0.0:
                gain[node] += (found - gain[node]) * weighed_s / total_s
            seen_s[node] = total_s
        return PumpFigures(tuple(gain), tuple(seen_s))

    def applied(self, heat_pump: HeatPumpMap) -> HeatPumpMap:
        """The map with what was measured; a load never seen takes the mean of the seen ones."""
        total_s = sum(self.seen_s)
        if total_s == 0.0:
            return heat_pump
        level = sum(g * s for g, s in zip(self.gain, self.seen_s, strict=True)) / total_s
        trust = total_s / (total_s + TRUSTED_S)
        usual = 1.0 + trust * (level - 1.0)
        own = [s / (s + TRUSTED_S) for s in self.seen_s]
        gains = [usual + t * (g - usual) for g, t in zip(self.gain, own, strict=True)]
        return replace(heat_pump, load_gain=tuple(round(g, 3) for g in gains))


def electricity_w(snapshot: Snapshot) -> float | None:
    """By the meter, else as the pump says."""
    power_w = snapshot.value(Signal.METER_POWER_W)
    return snapshot.value(Signal.POWER_W) if power_w is None else power_w


def _measured(snapshot: Snapshot, model: HouseModel) -> tuple[float, float] | None:
    """Share of capacity, and measured over assumed COP; None when not all of it is measured."""
    heat_w, flow_c = snapshot.value(Signal.HEAT_W), snapshot.value(Signal.FLOW_C)
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    power_w = electricity_w(snapshot)
    if snapshot.operating_state is not OperatingState.HEATING:
        return None
    if heat_w is None or flow_c is None or outdoor_c is None or power_w is None:
        return None
    net_w = power_w - model.heat_pump.standby_w
    if net_w < LEAST_POWER_W or heat_w < LEAST_POWER_W:
        return None
    source_c = source_now(snapshot, model.heat_pump, outdoor_c)
    load_frac = heat_w / float(capacity_w(model.heat_pump, source_c, flow_c))
    assumed = float(cop(model.heat_pump, source_c, flow_c))
    assumed *= float(part_load_gain(source_c, flow_c, load_frac))
    gain = heat_w / net_w / assumed
    return load_frac, min(max(gain, GAIN_RANGE[0]), GAIN_RANGE[1])


def _near(load_frac: float) -> list[tuple[int, float]]:
    """The nodes on both sides of a load, with their shares."""
    if load_frac <= LOAD_NODES[0]:
        return [(0, 1.0)]
    if load_frac >= LOAD_NODES[-1]:
        return [(len(LOAD_NODES) - 1, 1.0)]
    above = next(i for i, node in enumerate(LOAD_NODES) if node > load_frac)
    share = (load_frac - LOAD_NODES[above - 1]) / (LOAD_NODES[above] - LOAD_NODES[above - 1])
    share = min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    return [(above - 1, 1.0 - share), (above, share)]
