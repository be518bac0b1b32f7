"""Questions to services on the web: one request, one answer, failures by what to do next.

`WebLink` asks at once. `PoliteLink` around it asks no sooner than the service allows: not before
`Expires`, not before `Retry-After`, and with validators, so that "unchanged" costs nothing.
Queries and headers may hold secrets: messages name host and path only.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Protocol
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx

from drivers.errors import (
    ConfigurationError,
    LinkLostError,
    NoAnswerError,
    RefusedByDeviceError,
    SlowDownError,
    TransientError,
)

USER_AGENT = "heatherd/0.1 (controller of one heat pump)"
LARGEST_ANSWER_BYTES = 8_000_000
"""A year of quarter-hours as XML is about 4 MB; a Raspberry Pi must not be filled by an answer."""

SLOW_DOWN_S = 600.0
"""How long to keep away after a 429 that does not say: the ban of ENTSO-E and of Tibber."""

LONGEST_WAIT = timedelta(days=1)
"""However long a service says that an answer lasts or that we must wait."""

LONGEST_VALIDATOR = 1000
"""Characters of an ETag or date that is sent back."""

LONGEST_REASON = 200
"""Characters of what the HTTP library quotes of a damaged answer."""

KEPT_ANSWERS = 16
"""Different questions whose answers are kept for validation."""

_OK, _NO_CONTENT, _NOT_MODIFIED = 200, 204, 304
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER_FAILS, _UNAVAILABLE = 401, 403, 429, 500, 503


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """GET, or POST when there is something to post as JSON. Raises `ConfigurationError`."""

    url: str  # without a query
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    json: object = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            raise ConfigurationError(f"{self.url!r} is not a web address")

    @property
    def method(self) -> str:
        """GET or POST."""
        return "GET" if self.json is None else "POST"

    @property
    def place(self) -> str:
        """Host and path: what may be said aloud."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{parts.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back; header names are in lower case."""

    place: str
    status: int
    body: bytes
    headers: Mapping[str, str]
    at: datetime  # when it was asked for

    @property
    def fresh_until(self) -> datetime | None:
        """Until when asking again is useless; None where the service does not say.

        RFC 9111, 4.2.1: max-age, else Expires minus Date. The difference of the service's own two
        instants holds also when its clock is not ours.
        """
        for directive in self.headers.get("cache-control", "").split(","):
            name, _, seconds = directive.strip().partition("=")
            if name == "max-age" and (lifetime := _seconds(seconds)) is not None:
                return self.at + lifetime
        expires_at, sent_at = self._instant("expires"), self._instant("date")
        if expires_at is None:
            return None
        lifetime = expires_at - (sent_at or self.at)
        return self.at + min(max(lifetime, timedelta(0)), LONGEST_WAIT)

    @property
    def retry_at(self) -> datetime:
        """When to ask again after a refusal for haste: `Retry-After`, in seconds or as a date."""
        wait = _seconds(self.headers.get("retry-after", ""))
        if wait is not None:
            return self.at + wait
        until = self._instant("retry-after")
        if until is None:
            return self.at + timedelta(seconds=SLOW_DOWN_S)
        wait = until - (self._instant("date") or self.at)
        return self.at + min(max(wait, timedelta(0)), LONGEST_WAIT)

    def checked(self) -> "HttpAnswer":
        """Itself if it is a 200. Raises `ConfigurationError` (401, 403), `TransientError` (204)
        or `RefusedByDeviceError` (any other).
        """
        if self.status == _OK:
            return self
        if self.status == _NO_CONTENT:
            raise TransientError(f"{self.place} has nothing yet (204)")
        if self.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise ConfigurationError(
                f"{self.place} does not let us in ({self.status}): check the key"
            )
        raise RefusedByDeviceError(f"{self.place} answered {self.status}")

    def json(self) -> object:
        """The body as JSON. Raises `TransientError`."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise TransientError(f"{self.place} did not answer with JSON: {self.start}") from error
        return value

    def xml(self) -> ElementTree.Element:
        """The body as XML without entities of its own. Raises `TransientError`."""
        return parse_xml(self.body, self.place)

    @property
    def start(self) -> str:
        """The beginning of the body, for messages."""
        return repr(self.body[:60].decode(errors="replace")) if self.body else "nothing"

    def _instant(self, header: str) -> datetime | None:
        try:
            instant = parsedate_to_datetime(self.headers[header])
        except (KeyError, ValueError, OverflowError):
            return None
        return instant if instant.tzinfo is not None else None


def _seconds(text: str) -> timedelta | None:
    """A whole number of seconds, at most `LONGEST_WAIT`."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal()):
        return None
    return timedelta(seconds=min(int(digits[:9]), LONGEST_WAIT.total_seconds()))


def parse_xml(body: bytes, place: str) -> ElementTree.Element:
    """The root element. Raises `TransientError`; documents that define entities are refused."""
    if b"\0" in body:  # of an encoding in which the next check is blind
        raise TransientError(f"{place} answered with XML in two bytes a letter")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise TransientError(f"{place} answered with a document type of its own")
    try:
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise TransientError(f"{place} did not answer with XML: {error}") from error


class HttpLink(Protocol):
    """A way to the web."""

    async def ask(self, request: HttpRequest, at: datetime) -> HttpAnswer:
        """Ask once. Returns every answer that is neither 429 nor 5xx.

        Raises `SlowDownError` (429, 503 with Retry-After), `NoAnswerError`, `LinkLostError`,
        `TransientError` (5xx, damaged, too large) and `ConfigurationError` (not an address).
        """
        ...


def settled(answer: HttpAnswer) -> HttpAnswer:
    """The answer itself, unless the service asks for patience. Raises a `DriverError`."""
    hasty = answer.status == _UNAVAILABLE and "retry-after" in answer.headers
    if answer.status == _TOO_MANY or hasty:
        raise SlowDownError(
            f"{answer.place} asks us to slow down ({answer.status})", retry_at=answer.retry_at
        )
    if answer.status >= _SERVER_FAILS:
        raise TransientError(f"{answer.place} has trouble ({answer.status})")
    return answer


class WebLink:
    """An `HttpLink` over httpx; a connection lasts for one question, so nothing is to be closed."""

    def __init__(
        self,
        *,
        timeout_s: float = 20.0,
        largest_bytes: int = LARGEST_ANSWER_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`timeout_s` is for the whole question; `transport` replaces the network in tests."""
        self._timeout_s = timeout_s
        self._largest_bytes = largest_bytes
        self._transport = transport
        for name in ("httpx", "httpcore"):  # they log addresses with their query: keys
            logging.getLogger(name).setLevel(logging.WARNING)

    async def ask(self, request: HttpRequest, at: datetime) -> HttpAnswer:
        """Ask once. Raises a `DriverError`."""
        place, trust = request.place, _trust()
        try:
            async with asyncio.timeout(self._timeout_s):
                return settled(await self._asked(request, at, trust))
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"{place} is not a web address") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise NoAnswerError(f"{place} did not answer in {self._timeout_s:g} s") from error
        except httpx.DecodingError as error:
            raise TransientError(f"{place} sent a damaged answer") from error
        except httpx.RequestError as error:
            why = str(error)[:LONGEST_REASON] or type(error).__name__
            raise LinkLostError(f"{place} cannot be reached: {why}") from error

    async def _asked(self, request: HttpRequest, at: datetime, trust: ssl.SSLContext) -> HttpAnswer:
        client = httpx.AsyncClient(
            transport=self._transport,
            timeout=self._timeout_s,
            verify=trust,
            headers={"User-Agent": USER_AGENT},
        )
        async with (
            client,
            client.stream(
                request.method,
                request.url,
                params=request.params or None,
                headers=dict(request.headers),
                json=request.json,
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._largest_bytes:
                    raise TransientError(
                        f"{request.place} answered with more than {self._largest_bytes} bytes"
                    )
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(
                place=request.place,
                status=response.status_code,
                body=bytes(body),
                headers=headers,
                at=at,
            )


@cache
def _trust() -> ssl.SSLContext:
    """Reading the list of authorities takes a tenth of a second on small computers: once."""
    return httpx.create_ssl_context()


class PoliteLink:
    """An `HttpLink` that keeps a service's own rules around another one.

    Within an answer's lifetime it is given again without asking; later the question carries its
    validators, and 304 gives the kept answer. After a 429 the host is left alone until it allows.
    """

    def __init__(self, link: HttpLink) -> None:
        self._link = link
        self._kept: dict[HttpRequest, HttpAnswer] = {}
        self._fresh_until: dict[HttpRequest, datetime] = {}
        self._closed_until: dict[str | None, SlowDownError] = {}

    async def ask(self, request: HttpRequest, at: datetime) -> HttpAnswer:
        """Ask only if that can bring news. Raises a `DriverError`."""
        if request.json is not None:
            return await self._asked(request, at)
        kept, fresh_until = self._kept.get(request), self._fresh_until.get(request)
        if kept is not None and fresh_until is not None and at < fresh_until:
            return kept
        answer = await self._asked(_validated(request, kept), at)
        if answer.status == _NOT_MODIFIED:
            if kept is None:
                raise TransientError(f"{answer.place} says unchanged, but nothing is known")
            self._remember(request, kept, answer.fresh_until)
            return kept
        if answer.status == _OK:
            self._remember(request, answer, answer.fresh_until)
        return answer

    async def _asked(self, request: HttpRequest, at: datetime) -> HttpAnswer:
        host = urlsplit(request.url).hostname
        told = self._closed_until.get(host)
        if told is not None and at < told.retry_at:
            raise told
        try:
            return await self._link.ask(request, at)
        except SlowDownError as error:
            self._closed_until[host] = error
            raise

    def _remember(
        self, request: HttpRequest, answer: HttpAnswer, fresh_until: datetime | None
    ) -> None:
        for known in (self._kept, self._fresh_until):
            known.pop(request, None)
        self._kept[request] = answer
        if fresh_until is not None:
            self._fresh_until[request] = fresh_until
        while len(self._kept) > KEPT_ANSWERS:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._fresh_until.pop(oldest, None)


def _validated(request: HttpRequest, kept: HttpAnswer | None) -> HttpRequest:
    """The question "has it changed?", with the validators exactly as they came (RFC 9110, 13.1)."""
    if kept is None:
        return request
    pairs = (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since"))
    validators = [
        (ask, kept.headers[told])
        for told, ask in pairs
        if told in kept.headers and _can_be_sent(kept.headers[told])
    ]
    return HttpRequest(
        url=request.url, params=request.params, headers=(*request.headers, *validators)
    )


def _can_be_sent(value: str) -> bool:
    """Whether a header may be given back; servers say things that no request may hold."""
    return value.isascii() and value.isprintable() and len(value) <= LONGEST_VALIDATOR
