"""What the tuned curve costs at any mean room temperature, and so what a run saves. Pure.

The same week is run on the tuned curve and on parallels of it. Each gives a mean room temperature
and a cost; heat left in the house at the end is credited at what heat costs in the two days after.
A straight line through these points says what the curve would have cost at the mean that another
run kept: comfort is compared with comfort, and no single run's luck decides the price of a kelvin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.economy_figures import Figures

ENERGY = "kWh"
"""The line of the electricity itself, beside the kinds of money."""


@dataclass(frozen=True, slots=True)
class Money:
    """Prices of one span: per kind, of each hour and of the days after."""

    hourly: Mapping[str, Sequence[float]]
    after: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Line:
    """cost = at_c0 + per_k * (mean - c0); `scatter_frac` is the points' spread about the line."""

    c0: float
    at_c0: float
    per_k: float
    scatter_frac: float

    def at(self, mean_c: float) -> float:
        """The curve's cost at this mean room temperature."""
        return self.at_c0 + self.per_k * (mean_c - self.c0)


def paid(run: Figures, money: Money, kind: str) -> float:
    """What the meter counted, in a kind of money or in kWh."""
    if kind == ENERGY:
        return run.electricity_kwh
    prices = money.hourly[kind]
    return sum(kwh * price for kwh, price in zip(run.hourly_kwh, prices, strict=True))


def cost(run: Figures, money: Money, kind: str, *, spf: float) -> float:
    """`paid` minus the worth of the heat left; `spf` is the curve's, so both sides sell alike."""
    worth = 1.0 if kind == ENERGY else money.after[kind]
    return paid(run, money, kind) - run.heat_left_kwh / spf * worth


def yardstick(curves: Sequence[Figures], money: Money, kind: str) -> Line:
    """The line through the tuned curve (first) and its parallels; at least two of them.

    A kelvin never costs less than nothing: then the mean of the points holds everywhere.
    """
    spf = curves[0].spf
    means = np.array([run.mean_room_c for run in curves])
    costs = np.array([cost(run, money, kind, spf=spf) for run in curves])
    c0 = float(means.mean())
    slope = float((means - c0) @ costs / np.sum((means - c0) ** 2))
    per_k = slope if float(costs.mean()) < 0.0 else max(slope, 0.0)
    line = Line(c0, float(costs.mean()), per_k, 0.0)
    missed = costs - line.at_c0 - per_k * (means - c0)
    scatter = float(np.sqrt(np.mean(missed**2))) / max(abs(line.at_c0), 1e-9)
    return Line(c0, line.at_c0, per_k, scatter)


def saved_frac(run: Figures, line: Line, money: Money, kind: str, *, spf: float) -> float:
    """Share of the curve's cost at the run's own mean room temperature that the run saves."""
    opponent = line.at(run.mean_room_c)
    return 1.0 - cost(run, money, kind, spf=spf) / opponent
