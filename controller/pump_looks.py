"""The heat pump at an instant, in the few numbers that reports over a season need. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from controller.records import StepRecord
from drivers.api import OperatingState, Signal

LONGEST_HELD = timedelta(minutes=20)
"""A power holds until the next look, for no longer than this; old records are quarters of an hour.
"""

LONGEST_COUNTED = timedelta(days=1)
"""What a counter has counted meanwhile is taken for a span of up to so long."""

MOST_W, COUNTED_KWH = 40_000.0, 1.0
"""A counter that goes on faster than any domestic pump (beside its own step) was replaced."""


class Source(NamedTuple):
    """Where an energy is read: a counter, or a power where there is none."""

    counter: Signal
    power: Signal


METER = Source(Signal.METER_ENERGY_KWH, Signal.METER_POWER_W)
PUMP = Source(Signal.ENERGY_KWH, Signal.POWER_W)
HEAT = Source(Signal.HEAT_ENERGY_KWH, Signal.HEAT_W)

KEPT = frozenset({*METER, *PUMP, *HEAT, Signal.OUTDOOR_C, Signal.FLOW_C})


@dataclass(frozen=True, slots=True)
class Look:
    """What a season of looks can keep in memory."""

    at: datetime
    values: Mapping[Signal, float]  # those of KEPT that were there
    state: OperatingState | None = None
    running: bool | None = None
    knob: float | None = None  # value of the heat knob


def look_of(record: StepRecord) -> Look:
    """A cycle, reduced."""
    seen = record.snapshot
    values = {s: v for s in seen.signals if s in KEPT and (v := seen.value(s)) is not None}
    return Look(record.at, values, seen.operating_state, seen.compressor_on, record.current)


def look_of_quarter(at: datetime, means: Mapping[str, float]) -> Look:
    """Means over a quarter of an hour. A mean of codes is no state."""
    known = {signal.value: signal for signal in KEPT}
    return Look(at, {known[name]: value for name, value in means.items() if name in known})


def neighbours(looks: Iterable[Look], within: timedelta) -> Iterable[tuple[Look, Look]]:
    """Looks and the next, no further apart than `within`."""
    pairs = pairwise(looks)
    return ((now, then) for now, then in pairs if timedelta(0) < then.at - now.at <= within)


def energy_kwh(now: Look, then: Look, source: Source) -> float | None:
    """Between two looks: by the counter, which misses nothing, else by the power that held."""
    span = then.at - now.at
    hours = span.total_seconds() / 3600.0
    first, last = now.values.get(source.counter), then.values.get(source.counter)
    if first is not None and last is not None:
        counted_kwh = last - first
        if 0.0 <= counted_kwh <= MOST_W / 1000.0 * hours + COUNTED_KWH:
            return counted_kwh
    power_w = now.values.get(source.power)
    if power_w is None or span > LONGEST_HELD:
        return None
    return power_w * hours / 1000.0
