"""What the pump's own control would have used in the recorded time: reckoned from records. Pure.

The mathematics is `mpc.counterfactual`; here records become its spells, and it is said when nothing
can be said.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from controller.config import HouseConfig
from controller.estimate import delivered_heat_w
from controller.learn_data import STEP_S, QuarterMeans, house_data, neighbours
from controller.learn_trial import trial_rmse_k
from controller.learned import WORSE_FRAC, Lesson
from controller.model import HouseModel
from controller.pump_figures import PumpFigures
from controller.records import StepRecord
from controller.snapshot import Snapshot
from drivers.api import OperatingState, Signal
from mpc.arrays import FloatArray
from mpc.counterfactual import Counterfactual, KnownHouse, counterfactual
from mpc.counterfactual_power import Machine, Spell
from mpc.heat_pump import capacity_w
from mpc.house_data import HouseData
from mpc.identify_stretches import stretches

LEAST_DAYS = 7.0
"""With fewer steered days the ends weigh more than what lies between them."""

LEAST_SPELL_S = 86_400.0
MEASURED_FRAC = 0.8
"""Heat counts as measured if so many looks at a running pump had a reading of it."""

USUAL_ERROR_K, MOST_ERROR_K = 0.3, 1.0
"""A model that errs by more than the second a day ahead has not understood the house; errors below
the first are good whatever they were when it was learned."""

USUAL_OUTDOOR_C = 2.0  # where the pump's largest heat is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What was learned of house and pump until now."""

    config: HouseConfig
    model: HouseModel
    lesson: Lesson | None
    pump: PumpFigures


def reckoned(
    records: Sequence[StepRecord],
    steered_days: frozenset[date],
    knowledge: Knowledge,
    spot_at: Callable[[datetime], float | None],
) -> Counterfactual:
    """Own control instead of steering, over the steered days.

    Raises ValueError, in words for the owner, when that cannot be said.
    """
    lesson, model = knowledge.lesson, knowledge.model
    if lesson is None:
        raise ValueError("no house model has been learned yet (`heatherd learn`)")
    data = house_data(records, model)
    known = _spells(data, records, steered_days, (knowledge, spot_at))
    days = sum(spell.days for spell in known)
    if days < LEAST_DAYS:
        raise ValueError(
            f"{days:.1f} steered days have records of room, heat and electricity without gaps; "
            f"{LEAST_DAYS:g} are needed"
        )
    _check_model(lesson, data)
    emitter, pump = model.emitter, knowledge.pump.applied(model.heat_pump)
    return counterfactual(
        known,
        KnownHouse(
            building=lesson.building,
            names=tuple(lesson.log_std),
            log_covariance=lesson.covariance(),
        ),
        Machine(
            heat_pump=pump,
            emitter=emitter,
            least_load_frac=knowledge.config.heat_pump.modulation_min_frac,
            most_w=float(capacity_w(pump, USUAL_OUTDOOR_C, emitter.design_flow_c)),
            heat_is_measured=_heat_is_measured(records),
        ),
    )


def _check_model(lesson: Lesson, data: HouseData) -> None:
    """A model that does not predict these days says nothing of how they might have been."""
    error_k = trial_rmse_k(lesson.building, data, data.steps_per_day)
    most_k = min(max(WORSE_FRAC * lesson.error_k, USUAL_ERROR_K), MOST_ERROR_K)
    if not error_k <= most_k:
        raise ValueError(
            f"the learned model errs by {error_k:.2f} K a day ahead over these days, "
            f"{lesson.error_k:.2f} K when it was learned: it does not know this house well enough"
        )


def _spells(
    data: HouseData,
    records: Sequence[StepRecord],
    steered_days: frozenset[date],
    by: tuple[Knowledge, Callable[[datetime], float | None]],
) -> list[Spell]:
    knowledge, spot_at = by
    zone, model = knowledge.config.zone, knowledge.model
    power, flow, price = QuarterMeans(), QuarterMeans(), QuarterMeans()
    for now, then in neighbours(records):
        from_s, until_s = now.at.timestamp(), then.at.timestamp()
        power.add(_rooms_power_w(now.snapshot, model), from_s, until_s)
        flow.add(_flow_c(now, model), from_s, until_s)
        spot = spot_at(now.at)
        price.add(
            None if spot is None else model.tariff.price_per_kwh(spot, now.at), from_s, until_s
        )
    first, count = round(data.starts_at.timestamp() / STEP_S), len(data)
    power_w, flow_c, price_per_kwh = (m.values(first, count) for m in (power, flow, price))
    step = timedelta(seconds=STEP_S)
    at = [(data.starts_at + step * i).astimezone(zone).date() for i in range(count)]
    ours = np.array([day in steered_days for day in at]) & np.isfinite(power_w)
    cut = replace(data, heat_w=np.where(ours, data.heat_w, np.nan))
    found = []
    for one in stretches(cut, model.one_zone, windy=False, least_s=LEAST_SPELL_S):
        here = slice(one.first, one.first + len(one))
        found.append(
            Spell(
                step_s=STEP_S,
                room_c=one.inputs.room_c,
                heat_w=one.inputs.drives[:, 0],
                outdoor_c=one.inputs.drives[:, 1],
                power_w=_bridged(power_w[here]),
                flow_c=flow_c[here],
                price_per_kwh=price_per_kwh[here],
            )
        )
    return found


def _bridged(values: FloatArray) -> FloatArray:
    """Short gaps, of a stretch that has no others, on a straight line."""
    known, at = np.isfinite(values), np.arange(len(values))
    return np.interp(at, at[known], values[known])


def _rooms_power_w(snapshot: Snapshot, model: HouseModel) -> float | None:
    """Electricity for the rooms: while hot water is made, standby alone."""
    power_w = snapshot.value(Signal.METER_POWER_W)
    if power_w is None:
        power_w = snapshot.value(Signal.POWER_W)
    if power_w is None or snapshot.operating_state is not OperatingState.DHW:
        return power_w
    return min(power_w, model.heat_pump.standby_w)


def _flow_c(record: StepRecord, model: HouseModel) -> float | None:
    """The flow while it heats the rooms: at rest the sensor tells of the pump's cupboard."""
    heat_w = delivered_heat_w(
        record.snapshot, model, outdoor_forecast_c=record.outdoor_forecast_c
    )  # fmt: skip
    return record.snapshot.value(Signal.FLOW_C) if heat_w else None


def _heat_is_measured(records: Sequence[StepRecord]) -> bool:
    running = [r.snapshot for r in records if r.snapshot.compressor_on is not False]
    known = [snapshot.value(Signal.HEAT_W) is not None for snapshot in running]
    return bool(known) and statistics.fmean(known) >= MEASURED_FRAC
