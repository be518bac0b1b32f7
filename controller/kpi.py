"""The few figures that sum up a run, computed from its records. Pure."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from controller.guard import Altered, Refused
from controller.model import HouseModel
from controller.records import StepRecord
from controller.snapshot import Snapshot
from drivers.api import Signal
from mpc.building import capacities_kwh_per_k


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpis:
    """None means that the records cannot tell."""

    electricity_kwh: float
    cost: float | None
    spot_cost: float | None
    mean_price: float | None  # whole cost per kWh
    comfort_kh_below: float
    comfort_kh_above: float
    mean_room_temp_c: float | None
    heat_left_kwh: float  # more (or less) heat in the house at the end than at the start
    compressor_starts: int
    spf: float | None
    guard_interventions: int  # cycles in which the guard changed or refused a wish
    plan_time_ms: tuple[float, float] | None  # median, 95th percentile
    not_solved: int


def kpis(
    records: Sequence[StepRecord],
    *,
    model: HouseModel,
    spot_at: Callable[[datetime], float | None],
) -> Kpis:
    """Sum up records in order of time; each value holds until the next record."""
    energy_kwh = heat_kwh = spot_cost = cost = below_kh = above_kh = 0.0
    priced = heat_known = True
    rooms: list[tuple[float, float]] = []
    for record, following in pairwise(records):
        hours = (following.at - record.at).total_seconds() / 3600.0
        used_kwh = _used_kwh(record.snapshot, following.snapshot, hours)
        energy_kwh += used_kwh
        spot = spot_at(record.at)
        if spot is None:
            priced = False
        else:
            spot_cost += used_kwh * spot
            cost += used_kwh * model.tariff.price_per_kwh(spot, record.at)
        given_kwh = _given_kwh(record.snapshot, following.snapshot, hours)
        heat_known = heat_known and given_kwh is not None
        heat_kwh += 0.0 if given_kwh is None else given_kwh
        room_c = record.snapshot.value(Signal.ROOM_C)
        if room_c is not None:
            rooms.append((room_c, hours))
            target = record.target
            below_kh += max(target.room_c - target.band_k - room_c, 0.0) * hours
            above_kh += max(room_c - target.room_c - target.band_k, 0.0) * hours
    return Kpis(
        electricity_kwh=energy_kwh,
        cost=cost if priced else None,
        spot_cost=spot_cost if priced else None,
        mean_price=cost / energy_kwh if priced and energy_kwh > 0.0 else None,
        comfort_kh_below=below_kh,
        comfort_kh_above=above_kh,
        mean_room_temp_c=_mean(rooms),
        heat_left_kwh=_heat_left_kwh(records, model),
        compressor_starts=_starts(records),
        spf=heat_kwh / energy_kwh if heat_known and energy_kwh > 0.0 else None,
        guard_interventions=sum(_intervened(record) for record in records),
        plan_time_ms=plan_times_ms(r.plan_time_ms for r in records),
        not_solved=sum(record.not_solved for record in records),
    )


def plan_times_ms(times_ms: Iterable[float | None]) -> tuple[float, float] | None:
    """Median and 95th percentile of the times that are there."""
    known = sorted(time for time in times_ms if time is not None)
    if not known:
        return None
    return statistics.median(known), known[min(len(known) - 1, int(0.95 * len(known)))]


def _used_kwh(now: Snapshot, following: Snapshot, hours: float) -> float:
    """From the counters where there are any (they miss nothing), else from the power."""
    used_kwh = _counted(now, following, (Signal.METER_ENERGY_KWH, Signal.ENERGY_KWH))
    if used_kwh is not None:
        return used_kwh
    for meter in (Signal.METER_POWER_W, Signal.POWER_W):
        power_w = now.value(meter)
        if power_w is not None:
            return power_w * hours / 1000.0
    return 0.0


def _given_kwh(now: Snapshot, following: Snapshot, hours: float) -> float | None:
    given_kwh = _counted(now, following, (Signal.HEAT_ENERGY_KWH,))
    heat_w = now.value(Signal.HEAT_W)
    if given_kwh is None and heat_w is not None:
        return heat_w * hours / 1000.0
    return given_kwh


def _counted(now: Snapshot, following: Snapshot, counters: Sequence[Signal]) -> float | None:
    for counter in counters:
        first, then = now.value(counter), following.value(counter)
        if first is not None and then is not None and then >= first:
            return then - first
    return None


def _mean(rooms: Sequence[tuple[float, float]]) -> float | None:
    hours = sum(span for _, span in rooms)
    return sum(room_c * span for room_c, span in rooms) / hours if hours > 0.0 else None


def _heat_left_kwh(records: Sequence[StepRecord], model: HouseModel) -> float:
    if not records:
        return 0.0
    first, last = records[0].belief.estimate, records[-1].belief.estimate
    capacities = capacities_kwh_per_k(model.building)
    if {len(first.state_c), len(last.state_c)} != {len(capacities)}:  # learned anew meanwhile
        return float(capacities.sum()) * (last.state_c[0] - first.state_c[0])
    pairs = zip(capacities, first.state_c, last.state_c, strict=True)
    return float(sum(c * (end_c - start_c) for c, start_c, end_c in pairs))


def _starts(records: Sequence[StepRecord]) -> int:
    states = [r.snapshot.compressor_on for r in records if r.snapshot.compressor_on is not None]
    return sum(now and not before for before, now in pairwise(states))


def _intervened(record: StepRecord) -> bool:
    return isinstance(record.verdict, Altered | Refused) and bool(record.wanted.settings)
