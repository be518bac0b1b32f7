"""One house of the identification benchmark: the fit, and what it is worth on held-out days."""

import time
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.identify_bad import spoiled
from bench.identify_houses import STEP, TRAINED_DAYS, DrawnHouse, drawn_house, loss_w_per_k
from bench.identify_measured import MeasuredHouse
from bench.identify_records import recorded
from bench.identify_score import day_ahead_bias_k, scores
from bench.spec import Address, RunSpec, house_config
from bench.zones import load_zone
from controller.learn import day_one_prior
from mpc.arrays import FloatArray
from mpc.building import total_loss_w_per_k
from mpc.house_data import HouseData
from mpc.identify import identify
from mpc.identify_model import Identified, Order, Prior

SPOILED_HOUSES = 2  # the first ones, each with every fault
MEASURED_EVERY_H = 1
HOUR = timedelta(hours=1)
SETTLED_DAYS = 3  # of the unknown heat, before its days count


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFound:
    """What a fit said of one spoiled record."""

    fault: str
    words: str
    named: bool
    findings: list[str]
    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FitFound:
    """One house: the fit, and what it predicts on held-out days."""

    name: str
    kind: str
    words: str
    order: str
    accepted: bool
    reasons: list[str]
    fit_cpu_s: float
    scores: dict[str, Any] | None  # of `Scores`; None where nothing can be predicted
    sunny_scores: dict[str, Any] | None = None  # the same where the sun was measured
    loss_ratio: float | None = None  # learned over true heat loss
    unknown_w: float = 0.0
    unknown_bias_k: float | None = None  # room minus its prediction of a day before, mean
    usual_bias_k: float | None = None  # the same days without the unknown heat
    faults: list[dict[str, Any]] = field(default_factory=list)


def prior_of(drawn: DrawnHouse) -> Prior:
    """What heatherd believes on the first day, from what the owner of this house knows."""
    spec = RunSpec(
        house=drawn.house.name,
        zone=drawn.zone,
        start_at=drawn.start_at,
        days=1.0,
        seed=drawn.seed,
        strategy="heating-curve",
    )
    return day_one_prior(
        house_config(
            spec, drawn.house, load_zone(drawn.zone), address=Address(), directory=Path("unused")
        )
    )


def simulated(number: int, seed: int, folder: Path) -> FitFound:
    """One drawn house, in a worker process."""
    drawn, known = drawn_house(number, seed), recorded(number, seed, folder)
    prior = prior_of(drawn)
    split = TRAINED_DAYS * known.data.steps_per_day
    trained = known.data.part(0, split)
    found, cpu_s = _timed_fit(trained, prior)
    bias_k = usual_bias_k = None
    if known.disturbed is not None:
        settled = split + SETTLED_DAYS * known.data.steps_per_day
        bias_k = day_ahead_bias_k(found, known.disturbed, settled)
        usual_bias_k = day_ahead_bias_k(found, known.data, settled)
    sunny = replace(known.data, ghi_w_per_m2=shone_w_per_m2(drawn, len(known.data)))
    return replace(
        _fit_found(
            found,
            name=f"{number}",
            kind=drawn.kind,
            words=drawn.house.name,
            cpu_s=cpu_s,
        ),
        scores=asdict(scores(found, known.data, split)),
        sunny_scores=asdict(scores(identify(sunny.part(0, split), prior), sunny, split)),
        loss_ratio=total_loss_w_per_k(found.building) / loss_w_per_k(drawn.house.truth.building),
        unknown_w=known.unknown_w,
        unknown_bias_k=bias_k,
        usual_bias_k=usual_bias_k,
        faults=_faults(trained, prior) if number < SPOILED_HOUSES else [],
    )


def shone_w_per_m2(drawn: DrawnHouse, steps: int) -> FloatArray:
    """Global irradiance as it was, per quarter of an hour: what a sensor nearby would have read."""
    true = load_zone(drawn.zone).weather
    hourly = np.add(true.direct_horizontal_w_per_m2, true.diffuse_horizontal_w_per_m2)
    first_h = (drawn.start_at - true.starts_at) / HOUR
    hours = np.floor(first_h + np.arange(steps) * (STEP / HOUR)).astype(np.int64)
    return np.asarray(hourly[hours], dtype=np.float64)


def of_record(house: MeasuredHouse) -> FitFound:
    """One measured house or emulated run."""
    trained = house.data.part(0, house.split)
    found, cpu_s = _timed_fit(trained, house.prior)
    kind = "measured" if house.measured else "other"
    result = _fit_found(found, name=house.name, kind=kind, words=house.words, cpu_s=cpu_s)
    try:
        scored = scores(found, house.data, house.split, every_h=MEASURED_EVERY_H)
    except ValueError:  # too short to predict a day
        return result
    return replace(result, scores=asdict(scored))


def _timed_fit(data: HouseData, prior: Prior) -> tuple[Identified, float]:
    began_s = time.process_time()
    found = identify(data, prior)
    return found, time.process_time() - began_s


def _fit_found(found: Identified, *, name: str, kind: str, words: str, cpu_s: float) -> FitFound:
    return FitFound(
        name=name,
        kind=kind,
        words=words,
        order=str(found.order),
        accepted=found.accepted,
        reasons=list(found.reasons),
        fit_cpu_s=cpu_s,
        scores=None,
    )


def _faults(data: HouseData, prior: Prior) -> list[dict[str, Any]]:
    said = []
    for name, (fault, bad) in spoiled(data).items():
        found = identify(bad, prior, orders=(Order.TWO,))  # what is accepted hangs on the data
        names = {finding.name for finding in found.findings if finding.spoils}
        said.append(
            FaultFound(
                fault=name,
                words=fault.words,
                named=bool(names & fault.names),
                findings=sorted(names),
                adopted=found.accepted,
            )
        )
    return [asdict(one) for one in said]
