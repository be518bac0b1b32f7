"""From what a weather service tells of single instants to a series of steps. Pure.

Temperature, wind and clouds are told for an instant, sunshine for the interval that ends there;
everything of ours holds from a step's start on. So a step takes the mean of the temperatures at
both its ends, and the sunshine that is stamped with its end.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from drivers.api import WeatherSeries
from drivers.errors import TransientError

LONGEST_HOLE_S = 6 * 3600
"""Instants further apart are not joined by a straight line; MET Norway's later hours are six."""

LONGEST_S = 16 * 86400
LATEST_START = timedelta(days=1)
"""A forecast that begins later says nothing of now: its dates are damaged."""

KEPT_PAST = timedelta(days=1)
"""So much of older answers stays before a newer one that begins later."""

OUTDOOR_RANGE_C = (-70.0, 60.0)
GHI_RANGE_W_PER_M2 = (-20.0, 1500.0)  # slightly negative ones are noise of models and sensors
WIND_RANGE_M_S = (0.0, 100.0)
CLOUD_RANGE_FRAC = (0.0, 1.0)

Told = Mapping[datetime, float | None]
"""Values by instant, in any order; None is a hole."""

SunUnderClouds = Callable[[Sequence[datetime], float, Sequence[float]], Sequence[float]]
"""Irradiance of steps in W/m2 from their starts, length in s and share of the sky in cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """What a service told. A sky without sun needs clouds, and the other way round."""

    outdoor_c: Told
    ghi_before_w_per_m2: Told = field(default_factory=dict)  # mean of the step that ends there
    wind_m_s: Told = field(default_factory=dict)
    cloud_frac: Told = field(default_factory=dict)


def series_of(
    sky: Sky,
    *,
    step_s: int,
    issued_at: datetime,
    at: datetime,
    source: str,
    sun: SunUnderClouds | None = None,
) -> WeatherSeries:
    """The longest series from the first instant on that has no hole, and reaches beyond `at`.

    Raises `TransientError` for values that no weather has, and where nothing is left to come.
    """
    _check(sky, source)
    known = [moment for moment, value in sky.outdoor_c.items() if value is not None]
    if not known:
        raise TransientError(f"{source}: the answer holds no temperature")
    first_s, last_s = _epoch_s(min(known)), _epoch_s(max(known))
    if last_s - first_s > LONGEST_S:
        raise TransientError(f"{source}: the answer spans more than {LONGEST_S // 86400} days")
    edges_s = range(-(-first_s // step_s) * step_s, last_s + 1, step_s)
    outdoor_c = _steps(sky.outdoor_c, edges_s)
    ghi = _sunshine(sky, edges_s, sun)
    length = min(_unbroken(outdoor_c), _unbroken(ghi))
    starts_at = _instant(edges_s[0]) if edges_s else at
    ends = starts_at + timedelta(seconds=step_s * length)
    if not length or ends <= at or starts_at > at + LATEST_START:
        raise TransientError(f"{source}: the answer holds no weather to come")
    wind = _steps(sky.wind_m_s, edges_s)[:length]
    return WeatherSeries(
        issued_at=min(issued_at, at),
        starts_at=starts_at,
        step_s=step_s,
        outdoor_c=_filled(outdoor_c[:length]),
        ghi_w_per_m2=tuple(max(value, 0.0) for value in _filled(ghi[:length])),
        source=source,
        wind_m_s=_filled(wind) if _unbroken(wind) == length else None,
    )


def _steps(told: Told, edges_s: range) -> list[float | None]:
    """Means of the steps between neighbouring edges from values at instants."""
    known = sorted((_epoch_s(at), value) for at, value in told.items() if value is not None)
    at_edges = [_at_edge(known, edge_s) for edge_s in edges_s]
    return [
        None if start is None or end is None else 0.5 * (start + end)
        for start, end in pairwise(at_edges)
    ]


def _at_edge(known: Sequence[tuple[int, float]], edge_s: int) -> float | None:
    """The value at an instant: as told, or on the line between its neighbours."""
    place = bisect_left(known, edge_s, key=lambda one: one[0])
    if place == len(known):
        return None
    after_s, after = known[place]
    if after_s == edge_s:
        return after
    before_s, before = known[place - 1] if place else (-math.inf, 0.0)
    if after_s - before_s > LONGEST_HOLE_S:
        return None
    return before + (after - before) * (edge_s - before_s) / (after_s - before_s)


def _sunshine(sky: Sky, edges_s: range, sun: SunUnderClouds | None) -> list[float | None]:
    """What was told for the interval that ends with the step, else what clouds let through."""
    told = {_epoch_s(at): value for at, value in sky.ghi_before_w_per_m2.items()}
    sunshine = [told.get(end_s) for end_s in edges_s[1:]]
    if sun is None or all(value is not None for value in sunshine):
        return sunshine
    clouds = _steps(sky.cloud_frac, edges_s)
    places = [k for k, value in enumerate(clouds) if value is not None and sunshine[k] is None]
    starts = [_instant(edges_s[k]) for k in places]
    estimated = sun(starts, float(edges_s.step), _filled([clouds[k] for k in places]))
    for k, value in zip(places, estimated, strict=True):
        sunshine[k] = float(value)
    return sunshine


def _unbroken(values: Sequence[float | None]) -> int:
    return next((k for k, value in enumerate(values) if value is None), len(values))


def _filled(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(value for value in values if value is not None)


def _check(sky: Sky, source: str) -> None:
    limits = (
        ("outdoor temperature", "°C", sky.outdoor_c, OUTDOOR_RANGE_C),
        ("sunshine", "W/m²", sky.ghi_before_w_per_m2, GHI_RANGE_W_PER_M2),
        ("wind", "m/s", sky.wind_m_s, WIND_RANGE_M_S),
        ("cloud cover", "as a share", sky.cloud_frac, CLOUD_RANGE_FRAC),
    )
    for name, unit, told, (low, high) in limits:
        for value in told.values():
            if value is not None and not low <= value <= high:
                raise TransientError(f"{source}: {name} of {value:g} {unit} is not plausible")


def with_past(fresh: WeatherSeries, held: WeatherSeries) -> WeatherSeries:
    """`fresh`, and before it what `held` said of the last day; only where both join without a gap.

    A new answer may begin after now: the hour that runs must not become unknown.
    """
    steps = (fresh.starts_at - held.starts_at) / timedelta(seconds=fresh.step_s)
    alike = (
        fresh.source == held.source
        and fresh.step_s == held.step_s
        and (fresh.wind_m_s is None) == (held.wind_m_s is None)
    )
    if not alike or steps != math.floor(steps) or not 0 < steps <= len(held.outdoor_c):
        return fresh
    first, last = max(0, int(steps) - int(KEPT_PAST.total_seconds()) // fresh.step_s), int(steps)
    wind = None
    if fresh.wind_m_s is not None and held.wind_m_s is not None:
        wind = (*held.wind_m_s[first:last], *fresh.wind_m_s)
    return replace(
        fresh,
        starts_at=held.starts_at + timedelta(seconds=fresh.step_s * first),
        outdoor_c=(*held.outdoor_c[first:last], *fresh.outdoor_c),
        ghi_w_per_m2=(*held.ghi_w_per_m2[first:last], *fresh.ghi_w_per_m2),
        wind_m_s=wind,
    )


def ends_at(series: WeatherSeries) -> datetime:
    """The end of the last step."""
    return series.starts_at + timedelta(seconds=series.step_s * len(series.outdoor_c))


def _epoch_s(at: datetime) -> int:
    return math.floor(at.timestamp())


def _instant(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
