"""What the house draws beside its heat pump, behind PV or not: by the hour, with its spread.

Sampled are means over metered intervals, as charges on power count them. In each hour of a working
day, and of a day off,
    net load = a - b x + error,
x the PV's power at full performance (rated power times irradiance), b its performance, which cloudy
and sunny days of the same hour tell apart; b is one for both kinds of day. Older samples fade. An
upper quantile lies q standard deviations above the mean, with q followed so that the wanted share
of samples lies above, whatever their distribution is (Gibbs and Candes 2021, Adaptive conformal
inference under distribution shift, arXiv 2106.00170).
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime

HOURS, SLOTS = 24, 48
"""Hours of a working day, then of a day off."""

MEMORY_H = 20.0
"""Watched hours of a slot that count: four weeks of working days, ten of days off."""

PRIOR_H, PRIOR_SUN_H = 2.0, 0.2
"""What is believed before counts like so many watched hours; the PV's performance like so many
hours of full sun."""

USUAL_SPREAD_FRAC = 0.8
"""Standard deviation over mean of a household's hour before any is seen; assumption."""

ABOVE_FRAC = 0.1
"""Of the samples lies above the upper quantile."""

FIRST_STDS, LEAST_STDS, MOST_STDS = 1.28, 0.3, 4.0
FOLLOWS = 0.05
"""How fast q follows: after a sample above by 0.045, after one below by -0.005."""

FORGOTTEN_S = 28 * 86_400.0
"""A profile that nobody has watched for so long counts a third; what it knows fades."""

MOST_PERFORMANCE_FRAC = 1.2
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Slot:
    """Weighted sums of one hour: watched hours, means, squares and products about the means."""

    hours: float = 0.0
    net_w: float = 0.0
    sun_w: float = 0.0  # x
    net2: float = 0.0  # W2 h
    sun2: float = 0.0
    both: float = 0.0

    def seen(self, net_w: float, sun_w: float, hours: float) -> "Slot":
        """One more sample, over so many hours."""
        kept_h = self.hours * max(1.0 - hours / MEMORY_H, 0.0)
        total_h = kept_h + hours
        fades, counts = kept_h / self.hours if self.hours else 0.0, kept_h * hours / total_h
        net_k, sun_k = net_w - self.net_w, sun_w - self.sun_w
        return Slot(
            hours=round(total_h, DIGITS),
            net_w=round(self.net_w + net_k * hours / total_h, DIGITS),
            sun_w=round(self.sun_w + sun_k * hours / total_h, DIGITS),
            net2=round(fades * self.net2 + counts * net_k * net_k, DIGITS),
            sun2=round(fades * self.sun2 + counts * sun_k * sun_k, DIGITS),
            both=round(fades * self.both + counts * net_k * sun_k, DIGITS),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is believed before anything was watched."""

    load_w: float
    pv_rated_w: float = 0.0
    performance_frac: float = 0.8


@dataclass(frozen=True, slots=True)
class BaseLoad:
    """All that was watched; survives restarts."""

    slots: tuple[Slot, ...] = (Slot(),) * SLOTS
    stds: float = FIRST_STDS  # q
    seen_at: datetime | None = None

    def seen(
        self, local: datetime, *, net_w: float, sun_w: float, hours: float, usual: Usual
    ) -> "BaseLoad":
        """A sample over `hours` (at most one) that began at `local`."""
        index, above = slot_of(local), net_w > self.high_w(local, usual, sun_w)
        stds = self.stds + FOLLOWS * (float(above) - ABOVE_FRAC)
        slot = self.slots[index].seen(net_w, sun_w, hours)
        return BaseLoad(
            (*self.slots[:index], slot, *self.slots[index + 1 :]),
            round(min(max(stds, LEAST_STDS), MOST_STDS), DIGITS),
            local,
        )

    def aged(self, at: datetime) -> "BaseLoad":
        """As far as it still counts after a time without samples."""
        if self.seen_at is None or at <= self.seen_at:
            return self
        left = math.exp(-(at - self.seen_at).total_seconds() / FORGOTTEN_S)
        slots = [
            replace(
                s, hours=s.hours * left, net2=s.net2 * left, sun2=s.sun2 * left, both=s.both * left
            )
            for s in self.slots
        ]
        return replace(self, slots=tuple(slots))

    def performance_frac(self, hour: int, usual: Usual) -> float:
        """PV power over rated power at 1 kW/m2, in this local hour; b."""
        if usual.pv_rated_w <= 0.0:
            return 0.0
        days = self.slots[hour], self.slots[hour + HOURS]
        prior = PRIOR_SUN_H * usual.pv_rated_w**2
        told = prior * usual.performance_frac - sum(slot.both for slot in days)
        found = told / (prior + sum(slot.sun2 for slot in days))
        return min(max(found, 0.0), MOST_PERFORMANCE_FRAC)

    def load_w(self, local: datetime, usual: Usual) -> float:
        """The house without heat pump and PV, in the mean; a."""
        slot = self.slots[slot_of(local)]
        b = self.performance_frac(local.hour, usual)
        seen_w = max(slot.net_w + b * slot.sun_w, 0.0)
        return (slot.hours * seen_w + PRIOR_H * usual.load_w) / (slot.hours + PRIOR_H)

    def std_w(self, local: datetime, usual: Usual) -> float:
        """Spread of the net load about its forecast, from interval to interval."""
        slot = self.slots[slot_of(local)]
        b = self.performance_frac(local.hour, usual)
        left = max(slot.net2 + 2.0 * b * slot.both + b * b * slot.sun2, 0.0)
        believed = (USUAL_SPREAD_FRAC * usual.load_w) ** 2
        return math.sqrt((left + PRIOR_H * believed) / (slot.hours + PRIOR_H))

    def margin_w(self, local: datetime, usual: Usual) -> float:
        """From the mean to what one sample in ten exceeds."""
        return self.stds * self.std_w(local, usual)

    def high_w(self, local: datetime, usual: Usual, sun_w: float = 0.0) -> float:
        """Net load that one sample in ten exceeds."""
        pv_w = self.performance_frac(local.hour, usual) * sun_w
        return self.load_w(local, usual) - pv_w + self.margin_w(local, usual)


def slot_of(local: datetime) -> int:
    """The hour of a local day, those of days off after those of working days."""
    return local.hour + (HOURS if local.weekday() >= 5 else 0)
