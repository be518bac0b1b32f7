"""Announced reductions beside whatever else limits: the lower one holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from zlib import crc32

from drivers.api import Now
from drivers.grid.limit import GridLimit, GridSource, GridState, RemembersLimits, Window


class WithWindows:
    """A `GridSource` that adds windows to another one, or to none."""

    def __init__(
        self,
        source: GridSource | None,
        windows: Callable[[], Sequence[Window]],
        *,
        guaranteed_w: float,
        now: Now,
    ) -> None:
        self._source, self._windows = source, windows
        self._guaranteed_w, self._now = guaranteed_w, now

    async def read(self, others_w: float | None = None) -> GridLimit:
        """The lower of limit and window; what is announced lies `ahead`."""
        base = GridLimit(limit_w=None, guaranteed_w=self._guaranteed_w, state=GridState.AUTONOMOUS)
        if self._source is not None:
            base = await self._source.read(others_w)
        at = self._now()
        ahead = sorted((w for w in self._windows() if w.ends_at > at), key=lambda w: w.starts_at)
        told = replace(base, ahead=tuple(ahead))
        active = [w for w in ahead if w.starts_at <= at]
        lowest = min(active, key=lambda w: w.limit_w, default=None)
        if lowest is None or (base.limit_w is not None and base.limit_w <= lowest.limit_w):
            return told
        return replace(
            told,
            limit_w=lowest.limit_w,
            state=GridState.REDUCTION,
            until=lowest.ends_at,
            issued_at=lowest.starts_at,
            total_w=None,  # a window is of the heat pump alone
            others_w=None,
            remark="",
        )

    def remember(self, kept: str | None, keep: Callable[[str], None]) -> None:
        """What the source beneath was told survives a restart."""
        if isinstance(self._source, RemembersLimits):
            self._source.remember(kept, keep)

    async def close(self) -> None:
        """Close the source beneath."""
        if self._source is not None:
            await self._source.close()


def staggered(window: Window, *, house: str, recovery_s: float) -> Window:
    """The window with an end of this house's own, so that a street does not return at once.

    The delay is the same in every cycle and differs from house to house and window to window.
    """
    drawn = crc32(f"{house}/{window.starts_at.isoformat()}".encode()) / 2**32
    return replace(window, ends_at=window.ends_at + timedelta(seconds=round(drawn * recovery_s)))
