"""From records to what identification learns from: one grid of quarter hours. Pure."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from controller.estimate import delivered_heat_w
from controller.model import HouseModel
from controller.records import StepRecord
from drivers.api import Signal
from mpc.arrays import FloatArray
from mpc.house_data import HouseData

STEP_S = 900.0

LONGEST_GAP = timedelta(minutes=20)
"""Records further apart than this do not tell what happened between them; means over a quarter of
an hour, which old records are reduced to, still do."""

LEAST_KNOWN_FRAC = 0.5
"""A step is known when so much of it is."""


@dataclass(slots=True)
class QuarterMeans:
    """Time-weighted means by step since 1970."""

    area: dict[int, float] = field(default_factory=dict)
    known_s: dict[int, float] = field(default_factory=dict)

    def add(self, value: float | None, from_s: float, until_s: float) -> None:
        """A value that held over a span."""
        if value is None:
            return
        while from_s < until_s:
            step = math.floor(from_s / STEP_S)
            end_s = min(until_s, (step + 1) * STEP_S)
            self.area[step] = self.area.get(step, 0.0) + value * (end_s - from_s)
            self.known_s[step] = self.known_s.get(step, 0.0) + end_s - from_s
            from_s = end_s

    def values(self, first: int, count: int) -> FloatArray:
        """One mean per step; NaN where too little of the step is known."""
        found = np.full(count, np.nan)
        for step, known_s in self.known_s.items():
            if first <= step < first + count and known_s >= LEAST_KNOWN_FRAC * STEP_S:
                found[step - first] = self.area[step] / known_s
        return found


def house_data(records: Iterable[StepRecord], model: HouseModel) -> HouseData:
    """Means of every quarter hour, in order of time; heat by the rule of the running estimate.

    Raises ValueError when the records do not reach over a quarter of an hour.
    """
    heat, outdoor, ghi, wind = QuarterMeans(), QuarterMeans(), QuarterMeans(), QuarterMeans()
    rooms: dict[int, float] = {}
    first_s = last_s = math.nan
    for now, then in neighbours(records):
        from_s, until_s = now.at.timestamp(), then.at.timestamp()
        first_s, last_s = (from_s if math.isnan(first_s) else first_s), until_s
        outdoor_c = now.snapshot.value(Signal.OUTDOOR_C)
        if outdoor_c is None:
            outdoor_c = now.outdoor_forecast_c
        heat_w = delivered_heat_w(
            now.snapshot, model, outdoor_forecast_c=now.outdoor_forecast_c
        )  # fmt: skip
        heat.add(heat_w, from_s, until_s)
        outdoor.add(outdoor_c, from_s, until_s)
        ghi.add(then.ghi_w_per_m2, from_s, until_s)
        wind.add(then.wind_m_s, from_s, until_s)
        _read_rooms(rooms, now, then)
    if math.isnan(first_s):
        raise ValueError("there are not enough records to learn from")
    first, end = math.ceil(first_s / STEP_S), math.floor(last_s / STEP_S)
    count = end - first
    if count < 1:
        raise ValueError("the records do not reach over a quarter of an hour")
    return HouseData(
        starts_at=datetime.fromtimestamp(first * STEP_S, UTC),
        step_s=STEP_S,
        room_c=np.array([rooms.get(first + step, np.nan) for step in range(count)]),
        heat_w=heat.values(first, count),
        outdoor_c=outdoor.values(first, count),
        ghi_w_per_m2=ghi.values(first, count),
        wind_m_s=wind.values(first, count) if wind.area else None,
    )


def neighbours(records: Iterable[StepRecord]) -> Iterator[tuple[StepRecord, StepRecord]]:
    """Neighbours in time without a gap between them."""
    before: StepRecord | None = None
    for record in records:
        if before is not None and timedelta(0) < record.at - before.at <= LONGEST_GAP:
            yield before, record
        before = record


def _read_rooms(rooms: dict[int, float], now: StepRecord, then: StepRecord) -> None:
    """The room at every start of a step between two looks: on the line between their readings."""
    first_c, last_c = now.snapshot.value(Signal.ROOM_C), then.snapshot.value(Signal.ROOM_C)
    if first_c is None or last_c is None:
        return
    from_s, until_s = now.at.timestamp(), then.at.timestamp()
    for step in range(math.ceil(from_s / STEP_S), math.floor(until_s / STEP_S) + 1):
        share = (step * STEP_S - from_s) / (until_s - from_s)
        rooms[step] = first_c + share * (last_c - first_c)
