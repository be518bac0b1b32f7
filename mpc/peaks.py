"""What a new power peak costs: one billing period's charge, as the planner sees it. Types only."""

from dataclasses import dataclass
from enum import StrEnum


class PeakGroup(StrEnum):
    """Which highest values count together."""

    DAY = "day"  # the highest of each local day
    WEEK = "week"
    FREE = "free"  # every metered interval is on its own


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeStep:
    """A step of a stepped charge: `fee` for the period while the mean stays below `below_kw`."""

    below_kw: float  # the last step's is beyond any house
    fee: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakCharge:
    """Charge on the mean of the N highest (weighted) interval means of one billing period.

    mean import of interval j: `past_kw[j]` (what was metered of it already, as its share of the
    mean) + `step_frac` * sum of the import in kW of the steps s with `interval_of_step[s] == j`.
    Interval j counts `weight_frac[j]` times that, in the group `group_of_interval[j]`; a group's
    value is the highest of its intervals and of `floor_kw` (what it has reached already).
    `history_kw` are the N highest values of other groups so far (0 where there were fewer; the
    level the month will reach anyway may stand in), so the billed level is the mean of the N
    highest of history and groups. It costs `price_per_kw` each kW, or what `steps` say.
    """

    name: str
    kind: PeakGroup
    interval_s: int
    step_frac: float  # of an interval that one step is
    interval_of_step: tuple[int, ...]  # -1: the step is in no counting interval
    past_kw: tuple[float, ...]  # per interval
    weight_frac: tuple[float, ...]  # per interval
    group_of_interval: tuple[int, ...]
    floor_kw: tuple[float, ...]  # per group
    history_kw: tuple[float, ...]  # N values
    price_per_kw: float  # VAT included; of the billed level
    steps: tuple[FeeStep, ...] = ()
