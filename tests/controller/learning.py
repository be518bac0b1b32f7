"""Fits whose quality the tests choose, so that no test of adopting waits for a real one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from mpc.building import Building
from mpc.house_data import HouseData
from mpc.identify_model import (
    Candidate,
    Event,
    Finding,
    Identified,
    Order,
    Prediction,
    Prior,
    Residuals,
)

NOW = datetime.fromisoformat("2026-01-15T12:00:00+00:00")
FOUND_FRAC = 0.3
"""What marks the building of a fit."""

NAMES = ("air_outdoor_w_per_k", "mass_outdoor_w_per_k", "heat_to_mass_frac")


def days_of(days: float) -> HouseData:
    """Days that look like a house."""
    count = round(days * 96)
    swing = np.sin(2.0 * np.pi * np.arange(count) / 96.0)
    return HouseData(
        starts_at=NOW,
        step_s=900.0,
        room_c=20.0 + 0.5 * swing,
        heat_w=np.full(count, 3000.0),
        outdoor_c=4.0 + 3.0 * swing,
        ghi_w_per_m2=np.zeros(count),
    )


def identified(prior: Prior, *, bias_k: float, accepted: bool = True) -> Identified:
    """A result that `biased_runs` lets be off by `bias_k`."""
    noise: Any = None  # no filter runs here
    return Identified(
        building=replace(prior.building, heat_to_mass_frac=FOUND_FRAC),
        order=Order.FULL,
        names=NAMES,
        log_covariance=np.diag([0.04, 0.01, 0.09]),
        noise=noise,
        pattern=None,
        candidates=(
            Candidate(
                order=Order.FULL, patterned=False, parameters=3, held_out_rmse_k=bias_k,
                fitted_rmse_k=bias_k, aic=10.0, bic=12.0,
            ),
        ),
        residuals=Residuals(
            mean_k=0.0, std_k=0.1, autocorrelation=(0.4, 0.2, 0.1), day_ahead_mean_k=bias_k,
            day_ahead_std_k=0.3,
        ),
        directions=(),
        findings=(Finding(name="gaps", words="one day <in three> is missing", spoils=False),),
        events=(Event(from_at=NOW, until_at=NOW + timedelta(hours=1), heat_w=-900.0),),
        accepted=accepted,
        reasons=() if accepted else ("the room sensor is frozen",),
    )  # fmt: skip


def trial_of(bias_k: float, before_k: float) -> Callable[[Building, HouseData, int], float]:
    """A trial in which a building of `identified` errs by `bias_k`, every other by `before_k`."""

    def trial(building: Building, data: HouseData, first: int) -> float:
        del data, first
        return bias_k if building.heat_to_mass_frac == FOUND_FRAC else before_k

    return trial


def biased_runs(
    found: Identified, data: HouseData, starts: Sequence[int], hours: float
) -> list[Prediction]:
    """Predictions that are off by as much as the result says."""
    steps = round(hours * 3600.0 / data.step_s)
    bias_k = 0.0 if found.residuals is None else found.residuals.day_ahead_mean_k
    runs = []
    for start in starts:
        room_c = data.room_c[start + 1 : start + 1 + steps] + bias_k
        runs.append(
            Prediction(
                from_at=data.at(start), step_s=data.step_s, room_c=room_c, low_c=room_c - 0.2,
                high_c=room_c + 0.2, std_k=np.full(steps, 0.15), disturbance_w=0.0,
            )
        )  # fmt: skip
    return runs
