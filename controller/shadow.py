"""The shadow report: what heatherd would have asked of the pump, beside what the pump did. Pure.

It is made from the records of a time in which heatherd only observed. The pump did not follow, so
it says how good the model and the signals are, how often a knob would have been moved, and what
the time cost as it was; it claims no saving, because none was measured.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from controller.estimate import delivered_heat_w
from controller.guard import Refused
from controller.kpi import Kpis, kpis
from controller.model import HouseModel
from controller.records import StepRecord
from controller.rooms_followed import wind_w
from controller.snapshot import Reading
from controller.wear import weekly_budget
from drivers.api import Knob, PriceSeries, Signal
from mpc import estimator
from mpc.building import capacities_kwh_per_k

HORIZONS_H = (1, 6)
LONGEST_GAP = timedelta(minutes=30)
"""Records further apart than this do not tell what happened between them."""

SHADOW_DAYS = 6.5
"""A week, less a few restarts."""


@dataclass(frozen=True, slots=True)
class ModelError:
    """Predicted minus measured room temperature, so many hours ahead, with the heat that came."""

    hours: int
    count: int
    mean_k: float
    rms_k: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """None means that the records cannot tell."""

    first_at: datetime
    last_at: datetime
    cycles: int
    observed_days: float  # covered by records of cycles in which nothing could be written
    missing_frac: Mapping[str, float]  # of every signal that was ever promised
    model_errors: tuple[ModelError, ...]
    asked_frac: float  # of the cycles in which something would have been asked of the pump
    why_not: tuple[tuple[str, int], ...]  # the commonest reasons to ask nothing, and how often
    ran_as_asked_frac: float | None
    planned_heat_kwh: float
    delivered_heat_kwh: float | None
    moves_a_week: float | None  # of the heat knob
    weekly_budget: float | None
    plans_failed: int
    as_run: Kpis

    @property
    def is_whole_week(self) -> bool:
        """Whether a week was observed."""
        return self.observed_days >= SHADOW_DAYS


def shadow_report(
    records: Sequence[StepRecord],
    *,
    model: HouseModel,
    knob: Knob | None,
    observing: Callable[[StepRecord], bool],
    spot_at: Callable[[datetime], float | None],
) -> ShadowReport:
    """Sum up records in order of time. Raises `ValueError` when there are fewer than two."""
    if len(records) < 2:
        raise ValueError("two cycles at least are needed for a report")
    refused = [r.verdict.reasons[0] for r in records if isinstance(r.verdict, Refused)]
    planned_kwh, delivered_kwh = _heat_kwh(records, model)
    return ShadowReport(
        first_at=records[0].at,
        last_at=records[-1].at,
        cycles=len(records),
        observed_days=_covered([r for r in records if observing(r)]) / timedelta(days=1),
        missing_frac=_missing(records),
        model_errors=tuple(e for h in HORIZONS_H if (e := _model_error(records, model, h))),
        asked_frac=1.0 - len(refused) / len(records),
        why_not=tuple(Counter(text.split(":")[0] for text in refused).most_common(3)),
        ran_as_asked_frac=_ran_as_asked(records),
        planned_heat_kwh=planned_kwh,
        delivered_heat_kwh=delivered_kwh,
        moves_a_week=None if knob is None else _moves_a_week(records, knob),
        weekly_budget=None if knob is None else weekly_budget(knob),
        plans_failed=sum(record.not_solved for record in records),
        as_run=kpis(records, model=model, spot_at=spot_at),
    )


def spot_prices(series: Sequence[PriceSeries]) -> Callable[[datetime], float | None]:
    """The spot price of an instant, by the latest series that tells it."""
    by_issue = sorted(series, key=lambda s: s.issued_at, reverse=True)

    def spot_at(at: datetime) -> float | None:
        for prices in by_issue:
            index = math.floor((at - prices.starts_at).total_seconds() / prices.step_s)
            if 0 <= index < len(prices.per_kwh) and prices.per_kwh[index] is not None:
                return prices.per_kwh[index]
        return None

    return spot_at


def _covered(records: Sequence[StepRecord]) -> timedelta:
    gaps = (then.at - now.at for now, then in pairwise(records))
    return sum((gap for gap in gaps if gap <= LONGEST_GAP), timedelta(0))


def _missing(records: Sequence[StepRecord]) -> dict[str, float]:
    promised = Counter(signal for r in records for signal in r.snapshot.signals)
    good = Counter(
        s for r in records for s, m in r.snapshot.signals.items() if isinstance(m, Reading)
    )
    return {signal.value: 1.0 - good[signal] / promised[signal] for signal in sorted(promised)}


def _model_error(
    records: Sequence[StepRecord], model: HouseModel, hours: int
) -> ModelError | None:  # fmt: skip
    """From starts half the span apart: predict with measured heat and weather, but no room."""
    errors_k: list[float] = []
    next_at = records[0].at
    for index, record in enumerate(records):
        if record.at < next_at:
            continue
        next_at = record.at + timedelta(hours=max(1.0, hours / 2))
        error_k = _prediction_error_k(records, index, model, timedelta(hours=hours))
        if error_k is not None:
            errors_k.append(error_k)
    if not errors_k:
        return None
    rms_k = math.sqrt(statistics.fmean(error**2 for error in errors_k))
    return ModelError(hours, len(errors_k), statistics.fmean(errors_k), rms_k)


def _prediction_error_k(
    records: Sequence[StepRecord], index: int, model: HouseModel, ahead: timedelta
) -> float | None:
    until = records[index].at + ahead
    estimate = records[index].belief.estimate
    if len(estimate.state_c) != len(capacities_kwh_per_k(model.building)):
        return None  # of another model of the house
    for position in range(index, len(records) - 1):
        now, then = records[position], records[position + 1]
        heat_w = delivered_heat_w(now.snapshot, model)
        outdoor_c = now.snapshot.value(Signal.OUTDOOR_C)
        if heat_w is None or outdoor_c is None or then.at - now.at > LONGEST_GAP:
            return None
        estimate = estimator.predict(
            estimate,
            model.building,
            until=then.at,
            heat_w=heat_w,
            outdoor_c=outdoor_c,
            ghi_w_per_m2=then.ghi_w_per_m2,
            gain_w=wind_w(model, then.wind_m_s, outdoor_c, room_c=estimate.state_c[0]),
        )
        if then.at >= until:
            room_c = then.snapshot.value(Signal.ROOM_C)
            return None if room_c is None else estimate.state_c[0] - room_c
    return None


def _heat_kwh(records: Sequence[StepRecord], model: HouseModel) -> tuple[float, float | None]:
    planned_kwh = delivered_kwh = 0.0
    known = False
    for now, then in pairwise(records):
        if then.at - now.at > LONGEST_GAP:
            continue
        hours = (then.at - now.at) / timedelta(hours=1)
        if now.wanted.heat_w is not None:
            planned_kwh += now.wanted.heat_w * hours / 1000.0
        heat_w = delivered_heat_w(now.snapshot, model)
        if heat_w is not None:
            known = True
            delivered_kwh += heat_w * hours / 1000.0
    return planned_kwh, delivered_kwh if known else None


def _ran_as_asked(records: Sequence[StepRecord]) -> float | None:
    pairs = [
        (record.wanted.run, on)
        for record in records
        if record.wanted.run is not None and (on := record.snapshot.compressor_on) is not None
    ]
    return statistics.fmean(run == on for run, on in pairs) if pairs else None


def _moves_a_week(records: Sequence[StepRecord], knob: Knob) -> float | None:
    """How often the knob would have been written, by the rules of the hand on the pump."""
    moves, held, moved_at = 0, records[0].current, None
    for record in records:
        if isinstance(record.verdict, Refused):
            continue
        value = record.verdict.settings.get(knob.capability)
        if value is None or (held is not None and abs(value - held) < knob.resolution * 0.99):
            continue
        if moved_at is not None and (
            (record.at - moved_at).total_seconds() < knob.minimum_interval_s
        ):
            continue
        moves, held, moved_at = moves + 1, value, record.at
    covered = _covered(records)
    return moves * (timedelta(days=7) / covered) if covered else None
