"""The rest of the house at the same grid connection: learned base load, PV, metered peaks. Pure."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from controller.config import HouseConfig
from controller.metering import Metering
from controller.snapshot import Snapshot
from drivers.api import Signal
from mpc.base_load import BaseLoad, Usual
from mpc.horizon import Horizon
from mpc.peak_charges import charges
from mpc.plan import Site
from mpc.tariff import Tariff

SAMPLE_S = 3600
"""Over so long the base load is sampled, or over the shortest interval that a charge meters."""

SEEN_FRAC = 0.8
"""An interval that was watched for less is no sample."""

LONGEST_SPAN_S = 600.0
"""A reading says nothing about more than ten minutes."""

STC_W_PER_M2 = 1000.0
"""Irradiance at which PV modules are rated (IEC 60904-3)."""


@dataclass(frozen=True, slots=True)
class OpenSample:
    """What was watched of the interval under way."""

    starts_at: datetime
    seen_s: float = 0.0
    net_j: float = 0.0
    sun_j: float = 0.0

    def with_look(self, net_w: float, sun_w: float, span_s: float) -> "OpenSample":
        """Mean powers over `span_s` more seconds."""
        return replace(
            self,
            seen_s=self.seen_s + span_s,
            net_j=self.net_j + net_w * span_s,
            sun_j=self.sun_j + sun_w * span_s,
        )


@dataclass(frozen=True, slots=True)
class SiteMemory:
    """What the grid meter has shown; survives restarts."""

    base: BaseLoad = field(default_factory=BaseLoad)
    sample: OpenSample | None = None
    metering: Metering = field(default_factory=Metering)
    at: datetime | None = None

    def seen(
        self,
        snapshot: Snapshot,
        config: HouseConfig,
        tariff: Tariff,
        sky_w_per_m2: float | None = None,
    ) -> "SiteMemory":
        """One more look: the import that is billed, and what is not the heat pump of it.

        `sky_w_per_m2`: sun on the horizontal, as forecast; behind PV nothing is learned without.
        """
        at = snapshot.at
        span_s = 0.0 if self.at is None else (at - self.at).total_seconds()
        grid_w, pump_w = snapshot.value(Signal.GRID_POWER_W), pump_power_w(snapshot)
        pv_w = config.site.pv_kwp * 1000.0
        sun_w = 0.0 if pv_w == 0.0 else None if sky_w_per_m2 is None else pv_w * sky_w_per_m2
        memory = self
        if None not in (grid_w, pump_w, sun_w) and 0.0 < span_s <= LONGEST_SPAN_S:
            known = (grid_w or 0.0) - (pump_w or 0.0), (sun_w or 0.0) / STC_W_PER_M2
            memory = self._looked(at, config, (*known, span_s), _interval_s(tariff))
        metering = self.metering
        if tariff.peaks:
            import_w = grid_w
            if import_w is None and config.grid_meter is None and pump_w is not None:
                import_w = pump_w + self.base_load_w(at, config)
            metering = metering.updated(
                at=at, import_w=import_w, span_s=max(span_s, 0.0), tariffs=tariff.peaks
            )
        return replace(memory, metering=metering, at=at)

    def _looked(
        self,
        at: datetime,
        config: HouseConfig,
        look: tuple[float, float, float],
        interval_s: int,
    ) -> "SiteMemory":
        """The look added to its interval, which is learned from once it is over."""
        epoch_s = int(at.timestamp()) // interval_s * interval_s
        starts_at, base, sample = datetime.fromtimestamp(epoch_s, UTC), self.base, self.sample
        if sample is not None and sample.starts_at != starts_at:
            if sample.seen_s >= SEEN_FRAC * interval_s:
                base = base.seen(
                    sample.starts_at.astimezone(config.zone),
                    net_w=sample.net_j / sample.seen_s,
                    sun_w=sample.sun_j / sample.seen_s,
                    hours=min(sample.seen_s / 3600.0, 1.0),
                    usual=usual_of(config),
                )
            sample = None
        opened = OpenSample(starts_at) if sample is None else sample
        return replace(self, base=base, sample=opened.with_look(*look))

    def base_load_w(self, at: datetime, config: HouseConfig) -> float:
        """What the house is expected to draw beside the heat pump."""
        return self.base.load_w(at.astimezone(config.zone), usual_of(config))


def usual_of(config: HouseConfig) -> Usual:
    """What is believed of load and PV before the meter has shown it."""
    site = config.site
    return Usual(
        load_w=site.base_load_w,
        pv_rated_w=site.pv_kwp * 1000.0,
        performance_frac=site.pv_performance_frac,
    )


def _interval_s(tariff: Tariff) -> int:
    return min((peak.interval_s for peak in tariff.peaks), default=SAMPLE_S)


def pump_power_w(snapshot: Snapshot) -> float | None:
    """Electricity of the heat pump by its meter, else by itself."""
    metered_w = snapshot.value(Signal.METER_POWER_W)
    return snapshot.value(Signal.POWER_W) if metered_w is None else metered_w


def site_of(
    horizon: Horizon, memory: SiteMemory, config: HouseConfig, tariff: Tariff
) -> Site | None:
    """The connection over the horizon; None where only the heat pump's own energy counts."""
    if not tariff.peaks and config.site.pv_kwp == 0.0:
        return None
    step = timedelta(seconds=horizon.step_s)
    starts = [horizon.starts_at + step * i for i in range(len(horizon.outdoor_c))]
    local, usual = [at.astimezone(config.zone) for at in starts], usual_of(config)
    base = memory.base.aged(horizon.starts_at)
    performance = [base.performance_frac(at.hour, usual) for at in local]
    pv_w = np.array(horizon.ghi_w_per_m2) * performance * usual.pv_rated_w / STC_W_PER_M2
    load_w = np.array([base.load_w(at, usual) for at in local])
    if tariff.peaks:
        # Only a peak asks how far the others may draw more; an hour with PV to spare makes none.
        margin_w = np.array([base.margin_w(at, usual) for at in local])
        load_w = load_w + np.where(pv_w <= load_w, margin_w, 0.0)
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
        base_load_w=tuple(load_w.tolist()),
        pv_w=tuple(pv_w.tolist()),
        export_price_per_kwh=tuple(exported.tolist()),
        peaks=tuple(due),
    )
