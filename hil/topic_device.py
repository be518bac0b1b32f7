"""An emulated device on a broker: what it publishes, and whether it is there at all."""

from typing import Protocol

from drivers.errors import TransientError
from hil.presence import Presence
from hil.pump_face import Image
from hil.sensors import Message


class Talker(Image, Protocol):
    """An image that speaks MQTT."""

    @property
    def listens(self) -> tuple[str, ...]:
        """The topics it has subscribed to."""
        ...

    def report(self) -> None:
        """Say what is due."""
        ...

    def appear(self, present: bool) -> None:
        """Be announced as there or as gone."""
        ...

    def command(self, topic: str, payload: str) -> str | None:
        """Take a message; answers with the point it wrote to."""
        ...

    def pop_messages(self) -> list[Message]:
        """What was said since the last call."""
        ...


class TopicDevice:
    """One device behind a broker."""

    def __init__(self, image: Talker, presence: Presence) -> None:
        self.image = image
        self.presence = presence
        self._present = False

    @property
    def listens(self) -> tuple[str, ...]:
        """The topics it has subscribed to."""
        return self.image.listens

    def messages(self) -> list[Message]:
        """What it says now; while it is away, the broker's notice of that and nothing else."""
        present = self.presence.answers
        if not present:
            self.image.pop_messages()
        if present != self._present:
            self._present = present
            self.image.appear(present)
        if present:
            self.image.report()
        return self.image.pop_messages()

    def command(self, topic: str, payload: str) -> list[Message]:
        """Take a message; what it says to that."""
        try:
            self.presence.listen(topic)
        except TransientError:
            return []  # nobody is there, or it has no time: over MQTT nobody learns of it
        written = self.image.command(topic, payload)
        if written is not None:
            self.presence.listen(topic, written=written)
        return self.image.pop_messages()
