"""What else draws from a limit that several devices share: measured where it can be, else stated.

The others are the house at its grid connection less its heat pump. What a roof feeds in beyond that
does not raise the limit: a cloud takes it away faster than a heat pump comes down.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from drivers.grid.limit import GridLimit
from drivers.grid.section14a import left_for_pump_w

HIGHEST_OF = timedelta(minutes=5)
"""The highest share of so long counts: a pump cannot follow a kettle down and up again."""

STEP_W = 250.0
"""Rounded up to it, so that a limit that stays is not another one in every cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What the owner says of the others, and whether meters say it better."""

    stated_w: float = 0.0
    measured: bool = False


ALONE = Share()
"""Nobody else draws from the limit."""


class Others:
    """The share of the others, looked at in every cycle."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._seen: tuple[tuple[datetime, float], ...] = ()

    def left_of(self, limit: GridLimit, at: datetime, measured_w: float | None) -> GridLimit:
        """A limit for all as one for the heat pump; with a limit for it alone nothing is done."""
        others_w, remark = self._now(at, measured_w)
        if limit.limit_w is None or not (self._share.measured or self._share.stated_w > 0.0):
            return limit
        return GridLimit(
            limit_w=left_for_pump_w(limit.limit_w, others_w),
            guaranteed_w=limit.guaranteed_w,
            state=limit.state,
            until=limit.until,
            issued_at=limit.issued_at,
            total_w=limit.limit_w,
            others_w=others_w,
            remark=remark,
        )

    def _now(self, at: datetime, measured_w: float | None) -> tuple[float, str]:
        if not self._share.measured:
            return self._share.stated_w, ""
        kept = tuple(seen for seen in self._seen if timedelta() <= at - seen[0] < HIGHEST_OF)
        if measured_w is not None:
            kept = (*kept, (at, max(measured_w, 0.0)))
        self._seen = kept
        if not kept:
            stated_w = self._share.stated_w
            return stated_w, f"the rest of the house is not measured: stated as {stated_w:.0f} W"
        return math.ceil(max(power_w for _, power_w in kept) / STEP_W) * STEP_W, ""
