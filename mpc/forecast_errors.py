"""How old forecasts are and how wrong they may be, and what that does to the rooms. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mpc.building import Building, discretise
from mpc.error_band import NORMAL_STDS

Quantiles = tuple[float, float]
"""One error in ten lies below the first, one in ten above the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastErrors:
    """What is said of a horizon's forecasts; errors are what comes minus what was forecast."""

    weather_age_s: float | None = None  # None: there is no forecast
    leads_s: tuple[float, ...] = ()  # of the two below, from now on
    outdoor_k: tuple[Quantiles, ...] = ()
    sun_log: tuple[Quantiles, ...] = ()  # logarithm of what comes over what was forecast
    weather_days: float = 0.0  # of watching, behind the widest lead
    price_age_s: float | None = None
    price_per_kwh: tuple[Quantiles, ...] = ()  # one, and two or more days beyond what is known
    price_days: int = 0  # known days, behind these


def room_square_k2(
    errors: ForecastErrors, building: Building, span_s: float, ghi_w_per_m2: float
) -> float:
    """Mean square of the room's error by the weather's, which act alike over the whole span.

        e(room) = b_outdoor e(outdoor) + b_solar G e(sun)

    b are the answers of the air over `span_s` (`building.discretise`), G the mean irradiance; the
    errors at that lead are taken, those of sun and temperature as independent.
    """
    if not errors.leads_s:
        return 0.0
    answer = discretise(building, span_s)
    by_outdoor_k = float(answer.b_outdoor[0]) * _std(errors.outdoor_k, errors.leads_s, span_s)
    sun_frac = _std(errors.sun_log, errors.leads_s, span_s)
    by_sun_k = float(answer.b_solar[0]) * ghi_w_per_m2 * sun_frac
    return by_outdoor_k**2 + by_sun_k**2


def mean_before(values: Sequence[float], end: int, count: int) -> float:
    """Mean of the last `count` values before index `end`, or of as many as there are."""
    part = values[max(end - count, 0) : end]
    return math.fsum(part) / len(part) if part else 0.0


def _std(quantiles: Sequence[Quantiles], leads_s: Sequence[float], lead_s: float) -> float:
    """Spread at a lead: on the line between its neighbours, nothing at no lead."""
    before_s, before = 0.0, 0.0
    for known_s, (low, high) in zip(leads_s, quantiles, strict=True):
        std = (high - low) / (2.0 * NORMAL_STDS)
        if lead_s <= known_s:
            return before + (std - before) * (lead_s - before_s) / (known_s - before_s)
        before_s, before = known_s, std
    return before
