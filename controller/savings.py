"""From records to what was saved: days summed up, steered ones and others. Pure."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from controller.act import Applied
from controller.config import HouseConfig
from controller.kpi import kpis
from controller.model import HouseModel
from controller.records import StepRecord
from controller.savings_days import COMPARISON
from drivers.api import Signal
from mpc.savings import Day, Saving, saving

WHOLE_DAY = timedelta(hours=22)
"""A day with less between its first and last record is left out."""

STEERED_FRAC, OWN_FRAC = 0.7, 0.1
"""A day is steered if so much of it was, on the pump's own control if no more than that was."""

ENDS = timedelta(hours=2)
"""The room at a day's ends is the mean over so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySum:
    """A local day; `steered` is None for days that were neither one nor the other."""

    day: date
    energy_kwh: float
    flat_kwh: float | None  # its cost over its mean price; None: prices are not known
    difference_k: float
    ghi_w_per_m2: float
    room_rise_k: float
    steered: bool | None
    drawn: bool  # a comparison day


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """What steering saved; None where the records cannot tell."""

    energy: Saving
    cost: Saving | None
    drawn_days: int  # of the days on the pump's own control
    left_out_days: int


def day_sums(
    records: Sequence[StepRecord],
    *,
    config: HouseConfig,
    model: HouseModel,
    spot_at: Callable[[datetime], float | None],
) -> Iterator[DaySum]:
    """Every whole local day among records in order of time."""
    for day, group in groupby(records, key=lambda r: r.at.astimezone(config.zone).date()):
        found = list(group)
        if found[-1].at - found[0].at >= WHOLE_DAY:
            summed = _day_sum(day, found, model, spot_at)
            if summed is not None:
                yield summed


def _day_sum(
    day: date,
    records: Sequence[StepRecord],
    model: HouseModel,
    spot_at: Callable[[datetime], float | None],
) -> DaySum | None:
    rooms = [(r.at, c) for r in records if (c := r.snapshot.value(Signal.ROOM_C)) is not None]
    outdoors = [c for r in records if (c := _outdoor_c(r)) is not None]
    if not rooms or not outdoors:
        return None
    run = kpis(records, model=model, spot_at=spot_at)
    spots = [(r.at, spot_at(r.at)) for r in records]
    prices = [model.tariff.price_per_kwh(spot, at) for at, spot in spots if spot is not None]
    mean_price = statistics.fmean(prices) if prices else 0.0
    first, last = rooms[0][0] + ENDS, rooms[-1][0] - ENDS
    begin_c = statistics.fmean(c for at, c in rooms if at <= first)
    end_c = statistics.fmean(c for at, c in rooms if at >= last)
    steered_frac = statistics.fmean(isinstance(r.outcome, Applied) for r in records)
    return DaySum(
        day=day,
        energy_kwh=run.electricity_kwh,
        flat_kwh=None if run.cost is None or mean_price <= 0.0 else run.cost / mean_price,
        difference_k=statistics.fmean(c for _, c in rooms) - statistics.fmean(outdoors),
        ghi_w_per_m2=statistics.fmean(r.ghi_w_per_m2 for r in records),
        room_rise_k=end_c - begin_c,
        steered=_kind(steered_frac),
        drawn=statistics.fmean(r.wanted.reason == COMPARISON for r in records) > 0.5,
    )


def _outdoor_c(record: StepRecord) -> float | None:
    measured_c = record.snapshot.value(Signal.OUTDOOR_C)
    return record.outdoor_forecast_c if measured_c is None else measured_c


def _kind(steered_frac: float) -> bool | None:
    if steered_frac >= STEERED_FRAC:
        return True
    return False if steered_frac <= OWN_FRAC else None


def savings(sums: Sequence[DaySum]) -> Savings:
    """Compare steered days with the others. Raises `ValueError` for too few of them."""
    used = [summed for summed in sums if summed.steered is not None]
    priced = [summed for summed in used if summed.flat_kwh is not None]
    return Savings(
        energy=saving(_days(used, [s.energy_kwh for s in used])),
        cost=saving(_days(priced, [s.flat_kwh or 0.0 for s in priced]))
        if len(priced) == len(used)
        else None,
        drawn_days=sum(s.drawn for s in used if s.steered is False),
        left_out_days=len(sums) - len(used),
    )


def _days(sums: Sequence[DaySum], energies_kwh: Sequence[float]) -> list[Day]:
    by_day = {summed.day: bool(summed.steered) for summed in sums}
    return [
        Day(
            energy_kwh=energy_kwh,
            difference_k=summed.difference_k,
            ghi_w_per_m2=summed.ghi_w_per_m2,
            room_rise_k=summed.room_rise_k,
            steered=bool(summed.steered),
            steered_before=by_day.get(summed.day - timedelta(days=1), bool(summed.steered)),
        )
        for summed, energy_kwh in zip(sums, energies_kwh, strict=True)
    ]
