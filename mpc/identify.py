"""Grey-box identification: from measurements to a house model with shown uncertainty.

Each structure is fitted (`mpc.identify_fit`) to all days, and to the days outside of each third of
them in turn; the errors of 24 h predictions in the third left out decide which structure is taken,
and they calibrate the band (`mpc.identify_band`). Near ties go to the lowest BIC of one-step
errors.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mpc.arrays import FloatArray
from mpc.building import Building
from mpc.house_data import DAY_S, HouseData
from mpc.house_data_checks import house_data_findings
from mpc.identify_band import calibrated, joined
from mpc.identify_filter import hours_to_steps
from mpc.identify_fit import (
    BETWEEN_STARTS_S,
    WARM_UP_S,
    Posterior,
    Problem,
    fit,
    hour_of,
    usual_noise,
)
from mpc.identify_model import (
    LEADS_H,
    Candidate,
    Finding,
    Identified,
    Noise,
    Order,
    Prior,
)
from mpc.identify_predict import foreseen, free_run, free_runs
from mpc.identify_prior import belief
from mpc.identify_report import Verdict, directions, events, in_favour, residuals
from mpc.identify_stretches import stretches

__all__ = ["ORDERS", "free_run", "free_runs", "identify", "unlearned"]

ORDERS = tuple(Order)
FOLDS = 3
NEAR_TIE_FRAC = 0.02  # of the error on days not seen: no difference
LEAST_STARTS = 24  # of predictions; fewer are no ground for a fit
HOPELESS = ("unit", "swapped")  # findings after which no number of the data means what it says
TOO_BROKEN = Finding(
    name="short", words="there is no stretch of days without gaps to learn from", spoils=True
)


def identify(
    data: HouseData,
    prior: Prior,
    *,
    orders: tuple[Order, ...] = ORDERS,
    patterns: bool = True,
) -> Identified:
    """The house model these measurements and this prior belief make most probable.

    `patterns` False leaves the daily pattern out, for who cannot predict with it. Bad data give a
    result that is not accepted; if they allow no fit at all, it is the prior.
    """
    findings = house_data_findings(data, prior.building)
    if any(finding.name in HOPELESS for finding in findings):
        return _as_given(prior, findings)
    problems = [_problem(data, prior, order) for order in orders]
    tried = [_tried(problem) for problem in problems if problem.predictions >= LEAST_STARTS]
    if not tried:
        return _as_given(prior, (*findings, TOO_BROKEN))
    chosen = _best(tried)
    if patterns:
        tried.append(_tried(replace(chosen.problem, patterned=True)))
        limit_k = (1.0 - NEAR_TIE_FRAC) * chosen.candidate.held_out_rmse_k
        if tried[-1].candidate.held_out_rmse_k < limit_k:
            chosen = tried[-1]
    return _result(data, prior, findings=findings, tried=tried, chosen=chosen)


def unlearned(prior: Prior) -> Identified:
    """The prior as if it had been identified: the model in force before any data."""
    return _as_given(prior, ())


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """A structure with its fit, and held-out errors (leads x starts; NaN: none)."""

    problem: Problem
    posterior: Posterior
    held_out_k: FloatArray
    candidate: Candidate


def _problem(data: HouseData, prior: Prior, order: Order, *, patterned: bool = False) -> Problem:
    windy = data.wind_m_s is not None and not np.isnan(data.wind_m_s).all()
    believed = belief(prior, order, windy=windy)
    known = tuple(stretches(data, believed.building, windy=windy))
    hour = hour_of(data.starts_at)
    return Problem(order, believed, usual_noise(believed.building), known, hour, patterned)


def _tried(problem: Problem) -> _Tried:
    posterior = fit(problem)
    held_out = _held_out(problem, posterior)
    ahead, fitted = held_out[-1], problem.errors_k(posterior.z)[-1]
    known = problem.known[-1] & ~np.isnan(ahead)
    pooled = np.concatenate([ran.innovations_k for ran in problem.runs(posterior.z)])
    count = len(pooled)
    unlikely = count * (np.log(np.mean(pooled**2)) + 1.0 + np.log(2.0 * np.pi))
    return _Tried(
        problem,
        posterior,
        held_out,
        Candidate(
            order=problem.order,
            patterned=problem.patterned,
            parameters=problem.size,
            held_out_rmse_k=_rmse_k(ahead[known]),
            fitted_rmse_k=_rmse_k(fitted[known]),
            aic=float(unlikely + 2.0 * problem.size),
            bic=float(unlikely + np.log(count) * problem.size),
        ),
    )


def _held_out(problem: Problem, posterior: Posterior) -> FloatArray:
    """Errors in each third of the time by parameters fitted to the rest, a day's distance apart."""
    places = problem.places
    edges = np.quantile(places, np.linspace(0.0, 1.0, FOLDS + 1))
    day = hours_to_steps(24.0, problem.stretches[0].inputs.step_s)
    errors = np.full(problem.read_c.shape, np.nan)
    for first, last in pairwise(edges.tolist()):
        inside = (places >= first) & (places <= last)
        apart = (places < first - day) | (places > last + day)
        if not apart.any():
            continue
        learned = fit(problem, counts=apart, first=posterior)
        errors[:, inside] = problem.errors_k(learned.z)[:, inside]
    if np.isnan(errors).all():  # too short to leave days out; `Verdict` refuses so few
        return problem.errors_k(posterior.z)
    return errors


def _best(tried: list[_Tried]) -> _Tried:
    """Of the structures about as good as the best, the one with the lowest BIC."""
    least = min(one.candidate.held_out_rmse_k for one in tried)
    near = [o for o in tried if o.candidate.held_out_rmse_k <= (1.0 + NEAR_TIE_FRAC) * least]
    return min(near, key=lambda one: one.candidate.bic)


def _result(
    data: HouseData,
    prior: Prior,
    *,
    findings: tuple[Finding, ...],
    tried: list[_Tried],
    chosen: _Tried,
) -> Identified:
    problem, posterior = chosen.problem, chosen.posterior
    names, root = problem.belief.names, problem.belief.root
    own = posterior.covariance[: len(names), : len(names)]
    known = problem.known & ~np.isnan(chosen.held_out_k)
    runs = problem.runs(posterior.z)
    warm = hours_to_steps(WARM_UP_S / 3600.0, data.step_s)
    against = Verdict(
        findings=findings,
        days=sum(len(one) for one in problem.stretches) * data.step_s / DAY_S,
        chosen=chosen.candidate,
        given_rmse_k=_given_rmse_k(data, prior, chosen),
        persistence_rmse_k=_persistence_rmse_k(problem, known[-1]),
        names=names,
        z=posterior.z,
    ).against()
    found = Identified(
        building=problem.building(posterior.z),
        order=problem.order,
        names=names,
        log_covariance=root @ own @ root.T,
        noise=problem.noise(posterior.z),
        pattern=problem.pattern(posterior.z),
        candidates=tuple(one.candidate for one in tried),
        residuals=residuals(runs, warm, chosen.held_out_k[-1][known[-1]]),
        directions=directions(names, posterior.covariance),
        findings=findings,
        events=events(runs, problem.stretches, data.starts_at, warm),
        accepted=not against,
        reasons=against or in_favour(chosen.candidate, directions(names, posterior.covariance)),
    )
    return replace(found, noise=_noise(found, chosen, known))


def _noise(found: Identified, chosen: _Tried, known: np.ndarray) -> Noise:
    """The filter's noise with the band calibrated on the held-out errors."""
    problem = chosen.problem
    parts = []
    pairs = zip(problem.driven(chosen.posterior.z), problem.starts, strict=True)
    for inputs, starts in pairs:
        leads = [hours_to_steps(lead, inputs.step_s) for lead in LEADS_H]
        parts.append(foreseen(found, inputs, starts, leads)[2])
    days = known[-1].sum() * BETWEEN_STARTS_S / DAY_S
    errors_k = np.nan_to_num(chosen.held_out_k)
    return calibrated(found.noise, errors_k, known, joined(parts), days=float(days))


def _given_rmse_k(data: HouseData, prior: Prior, chosen: _Tried) -> float:
    """Error of the model given a day ahead, over the same held-out predictions."""
    given = _problem(data, prior, _own_order(prior.building))
    known = chosen.problem.known[-1] & ~np.isnan(chosen.held_out_k[-1])
    return _rmse_k(given.errors_k(np.zeros(given.size))[-1][known])


def _persistence_rmse_k(problem: Problem, known: np.ndarray) -> float:
    now_c = np.concatenate(
        [one.inputs.room_c[at] for one, at in zip(problem.stretches, problem.starts, strict=True)]
    )
    return _rmse_k((problem.read_c[-1] - now_c)[known])


def _as_given(prior: Prior, findings: tuple[Finding, ...]) -> Identified:
    order = _own_order(prior.building)
    believed = belief(prior, order, windy=prior.building.wind_w_per_k_per_m_s > 0.0)
    reasons = tuple(finding.words for finding in findings if finding.spoils)
    return Identified(
        building=believed.building,
        order=order,
        names=believed.names,
        log_covariance=believed.root @ believed.root.T,
        noise=usual_noise(believed.building),
        pattern=None,
        candidates=(),
        residuals=None,
        directions=directions(believed.names, np.eye(len(believed.names))),
        findings=findings,
        events=(),
        accepted=False,
        reasons=reasons or ("nothing was learned yet",),
    )


def _own_order(building: Building) -> Order:
    return Order.TWO if building.floor_kwh_per_k is None else Order.FULL


def _rmse_k(errors_k: FloatArray) -> float:
    return float(np.sqrt(np.mean(errors_k**2))) if len(errors_k) else float("inf")
