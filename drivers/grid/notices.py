"""Announced reductions as they are told: revised, withdrawn, repeated, overtaken. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drivers.grid.limit import Window

MOST_WINDOWS = 20
LONGEST_NAME = 100
LONGEST_AWAY = timedelta(days=366)
"""Nobody announces further ahead; a damaged date would take the place of a window for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The latest word about one window."""

    name: str  # what revisions and a withdrawal refer to
    window: Window
    sent_at: datetime | None = None  # None: not told
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Notices:
    """The latest word about every window that is not over, in the order of their announcement."""

    words: tuple[Notice, ...] = ()

    @property
    def windows(self) -> tuple[Window, ...]:
        """What is announced and not withdrawn."""
        return tuple(notice.window for notice in self.words if not notice.withdrawn)

    def after(self, told: Notice, at: datetime) -> "Notices":
        """With one more word. Raises `ValueError` for one that does not count.

        A word that repeats what is known changes nothing: it was issued when it was first said.
        """
        if told.window.ends_at <= at:
            raise ValueError("the announced window is over")
        if told.window.starts_at < at - LONGEST_AWAY or told.window.ends_at > at + LONGEST_AWAY:
            raise ValueError("the announced window is of another year")
        known = next((notice for notice in self.words if notice.name == told.name), None)
        if known is not None and _is_not_news(told, known):
            return self
        kept = [n for n in self.of(at).words if n.name != told.name]
        if len(kept) >= MOST_WINDOWS:
            raise ValueError(f"{MOST_WINDOWS} windows are announced already")
        return Notices((*kept, told))

    def of(self, at: datetime) -> "Notices":
        """Without those that are over."""
        return Notices(tuple(notice for notice in self.words if notice.window.ends_at > at))


def _is_not_news(told: Notice, known: Notice) -> bool:
    if told.sent_at is not None and known.sent_at is not None and told.sent_at < known.sent_at:
        raise ValueError("overtaken by a later word about the same window")
    return _said(told) == _said(known)


def _said(notice: Notice) -> tuple[object, ...]:
    window = notice.window
    return window.starts_at, window.ends_at, window.limit_w, notice.withdrawn


def notice_of(raw: Mapping[str, Any], sent_at: datetime | None, at: datetime) -> Notice:
    """What a message says of a window. Raises `ValueError`, `TypeError` or `KeyError`."""
    window = Window(
        starts_at=instant(raw["starts_at"]),
        ends_at=instant(raw["ends_at"]),
        limit_w=number(raw["limit_w"]),
        issued_at=at,
    )
    name, withdrawn = raw.get("id"), raw.get("withdrawn", False)
    if name is None:
        name = f"{window.starts_at.isoformat()}/{window.ends_at.isoformat()}"
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise TypeError(f"id is a text of at most {LONGEST_NAME} characters")
    if not isinstance(withdrawn, bool):
        raise TypeError("withdrawn is true or false")
    return Notice(name=name, window=window, sent_at=sent_at, withdrawn=withdrawn)


def instant(raw: object) -> datetime:
    """An instant with its offset. Raises `ValueError` or `TypeError`."""
    if not isinstance(raw, str):
        raise TypeError(f"{str(raw)[:40]!r} is no instant")
    at = datetime.fromisoformat(raw)
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at


def number(raw: object) -> float:
    """A number. Raises `TypeError`."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise TypeError(f"{str(raw)[:40]!r} is not a number")
    return float(raw)
