"""What is believed of a house before anything was measured: a model, and how wrong it may be.

Two sources say how much heat a house loses: what houses of its year and size usually lose, and a
yearly bill. Both are log-normal; together they count by their precision,
    log L = (log L1 / s1^2 + log L2 / s2^2) / (1 / s1^2 + 1 / s2^2).
"""

import math
from dataclasses import dataclass, replace

from scipy.optimize import brentq

from mpc.building import Building, total_loss_w_per_k
from mpc.identify_model import Prior

ARCHETYPE_LOG_STD = 0.6
"""How far the loss may be from that of year and area. 151 British homes with heat meters
(HeatpumpMonitor.org) spread by 0.45 and lose half as much again as `archetype`'s Danish houses, 0.6
together; 225 Dutch ones (doi 10.1016/j.enbuild.2022.112095) spread by 0.47 within their building
periods."""

SPLIT_LOG_STD = 0.7
"""How far the ratio of losses from the air and through the construction may be from the
archetype's: assumption. The Dutch houses' losses from the air spread by 0.66 at the same total."""

TOLD_LOG_STD = 0.15
"""A number that the owner took from a heat-loss calculation; assumption."""

ONE_IN_TEN = 1.2816  # standard deviations beyond which a tenth of a normal distribution lies


@dataclass(frozen=True, slots=True)
class LossBelief:
    """A heat loss in W/K (median) and the standard deviation of its logarithm."""

    w_per_k: float
    log_std: float

    @property
    def range_w_per_k(self) -> tuple[float, float]:
        """Where it lies in eight of ten houses."""
        width = math.exp(ONE_IN_TEN * self.log_std)
        return self.w_per_k / width, self.w_per_k * width


def combined(one: LossBelief, other: LossBelief) -> LossBelief:
    """Two independent beliefs as one, surer than either."""
    first, second = one.log_std**-2, other.log_std**-2
    both = first + second
    log = (first * math.log(one.w_per_k) + second * math.log(other.w_per_k)) / both
    return LossBelief(math.exp(log), both**-0.5)


def typical_loss(building: Building) -> LossBelief:
    """What houses like this archetype lose."""
    return LossBelief(total_loss_w_per_k(building), ARCHETYPE_LOG_STD)


def with_loss(building: Building, loss_w_per_k: float) -> Building:
    """The building with all ways to the outside wider or narrower alike, to lose this much.

    Raises ValueError where no such ways exist: what leaves through the construction must first get
    into it.
    """

    def scaled(log_scale: float) -> Building:
        scale = math.exp(log_scale)
        return replace(
            building,
            air_outdoor_w_per_k=building.air_outdoor_w_per_k * scale,
            mass_outdoor_w_per_k=building.mass_outdoor_w_per_k * scale,
        )

    def excess(log_scale: float) -> float:
        return total_loss_w_per_k(scaled(log_scale)) - loss_w_per_k

    try:
        return scaled(float(brentq(excess, -6.0, 6.0, xtol=1e-12)))
    except ValueError as error:
        raise ValueError(
            f"no house of {building.area_m2:g} m2 loses {loss_w_per_k:g} W/K"
        ) from error


def prior_of(building: Building, loss_log_std: float, told: frozenset[str] = frozenset()) -> Prior:
    """The belief about `building`, whose total loss is known to `loss_log_std`.

    Capacities, couplings and windows keep the usual widths of identification.
    `told` names parameters that the owner knows. The ways out, with shares a and m of the loss,
    a + m = 1, go up and down together by what the loss is uncertain, and against each other by a
    log ratio r that leaves the total as it is: log a = c + m r, log m = c - a r.
    """
    log_std = dict.fromkeys(told, TOLD_LOG_STD)
    ways = ("air_outdoor_w_per_k", "mass_outdoor_w_per_k")
    if told.intersection(ways):
        rest = max(loss_log_std, TOLD_LOG_STD)
        return Prior(building=building, log_std=dict.fromkeys(ways, rest) | log_std)
    air = min(max(building.air_outdoor_w_per_k / total_loss_w_per_k(building), 0.0), 1.0)
    total, split = loss_log_std**2, SPLIT_LOG_STD**2
    stds = [math.sqrt(total + (1.0 - air) ** 2 * split), math.sqrt(total + air**2 * split)]
    log_std |= dict(zip(ways, stds, strict=True))
    correlation = {ways: (total - air * (1.0 - air) * split) / (stds[0] * stds[1])}
    return Prior(building=building, log_std=log_std, correlation=correlation)
