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
    first: Discrete  # what is left of the first step when the estimate is made
    first_frac: float  # of a whole step
    start_c: FloatArray
    drive_k: FloatArray  # states x steps; the start enters through the first column
    gain_w: FloatArray  # per step: internal gains and the decaying disturbance

    def states_c(self, heat_w: FloatArray) -> FloatArray:
        """States at the end of every step (states x steps) under this heat."""
        after_first = self.first.b_heat * heat_w[0] + self.drive_k[:, 0]
        rest = simulate(self.step, after_first, heat_w=heat_w[1:], drive_k=self.drive_k[:, 1:])
        return np.column_stack([after_first, rest])

    def during_c(self, ends_c: FloatArray) -> FloatArray:
        """Mean of each step's first and last state."""
        return 0.5 * (np.column_stack([self.start_c, ends_c[:, :-1]]) + ends_c)


def house_of(request: PlanRequest) -> House:
    """Discretise the request's building and collect what acts on it.

    The first step is cut to what is left of it at `estimate.at`; its heat is the mean over that.
    """
    horizon = request.horizon
    gone_s = max((request.estimate.at - horizon.starts_at).total_seconds(), 0.0)
    step = discretise(request.building, float(horizon.step_s))
    first = discretise(request.building, horizon.step_s - gone_s) if gone_s > 0.0 else step
    after_s = (np.arange(len(horizon.outdoor_c)) + 0.5) * horizon.step_s
    fading_w = request.estimate.disturbance_w * np.exp(-after_s / DISTURBANCE_DECAY_S)
    gain_w = request.building.internal_gains_w + fading_w
    outdoor, ghi = np.array(horizon.outdoor_c), np.array(horizon.ghi_w_per_m2)
    drive_k = drive(step, outdoor_c=outdoor, ghi_w_per_m2=ghi, gain_w=gain_w)
    start_c = np.array(request.estimate.state_c)
    start_k = drive(first, outdoor_c=outdoor[0], ghi_w_per_m2=ghi[0], gain_w=gain_w[0])
    drive_k[:, 0] = first.a @ start_c + start_k[:, 0]
    return House(
        step=step,
        first=first,
        first_frac=1.0 - gone_s / horizon.step_s,
        start_c=start_c,
        drive_k=drive_k,
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


def plan_from_heat(request: PlanRequest, house: House, heat_w: FloatArray, *, source: str) -> Plan:
    """The plan that gives this heat, rounded first and replayed then, so that it holds together.

    Cost and discomfort count every step as a whole one.
    """
    horizon, comfort = request.horizon, request.comfort
    heat = np.round(np.floor(heat_w / HEAT_STEP_W + 1e-6) * HEAT_STEP_W, 1)  # never above a bound
    states = house.states_c(heat)
    where = emission_at(request, house.during_c(states))
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
        outdoor_c=horizon.outdoor_c,
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
