"""From single prices to a series: any order, duplicates, holes and both changes of the clock. Pure.

Everything is UTC instants with a length; nothing is keyed by local time, so a day may have 92, 96
or 100 quarter-hours. What was not said is None: unknown, never zero.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from drivers.api import PriceSeries
from drivers.errors import TransientError

KWH_PER_MWH = 1000.0
STEPS_S = (900, 1800, 3600)
LONGEST_S = 366 * 86400
"""No service is asked for more than two days; a longer answer is damaged."""

KEPT_AHEAD = timedelta(days=7)
"""No market publishes as far; a price beyond is a damaged date and must not stay until its day."""

KEPT_HISTORY = timedelta(days=7)
"""How much of the past stays beside new prices: a week holds each kind of day once, and the shape
of unknown days is guessed from known ones."""


class Row(BaseModel):
    """A part of a service's answer: what we do not read is ignored, what we read is finite."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class CamelRow(Row):
    """The same for services that write deliveryStart where we write delivery_start."""

    model_config = ConfigDict(alias_generator=to_camel)


R = TypeVar("R")


def read_json(codec: TypeAdapter[R], body: bytes, source: str) -> R:
    """The answer in its expected form. Raises `TransientError` naming what is not."""
    try:
        return codec.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise TransientError(f"{source}: {where}: {first['msg']}") from error


@dataclass(frozen=True, slots=True)
class Span:
    """One price and how long it holds."""

    starts_at: datetime
    length_s: int
    per_kwh: float | None


def utc(at: datetime) -> datetime:
    """An instant in UTC. A stamp without offset counts as UTC: only for services that say so.

    Raises `TransientError` for the first and last hours of the calendar.
    """
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise TransientError(f"{at.isoformat()} is no time of these days") from error


def spaced(prices: Iterable[tuple[datetime, float | None]]) -> list[Span]:
    """Prices that give their start only: each lasts as long as the closest two are apart.

    So an hour in which quarter-hours are missing stays unknown there. A single price is taken for a
    quarter-hour, the least it can mean.
    """
    known = dict(prices)
    starts = sorted(known)
    gaps_s = [round((after - before).total_seconds()) for before, after in pairwise(starts)]
    length_s = min([gap_s for gap_s in gaps_s if gap_s > 0], default=STEPS_S[0])
    return [Span(at, min(length_s, STEPS_S[-1]), known[at]) for at in starts]


def series_of(
    spans: Iterable[Span],
    *,
    issued_at: datetime,
    currency: str,
    source: str,
    preliminary: bool = False,
) -> PriceSeries:
    """One series in the finest step; of several prices for one time the last counts.

    Raises `TransientError` when there is no price at all, or the spans fit no market's grid.
    """
    given = [span for span in spans if span.length_s > 0]
    if not any(span.per_kwh is not None for span in given):
        raise TransientError(f"{source}: the answer holds no price")
    first_s = min(_epoch_s(span.starts_at) for span in given)
    last_s = max(_epoch_s(span.starts_at) + span.length_s for span in given)
    if last_s - first_s > LONGEST_S:
        raise TransientError(f"{source}: the answer spans more than a year")
    step_s = STEPS_S[0]
    for coarser_s in STEPS_S[1:]:
        if all(_fits(span, coarser_s) for span in given):
            step_s = coarser_s
    if not all(_fits(span, step_s) for span in given):
        raise TransientError(f"{source}: prices do not begin on quarter-hours")
    cells: list[float | None] = [None] * ((last_s - first_s) // step_s)
    for span in given:
        at = (_epoch_s(span.starts_at) - first_s) // step_s
        count = span.length_s // step_s
        cells[at : at + count] = [span.per_kwh] * count
    return PriceSeries(
        issued_at=issued_at,
        starts_at=datetime.fromtimestamp(first_s, UTC),
        step_s=step_s,
        per_kwh=tuple(cells),
        currency=currency,
        source=source,
        preliminary=preliminary,
    )


def _epoch_s(at: datetime) -> int:
    return math.floor(at.timestamp())


def _fits(span: Span, step_s: int) -> bool:
    return _epoch_s(span.starts_at) % step_s == 0 and span.length_s % step_s == 0


def spans_of(series: PriceSeries) -> list[Span]:
    """The prices of a series one by one."""
    step = timedelta(seconds=series.step_s)
    return [
        Span(series.starts_at + step * place, series.step_s, price)
        for place, price in enumerate(series.per_kwh)
    ]


def ends_at(series: PriceSeries) -> datetime:
    """The end of the last step."""
    return series.starts_at + timedelta(seconds=series.step_s * len(series.per_kwh))


def known_until(series: PriceSeries, since: datetime) -> datetime:
    """The end of the unbroken known prices from `since` on; `since` if there are none."""
    step = timedelta(seconds=series.step_s)
    place = math.floor((since - series.starts_at) / step)
    if place < 0:
        return since
    for price in series.per_kwh[place:]:
        if price is None:
            break
        place += 1
    return max(since, series.starts_at + step * place)


def joined(first: PriceSeries, second: PriceSeries) -> PriceSeries:
    """`first` wherever it knows a price, else `second`; labels, currency and issue of `first`."""
    known = [span for span in spans_of(first) if span.per_kwh is not None]
    return series_of(
        [*spans_of(second), *known],
        issued_at=first.issued_at,
        currency=first.currency,
        source=first.source,
        preliminary=first.preliminary,
    )


def within(series: PriceSeries, first: datetime, last: datetime) -> PriceSeries | None:
    """The steps that begin from `first` to `last`; None where no price of them is known."""
    step = timedelta(seconds=series.step_s)
    place = max(0, math.ceil((first - series.starts_at) / step))
    end = max(0, math.ceil((last - series.starts_at) / step))
    prices = tuple(series.per_kwh[place:end])
    if all(price is None for price in prices):
        return None
    return replace(series, starts_at=series.starts_at + step * place, per_kwh=prices)


def scaled(series: PriceSeries, factor: float, currency: str) -> PriceSeries:
    """The same prices in another currency; `factor` is units of it per unit of the old one."""
    prices = tuple(None if price is None else price * factor for price in series.per_kwh)
    return replace(series, per_kwh=prices, currency=currency)


def per_kwh(per_mwh: float | None) -> float | None:
    """A price per MWh as one per kWh."""
    return None if per_mwh is None else per_mwh / KWH_PER_MWH
