"""What the tests of price sources share: recorded answers, and a web that gives them."""

from datetime import UTC, datetime
from pathlib import Path

from drivers.api import PriceSeries
from drivers.transports.http import HttpRequest
from drivers.transports.in_memory_http import MemoryWebLink, Reply

RECORDED = Path(__file__).resolve().parents[1] / "recorded/http"


def recorded(name: str) -> bytes:
    """The body of a recorded answer."""
    return (RECORDED / name).read_bytes()


def at(text: str) -> datetime:
    """An instant such as "2025-10-26 12:00", UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def web(*replies: Reply | bytes | Exception) -> MemoryWebLink:
    """Gives these answers one after the other, then the last again and again."""
    left = list(replies)

    def serve(_: HttpRequest) -> Reply:
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply) if isinstance(reply, bytes) else reply

    return MemoryWebLink(serve)


def series(
    first: str,
    prices: list[float | None],
    *,
    step_s: int = 3600,
    source: str = "test",
    currency: str = "EUR",
    issued: str | None = None,
    preliminary: bool = False,
) -> PriceSeries:
    """A series for tests."""
    return PriceSeries(
        issued_at=at(issued or first), starts_at=at(first), step_s=step_s, per_kwh=tuple(prices),
        currency=currency, source=source, preliminary=preliminary,
    )  # fmt: skip
