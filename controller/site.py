"""The rest of the house at the same grid connection: learned base load, PV, metered peaks. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from controller.config import HouseConfig
from controller.metering import Metering
from controller.snapshot import Snapshot
from drivers.api import Signal
from mpc.horizon import Horizon
from mpc.peak_charges import charges
from mpc.plan import Site
from mpc.tariff import Tariff

SLOTS = 48
"""Hours of a working day, then of a day at the weekend."""

MEMORY_S = 14 * 3600.0
"""Watched time of a slot that counts: about a fortnight of such hours."""

TRUSTED_S = 2 * 3600.0
"""After so much watched time the slot's own mean weighs as much as the configured base load."""

STC_W_PER_M2 = 1000.0
"""Irradiance at which PV modules are rated (IEC 60904-3)."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Mean of the base load in an hour of the day."""

    seen_s: float = 0.0
    mean_w: float = 0.0


@dataclass(frozen=True, slots=True)
class SiteMemory:
    """What the grid meter has shown; survives restarts."""

    slots: tuple[Slot, ...] = (Slot(),) * SLOTS
    metering: Metering = field(default_factory=Metering)
    at: datetime | None = None

    def seen(self, snapshot: Snapshot, config: HouseConfig, tariff: Tariff) -> "SiteMemory":
        """One more look: the import that is billed, and what is not the heat pump of it."""
        at, zone = snapshot.at, config.zone
        span_s = 0.0 if self.at is None else (at - self.at).total_seconds()
        grid_w = snapshot.value(Signal.GRID_POWER_W)
        pump_w = pump_power_w(snapshot)
        slots = self.slots
        hidden = config.site.pv_kwp > 0.0  # PV hides what the house draws
        if not hidden and grid_w is not None and pump_w is not None and 0.0 < span_s < 3600.0:
            slots = _watched(slots, slot_of(at, zone), grid_w - pump_w, span_s)
        metering = self.metering
        if tariff.peaks:
            import_w = grid_w
            if import_w is None and config.grid_meter is None and pump_w is not None:
                import_w = pump_w + self.base_load_w(at, config)
            metering = metering.updated(
                at=at, import_w=import_w, span_s=max(span_s, 0.0), tariffs=tariff.peaks
            )
        return SiteMemory(slots, metering, at)

    def base_load_w(self, at: datetime, config: HouseConfig) -> float:
        """What the house is expected to draw beside the heat pump."""
        slot = self.slots[slot_of(at, config.zone)]
        trust = slot.seen_s / (slot.seen_s + TRUSTED_S)
        return trust * slot.mean_w + (1.0 - trust) * config.site.base_load_w


def pump_power_w(snapshot: Snapshot) -> float | None:
    """Electricity of the heat pump by its meter, else by itself."""
    metered_w = snapshot.value(Signal.METER_POWER_W)
    return snapshot.value(Signal.POWER_W) if metered_w is None else metered_w


def slot_of(at: datetime, zone: ZoneInfo) -> int:
    """The hour of the local day, those of the weekend after those of working days."""
    local = at.astimezone(zone)
    return local.hour + (24 if local.weekday() >= 5 else 0)


def _watched(slots: tuple[Slot, ...], index: int, base_w: float, span_s: float) -> tuple[Slot, ...]:
    old = slots[index]
    seen_s = min(old.seen_s + span_s, MEMORY_S)
    mean_w = old.mean_w + (max(base_w, 0.0) - old.mean_w) * span_s / seen_s
    return (*slots[:index], replace(old, seen_s=seen_s, mean_w=mean_w), *slots[index + 1 :])


def site_of(
    horizon: Horizon, memory: SiteMemory, config: HouseConfig, tariff: Tariff
) -> Site | None:
    """The connection over the horizon; None where only the heat pump's own energy counts."""
    if not tariff.peaks and config.site.pv_kwp == 0.0:
        return None
    step = timedelta(seconds=horizon.step_s)
    starts = [horizon.starts_at + step * i for i in range(len(horizon.outdoor_c))]
    per_ghi = config.site.pv_kwp * 1000.0 * config.site.pv_performance_frac / STC_W_PER_M2
    exported = tariff.export_prices(horizon.starts_at, horizon.step_s, horizon.spot_per_kwh)
    due = [
        charge
        for peak in tariff.peaks
        for charge in charges(
            peak,
            memory.metering.peak_state(peak),
            starts_at=horizon.starts_at,
            step_s=horizon.step_s,
            steps=len(starts),
        )
    ]
    return Site(
        base_load_w=tuple(memory.base_load_w(at, config) for at in starts),
        pv_w=tuple((np.array(horizon.ghi_w_per_m2) * per_ghi).tolist()),
        export_price_per_kwh=tuple(exported.tolist()),
        peaks=tuple(due),
    )
