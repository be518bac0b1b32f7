"""Hot water that will be drawn: a prior of two peaks a day, and what was watched since.

People need energy; how much of the tank's water that takes depends on how hot it is. Learned per
local hour, working days apart from days off, and forecast with a margin: deadlines must hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import NormalDist

import numpy as np

from mpc.arrays import FloatArray
from mpc.storage import WATER_KWH_PER_L_K

HOURS, SLOTS = 24, 48
"""Hours of a working day, then of a day off."""

LITRES_PER_PERSON, AT_C, FROM_C = 40.0, 60.0, 10.0
"""A person's day: 40 l at 60 °C; three people come near profile L, two and a half are profile M."""

PERSON_KWH = LITRES_PER_PERSON * WATER_KWH_PER_L_K * (AT_C - FROM_C)

PROFILE_M_KWH = (
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.61, 0.42, 0.21, 0.105, 0.21,
    0.315, 0.0, 0.105, 0.105, 0.105, 0.0, 0.315, 0.105, 0.735, 1.505, 0.0, 0.0,
)  # fmt: skip
"""EN 16147, tapping profile M, summed by the hour: 5.845 kWh a day."""

SPREAD_FRAC = (0.25, 0.5, 0.25)
"""People do not shower at the standard's minute: this much of an hour falls into its neighbours."""

SHOWER_KWH = 1.4
"""The largest single draw of profile M. Draws that come as a whole or not at all have about this
times their mean as variance."""

PRIOR_HOURS, MEMORY_HOURS = 4.0, 20.0
"""The prior weighs like so many watched hours of a slot; older hours fade over so many: four weeks
of working days, ten of days off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What was watched, per slot: hours, kWh drawn in them, and the sum of the squares of these."""

    people: float
    hours: tuple[float, ...] = (0.0,) * SLOTS
    kwh: tuple[float, ...] = (0.0,) * SLOTS
    kwh2: tuple[float, ...] = (0.0,) * SLOTS


def slot_of(local: datetime) -> int:
    """The slot of an instant in local time."""
    return local.hour + (HOURS if local.weekday() >= 5 else 0)


def prior_kwh(people: float) -> FloatArray:
    """Energy drawn in each slot by people of whom nothing is known."""
    before, here, after = SPREAD_FRAC
    profile = np.array(PROFILE_M_KWH)
    day = before * np.roll(profile, -1) + here * profile + after * np.roll(profile, 1)
    return np.tile(day * people * PERSON_KWH / day.sum(), 2)


def watched(draws: Draws, slot: int, *, hours: float, kwh: float) -> Draws:
    """Learn: in `hours` (0 … 1) of one hour that were watched, `kwh` were drawn; 0 is an answer.

    What was not watched is not told: an hour without a sensor must not count as one without draws.
    """
    if not 0.0 < hours <= 1.0 or kwh < 0.0:
        raise ValueError(f"{kwh} kWh in {hours} h of an hour")
    kept = 1.0 - hours / MEMORY_HOURS

    def faded(values: tuple[float, ...], new: float) -> tuple[float, ...]:
        return tuple(kept * v + new if i == slot else v for i, v in enumerate(values))

    return replace(
        draws,
        hours=faded(draws.hours, hours),
        kwh=faded(draws.kwh, kwh),
        kwh2=faded(draws.kwh2, kwh * kwh),
    )


def _scaled_prior_kwh(draws: Draws) -> FloatArray:
    """The prior's shape at the level that was watched; the prior's own level weighs like a day."""
    prior = prior_kwh(draws.people)
    day_kwh = draws.people * PERSON_KWH
    watched_kwh = float(np.sum(draws.kwh)) + day_kwh
    return prior * (watched_kwh / (float(np.array(draws.hours) @ prior) + day_kwh))


def expected_kwh(draws: Draws) -> FloatArray:
    """Mean energy drawn in a whole hour, per slot."""
    return _blend(draws.hours, draws.kwh, _scaled_prior_kwh(draws))


def variance_kwh2(draws: Draws) -> FloatArray:
    """Variance of the energy drawn in a whole hour, per slot."""
    mean = _scaled_prior_kwh(draws)
    square = _blend(draws.hours, draws.kwh2, mean * SHOWER_KWH + mean**2)
    return np.maximum(square - expected_kwh(draws) ** 2, 0.0)


def forecast_kwh(
    draws: Draws, slots: Sequence[int], *, step_h: float, certainty_frac: float
) -> tuple[float, ...]:
    """Energy drawn in each coming step; `slots` tells the slot of each.

    With probability `certainty_frac` (0.5 … 1) no more than their sum so far has been drawn at any
    one instant: hours are taken as independent, their sum as normal,
        Q(t) = sum of means + z * sqrt(sum of variances),
    and a step gets what Q grows by. So the margin comes early and a far step gets little more than
    its mean.
    """
    if not 0.5 <= certainty_frac < 1.0:
        raise ValueError(f"certainty {certainty_frac} is not within 0.5 … 1")
    index = np.asarray(slots, dtype=np.intp)
    mean = np.cumsum(expected_kwh(draws)[index] * step_h)
    spread = np.sqrt(np.cumsum(variance_kwh2(draws)[index] * step_h))
    total = mean + NormalDist().inv_cdf(certainty_frac) * spread
    return tuple(np.diff(total, prepend=0.0).tolist())


def reserve_kwh(
    draws: Draws, slots: Sequence[int], *, step_h: float, lead_h: float, certainty_frac: float
) -> tuple[float, ...]:
    """Energy that may be drawn in the `lead_h` after each step; later steps are like the last.

    What a tank must hold while help is that far away (in the theory of stocks: the safety stock
    covers the demand over the lead time): with probability `certainty_frac` no more is drawn.
    """
    if not 0.5 <= certainty_frac < 1.0:
        raise ValueError(f"certainty {certainty_frac} is not within 0.5 … 1")
    lead = max(1, round(lead_h / step_h))
    after = np.append(np.asarray(slots, dtype=np.intp)[1:], [slots[-1]] * lead)
    mean = np.convolve(expected_kwh(draws)[after] * step_h, np.ones(lead), "valid")
    spread = np.sqrt(np.convolve(variance_kwh2(draws)[after] * step_h, np.ones(lead), "valid"))
    return tuple((mean + NormalDist().inv_cdf(certainty_frac) * spread).tolist())


def drawn_kwh_per_k(kwh: float, *, tank_c: float, cold_c: float) -> float:
    """Heat capacity of the tank water that brings this energy at `tank_c`."""
    return kwh / (tank_c - cold_c)


def _blend(hours: tuple[float, ...], sums: tuple[float, ...], prior: FloatArray) -> FloatArray:
    """What was watched and the prior, by the hours that stand behind them."""
    weight = PRIOR_HOURS + np.array(hours)
    return np.asarray((PRIOR_HOURS * prior + np.array(sums)) / weight, dtype=np.float64)
