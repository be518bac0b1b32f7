"""What a fit says about itself: residuals, directions, events, and why it is accepted or not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from mpc.arrays import FloatArray
from mpc.identify_filter import Run
from mpc.identify_model import Candidate, Direction, Event, Finding, Residuals
from mpc.identify_prior import REACH_STD
from mpc.identify_stretches import Stretch, spells

LAGS = 8
EVENT_STD = 5.0  # one-step errors beyond this are something that happened, not noise
LEAST_EVENT_K = 0.25
EVENT_GAP_STEPS = 2
MOST_EVENTS = 40
LEAST_DAYS = 5.0
WORSE_FRAC = 1.02  # of the error of the model given; more than that is no improvement
EDGE_FRAC = 0.97
UNSEEN_FRAC = 0.8  # posterior over prior standard deviation: the prior speaks
GOOD_ENOUGH_K = 1.0  # a day ahead, held-out: beyond this the model has not understood the house


def residuals(runs: list[Run], warm: int, day_ahead_k: FloatArray) -> Residuals:
    """Statistics of the filter's innovations after `warm` steps, and of held-out 24 h errors."""
    innovations = [ran.innovations_k[warm:] for ran in runs]
    pooled = np.concatenate(innovations)
    mean_k = float(pooled.mean())
    square = float(np.sum((pooled - mean_k) ** 2))
    lags = []
    for lag in range(1, LAGS + 1):
        product = sum(
            float((one[lag:] - mean_k) @ (one[:-lag] - mean_k))
            for one in innovations
            if len(one) > lag
        )
        lags.append(product / square if square > 0.0 else 0.0)
    return Residuals(
        mean_k=mean_k,
        std_k=float(pooled.std()),
        autocorrelation=tuple(lags),
        day_ahead_mean_k=float(np.mean(day_ahead_k)),
        day_ahead_std_k=float(np.std(day_ahead_k)),
    )


def directions(names: tuple[str, ...], covariance_z: FloatArray) -> tuple[Direction, ...]:
    """Principal directions of the belief in whitened units, best shown first."""
    own = covariance_z[: len(names), : len(names)]
    squares, vectors = np.linalg.eigh(own)
    found = []
    for square, vector in zip(squares, vectors.T, strict=True):
        loudest = int(np.argmax(np.abs(vector)))
        signed = vector * np.sign(vector[loudest])
        found.append(
            Direction(
                parameter=names[loudest],
                weights=tuple(signed.tolist()),
                kept_frac=float(np.sqrt(max(square, 0.0))),
            )
        )
    return tuple(found)


def events(
    runs: list[Run], stretches: tuple[Stretch, ...], starts_at: datetime, warm: int
) -> tuple[Event, ...]:
    """Spells in which readings left the prediction by far: windows, stoves, guests."""
    pooled = np.concatenate([ran.innovations_k[warm:] for ran in runs])
    typical_k = float(np.quantile(np.abs(pooled), 0.683))
    limit_k = max(EVENT_STD * typical_k, LEAST_EVENT_K)
    found = []
    for ran, one in zip(runs, stretches, strict=True):
        step = timedelta(seconds=one.inputs.step_s)
        for sign in (-1.0, 1.0):
            out = sign * ran.innovations_k > limit_k
            out[:warm] = False
            for first, end in _near(spells(out)):
                miss_k = float(np.mean(ran.innovations_k[first:end]))
                found.append(
                    Event(
                        from_at=starts_at + (one.first + first - 1) * step,
                        until_at=starts_at + (one.first + end - 1) * step,
                        heat_w=miss_k / float(ran.model.b[0, 3]),
                    )
                )
    return tuple(sorted(found, key=lambda event: event.from_at)[:MOST_EVENTS])


def _near(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, end in found:
        if joined and first - joined[-1][1] <= EVENT_GAP_STEPS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    return joined


def in_favour(chosen: Candidate, shown: tuple[Direction, ...]) -> tuple[str, ...]:
    """What an accepted fit may say for itself, and what the data left open."""
    unseen = [d.parameter for d in shown if d.kept_frac > UNSEEN_FRAC]
    words = [f"on days it had not seen it errs by {chosen.held_out_rmse_k:.2f} K a day ahead"]
    if unseen:
        names = ", ".join(dict.fromkeys(unseen))
        words.append(f"the data showed next to nothing about {names}: as believed before")
    return tuple(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What decides whether a fit may be used."""

    findings: tuple[Finding, ...]
    days: float  # with data that can be used
    chosen: Candidate
    given_rmse_k: float  # of the model given, over the same predictions
    persistence_rmse_k: float  # of "as now" a day ahead
    names: tuple[str, ...]
    z: FloatArray

    def against(self) -> tuple[str, ...]:
        """Reasons against accepting the fit, in plain words; none: accepted."""
        chosen = self.chosen
        reasons = [finding.words for finding in self.findings if finding.spoils]
        if self.days < LEAST_DAYS:
            reasons.append(
                f"only {self.days:.1f} days can be used; at least {LEAST_DAYS:g} are needed"
            )
        if chosen.held_out_rmse_k > WORSE_FRAC * self.given_rmse_k:
            reasons.append(
                f"on days it had not seen the new model errs by {chosen.held_out_rmse_k:.2f} K "
                f"a day ahead, the given one by {self.given_rmse_k:.2f} K"
            )
        if chosen.held_out_rmse_k > GOOD_ENOUGH_K and (
            chosen.held_out_rmse_k > self.persistence_rmse_k
        ):
            reasons.append(
                f"a day ahead it errs by {chosen.held_out_rmse_k:.2f} K, more than saying "
                f"'as now' ({self.persistence_rmse_k:.2f} K)"
            )
        return (*reasons, *self._edges())

    def _edges(self) -> list[str]:
        pairs = zip(self.names, self.z[: len(self.names)], strict=True)
        losses = ("air_outdoor_w_per_k", "mass_outdoor_w_per_k", "mass_kwh_per_k")
        return [
            f"{name} went to the edge of what is believed possible"
            for name, value in pairs
            if name in losses and abs(value) > EDGE_FRAC * REACH_STD
        ]
