"""Price services over real sockets: recorded answers, and failures in all their disguises."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from drivers.api import PriceSeries
from drivers.errors import (
    ConfigurationError,
    DriverError,
    LinkLostError,
    RefusedByDeviceError,
    SlowDownError,
    TransientError,
)
from drivers.prices.entsoe import Entsoe
from drivers.prices.json_rows import RowForm
from drivers.prices.json_sources import HttpJsonPrices
from drivers.prices.live import LivePrices
from drivers.transports.http import PoliteLink, WebLink
from tests.drivers.priced import at, recorded

pytestmark = [pytest.mark.sockets, pytest.mark.enable_socket]

NOW = at("2025-10-26 07:00")
WINDOW = (at("2025-10-25 22:00"), at("2025-10-26 23:00"), NOW)


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Server:
    """Answers each question with the next reply, the last one again and again; None aborts."""

    replies: list[bytes | None] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            if reply is None:
                writer.transport.abort()
            else:
                writer.write(reply)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield made


async def asked(server: Server, *replies: bytes | None) -> PriceSeries:
    server.replies = list(replies)
    service = Entsoe(WebLink(timeout_s=5.0), "DK1", "s3cret", url=server.url)
    return await service.ask(*WINDOW)


async def test_recorded_day_arrives_whole(server: Server) -> None:
    series = await asked(server, http(recorded("entsoe/constructed_a03_dst_autumn_100q.xml")))
    assert (series.step_s, len(series.per_kwh), series.per_kwh[40]) == (900, 100, -0.0032)
    line = server.asked[0].splitlines()[0].decode()
    assert line == (
        "GET /api?securityToken=s3cret&documentType=A44&in_Domain=10YDK-1--------W"
        "&out_Domain=10YDK-1--------W&periodStart=202510252200&periodEnd=202510262300"
        "&contract_MarketAgreement.type=A01 HTTP/1.1"
    )


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (http(b"", "401 Unauthorized"), ConfigurationError),
        (http(b"", "429 Too Many Requests"), SlowDownError),
        (http(b"", "503 Service Unavailable"), TransientError),
        (http(recorded("entsoe/ack_no_data.xml")), TransientError),
        (http(recorded("entsoe/ack_too_much.xml")), RefusedByDeviceError),
        (http(b""), TransientError),
        (http(b"", "204 No Content"), TransientError),
        (None, LinkLostError),
        (http(recorded("entsoe/BE_60M.xml"))[:4000], LinkLostError),
        (b"\x00\x01\x02\r\n\r\n", LinkLostError),
    ],
    ids=["401", "429", "503", "nothing", "too-much", "empty", "204", "abort", "half", "noise"],
)
async def test_disguises_of_failure_are_seen_through(
    server: Server, reply: bytes | None, error: type[DriverError]
) -> None:
    with pytest.raises(error) as caught:
        await asked(server, reply)
    assert "s3cret" not in str(caught.value)


async def test_service_that_recovers_is_used_again_after_its_ban(server: Server) -> None:
    server.replies = [
        http(b"", "429 Too Many Requests", "Retry-After: 600"),
        http(recorded("entsoe/constructed_a03_dst_autumn_100q.xml")),
    ]
    service = Entsoe(PoliteLink(WebLink(timeout_s=5.0)), "DK1", "t", url=server.url)
    source = LivePrices(service, "EUR", seed="a")
    for minute in (0, 9):
        with pytest.raises(SlowDownError):
            await source.fetch(NOW.replace(minute=minute))
    assert len((await source.fetch(NOW.replace(minute=10))).per_kwh) == 100
    assert len(server.asked) == 2


async def test_unchanged_page_is_not_sent_twice(server: Server) -> None:
    rows = b'[{"start": "2025-10-26T00:00:00Z", "price": 81.2}]'
    server.replies = [http(rows, "200 OK", 'ETag: "v1"'), http(b"", "304 Not Modified")]
    form = RowForm(currency="EUR", per_mwh=True)
    source = HttpJsonPrices(PoliteLink(WebLink(timeout_s=5.0)), server.url, form)
    first, second = await source.fetch(NOW), await source.fetch(NOW)
    assert first.per_kwh == second.per_kwh == (pytest.approx(0.0812),)
    assert b'if-none-match: "v1"' in server.asked[1].lower()
