"""Changes of a plan in the owner's words: `set-point -0.5`, `limit 2000 W from 17:00 to 20:00`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mpc.changes import (
    Away,
    Band,
    Change,
    FlatPrice,
    HotWaterAlwaysReady,
    Limit,
    NoMargin,
    SetPoint,
    Window,
)
from mpc.plan import PlanRequest

POSSIBLE = (
    "set-point -0.5",
    "band +0.5",
    "margin off",
    "price flat",
    "no hot-water shifting",
    "limit 2000 W",
    "limit 2000 W from 17:00 to 20:00",
    "away from 08:00 to 16:00",
    "away from 08:00 to 16:00 at 16",
)
"""One example of every change."""

MOST_K = 5.0
"""A set-point or band that moves further is a slip of the pen."""

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_WINDOW = r"(?:from )?(\d{1,2}:\d\d) ?(?:to|-|–) ?(\d{1,2}:\d\d)"


class WordsError(ValueError):
    """The change cannot be understood or made; the message says why, and what can."""


@dataclass(frozen=True, slots=True)
class Home:
    """What words refer to: local time, and the wishes as configured."""

    zone: ZoneInfo
    band_k: float
    away_c: float


def change_of(text: str, request: PlanRequest, home: Home) -> Change:
    """The change that these words ask of a request. Raises `WordsError`."""
    words = " ".join(text.lower().split())
    plain: dict[str, Change] = {
        "margin off": NoMargin(home.band_k),
        "price flat": FlatPrice(),
        "no hot-water shifting": HotWaterAlwaysReady(),
        "no hot water shifting": HotWaterAlwaysReady(),
    }
    if words in plain:
        return plain[words]
    if found := re.fullmatch(rf"(set-?point|band) {_NUMBER}(?: ?k)?", words):
        shift_k = _kelvin(found[2])
        return Band(shift_k) if found[1] == "band" else SetPoint(shift_k)
    if found := re.fullmatch(rf"limit {_NUMBER} ?(w|kw)(?: {_WINDOW})?", words):
        return _limit(found, request, home)
    if found := re.fullmatch(rf"away {_WINDOW}(?: at {_NUMBER})?", words):
        return _away(found, request, home)
    examples = "; ".join(f'"{example}"' for example in POSSIBLE)
    raise WordsError(f'"{text}" is no change that can be tried. Possible are: {examples}')


def _kelvin(text: str) -> float:
    shift_k = float(text)
    if not -MOST_K <= shift_k <= MOST_K:
        raise WordsError(f"{text} K is more than the {MOST_K:g} K that can be tried")
    return shift_k


def _limit(found: re.Match[str], request: PlanRequest, home: Home) -> Change:
    power_w = float(found[1]) * (1000.0 if found[2] == "kw" else 1.0)
    if power_w < 0.0:
        raise WordsError("a limit must not be negative")
    return Limit(power_w, None if found[3] is None else _window(found[3], found[4], request, home))


def _away(found: re.Match[str], request: PlanRequest, home: Home) -> Change:
    room_c = home.away_c if found[3] is None else float(found[3])
    return Away(room_c, _window(found[1], found[2], request, home))


def _window(first: str, last: str, request: PlanRequest, home: Home) -> Window:
    """The next such hours in local time; they end on the next day if not later on the same."""
    from_at, to_at = _clock(first), _clock(last)
    today = request.horizon.starts_at.astimezone(home.zone).date()
    days = [today + timedelta(days=n) for n in range(2)]
    for day in days:
        ends_on = day if to_at > from_at else day + timedelta(days=1)
        starts_at = datetime.combine(day, from_at, home.zone).astimezone(UTC)
        ends_at = datetime.combine(ends_on, to_at, home.zone).astimezone(UTC)
        if ends_at > request.horizon.starts_at:
            break
    horizon_s = len(request.horizon.outdoor_c) * request.horizon.step_s
    if starts_at >= request.horizon.starts_at + timedelta(seconds=horizon_s):
        raise WordsError(f"the plan does not reach until {first}")
    return Window(starts_at, ends_at)


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text.zfill(5))
    except ValueError as error:
        raise WordsError(f"{text} is no time of day") from error
