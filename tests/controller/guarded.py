"""A guarded house: its limits, a healthy moment, and wishes of both kinds."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from controller.guard import Limits, Memory, Refused, Wanted, judge
from controller.guard_types import Settings
from controller.snapshot import Reading, Snapshot
from drivers.api import Capability, Knob, Signal, WriteClass

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
FLOW, OFFSET, ROOM, POWER = (
    Capability.FLOW_SETPOINT,
    Capability.CURVE_OFFSET,
    Capability.ROOM_SETPOINT,
    Capability.POWER_LIMIT,
)
SG = Capability.SG_READY
FLOW_KNOB = Knob(
    capability=FLOW,
    point="flow",
    minimum=15.0,
    maximum=65.0,
    resolution=0.1,
    write_class=WriteClass.VOLATILE,
)
OFFSET_KNOB = Knob(
    capability=OFFSET,
    point="offset",
    minimum=-10.0,
    maximum=10.0,
    resolution=1.0,
    write_class=WriteClass.PERSISTENT,
    safe_minimum=-3.0,
    safe_maximum=5.0,
)
LIMITS = Limits(
    knob=FLOW_KNOB,
    rest_value=15.0,
    run_value=28.0,
    frost_value=50.0,
    flow_max_c=50.0,
    power_max_w=4000.0,
    minimum_run_s=600.0,
    minimum_off_s=900.0,
    frost_c=8.0,
    room_max_c=26.0,
)
SG_LIMITS = replace(
    LIMITS,
    knob=replace(FLOW_KNOB, capability=SG, minimum=1.0, maximum=4.0, resolution=1.0),
    rest_value=1.0,
    run_value=2.0,
    frost_value=4.0,
    sg_hold_s=600.0,
    heater_only_for_frost=True,
)
HEALTHY = {Signal.FLOW_C: 35.0, Signal.ROOM_C: 21.0, Signal.COMPRESSOR_HZ: 40.0, Signal.ALARM: 0.0}


def snapshot(values: Mapping[Signal, float] = HEALTHY, at: datetime = AT) -> Snapshot:
    return Snapshot(at, {signal: Reading(value, at) for signal, value in values.items()})


def heat(value: float, capability: Capability = FLOW) -> Wanted:
    return Wanted({capability: value}, True, 3000.0, "mpc", "heat")


def rest(value: float = 15.0, capability: Capability = FLOW) -> Wanted:
    return Wanted({capability: value}, False, 0.0, "mpc", "rest")


def settings_after(
    wanted: Wanted, memory: Memory, limits: Limits = LIMITS, **changes: float
) -> Settings:
    values = {**HEALTHY, **{Signal(name): value for name, value in changes.items()}}
    verdict = judge(wanted, snapshot(values), memory, limits)
    assert not isinstance(verdict, Refused)
    return verdict.settings


def sg(state: float) -> Wanted:
    return Wanted({SG: state}, None, None, "mpc", "shift")
