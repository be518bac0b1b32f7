"""When the pump leaves the rooms alone for hot water of its own, learned by hour of the day. Pure.

A plan that does not schedule hot water itself would count on heat that never comes: a tenth of the
day, most of it in the same hours every day.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from drivers.api import OperatingState
from mpc.plan import Plan

HOURS = 24
MEMORY_S = 7 * 3600.0
"""Of every hour of the day the last week counts."""

LONGEST_S = 600.0
"""A look says nothing about more than the last ten minutes."""

NEIGHBOUR_FRAC = 0.25
"""What an hour takes over from either neighbour: showers are not punctual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Share of every local hour in which the pump heats the tank; survives restarts."""

    share_frac: tuple[float, ...] = (0.0,) * HOURS
    seen_s: tuple[float, ...] = (0.0,) * HOURS
    heat_w: float = 0.0  # what the latest plan wants for the rooms, mean over its horizon

    def promised(self, plan: Plan) -> "Absence":
        """A new plan says how much heat an hour of absence costs."""
        return replace(self, heat_w=sum(plan.heat_w) / len(plan.heat_w))

    def seen(
        self, at: datetime, state: OperatingState | None, span_s: float, zone: ZoneInfo
    ) -> "Absence":
        """One more look, `span_s` after the one before; a pump that does not say is not counted."""
        if state is None or span_s <= 0.0:
            return self
        hour, counted_s = at.astimezone(zone).hour, min(span_s, LONGEST_S)
        shares, seen = list(self.share_frac), list(self.seen_s)
        seen[hour] = min(seen[hour] + counted_s, MEMORY_S)
        away = float(state is OperatingState.DHW)
        shares[hour] += counted_s / seen[hour] * (away - shares[hour])
        return replace(self, share_frac=tuple(shares), seen_s=tuple(seen))

    def missed_w(
        self, starts_at: datetime, *, step_s: int, steps: int, zone: ZoneInfo
    ) -> tuple[float, ...]:
        """Heat that the rooms are expected to miss in every step of a horizon."""
        middle = starts_at + timedelta(seconds=step_s / 2)
        hours = [
            (middle + timedelta(seconds=step_s * k)).astimezone(zone).hour for k in range(steps)
        ]
        return tuple(round(self.heat_w * self._expected_frac(hour), 1) for hour in hours)

    def _expected_frac(self, hour: int) -> float:
        beside = self.share_frac[hour - 1] + self.share_frac[(hour + 1) % HOURS]
        return (1.0 - 2 * NEIGHBOUR_FRAC) * self.share_frac[hour] + NEIGHBOUR_FRAC * beside
