"""The grid operator's limit as the planner sees it. Pure."""

from datetime import datetime, timedelta

from controller.snapshot import Snapshot
from drivers.grid.limit import GridLimit, Window

UNKNOWN_END = timedelta(hours=2)
"""A limit without an end is planned with for so long, anew with every plan."""

UNLIMITED_W = 50_000.0
"""More than any house connection gives: stands for no limit in a series that has some."""


def power_limits_w(
    starts_at: datetime, step_s: int, steps: int, *, pump_w: float | None, grid: GridLimit | None
) -> tuple[float, ...] | None:
    """The most electricity of each step (W), the lowest of all that touch it; None: no limit."""
    windows = () if grid is None else (*_now(grid, starts_at), *grid.ahead)
    length = timedelta(seconds=step_s)
    edges = [(starts_at + length * i, starts_at + length * (i + 1)) for i in range(steps)]
    if pump_w is None and not any(w.starts_at < edges[-1][1] for w in windows):
        return None
    most_w = UNLIMITED_W if pump_w is None else pump_w
    return tuple(
        min([most_w, *(w.limit_w for w in windows if w.starts_at < end and w.ends_at > begin)])
        for begin, end in edges
    )


def _now(grid: GridLimit, at: datetime) -> tuple[Window, ...]:
    if grid.limit_w is None:
        return ()
    ends_at = at + UNKNOWN_END if grid.until is None else max(grid.until, at + timedelta(minutes=1))
    return (Window(starts_at=at, ends_at=ends_at, limit_w=grid.limit_w),)


def limits_otherwise(before: Snapshot, now: Snapshot) -> bool:
    """Whether the limit or what is announced has changed: a plan of before is worth little.

    What others draw from a limit changes all day and is for the guard.
    """
    said = [None if s.grid is None else (s.grid.said_w, s.grid.ahead) for s in (before, now)]
    return said[0] != said[1]
