"""What a peak charge comes to for a given import: the same arithmetic as the bill's."""

from collections.abc import Sequence

import numpy as np

from mpc.arrays import FloatArray
from mpc.peaks import FeeStep, PeakCharge

LEVEL_DIGITS = 6
"""Levels are compared with fee steps in mW: a mean of 5.0 kW must not pass for 4.999...9 kW."""


def charge_of(charge: PeakCharge, import_kw_per_step: Sequence[float] | FloatArray) -> float:
    """What the period costs when each step imports this much (kW, not negative)."""
    return cost_of_level(level_of(charge, import_kw_per_step), charge.price_per_kw, charge.steps)


def level_of(charge: PeakCharge, import_kw_per_step: Sequence[float] | FloatArray) -> float:
    """The billed level in kW: mean of the N highest of history and groups; see `PeakCharge`.

    Raises ValueError when import and charge have different numbers of steps.
    """
    imported = np.asarray(import_kw_per_step, dtype=np.float64)
    of_step = np.array(charge.interval_of_step, dtype=np.intp)
    if imported.shape != of_step.shape:
        raise ValueError(f"{len(imported)} steps of import for a charge of {len(of_step)}")
    counts = of_step >= 0
    mean_kw = np.array(charge.past_kw, dtype=np.float64)
    np.add.at(mean_kw, of_step[counts], charge.step_frac * imported[counts])
    group_kw = np.array(charge.floor_kw, dtype=np.float64)
    weighted = np.array(charge.weight_frac, dtype=np.float64) * mean_kw
    np.maximum.at(group_kw, np.array(charge.group_of_interval, dtype=np.intp), weighted)
    averaged = len(charge.history_kw)
    highest = sorted([*charge.history_kw, *group_kw.tolist()], reverse=True)[:averaged]
    return float(sum(highest)) / averaged


def cost_of_level(level_kw: float, price_per_kw: float, steps: Sequence[FeeStep]) -> float:
    """Price times level, or the fee of its step; a level on a threshold is in the next step."""
    if not steps:
        return price_per_kw * level_kw
    rounded_kw = round(level_kw, LEVEL_DIGITS)
    return next((step.fee for step in steps if rounded_kw < step.below_kw), steps[-1].fee)
