"""The brine of a ground-source pump as it was measured: what plans start from. Pure."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from numpy.typing import ArrayLike

from controller.snapshot import Snapshot
from drivers.api import Signal
from mpc.arrays import FloatArray
from mpc.heat_pump import HeatPumpMap, SourceKind, source_for
from mpc.heat_pump_source import brine_for
from mpc.horizon import Horizon

SETTLED_S = 600.0
"""Running time after which the sensor feels the ground's brine and not the cellar's."""

MEMORY_S = 6 * 3600.0
"""Running time that counts: brine falls within every run, and plans want the usual of a day."""

FORGOTTEN_AFTER = timedelta(days=7)
"""The ground follows weeks; what was measured longer ago is no better than the weather."""


@dataclass(frozen=True, slots=True)
class Brine:
    """What comes from the ground while the pump runs, and when that was last seen."""

    inlet_c: float | None = None  # None: never measured
    at: datetime | None = None

    def seen(self, snapshot: Snapshot, *, running_s: float, span_s: float) -> "Brine":
        """One more look; brine that stands in the pump says nothing."""
        inlet_c = snapshot.value(Signal.BRINE_C)
        if inlet_c is None or running_s < SETTLED_S:
            return self
        known_c = self.known_c(snapshot.at)
        if known_c is None:
            return Brine(inlet_c, snapshot.at)
        weight = -math.expm1(-max(span_s, 0.0) / MEMORY_S)
        return Brine(known_c + weight * (inlet_c - known_c), snapshot.at)

    def known_c(self, at: datetime) -> float | None:
        """The inlet, unless it was seen too long ago."""
        if self.at is None or at - self.at > FORGOTTEN_AFTER:
            return None
        return self.inlet_c

    def over(self, horizon: Horizon, heat_pump: HeatPumpMap, at: datetime) -> tuple[float, ...]:
        """The source temperature of every step; empty where the weather tells all there is."""
        known_c = self.known_c(at)
        if heat_pump.source is not SourceKind.GROUND or known_c is None:
            return ()
        brine_c = brine_for(horizon.outdoor_c, step_s=horizon.step_s, measured_c=known_c)
        return tuple(brine_c.tolist())


def source_now(snapshot: Snapshot, heat_pump: HeatPumpMap, outdoor_c: ArrayLike) -> FloatArray:
    """What the pump draws from now: brine that flows and is measured, else by the weather."""
    flowing = heat_pump.source is SourceKind.GROUND and snapshot.compressor_on is True
    brine_c = snapshot.value(Signal.BRINE_C) if flowing else None
    return source_for(heat_pump, outdoor_c, brine_c)
