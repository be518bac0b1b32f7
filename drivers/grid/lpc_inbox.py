"""What the grid operator's box says as JSON, whatever brought it, through the LPC state machine.

Messages: {"heartbeat": 1};
{"limit_w": 4200, "duration_s": 7200} or {"limit_w": 0, "active": false};
{"failsafe_w": 4200, "failsafe_minimum_s": 7200};
{"reduction": {"starts_at": "...", "ends_at": "...", "limit_w": 1000, "id": "..."}}.
Each may say when it was sent: {"sent_at": "..."}. Then what is stale, repeated or overtaken on its
way does not count, and what a broker retained does.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from drivers.api import Now
from drivers.grid.kept import Kept, KeptFailsafe, KeptLimit, kept_from
from drivers.grid.limit import GridLimit, GridState, Window
from drivers.grid.lpc import (
    HEARTBEAT_S,
    Event,
    FailsafeWrite,
    Heartbeat,
    LimitWrite,
    Lpc,
    advanced,
    resumed,
)
from drivers.grid.notices import Notices, instant, notice_of, number
from drivers.grid.others import ALONE, Others, Share

log = logging.getLogger(__name__)

LONGEST_BYTES = 4096
STALE = timedelta(seconds=HEARTBEAT_S)
"""A message older than a heartbeat may be, or from so far ahead, says nothing of now."""

FAILSAFE = frozenset({"failsafe_w", "failsafe_minimum_s"})
EVENTS = frozenset({"heartbeat", "limit_w", "active", "duration_s"}) | FAILSAFE
KEYS = EVENTS | {"reduction", "sent_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LpcTerms:
    """What was agreed with the grid operator."""

    failsafe_w: float
    failsafe_minimum_s: float
    guaranteed_w: float
    share: Share = ALONE


class LpcInbox:
    """Takes messages and says what holds; no payload can hurt it.

    `stopwatch_s` is monotonic: a clock that is set neither ends nor lengthens a limit.
    """

    def __init__(self, terms: LpcTerms, *, now: Now, stopwatch_s: Callable[[], float]) -> None:
        self._terms, self._now, self._stopwatch_s = terms, now, stopwatch_s
        self._lpc = Lpc(
            now_s=stopwatch_s(),
            failsafe_w=terms.failsafe_w,
            failsafe_minimum_s=terms.failsafe_minimum_s,
        )
        self._others = Others(terms.share)
        self._notices = Notices()
        self._sent_at: datetime | None = None  # of the latest message that says it
        self._keep: Callable[[str], None] = lambda _: None
        self._limit: KeptLimit | None = None  # the one in force, as it is kept
        self._kept = Kept()
        self.last_rejection = ""

    def windows(self) -> tuple[Window, ...]:
        """Announced reductions in force."""
        return self._notices.windows

    def take(self, payload: bytes, *, place: str, retained: bool = False) -> str | None:
        """Take a message up; None: all of it counts, else why not."""
        at = self._now()
        try:
            body = _body(payload)
            sent_at = instant(body["sent_at"]) if "sent_at" in body else None
            if retained and sent_at is None:
                raise ValueError("retained, age unknown")
            events = _events(body, self._stopwatch_s())
            if events:
                self._check_age(sent_at, at)
            if "reduction" in body:
                self._notices = self._notices.after(notice_of(body["reduction"], sent_at, at), at)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            return self._reject(f"{place}: {error}")
        if events:
            self._sent_at = sent_at or self._sent_at
        refused = self._advance(*events)
        return self._reject(f"{place}: {'; '.join(refused)}") if refused else None

    def limit(self, others_w: float | None = None) -> GridLimit:
        """What the heat pump may draw now."""
        return self._others.left_of(self.said, self._now(), others_w)

    @property
    def said(self) -> GridLimit:
        """What the machine allows to all who share the limit; instants are told to the second."""
        self._advance()
        lpc, at = self._lpc, self._now()
        return GridLimit(
            limit_w=lpc.allowed_w,
            guaranteed_w=self._terms.guaranteed_w,
            state=lpc.state,
            until=None if lpc.ends_s is None else _moved(at, lpc.ends_s - lpc.now_s),
            issued_at=_moved(at, (lpc.since_s or 0.0) - lpc.now_s),
        )

    def remember(self, kept: str | None, keep: Callable[[str], None]) -> None:
        """Take up what an earlier run kept, and keep what is told from now on."""
        self._keep, at = keep, self._now()
        found = kept_from(kept, at)
        self._notices = found.notices
        self._sent_at = None if found.sent_at is None or found.sent_at > at else found.sent_at
        terms, told = self._terms, found.failsafe
        agreed = (terms.failsafe_w, terms.failsafe_minimum_s)
        if told is not None and told.instead_of == agreed:
            now_s = self._stopwatch_s()
            write = FailsafeWrite(now_s, told.limit_w, told.minimum_s)
            self._lpc, _ = advanced(self._lpc, now_s, [write])
        if found.limit is not None:
            lasts_s = found.limit.left_s(at, self._lpc.failsafe_minimum_s)
            if lasts_s > 0.0:
                age_s = max((at - found.limit.issued_at).total_seconds(), 0.0)
                limit_w = found.limit.limit_w
                self._lpc = resumed(self._lpc, limit_w, lasts_s=lasts_s, age_s=age_s)
                log.info("grid limit: %.0f W of before the restart holds on", limit_w)
        self._save()

    def _check_age(self, sent_at: datetime | None, at: datetime) -> None:
        if sent_at is None:
            return
        if abs(at - sent_at) > STALE:
            seconds = (at - sent_at).total_seconds()
            raise ValueError(f"sent {seconds:.0f} s ago: stale, or one of the clocks is wrong")
        if self._sent_at is not None and sent_at <= self._sent_at:
            raise ValueError("repeated, or overtaken by a later message")

    def _advance(self, *events: Event) -> tuple[str, ...]:
        now_s = max([self._stopwatch_s(), *(event.at_s for event in events)])
        self._lpc, refused = advanced(self._lpc, now_s, events)
        self._save()
        return refused

    def _save(self) -> None:
        """What has changed is kept at once, before anybody is told that it was received."""
        lpc, terms = self._lpc, self._terms
        failsafe = (lpc.failsafe_w, lpc.failsafe_minimum_s)
        agreed = (terms.failsafe_w, terms.failsafe_minimum_s)
        self._limit = self._limit_to_keep()
        said = Kept(
            notices=self._notices,
            limit=self._limit,
            failsafe=None if failsafe == agreed else KeptFailsafe(*failsafe, agreed),
        )
        if said != self._kept:  # a heartbeat that changes nothing is no reason to write
            self._kept = said
            self._keep(replace(said, sent_at=self._sent_at).as_text())

    def _limit_to_keep(self) -> KeptLimit | None:
        """The limit in force; its instants do not move while it is the same."""
        lpc, at = self._lpc, self._now()
        if lpc.state is not GridState.LIMITED or lpc.limit_w is None:
            return None
        of = (lpc.limit_w, lpc.since_s, lpc.ends_s)
        if self._limit is not None and self._limit.of == of:
            return self._limit
        return KeptLimit(
            limit_w=lpc.limit_w,
            issued_at=_moved(at, (lpc.since_s or 0.0) - lpc.now_s),
            ends_at=None if lpc.ends_s is None else _moved(at, lpc.ends_s - lpc.now_s),
            of=of,
        )

    def _reject(self, why: str) -> str:
        if why != self.last_rejection:
            log.warning("grid limit: %s", why)
        self.last_rejection = why
        return why


def _body(payload: bytes) -> Mapping[str, Any]:
    if len(payload) > LONGEST_BYTES:
        raise ValueError("too long")
    body = json.loads(payload)
    if not isinstance(body, dict) or not body or not body.keys() <= KEYS:
        raise ValueError(f"not a message with {', '.join(sorted(KEYS))}")
    return body


def _events(body: Mapping[str, Any], at_s: float) -> list[Event]:
    """What a message says; a heartbeat in it counts first."""
    events: list[Event] = [Heartbeat(at_s)] if "heartbeat" in body else []
    if FAILSAFE & body.keys():
        limit_w, minimum_s = body.get("failsafe_w"), body.get("failsafe_minimum_s")
        events.append(
            FailsafeWrite(
                at_s,
                None if limit_w is None else number(limit_w),
                None if minimum_s is None else number(minimum_s),
            )
        )
    if "limit_w" in body:
        duration_s, active = body.get("duration_s"), body.get("active", True)
        if not isinstance(active, bool):
            raise TypeError("active is true or false")
        events.append(
            LimitWrite(
                at_s,
                number(body["limit_w"]),
                active,
                None if duration_s is None else number(duration_s),
            )
        )
    return events


def _moved(at: datetime, by_s: float) -> datetime:
    return (at + timedelta(seconds=by_s + 0.5)).replace(microsecond=0)
