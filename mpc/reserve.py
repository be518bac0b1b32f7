"""Frequency response of a load: droop, activation, recovery, and what may be promised. Pure.

Activation is a share of the promised capacity: +1 asks for all of it upwards, which for a load is
*less* consumption (the frequency is too low), -1 for all of it downwards, *more* consumption.
With d = 50 Hz - frequency, s its sign, and |d| above the dead band and where the product begins:

    activation = s min(1, (|d| - begins) / (full - begins))      else 0

Sources: Technical Requirements for FCR Provision in the Nordic Synchronous Area, v1.1, 2025-03-28;
Regulation (EU) 2017/1485, Annex V (continental FCR).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

NOMINAL_HZ = 50.0
J_PER_KWH = 3.6e6
LOST_RAMP_FRAC_PER_S = 0.02
"""How fast an answer fades when the frequency is no longer known."""


class Product(StrEnum):
    """What is promised to the operator of the grid."""

    FCR_N = "fcr_n"  # Nordic, normal operation, both directions
    FCR_D_UP = "fcr_d_up"  # Nordic, disturbances
    FCR_D_DOWN = "fcr_d_down"
    FCR = "fcr"  # continental, both directions


@dataclass(frozen=True, slots=True, kw_only=True)
class Droop:
    """How much of the capacity a deviation asks for, and for how long it must be bearable."""

    begins_hz: float  # deviation
    full_hz: float
    dead_band_hz: float
    up: bool
    down: bool
    sustain_s: float


DROOPS = {
    # A load that can only go one way from where it is cannot manage its store of energy in the
    # normal state: Nordic rules then ask for two hours of full activation.
    Product.FCR_N: Droop(
        begins_hz=0.0, full_hz=0.1, dead_band_hz=0.0, up=True, down=True, sustain_s=7200.0
    ),
    Product.FCR_D_UP: Droop(
        begins_hz=0.1, full_hz=0.5, dead_band_hz=0.1, up=True, down=False, sustain_s=7200.0
    ),
    Product.FCR_D_DOWN: Droop(
        begins_hz=0.1, full_hz=0.5, dead_band_hz=0.1, up=False, down=True, sustain_s=7200.0
    ),
    # Article 156(9): 15 to 30 minutes, by country; the longer is safe everywhere.
    Product.FCR: Droop(
        begins_hz=0.0, full_hz=0.2, dead_band_hz=0.01, up=True, down=True, sustain_s=1800.0
    ),
}


def activation_frac(droop: Droop, frequency_hz: float) -> float:
    """The share of the capacity that this frequency asks for, -1 to 1."""
    lacking_hz = NOMINAL_HZ - frequency_hz
    if not (droop.up if lacking_hz > 0.0 else droop.down):
        return 0.0
    size_hz = abs(lacking_hz)
    if size_hz <= max(droop.dead_band_hz, droop.begins_hz):
        return 0.0
    share = min(1.0, (size_hz - droop.begins_hz) / (droop.full_hz - droop.begins_hz))
    return share if lacking_hz > 0.0 else -share


def threshold_hz(droop: Droop, unit: int, units: int) -> float:
    """The deviation at which one of many loads that only switch answers, so that all are linear.

    Evenly spread, `unit` from 0; Nordic rules ask for at least 7 steps in each direction.
    """
    if not 0 <= unit < units:
        raise ValueError(f"there is no unit {unit} among {units}")
    return droop.begins_hz + (unit + 0.5) / units * (droop.full_hz - droop.begins_hz)


def setpoint_shift_k(activation: float, largest_k: float) -> float:
    """What a thermostat's set-point is moved by: down while the frequency is too low."""
    return -activation * largest_k


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How a load comes back. Without a ramp it follows the droop down as it did up (dynamic).

    With one it waits (each unit for its own drawn time, so that not all come back at once) and
    returns no faster than the ramp (static; the Nordic limit is 0.025 a second).
    """

    ramp_frac_per_s: float | None = None
    delay_s: float = 0.0


DYNAMIC = Recovery()


def static_recovery(drawn_frac: float, *, longest_s: float = 300.0) -> Recovery:
    """A slow return after a share, drawn anew for every event, of the longest wait.

    Wait and ramp together end well within the 15 min after which a static unit must be ready again.
    """
    return Recovery(ramp_frac_per_s=LOST_RAMP_FRAC_PER_S, delay_s=drawn_frac * longest_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is being answered now."""

    applied_frac: float = 0.0
    waiting_s: float = 0.0  # since the frequency asks for less than is applied


def answered(
    droop: Droop, recovery: Recovery, before: Answer, *, frequency_hz: float | None, step_s: float
) -> Answer:
    """The answer one step later; a frequency that is not known lets it fade slowly.

    Raises ValueError for a slow recovery of a product of both directions, whose next duty it
    would miss.
    """
    if recovery.ramp_frac_per_s is not None and droop.up and droop.down:
        raise ValueError("a product of both directions follows the frequency both ways")
    applied = before.applied_frac
    if frequency_hz is None:
        return Answer(applied_frac=_towards_zero(applied, LOST_RAMP_FRAC_PER_S * step_s))
    asked = activation_frac(droop, frequency_hz)
    if recovery.ramp_frac_per_s is None or abs(asked) >= abs(applied):
        return Answer(applied_frac=asked)
    waiting_s = before.waiting_s + step_s
    if waiting_s <= recovery.delay_s:
        return Answer(applied_frac=applied, waiting_s=waiting_s)
    fallen = _towards_zero(applied, recovery.ramp_frac_per_s * step_s)
    return Answer(applied_frac=fallen if abs(fallen) > abs(asked) else asked, waiting_s=waiting_s)


def _towards_zero(value: float, most: float) -> float:
    return max(value - most, 0.0) if value > 0.0 else min(value + most, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What the pump draws undisturbed, and what it may draw instead inside all its limits."""

    baseline_w: float
    least_w: float  # without stopping: a stop would block it for its minimum pause
    most_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmth:
    """The house as the store that lends or takes the heat of an activation."""

    room_c: float
    low_c: float
    high_c: float
    kwh_per_k: float  # that follow the room within the time to be sustained
    cop: float


def bearable_w(droop: Droop, headroom: Headroom, warmth: Warmth) -> float:
    """The largest capacity that power and comfort carry in every direction of the product."""
    per_k_w = warmth.kwh_per_k * J_PER_KWH / (droop.sustain_s * warmth.cop)
    bounds: list[float] = []
    if droop.up:
        bounds += [headroom.baseline_w - headroom.least_w, (warmth.room_c - warmth.low_c) * per_k_w]
    if droop.down:
        bounds += [headroom.most_w - headroom.baseline_w, (warmth.high_c - warmth.room_c) * per_k_w]
    return max(0.0, min(bounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """A promise that can be kept; the baseline is fixed before any event. It ends by itself."""

    product: Product
    capacity_w: float
    baseline_w: float
    until_at: datetime


@dataclass(frozen=True, slots=True)
class NotArmed:
    """No promise, and why."""

    reasons: tuple[str, ...]


Arming: TypeAlias = Armed | NotArmed


def arm(wish: Armed, reserved_w: tuple[float, float], headroom: Headroom, warmth: Warmth) -> Arming:
    """Whether the wish may be promised: reserved by the plan (up, down), and bearable now."""
    droop = DROOPS[wish.product]
    reasons: list[str] = []
    for needed, held_w, way in zip((droop.up, droop.down), reserved_w, ("up", "down"), strict=True):
        if needed and held_w < wish.capacity_w:
            reasons.append(
                f"the plan keeps {held_w:.0f} W free {way}wards, {wish.capacity_w:.0f} W are needed"
            )
    if (bearable := bearable_w(droop, headroom, warmth)) < wish.capacity_w:
        reasons.append(
            f"limits of the pump and comfort bear {bearable:.0f} W for "
            f"{droop.sustain_s / 60.0:.0f} min, {wish.capacity_w:.0f} W are needed"
        )
    return NotArmed(tuple(reasons)) if reasons else wish


def asked_power_w(armed: Armed, answer: Answer, headroom: Headroom) -> float:
    """What the pump is to draw now. Its limits win over the promise."""
    asked_w = armed.baseline_w - answer.applied_frac * armed.capacity_w
    return min(max(asked_w, headroom.least_w), headroom.most_w)
