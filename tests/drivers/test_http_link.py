"""The web: every implementation of the link answers and fails alike; the polite one keeps rules."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from drivers.errors import (
    ConfigurationError,
    DriverError,
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    SlowDownError,
    TransientError,
)
from drivers.transports.http import HttpAnswer, HttpLink, HttpRequest, PoliteLink, WebLink
from drivers.transports.in_memory_http import MemoryWebLink, Reply

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
URL = "https://prices.example/api"
ASK = HttpRequest(url=URL, params=(("area", "DK1"), ("securityToken", "s3cret")))

Serve = Callable[[HttpRequest], Reply]
Build = Callable[[Serve], HttpLink]


def over_httpx(serve: Serve) -> HttpLink:
    def handle(request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(query=None)
        reply = serve(HttpRequest(url=str(url), headers=tuple(request.headers.items())))
        return httpx.Response(reply.status, content=reply.body, headers=dict(reply.headers))

    return WebLink(transport=httpx.MockTransport(handle))


@pytest.fixture(params=[MemoryWebLink, over_httpx], ids=["memory", "httpx"])
def build(request: pytest.FixtureRequest) -> Build:
    made: Build = request.param
    return made


def always(reply: Reply) -> Serve:
    return lambda _: reply


async def test_link_gives_status_body_and_headers_of_the_answer(build: Build) -> None:
    link = build(always(Reply(b'{"a": 1}', headers={"ETag": '"v1"'})))
    answer = await link.ask(ASK, AT)
    assert (answer.status, answer.json(), answer.headers["etag"]) == (200, {"a": 1}, '"v1"')
    assert answer.at == AT


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, TransientError), (502, TransientError), (503, TransientError), (429, SlowDownError)],
)
async def test_link_turns_trouble_of_the_service_into_patience(
    build: Build, status: int, error: type[DriverError]
) -> None:
    with pytest.raises(error) as caught:
        await build(always(Reply(status=status))).ask(ASK, AT)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": "Thu, 15 Jan 2026 20:05:00 GMT",
          "Date": "Thu, 15 Jan 2026 20:00:00 GMT"}, 300),
        ({"Retry-After": "Thu, 15 Jan 2026 12:01:00 GMT"}, 60),
        ({"Retry-After": "Thu, 15 Jan 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "9" * 400}, 86400),
        ({"Retry-After": "soon"}, 600),
        ({}, 600),
    ],
)  # fmt: skip
async def test_link_says_when_a_service_may_be_asked_again(
    build: Build, headers: dict[str, str], wait_s: int
) -> None:
    with pytest.raises(SlowDownError) as caught:
        await build(always(Reply(status=429, headers=headers))).ask(ASK, AT)
    assert caught.value.retry_at == AT + timedelta(seconds=wait_s)


async def test_link_takes_503_with_retry_after_for_haste(build: Build) -> None:
    with pytest.raises(SlowDownError):
        await build(always(Reply(status=503, headers={"Retry-After": "5"}))).ask(ASK, AT)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, TransientError),
        (400, RefusedByDeviceError),
        (401, ConfigurationError),
        (403, ConfigurationError),
        (404, RefusedByDeviceError),
        (301, RefusedByDeviceError),
    ],
)
async def test_link_leaves_other_answers_to_the_caller(
    build: Build, status: int, error: type[DriverError]
) -> None:
    answer = await build(always(Reply(status=status))).ask(ASK, AT)
    assert answer.status == status
    with pytest.raises(error):
        answer.checked()


async def test_link_refuses_an_answer_that_would_fill_the_memory(build: Build) -> None:
    with pytest.raises(TransientError, match="more than"):
        await build(always(Reply(b" " * 8_000_001))).ask(ASK, AT)


@pytest.mark.parametrize("body", [b"", b"<html>login</html>", b"\xff\xfe", b"[" * 100_000])
async def test_link_gives_what_is_not_json_as_a_failure_of_this_time(
    build: Build, body: bytes
) -> None:
    answer = await build(always(Reply(body))).ask(ASK, AT)
    with pytest.raises(TransientError, match="JSON"):
        answer.json()


@pytest.mark.parametrize("body", [b"", b"{}", b"<a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
async def test_link_gives_what_is_not_plain_xml_as_a_failure_of_this_time(
    build: Build, body: bytes
) -> None:
    answer = await build(always(Reply(body))).ask(ASK, AT)
    with pytest.raises(TransientError):
        answer.xml()


@pytest.mark.parametrize(
    ("headers", "fresh_s"),
    [
        ({"Cache-Control": "public, max-age=120"}, 120),
        ({"Expires": "Thu, 15 Jan 2026 20:30:00 GMT",
          "Date": "Thu, 15 Jan 2026 20:00:00 GMT"}, 1800),
        ({"Expires": "Thu, 15 Jan 2026 12:10:00 GMT"}, 600),
        ({"Expires": "0"}, None),
        ({}, None),
    ],
)  # fmt: skip
async def test_link_knows_how_long_an_answer_stays_fresh(
    build: Build, headers: dict[str, str], fresh_s: int | None
) -> None:
    answer = await build(always(Reply(b"{}", headers=headers))).ask(ASK, AT)
    expected = None if fresh_s is None else AT + timedelta(seconds=fresh_s)
    assert answer.fresh_until == expected


# ---- httpx alone ---------------------------------------------------------------------------------


def failing(error: type[Exception]) -> WebLink:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error("no luck")

    return WebLink(transport=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (httpx.ConnectTimeout, NoAnswerError),
        (httpx.ReadTimeout, NoAnswerError),
        (httpx.ConnectError, LinkLostError),
        (httpx.RemoteProtocolError, LinkLostError),
        (httpx.ReadError, LinkLostError),
        (httpx.DecodingError, TransientError),
    ],
)
async def test_failures_of_the_network_are_told_by_what_to_do_next(
    raised: type[Exception], error: type[DriverError]
) -> None:
    with pytest.raises(error) as caught:
        await failing(raised).ask(ASK, AT)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://x/y", "prices.example", "https://[/", ""])
def test_what_is_no_web_address_is_the_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="web address"):
        HttpRequest(url=url)


async def test_keys_never_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    link = over_httpx(always(Reply(b"{}")))
    await link.ask(HttpRequest(url=URL, params=ASK.params, headers=(("Authorization", "s3c"),)), AT)
    assert "s3c" not in caplog.text
    assert "s3c" not in repr(HttpRequest(url=URL, headers=(("Authorization", "s3c"),)))


async def test_request_carries_method_query_headers_and_body() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    link = WebLink(transport=httpx.MockTransport(handle))
    await link.ask(ASK, AT)
    await link.ask(HttpRequest(url=URL, json={"query": "{x}"}, headers=(("User-Agent", "me"),)), AT)
    assert str(seen[0].url) == f"{URL}?area=DK1&securityToken=s3cret"
    assert seen[0].method == "GET"
    assert seen[0].headers["user-agent"].startswith("heatherd/")
    assert (seen[1].method, seen[1].content) == ("POST", b'{"query":"{x}"}')
    assert seen[1].headers["user-agent"] == "me"


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("manner", "error"),
    [("silent", NoAnswerError), ("aborts", LinkLostError), ("trickles", NoAnswerError)],
)
async def test_real_server_that_never_finishes_is_given_up(
    monkeypatch: pytest.MonkeyPatch, manner: str, error: type[DriverError]
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if manner == "trickles":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            if manner == "silent":
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link, request = WebLink(timeout_s=0.4), HttpRequest(url=f"http://127.0.0.1:{port}/api")
    async with server:
        with pytest.raises(error):
            await link.ask(request, AT)
        await gone.wait()


# ---- politeness ----------------------------------------------------------------------------------


def polite(*replies: Reply) -> tuple[PoliteLink, MemoryWebLink]:
    left = list(replies)
    inner = MemoryWebLink(lambda _: left.pop(0))
    return PoliteLink(inner), inner


async def test_nothing_is_asked_while_the_answer_is_fresh() -> None:
    link, inner = polite(Reply(b"1", headers={"Cache-Control": "max-age=60"}), Reply(b"2"))
    bodies = [(await link.ask(ASK, AT + timedelta(seconds=s))).body for s in (0, 59, 60)]
    assert bodies == [b"1", b"1", b"2"]
    assert len(inner.asked) == 2


async def test_unchanged_answer_is_the_kept_one_and_validators_go_out_as_they_came() -> None:
    headers = {"Last-Modified": "Thu, 15 Jan 2026 11:00:00 GMT", "ETag": 'W/"x"'}
    link, inner = polite(
        Reply(b"1", headers=headers),
        Reply(status=304, headers={"Cache-Control": "max-age=60"}),
    )
    await link.ask(ASK, AT)
    for later_s in (10, 20):
        answer = await link.ask(ASK, AT + timedelta(seconds=later_s))
        assert (answer.status, answer.body) == (200, b"1")
    asked = dict(inner.asked[1].headers)
    assert asked["If-Modified-Since"] == headers["Last-Modified"]
    assert asked["If-None-Match"] == headers["ETag"]
    assert len(inner.asked) == 2


async def test_unchanged_without_anything_known_is_a_failure() -> None:
    link, _ = polite(Reply(status=304))
    with pytest.raises(TransientError, match="nothing is known"):
        await link.ask(ASK, AT)


async def test_whole_host_is_left_alone_after_a_refusal_for_haste() -> None:
    link, inner = polite(Reply(status=429, headers={"Retry-After": "600"}), Reply(b"1"))
    other = HttpRequest(url="https://prices.example/other")
    with pytest.raises(SlowDownError):
        await link.ask(ASK, AT)
    with pytest.raises(SlowDownError):
        await link.ask(other, AT + timedelta(seconds=599))
    assert len(inner.asked) == 1
    assert (await link.ask(other, AT + timedelta(seconds=600))).body == b"1"


async def test_what_is_posted_is_never_answered_from_memory() -> None:
    fresh = {"Cache-Control": "max-age=60"}
    link, inner = polite(Reply(b"1", headers=fresh), Reply(b"2", headers=fresh))
    post = HttpRequest(url=URL, json={"query": "{x}"})
    assert [(await link.ask(post, AT)).body for _ in range(2)] == [b"1", b"2"]
    assert len(inner.asked) == 2


async def test_only_a_few_answers_are_kept() -> None:
    inner = MemoryWebLink(always(Reply(b"1", headers={"Cache-Control": "max-age=60"})))
    link = PoliteLink(inner)
    for number in range(40):
        await link.ask(HttpRequest(url=f"{URL}/{number}"), AT)
    await link.ask(HttpRequest(url=f"{URL}/39"), AT)
    assert len(inner.asked) == 40
    await link.ask(HttpRequest(url=f"{URL}/0"), AT)
    assert len(inner.asked) == 41


def test_lifetime_of_an_answer_is_counted_by_the_clock_of_the_service() -> None:
    skewed = HttpAnswer(
        place="x",
        status=200,
        body=b"",
        at=AT,
        headers={
            "date": "Wed, 14 Jan 2026 12:00:00 GMT",
            "expires": "Wed, 14 Jan 2026 12:05:00 GMT",
        },
    )
    assert skewed.fresh_until == AT + timedelta(minutes=5)
