"""What a plan costs in all the terms of its request, step by step, and what it has decided."""

from dataclasses import dataclass, fields

import numpy as np

from mpc.arrays import FloatArray
from mpc.numbers import (
    FROST_PRICE_FACTOR,
    RESERVE_PRICE_FACTOR,
    Stage,
    numbers_of,
    stage_of,
)
from mpc.peak_cost import charge_of
from mpc.plan import Plan, PlanRequest
from mpc.problem import Numbers
from mpc.replay import Decisions, House
from mpc.solver import first_conditions
from mpc.storage import Layers, buffer_steps, layers_steps, simulate_layers

SANITISE_H = 1.0  # a tank that is never hot throughout is so many hours too cold


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Costs over the horizon, in its currency. Lower is better; energy fed in may make it < 0."""

    energy: float  # bought less sold
    peaks: float  # charges of the billing periods, with what they have reached already
    below: float  # kelvin-hours below the band, frost included
    above: float
    debt: float  # mean room below mean target
    starts: float
    stored: float  # heat missing in house and buffer at the end
    tank: float  # too cold, too hot, not sanitised, and heat missing at its end
    buffer: float  # too hot, or too cold for what the emitters are to give
    reserve: float  # power that is not drawn, so cannot be called off

    @property
    def total(self) -> float:
        """The sum of all terms."""
        return float(sum(getattr(self, field.name) for field in fields(self)))


def worth(request: PlanRequest, plan: Plan) -> Worth:
    """What a plan made of this request costs, from its own replayed numbers.

    The terms and prices are those of the optimisation (mpc/numbers.py), with three differences:
    everything counts step by step and not by blocks, energy and peaks are priced as the bill does
    it, and the small price on changes of heat is left out, being no cost. What heat missing at the
    end costs is taken at the power curves of a house at its target, so that it is the same for
    every plan of a request.
    """
    stage = stage_of(request)
    met = first_conditions(stage)
    numbers = numbers_of(stage, met.curve, met.tank)
    hours = step_hours(request, stage.house)
    decided = decisions_of(request, stage.house, plan)
    return Worth(
        **_bill(request, plan, hours),
        **_comfort(stage, numbers, plan, hours),
        starts=_starts(request, plan),
        stored=_stored(stage, numbers, plan, decided),
        tank=_tank(stage, numbers, decided, hours),
        buffer=_buffer(stage, numbers, plan, (decided, hours)),
        reserve=_reserve(request, plan, hours),
    )


def step_hours(request: PlanRequest, house: House) -> FloatArray:
    """What is left of every step, in hours."""
    hours = np.full(len(request.horizon.outdoor_c), request.horizon.step_s / 3600.0)
    hours[0] *= house.first_frac
    return hours


def import_kw(request: PlanRequest, plan: Plan) -> FloatArray:
    """Power at the grid connection per step; negative where it is fed in."""
    power_w = np.array(plan.power_w)
    if request.site is not None:
        power_w = power_w + np.array(request.site.base_load_w) - np.array(request.site.pv_w)
    return np.asarray(power_w / 1000.0)


def decisions_of(request: PlanRequest, house: House, plan: Plan) -> Decisions:
    """What a plan of this request decided, so that a replay gives the same plan again.

    A plan tells the back-up heater's heat as one: its share in the tank is what the tank's
    temperatures need beyond the pump's heat. In the same way the buffer tells what it gave away.
    """
    hours = step_hours(request, house)
    heater = np.array(plan.heater_w) if plan.heater_w else np.zeros(len(hours))
    into_tank = np.zeros_like(heater)
    owner = request.heater
    if owner is not None and owner.for_hot_water and request.hot_water is not None:
        into_tank = heater if not owner.for_space else _tank_share_w(request, plan, hours, heater)
    emitted = None
    if request.buffer is not None:
        ends = np.array(plan.buffer_c)
        starts = np.append(request.buffer.state_c, ends[:-1])
        charged = np.array(plan.heat_w) + heater - into_tank
        emitted = emitted_w(request, hours, charged, (starts, ends))
    return decided(plan, heater_w=heater - into_tank, dhw_heater_w=into_tank, emitted_w=emitted)


def decided(
    plan: Plan,
    *,
    heater_w: FloatArray,
    dhw_heater_w: FloatArray,
    emitted_w: FloatArray | None,
) -> Decisions:
    """The decisions of a plan, given how its heater is shared and what its buffer gives."""
    tank = bool(plan.dhw_heat_w)
    return Decisions(
        heat_w=np.array(plan.heat_w),
        run_frac=np.array(plan.run_frac),
        dhw_heat_w=np.array(plan.dhw_heat_w) if tank else None,
        dhw_run_frac=np.array(plan.dhw_run_frac) if tank else None,
        heater_w=heater_w,
        dhw_heater_w=dhw_heater_w,
        emitted_w=emitted_w,
    )


def into_w(decided: Decisions) -> FloatArray:
    """Heat into the house."""
    if decided.emitted_w is not None:
        return decided.emitted_w
    return decided.heat_w if decided.heater_w is None else decided.heat_w + decided.heater_w


def emitted_w(
    request: PlanRequest,
    hours: FloatArray,
    charged_w: FloatArray,
    buffer_c: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """What a buffer gave in every step, from its temperatures at start and end of each."""
    if request.buffer is None:
        raise ValueError("no buffer")
    kept, gain, drive = buffer_steps(request.buffer, hours)
    starts, ends = buffer_c
    stayed_w = 1000.0 * (ends - kept * starts - drive) / gain
    return np.asarray(np.maximum(charged_w - stayed_w, 0.0))


def _layers(request: PlanRequest, hours: FloatArray) -> Layers:
    if request.hot_water is None:
        raise ValueError("no hot water")
    drawn = np.array(request.hot_water.draw_kwh_per_k)
    drawn[0] *= hours[0] / hours[-1]
    return layers_steps(request.hot_water.tank, step_h=hours, draw_kwh_per_k=drawn)


def _tank_share_w(
    request: PlanRequest, plan: Plan, hours: FloatArray, heater_w: FloatArray
) -> FloatArray:
    """The heater's heat into the tank: what lifts the upper layer beyond the pump's heat."""
    share = np.zeros_like(heater_w)
    if request.hot_water is None or not heater_w.any():
        return share
    layers, x = _layers(request, hours), np.array(request.hot_water.state_c)
    for k, pump_w in enumerate(plan.dhw_heat_w):
        rested = layers.a[k] @ x + layers.d[k] + layers.b[k] * pump_w / 1000.0
        if heater_w[k] > 0.0 and layers.b[k, 0] > 0.0:
            missing_w = 1000.0 * (plan.dhw_c[k] - rested[0]) / layers.b[k, 0]
            share[k] = min(max(missing_w, 0.0), heater_w[k])
        x = rested + layers.b[k] * share[k] / 1000.0
    return share


def _bill(request: PlanRequest, plan: Plan, hours: FloatArray) -> dict[str, float]:
    power_kw, price = import_kw(request, plan), np.array(request.horizon.price_per_kwh)
    bought, sold = np.maximum(power_kw, 0.0), np.maximum(-power_kw, 0.0)
    energy = float((hours * price) @ bought)
    if request.site is None:
        return {"energy": energy, "peaks": 0.0}
    energy -= float((hours * np.array(request.site.export_price_per_kwh)) @ sold)
    return {"energy": energy, "peaks": sum(charge_of(c, bought) for c in request.site.peaks)}


def _comfort(
    stage: Stage, numbers: Numbers, plan: Plan, hours: FloatArray
) -> dict[str, float]:  # fmt: skip
    """Kelvin-hours outside the band (as the reserve narrows it) and below the mean, priced."""
    comfort, blocks = stage.request.comfort, stage.blocks
    below_kh = above_kh = 0.0
    for i, (room_c, band) in enumerate(
        zip(plan.rooms_c, comfort.bands(len(plan.rooms_c)), strict=True)
    ):
        room = np.array(room_c)
        drop_k = blocks.spread(numbers["low_c"][i] - blocks.highest(band.low_c))
        rise_k = blocks.spread(blocks.lowest(band.high_c) - numbers["high_c"][i])
        cold_k = np.maximum(np.array(band.low_c) + drop_k - room, 0.0)
        frost_k = FROST_PRICE_FACTOR * np.maximum(comfort.frost_c - room, 0.0)
        warm_k = np.maximum(room - np.array(band.high_c) + rise_k, 0.0)
        below_kh += float(hours @ (cold_k + frost_k))
        above_kh += float(hours @ warm_k)
    debt_kh = max(float(numbers["target_kh"]) - float(hours @ np.array(plan.room_c)), 0.0)
    return {
        "below": comfort.below_price_per_kh * below_kh,
        "above": comfort.above_price_per_kh * above_kh,
        "debt": comfort.mean_price_per_kh * debt_kh,
    }


def _starts(request: PlanRequest, plan: Plan) -> float:
    machine = request.compressor
    busy = np.array(plan.run_frac)
    if plan.dhw_run_frac:
        busy = busy + np.array(plan.dhw_run_frac)
    before = np.append(1.0 if machine.running else 0.0, busy[:-1])
    return machine.start_price * float(np.sum(np.maximum(busy - before, 0.0)))


def left_kwh(stage: Stage, numbers: Numbers, plan: Plan, decided: Decisions) -> float:
    """Heat in house and buffer at the end, above 0 °C."""
    ends_c = stage.house.states_c(into_w(decided))[:, -1]
    left = float(numbers["stored_kwh_per_k"] @ ends_c)
    if stage.request.buffer is not None:
        left += stage.request.buffer.kwh_per_k * plan.buffer_c[-1]
    return left


def _stored(stage: Stage, numbers: Numbers, plan: Plan, decided: Decisions) -> float:
    missing = float(numbers["stored_target_kwh"]) - left_kwh(stage, numbers, plan, decided)
    return stage.scale * float(numbers["stored_cost_per_kwh"]) * max(missing, 0.0)


def tank_c(request: PlanRequest, decided: Decisions, hours: FloatArray) -> FloatArray:
    """Layers of the tank at the end of every step (2 x steps)."""
    water = request.hot_water
    if water is None or decided.dhw_heat_w is None:
        raise ValueError("no hot water")
    heat_w = decided.dhw_heat_w
    if decided.dhw_heater_w is not None:
        heat_w = heat_w + decided.dhw_heater_w
    return simulate_layers(_layers(request, hours), water.state_c, heat_w)


def _tank(stage: Stage, numbers: Numbers, decided: Decisions, hours: FloatArray) -> float:
    water = stage.request.hot_water
    if water is None:
        return 0.0
    layers = tank_c(stage.request, decided, hours)
    cold_k = np.maximum(np.array(water.low_c) - layers[0], 0.0)
    high_c = np.array(water.high_c)
    unclean_k = 0.0
    if water.sanitise_c is not None and water.sanitise_steps is not None:
        first, last = water.sanitise_steps
        high_c[first : last + 1] = np.maximum(high_c[first : last + 1], water.sanitise_c)
        hottest = layers.min(axis=0)[first : last + 1]
        if hottest.size:
            unclean_k = max(water.sanitise_c - float(hottest.max()), 0.0)
    hot_k = np.maximum(layers.mean(axis=0) - high_c, 0.0)
    outside_kh = float(hours @ (cold_k + hot_k)) + SANITISE_H * unclean_k
    left = float(numbers["tank_kwh_per_k"]) * float(layers[:, -1].sum())
    missing = max(float(numbers["tank_target_kwh"]) - left, 0.0)
    missing_cost = stage.scale * float(numbers["tank_stored_cost_per_kwh"]) * missing
    return water.below_price_per_kh * outside_kh + missing_cost


def _buffer(
    stage: Stage, numbers: Numbers, plan: Plan, gave: tuple[Decisions, FloatArray]
) -> float:  # fmt: skip
    """Too hot, step by step; more given than the emitters can take: by blocks, as it is planned."""
    buffer, blocks = stage.request.buffer, stage.blocks
    decided, hours = gave
    if buffer is None or decided.emitted_w is None:
        return 0.0
    ends = np.array(plan.buffer_c)
    over = hours @ np.maximum(ends - buffer.high_c, 0.0)
    most_kw = numbers["emitter_kw_per_k"] * blocks.at_end(ends)[:-1] - numbers["emitter_kw"]
    given_kw = blocks.mean(decided.emitted_w)[1:] / 1000.0
    cold = stage.hours[1:] @ np.maximum(given_kw - np.maximum(most_kw, 0.0), 0.0)
    return stage.request.comfort.below_price_per_kh * float(over + cold)


def _reserve(request: PlanRequest, plan: Plan, hours: FloatArray) -> float:
    reserve = request.reserve
    if reserve is None:
        return 0.0
    drawn_w = np.array(plan.power_w) - request.heat_pump.standby_w
    short_kw = np.maximum(np.array(reserve.up_w) - drawn_w, 0.0) / 1000.0
    return RESERVE_PRICE_FACTOR * request.comfort.below_price_per_kh * float(hours @ short_kw)
