"""Which knobs and which frequency sources are fast enough, and if not, why in words. Pure.

Nothing that is not stated qualifies: a latency that nobody has measured is not zero.
"""

from dataclasses import dataclass
from enum import StrEnum

from drivers.api import Capability, Knob, WriteClass
from mpc.reserve import Product


class Duty(StrEnum):
    """What a fast knob could be used for."""

    FCR_N = Product.FCR_N.value
    FCR_D_UP = Product.FCR_D_UP.value
    FCR_D_DOWN = Product.FCR_D_DOWN.value
    FCR = Product.FCR.value
    PEAK = "quarter_hour_peak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a duty asks of a knob."""

    start_s: float  # first change of power, at the latest
    full_s: float  # all of it, at the latest
    every_s: float  # a new value must be possible this often


DEMANDS = {
    # FCR-N was once full within 3 min; its step and sine tests judge it finally.
    Duty.FCR_N: Demand(start_s=2.5, full_s=180.0, every_s=1.0),
    # 86 % after 7.5 s, and the static product starts within 2.5 s. A source that is a second late,
    # the loop and one row a second take 2.5 s of it: `python -m bench.frequency` shows where an
    # exact pump passes.
    Duty.FCR_D_UP: Demand(start_s=2.5, full_s=5.0, every_s=1.0),
    Duty.FCR_D_DOWN: Demand(start_s=2.5, full_s=5.0, every_s=1.0),
    # Half in 15 s, all in 30 s, less the same.
    Duty.FCR: Demand(start_s=2.5, full_s=27.5, every_s=1.0),
    # Our own choice: a fifteenth of the quarter-hour may pass before the power follows.
    Duty.PEAK: Demand(start_s=60.0, full_s=60.0, every_s=60.0),
}
"""Nordic technical requirements v1.1 of 2025-03-28; Regulation (EU) 2017/1485, Annex V."""

LEAST_STEPS = 7
"""In each direction, of an answer that comes in steps (Nordic technical requirements)."""

RESOLUTION_HZ, ACCURACY_HZ, DELAY_S = 0.005, 0.010, 1.0
"""Of the measured frequency, and the time constant that the test program takes for granted."""

UNSUITABLE = {
    Capability.SG_READY: "relays have to rest between two switches and name no power",
    Capability.ROOM_SETPOINT: "a room set-point becomes power only through the pump's own control, "
    "after minutes or hours",
    Capability.FLOW_SETPOINT: "a flow set-point becomes power only through the pump's own control",
    Capability.RETURN_SETPOINT: "a return set-point becomes power only through the pump's own "
    "control",
    Capability.CURVE_OFFSET: "a heating curve becomes power only through the pump's own control",
    Capability.VIRTUAL_OUTDOOR: "a heating curve becomes power only through the pump's own control",
    Capability.DHW_SETPOINT: "a tank's set-point becomes power only through the pump's own control",
    Capability.DHW_BOOST: "a charge of the tank starts the compressor and names no power",
    Capability.ON_OFF: "a stop blocks the pump for its minimum pause and costs a start",
}
"""Knobs that never qualify; a limit of power or speed is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How this pump was seen to follow this knob; None: nobody has measured it."""

    latency_s: float | None = None  # from the write to the first change of power
    ramp_frac_per_s: float | None = None  # of the capacity, in the slower direction
    w_per_unit: float | None = None  # what one unit of the knob is in power; 1 for a limit in W


def knob_refusals(
    duty: Duty, knob: Knob, response: Response, *, capacity_w: float
) -> tuple[str, ...]:
    """Why this knob may not serve this duty with this capacity; empty: it qualifies."""
    if knob.capability in UNSUITABLE:
        return (UNSUITABLE[knob.capability],)
    refusals: list[str] = []
    demand = DEMANDS[duty]
    if knob.write_class is not WriteClass.VOLATILE:
        refusals.append(
            "it is stored in a memory that wears"
            if knob.write_class is WriteClass.PERSISTENT
            else "it must not be written"
        )
    if knob.in_steps:
        refusals.append("it is written by several requests and shows anything between them")
    if knob.minimum_interval_s > demand.every_s:
        refusals.append(
            f"it may be written every {knob.minimum_interval_s:g} s, "
            f"every {demand.every_s:g} s is needed"
        )
    refusals += _too_slow(demand, knob, response)
    if duty is not Duty.PEAK:
        refusals += _too_coarse(knob, response, capacity_w)
    return tuple(refusals)


def _too_slow(demand: Demand, knob: Knob, response: Response) -> list[str]:
    if response.latency_s is None or response.ramp_frac_per_s is None:
        return ["its latency and ramp have not been measured"]
    if response.ramp_frac_per_s <= 0.0:
        return ["its ramp is not above 0"]
    starts_s = max(response.latency_s, knob.latency_s)
    full_s = starts_s + 1.0 / response.ramp_frac_per_s
    found: list[str] = []
    if starts_s > demand.start_s:
        found.append(f"it starts after {starts_s:g} s, {demand.start_s:g} s are allowed")
    if full_s > demand.full_s:
        found.append(f"it is complete after {full_s:.3g} s, {demand.full_s:g} s are allowed")
    return found


def _too_coarse(knob: Knob, response: Response, capacity_w: float) -> list[str]:
    per_unit_w = 1.0 if knob.capability is Capability.POWER_LIMIT else response.w_per_unit
    if per_unit_w is None:
        return ["what a step of it is in power has not been measured"]
    steps = int(capacity_w / (knob.resolution * per_unit_w) + 1e-9)
    if steps < LEAST_STEPS:
        return [f"{capacity_w:g} W are {steps} of its steps, {LEAST_STEPS} are needed"]
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencySource:
    """What is stated of a measured frequency; None: its maker does not say."""

    resolution_hz: float | None
    noise_hz: float | None  # largest error
    delay_s: float | None  # averaging and transmission together


def source_refusals(source: FrequencySource) -> tuple[str, ...]:
    """Why this frequency is not good enough for primary response; empty: it qualifies."""
    refusals: list[str] = []
    for name, stated, allowed, unit in (
        ("resolution", source.resolution_hz, RESOLUTION_HZ, "Hz"),
        ("error", source.noise_hz, ACCURACY_HZ, "Hz"),
        ("delay", source.delay_s, DELAY_S, "s"),
    ):
        if stated is None:
            refusals.append(f"its {name} is not stated")
        elif stated > allowed:
            refusals.append(f"its {name} is {stated:g} {unit}, {allowed:g} {unit} are allowed")
    return tuple(refusals)
