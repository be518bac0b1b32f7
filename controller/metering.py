"""The import of the house metered as the grid's meter does it, for the charges on power. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from mpc.peak_state import PeakState, Running, nothing_counted, redated, settled
from mpc.peak_tariff import PeakTariff

COVERED_FRAC = 0.8
"""Less than this of an interval seen, and its mean is remembered as uncertain."""

LONGEST_SPAN_S = 600.0
"""A reading says nothing about more than the last ten minutes, whatever the loop did before."""

HOLES_KEPT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Intervals in a row of a charge that were not seen well enough."""

    name: str  # of the charge
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Metering:
    """What was metered, per peak tariff. Equal readings give equal states, restarts or not."""

    until: datetime | None = None  # readings were taken in up to here
    states: tuple[PeakState, ...] = ()
    holes: tuple[Hole, ...] = ()  # the latest ones

    def updated(
        self,
        *,
        at: datetime,
        import_w: float | None,
        span_s: float,
        tariffs: Sequence[PeakTariff],
    ) -> "Metering":
        """With the mean import (W; None: not known) of the `span_s` seconds that end at `at`.

        No second counts twice; what nobody measured is a hole, never zero; an export is no import.
        When the clock has gone back, later dates are taken back to `at` and metering goes on there.
        """
        back = self.until is not None and at < self.until
        begin = at - timedelta(seconds=min(span_s, LONGEST_SPAN_S))
        if self.until is not None and not back:
            begin = max(begin, self.until)
        states, holes = [], list(self.holes)
        for tariff in tariffs:
            state = self.peak_state(tariff)
            if back:
                state = _gone_back(tariff, state, at)
            state, new_holes = _metered(tariff, state, begin, at, import_w=import_w)
            states.append(state)
            holes += new_holes
        return Metering(until=at, states=tuple(states), holes=_joined(holes))

    def peak_state(self, tariff: PeakTariff) -> PeakState:
        """What a tariff has counted; nothing if it is new or measures other intervals now."""
        for state in self.states:
            if state.name == tariff.name and state.interval_s == tariff.interval_s:
                return state
        return nothing_counted(tariff)

    def as_text(self) -> str:
        """To be kept over a restart."""
        return _METERING.dump_json(self).decode()


_METERING = TypeAdapter(Metering)


def metering_from(text: str) -> Metering | None:
    """What `as_text` gave; None for what is no such text."""
    try:
        return _METERING.validate_json(text)
    except ValidationError:
        return None


def _gone_back(tariff: PeakTariff, state: PeakState, at: datetime) -> PeakState:
    """A running interval that has begun by now goes on: its mean is of what was seen, in all."""
    running = state.running
    begun = running if running is not None and running.starts_at <= at else None
    return replace(redated(tariff, state, at), running=begun)


def _metered(
    tariff: PeakTariff,
    state: PeakState,
    begin: datetime,
    end: datetime,
    *,
    import_w: float | None,
) -> tuple[PeakState, list[Hole]]:
    holes: list[Hole] = []
    for starts_at, seconds in _parts(tariff, begin, end):
        state = _closed(tariff, state, starts_at, holes)
        running = state.running or Running(starts_at=starts_at)
        if import_w is not None:
            kwh = max(import_w, 0.0) * seconds / 3.6e6
            running = replace(
                running, seen_kwh=running.seen_kwh + kwh, seen_s=running.seen_s + seconds
            )
        state = replace(state, running=running)
    return state, holes


def _parts(tariff: PeakTariff, begin: datetime, end: datetime) -> Iterator[tuple[datetime, float]]:
    """A span cut at the edges of metered intervals: (start of the interval, seconds in it)."""
    while begin < end:
        starts_at = tariff.interval_start(begin)
        stop = min(starts_at + timedelta(seconds=tariff.interval_s), end)
        yield starts_at, (stop - begin).total_seconds()
        begin = stop


def _closed(tariff: PeakTariff, state: PeakState, at: datetime, holes: list[Hole]) -> PeakState:
    """The running interval counted if it is over; what was not seen since its start is noted."""
    running, length = state.running, timedelta(seconds=tariff.interval_s)
    if running is None or at < running.starts_at + length:
        return state
    first_gap = running.starts_at
    if running.seen_s >= COVERED_FRAC * tariff.interval_s:
        first_gap += length
    now = tariff.interval_start(at)
    if first_gap < now:
        holes.append(Hole(name=tariff.name, starts_at=first_gap, ends_at=now))
    return settled(tariff, state, at)


def _joined(holes: Sequence[Hole]) -> tuple[Hole, ...]:
    """Holes that follow each other are one."""
    joined: list[Hole] = []
    for hole in holes:
        before = next((h for h in reversed(joined) if h.name == hole.name), None)
        if before is not None and before.ends_at == hole.starts_at:
            joined[joined.index(before)] = replace(before, ends_at=hole.ends_at)
        else:
            joined.append(hole)
    return tuple(joined[-HOLES_KEPT:])
