"""What a cycle leaves for the one-second loop, in a house that promises its frequency response."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from guarded import snapshot

from controller.acceptance import power_knob
from controller.actuation import choose_knob
from controller.config import parse_config
from controller.estimate import first_belief
from controller.fast_bounds import Look
from controller.guard import Allowed, Memory
from controller.model import house_model
from controller.stages import Stages
from controller.step import GridKnobs, machine
from controller.wishes import Target
from drivers.api import Capability, OperatingState, Signal
from drivers.profile import load_profile
from mpc.plan import Plan

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
FLOW, POWER = Capability.FLOW_SETPOINT, Capability.POWER_LIMIT
RUNNING = {
    Signal.FLOW_C: 40.0, Signal.RETURN_C: 34.0, Signal.OUTDOOR_C: 0.0, Signal.ROOM_C: 21.0,
    Signal.COMPRESSOR_HZ: 60.0, Signal.ALARM: 0.0, Signal.METER_POWER_W: 1800.0,
    Signal.OPERATING_STATE: float(OperatingState.HEATING),
}  # fmt: skip
PROMISE = {
    "product": "fcr_d_up", "capacity_w": 600.0, "latency": "1 s", "ramp_frac_per_s": 0.2,
    "device": {"profile": "sdm630", "host": "192.0.2.2"},
    "resolution_hz": 0.001, "noise_hz": 0.005, "delay": "0.5 s",
}  # fmt: skip
DOCUMENT = {
    "house": {
        "timezone": "Europe/Copenhagen", "year": 1972, "area_m2": 140.0, "emitter": "radiator",
        "design_flow_c": 50.0,
    },
    "heat_pump": {"profile": "generic_modbus", "host": "192.0.2.1", "accept_maturity": "simulated"},
    "control": {"mode": "control"},
}  # fmt: skip


def house(promise=PROMISE, **heat_pump):
    """The configuration of the house."""
    pump = DOCUMENT["heat_pump"] | heat_pump
    return parse_config({**DOCUMENT, "heat_pump": pump, "frequency": promise})


@cache
def usual():
    """The house as it is configured, and its stages: reading profiles takes its time."""
    return stages_of(house())


def stages_of(config):
    knobs = load_profile(config.heat_pump.profile).knobs
    heat = choose_knob(knobs, config.heat_pump.capability)
    power = power_knob(config, knobs)
    return Stages(config, house_model(config), machine(config, heat, None, GridKnobs(power=power)))


def plan(power_w=1800.0, hours=4):
    """A plan that draws the same all the time."""
    steps = hours * 4
    flat = {
        name: (value,) * steps
        for name, value in (
            ("heat_w", 3.0 * power_w), ("power_w", power_w), ("flow_c", 40.0), ("room_c", 21.0),
            ("price_per_kwh", 0.3), ("price_known", True), ("low_c", 20.0), ("high_c", 22.0),
        )
    }  # fmt: skip
    return Plan(
        made_at=AT, starts_at=AT, step_s=900, source="mpc", cost=0.0, discomfort_kh=0.0, **flat
    )


def look(config=None, *, values=RUNNING, after=timedelta(0), **changes):
    """A healthy moment in which the pump heats; changes are of the look itself."""
    stages = usual() if config is None else stages_of(config)
    seen = snapshot(values, AT + after)
    return replace(
        Look(
            stages=stages,
            snapshot=seen,
            belief=first_belief(seen, stages.model, None),
            memory=Memory(),
            target=Target(21.0, 1.0, "configured"),
            plan=plan(),
            verdict=Allowed({FLOW: 40.0}),
            writes=True,
        ),
        **changes,
    )
