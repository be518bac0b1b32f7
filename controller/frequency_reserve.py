"""The headroom that a plan is asked to keep for the frequency, and what it has kept. Pure."""

from datetime import datetime

from controller.config_frequency import FrequencySection
from controller.pump_power import PowerRange
from mpc.plan import Plan, Reserve

SPARE_FRAC = 0.05
"""Asked for beyond what is needed: water and weather move the lowest power until the call."""


def reserve_of(section: FrequencySection, power: PowerRange, steps: int) -> Reserve:
    """What to ask of a plan of so many steps.

    A pump that may not stop must draw its lowest power besides what it promises to leave off. That
    part is never called for, so the time to be borne is shortened until the heat in question is
    that of the capacity alone.
    """
    droop, capacity_w = section.droop, section.capacity_w
    spare = 1.0 + SPARE_FRAC
    up_w = spare * (power.least_w + capacity_w) if droop.up else 0.0
    down_w = spare * capacity_w if droop.down else 0.0
    largest_w = max(up_w, down_w)
    return Reserve(
        up_w=(up_w,) * steps,
        down_w=(down_w,) * steps,
        sustain_s=droop.sustain_s * capacity_w / largest_w,
    )


def reserved_w(
    plan: Plan, at: datetime, until: datetime, headroom_w: tuple[float, float]
) -> tuple[float, float]:
    """What the plan keeps free (up, down) in every step between two instants, in W.

    `headroom_w` are the lowest and the highest power without a stop. Electricity of a back-up
    heater is left out: the power limit does not move it.
    """
    least_w, most_w = headroom_w
    first = int((at - plan.starts_at).total_seconds() // plan.step_s)
    last = int((until - plan.starts_at).total_seconds() // plan.step_s)
    if first < 0 or last >= len(plan.power_w):
        return 0.0, 0.0
    heater_w = plan.heater_w or (0.0,) * len(plan.power_w)
    drawn_w = [plan.power_w[i] - heater_w[i] for i in range(first, last + 1)]
    return max(min(drawn_w) - least_w, 0.0), max(most_w - max(drawn_w), 0.0)
