"""Malformed answers of price and weather services: through their drivers, and as bytes of a socket.

A driver may refuse an answer in words or make a series of it that is finite, on a market's grid and
of a sensible length. Whatever it was told before, a good answer counts as for a driver that never
heard a bad one.
"""

import asyncio
import math
import random
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import httpcore
import httpx

from bench.fuzz_services import Answered, AnswerSpoiler, Fetch, Service
from bench.fuzz_spoil import ByteSpoiler
from bench.fuzz_tally import Tally, out_of, refused, watched
from drivers.api import PriceSeries, WeatherSeries
from drivers.errors import DriverError
from drivers.transports.http import HttpAnswer, HttpLink, HttpRequest, PoliteLink, WebLink, settled
from drivers.weather.series import OUTDOOR_RANGE_C

ANSWERS = 6
"""A driver hears so many spoilt ones before a good one."""

HEALTHY = "healthy"
PRICE_STEPS_S = (900, 1800, 3600)
LONGEST_PRICES_S, LONGEST_WEATHER_S = 366 * 86400, 17 * 86400
STATUSES = (203, 204, 206, 301, 302, 304, 400, 401, 403, 404, 422, 429, 500, 503, 100, 299, 999)
STAMPS = (
    "Thu, 15 Jan 2026 13:00:00 GMT", "Thu, 01 Jan 0100 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -1200", "Thu, 15 Jan 2026 13:00:00", "0", "-1", "now", "120", "1e9",
    "99999999999999999999", "Thu, 15 Jan 2026 13:00:00 +99999999999999999", "\x00", "é", "",
)  # fmt: skip
TIMED = ("Date", "Expires", "Retry-After", "Last-Modified", "Age")
DIRECTIVES = (
    "max-age=60", "max-age=-1", "max-age=" + "9" * 5000, "max-age=٣", "no-store", "=,=;", "max-age",
)  # fmt: skip


def odd_headers(chance: random.Random) -> dict[str, str]:
    """What a service may say beside its answer."""
    headers = {name: chance.choice(STAMPS) for name in TIMED if chance.random() < 0.15}
    if chance.random() < 0.15:
        headers["Cache-Control"] = chance.choice(DIRECTIVES)
    if chance.random() < 0.1:
        headers["ETag"] = chance.choice(('"a"', "W/", "é", "a" * 5000))
    return headers


# ---- through the drivers ---


async def fuzz_answers(count: int, seed: int, subjects: Sequence[Service]) -> Tally:
    """Answer so many questions of the services' drivers badly."""
    tally = Tally("HTTP answers")
    chance = random.Random(f"answers {seed}")
    spoiler = AnswerSpoiler(chance)
    turn = 0
    while tally.payloads < count:
        await _ask_spoilt(subjects[turn % len(subjects)], spoiler, chance, tally)
        turn += 1
    return tally


class Far:
    """The far end of a link: gives one answer to whatever is asked, and keeps the questions."""

    def __init__(self) -> None:
        self.body, self.status, self.headers = b"", 200, dict[str, str]()
        self.asked: list[HttpRequest] = []

    async def ask(self, request: HttpRequest, at: datetime) -> HttpAnswer:
        """Answer. Raises a `DriverError`."""
        self.asked.append(request)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return settled(
            HttpAnswer(
                place=request.place, status=self.status, body=self.body, headers=headers, at=at
            )
        )


class Between:
    """A link whose politeness can be switched off."""

    def __init__(self, far: Far) -> None:
        self.link: HttpLink = PoliteLink(far)

    async def ask(self, request: HttpRequest, at: datetime) -> HttpAnswer:
        """Ask the far end. Raises a `DriverError`."""
        return await self.link.ask(request, at)


async def _ask_spoilt(
    service: Service, spoiler: AnswerSpoiler, chance: random.Random, tally: Tally
) -> None:
    """A driver hears bad answers, then a good one."""
    far = Far()
    between = Between(far)
    fetch, at = service.fetch_from(between), service.at
    for _ in range(ANSWERS):
        way, far.body = spoiler.body(chance.choice((service.good[0], *service.good)))
        far.status = 200 if chance.random() < 0.9 else chance.choice(STATUSES)
        far.headers = odd_headers(chance) if chance.random() < 0.3 else {}
        tally.payloads += 1
        tally.spoilt[way] += 1
        example = (way, far.status, far.headers, len(far.body), far.body)
        await _fetched(tally, service.name, (fetch, at), example)
        at += service.again
    await _good_at_last(service, (fetch, at), (between, far), tally)


async def _good_at_last(
    service: Service, ask: tuple[Fetch, datetime], link: tuple[Between, Far], tally: Tally
) -> None:
    """What the driver makes of a good answer is what one does that never heard a bad one.

    Unless it had no question, or asked for less because it knows the rest.
    """
    (_, at), (between, far) = ask, link
    between.link = far
    far.body, far.status, far.headers = service.good[0], 200, {}
    far.asked.clear()
    found = await _fetched(tally, service.name, ask, "a good answer")
    asked = list(far.asked)
    alone = await _fetched(tally, service.name, (service.fetch_from(far), at), "alone")
    if asked == far.asked[len(asked) :] and not _agrees(found, alone):
        tally.violated(service.name, "a bad answer is held against a good one", (found, alone))


async def _fetched(
    tally: Tally, name: str, ask: tuple[Fetch, datetime], example: object
) -> Answered | None:
    """What the driver makes of the answer, judged."""
    fetch, at = ask
    with watched(tally, name, example):
        try:
            found: Answered = await cast("Awaitable[Answered]", fetch(at))
        except DriverError as error:
            refused(tally, name, error, example)
            return None
        tally.readings += 1
        fault = unsound(found, at)
        if fault is not None:
            tally.violated(name, fault, example)
        return found
    return None


def unsound(found: Answered, at: datetime, *, longest_s: float = LONGEST_PRICES_S) -> str | None:
    """What is wrong with a series."""
    if isinstance(found, tuple):
        rates = [rate for charge in found for rate in charge.per_kwh]
        return None if all(map(math.isfinite, rates)) else "a charge that is no number"
    if found.starts_at.utcoffset() != timedelta(0) or found.issued_at.tzinfo is None:
        return "an instant that is not in UTC"
    if found.issued_at > at:
        return "issued in the future"
    if isinstance(found, WeatherSeries):
        return _unsound_weather(found, at)
    return _unsound_prices(found, longest_s)


def _unsound_prices(found: PriceSeries, longest_s: float) -> str | None:
    if found.step_s not in PRICE_STEPS_S or found.starts_at.timestamp() % 900:
        return "off the grid"
    if not 0 < found.step_s * len(found.per_kwh) <= longest_s:
        return "a series of an impossible length"
    known = [price for price in found.per_kwh if price is not None]
    if not known:
        return "a series without prices"
    return None if all(map(math.isfinite, known)) else "a price that is no number"


def _unsound_weather(found: WeatherSeries, at: datetime) -> str | None:
    span_s = found.step_s * len(found.outdoor_c)
    if len(found.ghi_w_per_m2) != len(found.outdoor_c) or not 0 < span_s <= LONGEST_WEATHER_S:
        return "a series of an impossible length"
    if found.starts_at + timedelta(seconds=span_s) <= at or found.starts_at > at + timedelta(
        days=1
    ):
        return "weather of another time"
    if any(out_of(*OUTDOOR_RANGE_C, value) for value in found.outdoor_c):
        return "an outdoor temperature out of its range"
    sun = [value for value in found.ghi_w_per_m2 if out_of(0.0, 2000.0, value)]
    return "sunshine out of its range" if sun else None


def _agrees(found: Answered | None, alone: Answered | None) -> bool:
    """Whether everything that a driver alone is told is also known to the other one."""
    if isinstance(found, PriceSeries) and isinstance(alone, PriceSeries):
        return all(_price_at(found, at) == price for at, price in _known(alone))
    if isinstance(found, WeatherSeries) and isinstance(alone, WeatherSeries):
        return found.outdoor_c[-len(alone.outdoor_c) :] == alone.outdoor_c
    return (found is None) == (alone is None)


def _known(series: PriceSeries) -> Iterable[tuple[datetime, float]]:
    step = timedelta(seconds=series.step_s)
    for place, price in enumerate(series.per_kwh):
        if price is not None:
            yield series.starts_at + step * place, price


def _price_at(series: PriceSeries, at: datetime) -> float | None:
    place = math.floor((at - series.starts_at).total_seconds() / series.step_s)
    return series.per_kwh[place] if 0 <= place < len(series.per_kwh) else None


# ---- as bytes of a socket ---

LARGEST_BYTES = 200_000
"""The link under test takes no more: a limit that is soon reached."""

PATIENCE_S, SHORT_PATIENCE_S = 20.0, 0.003
AT_ONCE = 65_536
TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
REQUEST = HttpRequest(url="http://192.0.2.1/prices", params=(("key", "secret"),))
Way = Callable[[bytes, random.Random], bytes]


async def fuzz_transport(count: int, seed: int, bodies: Sequence[bytes], at: datetime) -> Tally:
    """Give the link so many answers as bytes, often bad ones."""
    tally = Tally("HTTP transport")
    chance = random.Random(f"transport {seed}")
    while tally.payloads < count:
        await _exchange(chance.choice(bodies), chance, tally, at)
    return tally


async def _exchange(body: bytes, chance: random.Random, tally: Tally, at: datetime) -> None:
    way = chance.choice(tuple(WAYS))
    silent = way == "silent"
    stream = WAYS[way](body, chance)
    patience_s = SHORT_PATIENCE_S if silent else PATIENCE_S
    web = WebLink(
        timeout_s=patience_s, largest_bytes=LARGEST_BYTES, transport=Socket(stream, silent=silent)
    )
    polite = PoliteLink(web)
    tally.payloads += 1
    tally.spoilt[way] += 1
    for asked_at in (at, at + timedelta(hours=1)):
        with watched(tally, way, stream):
            try:
                answer = await polite.ask(REQUEST, asked_at)
            except DriverError as error:
                refused(tally, way, error, stream)
                if way == HEALTHY:
                    tally.violated(way, "a good answer refused", (error, stream))
                elif "secret" in str(error):
                    tally.violated(way, "a secret in words", error)
                continue
            tally.readings += 1
            if len(answer.body) > LARGEST_BYTES or (way == HEALTHY and answer.body != body):
                tally.violated(way, "another body", stream)
            _use(answer)


def _use(answer: HttpAnswer) -> None:
    """As drivers do."""
    for use in (answer.checked, answer.json, answer.xml):
        try:
            use()
        except DriverError:
            continue


class Socket(httpx.AsyncHTTPTransport):
    """The real HTTP of httpx over a connection that says what it is told to."""

    def __init__(self, stream: bytes, *, silent: bool) -> None:
        super().__init__(verify=TRUST)
        self._pool = httpcore.AsyncConnectionPool(network_backend=_Backend(stream, silent=silent))


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, stream: bytes, *, silent: bool) -> None:
        self._stream, self._silent = stream, silent

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(self._stream, silent=self._silent)

    async def sleep(self, seconds: float) -> None:
        del seconds


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: bytes, *, silent: bool) -> None:
        self._left, self._silent = stream, silent

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        if not self._left and self._silent:
            await asyncio.Event().wait()
        size = min(max_bytes, AT_ONCE, 1 + len(self._left) // 2)  # in pieces
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        del buffer

    async def aclose(self) -> None:
        self._silent = False

    async def start_tls(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        del info


def _response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", errors="replace") + body


def _chunked(body: bytes, sizes: Sequence[str]) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    third = len(body) // 3 + 1
    parts = [body[k : k + third] for k in range(0, len(body), third)]
    said = [f"{len(part):x}" for part in parts] if not sizes else [*sizes]
    chunks = [
        size.encode() + b"\r\n" + part + b"\r\n" for size, part in zip(said, parts, strict=False)
    ]
    return head + b"".join(chunks) + b"0\r\n\r\n"


def _with_headers(body: bytes, chance: random.Random) -> bytes:
    told = [f"{name}: {value}" for name, value in odd_headers(chance).items()]
    status = str(chance.choice(STATUSES)) if chance.random() < 0.5 else "200 OK"
    return _response(body, *told, status=status)


def _damaged(body: bytes, chance: random.Random) -> bytes:
    spoiler = ByteSpoiler(chance)
    stream = _response(body)
    head = stream.index(b"\r\n\r\n") + 4
    bad = spoiler.ways[chance.choice(tuple(spoiler.ways))](stream[:head])
    return bad + stream[head:]


def _squeezed(body: bytes, chance: random.Random) -> bytes:
    """Compressed, with damage or as a bomb, perhaps several times over."""
    content = chance.choice((body, b"0" * (4 * LARGEST_BYTES), b"0" * (20 * LARGEST_BYTES)))
    coding = chance.choice(("gzip", "deflate", "gzip, gzip", "br", "zstd", "unknown", "gzip, é"))
    for _ in range(coding.count("gzip") + coding.count("deflate")):
        packer = zlib.compressobj(wbits=31 if "gzip" in coding else 15)
        content = packer.compress(content) + packer.flush()
    if chance.random() < 0.4:
        spoiler = ByteSpoiler(chance)
        content = spoiler.ways[chance.choice(("bits flipped", "cut", "junk inside"))](content)
    return _response(content, f"Content-Encoding: {coding}")


LOCATIONS = (
    "http://[",
    "//",
    "http://\x00",
    "javascript:1",
    "http://a:99999999/",
    "é",
    "",
    "x" * 9000,
)
COOKIES = ("a=b", "=", "a=b; expires=0", "a" * 9000, "a=b; domain=; path=é; max-age=x", ";;;")
WAYS: dict[str, Way] = {
    HEALTHY: lambda body, _: _response(body),
    "chunked": lambda body, chance: _chunked(
        body,
        chance.choice(((), ("zz",), ("-1",), ("f" * 30,), ("1;" + "x" * 9000,), ("",), ("0",))),
    ),
    "compressed": _squeezed,
    "damaged head": _damaged,
    "odd headers": _with_headers,
    "cookies": lambda body, chance: _response(body, f"Set-Cookie: {chance.choice(COOKIES)}"),
    "elsewhere": lambda body, chance: _response(
        body, f"Location: {chance.choice(LOCATIONS)}", status="302 Found"
    ),
    "wrong length": lambda body, chance: _response(body).replace(
        b"Content-Length: ",
        b"Content-Length: " + chance.choice((b"1", b"-", b"x", b"0, ", b"9" * 20)),
    ),
    "endless head": lambda body, _: (
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 1000 + b"\r\n") * 200 + body
    ),
    "endless body": lambda _, __: b"HTTP/1.1 200 OK\r\n\r\n" + b"0" * (2 * LARGEST_BYTES),
    "endless patience": lambda body, chance: (
        b"HTTP/1.1 102 Wait\r\n\r\n" * chance.choice((1, 20, 300)) + _response(body)
    ),
    "cut": lambda body, chance: _response(body)[: chance.randrange(len(body) + 60)],
    "silent": lambda body, chance: _response(body)[: chance.randrange(len(body) + 60)],
    "no HTTP": lambda body, chance: chance.choice(
        (body, b"", chance.randbytes(300), b"\r\n" * 900)
    ),
}
