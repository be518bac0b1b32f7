"""How far a prediction may be off: state, disturbance, sun and parameters, calibrated.

    V = r^2 V_filter(h) + f^2 S^2 + V_parameters
V_filter: variance of the state, the disturbances and the noise after h; S: what the sun adds to the
room between start and end, of which a share f is wrong; V_parameters: the change of the prediction
per standard deviation in each principal direction of the parameters' covariance, squared and
summed. r and f have the highest likelihood on held-out days. What is not normal about the errors is
put right per lead: the band's half-width is the quantile of |error| / sqrt(V) there.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from mpc.arrays import FloatArray
from mpc.identify_filter import scaled
from mpc.identify_model import LEADS_H, Noise

BAND_FRAC = 0.8
NORMAL_HALF_WIDTH = 1.2816  # of the middle 80 % of a normal distribution, in standard deviations
OUTLIER_STD = 3.0  # a larger error counts as this: windows and stoves are events, not noise
WORST_LOG_RATIO = 3.0  # of held-out errors over what the filter expects
MOST_LOG_ODDS = 6.0  # of the sun's share that is wrong
CORRELATED_LEADS = 2.0  # errors of h hours ahead are alike for twice as long: weather stays
HIGHEST_LEVEL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Doubts:
    """Parts of the variance of predictions, each leads x starts (or leads x 1)."""

    filter_k2: FloatArray
    sun_k: FloatArray
    parameters_k2: FloatArray

    def variance_k2(self, ratio: float, sun_frac: float) -> FloatArray:
        """V, leads x starts."""
        total = ratio**2 * self.filter_k2 + (sun_frac * self.sun_k) ** 2 + self.parameters_k2
        return np.asarray(total, dtype=np.float64)


def joined(parts: list[Doubts]) -> Doubts:
    """Stretches one after the other."""
    return Doubts(
        parts[0].filter_k2,
        np.concatenate([part.sun_k for part in parts], axis=1),
        np.concatenate([part.parameters_k2 for part in parts], axis=1),
    )


def calibrated(
    noise: Noise, errors_k: FloatArray, known: np.ndarray, doubted: Doubts, *, days: float
) -> Noise:
    """The noise under which held-out errors (leads x starts) are as large as the band says."""

    def unlikely(at: FloatArray) -> float:
        variance = doubted.variance_k2(_ratio(at[0]), _share(at[1]))
        beyond = np.minimum(errors_k**2 / variance, OUTLIER_STD**2)
        return float(np.mean((np.log(variance) + beyond)[known]))

    found = minimize(unlikely, np.array([0.0, -1.0]), method="Nelder-Mead", options={"maxiter": 80})
    ratio, sun_frac = _ratio(found.x[0]), _share(found.x[1])
    std_k = np.sqrt(doubted.variance_k2(ratio, sun_frac))
    # n independent errors make the quantile (n + 1) / n of its level (split conformal prediction).
    independent = np.maximum(days * 24.0 / (CORRELATED_LEADS * np.array(LEADS_H)), 1.0)
    levels = np.minimum(BAND_FRAC * (1.0 + 1.0 / independent), HIGHEST_LEVEL)
    far = np.abs(errors_k) / std_k
    band = tuple(
        float(np.quantile(row[seen], level)) / NORMAL_HALF_WIDTH if seen.any() else 1.0
        for row, seen, level in zip(far, known, levels.tolist(), strict=True)
    )
    return replace(scaled(noise, ratio), sun_frac=sun_frac, band=band)


def half_width_k(noise: Noise, std_k: FloatArray, hours: FloatArray) -> FloatArray:
    """Half of the 80 % band, hours x starts, from standard deviations of that shape."""
    stretch = np.interp(np.log(hours), np.log(LEADS_H), noise.band)
    return np.asarray(NORMAL_HALF_WIDTH * stretch[:, None] * std_k, dtype=np.float64)


def _ratio(log: float) -> float:
    return float(np.exp(np.clip(log, -WORST_LOG_RATIO, WORST_LOG_RATIO)))


def _share(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(log_odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))))
