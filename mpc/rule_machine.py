"""The compressor as a rule drives it: what it may do next, given what it has been doing."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

from mpc.plan import Compressor, PlanRequest

TICK_S = 1e-6  # times add up in floating point


class Work(Enum):
    """What the compressor works for during a step."""

    NOTHING = 0
    ROOMS = 1
    WATER = 2


@dataclass(frozen=True, slots=True)
class Machine:
    """The compressor at the start of a step."""

    compressor: Compressor
    work: Work
    since_s: float  # running, whatever for, or resting
    stay_s: float  # at this work since the last change-over; endless when there was none
    starts_left: int | None  # of this day; None: no limit

    @property
    def runs(self) -> bool:
        """It has been running up to now."""
        return self.work is not Work.NOTHING

    @property
    def must_run_s(self) -> float:
        """How much longer it may not stop."""
        return max(self.compressor.minimum_run_s - self.since_s, 0.0) if self.runs else 0.0

    @property
    def must_stay_s(self) -> float:
        """How much longer it may not change over."""
        return max(self.compressor.dwell_s - self.stay_s, 0.0) if self.runs else 0.0

    def may_start(self, *, urgent: bool) -> bool:
        """Rested long enough, and a start left for today; an urgent start is outside the budget."""
        rested = self.since_s >= self.compressor.minimum_off_s - TICK_S
        return rested and (urgent or self.starts_left is None or self.starts_left > 0)

    def may_stop(self) -> bool:
        """Has run for long enough."""
        return self.must_run_s <= TICK_S

    def may_change(self) -> bool:
        """Has been at this work for long enough to turn to the other one."""
        return self.must_stay_s <= TICK_S

    def after(self, work: Work, lasting_s: float) -> "Machine":
        """The machine when it has done this work for a step."""
        runs = work is not Work.NOTHING
        changed_over = self.runs and runs and work is not self.work
        stay_s = self.stay_s
        if changed_over or (work is Work.WATER and not self.runs):
            stay_s = 0.0
        elif not self.runs:
            stay_s = float("inf")  # heating that did not follow hot water needs no dwell
        left = self.starts_left
        if runs and not self.runs and left is not None:
            left = max(left - 1, 0)
        return replace(
            self,
            work=work,
            since_s=(self.since_s if runs == self.runs else 0.0) + lasting_s,
            stay_s=stay_s + lasting_s,
            starts_left=left,
        )

    def on_a_new_day(self) -> "Machine":
        """With the starts of a new day."""
        return replace(self, starts_left=self.compressor.starts_per_day)


def machine_of(request: PlanRequest) -> Machine:
    """The machine at the start of the horizon; one nobody knows of counts as resting."""
    compressor = request.compressor
    work = Work.NOTHING
    if compressor.running:
        work = Work.WATER if compressor.hot_water else Work.ROOMS
    left = compressor.starts_left
    return Machine(
        compressor=compressor,
        work=work,
        since_s=compressor.since_s,
        stay_s=compressor.since_s,
        starts_left=compressor.starts_per_day if left is None else left,
    )


def new_days(request: PlanRequest) -> tuple[bool, ...]:
    """Per step: the start budget is renewed before it. Without a known end, days last 24 h."""
    horizon = request.horizon
    ends_at = request.compressor.day_ends_at or horizon.starts_at + timedelta(days=1)
    found = []
    for k in range(len(horizon.outdoor_c)):
        renewed = horizon.starts_at + timedelta(seconds=k * horizon.step_s) >= ends_at
        found.append(renewed)
        if renewed:
            ends_at += timedelta(days=1)
    return tuple(found)
