"""What the grid operator said, to be kept over a restart. Pure."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from drivers.grid.notices import Notices

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLimit:
    """A limit in force."""

    limit_w: float
    issued_at: datetime
    ends_at: datetime | None  # None: until it is lifted
    of: tuple[float, float | None, float | None] | None = None  # the machine's own numbers for it

    def left_s(self, at: datetime, unknown_s: float) -> float:
        """How long it holds after a restart; `unknown_s` where it has no end.

        Never longer than it was given for, whatever the clock says now.
        """
        if self.ends_at is None:
            return unknown_s
        whole_s = (self.ends_at - self.issued_at).total_seconds()
        return min((self.ends_at - at).total_seconds(), whole_s)


@dataclass(frozen=True, slots=True)
class KeptFailsafe:
    """What the box has written as failsafe, instead of what the configuration says."""

    limit_w: float
    minimum_s: float
    instead_of: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """All that has to survive."""

    notices: Notices = field(default_factory=Notices)
    limit: KeptLimit | None = None
    failsafe: KeptFailsafe | None = None
    sent_at: datetime | None = None  # of the latest message that counted

    def as_text(self) -> str:
        """To be kept; equal states give equal texts."""
        return _KEPT.dump_json(self).decode()


_KEPT = TypeAdapter(Kept)


def kept_from(text: str | None, at: datetime) -> Kept:
    """What `as_text` gave, without windows that are over; nothing for what is no such text."""
    if text is None:
        return Kept()
    try:
        found = _KEPT.validate_json(text)
    except ValidationError as error:
        log.warning("what the grid operator said before the restart is unreadable: %s", error)
        return Kept()
    return Kept(
        notices=found.notices.of(at),
        limit=found.limit,
        failsafe=found.failsafe,
        sent_at=found.sent_at,
    )
