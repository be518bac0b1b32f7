"""The grid of steps a plan is made on, and what is known for each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from mpc.arrays import FloatArray
from mpc.forecast_errors import ForecastErrors
from mpc.tariff import Tariff

DAY_S = 86_400
HOUR_S = 3_600
FLAT_SPOT_PER_KWH = 0.10  # where no price was ever known; only its being flat matters much


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Equal steps in UTC from `starts_at`; every tuple has one entry per step, or may have none."""

    starts_at: datetime
    step_s: int
    outdoor_c: tuple[float, ...]
    ghi_w_per_m2: tuple[float, ...]
    spot_per_kwh: tuple[float, ...]
    price_per_kwh: tuple[float, ...]  # what one more kWh costs the house: the tariff applied
    price_known: tuple[bool, ...]  # False where the price is our guess
    notes: tuple[str, ...]  # what had to be guessed, in words
    wind_m_s: tuple[float, ...] = ()  # at 10 m; none: as usual for the house
    source_c: tuple[float, ...] = ()  # of the brine, where it is known; none: by the weather
    errors: ForecastErrors | None = None  # how old and how sure all this is; None: nobody says


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceForecast:
    """Spot prices: entry i holds from `starts_at + i * step_s`; None where nobody knows yet.

    `beyond` tells what is expected there, or None; without it the known days are the guess.
    """

    starts_at: datetime
    step_s: int
    per_kwh: Sequence[float | None]
    beyond: Callable[[datetime], float | None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherForecast:
    """A forecast: entry i is the mean over the step that starts at `starts_at + i * step_s`."""

    starts_at: datetime
    step_s: int
    outdoor_c: Sequence[float]
    ghi_w_per_m2: Sequence[float]


def build_horizon(
    *,
    now: datetime,
    step_s: int,
    length_s: int,
    prices: PriceForecast | None,
    weather: WeatherForecast,
    tariff: Tariff,
) -> Horizon:
    """The steps from the one that contains `now`, with prices and weather as far as they are known.

    Steps lie on multiples of `step_s` since 1970 in UTC, so a change of summer time is nothing
    special. Each step gets the time-weighted mean of what it overlaps; a price is known only when
    it is known for the whole step. Gaps are filled by `_guessed_prices` and `_persisted`.
    Raises ValueError for naive instants, an empty forecast or a step that is not positive.
    """
    if step_s <= 0 or length_s < step_s:
        raise ValueError(f"no horizon of {length_s} s in steps of {step_s} s")
    start_s = int(_epoch_s(now) // step_s) * step_s
    edges_s = start_s + step_s * np.arange(length_s // step_s + 1, dtype=np.float64)
    spot, known, price_note = _spot(edges_s, prices)
    outdoor, ghi, weather_note = _weather(edges_s, weather)
    starts_at = datetime.fromtimestamp(start_s, UTC)
    prices_of_house = tariff.import_prices(starts_at, step_s, spot)
    ended = ", ".join(tariff.ended(starts_at))
    ended_note = f"no rate is valid any more, counted as nothing: {ended}" if ended else ""
    return Horizon(
        starts_at=starts_at,
        step_s=step_s,
        outdoor_c=tuple(outdoor.tolist()),
        ghi_w_per_m2=tuple(ghi.tolist()),
        spot_per_kwh=tuple(spot.tolist()),
        price_per_kwh=tuple(prices_of_house.tolist()),
        price_known=tuple(known.tolist()),
        notes=tuple(note for note in (price_note, weather_note, ended_note) if note),
    )


def _epoch_s(at: datetime) -> float:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.timestamp()


def _means(
    edges_s: FloatArray, starts_s: float, step_s: int, values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean of a step series (NaN: unknown) between the edges, and the share that is known."""
    known = np.isfinite(values)
    series_edges_s = starts_s + step_s * np.arange(len(values) + 1, dtype=np.float64)

    def between(heights: FloatArray) -> FloatArray:
        area = np.concatenate([[0.0], np.cumsum(heights * step_s)])
        return np.diff(np.interp(edges_s, series_edges_s, area))

    covered_s = between(known.astype(np.float64))
    total = between(np.where(known, values, 0.0))
    mean = np.divide(total, covered_s, out=np.full_like(total, np.nan), where=covered_s > 0.0)
    return mean, covered_s / np.diff(edges_s)


def _spot(
    edges_s: FloatArray, prices: PriceForecast | None
) -> tuple[FloatArray, NDArray[np.bool_], str]:
    """Prices of the steps, which of them are known, and a word on the others.

    A guess is never negative: nobody is paid for heat on the strength of one.
    """
    nothing = np.zeros(len(edges_s) - 1, dtype=np.bool_)
    flat = np.full(len(nothing), FLAT_SPOT_PER_KWH)
    if prices is None:
        return flat, nothing, "no price is known: planned with a flat price"
    told = [prices.beyond(datetime.fromtimestamp(edge_s, UTC)) for edge_s in edges_s[:-1]]
    learned = np.array([np.nan if v is None else v for v in told], dtype=np.float64)
    values = np.array([np.nan if v is None else v for v in prices.per_kwh], dtype=np.float64)
    shaped = bool(np.isfinite(learned).all())
    if not np.isfinite(values).any() and not shaped:
        return flat, nothing, "no price is known: planned with a flat price"
    starts_s = _epoch_s(prices.starts_at)
    mean, share = _means(edges_s, starts_s, prices.step_s, values)
    known = share > 1.0 - 1e-9
    if known.all():
        return mean, known, ""
    if shaped:
        guess, source = learned, "the shape of the days before"
    else:
        priced_s = starts_s + prices.step_s * np.arange(len(values), dtype=np.float64)
        guess, source = _guessed_prices(edges_s[:-1], priced_s, values), "the known days"
    hours = float(np.sum(~known)) * (edges_s[1] - edges_s[0]) / HOUR_S
    note = f"the price of {hours:g} h is a guess from {source}"
    return np.where(known, mean, np.maximum(guess, 0.0)), known, note


def _guessed_prices(at_s: FloatArray, priced_s: FloatArray, values: FloatArray) -> FloatArray:
    """Guess from known prices only: mean + n/(n+1) * (mean at this hour of the day - mean).

    n is the number of days on which that hour (UTC) is known: one day is no habit, so its shape is
    halved; an hour never seen gets the mean.
    """
    seen = np.isfinite(values)
    hour_of = ((priced_s[seen] % DAY_S) // HOUR_S).astype(np.int64)
    day_of = priced_s[seen] // DAY_S
    mean = float(np.mean(values[seen]))
    by_hour = np.full(24, mean)
    for hour in range(24):
        here = hour_of == hour
        days = len(np.unique(day_of[here]))
        if days:
            by_hour[hour] += days / (days + 1) * (float(np.mean(values[seen][here])) - mean)
    return by_hour[((at_s % DAY_S) // HOUR_S).astype(np.int64)]


def _weather(edges_s: FloatArray, weather: WeatherForecast) -> tuple[FloatArray, FloatArray, str]:
    if not weather.outdoor_c or len(weather.outdoor_c) != len(weather.ghi_w_per_m2):
        raise ValueError("a weather forecast needs as many temperatures as irradiances, and some")
    starts_s = _epoch_s(weather.starts_at)
    filled = []
    missing_s = 0.0
    for series in (weather.outdoor_c, weather.ghi_w_per_m2):
        ends_s = starts_s + weather.step_s * len(series)
        missing_s = max(float(edges_s[-1]) - ends_s, float(starts_s - edges_s[0]), 0.0)
        filled.append(_continued(edges_s, starts_s, weather.step_s, series))
    if missing_s <= 0.0:
        return filled[0], filled[1], ""
    note = f"weather beyond the forecast ({missing_s / HOUR_S:g} h) repeats its last day"
    return filled[0], filled[1], note


def on_steps(
    horizon: Horizon, *, starts_at: datetime, step_s: int, values: Sequence[float]
) -> tuple[float, ...]:
    """Another series of the weather on the horizon's steps, continued as `build_horizon` does."""
    edges_s = _epoch_s(horizon.starts_at) + horizon.step_s * np.arange(
        len(horizon.outdoor_c) + 1, dtype=np.float64
    )
    return tuple(_continued(edges_s, _epoch_s(starts_at), step_s, values).tolist())


def _continued(
    edges_s: FloatArray, starts_s: float, step_s: int, series: Sequence[float]
) -> FloatArray:
    """Means between the edges; before the series its first value, after it its last day."""
    values = np.array(series, dtype=np.float64)
    longer = _persisted(values, starts_s, step_s, float(edges_s[-1]))
    mean, _ = _means(edges_s, starts_s, step_s, longer)
    return np.where(np.isfinite(mean), mean, values[0])


def _persisted(values: FloatArray, starts_s: float, step_s: int, until_s: float) -> FloatArray:
    """The series continued to `until_s` with its last day again and again (or its last value)."""
    missing = int(np.ceil((until_s - starts_s) / step_s)) - len(values)
    if missing <= 0:
        return values
    day = DAY_S // step_s
    last = values[-day:] if len(values) >= day else values[-1:]
    return np.concatenate([values, np.resize(last, missing)])
