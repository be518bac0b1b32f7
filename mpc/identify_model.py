"""What identification takes and gives: prior, result, prediction. Types only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import Building

POSITIVE = (
    "air_outdoor_w_per_k",
    "mass_outdoor_w_per_k",
    "air_mass_w_per_k",
    "air_kwh_per_k",
    "mass_kwh_per_k",
    "floor_kwh_per_k",
    "floor_air_w_per_k",
    "solar_aperture_m2",
    "internal_gains_w",
    "wind_w_per_k_per_m_s",
)
"""Parameters of `Building` that are learned as logarithms."""
FRACTIONS = ("heat_to_mass_frac", "solar_to_mass_frac")
"""Parameters of `Building` between 0 and 1, learned as log odds."""
PARAMETERS = POSITIVE + FRACTIONS
LEADS_H = (1.0, 3.0, 6.0, 12.0, 18.0, 24.0)
"""Hours ahead at which predictions are fitted and their bands calibrated."""


class Order(StrEnum):
    """Structures of the house model, by resistances and capacities."""

    ONE = "1R1C"  # one capacity, one loss
    TWO = "2R2C"  # air and mass; heat goes to both at once
    EMITTER = "3R3C"  # floor or radiators hold the heat before it reaches the air; no loss from air
    FULL = "4R3C"  # the same with losses from air and from mass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prior:
    """What is believed of a house before its data: log-normal about `building`.

    `log_std` is the standard deviation of the natural logarithm by name of the parameter (log odds
    for the fractions); a name that is not there gets `mpc.identify_prior`'s usual width.
    `correlation` of two logarithms by names; pairs that are not there are independent.
    """

    building: Building
    log_std: dict[str, float] = field(default_factory=dict)
    correlation: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What the model does not explain, as the filter and the band take it.

    Standard deviations: of a reading, of what moves air and mass besides the model, of the
    unexplained heat into the air, which has a slow part that stays and a fast part that passes.
    """

    reading_std_k: float
    air_k_per_root_h: float
    mass_k_per_root_h: float
    slow_w_per_root_h: float
    fast_w: float
    sun_frac: float  # error of the sun's heat, as a share of it
    band: tuple[float, ...]  # half-width of the 80 % band at LEADS_H over that of a normal one


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyPattern:
    """What returns every day, by hour of the UTC day (24 values each).

    `gain_w` is unexplained heat into the air, zero on average; `sun_frac` multiplies the sun: the
    windows face one side, irradiance is told on the horizontal.
    """

    gain_w: tuple[float, ...]
    sun_frac: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One structure as tried: errors of 24 h predictions on days it was not fitted to."""

    order: Order
    patterned: bool  # with a `DailyPattern`
    parameters: int
    held_out_rmse_k: float
    fitted_rmse_k: float
    aic: float
    bic: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """One-step prediction errors over the data, in K, and 24 h ones on held-out days."""

    mean_k: float
    std_k: float
    autocorrelation: tuple[float, ...]  # at lags of 1, 2, ... steps
    day_ahead_mean_k: float
    day_ahead_std_k: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A combination of parameters, and how much narrower the data made the belief about it."""

    parameter: str  # the one with the largest weight
    weights: tuple[float, ...]  # in order of `Identified.names`, of logs over their prior std
    kept_frac: float  # posterior over prior standard deviation; 1: the data showed nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with the data, in plain words."""

    name: str  # "gaps", "frozen", "unit", "swapped", "jumps", "impossible", "short", "unexcited"
    words: str
    spoils: bool  # a fit on such data is never accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A spell in which the house gained or lost heat that the model does not know."""

    from_at: datetime
    until_at: datetime
    heat_w: float  # < 0: an open window or door; > 0: a stove, guests


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identified:
    """A house model with what is known and not known about it.

    `log_covariance` (names x names) is that of the logarithms (log odds) of the parameters in
    `names`. `pattern` is None where it did not predict better.
    """

    building: Building
    order: Order
    names: tuple[str, ...]
    log_covariance: FloatArray
    noise: Noise
    pattern: DailyPattern | None
    candidates: tuple[Candidate, ...]
    residuals: Residuals | None
    directions: tuple[Direction, ...]
    findings: tuple[Finding, ...]
    events: tuple[Event, ...]
    accepted: bool
    reasons: tuple[str, ...]

    def log_std(self) -> dict[str, float]:
        """Standard deviation of each parameter's logarithm."""
        stds = np.sqrt(np.diag(self.log_covariance))
        return dict(zip(self.names, stds.tolist(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """Room temperature predicted for the ends of the steps after `from_at`, with its 80 % band."""

    from_at: datetime
    step_s: float
    room_c: FloatArray
    low_c: FloatArray
    high_c: FloatArray
    std_k: FloatArray
    disturbance_w: float  # the slow unexplained heat at the start
