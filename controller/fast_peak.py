"""The duty to keep the running metered interval under the peak that is paid for already.

The grid's meter forms means over quarter-hours or hours; a plan sees them in steps, and the cycle
once a minute. Here the import is counted every second, and the pump is held back by its power limit
when the mean would end above

- what the tariff has on the bill already (`mpc.quarter.free_level_kw`), or
- what the plan in force accepts for this interval, if that is more: a new peak that is worth it is
  the planner's to decide.

Without a plan nothing is held: nobody has weighed the house against the bill then. The guard's
bounds hold as for every duty, with the least power with which the compressor runs on below.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.config import HouseConfig
from controller.fast import Wish
from controller.fast_bounds import Bounds, Look
from controller.metering import Metering
from controller.model_tariff import tariff_of
from drivers.api import Absent, Sample
from drivers.frequency.one_signal import OneSignal
from mpc.peak_tariff import PeakTariff
from mpc.plan import Plan
from mpc.quarter import free_level_kw, heat_pump_limit_w

log = logging.getLogger(__name__)

FRESH_S = 60.0
"""An older reading of a meter says nothing of now."""

NEAR_W = 300.0
"""A pump that draws so much less than it may is left alone, until it comes nearer."""

EVERY_S = 10.0
"""A limit stays for so long: a pump is not asked to follow a kettle second by second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meters:
    """What is read every second."""

    grid: OneSignal  # the whole house at its connection
    pump: OneSignal | None  # None: the last cycle's look has to do


class PeakDuty:
    """A `Duty`: an upper wish while the running interval would end too high."""

    def __init__(self, config: HouseConfig, meters: Meters) -> None:
        self._config = config
        self._peaks = tariff_of(config.tariff, config.house.timezone).peaks
        self._meters = meters
        self._look: Look | None = None
        self._bounds: Bounds | None = None
        self._reasons: tuple[str, ...] = ("no cycle has been finished",)
        self._metering: Metering | None = None
        self._wish_w: float | None = None
        self._decided_for_s = EVERY_S  # how long the present wish has stood
        self._held = ""  # the name of the charge that holds the pump back
        self._grid_unknown = ""  # why the import is not known
        self._pump_unknown = ""
        self._said = ""

    @property
    def note(self) -> str:
        """Holding, watching, or why not."""
        if self._reasons:
            return f"peak: not held: {'; '.join(self._reasons)}"
        if unknown := self._grid_unknown or self._pump_unknown:
            return f"peak: not held: {unknown}"
        if self._held:
            return f"peak: the pump is held back for {self._held!r}"
        return "peak: watched"

    def take(self, look: Look, bounds: Bounds) -> None:
        """A cycle is over; what was metered before the first one goes on here."""
        if look.plan is None:
            self.bar(("there is no plan that has weighed the house against the bill",))
            return
        self._look, self._bounds, self._reasons = look, bounds, ()
        if self._metering is None:
            self._metering = look.site.metering

    def bar(self, reasons: Sequence[str]) -> None:
        """Let go at once; metering goes on."""
        self._look, self._bounds, self._reasons = None, None, tuple(reasons)
        self._let_go()

    async def wish(self, at: datetime, passed_s: float) -> Wish | None:
        """The most the pump may draw so that the running interval ends where it may."""
        grid_w = await self._import_w(at)
        self._meter(at, grid_w, passed_s)
        self._decided_for_s += passed_s
        if self._look is not None and self._bounds is not None and self._decided_for_s >= EVERY_S:
            self._decided_for_s = 0.0
            await self._decide(self._look, self._bounds, at, grid_w)
        self._tell()
        return None if self._wish_w is None else Wish(most_w=self._wish_w)

    async def close(self) -> None:
        """Close the meters."""
        await self._meters.grid.close()
        if self._meters.pump is not None:
            await self._meters.pump.close()

    async def _decide(self, look: Look, bounds: Bounds, at: datetime, grid_w: float | None) -> None:
        pump_w = None if grid_w is None else await self._pump_w(look, at)
        missing = grid_w is not None and pump_w is None
        self._pump_unknown = "the pump's own power is not known" if missing else ""
        if grid_w is None or pump_w is None:
            self._let_go()
            return
        limits = [
            (limit_w, tariff.name)
            for tariff in self._peaks
            if (limit_w := self._limit_w(tariff, look, at, grid_w - pump_w)) is not None
        ]
        limit_w, name = min(limits, default=(bounds.most_w, ""))
        binds = limit_w < min(pump_w + NEAR_W, bounds.most_w)
        self._wish_w, self._held = (limit_w, name) if binds else (None, "")

    def _limit_w(
        self, tariff: PeakTariff, look: Look, at: datetime, others_w: float
    ) -> float | None:
        """Of the pump, for one charge; None: it does not matter now."""
        metering = self._metering
        if metering is None or look.plan is None:
            return None
        state = metering.peak_state(tariff)
        free_kw = free_level_kw(tariff, state, at)
        running = state.running
        if free_kw is None or running is None or running.starts_at != tariff.interval_start(at):
            return None
        gone_s = (at - running.starts_at).total_seconds()
        ends_at = running.starts_at + timedelta(seconds=tariff.interval_s)
        base_w = look.site.base_load_w(at, self._config)
        planned_w = planned_power_w(look.plan, running.starts_at, ends_at)
        level_kw = max(free_kw, 0.0 if planned_w is None else (planned_w + base_w) / 1000.0)
        return heat_pump_limit_w(
            running, interval_s=tariff.interval_s, level_kw=level_kw, others_w=others_w,
            unseen_s=max(gone_s - running.seen_s, 0.0),
        )  # fmt: skip

    def _meter(self, at: datetime, grid_w: float | None, passed_s: float) -> None:
        if self._metering is not None:
            self._metering = self._metering.updated(
                at=at, import_w=grid_w, span_s=passed_s, tariffs=self._peaks
            )

    async def _import_w(self, at: datetime) -> float | None:
        heard = await self._meters.grid.read()
        fresh_w = _fresh(heard, at)
        why = heard.reason if isinstance(heard, Absent) else f"silent for {FRESH_S:.0f} s"
        self._grid_unknown = f"the grid meter says nothing: {why}" if fresh_w is None else ""
        return fresh_w

    async def _pump_w(self, look: Look, at: datetime) -> float | None:
        """Of this second where a meter tells it, else of the last cycle."""
        if self._meters.pump is not None:
            fresh_w = _fresh(await self._meters.pump.read(), at)
            if fresh_w is not None:
                return fresh_w
        return look.snapshot.pump_power_w

    def _let_go(self) -> None:
        self._wish_w, self._held = None, ""

    def _tell(self) -> None:
        if self.note != self._said:
            log.info("%s", self.note)
        self._said = self.note


def planned_power_w(plan: Plan, starts_at: datetime, ends_at: datetime) -> float | None:
    """Mean of the pump's planned electricity over what the plan knows of a span; None: nothing."""
    step = timedelta(seconds=plan.step_s)
    weighted_ws = known_s = 0.0
    for place, power_w in enumerate(plan.power_w):
        begin = max(plan.starts_at + step * place, starts_at)
        seconds = (min(plan.starts_at + step * (place + 1), ends_at) - begin).total_seconds()
        if seconds > 0.0:
            weighted_ws += power_w * seconds
            known_s += seconds
    return weighted_ws / known_s if known_s > 0.0 else None


def _fresh(heard: Sample | Absent, at: datetime) -> float | None:
    if isinstance(heard, Absent) or abs((at - heard.at).total_seconds()) > FRESH_S:
        return None
    return heard.value
