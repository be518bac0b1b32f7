"""Pass criteria of the Nordic prequalification tests, on the log of a test. Pure.

Source: Technical Requirements for FCR Provision in the Nordic Synchronous Area, v1.1, 2025-03-28,
and its test program. Where the program leaves a window to the tester, it is named here. The sine
tests of the program end in margins against a model of the grid, which is not part of this module:
`sine_fit` gives the gain and delay that such a judgement starts from.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.arrays import FloatArray
from mpc.reserve import Droop, activation_frac

SETTLED_S = 60.0  # steady values are means over the last minute of a hold
STEADY_N_FRAC = (-0.05, 0.20)
STEADY_STATIC_FRAC = (-0.05, 0.10)
LINEAR_FRAC = (-0.05, 0.10)
LINEAR_WINDOW_S = (60.0, 120.0)  # of each hold
LINEAR_MEAN_S = 10.0
RAMP_POINT_S = 7.5
RAMP_POWER_FRAC = 0.86
RAMP_ENERGY_S = 3.2
RETURN_ENERGY_S = 2.5
RETURN_WINDOW_S = 60.0  # in which excess energy after the return is counted
OVERSHOOT_FRAC = 0.20
START_S = 2.5
STARTED_FRAC = 0.05  # of the capacity: the answer is seen to have started
RETURN_RAMP_FRAC_PER_S = 0.025
RETURN_JUMP_FRAC = 0.20  # in one second
READY_S = 900.0
CONTINENTAL_HALF_S, CONTINENTAL_FULL_S = 15.0, 30.0
POWER_ERROR_FRAC = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLog:
    """What was logged, at equal steps: `activated_w` is the baseline fixed before the test minus
    the power drawn, so that less consumption is positive."""

    t_s: FloatArray
    frequency_hz: FloatArray
    activated_w: FloatArray
    capacity_w: float

    @property
    def step_s(self) -> float:
        """Time between two rows."""
        return float(self.t_s[1] - self.t_s[0])

    def mean_w(self, from_s: float, to_s: float) -> float:
        """Mean activation over [from, to); raises ValueError when the log has nothing there."""
        inside = (self.t_s >= from_s) & (self.t_s < to_s)
        if not inside.any():
            raise ValueError(f"the log has nothing between {from_s:g} and {to_s:g} s")
        return float(self.activated_w[inside].mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One measured figure beside what is asked; None: no bound on that side."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def passed(self) -> bool:
        """Inside both bounds; a value that is not a number never passes."""
        over = self.low is None or self.value >= self.low
        return over and (self.high is None or self.value <= self.high)


def passed(criteria: Sequence[Criterion]) -> bool:
    """Whether all of them hold, and there is one."""
    return bool(criteria) and all(criterion.passed for criterion in criteria)


def step_criteria(
    log: ResponseLog, changes_s: tuple[float, float, float, float]
) -> list[Criterion]:
    """FCR-N step test: frequency to 49.9, to 50.1, back to 50.0, end, at these seconds.

    Steady response i = P_i - (P_0 + P_3) / 2 over its theory (the capacity), minus 1.
    """
    down_s, up_s, back_s, end_s = changes_s
    p0, p1, p2, p3 = (log.mean_w(at - SETTLED_S, at) for at in (down_s, up_s, back_s, end_s))
    rest = 0.5 * (p0 + p3)
    low, high = STEADY_N_FRAC
    return [
        Criterion(name=f"steady error at {hz} Hz", value=share - 1.0, low=low, high=high)
        for hz, share in (
            ("49.9", (p1 - rest) / log.capacity_w),
            ("50.1", (rest - p2) / log.capacity_w),
        )
    ]


def linearity_criteria(log: ResponseLog, droop: Droop) -> list[Criterion]:
    """Every 10-s mean in the second minute of each hold lies in the band around the droop.

    Errors are shares of the capacity, positive away from zero activation.
    """
    errors: list[float] = []
    for starts_s, ends_s in _holds(log):
        first_s, last_s = starts_s + LINEAR_WINDOW_S[0], min(starts_s + LINEAR_WINDOW_S[1], ends_s)
        middle = log.frequency_hz[(log.t_s >= first_s) & (log.t_s < last_s)]
        if middle.size == 0:
            continue
        asked = activation_frac(droop, float(middle[0]))
        for from_s in np.arange(first_s, last_s - LINEAR_MEAN_S + log.step_s, LINEAR_MEAN_S):
            given = log.mean_w(from_s, from_s + LINEAR_MEAN_S) / log.capacity_w
            away = math.copysign(1.0, asked) if asked != 0.0 else math.copysign(1.0, given)
            errors.append((given - asked) * away)
    low, high = LINEAR_FRAC
    return [
        Criterion(name="linearity, lowest", value=min(errors, default=math.nan), low=low),
        Criterion(name="linearity, highest", value=max(errors, default=math.nan), high=high),
    ]


def fast_ramp_criteria(
    log: ResponseLog, *, ramp_at_s: float, return_at_s: float, hold_ends_s: float
) -> list[Criterion]:
    """FCR-D fast ramp, dynamic: the ramp from where activation begins to full deviation and beyond.

    `ramp_at_s` is where the ramp starts, `return_at_s` where the frequency is back where nothing is
    to be activated, `hold_ends_s` the end of a hold at full activation for the steady response.
    """
    way = _way(log, hold_ends_s)
    steady_w = way * log.mean_w(hold_ends_s - SETTLED_S, hold_ends_s)
    at = int(np.searchsorted(log.t_s, ramp_at_s + RAMP_POINT_S, side="right")) - 1
    energy_ws = _energy_ws(log, way, ramp_at_s, ramp_at_s + RAMP_POINT_S)
    excess_ws = _energy_ws(log, way, return_at_s, return_at_s + RETURN_WINDOW_S)
    per_w = 1.0 / steady_w if steady_w > 0.0 else math.nan
    return [
        _steady(steady_w, log.capacity_w),
        Criterion(
            name="power after 7.5 s",
            value=way * float(log.activated_w[at]) * per_w,
            low=RAMP_POWER_FRAC,
        ),
        Criterion(name="energy in 7.5 s (s)", value=energy_ws * per_w, low=RAMP_ENERGY_S),
        Criterion(name="excess on return (s)", value=excess_ws * per_w, high=RETURN_ENERGY_S),
    ]


def static_criteria(
    log: ResponseLog, *, ramp_at_s: float, return_at_s: float, settles_s: float = 60.0
) -> list[Criterion]:
    """FCR-D static ramp: steady response, overshoot, start, and a slow return that ends in time.

    `return_at_s` is where the frequency leaves full deviation. The steady response is the mean from
    `settles_s` after the ramp to there, at least over the last 10 s of the hold.
    """
    way = _way(log, return_at_s)
    given = way * log.activated_w
    from_s = min(ramp_at_s + settles_s, return_at_s - LINEAR_MEAN_S)
    steady_w = way * log.mean_w(from_s, return_at_s)
    held = given[(log.t_s >= ramp_at_s) & (log.t_s < return_at_s)]
    started = log.t_s[(log.t_s >= ramp_at_s) & (given > STARTED_FRAC * log.capacity_w)]
    after = log.t_s >= return_at_s
    falls = -np.diff(given[after]) / (log.capacity_w * log.step_s)
    ready = np.abs(given[log.t_s >= return_at_s + READY_S]) / log.capacity_w
    return [
        _steady(steady_w, log.capacity_w),
        Criterion(
            name="overshoot", value=float(held.max()) / log.capacity_w - 1.0, high=OVERSHOOT_FRAC
        ),
        Criterion(
            name="start (s)",
            value=float(started[0]) - ramp_at_s if started.size else math.inf,
            high=START_S,
        ),
        Criterion(
            name="return ramp (%/s)",
            value=100.0 * _return_ramp_frac_per_s(log, given, return_at_s),
            high=100.0 * RETURN_RAMP_FRAC_PER_S,
        ),
        Criterion(
            name="largest fall in 1 s", value=float(falls.max(initial=0.0)), high=RETURN_JUMP_FRAC
        ),
        Criterion(
            name="left after 15 min",
            value=float(ready.mean()) if ready.size else math.nan,
            high=STARTED_FRAC,
        ),
    ]


def endurance_criteria(log: ResponseLog, *, from_s: float, to_s: float) -> list[Criterion]:
    """The answer lasts: no minute of the hold lies below the lowest steady response."""
    way = _way(log, to_s)
    starts = np.arange(from_s, to_s - SETTLED_S + log.step_s, SETTLED_S)
    worst_w = min(way * log.mean_w(at, at + SETTLED_S) for at in starts)
    return [
        Criterion(
            name="weakest minute", value=worst_w / log.capacity_w - 1.0, low=STEADY_STATIC_FRAC[0]
        )
    ]


def continental_criteria(log: ResponseLog, *, step_at_s: float) -> list[Criterion]:
    """Continental FCR: after a step to full deviation half of it within 15 s, all within 30 s.

    The error allowed for the measured power is granted (Regulation (EU) 2017/1485, Article 154).
    """
    way = _way(log, step_at_s + CONTINENTAL_FULL_S)
    given = way * np.interp(
        [step_at_s + CONTINENTAL_HALF_S, step_at_s + CONTINENTAL_FULL_S], log.t_s, log.activated_w
    )
    half, full = (float(value) / log.capacity_w for value in given)
    return [
        Criterion(name="power after 15 s", value=half, low=0.5 - POWER_ERROR_FRAC),
        Criterion(name="power after 30 s", value=full, low=1.0 - POWER_ERROR_FRAC),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SineFit:
    """Amplitude of the answer over what the droop asks, and by how much it comes late."""

    gain_frac: float
    delay_s: float


def sine_fit(log: ResponseLog, droop: Droop, *, period_s: float, periods: int) -> SineFit:
    """Least squares of a sine on the last whole periods, of what was asked and what was given."""
    inside = log.t_s >= log.t_s[-1] + log.step_s - periods * period_s
    t_s = log.t_s[inside]
    asked = np.array([activation_frac(droop, float(hz)) for hz in log.frequency_hz[inside]])
    angle = 2.0 * math.pi * t_s / period_s
    shapes = np.column_stack([np.cos(angle), np.sin(angle), np.ones_like(angle)])
    both = np.column_stack([asked * log.capacity_w, log.activated_w[inside]])
    (cosines, sines, _), *_ = np.linalg.lstsq(shapes, both, rcond=None)
    sizes, late = np.hypot(cosines, sines), np.arctan2(sines, cosines)
    turned = float((late[1] - late[0]) % (2.0 * math.pi))
    return SineFit(
        gain_frac=float(sizes[1] / sizes[0]), delay_s=turned / (2.0 * math.pi) * period_s
    )


def _steady(steady_w: float, capacity_w: float) -> Criterion:
    low, high = STEADY_STATIC_FRAC
    return Criterion(name="steady error", value=steady_w / capacity_w - 1.0, low=low, high=high)


def _way(log: ResponseLog, hold_ends_s: float) -> float:
    """1 for a product upwards, -1 downwards, by the frequency just before this instant."""
    row = max(int(np.searchsorted(log.t_s, hold_ends_s)) - 1, 0)
    return 1.0 if log.frequency_hz[row] < 50.0 else -1.0


def _energy_ws(log: ResponseLog, way: float, from_s: float, to_s: float) -> float:
    """Activated energy by the trapezium rule; only what goes the product's way counts."""
    at_s = np.union1d(log.t_s[(log.t_s > from_s) & (log.t_s < to_s)], [from_s, to_s])
    given_w = np.maximum(np.interp(at_s, log.t_s, way * log.activated_w), 0.0)
    return float(np.trapezoid(given_w, at_s))


def _return_ramp_frac_per_s(log: ResponseLog, given: FloatArray, return_at_s: float) -> float:
    """Mean slope from nine tenths to one tenth of what is given when the return begins."""
    after_s, fall = log.t_s[log.t_s >= return_at_s], given[log.t_s >= return_at_s]
    if fall.size == 0 or fall[0] <= 0.0:
        return math.nan
    leaves, ends = np.flatnonzero(fall < 0.9 * fall[0]), np.flatnonzero(fall <= 0.1 * fall[0])
    if not leaves.size or not ends.size:
        return 0.0
    took_s = max(float(after_s[ends[0]] - after_s[leaves[0]]), log.step_s)
    return 0.8 * float(fall[0]) / log.capacity_w / took_s


def _holds(log: ResponseLog) -> list[tuple[float, float]]:
    """Stretches of unchanged frequency, long enough to be evaluated."""
    edges = np.flatnonzero(np.abs(np.diff(log.frequency_hz)) > 1e-9) + 1
    bounds = [0, *edges.tolist(), log.t_s.size]
    times = [
        (float(log.t_s[a]), float(log.t_s[b - 1]) + log.step_s)
        for a, b in itertools.pairwise(bounds)
    ]
    return [(a, b) for a, b in times if b - a >= LINEAR_WINDOW_S[1] - log.step_s]
