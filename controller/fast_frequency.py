"""The duty to answer the grid's frequency: one second from reading to wish, and its log."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean

from controller.config_frequency import FrequencySection
from controller.fast import Wish
from controller.fast_bounds import Bounds, Look
from controller.frequency_arming import promised, unfit
from controller.frequency_files import FrequencyFiles
from controller.frequency_log import LogRow
from controller.frequency_watch import GAP_S, Watch, watched
from drivers.api import Absent, Sample
from drivers.frequency.one_signal import OneSignal
from mpc.reserve import (
    DYNAMIC,
    Answer,
    Armed,
    Headroom,
    NotArmed,
    Recovery,
    answered,
    asked_power_w,
    static_recovery,
)

log = logging.getLogger(__name__)

BASELINE_S = 60
"""Of measured power before an event: their mean is the baseline."""

FRESH_S = GAP_S
ARMED_FOR_CYCLES = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """What is read every second."""

    frequency: OneSignal
    power: OneSignal | None  # of the pump, at its meter; None: it has none


class FrequencyDuty:
    """A `Duty`: armed while the plan reserves what is promised, answering while it must.

    The baseline is fixed with the first second of an event and stays until its end. What the cycle
    finds meanwhile ends an answer only where the pump can go on with none of it (`bar`, `unfit`); a
    headroom that is gone is promised no further, but what was promised is kept.
    """

    def __init__(
        self,
        section: FrequencySection,
        sources: Seconds,
        files: FrequencyFiles,
        *,
        cycle_s: float,
        draw_frac: Callable[[], float],
    ) -> None:
        self._section = section
        self._droop = section.droop
        self._sources = sources
        self._files = files
        self._armed_for = timedelta(seconds=ARMED_FOR_CYCLES * cycle_s)
        self._draw_frac = draw_frac
        self._two_way = self._droop.up and self._droop.down
        self._armed: Armed | None = None
        self._headroom: Headroom | None = None
        self._reasons: tuple[str, ...] = ("no cycle has been finished",)
        self._answer = Answer()
        self._recovery: Recovery = DYNAMIC
        self._watch = Watch()
        self._watch_s = 0.0  # of a clock of our own that only runs forwards
        self._heard: Sample | None = None
        self._unheard = "nothing was heard yet"
        self._reading_hz: float | None = None  # of this second
        self._drawn_w: deque[float] = deque(maxlen=BASELINE_S)
        self._limits_w: deque[float] = deque(maxlen=BASELINE_S)  # that were asked meanwhile
        self._said = ""

    @property
    def note(self) -> str:
        """Armed or not, and why not."""
        product, capacity_w = self._section.product, self._section.capacity_w
        known = self._watch.believed_hz is not None
        if self._answering and known:
            return f"frequency: answering with up to {capacity_w:.0f} W of {product}"
        if self._answering:
            return f"frequency: lost, the answer fades: {self._unheard}"
        if not known:
            return f"frequency: not armed: the frequency is not known: {self._unheard}"
        if self._armed is None:
            return f"frequency: not armed: {'; '.join(self._reasons)}"
        return f"frequency: armed with {capacity_w:.0f} W of {product}"

    @property
    def _answering(self) -> bool:
        return self._answer.applied_frac != 0.0

    def take(self, look: Look, bounds: Bounds) -> None:
        """Arm anew; an answer under way keeps its baseline, inside the new bounds."""
        if self._answering and not self._two_way and self._armed is not None:
            self._go_on(look, bounds)
            return
        power_w = look.snapshot.pump_power_w
        found = promised(
            self._section, look, bounds,
            measured_w=fmean(self._drawn_w) if self._drawn_w else power_w,
            limit_w=fmean(self._limits_w) if self._limits_w else bounds.own_w,
            until=look.at + self._armed_for,
        )  # fmt: skip
        match found.arming:
            case NotArmed(reasons):
                self.bar(reasons)
            case Armed():
                self._armed, self._headroom, self._reasons = found.arming, found.headroom, ()

    def bar(self, reasons: Sequence[str]) -> None:
        """Let go at once."""
        self._armed, self._headroom, self._reasons = None, None, tuple(reasons)
        self._answer = Answer()
        self._limits_w.clear()

    async def wish(self, at: datetime, passed_s: float) -> Wish | None:
        """The power that the frequency asks for now; None while it asks for nothing."""
        self._watch_s += passed_s
        await self._listen(at)
        power_w = await self._measure()
        armed, headroom = self._armed, self._headroom
        wish = None
        asked_w: float | None = None
        if armed is not None and headroom is not None:
            self._follow(passed_s)
            asked_w = asked_power_w(armed, self._answer, headroom)
            if self._answering:
                wish = Wish(least_w=asked_w if self._droop.down else None, most_w=asked_w)
        if power_w is not None and (self._two_way or not self._answering):
            self._drawn_w.append(power_w)
        if asked_w is not None:
            self._limits_w.append(asked_w)
        self._write(at, power_w, asked_w)
        self._tell()
        return wish

    async def close(self) -> None:
        """Save the last rows and give the devices back."""
        self._files.flush()
        await self._sources.frequency.close()
        if self._sources.power is not None:
            await self._sources.power.close()

    def _go_on(self, look: Look, bounds: Bounds) -> None:
        if reasons := unfit(look):
            self.bar(reasons)
        elif self._headroom is not None:
            self._headroom = replace(self._headroom, least_w=bounds.least_w, most_w=bounds.most_w)

    def _follow(self, passed_s: float) -> None:
        before = self._answer
        hz = self._watch.believed_hz
        if before.applied_frac == 0.0:
            one_way = not self._two_way
            self._recovery = static_recovery(self._draw_frac()) if one_way else DYNAMIC
        self._answer = answered(
            self._droop, self._recovery, before, frequency_hz=hz, step_s=passed_s
        )

    async def _listen(self, at: datetime) -> None:
        """Look at the frequency. A message that is no new one is no reading, until it is old."""
        seen = await self._sources.frequency.read()
        self._reading_hz = None
        if isinstance(seen, Absent):
            self._unheard = seen.reason
        elif (at - seen.at).total_seconds() >= FRESH_S:
            self._unheard = f"silent for {(at - seen.at).total_seconds():.0f} s"
        else:
            self._reading_hz = seen.value
            if seen == self._heard:
                return
            self._heard = seen
            self._unheard = "it jumps, stands still or has only just come"
        self._watch = watched(self._watch, self._reading_hz, self._watch_s)

    async def _measure(self) -> float | None:
        """The pump's power now; None: not measured."""
        if self._sources.power is None:
            return None
        seen = await self._sources.power.read()
        return seen.value if isinstance(seen, Sample) else None

    def _write(self, at: datetime, power_w: float | None, asked_w: float | None) -> None:
        armed = self._armed
        baseline_w = armed.baseline_w if armed is not None else fmean(self._drawn_w or (0.0,))
        capacity_w = self._section.capacity_w
        self._files.append(
            LogRow(
                at=at, power_w=power_w, frequency_hz=self._reading_hz, baseline_w=baseline_w,
                setpoint_w=baseline_w if asked_w is None else asked_w,
                activated_w=self._answer.applied_frac * capacity_w,
                capacity_w=capacity_w if armed is not None else 0.0,
                armed=armed is not None and self._watch.believed_hz is not None,
            )
        )  # fmt: skip

    def _tell(self) -> None:
        if (note := self.note) != self._said:
            log.info("%s", note)
            self._said = note
