"""What a house's pump and water really went through, from the plant's truth minute by minute. Pure.

Counted is what the compressor did, whoever asked for it: a pump protects itself, too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from drivers.api import OperatingState
from hil.simulated_house import Truth

HOUR = timedelta(hours=1)
MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The compressor in one state, from a look at it to the look that shows the other."""

    running: bool
    begins_at: datetime
    ends_at: datetime
    whole: bool  # False: it was in this state before the first look or is still after the last

    @property
    def lasts_s(self) -> float:
        """Right to a minute, either way."""
        return (self.ends_at - self.begins_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearable:
    """The hard limits of one pump."""

    flow_c: float  # of water to the rooms
    minimum_run_s: float
    minimum_off_s: float
    starts_per_hour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """What it came to."""

    hot_flow_c: float  # that water to the rooms kept for `HOT_FOR` in a row; NaN: none was heated
    hottest_return_c: float  # from the rooms
    starts: int
    most_starts_per_hour: int
    shortest_run_s: float | None
    shortest_rest_s: float | None

    def broken(self, bearable: Bearable) -> int:
        """How many of the limits did not hold."""
        run_s, rest_s = self.shortest_run_s, self.shortest_rest_s
        return sum(
            (
                self.hot_flow_c > bearable.flow_c,
                self.most_starts_per_hour > bearable.starts_per_hour,
                run_s is not None and run_s < bearable.minimum_run_s,
                rest_s is not None and rest_s < bearable.minimum_off_s,
            )
        )


HOT_FOR = 5
"""Minutes: a charge of hot water leaves hot water in the pipes, which the rooms then get."""


def strain(
    truths: Sequence[Truth], *, excused: Callable[[datetime], bool] = lambda _: False
) -> Strain:
    """Sum up truths that are a minute apart.

    `excused`: the pump's own protection may have ended a run at this instant.
    """
    heating = [truth.operating_state is OperatingState.HEATING for truth in truths]
    flows_c = [
        truth.flow_c if warm else -math.inf for truth, warm in zip(truths, heating, strict=True)
    ]
    kept_c = [min(flows_c[i : i + HOT_FOR]) for i in range(len(flows_c) - HOT_FOR + 1)]
    hot_c = max((c for c in kept_c if math.isfinite(c)), default=math.nan)
    returns_c = [truth.return_c for truth, warm in zip(truths, heating, strict=True) if warm]
    spells = phases(truths)
    starts = [spell.begins_at for spell in spells if spell.running][not_a_start(spells) :]
    runs_s = [
        spell.lasts_s
        for spell in spells
        if spell.running and spell.whole and not excused(spell.ends_at)
    ]
    rests_s = [spell.lasts_s for spell in spells if not spell.running and spell.whole]
    return Strain(
        hot_flow_c=hot_c,
        hottest_return_c=max(returns_c, default=math.nan),
        starts=len(starts),
        most_starts_per_hour=most_within(starts, HOUR),
        shortest_run_s=min(runs_s, default=None),
        shortest_rest_s=min(rests_s, default=None),
    )


def phases(truths: Sequence[Truth]) -> list[Phase]:
    """The compressor's runs and rests in turn."""
    spells = [
        (running, [truth.at for truth in spell])
        for running, spell in groupby(truths, key=lambda truth: truth.compressor_hz > 0.0)
    ]
    begins = [spell[0] for _, spell in spells]
    ends = [*begins[1:], *(spell[-1] for _, spell in spells[-1:])]
    last = len(spells) - 1
    return [
        Phase(running=running, begins_at=begin, ends_at=end, whole=0 < place < last)
        for place, ((running, _), begin, end) in enumerate(zip(spells, begins, ends, strict=True))
    ]


def not_a_start(spells: Sequence[Phase]) -> int:
    """How many of the runs had begun before the first look: one or none."""
    return int(bool(spells) and spells[0].running)


def most_within(instants: Sequence[datetime], span: timedelta) -> int:
    """The most of these rising instants in any span."""
    most, first = 0, 0
    for place, at in enumerate(instants):
        while at - instants[first] >= span:
            first += 1
        most = max(most, place - first + 1)
    return most
