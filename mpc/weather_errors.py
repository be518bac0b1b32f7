"""How wrong the weather forecasts of this house have been, by how far ahead they looked. Pure.

Every three hours what the forecast says of some leads is kept, and compared when their time comes:
the temperature, as corrected for plans, with the house's sensor; the sun, which nobody measures,
with the forecast that is newest then.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mpc.error_band import ErrorBand
from mpc.forecast_errors import ForecastErrors, Quantiles

HOUR_S, DAY_S = 3600.0, 86400.0
LEADS_S = (3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, 24 * HOUR_S, 48 * HOUR_S)
EVERY = timedelta(hours=3)
SAMPLE_DAYS = EVERY.total_seconds() / DAY_S
SLACK = timedelta(minutes=10)
"""A comparison that comes later lapses."""

USUAL_OUTDOOR_K = (0.62, 0.32)
"""Standard deviation at no lead, and by how much it grows a day (De Bilt, winter 2024/25;
`python -m bench.forecast_error`)."""

USUAL_SUN_LOG = 0.45
"""The same for the logarithm of sun over forecast sun; it hardly grows with the lead."""

LEAST_SUN_W_PER_M2, DUSK_W_PER_M2 = 50.0, 10.0
"""Relative errors of dusk say nothing about heating a room."""

NEWEST = timedelta(hours=7)
"""An older forecast is no judge of the sun; global models run every six hours, and take one."""

OLDEST_S = 10 * DAY_S
AGE_MEMORY = 32.0
"""Number of ages that count, four days: as long as the plans' margin remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the forecast says now of each of `LEADS_S`; None where it does not reach."""

    at: datetime
    issued_at: datetime
    outdoor_c: tuple[float | None, ...]  # as corrected for plans
    ghi_w_per_m2: tuple[float | None, ...]  # on the horizontal


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What is there now to judge earlier forecasts; None: nobody tells."""

    at: datetime
    issued_at: datetime | None
    outdoor_c: float | None
    ghi_w_per_m2: float | None


@dataclass(frozen=True, slots=True)
class WeatherErrors:
    """Open comparisons, errors by lead, and how old forecasts usually are; survives restarts."""

    open: tuple[Told, ...] = ()
    outdoor: tuple[ErrorBand, ...] = (ErrorBand(),) * len(LEADS_S)
    sun: tuple[ErrorBand, ...] = (ErrorBand(),) * len(LEADS_S)
    ages: float = 0.0
    usual_age_s: float = 0.0

    def asks(self, at: datetime) -> bool:
        """Whether it is time to keep what the forecast says."""
        return not self.open or not timedelta(0) <= at - self.open[-1].at < EVERY

    def told(self, now: Told) -> "WeatherErrors":
        """Keep what the forecast says of the leads."""
        age_s = age_of(now.at, now.issued_at)
        ages = min(self.ages + 1.0, AGE_MEMORY)
        usual_s = self.usual_age_s + (age_s - self.usual_age_s) / ages
        return replace(self, open=(*self.open, now), ages=ages, usual_age_s=round(usual_s, 1))

    def came(self, now: Came) -> "WeatherErrors":
        """Compare what is due; what is long past or lies ahead of a clock set back is dropped."""
        last_s = LEADS_S[-1] + SLACK.total_seconds()
        kept = [t for t in self.open if 0.0 <= (now.at - t.at).total_seconds() <= last_s]
        outdoor, sun = list(self.outdoor), list(self.sun)
        open_yet = []
        for told in kept:
            due = [k for k in range(len(LEADS_S)) if _due(told, k, now)]
            for k in due:
                outdoor[k] = _with_outdoor(outdoor[k], told.outdoor_c[k], now, LEADS_S[k])
                sun[k] = _with_sun(sun[k], told, now, k)
            open_yet.append(_without(told, due))
        return replace(self, open=tuple(open_yet), outdoor=tuple(outdoor), sun=tuple(sun))

    def now(self, at: datetime, issued_at: datetime | None) -> ForecastErrors:
        """The errors to count with, of a forecast of this age; wider than usual when it is old."""
        if issued_at is None:
            return ForecastErrors()
        age_s = age_of(at, issued_at)
        outdoor = []
        for band, lead_s in zip(self.outdoor, LEADS_S, strict=True):
            low_k, high_k = band.quantiles(usual_outdoor_k(lead_s))
            grown = usual_outdoor_k(lead_s + age_s) / usual_outdoor_k(lead_s + self.usual_age_s)
            outdoor.append(_rounded(low_k * max(grown, 1.0), high_k * max(grown, 1.0)))
        return ForecastErrors(
            weather_age_s=round(age_s),
            leads_s=LEADS_S,
            outdoor_k=tuple(outdoor),
            sun_log=tuple(_rounded(*band.quantiles(USUAL_SUN_LOG)) for band in self.sun),
            weather_days=round(self.outdoor[0].days, 1),
        )


def usual_outdoor_k(lead_s: float) -> float:
    """Standard deviation of a temperature forecast before any was watched."""
    first_k, per_day_k = USUAL_OUTDOOR_K
    return first_k + per_day_k * lead_s / DAY_S


def age_of(at: datetime, issued_at: datetime) -> float:
    """Seconds since a forecast was issued, within what means anything."""
    return min(max((at - issued_at).total_seconds(), 0.0), OLDEST_S)


def _due(told: Told, lead: int, now: Came) -> bool:
    late_s = (now.at - told.at).total_seconds() - LEADS_S[lead]
    open_yet = told.outdoor_c[lead] is not None or told.ghi_w_per_m2[lead] is not None
    return open_yet and 0.0 <= late_s <= SLACK.total_seconds()


def _with_outdoor(band: ErrorBand, said_c: float | None, now: Came, lead_s: float) -> ErrorBand:
    if now.outdoor_c is None or said_c is None:
        return band
    usual_k = usual_outdoor_k(lead_s)
    return band.seen([now.outdoor_c - said_c], usual_std=usual_k, days=SAMPLE_DAYS)


def _with_sun(band: ErrorBand, told: Told, now: Came, lead: int) -> ErrorBand:
    """One more comparison, where a newer forecast tells enough sun to judge an earlier one by."""
    said, came = told.ghi_w_per_m2[lead], now.ghi_w_per_m2
    if said is None or came is None or now.issued_at is None:
        return band
    newer = told.issued_at < now.issued_at and now.at - now.issued_at <= NEWEST
    if not newer or max(said, came) < LEAST_SUN_W_PER_M2 or min(said, came) < DUSK_W_PER_M2:
        return band
    return band.seen([math.log(came / said)], usual_std=USUAL_SUN_LOG, days=SAMPLE_DAYS)


def _without(told: Told, leads: list[int]) -> Told:
    """Without the leads that have been compared; the same where there are none."""
    if not leads:
        return told
    return replace(
        told,
        outdoor_c=tuple(None if k in leads else v for k, v in enumerate(told.outdoor_c)),
        ghi_w_per_m2=tuple(None if k in leads else v for k, v in enumerate(told.ghi_w_per_m2)),
    )


def _rounded(low: float, high: float) -> Quantiles:
    return round(low, 3), round(high, 3)
