"""The grid operator's limit as JSON over HTTP, sent by a box or a bridge at home.

It is told at once whether what it said counts, and what holds now.
"""

from collections.abc import Callable

from drivers.grid.limit import GridLimit
from drivers.grid.lpc_inbox import LpcInbox
from drivers.transports.http_inbox import HttpInbox, Reply

PATH = "/grid/limit"


class HttpLpc:
    """A `GridSource` that others write to while `run` runs."""

    def __init__(self, address: tuple[str, int], token: str, inbox: LpcInbox) -> None:
        self._inbox = inbox
        self.receiver = HttpInbox(address, path=PATH, token=token, answer=self._answer)

    async def run(self) -> None:
        """Listen until cancelled."""
        await self.receiver.run()

    async def read(self, others_w: float | None = None) -> GridLimit:
        """What holds now."""
        return self._inbox.limit(others_w)

    def remember(self, kept: str | None, keep: Callable[[str], None]) -> None:
        """Take up what an earlier run kept, and keep what is told from now on."""
        self._inbox.remember(kept, keep)

    async def close(self) -> None:
        """Listening ends with `run`."""

    def _answer(self, message: bytes | None) -> Reply:
        why = None if message is None else self._inbox.take(message, place="http")
        said = self._inbox.said
        now = {
            "state": said.state.value,
            "limit_w": said.limit_w,
            "until": None if said.until is None else said.until.isoformat(),
            "windows": len(self._inbox.windows()),
        }
        return Reply(200, now) if why is None else Reply(400, {"refused": why, **now})
