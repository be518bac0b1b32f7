"""A heat trajectory run through the house model: what every kind of plan is made of."""

from dataclasses import dataclass

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import Discrete, Steady, discretise, drive, simulate, steady_state
from mpc.estimator import DISTURBANCE_DECAY_S
from mpc.plan import Plan, PlanRequest, Trajectory
from mpc.power_curve import Emission, emission, flow_c
from mpc.power_curve import power_w as power_for

HEAT_STEP_W = 0.1  # plans store heat and power in these steps,
ROOM_DIGITS = 3  # and temperatures to 0.001 K
COST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class House:
    """The house of a request over its horizon, everything but heating known."""

    step: Discrete
    start_c: FloatArray
    drive_k: FloatArray  # states x steps
    gain_w: FloatArray  # per step: internal gains and the decaying disturbance


def house_of(request: PlanRequest) -> House:
    """Discretise the request's building and collect what acts on it."""
    horizon = request.horizon
    step = discretise(request.building, float(horizon.step_s))
    after_s = (np.arange(len(horizon.outdoor_c)) + 0.5) * horizon.step_s
    fading_w = request.estimate.disturbance_w * np.exp(-after_s / DISTURBANCE_DECAY_S)
    gain_w = request.building.internal_gains_w + fading_w
    return House(
        step=step,
        start_c=np.array(request.estimate.state_c),
        drive_k=drive(
            step,
            outdoor_c=horizon.outdoor_c,
            ghi_w_per_m2=horizon.ghi_w_per_m2,
            gain_w=gain_w,
        ),
        gain_w=gain_w,
    )


def steady_at_target(request: PlanRequest, house: House) -> Steady:
    """Heat and state that would hold each step's target for ever in that step's weather, no sun."""
    return steady_state(
        request.building,
        room_c=request.comfort.target_c,
        outdoor_c=request.horizon.outdoor_c,
        gain_w=house.gain_w,
    )


def emission_at(request: PlanRequest, states_c: FloatArray) -> Emission:
    """Where the heat goes when the house passes through these states (states x steps)."""
    return emission(
        heat_pump=request.heat_pump,
        emitter=request.emitter,
        limits=request.limits,
        outdoor_c=request.horizon.outdoor_c,
        room_c=states_c[0],
        floor_c=states_c[2] if len(states_c) > 2 else None,
    )


def during(start_c: FloatArray, ends_c: FloatArray) -> FloatArray:
    """Mean of each step's first and last state."""
    return 0.5 * (np.column_stack([start_c, ends_c[:, :-1]]) + ends_c)


def plan_from_heat(request: PlanRequest, house: House, heat_w: FloatArray, *, source: str) -> Plan:
    """The plan that gives this heat, rounded first and replayed then, so that it holds together."""
    horizon, comfort = request.horizon, request.comfort
    heat = np.round(np.floor(heat_w / HEAT_STEP_W + 1e-6) * HEAT_STEP_W, 1)  # never above a bound
    states = simulate(house.step, house.start_c, heat_w=heat, drive_k=house.drive_k)
    where = emission_at(request, during(house.start_c, states))
    power = np.round(power_for(where, heat), 1)
    room = tuple(np.round(states[0], ROOM_DIGITS).tolist())
    return Plan(
        made_at=request.made_at,
        starts_at=horizon.starts_at,
        step_s=horizon.step_s,
        source=source,
        heat_w=tuple(heat.tolist()),
        power_w=tuple(power.tolist()),
        flow_c=tuple(np.round(flow_c(where, heat), ROOM_DIGITS).tolist()),
        room_c=room,
        price_per_kwh=horizon.price_per_kwh,
        price_known=horizon.price_known,
        low_c=comfort.low_c,
        high_c=comfort.high_c,
        cost=energy_cost(tuple(power.tolist()), horizon.price_per_kwh, horizon.step_s),
        discomfort_kh=outside_kh(room, (comfort.low_c, comfort.high_c), horizon.step_s),
    )


def energy_cost(power_w: Trajectory, price_per_kwh: Trajectory, step_s: int) -> float:
    """What the electricity of these steps costs."""
    kwh = np.array(power_w) * step_s / 3.6e6
    return round(float(kwh @ np.array(price_per_kwh)), COST_DIGITS)


def outside_kh(room_c: Trajectory, band_c: tuple[Trajectory, Trajectory], step_s: int) -> float:
    """Kelvin-hours outside the band (low, high), both sides."""
    room, low, high = np.array(room_c), np.array(band_c[0]), np.array(band_c[1])
    outside_k = np.maximum(low - room, 0.0) + np.maximum(room - high, 0.0)
    return round(float(np.sum(outside_k)) * step_s / 3600.0, COST_DIGITS)
