"""Why a stretch of a plan is as it is: from the plan's numbers, and the request where it is known.

Every question is put to a `Stretch`. Each of the three lists of rules is asked from its top; the
first that applies is the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np

from mpc.arrays import FloatArray
from mpc.plan import Plan, PlanRequest

RUNNING_FRAC = 0.05  # of the plan's largest heat; less counts as not running
RUNNING_MIN_W = 100.0
AHEAD_S = 4 * 3600  # how far a reason looks ahead
CHEAP_FRAC = 0.05  # a price counts as low or high this far from the mean of the plan
PEAK_FRAC = 0.15  # and as a peak this far above it
NEAR_LOW_K = 0.15  # the room is at the lower edge of the band
NEAR_LOW_TANK_K = 2.0  # the tank will be that close to its lower bound
CLEAN_K = 1.0  # below the temperature of sanitising that still counts as it
AT_LIMIT_FRAC = 0.95  # of a limit or peak: at it
REDUCED_FRAC = 0.95  # of the usual limit: less is a reduction
WARMING_K = 0.05  # over a block: the house takes heat in
MOST = 0.5  # of a block: what holds for that much of it holds for it


class Reason(StrEnum):
    """Why, as far as the numbers tell."""

    CHEAP = "cheap"
    BEFORE_PEAK = "before_peak"
    COMFORT = "comfort"
    HOLD = "hold"
    PRICE_UNKNOWN = "price_unknown"
    EXPENSIVE = "expensive"
    CHEAPER_LATER = "cheaper_later"
    MILD = "mild"
    # Most of these need the request.
    POWER_LIMIT = "power_limit"
    REDUCTION = "reduction"
    BEFORE_REDUCTION = "before_reduction"
    PEAK_CHARGE = "peak_charge"
    MINIMUM_RUN = "minimum_run"
    MINIMUM_OFF = "minimum_off"
    PV_SURPLUS = "pv_surplus"
    BACK_UP_HEATER = "back_up_heater"
    HOT_WATER_FIRST = "hot_water_first"
    # Of hot water.
    HOT_WATER = "hot_water"
    HOT_WATER_CHEAP = "hot_water_cheap"
    HOT_WATER_DEADLINE = "hot_water_deadline"
    LEGIONELLA = "legionella"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The steps from `first` to before `after` of a plan, and what it was made of."""

    plan: Plan
    request: PlanRequest | None
    first: int
    after: int

    def of(self, values: tuple[float, ...]) -> FloatArray:
        """The entries of these steps; none of a trajectory that the plan does not have."""
        return np.array(values[self.first : self.after])

    def ahead(self, values: tuple[float, ...]) -> FloatArray:
        """The entries of the hours that follow."""
        steps = max(1, AHEAD_S // self.plan.step_s)
        return np.array(values[self.after : self.after + steps])

    @property
    def over_frac(self) -> float:
        """Its mean price over that of the plan, as a share of the usual size of a price."""
        prices = np.array(self.plan.price_per_kwh)
        return over_mean(float(np.mean(self.of(self.plan.price_per_kwh))), prices)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return float((self.after - self.first) * self.plan.step_s)


Rule: TypeAlias = tuple[Reason, Callable[[Stretch], bool]]


def over_mean(price_per_kwh: float, prices: FloatArray) -> float:
    """Price over the mean of the plan as a share of the usual size of a price (0: all free)."""
    size = float(np.mean(np.abs(prices)))
    return (price_per_kwh - float(np.mean(prices))) / size if size > 0.0 else 0.0


def why_running(of: Stretch) -> Reason:
    """Why the rooms get heat."""
    return _first(of, RUNNING, Reason.HOLD)


def why_off(of: Stretch) -> Reason:
    """Why the rooms get none."""
    return _first(of, OFF, Reason.MILD)


def why_hot_water(of: Stretch) -> Reason:
    """Why the tank gets heat."""
    return _first(of, HOT_WATER, Reason.HOT_WATER)


def _first(of: Stretch, rules: tuple[Rule, ...], otherwise: Reason) -> Reason:
    return next((reason for reason, applies in rules if applies(of)), otherwise)


def _mostly(shares: Any) -> bool:
    """Does it hold for most of these steps? For none of no steps."""
    return len(shares) > 0 and float(np.mean(shares)) >= MOST


# ---- the price -----------------------------------------------------------------------------------


def _guessed(of: Stretch) -> bool:
    known = of.plan.price_known[of.first : of.after]
    return sum(known) < MOST * len(known)


def _cheap(of: Stretch) -> bool:
    return of.over_frac < -CHEAP_FRAC


def _expensive(of: Stretch) -> bool:
    return of.over_frac > CHEAP_FRAC


def _before_peak(of: Stretch) -> bool:
    ahead, prices = of.ahead(of.plan.price_per_kwh), np.array(of.plan.price_per_kwh)
    return _cheap(of) and ahead.size > 0 and over_mean(float(np.max(ahead)), prices) > PEAK_FRAC


def _cheaper_later(of: Stretch) -> bool:
    ahead, prices = of.ahead(of.plan.price_per_kwh), np.array(of.plan.price_per_kwh)
    if not ahead.size:
        return False
    return of.over_frac > over_mean(float(np.mean(ahead)), prices) + CHEAP_FRAC


# ---- the rooms and the machine -------------------------------------------------------------------


def _at_low(of: Stretch) -> bool:
    """The worse of the rooms is at the lower edge of its band."""
    rooms = zip(of.plan.rooms_c, of.plan.bands, strict=True)
    above_low_k = [float(np.median(of.of(c) - of.of(band.low_c))) for c, band in rooms]
    return min(above_low_k) <= NEAR_LOW_K


def _heater_needed(of: Stretch) -> bool:
    return _mostly(of.of(of.plan.heater_w) > RUNNING_MIN_W)


def _rest_of_a_run(of: Stretch) -> bool:
    """It must run because it has only just been started, at a price that does not invite."""
    return _must_go_on(of, running=True) and not _cheap(of)


def _rest_of_a_pause(of: Stretch) -> bool:
    return _must_go_on(of, running=False)


def _must_go_on(of: Stretch, *, running: bool) -> bool:
    if of.request is None or of.first > 0 or of.request.compressor.running is not running:
        return False
    machine = of.request.compressor
    least_s = machine.minimum_run_s if running else machine.minimum_off_s
    return least_s - machine.since_s >= MOST * of.seconds


def _tank_first(of: Stretch) -> bool:
    return _mostly(of.of(of.plan.dhw_run_frac))


# ---- power: limits, peaks and the sun ------------------------------------------------------------


def _reduced(of: Stretch) -> FloatArray:
    """1 for every step of the plan in which less power is allowed than usual."""
    limit = None if of.request is None else of.request.limits.power_max_w
    if limit is None:
        return np.zeros(len(of.plan.heat_w))
    allowed = np.array(limit)
    return np.asarray(allowed < REDUCED_FRAC * float(allowed.max()), dtype=np.float64)


def _in_reduction(of: Stretch) -> bool:
    return _mostly(_reduced(of)[of.first : of.after])


def _before_reduction(of: Stretch) -> bool:
    """Heat goes into the house, and a reduction follows in which it rests or is held down."""
    request, limit = of.request, None if of.request is None else of.request.limits.power_max_w
    if request is None or limit is None or _in_reduction(of):
        return False
    rooms, start = of.plan.room_c, max(of.first - 1, 0)
    warming = rooms[of.after - 1] > rooms[start] + WARMING_K
    during = of.ahead(tuple(_reduced(of).tolist())) > 0.0
    drawn_w = of.ahead(of.plan.power_w) - request.heat_pump.standby_w
    least_w = max(RUNNING_FRAC * max(of.plan.heat_w), RUNNING_MIN_W)
    held = (drawn_w >= AT_LIMIT_FRAC * of.ahead(limit)) | (of.ahead(of.plan.heat_w) < least_w)
    return warming and _mostly(held[during])


def _at_limit(of: Stretch) -> bool:
    limit = None if of.request is None else of.request.limits.power_max_w
    if of.request is None or limit is None:
        return False
    drawn = of.of(of.plan.power_w) - of.request.heat_pump.standby_w
    return _mostly(drawn >= AT_LIMIT_FRAC * of.of(limit))


def _slowed_by_peak(of: Stretch) -> bool:
    """It gives less than it could and draws what the billed level allows, and no more."""
    slower = float(np.mean(of.of(of.plan.heat_w))) < AT_LIMIT_FRAC * max(of.plan.heat_w)
    return slower and _mostly(_at_peak(of, of.of(of.plan.power_w)))


def _kept_off_by_peak(of: Stretch) -> bool:
    """The lowest power with which it runs anywhere would lift the billed level."""
    power, heat = np.array(of.plan.power_w), np.array(of.plan.heat_w)
    running = heat >= max(RUNNING_FRAC * float(heat.max()), RUNNING_MIN_W)
    if not running.any():
        return False
    least = np.full(of.after - of.first, float(power[running].min()))
    return _mostly(_at_peak(of, least))


def _at_peak(of: Stretch, power_w: FloatArray) -> FloatArray:
    """1 for every step that this power would bring to the level already billed, or beyond.

    The level is the lowest value that counts so far; in a period that has none yet, the highest of
    the plan.
    """
    site = None if of.request is None else of.request.site
    found = np.zeros(of.after - of.first)
    if site is None:
        return found
    others_kw = (np.array(site.base_load_w) - np.array(site.pv_w)) / 1000.0
    planned_kw = np.maximum(np.array(of.plan.power_w) / 1000.0 + others_kw, 0.0)
    here_kw = power_w / 1000.0 + others_kw[of.first : of.after]
    for charge in site.peaks:
        counts = np.array(charge.interval_of_step, dtype=np.intp)
        weight = np.where(counts >= 0, np.append(charge.weight_frac, 0.0)[counts], 0.0)
        billed_kw = min(charge.history_kw, default=0.0)
        level_kw = billed_kw if billed_kw > 0.0 else float(np.max(weight * planned_kw))
        weighted = weight[of.first : of.after] * here_kw
        found = np.maximum(found, (weighted >= AT_LIMIT_FRAC * level_kw) & (level_kw > 0.0))
    return found


def _sunny(of: Stretch) -> bool:
    """Most of the pump's electricity is left over from the roof."""
    site = None if of.request is None else of.request.site
    if site is None:
        return False
    spare_w = np.maximum(of.of(site.pv_w) - of.of(site.base_load_w), 0.0)
    power_w = of.of(of.plan.power_w)
    return float(np.sum(np.minimum(spare_w, power_w))) >= MOST * float(np.sum(power_w)) > 0.0


# ---- the tank ------------------------------------------------------------------------------------


def _sanitising(of: Stretch) -> bool:
    water = None if of.request is None else of.request.hot_water
    if water is None or water.sanitise_c is None or water.sanitise_steps is None:
        return False
    first, last = water.sanitise_steps
    in_time = first <= of.after - 1 <= last
    return in_time and float(np.max(of.of(of.plan.dhw_c))) >= water.sanitise_c - CLEAN_K


def _tank_heater(of: Stretch) -> bool:
    return _heater_needed(of) and float(np.mean(of.of(of.plan.dhw_heat_w))) < RUNNING_MIN_W


def _tank_due(of: Stretch) -> bool:
    """Without this heat the tank would be too cold soon."""
    water = None if of.request is None else of.request.hot_water
    if water is None:
        return False
    spare = np.concatenate([of.of(of.plan.dhw_c), of.ahead(of.plan.dhw_c)])
    low = np.concatenate([of.of(water.low_c), of.ahead(water.low_c)])
    return float(np.min(spare - low)) <= NEAR_LOW_TANK_K


RUNNING: tuple[Rule, ...] = (
    (Reason.BACK_UP_HEATER, lambda of: _heater_needed(of) and not _tank_first(of)),
    (Reason.REDUCTION, lambda of: _in_reduction(of) and _at_limit(of)),
    (Reason.POWER_LIMIT, _at_limit),
    (Reason.PEAK_CHARGE, _slowed_by_peak),
    (Reason.COMFORT, _at_low),
    (Reason.MINIMUM_RUN, _rest_of_a_run),
    (Reason.PV_SURPLUS, _sunny),
    (Reason.BEFORE_REDUCTION, _before_reduction),
    (Reason.PRICE_UNKNOWN, _guessed),
    (Reason.BEFORE_PEAK, _before_peak),
    (Reason.CHEAP, _cheap),
)
OFF: tuple[Rule, ...] = (
    (Reason.HOT_WATER_FIRST, _tank_first),
    (Reason.REDUCTION, _in_reduction),
    (Reason.MINIMUM_OFF, _rest_of_a_pause),
    (Reason.PEAK_CHARGE, _kept_off_by_peak),
    (Reason.PRICE_UNKNOWN, _guessed),
    (Reason.EXPENSIVE, _expensive),
    (Reason.CHEAPER_LATER, _cheaper_later),
)
HOT_WATER: tuple[Rule, ...] = (
    (Reason.LEGIONELLA, _sanitising),
    (Reason.BACK_UP_HEATER, _tank_heater),
    (Reason.PV_SURPLUS, _sunny),
    (Reason.HOT_WATER_CHEAP, lambda of: _cheap(of) and not _guessed(of)),
    (Reason.HOT_WATER_DEADLINE, _tank_due),
    (Reason.PRICE_UNKNOWN, _guessed),
)
