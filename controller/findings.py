"""What commissioning can tell from looking: signs, sensor placement, flow and return. Pure.

A sign that is wrong, or a room sensor behind a curtain, ruins every plan without ever raising an
error; each check here names one such mistake, or says that it cannot tell yet.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controller.snapshot import Snapshot
from drivers.api import Observation, OperatingState, Sample, Signal


class Judgement(StrEnum):
    """What a check comes to."""

    OK = "ok"
    WRONG = "wrong"  # must be put right before heatherd steers
    DOUBTFUL = "doubtful"  # look at it yourself
    SKIPPED = "skipped"  # cannot be told here, or not agreed to


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, in words for the owner."""

    check: str
    judgement: Judgement
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of everything, and of the pump alone."""

    snapshot: Snapshot
    pump: Observation

    def pump_value(self, signal: Signal) -> float | None:
        """What the pump itself says."""
        answer = self.pump.get(signal)
        return answer.value if isinstance(answer, Sample) else None


RUNNING_W = 400.0
"""Above this the pump's power is large enough beside a meter's error and other loads."""

LEAST_SHARE = 0.8
"""A meter that sees the pump shows at least this share of the power the pump states."""

LOAD_TOLERANCE_FRAC = 0.3
"""A kettle draws what its plate says within about 10 %; other loads come and go beside it."""

ROOM_RANGE_C = (8.0, 32.0)
SENSORS_APART_K = 2.5
"""Two room sensors in one house; more apart, one of them does not see the room."""

REACTS_WITHIN, REACTS_K = timedelta(hours=12), 0.2
"""A room moves by more than this within half a day; a sensor that does not is stuck or lost."""

BACKWARDS_K = 0.5
FORECAST_APART_K = 6.0
"""Forecast and a shaded sensor agree within about 3 K; a sensor in the sun or indoors does not."""


def power_signs(looks: Sequence[Look], at: datetime) -> Finding:
    """Does the meter count the pump's power as import?"""
    name = "meter and pump"
    pairs = [
        (meter_w, pump_w)
        for look in looks
        if (meter_w := look.snapshot.value(Signal.METER_POWER_W)) is not None
        and (pump_w := look.snapshot.value(Signal.POWER_W)) is not None
        and pump_w >= RUNNING_W
    ]
    if not pairs:
        why = "needs a running pump that states its power, and a meter"
        return Finding(name, Judgement.SKIPPED, why, at)
    meter_w, pump_w = (statistics.median(column) for column in zip(*pairs, strict=True))
    said = f"the meter shows {meter_w:.0f} W while the pump draws {pump_w:.0f} W"
    if meter_w < 0.0:
        hint = "its sign is reversed, or the house exports just now"
        return Finding(name, Judgement.WRONG, f"{said}: {hint}", at)
    if meter_w < LEAST_SHARE * pump_w:
        return Finding(name, Judgement.DOUBTFUL, f"{said}: it does not see the whole pump", at)
    return Finding(name, Judgement.OK, said, at)


def load_seen(before_w: float, after_w: float, load_w: float, at: datetime) -> Finding:
    """Did a load of known power show on the meter, and as import?"""
    name = "known load"
    rise_w = after_w - before_w
    said = f"the meter went from {before_w:.0f} to {after_w:.0f} W for a load of {load_w:.0f} W"
    if abs(rise_w - load_w) <= LOAD_TOLERANCE_FRAC * load_w:
        return Finding(name, Judgement.OK, said, at)
    if abs(rise_w + load_w) <= LOAD_TOLERANCE_FRAC * load_w:
        return Finding(name, Judgement.WRONG, f"{said}: its sign is reversed", at)
    if abs(rise_w) < 0.2 * load_w:
        return Finding(
            name, Judgement.DOUBTFUL, f"{said}: it does not see that load, only the pump's?", at
        )
    return Finding(name, Judgement.DOUBTFUL, f"{said}: wrong scale, or other loads changed", at)


def room_plausible(looks: Sequence[Look], at: datetime) -> Finding:
    """Does the room sensor show a room, and about the same as the pump's own?"""
    name = "room sensor"
    rooms_c = [c for look in looks if (c := look.snapshot.value(Signal.ROOM_C)) is not None]
    if not rooms_c:
        return Finding(name, Judgement.WRONG, "there is no room temperature at all", at)
    room_c = statistics.median(rooms_c)
    low_c, high_c = ROOM_RANGE_C
    if not low_c <= room_c <= high_c:
        return Finding(name, Judgement.WRONG, f"{room_c:.1f} °C is no room temperature", at)
    own_c = [c for look in looks if (c := look.pump_value(Signal.ROOM_C)) is not None]
    if not own_c:
        return Finding(name, Judgement.OK, f"{room_c:.1f} °C; the pump has none to compare", at)
    said = f"{room_c:.1f} °C, the pump's own {statistics.median(own_c):.1f} °C"
    apart = abs(room_c - statistics.median(own_c)) > SENSORS_APART_K
    return Finding(name, Judgement.DOUBTFUL if apart else Judgement.OK, said, at)


def room_reacts(history: Sequence[Snapshot], at: datetime) -> Finding:
    """Does the room sensor move at all?"""
    name = "room sensor moves"
    rooms = [(s.at, c) for s in history if (c := s.value(Signal.ROOM_C)) is not None]
    span = rooms[-1][0] - rooms[0][0] if rooms else timedelta(0)
    if span < REACTS_WITHIN:
        hours = span.total_seconds() / 3600.0
        why = f"needs {REACTS_WITHIN.total_seconds() / 3600:.0f} h of records, has {hours:.1f} h"
        return Finding(name, Judgement.SKIPPED, why, at)
    values_c = [c for _, c in rooms]
    swing_k = max(values_c) - min(values_c)
    said = f"it moved by {swing_k:.1f} K in {span.total_seconds() / 3600:.0f} h"
    stuck = swing_k < REACTS_K
    return Finding(name, Judgement.DOUBTFUL if stuck else Judgement.OK, said, at)


def flow_above_return(history: Sequence[Snapshot], at: datetime) -> Finding:
    """Is the flow warmer than the return while the pump heats?"""
    name = "flow and return"
    spreads_k = [
        flow_c - return_c
        for s in history
        if s.compressor_on is True
        and s.operating_state in (OperatingState.HEATING, OperatingState.DHW, None)
        and (flow_c := s.value(Signal.FLOW_C)) is not None
        and (return_c := s.value(Signal.RETURN_C)) is not None
    ]
    if not spreads_k:
        return Finding(name, Judgement.SKIPPED, "the pump has not heated while looked at", at)
    spread_k = statistics.median(spreads_k)
    said = f"flow is {spread_k:+.1f} K against return while heating"
    if spread_k < -BACKWARDS_K:
        return Finding(name, Judgement.WRONG, f"{said}: they are exchanged", at)
    return Finding(name, Judgement.OK, said, at)


def outdoor_as_forecast(looks: Sequence[Look], forecast_c: float | None, at: datetime) -> Finding:
    """Does the outdoor sensor agree with the weather forecast?"""
    name = "outdoor sensor"
    outdoors_c = [c for look in looks if (c := look.snapshot.value(Signal.OUTDOOR_C)) is not None]
    if not outdoors_c or forecast_c is None:
        gone = "outdoor temperature" if not outdoors_c else "weather forecast"
        return Finding(name, Judgement.SKIPPED, f"there is no {gone}", at)
    outdoor_c = statistics.median(outdoors_c)
    said = f"{outdoor_c:.1f} °C, forecast {forecast_c:.1f} °C"
    if abs(outdoor_c - forecast_c) > FORECAST_APART_K:
        return Finding(name, Judgement.DOUBTFUL, f"{said}: in the sun, or at a warm wall?", at)
    return Finding(name, Judgement.OK, said, at)


def worst(findings: Mapping[str, Finding]) -> Judgement:
    """The gravest judgement; doubts and skipped checks do not fail a commissioning."""
    order = (Judgement.WRONG, Judgement.DOUBTFUL, Judgement.OK)
    found = {finding.judgement for finding in findings.values()}
    return next((judgement for judgement in order if judgement in found), Judgement.SKIPPED)
