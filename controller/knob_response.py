"""How flow and power follow the heat knob, from changes that were seen. Pure.

A change counts when the pump heated from ten minutes before it until the end of a wait, and the
knob stood still in that time but for this change. What happens after it, per unit of the knob, is
told as the median over changes: weather and the house drift either way, the knob's sign does not.
"""

import statistics
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from controller.pump_looks import LONGEST_HELD, Look, Source
from drivers.api import OperatingState, Signal

WAITS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))
BEFORE = timedelta(minutes=10)
AROUND = timedelta(minutes=2.5)
"""Readings are means over so long before the change, and over so much on either side of a wait."""

LEAST_CHANGES = 3
"""Fewer are an anecdote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What had changed so long after the knob, per unit of it; None: not measured."""

    after_s: float
    changes: int
    flow_k: float | None
    power_w: float | None


@dataclass(frozen=True, slots=True)
class _Change:
    """The knob moved."""

    at: datetime
    by: float


@dataclass(frozen=True, slots=True)
class _Watched:
    """Looks in order of time, and their times."""

    looks: Sequence[Look]
    times: Sequence[datetime]

    def between(self, first: datetime, end: datetime) -> Sequence[Look]:
        """Looks of a span, its end not included."""
        return self.looks[bisect_left(self.times, first) : bisect_left(self.times, end)]

    def mean(self, signal: Signal, first: datetime, end: datetime) -> float | None:
        """Of a span; None where it was not measured."""
        looks = self.between(first, end)
        values = [value for look in looks if (value := look.values.get(signal)) is not None]
        return statistics.fmean(values) if values else None

    def changes(self) -> Iterator[_Change]:
        """Of the knob, as far as somebody looked when it moved."""
        for before, now in pairwise(self.looks):
            if before.knob is None or now.knob is None or now.at - before.at > LONGEST_HELD:
                continue
            if now.knob != before.knob:
                yield _Change(now.at, now.knob - before.knob)

    def is_quiet(self, change: _Change, wait: timedelta) -> bool:
        """Heating all the way, and no other change of the knob."""
        if self.times[-1] < change.at + wait + AROUND:
            return False
        before = self.between(change.at - BEFORE, change.at)
        after = self.between(change.at, change.at + wait + AROUND)
        heats = all(look.state is OperatingState.HEATING for look in (*before, *after))
        return heats and all(len({look.knob for look in part}) == 1 for part in (before, after))

    def moved(self, change: _Change, wait: timedelta, signal: Signal) -> float | None:
        """By how much a signal went, per unit of the knob."""
        before = self.mean(signal, change.at - BEFORE, change.at)
        ends_at = change.at + wait
        after = self.mean(signal, ends_at - AROUND, ends_at + AROUND)
        return None if before is None or after is None else (after - before) / change.by


def knob_responses(looks: Sequence[Look], electricity: Source) -> list[Response]:
    """For every wait after which enough changes can be judged, the shortest first."""
    watched = _Watched(looks, [look.at for look in looks])
    changes = list(watched.changes())
    found = []
    for wait in WAITS:
        judged = [change for change in changes if watched.is_quiet(change, wait)]
        flows_k, powers_w = (
            [m for c in judged if (m := watched.moved(c, wait, signal)) is not None]
            for signal in (Signal.FLOW_C, electricity.power)
        )
        count = max(len(flows_k), len(powers_w))
        if count >= LEAST_CHANGES:
            found.append(
                Response(
                    after_s=wait.total_seconds(),
                    changes=count,
                    flow_k=_median(flows_k),
                    power_w=_median(powers_w),
                )
            )
    return found


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if len(values) >= LEAST_CHANGES else None
