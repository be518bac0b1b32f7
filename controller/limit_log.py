"""Every limit of the grid operator and how it was obeyed, from the records. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.grid_hold import breaks
from controller.records import StepRecord
from drivers.api import OperatingState
from drivers.grid.limit import GridLimit, GridState
from mpc.plan import Plan

LONGEST_SPAN_S = 600.0
"""A record says nothing of more than the ten minutes that follow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One limit from the first cycle that knew it to the first that was free of it."""

    limit_w: float  # of the heat pump; of all who share it where total is set: the lowest share
    state: GridState
    issued_at: datetime | None
    received_at: datetime
    obeyed_at: datetime | None = None  # first seen inside the limit at the meter
    released_at: datetime | None = None  # None: it holds still
    highest_w: float | None = None  # at the meter, once obeyed
    drawn_kwh: float = 0.0
    over_s: float = 0.0  # above the limit, the time to obey it not counted
    dhw_over_s: float = 0.0  # of those above it, the time in which the pump heated its hot water
    frost_s: float = 0.0  # at the frost floor, where what is guaranteed may be drawn
    unmeasured_s: float = 0.0
    total_w: float | None = None  # as the operator said it for all who share it
    stated_s: float = 0.0  # the others' share was stated because nothing measured it
    notice_at: datetime | None = None  # of an announced window
    baseline_hash: str | None = None  # the plan in force at the notice, made without the window


def episodes(records: Iterable[StepRecord], *, obey_within_s: float) -> list[Episode]:
    """All limits in the records, in order."""
    found: list[Episode] = []
    notices: dict[datetime, tuple[datetime, str | None]] = {}
    current: Episode | None = None
    last: StepRecord | None = None
    for record in records:
        grid = record.snapshot.grid
        for window in () if grid is None else grid.ahead:
            notices.setdefault(window.starts_at, (record.at, record.plan_hash))
        if current is not None and last is not None:
            current = _counted(current, last, record.at, obey_within_s)
            if not _continues(current, grid):
                found.append(replace(current, released_at=record.at))
                current = None
        if current is None and grid is not None and grid.limit_w is not None:
            current = _begun(grid, grid.limit_w, record.at, notices)
        if current is not None:
            current = _seen(current, record)
        last = record
    return found if current is None else [*found, current]


def planned_kwh(plan: Plan, starts_at: datetime, ends_at: datetime) -> float | None:
    """Electricity that a plan had for a span; None where it does not reach over it."""
    step = timedelta(seconds=plan.step_s)
    reach_at = plan.starts_at + step * len(plan.power_w)
    if starts_at < plan.starts_at or ends_at > reach_at:
        return None
    total_ws = 0.0
    for index, power_w in enumerate(plan.power_w):
        begin = max(plan.starts_at + step * index, starts_at)
        end = min(plan.starts_at + step * (index + 1), ends_at)
        total_ws += power_w * max((end - begin).total_seconds(), 0.0)
    return total_ws / 3.6e6


def _begun(
    grid: GridLimit,
    limit_w: float,
    at: datetime,
    notices: dict[datetime, tuple[datetime, str | None]],
) -> Episode:
    notice = None
    if grid.state is GridState.REDUCTION and grid.issued_at is not None:
        notice = notices.get(grid.issued_at)
    return Episode(
        limit_w=limit_w,
        state=grid.state,
        issued_at=grid.issued_at,
        received_at=at,
        total_w=grid.total_w,
        notice_at=None if notice is None else notice[0],
        baseline_hash=None if notice is None else notice[1],
    )


def _continues(episode: Episode, grid: GridLimit | None) -> bool:
    said_w = episode.limit_w if episode.total_w is None else episode.total_w
    return grid is not None and (grid.said_w, grid.state) == (said_w, episode.state)


def _limit_w(episode: Episode, record: StepRecord) -> float:
    """Of the pump by this record; the others' share is not the same all the time."""
    grid = record.snapshot.grid
    return episode.limit_w if grid is None or grid.limit_w is None else grid.limit_w


def _allowed_w(episode: Episode, record: StepRecord) -> float:
    """The limit, or at the frost floor what is guaranteed."""
    hold, limit_w = record.memory.grid, _limit_w(episode, record)
    return limit_w if hold is None else max(limit_w, hold.allowed_w)


def _seen(episode: Episode, record: StepRecord) -> Episode:
    power_w = record.snapshot.pump_power_w
    allowed_w = _allowed_w(episode, record)
    episode = replace(episode, limit_w=min(episode.limit_w, _limit_w(episode, record)))
    if power_w is None:
        return episode
    if episode.obeyed_at is None:
        if breaks(power_w, allowed_w):
            return episode
        episode = replace(episode, obeyed_at=record.at)
    highest_w = power_w if episode.highest_w is None else max(power_w, episode.highest_w)
    return replace(episode, highest_w=highest_w)


def _counted(episode: Episode, last: StepRecord, at: datetime, obey_within_s: float) -> Episode:
    """With the span from the last record to this instant."""
    span_s = min((at - last.at).total_seconds(), LONGEST_SPAN_S)
    if last.snapshot.grid is not None and last.snapshot.grid.remark:
        episode = replace(episode, stated_s=episode.stated_s + span_s)
    power_w = last.snapshot.pump_power_w
    if power_w is None:
        return replace(episode, unmeasured_s=episode.unmeasured_s + span_s)
    late = (last.at - episode.received_at).total_seconds() >= obey_within_s
    allowed_w = _allowed_w(episode, last)
    if allowed_w > _limit_w(episode, last):
        episode = replace(episode, frost_s=episode.frost_s + span_s)
    charges = last.snapshot.operating_state is OperatingState.DHW
    over = (late or episode.obeyed_at is not None) and breaks(power_w, allowed_w)
    return replace(
        episode,
        drawn_kwh=episode.drawn_kwh + power_w * span_s / 3.6e6,
        over_s=episode.over_s + (span_s if over else 0.0),
        dhw_over_s=episode.dhw_over_s + (span_s if over and charges else 0.0),
    )
