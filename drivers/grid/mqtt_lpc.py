"""The grid operator's limit as JSON on one MQTT topic."""

from collections.abc import Callable

from drivers.grid.limit import GridLimit
from drivers.grid.lpc_inbox import LpcInbox
from drivers.transports.mqtt import MqttLink


class MqttLpc:
    """A `GridSource` that listens on a topic. A broker's own copies count only with their age."""

    def __init__(self, link: MqttLink, topic: str, inbox: LpcInbox) -> None:
        self._inbox = inbox
        link.subscribe(topic, self._on_message)

    async def read(self, others_w: float | None = None) -> GridLimit:
        """What holds now."""
        return self._inbox.limit(others_w)

    def remember(self, kept: str | None, keep: Callable[[str], None]) -> None:
        """Take up what an earlier run kept, and keep what is told from now on."""
        self._inbox.remember(kept, keep)

    async def close(self) -> None:
        """The link is not ours; there is nothing to close."""

    def _on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        self._inbox.take(payload, place=topic, retained=retained)
