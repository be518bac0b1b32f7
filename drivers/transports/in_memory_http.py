"""The web without a network: same protocol, same errors, answered at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drivers.errors import TransientError
from drivers.transports.http import LARGEST_ANSWER_BYTES, HttpAnswer, HttpRequest, settled


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service says to one question."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class MemoryWebLink:
    """An `HttpLink` straight into a function, which raises `DriverError`s for a dead network.

    `asked` holds every question in order.
    """

    def __init__(self, serve: Callable[[HttpRequest], Reply]) -> None:
        self._serve = serve
        self.asked: list[HttpRequest] = []

    async def ask(self, request: HttpRequest, at: datetime) -> HttpAnswer:
        """Ask once. Raises a `DriverError`."""
        self.asked.append(request)
        reply = self._serve(request)
        if len(reply.body) > LARGEST_ANSWER_BYTES:
            raise TransientError(f"{request.place} answered with more than is kept")
        return settled(
            HttpAnswer(
                place=request.place,
                status=reply.status,
                body=reply.body,
                headers={name.lower(): value for name, value in reply.headers.items()},
                at=at,
            )
        )
