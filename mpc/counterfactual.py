"""What the heat pump's own control would have used in the weather that was: reckoned, not measured.

With states x, heat q and everything else alike (sun, people, open windows), two lives of one linear
house differ by d = x_own - x_was alone:
    d' = A d + b (q_own - q_was),  room_own = room_was + d_air,  d = 0 at first,
so that nothing need be known of what else heated the house. Own control is a heating curve: it
sets the flow temperature, and in a steady state the water then gives
    q = ((s L (T - T_out))^(1/n) + c)^n - f H (room_own - T),
L the house's loss, T_out the outdoor temperature smoothed over a time that pumps differ in, n the
emitters' exponent, c the curve moved in parallel, H what the emitters give less per kelvin of a
warmer room. Before floor or radiators are as warm as their heat m of late makes them, which is the
share R of what the water is warmer than the room, more heat flows into them (less when the curve
has fallen): the water takes
    q_own = (q - R m) / (1 - R),  between 0 and capacity.
c is chosen so that the mean of d_air is 0: the same mean room temperature, at no price. Heat still
in the house at the end is paid for.

Electricity follows from the map of the heat pump, corrected by what the meters say of it,
    log(measured / map) = g0 + g1 outdoor + g2 flow + g3 load + rest,
and by one factor that makes the sum for the heat that was given right. What is not known is drawn:
the house from its covariance, g from its posterior, s, f and the smoothing from what pumps do, the
rest from the days' own (bootstrap by days). Of the draws the middle eight of ten count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import (
    FLOOR_AIR_W_PER_M2_K,
    FLOOR_WH_PER_M2_K,
    RADIATOR_USUAL_FRAC,
    RADIATOR_WH_PER_W_K,
    Building,
    Emitter,
    EmitterKind,
    capacities_kwh_per_k,
    discretise,
    flow_for_heat,
    total_loss_w_per_k,
)
from mpc.counterfactual_power import DAY_S, Flow, Machine, Spell, learned_machine, smoothed
from mpc.identify_prior import logs_of, with_logs

DRAWS, SEED = 160, 1
COVERED_FRAC = 0.8
PRICED_FRAC = 0.95  # of the time; with fewer prices known no cost is told
LEVEL_PASSES = 5  # of the search for c

SLOPE_LOG_STD = 0.2  # of s; assumption: curves are set by feel
MOST_FEEDBACK = 3.0  # f; 1: emitters alone; assumption: valves and room influence add to it
MOST_HELD_FRAC = 0.9  # R; beyond, the pump's own pace counts
SMOOTHED_H, SMOOTHED_LOG_STD = 3.0, 1.2  # of T_out; assumption: 0.6 to 14 h
USUAL_LOAD_FRAC = 0.5  # of the design heat, where H and R are taken


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownHouse:
    """What is known of the house; `log_covariance` of the logarithms of `names`."""

    building: Building
    names: tuple[str, ...]
    log_covariance: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A value, and where it lies eight times of ten."""

    mid: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """What was, what would have been, and the shares saved. Rooms alone, hot water not."""

    days: float
    used_kwh: float  # metered
    own_kwh: Range  # reckoned
    energy_frac: Range
    paid: float | None  # metered; None: prices are not known
    own_cost: Range | None
    cost_frac: Range | None


@dataclass(frozen=True, slots=True, eq=False)
class _Houses:
    """Drawn houses: `a` draws x states x states, `b` draws x states, losses and capacities."""

    a: FloatArray
    b: FloatArray
    loss_w_per_k: FloatArray
    capacity_kwh_per_k: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Control:
    """Drawn controls, one entry per draw; the exponent n and the largest heat are the same."""

    slope: FloatArray  # s
    feedback_w_per_k: FloatArray  # f H
    smoothed_s: FloatArray  # of the outdoor temperature
    held_frac: FloatArray  # R
    lag_s: FloatArray  # of floor or radiators behind their heat
    exponent: float
    most_w: float


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """A spell under the curve but for c and d, steps x draws."""

    root: FloatArray  # (s L (T - T_out))^(1/n)
    less_w: FloatArray  # f H (room_was - T), the room as floor or radiators feel it


@dataclass(frozen=True, slots=True, eq=False)
class _Life:
    """A spell on own control: heat and room (steps x draws), heat left over at the end (draws)."""

    heat_w: FloatArray
    room_c: FloatArray
    left_kwh: FloatArray


def counterfactual(
    spells: Sequence[Spell],
    house: KnownHouse,
    pump: Machine,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Counterfactual:
    """Reckon the pump's own control over the same days, at the same mean room temperature.

    Raises ValueError when no heat was given at all.
    """
    if not spells or max(float(spell.heat_w.max()) for spell in spells) <= 0.0:
        raise ValueError("no heat was given to the rooms")
    rng = np.random.default_rng(seed)
    buildings = _drawn(house, rng, draws)
    lag_s = np.array([_lag_s(building, pump.emitter) for building in buildings])
    machine = learned_machine(spells, pump, lag_s, rng)
    lives = _own_lives(spells, buildings, _control(pump, machine.flow, rng))
    powers = [
        machine.power_w(number, life.heat_w, life.room_c) for number, life in enumerate(lives)
    ]
    ones = [np.ones(len(spell.room_c)) for spell in spells]
    used_kwh, own_kwh = _sums(spells, lives, powers, ones)
    prices = [spell.price_per_kwh for spell in spells]
    paid, own_cost = None, None
    if float(np.mean(np.isfinite(np.concatenate(prices)))) >= PRICED_FRAC:
        paid, own_cost = _sums(spells, lives, powers, [np.nan_to_num(price) for price in prices])
    return Counterfactual(
        days=sum(spell.days for spell in spells),
        used_kwh=used_kwh,
        own_kwh=_range(own_kwh),
        energy_frac=_range(1.0 - used_kwh / own_kwh),
        paid=paid,
        own_cost=None if own_cost is None else _range(own_cost),
        cost_frac=None if own_cost is None or paid is None else _range(1.0 - paid / own_cost),
    )


def _range(values: FloatArray) -> Range:
    half = COVERED_FRAC / 2.0
    low, mid, high = np.quantile(values, [0.5 - half, 0.5, 0.5 + half]).tolist()
    return Range(mid=mid, low=low, high=high)


def _sums(
    spells: Sequence[Spell],
    lives: Sequence[_Life],
    powers_w: Sequence[FloatArray],
    weights: Sequence[FloatArray],
) -> tuple[float, FloatArray]:
    """Weighted energy as metered, and of every draw less what its heat left over is worth."""
    used, own = 0.0, np.zeros(powers_w[0].shape[1])
    for spell, life, power_w, weight in zip(spells, lives, powers_w, weights, strict=True):
        hours = spell.step_s / 3600.0
        used += float(weight @ spell.power_w) * hours / 1000.0
        drawn = weight @ power_w * hours / 1000.0
        heat_kwh = life.heat_w.sum(axis=0) * hours / 1000.0
        own += drawn - life.left_kwh * drawn / np.maximum(heat_kwh, 1e-9)
    return used, own


def _drawn(house: KnownHouse, rng: np.random.Generator, draws: int) -> list[Building]:
    """Houses from the belief about this one."""
    logs = logs_of(house.building, house.names)
    variances, vectors = np.linalg.eigh(house.log_covariance)
    root = vectors * np.sqrt(np.maximum(variances, 0.0))
    return [
        with_logs(house.building, house.names, logs + root @ rng.standard_normal(len(logs)))
        for _ in range(draws)
    ]


def _houses(buildings: Sequence[Building], step_s: float) -> _Houses:
    steps = [discretise(building, step_s) for building in buildings]
    return _Houses(
        np.array([step.a for step in steps]),
        np.array([step.b_heat for step in steps]),
        np.array([total_loss_w_per_k(building) for building in buildings]),
        np.array([capacities_kwh_per_k(building) for building in buildings]),
    )


def _control(pump: Machine, flow: Flow, rng: np.random.Generator) -> _Control:
    """H: derivative of the emitters' heat by the room at usual load and constant flow."""
    emitter, draws = pump.emitter, len(flow.lag_s)
    usual_w, room_c = USUAL_LOAD_FRAC * emitter.design_heat_w, emitter.design_room_c
    flow_k = float(flow_for_heat(emitter, usual_w, room_c)) - room_c
    mean_k = max(flow_k - 0.5 * USUAL_LOAD_FRAC * emitter.design_spread_k, 1.0)
    held_k, direct_k = flow.held * flow_k, flow.direct_k * USUAL_LOAD_FRAC
    feedback = MOST_FEEDBACK ** rng.random(draws)
    return _Control(
        slope=np.exp(SLOPE_LOG_STD * rng.standard_normal(draws)),
        feedback_w_per_k=feedback * emitter.exponent * usual_w / mean_k,
        smoothed_s=3600.0 * SMOOTHED_H * np.exp(SMOOTHED_LOG_STD * rng.standard_normal(draws)),
        held_frac=held_k / np.maximum(held_k + direct_k, 1.0),
        lag_s=np.maximum(flow.lag_s, 1.0),
        exponent=emitter.exponent,
        most_w=pump.most_w,
    )


def _lag_s(building: Building, emitter: Emitter) -> float:
    """How long floor or radiators take to follow their heat; typical where the model has none."""
    if building.floor_kwh_per_k is not None:
        return 3.6e6 * building.floor_kwh_per_k / building.floor_air_w_per_k
    if emitter.kind is EmitterKind.FLOOR:
        return 3600.0 * FLOOR_WH_PER_M2_K / FLOOR_AIR_W_PER_M2_K
    mean_k = emitter.design_flow_c - emitter.design_spread_k / 2.0 - emitter.design_room_c
    return 3600.0 * RADIATOR_WH_PER_W_K * mean_k / RADIATOR_USUAL_FRAC


def _own_lives(
    spells: Sequence[Spell], buildings: Sequence[Building], control: _Control
) -> list[_Life]:
    """All spells with the level c at which the room is as warm as it was, in the mean."""
    houses, n = _houses(buildings, spells[0].step_s), control.exponent
    room_c = float(np.mean(np.concatenate([spell.room_c for spell in spells])))
    curves = [_curve(spell, houses, control, room_c) for spell in spells]

    def mean(values: Sequence[FloatArray]) -> FloatArray:
        """Of all spells by their days, for each draw."""
        means = np.array([value.mean(axis=0) for value in values])
        return np.asarray(np.average(means, axis=0, weights=[spell.days for spell in spells]))

    steep_w = mean([n * np.maximum(curve.root, 1.0) ** (n - 1.0) for curve in curves])  # dq/dc
    per_k = (houses.loss_w_per_k + control.feedback_w_per_k) / steep_w
    given_w = mean([spell.heat_w[:, None] for spell in spells])
    level = (given_w - mean([curve.root**n for curve in curves])) / steep_w
    for _ in range(LEVEL_PASSES):
        lives = _lives(spells, curves, (houses, control), level)
        pairs = zip(spells, lives, strict=True)
        level = level - per_k * mean([life.room_c - spell.room_c[:, None] for spell, life in pairs])
    return _lives(spells, curves, (houses, control), level)


def _lives(
    spells: Sequence[Spell],
    curves: Sequence[_Curve],
    drawn: tuple[_Houses, _Control],
    level: FloatArray,
) -> list[_Life]:
    n = drawn[1].exponent
    aims = [np.maximum(curve.root + level, 0.0) ** n - curve.less_w for curve in curves]
    return [_life(spell, aim_w, *drawn) for spell, aim_w in zip(spells, aims, strict=True)]


def _curve(spell: Spell, houses: _Houses, control: _Control, room_c: float) -> _Curve:
    wide = np.ones(len(control.slope))
    outdoor_c = smoothed(spell, np.outer(spell.outdoor_c, wide), control.smoothed_s)
    loss_w = control.slope * houses.loss_w_per_k * np.maximum(room_c - outdoor_c, 0.0)
    warmer_k = smoothed(spell, np.outer(spell.room_c - room_c, wide), control.lag_s)
    return _Curve(loss_w ** (1.0 / control.exponent), control.feedback_w_per_k * warmer_k)


def _life(spell: Spell, aim_w: FloatArray, houses: _Houses, control: _Control) -> _Life:
    """The spell under q = aim - f H d_air, d_air as floor or radiators feel it.

    R m is of the heat until the step's end, so that q_own = (q - R k m) / (1 - R k) with m at its
    start and k the share of it that a step leaves.
    """
    heat_w, air_k = np.empty_like(aim_w), np.empty_like(aim_w)
    beyond_k, felt_k = np.zeros(houses.b.shape), np.zeros(aim_w.shape[1])
    kept = np.exp(-spell.step_s / control.lag_s)
    held = np.minimum(control.held_frac * kept, MOST_HELD_FRAC)
    late_w = np.full(aim_w.shape[1], spell.heat_w[: round(DAY_S / spell.step_s)].mean())
    for k, was_w in enumerate(spell.heat_w.tolist()):
        air_k[k] = beyond_k[:, 0]
        felt_k = kept * felt_k + (1.0 - kept) * air_k[k]
        steady_w = aim_w[k] - control.feedback_w_per_k * felt_k
        asked_w = (steady_w - held * late_w) / (1.0 - held)
        heat_w[k] = np.minimum(np.maximum(asked_w, 0.0), control.most_w)
        late_w = kept * late_w + (1.0 - kept) * heat_w[k]
        pushed = houses.b * (heat_w[k] - was_w)[:, None]
        beyond_k = np.matmul(houses.a, beyond_k[:, :, None])[:, :, 0] + pushed
    return _Life(
        heat_w=heat_w,
        room_c=spell.room_c[:, None] + air_k,
        left_kwh=np.sum(houses.capacity_kwh_per_k * beyond_k, axis=1),
    )
