"""How far the pump had to be held back for the grid operator's limit in force. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from controller.snapshot import RUNNING_POWER_W, Snapshot
from drivers.grid.limit import GridLimit, GridState, Window

SETTLE_S = 120.0
"""How long a pump may take to come down after it was asked; then it is told to rest."""

MARGIN_W = 50.0
"""A pump is told so much less than it may draw: its own number leaves out pumps and standby."""


class Held(IntEnum):
    """In this order, and never back while the same limit holds."""

    WATCHED = 0
    LOWERED = 1  # it drew too much: as little as it can run with
    RESTED = 2  # it still did after the settle time


@dataclass(frozen=True, slots=True)
class GridHold:
    """A limit in force, since when the pump has drawn more without a break, and what came of it."""

    allowed_w: float
    over_since: datetime | None = None
    step: Held = Held.WATCHED


def held(before: GridHold | None, snapshot: Snapshot, frost_c: float) -> GridHold | None:
    """The hold of this moment; None: no limit. A house at its frost floor may have what is
    guaranteed to it, whatever the limit says. A clock set back gives it no more time."""
    grid = snapshot.grid
    if grid is None or grid.limit_w is None:
        return None
    room_c = snapshot.coldest_room_c
    cold = room_c is not None and room_c <= frost_c
    allowed_w = max(grid.limit_w, grid.guaranteed_w) if cold else grid.limit_w
    if before is None or before.allowed_w < allowed_w:
        before = GridHold(allowed_w)
    if allowed_w <= RUNNING_POWER_W:
        return GridHold(allowed_w, before.over_since, Held.RESTED)
    power_w = snapshot.pump_power_w
    if power_w is None or not breaks(power_w, allowed_w):
        return GridHold(allowed_w, None, before.step)
    since = min(before.over_since or snapshot.at, snapshot.at)
    late = (snapshot.at - since).total_seconds() >= SETTLE_S
    return GridHold(allowed_w, since, Held.RESTED if late else max(before.step, Held.LOWERED))


def told_w(allowed_w: float, lowest_w: float) -> float:
    """What a pump whose number begins at `lowest_w` is told: a little less than it may draw, or its
    lowest number where that lies just inside the limit, as 4.2 kW do in several makes."""
    return max(allowed_w - MARGIN_W, min(lowest_w, allowed_w))


def breaks(power_w: float, allowed_w: float) -> bool:
    """Whether this power is over the limit; a pump that stands still breaks none."""
    return power_w > max(allowed_w, RUNNING_POWER_W)


def hold_out(hold: GridHold) -> list[object]:
    """For a record."""
    since = None if hold.over_since is None else hold.over_since.isoformat()
    return [hold.allowed_w, since, int(hold.step)]


def hold_in(raw: list[Any]) -> GridHold:
    """From a record."""
    allowed_w, since, step = raw
    return GridHold(allowed_w, _instant(since), Held(step))


def limit_out(grid: GridLimit) -> list[object]:
    """For a record."""
    ahead = [[_stamp(w.starts_at), _stamp(w.ends_at), w.limit_w, _stamp(w.issued_at)]
             for w in grid.ahead]  # fmt: skip
    shared = [] if grid.total_w is None else [grid.total_w, grid.others_w, grid.remark]
    return [
        grid.limit_w, grid.guaranteed_w, grid.state.value, _stamp(grid.until),
        _stamp(grid.issued_at), ahead, *shared,
    ]  # fmt: skip


def limit_in(raw: list[Any]) -> GridLimit:
    """From a record."""
    limit_w, guaranteed_w, state, until, issued_at, ahead, *shared = raw
    total_w, others_w, remark = shared or (None, None, "")
    return GridLimit(
        limit_w=limit_w,
        guaranteed_w=guaranteed_w,
        state=GridState(state),
        until=_instant(until),
        issued_at=_instant(issued_at),
        ahead=tuple(
            Window(
                starts_at=datetime.fromisoformat(starts),
                ends_at=datetime.fromisoformat(ends),
                limit_w=most_w,
                issued_at=_instant(issued),
            )
            for starts, ends, most_w, issued in ahead
        ),
        total_w=total_w,
        others_w=others_w,
        remark=remark,
    )


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
