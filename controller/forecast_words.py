"""How old a plan's forecasts are and how sure, for people and for programs. Pure."""

import math
from typing import Any

from mpc.forecast_errors import ForecastErrors, Quantiles
from mpc.horizon import Horizon

SHOWN_LEAD_S = 24 * 3600.0


def forecast_words(horizon: Horizon, currency: str) -> list[str]:
    """What is worth knowing of the forecasts; what had to be guessed stands last."""
    errors = horizon.errors
    if errors is None:
        return [f"note: {note}" for note in horizon.notes]
    words = []
    if errors.weather_age_s is not None:
        words.append(_weather_words(errors, errors.weather_age_s))
    if errors.price_age_s is not None:
        words.append(f"Prices of {_age(errors.price_age_s)} ago{_beyond(errors, currency)}.")
    return [*words, *(f"note: {note}" for note in horizon.notes)]


def forecasts_as_dict(horizon: Horizon) -> dict[str, Any]:
    """The same for programs; quantiles are [one in ten below, one in ten above]."""
    errors = horizon.errors or ForecastErrors()
    leads = [f"{lead_s / 3600.0:g} h" for lead_s in errors.leads_s]
    days = ["first day", "later days"][: len(errors.price_per_kwh)]
    sun = [(round(math.exp(low), 2), round(math.exp(high), 2)) for low, high in errors.sun_log]
    return {
        "weather_age_s": errors.weather_age_s,
        "weather_watched_days": errors.weather_days,
        "outdoor_error_k": dict(zip(leads, errors.outdoor_k, strict=True)),
        "sun_over_forecast": dict(zip(leads, sun, strict=True)),
        "price_age_s": errors.price_age_s,
        "price_watched_days": errors.price_days,
        "price_error_per_kwh": dict(zip(days, errors.price_per_kwh, strict=True)),
        "notes": list(horizon.notes),
    }


def _weather_words(errors: ForecastErrors, age_s: float) -> str:
    place = errors.leads_s.index(SHOWN_LEAD_S)
    sun = "{:.1f} to {:.1f}".format(*(math.exp(end) for end in errors.sun_log[place]))
    since = f"{errors.weather_days:.0f} days" if errors.weather_days >= 1.0 else "elsewhere"
    return (
        f"Weather of {_age(age_s)} ago; a day ahead it is {_signed(errors.outdoor_k[place])} K, and"
        f" {sun} times the sun, eight times of ten (from {since})."
    )


def _beyond(errors: ForecastErrors, currency: str) -> str:
    if not errors.price_per_kwh:
        return ""
    low, high = errors.price_per_kwh[0]
    return (
        f"; the day after them is {low:+.3f} to {high:+.3f} {currency}/kWh off its usual shape,"
        f" eight times of ten (from {errors.price_days} days)"
    )


def _signed(quantiles: Quantiles) -> str:
    return "{:+.1f} to {:+.1f}".format(*quantiles)


def _age(age_s: float) -> str:
    hours = age_s / 3600.0
    return f"{age_s / 60.0:.0f} min" if hours < 1.0 else f"{hours:.0f} h"
