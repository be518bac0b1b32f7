"""Electricity for heat that was not given: the map of the heat pump, as the meters correct it.

    log(measured / map) = g0 + g1 (outdoor - mean) + g2 (flow - mean) + g3 (load - mean) + rest
over the hours of some days, g with a normal prior, the rest alike from hour to hour (its lag-one
correlation r makes n hours count as n (1 - r) / (1 + r)). Draws of g come from the posterior; the
level is then set so that the heat that was given costs what the meter said. Days differ beyond
that (frost, wind on the coil): a day keeps its own rest, and gets a share of another's at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.signal import lfilter

from mpc.arrays import FloatArray
from mpc.building import Emitter, EmitterKind, flow_for_heat
from mpc.heat_pump import HeatPumpMap, capacity_w, cop, measured_gain, part_load_gain, source_for

DAY_S, HOUR_S = 86_400.0, 3600.0
GAIN_STD = (0.5, 0.006, 0.006, 0.15)
"""Of g before the meters: assumption. Maps' slopes lie about 0.02 per K (`mpc.heat_pump`), and one
pump's differ from another's by a third; what part load gains is the least known."""

REST_LOG_STD = 0.03  # of a day, where heat is not measured; assumption
LEAST_NET_W = 100.0  # hours with less electricity say nothing of the COP
BELIEVED = 0.7  # a log of measured over map beyond this is no COP
LEAST_HOURS = 24
LEAST_FLOW_S = 48 * HOUR_S  # of flows read, to learn what heat they give
LAGS_H = {  # radiators and their water; screed above its pipes
    EmitterKind.RADIATOR: (0.1, 0.25, 0.5, 1.0),
    EmitterKind.FLOOR: (2.0, 3.0, 4.0, 5.5, 8.0, 11.0, 16.0, 22.0),
}
MOST_ALIKE = 0.95  # lag-one correlation
OTHERS_FRAC = 0.75  # of a day's rest that another day lends it; assumption


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spell:
    """A time without gaps; one entry per step, all known.

    `heat_w` and `power_w` are means for the rooms alone, standby included; `room_c` is read at the
    step's start.
    """

    step_s: float
    room_c: FloatArray
    heat_w: FloatArray
    outdoor_c: FloatArray
    power_w: FloatArray
    flow_c: FloatArray  # NaN: not read
    price_per_kwh: FloatArray  # NaN: not known

    @property
    def days(self) -> float:
        """Length in days."""
        return len(self.room_c) * self.step_s / DAY_S


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Machine:
    """What is known of the heat pump and of what its water flows through."""

    heat_pump: HeatPumpMap
    emitter: Emitter
    least_load_frac: float  # lowest continuous heat over capacity
    most_w: float  # heat
    heat_is_measured: bool  # False: it was reckoned from electricity by the same map


@dataclass(frozen=True, slots=True, eq=False)
class DrawnMachine:
    """Heat pumps drawn from what is known: one per column of every array."""

    machine: Machine
    spells: tuple[Spell, ...]
    flow: "Flow"
    mean: FloatArray  # of outdoor, flow, load
    gain: FloatArray  # g, g0 such that the sum over the spells is what was metered; 4 x draws
    rest: tuple[FloatArray, ...]  # per spell: days x draws, logs

    def power_w(self, number: int, heat_w: FloatArray, room_c: FloatArray) -> FloatArray:
        """Electricity in spell `number` for this heat at this room; all steps x draws."""
        spell = self.spells[number]
        mapped = _mapped(self.machine, spell, self.flow.of(spell, heat_w, room_c), heat_w)
        log = self.gain[0] + _slopes(self.gain, mapped, self.mean)
        log += self.rest[number][_day_of(spell)]
        return np.asarray(self.machine.heat_pump.standby_w + mapped.net_w * np.exp(log))


@dataclass(frozen=True, slots=True, eq=False)
class _Mapped:
    """Electricity above standby by the map alone, and where on the map; arrays of one shape."""

    net_w: FloatArray
    outdoor_c: FloatArray
    flow_c: FloatArray
    load_frac: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """How warm the water must be for a heat; one entry per draw.

    flow = room + held F(heat) + direct heat now / design heat, room and heat smoothed over the
    lag, F the emitters' law: floor or radiators are as warm as the room and what they got lately
    make them, the rise over them and half the spread follow the heat at once.
    """

    emitter: Emitter
    lag_s: FloatArray
    held: FloatArray
    direct_k: FloatArray

    def of(self, spell: Spell, heat_w: FloatArray, room_c: FloatArray) -> FloatArray:
        """Flow temperature for heats of all draws; rooms as many or one column; steps x draws."""
        held_k = self.held * flow_for_heat(self.emitter, smoothed(spell, heat_w, self.lag_s), 0.0)
        room_c = smoothed(spell, np.broadcast_to(room_c, heat_w.shape), self.lag_s)
        return np.asarray(room_c + held_k + self.direct_k * heat_w / self.emitter.design_heat_w)


def learned_machine(
    spells: Sequence[Spell], machine: Machine, lag_s: FloatArray, rng: np.random.Generator
) -> DrawnMachine:
    """The pump of the map, corrected by these spells as far as they tell; a draw for each lag.

    `lag_s` (floor or radiators behind their heat, as believed) counts where no flow was read.
    """
    draws, standby_w = len(lag_s), machine.heat_pump.standby_w
    least_w = machine.least_load_frac * machine.most_w
    flow = _flow_seen(spells, machine, least_w, draws)
    if flow is None:
        flow = _flow_believed(machine.emitter, lag_s, rng)
    given = [_given(machine, spell, flow) for spell in spells]
    usual = [_middle(m) for m in given]
    metered = [np.maximum(spell.power_w - standby_w, 0.0) for spell in spells]
    hours = [_hourly(s, m, net_w) for s, m, net_w in zip(spells, usual, metered, strict=True)]
    mean, gain = _posterior(np.vstack(hours), machine, rng, draws)
    modelled = [m.net_w * np.exp(_slopes(gain, m, mean)) for m in given]
    level = _level(metered, modelled)
    rests = _rests(spells, metered, [w @ np.exp(level) / draws for w in modelled])
    if not machine.heat_is_measured:  # heat was reckoned from the meter: all days fit the map
        rests = [0.0 * rest for rest in rests]
    own = [np.exp(rest[_day_of(s)])[:, None] for s, rest in zip(spells, rests, strict=True)]
    level = _level(metered, [w * by for w, by in zip(modelled, own, strict=True)])
    drawn = _drawn_rests(rests, machine, rng, draws)
    gain = np.vstack([level, gain[1:]])
    return DrawnMachine(machine, tuple(spells), flow, mean, gain, drawn)


def _level(metered: Sequence[FloatArray], modelled: Sequence[FloatArray]) -> FloatArray:
    """g0 at which the sum over all spells is what was metered, for each draw."""
    drawn_w = sum(w.sum(axis=0) for w in modelled)
    return np.asarray(np.log(sum(float(w.sum()) for w in metered) / drawn_w))


def _flow_seen(
    spells: Sequence[Spell], machine: Machine, least_w: float, draws: int
) -> Flow | None:
    """The law that meets the flows read while at least this heat was given.

    Where too few were, of all flows read with heat; None if these are too few as well. A pump that
    starts and stops has no flow that belongs to its mean heat.
    """
    emitter = machine.emitter
    best: tuple[float, float, FloatArray] | None = None
    for hours in LAGS_H[emitter.kind]:
        lag_s, rows = np.array([HOUR_S * hours]), []
        for spell in spells:
            held_k = flow_for_heat(emitter, smoothed(spell, spell.heat_w[:, None], lag_s), 0.0)
            over_k = spell.flow_c - smoothed(spell, spell.room_c[:, None], lag_s)[:, 0]
            load = spell.heat_w / emitter.design_heat_w
            rows.append(np.column_stack([held_k, load, over_k])[spell.heat_w > least_w])
        table = np.vstack(rows)
        table = table[np.isfinite(table).all(axis=1)]
        if len(table) * spells[0].step_s < LEAST_FLOW_S:
            return _flow_seen(spells, machine, 0.0, draws) if least_w > 0.0 else None
        law, miss = nnls(table[:, :2], table[:, 2])
        if best is None or miss < best[0]:
            best = (float(miss), HOUR_S * hours, law)
    if best is None:
        return None
    ones = np.ones(draws)
    return Flow(emitter, best[1] * ones, best[2][0] * ones, best[2][1] * ones)


def _flow_believed(emitter: Emitter, lag_s: FloatArray, rng: np.random.Generator) -> Flow:
    """Of the rise of the water between pipes and a heated floor nobody knows how much it is."""
    mean_c = emitter.design_flow_c - emitter.design_spread_k / 2.0
    direct = np.zeros(len(lag_s))
    if emitter.design_floor_c is not None:
        most = (mean_c - emitter.design_floor_c) / (mean_c - emitter.design_room_c)
        direct = most * rng.random(len(lag_s))
    return Flow(emitter, lag_s, 1.0 - direct, direct * (mean_c - emitter.design_room_c))


def _given(machine: Machine, spell: Spell, flow: Flow) -> _Mapped:
    """The map at the heat that was given; a column for each draw."""
    heat_w = np.broadcast_to(spell.heat_w[:, None], (len(spell.heat_w), len(flow.lag_s)))
    return _mapped(machine, spell, flow.of(spell, heat_w, spell.room_c[:, None]), heat_w)


def _middle(m: _Mapped) -> _Mapped:
    """The mean over the draws."""
    parts = (m.net_w, m.outdoor_c, m.flow_c, m.load_frac)
    return _Mapped(*(part.mean(axis=1) for part in parts))


def smoothed(spell: Spell, values: FloatArray, lag_s: FloatArray) -> FloatArray:
    """Values (steps x draws) smoothed over the lag of each draw; at rest before the first day."""
    kept = np.exp(-spell.step_s / np.maximum(lag_s, 1.0)).tolist()
    first = values[: _steps_of(spell, DAY_S)].mean(axis=0).tolist()
    columns = [
        lfilter([1.0 - k], [1.0, -k], column - rest) + rest
        for k, column, rest in zip(kept, values.T, first, strict=True)
    ]
    return np.asarray(np.column_stack(columns), dtype=np.float64)


def _mapped(machine: Machine, spell: Spell, flow_c: FloatArray, heat_w: FloatArray) -> _Mapped:
    """The map at this heat; a pump that cannot run so slowly runs at times, at its lowest load."""
    pump = machine.heat_pump
    source_c = source_for(pump, np.broadcast_to(spell.outdoor_c[:, None], heat_w.shape))
    load = heat_w / capacity_w(pump, source_c, flow_c)
    running = np.maximum(load, machine.least_load_frac)
    gain = part_load_gain(source_c, flow_c, running) * measured_gain(pump.load_gain, running)
    net_w = heat_w / (cop(pump, source_c, flow_c) * gain)
    return _Mapped(net_w, source_c, flow_c, running)


def _steps_of(spell: Spell, span_s: float) -> int:
    return max(round(span_s / spell.step_s), 1)


def _slopes(gain: FloatArray, m: _Mapped, mean: FloatArray) -> FloatArray:
    """g1 to g3 of every draw; steps x draws."""
    outdoor = gain[1] * (m.outdoor_c - mean[0])
    flow = gain[2] * (m.flow_c - mean[1])
    return np.asarray(outdoor + flow + gain[3] * (m.load_frac - mean[2]), dtype=np.float64)


def _day_of(spell: Spell) -> NDArray[np.intp]:
    """The day from the spell's start that each step is in."""
    return np.asarray(np.arange(len(spell.room_c)) * spell.step_s // DAY_S, dtype=np.intp)


def _hourly(spell: Spell, m: _Mapped, metered_w: FloatArray) -> FloatArray:
    """Hours with enough heat: log of measured over map, outdoor, flow, load (hours x 4)."""
    steps = _steps_of(spell, HOUR_S)
    whole = len(metered_w) // steps * steps
    columns = [metered_w, m.net_w, m.outdoor_c, m.flow_c, m.load_frac]
    means = np.column_stack([c[:whole].reshape(-1, steps).mean(axis=1) for c in columns])
    heat_w = spell.heat_w[:whole].reshape(-1, steps)
    steady = (heat_w > 0.0).all(axis=1) & (means[:, :2] > LEAST_NET_W).all(axis=1)
    means = means[steady]
    log = np.log(means[:, 0] / means[:, 1])
    near = np.abs(log) < BELIEVED
    return np.asarray(np.column_stack([log, means[:, 2:]])[near], dtype=np.float64)


def _posterior(
    hours: FloatArray, machine: Machine, rng: np.random.Generator, draws: int
) -> tuple[FloatArray, FloatArray]:
    """Means of outdoor, flow and load, and draws of g (4 x draws)."""
    prior = np.array(GAIN_STD)
    random = rng.standard_normal((len(prior), draws))
    if not machine.heat_is_measured or len(hours) < LEAST_HOURS:
        mean = hours[:, 1:].mean(axis=0) if len(hours) else np.zeros(3)
        return mean, prior[:, None] * random
    mean = hours[:, 1:].mean(axis=0)
    design = np.column_stack([np.ones(len(hours)), hours[:, 1:] - mean])
    error = hours[:, 0] - design @ np.linalg.lstsq(design, hours[:, 0], rcond=None)[0]
    square = float(np.mean(error**2))
    alike = float(np.mean(error[1:] * error[:-1])) / max(square, 1e-12)
    alike = min(max(alike, 0.0), MOST_ALIKE)
    noise = max(square * (1.0 + alike) / (1.0 - alike), 1e-8)
    precision = design.T @ design / noise + np.diag(prior**-2.0)
    covariance = np.linalg.inv(precision)
    best = covariance @ design.T @ hours[:, 0] / noise
    return mean, best[:, None] + np.linalg.cholesky(covariance) @ random


def _rests(
    spells: Sequence[Spell], metered: Sequence[FloatArray], modelled: Sequence[FloatArray]
) -> list[FloatArray]:
    """What each day of each spell needed beyond the mean model, as logs; 0 in the mean."""
    logs, used = [], []
    for spell, was_w, model_w in zip(spells, metered, modelled, strict=True):
        days = _day_of(spell)
        was, model = np.bincount(days, was_w), np.bincount(days, model_w)
        known = np.minimum(was, model) > 0.0
        ratio = np.divide(was, model, out=np.ones_like(was), where=known)
        logs.append(np.clip(np.log(np.where(known, ratio, 1.0)), -BELIEVED, BELIEVED))
        used.append(was)
    mean = np.average(np.concatenate(logs), weights=np.concatenate(used))
    return [np.asarray(log - mean, dtype=np.float64) for log in logs]


def _drawn_rests(
    rests: Sequence[FloatArray], machine: Machine, rng: np.random.Generator, draws: int
) -> tuple[FloatArray, ...]:
    """A day's own rest, and a share of another day's, for each draw; days x draws per spell."""
    pool = np.concatenate(rests)
    drawn = []
    for rest in rests:
        size = (len(rest), draws)
        if machine.heat_is_measured:
            other = pool[rng.integers(len(pool), size=size)]
        else:
            other = REST_LOG_STD * rng.standard_normal(size)
        drawn.append(rest[:, None] + OTHERS_FRAC * other)
    return tuple(drawn)
