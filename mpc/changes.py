"""Another wish for a request: what can be changed, and what two plans come to. No solver here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from mpc.arrays import FloatArray
from mpc.plan import Comfort, HeatLimits, PlanRequest, RoomBand, Trajectory
from mpc.storage import HotWater

HYSTERESIS_K = 5.0  # a usual thermostat of a tank: on at its lower, off at its upper end


@dataclass(frozen=True, slots=True)
class SetPoint:
    """Rooms and band so much warmer."""

    shift_k: float


@dataclass(frozen=True, slots=True)
class Band:
    """The band so much wider on either side; never narrower than the target."""

    shift_k: float


@dataclass(frozen=True, slots=True)
class NoMargin:
    """Plans may use the whole band: nothing is kept free for their errors."""

    band_k: float  # as the owner configured it


@dataclass(frozen=True, slots=True)
class FlatPrice:
    """Every hour at the mean price of the horizon."""


@dataclass(frozen=True, slots=True)
class HotWaterAlwaysReady:
    """No shifting of hot water: the tank as a thermostat holds it.

    Always as warm as its strictest hour asks for, and at most `HYSTERESIS_K` warmer.
    """


@dataclass(frozen=True, slots=True)
class Window:
    """From one instant to another."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """No more electric power than this; `window` None: ever."""

    power_w: float
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """Nobody at home: the rooms need only this, and are not heated for it beforehand."""

    room_c: float
    window: Window


Change: TypeAlias = SetPoint | Band | NoMargin | FlatPrice | HotWaterAlwaysReady | Limit | Away


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a plan comes to. Comfort is counted against the band as it was asked, for both plans."""

    cost_per_day: float  # energy; heat left in house and tank at the end is worth what it costs
    energy_kwh_per_day: float
    room_mean_c: float
    room_lowest_c: float
    below_kh_per_day: float
    above_kh_per_day: float
    peak_kw: float  # highest import of a step
    peak_cost: float  # charges of the billing periods, with what they have reached already


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The plan as asked and as changed."""

    asked: Figures
    changed: Figures


def changed(request: PlanRequest, change: Change) -> PlanRequest:
    """The request with another wish. Raises ValueError for what the house does not have."""
    comfort, horizon = request.comfort, request.horizon
    match change:
        case SetPoint(shift_k):
            comfort = replace(
                comfort,
                low_c=_each(comfort.low_c, lambda low_c: low_c + shift_k),
                high_c=_each(comfort.high_c, lambda high_c: high_c + shift_k),
                target_c=_each(comfort.target_c, lambda target_c: target_c + shift_k),
                second=_second(comfort, shift_k, shift_k),
            )
        case Band(shift_k):
            pairs = zip(comfort.low_c, comfort.high_c, comfort.target_c, strict=True)
            band = [(min(low - shift_k, c), max(high + shift_k, c)) for low, high, c in pairs]
            low_c, high_c = zip(*band, strict=True)
            second = _second(comfort, -shift_k, shift_k)
            comfort = replace(comfort, low_c=low_c, high_c=high_c, second=second)
        case NoMargin(band_k):
            kept_k = np.array(comfort.kept_k or 0.0)
            comfort = replace(
                comfort,
                low_c=_each(comfort.target_c, lambda target_c: target_c - band_k),
                high_c=_each(comfort.target_c, lambda target_c: target_c + band_k),
                second=_second(comfort, -kept_k, kept_k),
                kept_k=(),
            )
        case Away(room_c, window):
            comfort = _away(request, room_c, window)
        case FlatPrice():
            mean = float(np.mean(horizon.price_per_kwh))
            flat = (mean,) * len(horizon.price_per_kwh)
            return replace(request, horizon=replace(horizon, price_per_kwh=flat))
        case HotWaterAlwaysReady():
            return replace(request, hot_water=_always_ready(request))
        case Limit(power_w, window):
            return replace(request, limits=_limited(request, power_w, window))
    return replace(request, comfort=comfort)


def _second(
    comfort: Comfort, low_k: float | FloatArray, high_k: float | FloatArray
) -> RoomBand | None:
    """The second zone's own band with its edges moved; where they would cross they meet."""
    if comfort.second is None:
        return None
    low_c = np.array(comfort.second.low_c) + low_k
    high_c = np.array(comfort.second.high_c) + high_k
    middle_c = 0.5 * (low_c + high_c)
    return RoomBand(
        low_c=tuple(np.minimum(low_c, middle_c).tolist()),
        high_c=tuple(np.maximum(high_c, middle_c).tolist()),
    )


def _each(values: Trajectory, change: Callable[[float], float]) -> Trajectory:
    return tuple(map(change, values))


def _inside(request: PlanRequest, window: Window | None) -> list[bool]:
    """Which steps begin within the window."""
    horizon = request.horizon
    step = timedelta(seconds=horizon.step_s)
    starts = [horizon.starts_at + step * k for k in range(len(horizon.outdoor_c))]
    return [window is None or window.starts_at <= at < window.ends_at for at in starts]


def _away(request: PlanRequest, room_c: float, window: Window) -> Comfort:
    comfort, inside = request.comfort, _inside(request, window)
    down_k = [
        max(target_c - room_c, 0.0) if away else 0.0
        for target_c, away in zip(comfort.target_c, inside, strict=True)
    ]
    low, target = (
        tuple(c - k for c, k in zip(values, down_k, strict=True))
        for values in (comfort.low_c, comfort.target_c)
    )
    second = _second(comfort, -np.array(down_k), 0.0)
    return replace(comfort, low_c=low, target_c=target, second=second)


def _always_ready(request: PlanRequest) -> HotWater:
    water = request.hot_water
    if water is None:
        raise ValueError("this house has no hot water to plan")
    ready_c = max(water.low_c)
    high_c = tuple(min(high, ready_c + HYSTERESIS_K) for high in water.high_c)
    high_c = tuple(max(high, ready_c) for high in high_c)
    return replace(water, low_c=(ready_c,) * len(water.low_c), high_c=high_c)


def _limited(request: PlanRequest, power_w: float, window: Window | None) -> HeatLimits:
    before = request.limits.power_max_w or (np.inf,) * len(request.horizon.outdoor_c)
    inside = _inside(request, window)
    most_w = [min(w, power_w) if here else w for w, here in zip(before, inside, strict=True)]
    free_w = 10.0 * max(point.power_w for point in request.heat_pump.points) + _heater_w(request)
    return replace(request.limits, power_max_w=tuple(min(w, free_w) for w in most_w))


def _heater_w(request: PlanRequest) -> float:
    heater = request.heater
    return 0.0 if heater is None else heater.stage_w * heater.stages
