"""A relay contact of the grid operator's control box: closed means limited."""

from datetime import datetime

from drivers.api import Absent, Device, Now, Signal
from drivers.grid.limit import GridLimit, GridState
from drivers.grid.others import ALONE, Others, Share


class ContactLimit:
    """A `GridSource` over any device that delivers `grid_contact`.

    What the contact says is not known while its device is silent: then the limit holds.
    """

    def __init__(
        self,
        contact: Device,
        *,
        limit_w: float,
        guaranteed_w: float,
        stale_s: float,
        now: Now,
        share: Share = ALONE,
    ) -> None:
        self._contact, self._others = contact, Others(share)
        self._limit_w, self._guaranteed_w, self._stale_s = limit_w, guaranteed_w, stale_s
        self._now = now
        self._state = GridState.INIT
        self._since: datetime | None = None

    async def read(self, others_w: float | None = None) -> GridLimit:
        """The limit while the contact is closed or unknown."""
        seen = (await self._contact.read()).get(Signal.GRID_CONTACT, Absent("not delivered"))
        at = self._now()
        if isinstance(seen, Absent) or (at - seen.at).total_seconds() > self._stale_s:
            state = GridState.INIT if self._state is GridState.INIT else GridState.FAILSAFE
        else:
            state = GridState.UNLIMITED if seen.value == 0.0 else GridState.LIMITED
        if state is not self._state or self._since is None:
            self._state, self._since = state, at
        free = state is GridState.UNLIMITED
        whole = GridLimit(
            limit_w=None if free else self._limit_w,
            guaranteed_w=self._guaranteed_w,
            state=state,
            issued_at=self._since,
        )
        return self._others.left_of(whole, at, others_w)

    async def close(self) -> None:
        """Close the contact's device."""
        await self._contact.close()
