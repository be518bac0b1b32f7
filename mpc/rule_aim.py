"""What a rule aims at: a room temperature and a tank per step, from target, band and prices."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from mpc.arrays import FloatArray
from mpc.plan import PlanRequest, Trajectory


class Hold(Enum):
    """What a congestion of the grid forbids during a step; the other direction stays free."""

    FREE = "free"
    NOT_UP = "not up"  # may not start, change over to hot water or raise its heat
    NOT_DOWN = "not down"  # may not stop or lower its heat


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """How the rules are set; an empty trajectory means nowhere."""

    hysteresis_k: float = 0.5  # between start and stop
    restore_s: float = 10_800.0  # time constant with which a rule brings the rooms to its aim
    cheap_frac: float = 0.3  # heat-first-then-price: charge below this quantile of known prices
    water_ahead_s: float = 3600.0  # a warmer tank is prepared so long before it is due
    setback_k: Trajectory = ()  # target and lower edge are lower by this: the nights
    hold: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Per step; the hysteresis runs from `start_c` to `stop_c`."""

    name: str
    set_c: FloatArray
    start_c: FloatArray
    stop_c: FloatArray
    open_loop: bool  # heat of the weather alone; else what brings the rooms to `set_c`
    tank_start_c: FloatArray | None  # below this of the upper layer a charge starts
    tank_stop_c: FloatArray | None  # mean of the layers at which it ends


def price_rank(request: PlanRequest) -> FloatArray:
    """Where each step's price stands among the known ones: 0 cheapest, 1 dearest, 0.5 if all alike.

    The share of known prices below it plus half the share that equals it, so that the mean over
    the known steps is 0.5 whatever the prices are.
    """
    price = np.array(request.horizon.price_per_kwh)
    known = np.sort(price[np.array(request.horizon.price_known, dtype=np.bool_)])
    if not len(known):
        return np.full(len(price), 0.5)
    below = np.searchsorted(known, price, side="left")
    not_above = np.searchsorted(known, price, side="right")
    return np.asarray((below + not_above) / (2.0 * len(known)), dtype=np.float64)


def cheap(request: PlanRequest, frac: float) -> FloatArray:
    """1 where the price is below this quantile of the known prices (strictly), else 0."""
    price = np.array(request.horizon.price_per_kwh)
    known = price[np.array(request.horizon.price_known, dtype=np.bool_)]
    if not len(known):
        return np.zeros(len(price))
    return np.asarray(price < np.quantile(known, frac), dtype=np.float64)


def steady_aim(request: PlanRequest, options: RuleOptions, name: str, *, open_loop: bool) -> Aim:
    """The target, whatever the price."""
    set_c = target_c(request, options)
    return _aim(request, options, name=name, set_c=set_c, open_loop=open_loop)


def charging_aim(request: PlanRequest, options: RuleOptions, name: str) -> Aim:
    """The target, and the upper edge of the band while electricity is cheap."""
    now = cheap(request, options.cheap_frac)
    full_c = np.array(request.comfort.high_c) - options.hysteresis_k / 2.0
    base_c = target_c(request, options)
    set_c = np.where(now > 0.0, np.maximum(base_c, full_c), base_c)
    return _aim(request, options, name=name, set_c=set_c, wanted_frac=0.5 + 0.5 * now)


def priced_aim(request: PlanRequest, options: RuleOptions, name: str) -> Aim:
    """The fuller the store, the lower the price must be.

    A step's price is worth heating at while it is below the (1 - s) quantile of the known prices,
    s being how full the store is; that is, until s = 1 - rank of the price. s = 0.5 is the target;
    0 and 1 lie as far below and above it as the band reaches on both sides, so that cheap and
    dear hours weigh the same and the mean stays at the target.
    """
    wanted_frac = 1.0 - price_rank(request)
    base_c = target_c(request, options)
    low_c = np.array(request.comfort.low_c) - setback_k(request, options)
    reach_k = np.minimum(base_c - low_c, np.array(request.comfort.high_c) - base_c)
    set_c = base_c + np.maximum(reach_k, 0.0) * (2.0 * wanted_frac - 1.0)
    return _aim(request, options, name=name, set_c=set_c, wanted_frac=wanted_frac)


def setback_k(request: PlanRequest, options: RuleOptions) -> FloatArray:
    """The setback per step. Raises ValueError when it does not fit the horizon."""
    steps = len(request.horizon.outdoor_c)
    if not options.setback_k:
        return np.zeros(steps)
    if len(options.setback_k) != steps:
        raise ValueError(f"setback_k has {len(options.setback_k)} entries for {steps} steps")
    return np.array(options.setback_k)


def target_c(request: PlanRequest, options: RuleOptions) -> FloatArray:
    """The target less setback; what the rooms owe or are owed is spread over the horizon."""
    comfort, horizon = request.comfort, request.horizon
    low_c, high_c = np.array(comfort.low_c), np.array(comfort.high_c)
    owed_k = comfort.balance_kh / (len(low_c) * horizon.step_s / 3600.0)
    made_good = np.clip(np.array(comfort.target_c) - owed_k, low_c, np.maximum(low_c, high_c))
    return np.asarray(made_good - setback_k(request, options), dtype=np.float64)


def _aim(
    request: PlanRequest,
    options: RuleOptions,
    *,
    name: str,
    set_c: FloatArray,
    open_loop: bool = False,
    wanted_frac: FloatArray | None = None,
) -> Aim:
    """Edges of the hysteresis inside the band where the band is wide enough, and the tank."""
    half_k = options.hysteresis_k / 2.0
    low_c = np.array(request.comfort.low_c) - setback_k(request, options)
    start_c = np.maximum(set_c - half_k, np.minimum(low_c, set_c))
    stop_c = np.minimum(set_c + half_k, np.maximum(request.comfort.high_c, set_c))
    tank_start_c, tank_stop_c = _tank(request, options, wanted_frac)
    return Aim(
        name=name,
        set_c=set_c,
        start_c=start_c,
        stop_c=np.maximum(stop_c, start_c + half_k),
        open_loop=open_loop,
        tank_start_c=tank_start_c,
        tank_stop_c=tank_stop_c,
    )


def _tank(
    request: PlanRequest, options: RuleOptions, wanted_frac: FloatArray | None
) -> tuple[FloatArray | None, FloatArray | None]:
    """Where the tank's own hysteresis starts and stops; cheap hours start it earlier.

    A lower bound counts `water_ahead_s` before it is due. Water is never asked to be hotter than
    the heat pump can make it: what a sanitation needs beyond that is not a rule's to give.
    """
    water = request.hot_water
    if water is None:
        return None, None
    ahead = 1 + max(0, int(options.water_ahead_s // request.horizon.step_s))
    low_c = np.array([max(water.low_c[k : k + ahead]) for k in range(len(water.low_c))])
    stop_c = np.minimum(water.high_c, water.pump_max_c)
    start_c = np.minimum(low_c, stop_c)
    if wanted_frac is not None:
        start_c = start_c + np.maximum(wanted_frac - 0.5, 0.0) * (stop_c - start_c)
    return start_c, stop_c
