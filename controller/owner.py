"""The owner's channel: one JSON object per line over a local socket, answered with one.

Requests: {"verb": "status" | "override" | "away" | "boost" | "release" | "resume", ...}. Who may
open the socket file may steer the house; its mode lets only the service's user and group in.
"""

import asyncio
import json
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from controller.act import Applied, NotApplied
from controller.belief_words import believed
from controller.clock import Clock
from controller.guard import Allowed, Altered, Refused
from controller.loop import Loop
from controller.records import StepRecord
from controller.snapshot import Missing, Reading
from controller.wishes import Wish, WishKind
from drivers.errors import ConfigurationError

log = logging.getLogger(__name__)

Answer: TypeAlias = dict[str, Any]
LONGEST_LINE = 4096
LONGEST_ANSWER = 1 << 20
PATIENCE_S = 30.0
"""Handing a slow pump back takes several of its timeouts."""


class RequestError(ValueError):
    """The request cannot be understood; the message says why."""


class Owner:
    """Answers the owner."""

    def __init__(self, loop: Loop, clock: Clock, *, room_range_c: tuple[float, float]) -> None:
        self._loop = loop
        self._clock = clock
        self._room_range_c = room_range_c
        self._verbs: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Answer]]] = {
            "status": self._status,
            "override": self._override,
            "away": self._away,
            "boost": self._boost,
            "release": self._release,
            "resume": self._resume,
        }

    async def answer(self, line: bytes) -> Answer:
        """The answer to one line; a bad request is answered, never raised."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested without end
            return _refusal(f"not a line of JSON: {error}")
        try:
            verb = request.get("verb") if isinstance(request, dict) else None
            if not isinstance(verb, str) or verb not in self._verbs:
                raise RequestError(f"verb must be one of {', '.join(self._verbs)}")
            return {"ok": True, **await self._verbs[verb](request)}
        except RequestError as error:
            return _refusal(str(error))

    async def _status(self, _: Mapping[str, Any]) -> Answer:
        record = self._loop.last
        return {"status": None if record is None else status_of(record), **self._wishes_now()}

    async def _override(self, request: Mapping[str, Any]) -> Answer:
        return self._wish("override", self._room_c(request, required=True), request)

    async def _away(self, request: Mapping[str, Any]) -> Answer:
        return self._wish("away", self._room_c(request, required=False), request)

    async def _boost(self, request: Mapping[str, Any]) -> Answer:
        return self._wish("boost", None, request)

    async def _release(self, _: Mapping[str, Any]) -> Answer:
        self._loop.change_wishes(replace(self._loop.wishes, released=True))
        free = await self._loop.hand_back()
        return {"handed_back": free, **self._wishes_now()}

    async def _resume(self, _: Mapping[str, Any]) -> Answer:
        self._loop.resume()
        self._loop.change_wishes(replace(self._loop.wishes, released=False, wish=None))
        return self._wishes_now()

    def _wish(self, kind: WishKind, room_c: float | None, request: Mapping[str, Any]) -> Answer:
        now = self._clock.now()
        wish = Wish(kind, room_c, now, _until(request, now))
        self._loop.change_wishes(replace(self._loop.wishes, wish=wish))
        return self._wishes_now()

    def _wishes_now(self) -> Answer:
        wishes = self._loop.wishes
        wish = wishes.wish
        return {
            "released": wishes.released,
            "wish": wish
            and {
                "kind": wish.kind,
                "room_c": wish.room_c,
                "until": wish.until and wish.until.isoformat(),
            },
        }

    def _room_c(self, request: Mapping[str, Any], *, required: bool) -> float | None:
        value = request.get("room_c")
        if value is None and not required:
            return None
        low_c, high_c = self._room_range_c
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RequestError("room_c must be a number in °C")
        if not low_c <= value <= high_c:
            raise RequestError(f"room_c must be between {low_c:g} and {high_c:g} °C")
        return float(value)


def _refusal(reason: str) -> Answer:
    return {"ok": False, "error": reason}


def _until(request: Mapping[str, Any], now: datetime) -> datetime | None:
    seconds = request.get("for_s")
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise RequestError("for_s must be a number of seconds")
    if not 60 <= seconds <= 90 * 86400:
        raise RequestError("a wish lasts between a minute and 90 days")
    return now + timedelta(seconds=float(seconds))


def _outcome_of(record: StepRecord) -> Answer:
    """What came of it at the pump: what it confirmed, what is in effect, or why nothing is."""
    match record.outcome:
        case Applied(read_back, acknowledged):
            return {"acknowledged": dict(acknowledged), "in_effect": dict(read_back)}
        case NotApplied(reason):
            return {"not_applied": reason}


def status_of(record: StepRecord) -> Answer:
    """The latest cycle in a form for people and programs."""
    verdict = record.verdict
    match verdict:
        case Allowed(settings):
            said: Answer = {"verdict": "allowed", "settings": dict(settings)}
        case Altered(settings, reasons):
            said = {"verdict": "altered", "settings": dict(settings), "reasons": list(reasons)}
        case Refused(reasons):
            said = {"verdict": "refused", "reasons": list(reasons)}
    signals = {
        signal.value: measured.value
        for signal, measured in record.snapshot.signals.items()
        if isinstance(measured, Reading)
    }
    missing = {
        signal.value: {"reason": measured.reason, "since": measured.since.isoformat()}
        for signal, measured in record.snapshot.signals.items()
        if isinstance(measured, Missing)
    }
    return {
        "at": record.at.isoformat(),
        "target_c": record.target.room_c,
        "target_reason": record.target.reason,
        "signals": signals,
        "missing": missing,
        "wanted": record.wanted.reason,
        "wanted_source": record.wanted.source,
        "planned_heat_w": record.wanted.heat_w,
        **said,
        **_outcome_of(record),
        "notes": list(record.notes),
        "believed": believed(record.belief),
    }


async def serve(owner: Owner, path: Path) -> None:
    """Answer on a local socket until cancelled. `ConfigurationError` where it cannot be opened."""
    talks: set[asyncio.Task[None]] = set()

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(_talk(owner, reader, writer))
        talks.add(talk)
        talk.add_done_callback(talks.discard)

    try:
        _make_room(path)
        server = await asyncio.start_unix_server(welcome, path=path, limit=LONGEST_LINE)
        os.chmod(path, 0o660)
    except OSError as error:
        raise ConfigurationError(f"storage.socket: {path} cannot be opened: {error}") from error
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        for talk in talks:  # a client that stays connected must not keep the service alive
            talk.cancel()
        _clear_away(path)


def _make_room(path: Path) -> None:
    """Remove the socket of a killed service; app.py has made sure that none is alive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()


def _clear_away(path: Path) -> None:
    path.unlink(missing_ok=True)  # the service manager may have emptied the folder before


async def _talk(
    owner: Owner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:  # fmt: skip
    try:
        while line := await _line(reader):
            answer = await owner.answer(line) if isinstance(line, bytes) else line
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
            if isinstance(line, dict):
                break
    except ConnectionError as error:
        log.debug("owner's channel: %s", error)  # a client that left
    finally:
        writer.close()


async def _line(reader: asyncio.StreamReader) -> bytes | Answer:
    """The next line, or the refusal of one that is too long."""
    try:
        return await reader.readline()
    except ValueError:
        return _refusal(f"a line has at most {LONGEST_LINE} bytes")


async def ask(path: Path, request: Answer, *, patience_s: float = PATIENCE_S) -> Answer:
    """Ask a running service.

    Raises OSError when none is listening, it stays silent or answers what nobody understands.
    """
    reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_ANSWER)
    try:
        async with asyncio.timeout(patience_s):
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {patience_s:g} s") from error
    except ValueError as error:
        raise ConnectionError(f"an answer of more than {LONGEST_ANSWER} bytes") from error
    finally:
        writer.close()
    if not line:
        raise ConnectionError("the service closed the channel without an answer")
    return _understood(line)


def _understood(line: bytes) -> Answer:
    """An answer as it was read. Raises `ConnectionError`."""
    try:
        answer: Answer | None = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise ConnectionError("something else than heatherd answers there")
    return answer
