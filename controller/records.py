"""What a cycle leaves behind: every input and output, versioned, in at most 2 kB of JSON. Pure.

Forecasts and plans are large and live long, so a record names them by the hash of their content.
Numbers are written in full, so that a replay computes with exactly what the cycle computed with.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from controller.act import Applied, NotApplied, Outcome
from controller.estimate import Belief
from controller.grid_hold import hold_in, hold_out, limit_in, limit_out
from controller.guard import Allowed, Altered, Memory, Purpose, Refused, Verdict, Wanted
from controller.hot_water_steering import TankNow
from controller.records_belief import (
    belief_in,
    belief_out,
    earlier_belief_in,
    estimate_in,
    estimate_out,
)
from controller.snapshot import Measured, Missing, Reading, Snapshot
from controller.wishes import Target
from drivers.api import Capability, Signal
from mpc.plan import Estimate

VERSION = 3

EARLIER_VERSION = 2
"""Still read: there the unexplained heat was one, and plans counted on its mean over a day."""

LARGEST_TEXT_BYTES = 16_000_000
"""Of one kept text, unpacked: a plan or a forecast has some ten thousand."""

LONGEST_REASON = 200
"""Characters of an unreadable record that an error quotes."""

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What Python says to a text that is not a record."""


class RecordError(ValueError):
    """A stored record cannot be read; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One cycle of the controller."""

    continues: bool  # False: the first cycle of a run, which took its belief from elsewhere
    snapshot: Snapshot
    target: Target
    belief: Belief
    memory: Memory
    ghi_w_per_m2: float  # assumed since the cycle before
    outdoor_forecast_c: float | None
    current: float | None  # the heat knob, read before deciding
    plan_hash: str | None
    forecast_hash: str | None
    released: bool
    wanted: Wanted
    verdict: Verdict
    outcome: Outcome
    notes: tuple[str, ...]  # what fell back to what
    plan_time_ms: float | None  # of a plan that arrived in this cycle
    not_solved: bool  # a plan failed in this cycle
    config_hash: str | None = None  # of the settings the run was made with
    learned_hash: str | None = None  # of the learned building in force; None: as on day one
    writes_left: float | None = None  # of the heat knob, this week; None: no limit
    tank: TankNow | None = None  # None: not ours, or not known
    wind_m_s: float | None = None  # assumed since the cycle before; None: of no account
    opening: Estimate | None = None  # of a learned building that came into force here
    version: int = VERSION  # as it was read; written is always the newest

    @property
    def at(self) -> datetime:
        """The instant of the cycle."""
        return self.snapshot.at


def packed(text: str) -> bytes:
    """As texts are kept."""
    return zlib.compress(text.encode())


def record_text(kept: bytes | str) -> str:
    """A kept record. Raises `RecordError`. Earlier versions kept them as they are."""
    return kept if isinstance(kept, str) else unpacked(kept)


def unpacked(body: bytes) -> str:
    """A kept text. Raises `RecordError`."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(body, LARGEST_TEXT_BYTES).decode()
    except (zlib.error, UnicodeDecodeError, TypeError) as error:
        raise RecordError(f"a kept text cannot be read: {str(error)[:80]}") from error
    if not unpacker.eof:
        raise RecordError(
            f"a kept text cannot be read: cut, or larger than {LARGEST_TEXT_BYTES} bytes"
        )
    return text


def content_hash(text: str) -> str:
    """Name of a stored forecast, plan or configuration."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def to_json(record: StepRecord) -> str:
    """One line of compact JSON."""
    body = {
        "v": VERSION,
        "at": _stamp(record.at),
        "continues": record.continues,
        "signals": {
            s.value: _measured_out(m, record.at) for s, m in record.snapshot.signals.items()
        },
        "target": [record.target.room_c, record.target.band_k, record.target.reason],
        "belief": belief_out(record.belief),
        "memory": _memory_out(record.memory),
        "ghi": record.ghi_w_per_m2,
        "outdoor_forecast": record.outdoor_forecast_c,
        "current": record.current,
        "writes_left": record.writes_left,
        "plan": record.plan_hash,
        "forecast": record.forecast_hash,
        "released": record.released,
        "wanted": [
            _settings_out(record.wanted.settings), record.wanted.run, record.wanted.heat_w,
            record.wanted.source, record.wanted.reason,
        ],
        "verdict": _verdict_out(record.verdict),
        "outcome": _outcome_out(record.outcome),
        "notes": list(record.notes),
        "plan_ms": record.plan_time_ms,
        "not_solved": record.not_solved,
        "config": record.config_hash,
        **({} if record.learned_hash is None else {"learned": record.learned_hash}),
        **({} if record.tank is None else {"tank": _tank_out(record.tank)}),
        **({} if record.opening is None else {"opening": _opening_out(record.opening)}),
        **({} if record.wind_m_s is None else {"wind": record.wind_m_s}),
        **({} if record.snapshot.grid is None else {"grid": limit_out(record.snapshot.grid)}),
        **({} if record.memory.grid is None else {"hold": hold_out(record.memory.grid)}),
    }  # fmt: skip
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> StepRecord:
    """The record of a line; raises `RecordError` for anything else."""
    try:
        body = json.loads(text)
        if body["v"] not in (VERSION, EARLIER_VERSION):
            raise RecordError(
                f"record version {str(body['v'])[:LONGEST_REASON]}, this program reads {VERSION}"
            )
        return _record_in(body)
    except RecordError:
        raise
    except UNREADABLE as error:
        raise RecordError(f"not a record: {repr(error)[:LONGEST_REASON]}") from error


def _record_in(body: Mapping[str, Any]) -> StepRecord:
    at = _instant(body["at"])
    wanted = body["wanted"]
    return StepRecord(
        continues=body["continues"],
        snapshot=Snapshot(
            at,
            {Signal(k): _measured_in(v, at) for k, v in body["signals"].items()},
            limit_in(body["grid"]) if "grid" in body else None,
        ),
        target=Target(*body["target"]),
        belief=(belief_in if body["v"] == VERSION else earlier_belief_in)(body["belief"], at),
        memory=replace(
            _memory_in(body["memory"], at), grid=hold_in(body["hold"]) if "hold" in body else None
        ),
        ghi_w_per_m2=body["ghi"],
        outdoor_forecast_c=body["outdoor_forecast"],
        current=body["current"],
        writes_left=body["writes_left"],
        plan_hash=body["plan"],
        forecast_hash=body["forecast"],
        released=body["released"],
        wanted=Wanted(_settings_in(wanted[0]), wanted[1], wanted[2], wanted[3], wanted[4]),
        verdict=_verdict_in(body["verdict"]),
        outcome=_outcome_in(body["outcome"]),
        notes=tuple(body["notes"]),
        plan_time_ms=body["plan_ms"],
        not_solved=body["not_solved"],
        config_hash=body["config"],
        learned_hash=body.get("learned"),
        tank=_tank_in(body.get("tank")),
        wind_m_s=body.get("wind"),
        opening=_opening_in(body["opening"]) if "opening" in body else None,
        version=body["v"],
    )


def _opening_out(opening: Estimate) -> list[object]:
    return [_stamp(opening.at), *estimate_out(opening)]


def _opening_in(raw: list[Any]) -> Estimate:
    return estimate_in(raw[1:], _instant(raw[0]))


def _stamp(at: datetime) -> str:
    return at.isoformat()


def _instant(stamp: str) -> datetime:
    at = datetime.fromisoformat(stamp)
    if at.tzinfo is None:
        raise RecordError(f"{stamp} has no time zone")
    return at


def _measured_out(measured: Measured, now: datetime) -> object:
    """A number; with its time if it is not of this instant; or a reason and since when."""
    match measured:
        case Reading(value, at):
            return value if at == now else [value, _stamp(at)]
        case Missing(reason, since):
            return {"missing": reason, "since": _stamp(since)}


def _measured_in(raw: Any, now: datetime) -> Measured:
    if isinstance(raw, dict):
        return Missing(raw["missing"], _instant(raw["since"]))
    if isinstance(raw, list):
        return Reading(float(raw[0]), _instant(raw[1]))
    return Reading(float(raw), now)


def _memory_out(memory: Memory) -> list[object]:
    since = None if memory.since is None else _stamp(memory.since)
    settings = None if memory.settings is None else _settings_out(memory.settings)
    last: list[object] = [memory.compressor_on, since, settings, memory.blocked_s]
    lately: list[object] = [
        memory.passed_s,
        _ago_out(memory.starts, memory.seen_at),
        _ago_out(memory.own_starts, memory.seen_at),
        memory.sg_state,
        None if memory.sg_since is None else _stamp(memory.sg_since),
    ]
    return last if lately == [0.0, [], [], None, None] else [*last, *lately]


def _memory_in(raw: list[Any], at: datetime) -> Memory:
    compressor_on, since, settings, *later = raw
    memory = Memory(
        compressor_on,
        None if since is None else _instant(since),
        None if settings is None else _settings_in(settings),
        blocked_s=later[0] if later else 0.0,
        seen_at=at,
    )
    if len(later) < 2:
        return memory
    _, passed_s, starts, own_starts, sg_state, sg_since = later
    return replace(
        memory,
        passed_s=passed_s,
        starts=_ago_in(starts, at),
        own_starts=_ago_in(own_starts, at),
        sg_state=sg_state,
        sg_since=None if sg_since is None else _instant(sg_since),
    )


def _ago_out(instants: tuple[datetime, ...], now: datetime | None) -> list[float]:
    """Instants of the last day as seconds ago: many of them stay short."""
    return [] if now is None else [(now - instant).total_seconds() for instant in instants]


def _ago_in(ago_s: list[float], now: datetime) -> tuple[datetime, ...]:
    return tuple(now - timedelta(seconds=seconds) for seconds in ago_s)


def _tank_out(tank: TankNow) -> list[float | bool | None]:
    return [tank.sensor_c, tank.mean_c, tank.current, tank.writes_left, tank.short]


def _tank_in(raw: list[Any] | None) -> TankNow | None:
    if raw is None:
        return None
    sensor_c, mean_c, current, writes_left, *later = raw
    return TankNow(
        sensor_c=sensor_c,
        mean_c=mean_c,
        current=current,
        writes_left=writes_left,
        short=later[0] if later else False,
    )


def _settings_out(settings: Mapping[Capability, float]) -> dict[str, float]:
    return {capability.value: value for capability, value in settings.items()}


def _settings_in(raw: Mapping[str, float]) -> dict[Capability, float]:
    return {Capability(name): float(value) for name, value in raw.items()}


def _verdict_out(verdict: Verdict) -> dict[str, object]:
    match verdict:
        case Allowed(settings):
            return {"allowed": _settings_out(settings)}
        case Altered(settings, reasons, forced):
            return {
                "altered": _settings_out(settings),
                "why": list(reasons),
                **({"forced": dict(forced)} if forced else {}),
            }
        case Refused(reasons):
            return {"refused": list(reasons)}


def _verdict_in(raw: Mapping[str, Any]) -> Verdict:
    if "allowed" in raw:
        return Allowed(_settings_in(raw["allowed"]))
    if "altered" in raw:
        forced = {Capability(k): Purpose(v) for k, v in raw.get("forced", {}).items()}
        return Altered(_settings_in(raw["altered"]), tuple(raw["why"]), forced)
    return Refused(tuple(raw["refused"]))


def _outcome_out(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Applied(read_back, acknowledged):
            return {
                "applied": _settings_out(read_back),
                **({"acknowledged": _settings_out(acknowledged)} if acknowledged else {}),
            }
        case NotApplied(reason):
            return {"not_applied": reason}


def _outcome_in(raw: Mapping[str, Any]) -> Outcome:
    if "applied" in raw:
        return Applied(_settings_in(raw["applied"]), _settings_in(raw.get("acknowledged", {})))
    return NotApplied(raw["not_applied"])
