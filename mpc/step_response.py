"""Dead time and ramp of a power that follows a step of its set-point. Pure.

The power after a step at t = 0 is taken for

    p(t) = a + b s(t),    s(t) = min(1, max(0, (t - L) / T))

with the level before a (W), the change b (W), the dead time L (s, from the write to the first
change) and the duration of the ramp T (s). For every L and T of a grid a and b are a straight line
through the samples (least squares); the pair with the least squared error is taken, on a coarse
grid first, then on a fine one around it. An answer that approaches its end ever more slowly gets
the ramp that fits it best as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mpc.arrays import FloatArray

COARSE_S, FINE_S = 3.0, 0.5
"""Steps of dead time and ramp; samples come once a second at best."""

LONGEST_S = 120.0
"""Of either; slower than that is no use for what is judged here."""

TAIL_S = 10.0
"""The samples must show the end of the ramp for at least so long."""

LEAST_BEFORE, LEAST_SAMPLES = 5, 20
"""Samples before the step, and in all."""

FOLLOWED_FRAC = 0.5
"""A power that moves by less of what was asked has not followed."""

ROUGH_FRAC = 0.25
"""Root mean square of what the ramp does not explain, as a share of the change: beyond, what was
seen is no answer to the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How the power followed one step."""

    dead_s: float
    ramp_s: float  # from the first change to the last
    change_w: float  # signed
    rough_frac: float  # root mean square of the rest, as a share of the change


@dataclass(frozen=True, slots=True)
class NotFollowed:
    """It did not, or that cannot be told."""

    reason: str


StepResponse: TypeAlias = Followed | NotFollowed


def step_response(t_s: Sequence[float], power_w: Sequence[float], asked_w: float) -> StepResponse:
    """Fit the samples of one step of `asked_w` (signed, W) at t = 0; `t_s` rises."""
    at_s, seen_w = np.asarray(t_s, dtype=np.float64), np.asarray(power_w, dtype=np.float64)
    if len(at_s) < LEAST_SAMPLES or np.count_nonzero(at_s < 0.0) < LEAST_BEFORE:
        return NotFollowed(f"{len(at_s)} samples are too few")
    within_s = min(float(at_s[-1]) - TAIL_S, LONGEST_S)
    if within_s < COARSE_S:
        return NotFollowed("the samples end too early")
    whole = np.arange(0.0, within_s, COARSE_S)
    first = _best(at_s, seen_w, (whole, np.concatenate([[FINE_S], whole[1:]]), within_s))
    around = np.arange(-COARSE_S, COARSE_S + FINE_S, FINE_S)
    best = _best(at_s, seen_w, (first.dead_s + around, first.ramp_s + around, within_s))
    if best.change_w * asked_w <= 0.0 or abs(best.change_w) < FOLLOWED_FRAC * abs(asked_w):
        return NotFollowed(f"asked for {asked_w:+.0f} W, the power moved by {best.change_w:+.0f} W")
    if best.rough_frac > ROUGH_FRAC:
        return NotFollowed(f"the power moved by {best.rough_frac:.0%} of the step beside it")
    return best


def _best(
    at_s: FloatArray, seen_w: FloatArray, tried: tuple[FloatArray, FloatArray, float]
) -> Followed:
    """Of the tried dead times and ramps (s) that end within a time (s), those that fit best."""
    dead_s, ramp_s = (side.ravel() for side in np.meshgrid(tried[0], tried[1], indexing="ij"))
    possible = (dead_s >= 0.0) & (ramp_s >= FINE_S) & (dead_s + ramp_s <= tried[2])
    dead_s, ramp_s = dead_s[possible], ramp_s[possible]
    shapes = np.clip((at_s - dead_s[:, None]) / ramp_s[:, None], 0.0, 1.0)
    change_w, left_w2 = _lines(shapes, seen_w)
    # of pairs that fit alike, the later start: a step of the grid is not worth an earlier one
    best = int(np.flatnonzero(left_w2 <= left_w2.min() * (1.0 + 1e-9) + 1e-6)[-1])
    left_w = float(np.sqrt(max(left_w2[best], 0.0) / len(at_s)))
    change = float(change_w[best])
    return Followed(
        dead_s=float(dead_s[best]),
        ramp_s=float(ramp_s[best]),
        change_w=change,
        rough_frac=left_w / abs(change) if change else np.inf,
    )


def _lines(shapes: FloatArray, seen_w: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope over each shape (W), and the squared error that is left (W²)."""
    off_w = seen_w - seen_w.mean()
    moved = shapes - shapes.mean(axis=1, keepdims=True)
    size = np.einsum("ij,ij->i", moved, moved)
    along = moved @ off_w
    slope_w = np.divide(along, size, out=np.zeros_like(along), where=size > 0.0)
    return slope_w, float(off_w @ off_w) - slope_w * along
