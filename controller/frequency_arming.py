"""Whether the promise to the frequency can be kept now. Pure."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from controller.config_frequency import FrequencySection
from controller.fast_bounds import Bounds, Look
from controller.frequency_reserve import reserved_w
from controller.pump_power import power_range
from drivers.api import OperatingState
from mpc.building import Building, discretise
from mpc.reserve import J_PER_KWH, Armed, Arming, Headroom, NotArmed, Warmth, arm

STEP_S = 900.0
HELD_BACK_FRAC = 0.9
"""A pump that draws at least this share of its limit is taken to be held back by it."""


@dataclass(frozen=True, slots=True)
class Promised:
    """An arming with the power it may move in."""

    arming: Arming
    headroom: Headroom | None


def unfit(look: Look) -> tuple[str, ...]:
    """Why the pump can answer nothing at all now, whatever was promised."""
    state = look.snapshot.operating_state
    if look.snapshot.compressor_on is not True:
        return ("the compressor is not known to run",)
    if state is OperatingState.DHW:
        return ("the pump heats hot water",)
    return ()


def promised(
    section: FrequencySection,
    look: Look,
    bounds: Bounds,
    *,
    measured_w: float | None,
    limit_w: float | None,
    until: datetime,
) -> Promised:
    """Armed while the plan keeps the headroom free and pump and rooms can bear it.

    `measured_w` is the pump's mean power of the last minute: the baseline of a product that asks
    for less. One that asks for more starts from the cycle's limit, where the limit of that minute
    (`limit_w`) is what held the pump back.
    """
    droop, stages = section.droop, look.stages
    if reasons := unfit(look):
        return _not(*reasons)
    if look.plan is None:
        return _not("there is no plan")
    if measured_w is None:
        return _not("the pump's power is not measured")
    baseline_w = measured_w
    if droop.down:
        if bounds.own_w is None or limit_w is None or measured_w < HELD_BACK_FRAC * limit_w:
            return _not("no limit holds the pump back, so a higher one gives no more power")
        baseline_w = bounds.own_w
    known = look.belief.lowest_frac
    lowest_frac = stages.machine.modulation_min_frac if known is None else known
    power = power_range(look.snapshot, stages.model, lowest_frac)
    headroom = Headroom(
        baseline_w=baseline_w, least_w=bounds.least_w, most_w=min(bounds.most_w, power.most_w)
    )
    target = look.target
    warmth = Warmth(
        room_c=look.belief.estimate.state_c[0],
        low_c=target.room_c - target.band_k,
        high_c=target.room_c + target.band_k,
        kwh_per_k=follows_kwh_per_k(stages.model.building, droop.sustain_s),
        cop=power.cop,
    )
    wish = Armed(
        product=section.product, capacity_w=section.capacity_w, baseline_w=baseline_w,
        until_at=until,
    )  # fmt: skip
    held_w = reserved_w(look.plan, look.at, until, (headroom.least_w, headroom.most_w))
    return Promised(arm(wish, held_w, headroom, warmth), headroom)


def follows_kwh_per_k(building: Building, sustain_s: float) -> float:
    """Heat that is missing, over the kelvins that the air has fallen by the end of `sustain_s`."""
    step = discretise(building, STEP_S)
    pushed = step.b_heat if step.b_heat.ndim == 1 else step.b_heat[:, 0]
    state = np.zeros(len(pushed))
    steps = max(1, round(sustain_s / STEP_S))
    for _ in range(steps):
        state = step.a @ state + pushed
    return steps * STEP_S / J_PER_KWH / max(float(state[0]), 1e-9)


def _not(*reasons: str) -> Promised:
    return Promised(NotArmed(reasons), None)
