"""Prices in anybody's JSON: lists of rows, each with a start and a price. Pure."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.api import PriceSeries
from drivers.errors import ConfigurationError, TransientError
from drivers.prices.series import KWH_PER_MWH, series_of, spaced

_MILLISECONDS_FROM = 1e11  # as seconds this would be the year 5138
_MISSING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowForm:
    """Where the rows stand, and what their start and price are called."""

    rows: tuple[str, ...] = ("",)  # JSON pointers (RFC 6901) to the lists, one after the other
    start: str = "start"  # ISO 8601 with offset, or seconds or milliseconds since 1970
    price: str = "price"
    per_mwh: bool = False
    currency: str


def parse_rows(body: bytes | str, form: RowForm, source: str, at: datetime) -> PriceSeries:
    """The series in a document. A list that is not there yet counts as empty: no prices tomorrow.

    Raises `TransientError` for a document without prices, `ConfigurationError` for rows that
    have another form than described.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TransientError(f"{source} is not JSON") from error
    prices: list[tuple[datetime, float | None]] = []
    for pointer in form.rows:
        rows = _at(document, pointer)
        if rows is _MISSING or rows is None:
            continue
        if not isinstance(rows, list):
            raise ConfigurationError(f"{source}: there is no list at {pointer or 'the top'!r}")
        prices += [_row(row, form, source) for row in rows]
    if not prices:
        raise TransientError(f"{source} holds no price")
    return series_of(spaced(prices), issued_at=at, currency=form.currency, source=source)


def _row(row: object, form: RowForm, source: str) -> tuple[datetime, float | None]:
    if not isinstance(row, Mapping) or form.start not in row or form.price not in row:
        raise ConfigurationError(f"{source}: a row has no {form.start!r} and {form.price!r}")
    return _instant(row[form.start], source), _price(row[form.price], form, source)


def _instant(value: object, source: str) -> datetime:
    try:
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is None:
                raise ConfigurationError(f"{source}: the time {value!r} has no offset")
            return instant.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000.0 if abs(value) >= _MILLISECONDS_FROM else float(value)
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TransientError(f"{source}: {str(value)[:40]!r} is no time") from error
    raise TransientError(f"{source}: {str(value)[:40]!r} is no time")


def _price(value: object, form: RowForm, source: str) -> float | None:
    if value is None:
        return None
    try:
        price = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        price = math.nan
    if not math.isfinite(price):
        raise TransientError(f"{source}: {str(value)[:40]!r} is no price")
    return price / KWH_PER_MWH if form.per_mwh else price


def _at(document: object, pointer: str) -> object:
    """What stands at a pointer, or `_MISSING`."""
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(key, _MISSING)
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return _MISSING
    return found
