"""Read all devices at once and freeze what they said into a Snapshot."""

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from controller.snapshot import Measured, Missing, Reading, Snapshot
from drivers.api import Absent, Device, Observation, Sample, Signal
from drivers.grid.limit import GridLimit, GridSource

log = logging.getLogger(__name__)

DEFAULT_STALE_S = 300.0


async def sense(
    devices: Sequence[Device],
    *,
    at: datetime,
    before: Snapshot | None,
    stale_s: Mapping[Signal, float],
    grid: GridSource | None = None,
) -> Snapshot:
    """Read every device concurrently, then what the grid allows, and freeze the answers."""
    observations = await asyncio.gather(*(device.read() for device in devices))
    snapshot = freeze(observations, at=at, before=before, stale_s=stale_s)
    _tell_changes(before, snapshot)
    if grid is None:
        return snapshot
    limited = replace(snapshot, grid=await grid.read(snapshot.others_w))
    _tell_limit(None if before is None else before.grid, limited.grid)
    return limited


def freeze(
    observations: Sequence[Observation],
    *,
    at: datetime,
    before: Snapshot | None,
    stale_s: Mapping[Signal, float],
) -> Snapshot:
    """Turn observations into a snapshot: what is too old becomes `Missing`, never a number. Pure.

    Where two devices deliver one signal, the first good sample wins; where none has one, all
    reasons are told.
    """
    signals: dict[Signal, Measured] = {}
    for observation in observations:
        for signal, answer in observation.items():
            if isinstance(signals.get(signal), Reading):
                continue
            limit_s = stale_s.get(signal, DEFAULT_STALE_S)
            reason = _why_unusable(answer, at, limit_s)
            if reason is not None:
                earlier = signals.get(signal)
                if isinstance(earlier, Missing):
                    reason = f"{earlier.reason}; {reason}"
                signals[signal] = Missing(reason, _missing_since(signal, at, before))
            elif isinstance(answer, Sample):
                signals[signal] = Reading(answer.value, answer.at)
    return Snapshot(at, signals)


def _why_unusable(answer: Sample | Absent, at: datetime, limit_s: float) -> str | None:
    if isinstance(answer, Absent):
        return answer.reason
    if not math.isfinite(answer.value):
        return f"{answer.value} is not a number"
    age_s = (at - answer.at).total_seconds()
    if age_s > limit_s:
        return f"silent for more than {limit_s / 60:.0f} min"
    if age_s < -limit_s:
        return "stamped in the future"
    return None


def _missing_since(signal: Signal, at: datetime, before: Snapshot | None) -> datetime:
    previous = before.signals.get(signal) if before is not None else None
    return previous.since if isinstance(previous, Missing) else at


def _tell_changes(before: Snapshot | None, now: Snapshot) -> None:
    """Say once that signals went missing, and once that they are back."""
    missing_before = set() if before is None else _missing(before)
    gone: dict[str, list[str]] = {}
    for signal in _missing(now) - missing_before:
        gone.setdefault(now.why_missing(signal) or "", []).append(signal)
    for reason, signals in gone.items():
        log.warning("no %s: %s", ", ".join(sorted(signals)), reason)
    back = missing_before - _missing(now)
    if back:
        log.info("back again: %s", ", ".join(sorted(back)))


def _tell_limit(before: GridLimit | None, now: GridLimit | None) -> None:
    said = [None if one is None else (one.said_w, one.state) for one in (before, now)]
    if now is not None and said[0] != said[1]:
        limit = "no limit" if now.said_w is None else f"at most {now.said_w:.0f} W"
        log.info("grid operator: %s (%s)", limit, now.state)
    remark = "" if before is None else before.remark
    if now is not None and now.remark and now.remark != remark:
        log.warning("grid operator's limit: %s", now.remark)


def _missing(snapshot: Snapshot) -> set[Signal]:
    return {s for s, measured in snapshot.signals.items() if isinstance(measured, Missing)}
