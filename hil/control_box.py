"""The grid operator's control box: heartbeats, limits and announced reductions over MQTT.

Written from the use case "Limitation of Power Consumption", not from the driver.
"""

import json
from datetime import datetime

from hil.sensors import Message

HEARTBEAT_S = 60.0


class ControlBox:
    """One box on one topic; `alive` False: it has lost its power."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.alive = True
        self._beaten_s: float | None = None
        self._outbox: list[Message] = []

    def advance(self, at_s: float) -> None:
        """Send the heartbeats that are due."""
        if self.alive and (self._beaten_s is None or at_s - self._beaten_s >= HEARTBEAT_S):
            self._beaten_s = at_s
            self._say({"heartbeat": int(at_s)})

    def limit(self, limit_w: float, duration_s: float | None = None) -> None:
        """Set a limit, without an end where there is no duration."""
        lasting = {} if duration_s is None else {"duration_s": duration_s}
        self._say({"limit_w": limit_w, "active": True, **lasting})

    def lift(self) -> None:
        """Take the limit back."""
        self._say({"limit_w": 0, "active": False})

    def announce(self, starts_at: datetime, ends_at: datetime, limit_w: float) -> None:
        """Give notice of a reduction."""
        window = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
        self._say({"reduction": {**window, "limit_w": limit_w}})

    def pop_messages(self) -> list[Message]:
        """What was said since the last call."""
        said, self._outbox = self._outbox, []
        return said

    def _say(self, body: dict[str, object]) -> None:
        if self.alive:
            self._outbox.append((self.topic, json.dumps(body), False))
