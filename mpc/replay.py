"""A heat trajectory run through the house model: what every kind of plan is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import (
    Discrete,
    Steady,
    discretise,
    drive,
    floor_of,
    rooms_of,
    simulate,
    steady_state,
)
from mpc.estimator import passing_left_frac
from mpc.heat_pump_source import planned_source_c
from mpc.plan import Plan, PlanRequest, RoomBand, SecondRoom, Trajectory
from mpc.power_curve import Emission, emission, flow_c, lowest_w, tank_power_w
from mpc.power_curve import power_w as power_for
from mpc.storage import (
    Layers,
    Tank,
    buffer_steps,
    heated_below,
    layers_steps,
    risen_layers,
    simulate_layers,
    warm_up_kwh,
)
from mpc.wind import wind_gain_w

HEAT_STEP_W = 0.1  # plans store heat and power in these steps,
ROOM_DIGITS = 3  # and temperatures to 0.001 K
COST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class House:
    """The house of a request over its horizon, everything but heating known."""

    step: Discrete
    first: Discrete  # what is left of the first step when the estimate is made
    first_frac: float  # of a whole step
    start_c: FloatArray
    drive_k: FloatArray  # states x steps; the start enters through the first column
    gain_w: FloatArray  # per step: internal gains, wind, unexplained heat, whose passing part fades
    second_w: float = 0.0  # unexplained heat into the second zone alone

    def states_c(self, heat_w: FloatArray) -> FloatArray:
        """States at the end of every step (states x steps) under this heat."""
        after_first = self.first.b_heat * heat_w[0] + self.drive_k[:, 0]
        rest = simulate(self.step, after_first, heat_w=heat_w[1:], drive_k=self.drive_k[:, 1:])
        return np.column_stack([after_first, rest])

    def during_c(self, ends_c: FloatArray) -> FloatArray:
        """Mean of each step's first and last state."""
        return _during(self.start_c, ends_c)


def house_of(request: PlanRequest) -> House:
    """Discretise the request's building and collect what acts on it.

    The first step is cut to what is left of it at `estimate.at`; its heat is the mean over that.
    """
    horizon = request.horizon
    gone_s = max((request.estimate.at - horizon.starts_at).total_seconds(), 0.0)
    step = discretise(request.building, float(horizon.step_s))
    first = discretise(request.building, horizon.step_s - gone_s) if gone_s > 0.0 else step
    gain_w, second_w = _gain_w(request, gone_s), request.estimate.second_w or 0.0
    outdoor, ghi = np.array(horizon.outdoor_c), np.array(horizon.ghi_w_per_m2)
    drive_k = drive(step, outdoor_c=outdoor, ghi_w_per_m2=ghi, gain_w=gain_w, second_w=second_w)
    start_c = np.array(request.estimate.state_c)
    start_k = drive(
        first, outdoor_c=outdoor[0], ghi_w_per_m2=ghi[0], gain_w=gain_w[0], second_w=second_w
    )
    drive_k[:, 0] = first.a @ start_c + start_k[:, 0]
    if request.missed_w:
        missed_w = np.array(request.missed_w)
        drive_k[:, 0] -= first.b_heat * missed_w[0]
        drive_k[:, 1:] -= np.outer(step.b_heat, missed_w[1:])
    return House(
        step=step,
        first=first,
        first_frac=1.0 - gone_s / horizon.step_s,
        start_c=start_c,
        drive_k=drive_k,
        gain_w=gain_w,
        second_w=second_w,
    )


def _gain_w(request: PlanRequest, gone_s: float) -> FloatArray:
    """Heat into the air beside heating and sun; of the first step `gone_s` are over."""
    step_s, estimate = float(request.horizon.step_s), request.estimate
    left_s = step_s - gone_s
    left_frac = [passing_left_frac(0.0, left_s)]
    for k in range(len(request.horizon.outdoor_c) - 1):
        left_frac.append(passing_left_frac(left_s + k * step_s, step_s))
    lasting_w = request.building.internal_gains_w + estimate.disturbance_w
    gain_w = lasting_w + estimate.passing_w * np.array(left_frac)
    horizon = request.horizon
    if not horizon.wind_m_s:
        return gain_w
    return gain_w + wind_gain_w(
        request.building,
        wind_m_s=horizon.wind_m_s,
        outdoor_c=horizon.outdoor_c,
        target_c=request.comfort.target_c,
    )


def steady_at_target(request: PlanRequest, house: House) -> Steady:
    """Heat and state that would hold each step's target for ever in that step's weather, no sun."""
    return steady_state(
        request.building,
        room_c=request.comfort.target_c,
        outdoor_c=request.horizon.outdoor_c,
        gain_w=house.gain_w,
        second_w=house.second_w,
    )


def emission_at(request: PlanRequest, states_c: FloatArray) -> Emission:
    """Where the heat goes when the house passes through these states (states x steps)."""
    floor = floor_of(request.building)
    return emission(
        heat_pump=request.heat_pump,
        emitter=request.emitter,
        limits=request.limits,
        source_c=planned_source_c(request),
        room_c=states_c[0],
        floor_c=None if floor is None else states_c[floor],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What a plan decides for every step; None where the house has no such part. Heat in W."""

    heat_w: FloatArray  # from the pump into emitters or buffer
    run_frac: FloatArray | None = None  # None: as the heat tells
    dhw_heat_w: FloatArray | None = None
    dhw_run_frac: FloatArray | None = None
    heater_w: FloatArray | None = None  # into emitters or buffer
    dhw_heater_w: FloatArray | None = None
    emitted_w: FloatArray | None = None  # out of the buffer


def plan_from_heat(request: PlanRequest, house: House, heat_w: FloatArray, *, source: str) -> Plan:
    """`plan_from` for heat into the rooms only."""
    return plan_from(request, house, Decisions(heat_w=heat_w), source=source)


def plan_from(request: PlanRequest, house: House, wanted: Decisions, *, source: str) -> Plan:
    """The plan of these decisions, rounded first and replayed then, so that it holds together.

    Cost and discomfort count every step as a whole one.
    """
    horizon, comfort = request.horizon, request.comfort
    heat, heater = _stepped(wanted.heat_w), _stepped_or_none(wanted.heater_w, wanted.heat_w)
    dhw, dhw_heater = (
        _stepped_or_none(heat_w, wanted.heat_w)
        for heat_w in (wanted.dhw_heat_w, wanted.dhw_heater_w)
    )
    into_w = heat + heater if wanted.emitted_w is None else _stepped(wanted.emitted_w)
    states = house.states_c(into_w)
    where = emission_at(request, house.during_c(states))
    run = _run_frac(where, heat) if wanted.run_frac is None else wanted.run_frac
    power = power_for(where, heat) + request.compressor.circulation_w * run
    layers_c = _tank_c(request, house, dhw + dhw_heater)
    dhw_run = np.zeros_like(heat) if wanted.dhw_run_frac is None else wanted.dhw_run_frac
    if request.hot_water is not None and layers_c is not None:
        mean_c = _during(np.array(request.hot_water.state_c), layers_c).mean(axis=0)
        power = power + _dhw_power_w(request, where, (dhw, dhw_run), mean_c)
    heated = heater + dhw_heater
    if request.heater is not None:
        power = power + heated / request.heater.efficiency_frac
    power = np.round(power, 1)
    rooms = [_kept(states[room]) for room in rooms_of(request.building)]
    bands = comfort.bands(len(rooms))
    return Plan(
        made_at=request.made_at,
        starts_at=horizon.starts_at,
        step_s=horizon.step_s,
        source=source,
        heat_w=tuple(heat.tolist()),
        power_w=tuple(power.tolist()),
        flow_c=_kept(flow_c(where, heat)),
        room_c=rooms[0],
        price_per_kwh=horizon.price_per_kwh,
        price_known=horizon.price_known,
        low_c=comfort.low_c,
        high_c=comfort.high_c,
        cost=energy_cost(tuple(power.tolist()), horizon.price_per_kwh, horizon.step_s),
        discomfort_kh=outside_kh(rooms, bands, horizon.step_s),
        outdoor_c=horizon.outdoor_c,
        run_frac=_kept(run),
        dhw_heat_w=() if layers_c is None else tuple(dhw.tolist()),
        dhw_run_frac=() if layers_c is None else _kept(dhw_run),
        dhw_c=() if layers_c is None else _kept(layers_c[0]),
        dhw_ends_c=_charge_ends_c(request, house, dhw),
        heater_w=() if request.heater is None else tuple(heated.tolist()),
        buffer_c=_buffer_c(request, house, heat + heater, into_w),
        second=None if len(rooms) == 1 else SecondRoom(room_c=rooms[1], band=bands[1]),
    )


def _stepped(heat_w: FloatArray) -> FloatArray:
    """Rounded down to HEAT_STEP_W: never above a bound."""
    return np.asarray(np.round(np.floor(heat_w / HEAT_STEP_W + 1e-6) * HEAT_STEP_W, 1))


def _stepped_or_none(heat_w: FloatArray | None, like: FloatArray) -> FloatArray:
    return np.zeros_like(like) if heat_w is None else _stepped(heat_w)


def _kept(values: FloatArray) -> Trajectory:
    return tuple(np.round(values, ROOM_DIGITS).tolist())


def _run_frac(where: Emission, heat_w: FloatArray) -> FloatArray:
    """Share of each step the compressor runs for this mean heat: below its lowest, it cycles."""
    least_w = np.maximum(lowest_w(where, heat_w), 1.0)
    return np.asarray(np.minimum(heat_w / least_w, 1.0))


def _during(start: FloatArray, ends: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (np.column_stack([start, ends[:, :-1]]) + ends))


def _tank_c(request: PlanRequest, house: House, heat_w: FloatArray) -> FloatArray | None:
    """Layers of the tank at the end of every step."""
    water = request.hot_water
    if water is None:
        return None
    into_w = _into_tank_w(request, house, heat_w)
    return simulate_layers(_layers_of(request, house, water.tank), water.state_c, into_w)


def _into_tank_w(request: PlanRequest, house: House, heat_w: FloatArray) -> FloatArray:
    """What of the pump's heat reaches the tank."""
    water = request.hot_water
    if water is None:
        return heat_w
    kwh = warm_up_kwh(water, heat_w > 0.0, charging=request.compressor.charging)
    return heat_w - 1000.0 * kwh / _step_h(request, house)


def _step_h(request: PlanRequest, house: House) -> FloatArray:
    """What is left of each step, in hours."""
    step_h = np.full(len(request.horizon.outdoor_c), request.horizon.step_s / 3600.0)
    step_h[0] *= house.first_frac
    return step_h


def _layers_of(request: PlanRequest, house: House, tank: Tank) -> Layers:
    """The steps of a tank, the first one as far as it is left."""
    if request.hot_water is None:
        raise ValueError("no hot water")
    drawn = np.array(request.hot_water.draw_kwh_per_k)
    drawn[0] *= house.first_frac
    return layers_steps(tank, step_h=_step_h(request, house), draw_kwh_per_k=drawn)


def _charge_ends_c(request: PlanRequest, house: House, heat_w: FloatArray) -> Trajectory:
    """Mean of the tank at the end of the charge that each step belongs to; empty: no whole ones."""
    water = request.hot_water
    if water is None or water.charge_w is None:
        return ()
    layers = _layers_of(request, house, heated_below(water.tank))
    into_w = _into_tank_w(request, house, heat_w)
    mean_c = risen_layers(layers, water.state_c, into_w).mean(axis=0)
    ends_c = np.where(heat_w > 0.0, mean_c, 0.0)
    for k in range(len(ends_c) - 2, -1, -1):
        if ends_c[k] > 0.0 and ends_c[k + 1] > 0.0:
            ends_c[k] = ends_c[k + 1]
    return _kept(ends_c)


def _buffer_c(
    request: PlanRequest, house: House, charged_w: FloatArray, emitted_w: FloatArray
) -> Trajectory:
    buffer = request.buffer
    if buffer is None:
        return ()
    kept, gain, drive = buffer_steps(buffer, _step_h(request, house))
    x, ends = buffer.state_c, []
    for k, net_w in enumerate(charged_w - emitted_w):
        x = kept[k] * x + gain[k] * net_w / 1000.0 + drive[k]
        ends.append(round(float(x), ROOM_DIGITS))
    return tuple(ends)


def _dhw_power_w(
    request: PlanRequest, where: Emission, charge: tuple[FloatArray, FloatArray], mean_c: FloatArray
) -> FloatArray:
    """Electricity of charging the tank, `charge` being heat in W and share of the step it runs."""
    if request.hot_water is None:
        return np.zeros_like(mean_c)
    heat_w, run_frac = charge
    share = np.maximum(run_frac, 1e-3)
    flow = mean_c + request.hot_water.tank.approach_k
    pump = request.heat_pump
    running = tank_power_w(pump, heat_w / share, source_c=where.source_c, flow_c=flow)
    around_w = request.compressor.circulation_w * run_frac
    return np.asarray(np.where(heat_w > 0.0, running * share, 0.0) + around_w)


def energy_cost(power_w: Trajectory, price_per_kwh: Trajectory, step_s: int) -> float:
    """What the electricity of these steps costs."""
    kwh = np.array(power_w) * step_s / 3.6e6
    return round(float(kwh @ np.array(price_per_kwh)), COST_DIGITS)


def outside_kh(rooms_c: Sequence[Trajectory], bands: Sequence[RoomBand], step_s: int) -> float:
    """Kelvin-hours outside the bands, both sides, of all rooms together."""
    total_kh = 0.0
    for room_c, band in zip(rooms_c, bands, strict=True):
        room, low, high = np.array(room_c), np.array(band.low_c), np.array(band.high_c)
        outside_k = np.maximum(low - room, 0.0) + np.maximum(room - high, 0.0)
        total_kh += float(np.sum(outside_k)) * step_s / 3600.0
    return round(total_kh, COST_DIGITS)
