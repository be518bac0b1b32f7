"""The planner's question and answer: PlanRequest in, Solved or NotSolved out."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from mpc.building import Building, Emitter
from mpc.heat_pump import HeatPumpMap
from mpc.horizon import Horizon

Trajectory: TypeAlias = tuple[float, ...]
"""One number per step of a horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is believed of the house's state at an instant, and how sure.

    `state_c` are the temperatures of air, mass and (if modelled) floor or radiators;
    `disturbance_w` is the unexplained heat into the air; `covariance` is row-major over state and
    disturbance (K², K·W, W²).
    """

    at: datetime
    state_c: tuple[float, ...]
    disturbance_w: float
    covariance: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comfort:
    """What the people in the house want, per step of the horizon."""

    low_c: Trajectory  # soft lower edge of the band
    high_c: Trajectory  # soft upper edge
    target_c: Trajectory  # the mean over the horizon shall not be below its mean
    balance_kh: float  # room minus target over the recent past; a debt (< 0) is to be made good
    below_price_per_kh: float
    above_price_per_kh: float
    mean_price_per_kh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLimits:
    """What the machine and its surroundings allow."""

    flow_max_c: float
    power_max_w: Trajectory | None  # electricity; None = no limit beyond the pump's own
    modulation_min_frac: float  # lowest continuous heat as a share of capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """Everything a plan depends on; equal requests give equal plans."""

    made_at: datetime
    horizon: Horizon
    estimate: Estimate
    comfort: Comfort
    limits: HeatLimits
    building: Building
    emitter: Emitter
    heat_pump: HeatPumpMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One decision for every step. Powers in W, temperatures at the end of the step."""

    made_at: datetime
    starts_at: datetime
    step_s: int
    source: str  # "mpc" or the name of the rule
    heat_w: Trajectory
    power_w: Trajectory
    flow_c: Trajectory
    room_c: Trajectory
    price_per_kwh: Trajectory
    price_known: tuple[bool, ...]
    low_c: Trajectory
    high_c: Trajectory
    cost: float  # of the energy over the horizon, in the horizon's currency
    discomfort_kh: float
    outdoor_c: Trajectory = ()  # as it was forecast; empty in plans of earlier versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """How the answer came about; timings are wall time and never enter a decision."""

    solver: str
    status: str
    iterations: int
    solve_ms: float
    objective: float
    replay_error_k: float  # largest difference between the solver's rooms and the replayed ones
    passes: int = 1  # solves, each with the power curve at the temperatures found before
    converged: bool = True  # False: bounds were still moving after the last pass, heat was cut
    power_fit_error_frac: float = 0.0  # largest error of the quadratic power curve of any step


@dataclass(frozen=True, slots=True)
class Solved:
    """A plan that was replayed through the model and keeps the bounds."""

    plan: Plan
    diagnostics: Diagnostics


@dataclass(frozen=True, slots=True)
class NotSolved:
    """No plan, and why."""

    reason: str
    diagnostics: Diagnostics | None


PlanResult: TypeAlias = Solved | NotSolved
