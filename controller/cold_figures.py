"""What the pump gives at most, and what its defrosts take, as its own meters say. Pure.

Most heat: measured over the map's while the pump runs at its limit, whole cycles of frost and
defrost included. At its limit is a compressor at the highest speed that the owner told, or a pump
whose flow stays below what it aims at while its electricity no longer rises. What was seen fades
within days: frost comes with the weather, and a limit believed too low would never be seen again,
for nobody asks for more than he believes in.

Defrosts: their share of the electricity of heating. Both are held where they were measured, by
source temperature, and lean on the map as long as little was seen.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from controller.brine import source_now
from controller.estimate import delivered_heat_w
from controller.model import HouseModel
from controller.pump_figures import electricity_w
from controller.snapshot import Snapshot
from drivers.api import OperatingState, Signal
from mpc.heat_pump import SOURCE_NODES_C, HeatPumpMap, SourceKind, capacity_w

NODES = len(SOURCE_NODES_C)

SETTLED_S = 1800.0
"""Running time after which a pump has had the time to speed up."""

LONGEST_LOOK_S = 600.0
"""A look says nothing about more than that."""

LACK_K = 0.5
STEADY_FRAC, LEVEL_TIME_S = 0.03, 600.0
"""At its limit a pump stays so far behind its aim, and its electricity near that of ten minutes."""

TOP_SPEED_FRAC = 0.98

LONGEST_STRETCH_S = 2700.0
"""Between two looks at the limit: the end of a frost cycle, a defrost and the way back up."""

FADE_S = 5 * 86400.0
TRUSTED_S = 2 * 3600.0
"""After so much time at the limit, what was measured weighs as much as the map."""

LEAST_S = 3600.0
"""At the limit; before, nothing was learned."""

MOST_RANGE = (0.75, 1.05)
"""Further from the map it is something else: a power limit, a wrong meter, a clogged filter."""

RATIO_MOST = 1.5
"""A stretch that gives more is a wrong reading."""

ANCHOR_KWH = 5.0
"""Electricity of heating for which no defrost is expected, besides what the map has."""

DEFROST_MOST_FRAC = 0.15


@dataclass(frozen=True, slots=True)
class Stretch:
    """Since the pump was last seen at its limit; `level_w` is its electricity lately."""

    given_kwh: float = 0.0
    map_kwh: float = 0.0
    span_s: float = 0.0
    level_w: float | None = None

    def longer(self, given_w: float, map_w: float, span_s: float) -> "Stretch":
        """With one more look."""
        hours = span_s / 3600.0
        return replace(
            self,
            given_kwh=self.given_kwh + given_w * hours / 1000.0,
            map_kwh=self.map_kwh + map_w * hours / 1000.0,
            span_s=self.span_s + span_s,
        )

    def levelled(self, power_w: float, span_s: float) -> "Stretch":
        """With the electricity of this look."""
        before_w = power_w if self.level_w is None else self.level_w
        weight = -math.expm1(-span_s / LEVEL_TIME_S)
        return replace(self, level_w=before_w + weight * (power_w - before_w))


@dataclass(frozen=True, slots=True)
class ColdFigures:
    """At SOURCE_NODES_C; survives restarts."""

    most_gain: tuple[float, ...] = (1.0,) * NODES  # largest heat, measured over the map's
    most_s: tuple[float, ...] = (0.0,) * NODES
    missed: float = 0.0  # squared errors of the learned gain before each stretch at the limit
    map_missed: float = 0.0  # those of the map
    heating_kwh: tuple[float, ...] = (0.0,) * NODES  # electricity, defrosts included
    defrost_kwh: tuple[float, ...] = (0.0,) * NODES
    stretch: Stretch = field(default_factory=Stretch)

    def seen(
        self, snapshot: Snapshot, model: HouseModel, *, running_s: float, span_s: float
    ) -> "ColdFigures":
        """One more look; a pump that is held back, cold or busy with the tank says nothing."""
        if span_s <= 0.0:
            return self
        faded = self._faded(span_s)
        source_c, power_w = _source_c(snapshot, model), electricity_w(snapshot)
        works = snapshot.operating_state in (OperatingState.HEATING, OperatingState.DEFROST)
        free = snapshot.grid is None or snapshot.grid.limit_w is None
        if span_s > LONGEST_LOOK_S or source_c is None or power_w is None or not (works and free):
            return replace(faded, stretch=Stretch())
        share = _near(source_c)
        net_kwh = max(power_w - model.heat_pump.standby_w, 0.0) * span_s / 3.6e6
        if running_s >= SETTLED_S:
            faded = faded._limit(snapshot, model, (source_c, power_w, span_s))
        if model.heat_pump.source is not SourceKind.AIR:
            return faded
        defrosts = snapshot.operating_state is OperatingState.DEFROST
        return replace(
            faded,
            heating_kwh=_plus(faded.heating_kwh, share, net_kwh),
            defrost_kwh=_plus(faded.defrost_kwh, share, net_kwh if defrosts else 0.0),
        )

    def applied(self, heat_pump: HeatPumpMap) -> HeatPumpMap:
        """The map with what was measured; its own largest heat where that predicted no worse."""
        most = self.most_fracs if self.predicts_better else ()
        defrost = self.defrost_fracs
        return replace(heat_pump, most_gain=most, defrost_frac=defrost if any(defrost) else ())

    @property
    def predicts_better(self) -> bool:
        """Whether the learned largest heat has foretold what came better than the map's."""
        return sum(self.most_s) >= LEAST_S and self.missed < self.map_missed

    @property
    def most_fracs(self) -> tuple[float, ...]:
        """Largest heat over the map's, as far as it is to be believed."""
        pairs = zip(self.most_gain, self.most_s, strict=True)
        trusted = (1.0 + s / (s + TRUSTED_S) * (gain - 1.0) for gain, s in pairs)
        return tuple(round(min(max(g, MOST_RANGE[0]), MOST_RANGE[1]), 3) for g in trusted)

    @property
    def defrost_fracs(self) -> tuple[float, ...]:
        """Share of heating's electricity that defrosts take."""
        pairs = zip(self.defrost_kwh, self.heating_kwh, strict=True)
        return tuple(round(min(d / (h + ANCHOR_KWH), DEFROST_MOST_FRAC), 3) for d, h in pairs)

    def _faded(self, span_s: float) -> "ColdFigures":
        kept = math.exp(-span_s / FADE_S)
        return replace(
            self,
            most_s=tuple(kept * s for s in self.most_s),
            missed=kept * self.missed,
            map_missed=kept * self.map_missed,
            heating_kwh=tuple(kept * e for e in self.heating_kwh),
            defrost_kwh=tuple(kept * e for e in self.defrost_kwh),
        )

    def _limit(
        self, snapshot: Snapshot, model: HouseModel, at: tuple[float, float, float]
    ) -> "ColdFigures":
        """A stretch grows, and counts as soon as the pump is at its limit (again)."""
        source_c, power_w, span_s = at
        given_w, flow_c = delivered_heat_w(snapshot, model), snapshot.value(Signal.FLOW_C)
        if given_w is None or flow_c is None:
            return replace(self, stretch=Stretch())
        map_w = float(capacity_w(model.heat_pump, source_c, flow_c))
        stretch = self.stretch.longer(given_w, map_w, span_s)
        if snapshot.operating_state is OperatingState.DEFROST:
            return replace(self, stretch=stretch)
        stretch = stretch.levelled(power_w, span_s)
        if not _at_limit(snapshot, model, power_w, stretch.level_w or power_w):
            return replace(self, stretch=stretch)
        fresh = replace(self, stretch=Stretch(level_w=stretch.level_w))
        told = stretch.map_kwh > 0.0 and stretch.span_s <= LONGEST_STRETCH_S
        return fresh._counted(stretch, source_c) if told else fresh

    def _counted(self, stretch: Stretch, source_c: float) -> "ColdFigures":
        ratio = min(stretch.given_kwh / stretch.map_kwh, RATIO_MOST)
        expected = float(np.interp(source_c, SOURCE_NODES_C, self.most_fracs))
        gain, most_s = list(self.most_gain), list(self.most_s)
        for node, share in enumerate(_near(source_c)):
            weighed_s = share * stretch.span_s
            most_s[node] += weighed_s
            if weighed_s > 0.0:
                gain[node] += (ratio - gain[node]) * weighed_s / most_s[node]
        return replace(
            self,
            most_gain=tuple(gain),
            most_s=tuple(most_s),
            missed=self.missed + stretch.span_s * (ratio - expected) ** 2,
            map_missed=self.map_missed + stretch.span_s * (ratio - 1.0) ** 2,
        )


def _source_c(snapshot: Snapshot, model: HouseModel) -> float | None:
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    return None if outdoor_c is None else float(source_now(snapshot, model.heat_pump, outdoor_c))


def _at_limit(snapshot: Snapshot, model: HouseModel, power_w: float, level_w: float) -> bool:
    hz, most_hz = snapshot.value(Signal.COMPRESSOR_HZ), model.compressor_max_hz
    if hz is not None and most_hz is not None:
        return hz >= TOP_SPEED_FRAC * most_hz
    aim_c, flow_c = snapshot.value(Signal.FLOW_SETPOINT_C), snapshot.value(Signal.FLOW_C)
    if aim_c is None or flow_c is None or aim_c - flow_c < LACK_K:
        return False
    return abs(power_w - level_w) <= STEADY_FRAC * level_w


def _near(source_c: float) -> list[float]:
    """Every node's share in what is seen at a source temperature."""
    return [float(np.interp(source_c, SOURCE_NODES_C, row)) for row in np.eye(NODES)]


def _plus(sums: tuple[float, ...], share: list[float], value: float) -> tuple[float, ...]:
    return tuple(old + part * value for old, part in zip(sums, share, strict=True))
