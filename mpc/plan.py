"""The planner's question and answer: PlanRequest in, Solved or NotSolved out."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from mpc.building import Building, Emitter
from mpc.heat_pump import HeatPumpMap
from mpc.horizon import Horizon
from mpc.peaks import PeakCharge
from mpc.storage import Buffer, HotWater

Trajectory: TypeAlias = tuple[float, ...]
"""One number per step of a horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is believed of the house's state at an instant, and how sure.

    `state_c` are the temperatures of the house's states (`mpc.building`); `disturbance_w` is the
    unexplained heat into the air that lasts, `passing_w` what fades within hours, `second_w` what
    lasts in the second zone alone; `covariance` is the upper triangle, row by row, over state,
    second (if there is one), lasting and passing heat (K², K·W, W²).
    """

    at: datetime
    state_c: tuple[float, ...]
    disturbance_w: float
    covariance: tuple[float, ...]
    passing_w: float = 0.0
    second_w: float | None = None  # None: there is no second zone

    @property
    def rooms_c(self) -> tuple[float, ...]:
        """The air of each zone: the first state, and of a second zone the last but one."""
        if self.second_w is None:
            return self.state_c[:1]
        return self.state_c[0], self.state_c[-2]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomBand:
    """Where a room may be, per step of the horizon; both edges are soft."""

    low_c: Trajectory
    high_c: Trajectory


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
    frost_c: float = 5.0  # below this every other wish is forgotten
    kept_k: Trajectory = ()  # how much the band is narrower than wanted, on both sides; () unsaid
    second: RoomBand | None = None  # of the second zone, narrower alike; None: as of the first

    def bands(self, rooms: int) -> tuple[RoomBand, ...]:
        """The band of each of so many rooms; target and mean are wishes for the first alone."""
        first = RoomBand(low_c=self.low_c, high_c=self.high_c)
        return (first, self.second or first)[:rooms]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLimits:
    """What the machine and its surroundings allow."""

    flow_max_c: float
    power_max_w: Trajectory | None  # electricity; None = no limit beyond the pump's own
    modulation_min_frac: float  # lowest continuous heat as a share of capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressor:
    """What starting, stopping and changing over cost and may, and where the machine is now."""

    minimum_run_s: float = 0.0
    minimum_off_s: float = 0.0
    dwell_s: float = 0.0  # shortest stay in hot water, and in heating after it
    start_price: float = 0.0  # in the horizon's currency
    starts_per_day: int | None = None  # None: no limit
    starts_left: int | None = None  # of the local day under way
    day_ends_at: datetime | None = None  # when `starts_left` is renewed
    circulation_w: float = 0.0  # of the circulation pump, while the compressor runs
    running: bool | None = None  # None: not known
    hot_water: bool = False  # it runs for hot water
    since_s: float = 1e9  # how long it has been running, or resting

    @property
    def charging(self) -> bool:
        """A charge of the tank is under way."""
        return bool(self.running) and self.hot_water


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupHeater:
    """An electric heater in stages of equal power."""

    stage_w: float
    stages: int
    efficiency_frac: float = 0.99
    for_space: bool = True
    for_hot_water: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The rest of the house at the same grid connection, per step, and what its power costs."""

    base_load_w: Trajectory
    pv_w: Trajectory
    export_price_per_kwh: Trajectory  # what a kWh fed in earns
    peaks: tuple[PeakCharge, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Electric power that must stay free, and be bearable for `sustain_s`, per step."""

    up_w: Trajectory  # the plan must be able to draw this much less
    down_w: Trajectory  # and this much more
    sustain_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How hard to look; limits are numbers of nodes and seconds on one thread."""

    solvers: tuple[str, ...] = ("piqp", "clarabel", "highs")
    refine: bool = True
    refined_s: float = 4 * 3600.0  # of the horizon, with whole decisions
    gap_frac: float = 0.02  # good enough, as a share of what the plan's own electricity costs
    time_limit_s: float = 10.0
    fine_s: float = 8 * 3600.0  # later steps are planned hour by hour


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
    compressor: Compressor = Compressor()
    heater: BackupHeater | None = None
    hot_water: HotWater | None = None
    buffer: Buffer | None = None
    site: Site | None = None
    reserve: Reserve | None = None
    missed_w: Trajectory = ()  # heat the rooms will go without while the pump does other work
    search: Search = Search()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondRoom:
    """The second zone over a plan: temperature at the end of each step, and its band."""

    room_c: Trajectory
    band: RoomBand


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
    discomfort_kh: float  # outside the band, of all rooms together
    outdoor_c: Trajectory = ()  # as it was forecast; empty in plans of earlier versions
    run_frac: Trajectory = ()  # share of the step the compressor heats the rooms; 0 or 1 if refined
    refined_steps: int = 0  # so many first steps hold whole decisions
    dhw_heat_w: Trajectory = ()  # from the pump into the hot-water tank; empty: not planned
    dhw_run_frac: Trajectory = ()
    dhw_c: Trajectory = ()  # upper layer at the end of the step
    dhw_ends_c: Trajectory = ()  # mean of the tank when the step's charge ends; 0: none. Whole ones
    heater_w: Trajectory = ()  # heat of the back-up heater, rooms and hot water together
    buffer_c: Trajectory = ()
    marginal_per_kwh: Trajectory = ()  # what one more kWh of heat in the rooms is worth
    margin_cost: float | None = None  # most that leaving the band's margin free costs; None unsaid
    second: SecondRoom | None = None  # None: there is no second zone

    @property
    def rooms_c(self) -> tuple[Trajectory, ...]:
        """The temperature of every room that has a band."""
        return (self.room_c,) if self.second is None else (self.room_c, self.second.room_c)

    @property
    def bands(self) -> tuple[RoomBand, ...]:
        """The band of each of them."""
        first = RoomBand(low_c=self.low_c, high_c=self.high_c)
        return (first,) if self.second is None else (first, self.second.band)


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
    power_fit_error_frac: float = 0.0  # largest error of the power curve of any step
    linearisation_error_frac: float = 0.0  # energy by the map over that of the curves, minus 1
    refine_ms: float = 0.0
    refine_status: str = ""  # empty: not asked for
    refined_gap_frac: float | None = None  # refined cost over what its solver proves, ...
    relaxed_gap_frac: float | None = None  # ... and over the fully relaxed bound,
    # both as a share of what the plan's own electricity costs
    tried: tuple[str, ...] = ()  # solvers in turn, with what they said


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
