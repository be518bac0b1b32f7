"""The grid operator's limit as JSON on one MQTT topic, through the LPC state machine.

Messages: {"heartbeat": 1};
{"limit_w": 4200, "duration_s": 7200} or {"limit_w": 0, "active": false};
{"failsafe_w": 4200, "failsafe_minimum_s": 7200};
{"reduction": {"starts_at": "...", "ends_at": "...", "limit_w": 1000}}.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drivers.api import Now
from drivers.grid.limit import GridLimit, Window
from drivers.grid.lpc import Event, FailsafeWrite, Heartbeat, LimitWrite, Lpc, advanced
from drivers.grid.section14a import left_for_pump_w
from drivers.transports.mqtt import MqttLink

log = logging.getLogger(__name__)

LONGEST_BYTES = 4096
MOST_WINDOWS = 20
KEYS = frozenset(
    {"heartbeat", "limit_w", "active", "duration_s", "failsafe_w", "failsafe_minimum_s"}
    | {"reduction"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LpcTerms:
    """What was agreed with the grid operator."""

    failsafe_w: float
    failsafe_minimum_s: float
    guaranteed_w: float
    others_w: float = 0.0  # what else draws from the same limit


class MqttLpc:
    """A `GridSource` that listens on a topic; no payload can hurt it.

    A retained message is of unknown age and does not count. `stopwatch_s` is monotonic: a clock
    that is set neither ends nor lengthens a limit.
    """

    def __init__(
        self,
        link: MqttLink,
        topic: str,
        terms: LpcTerms,
        *,
        now: Now,
        stopwatch_s: Callable[[], float],
    ) -> None:
        self._terms, self._now, self._stopwatch_s = terms, now, stopwatch_s
        self._lpc = Lpc(
            now_s=stopwatch_s(),
            failsafe_w=terms.failsafe_w,
            failsafe_minimum_s=terms.failsafe_minimum_s,
        )
        self.windows: tuple[Window, ...] = ()
        self.last_rejection = ""
        link.subscribe(topic, self._on_message)

    async def read(self) -> GridLimit:
        """What the machine allows now; instants are told to the second."""
        self._advance()
        lpc, at = self._lpc, self._now()
        allowed_w = lpc.allowed_w
        return GridLimit(
            limit_w=None if allowed_w is None else left_for_pump_w(allowed_w, self._terms.others_w),
            guaranteed_w=self._terms.guaranteed_w,
            state=lpc.state,
            until=None if lpc.ends_s is None else _moved(at, lpc.ends_s - lpc.now_s),
            issued_at=_moved(at, (lpc.since_s or 0.0) - lpc.now_s),
        )

    async def close(self) -> None:
        """The link is not ours; there is nothing to close."""

    def _advance(self, *events: Event) -> None:
        now_s = max([self._stopwatch_s(), *(event.at_s for event in events)])
        self._lpc, refused = advanced(self._lpc, now_s, events)
        for why in refused:
            self._reject(why)

    def _on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        if retained:
            self._reject(f"{topic}: retained, age unknown")
            return
        try:
            if len(payload) > LONGEST_BYTES:
                raise ValueError("too long")
            body = json.loads(payload)
            if not isinstance(body, dict) or not body or not body.keys() <= KEYS:
                raise ValueError(f"not a message with {', '.join(sorted(KEYS))}")
            if "reduction" in body:
                self._announce(body["reduction"])
            events = _events(body, self._stopwatch_s())
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            self._reject(f"{topic}: {error}")
            return
        self._advance(*events)

    def _announce(self, raw: Mapping[str, Any]) -> None:
        at = self._now()
        window = Window(
            starts_at=datetime.fromisoformat(raw["starts_at"]),
            ends_at=datetime.fromisoformat(raw["ends_at"]),
            limit_w=_number(raw["limit_w"]),
            issued_at=at,
        )
        if window.ends_at <= at:
            raise ValueError("the announced window is over")
        same = [(w.starts_at, w.ends_at, w.limit_w) for w in self.windows]
        if (window.starts_at, window.ends_at, window.limit_w) not in same:
            kept = [w for w in self.windows if w.ends_at > at]
            self.windows = (*kept, window)[-MOST_WINDOWS:]

    def _reject(self, why: str) -> None:
        if why != self.last_rejection:
            log.warning("grid limit: %s", why)
        self.last_rejection = why


def _events(body: Mapping[str, Any], at_s: float) -> list[Event]:
    """What a message says; a heartbeat in it counts first."""
    events: list[Event] = [Heartbeat(at_s)] if "heartbeat" in body else []
    if "failsafe_w" in body or "failsafe_minimum_s" in body:
        limit_w, minimum_s = body.get("failsafe_w"), body.get("failsafe_minimum_s")
        events.append(
            FailsafeWrite(
                at_s,
                None if limit_w is None else _number(limit_w),
                None if minimum_s is None else _number(minimum_s),
            )
        )
    if "limit_w" in body:
        duration_s, active = body.get("duration_s"), body.get("active", True)
        if not isinstance(active, bool):
            raise TypeError("active is true or false")
        events.append(
            LimitWrite(
                at_s,
                _number(body["limit_w"]),
                active,
                None if duration_s is None else _number(duration_s),
            )
        )
    return events


def _number(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise TypeError(f"{str(raw)[:40]!r} is not a number")
    return float(raw)


def _moved(at: datetime, by_s: float) -> datetime:
    return (at + timedelta(seconds=by_s + 0.5)).replace(microsecond=0)
