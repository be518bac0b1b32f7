"""What the planner is told of the tank: how warm by when, what is drawn, when to sanitise. Pure.

Deadlines are times of the local day; a day on which a clock shows that time twice, or never, still
has its deadline once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from controller.config_hot_water import HotWaterSection, Ready
from controller.hot_water_tank import TankBelief, tank_of
from mpc.draws import drawn_kwh_per_k, expected_kwh, reserve_kwh, slot_of
from mpc.horizon import Horizon
from mpc.storage import HotWater, after_draw_c

CERTAINTY_FRAC, LEAD_H = 0.9, 0.75
"""The tank is planned to hold what is drawn in nine of ten spans of this length: the time from a
surprise to warm water, with the plan that sees it and the charge that it brings."""

NET_LEAD_H, NET_STEP_H = 0.5, 0.25
"""The safety net charges now what the coming half hour may need: behind the plan, not beside it."""

BEFORE = timedelta(minutes=30)
"""The tank is hot for this long before its deadline, so that a late minute does not matter."""

SPARE_K = 1.0
"""Planned above every lower bound: the sensor's error, and what the two layers leave out."""

SANITISE_WITHIN = timedelta(hours=24)
"""Before it is due, or after it was missed: the cheapest hours of a day can be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TankLimits:
    """What the knob can ask for, and who heats the last kelvins."""

    reach_c: float  # the hottest tank that the knob can ask for
    charge_w: float | None = None  # heat of a charge, as far as the data sheet tells
    heater: bool = False  # the plan has an electric heater for what the compressor cannot


def hot_water_request(
    belief: TankBelief,
    horizon: Horizon,
    *,
    at: datetime,
    section: HotWaterSection,
    limits: TankLimits,
    zone: ZoneInfo,
) -> HotWater | None:
    """The hot-water side of the planner's question from `at` on.

    None while hot water is not ours to plan: switched off, or its temperature is not known.
    """
    now = belief.now
    if not section.enabled or now is None or belief.sensor_c(at) is None:
        return None
    step = timedelta(seconds=horizon.step_s)
    starts = [horizon.starts_at + step * i for i in range(len(horizon.outdoor_c))]
    ends = [start + step for start in starts]
    window = _sanitise_steps(belief, ends, section, limits)
    max_c = min(section.max_c, limits.reach_c)
    high_c, pump_max_c, sanitise_c = [max_c] * len(ends), section.pump_max_c, None
    if window is not None and section.legionella_c is not None:
        sanitise_c = section.legionella_c + SPARE_K
        hot_c = sanitise_c + SPARE_K
        # to the end: what has been that hot cools by itself, and slowly
        high_c[window[0] :] = [max(max_c, hot_c)] * (len(ends) - window[0])
        pump_max_c = pump_max_c if limits.heater else max(pump_max_c, hot_c)
    tank = tank_of(section)
    slots = [slot_of(start.astimezone(zone)) for start in starts]
    step_h = horizon.step_s / 3600.0
    expected = expected_kwh(belief.draws)
    reserve = reserve_kwh(
        belief.draws, slots, step_h=step_h, lead_h=LEAD_H, certainty_frac=CERTAINTY_FRAC
    )

    def water(kwh: float) -> float:
        return drawn_kwh_per_k(kwh, tank_c=section.comfort_c, cold_c=tank.cold_c)

    return HotWater(
        tank=tank,
        state_c=(now.upper_c, now.lower_c),
        draw_kwh_per_k=tuple(water(float(expected[slot]) * step_h) for slot in slots),
        low_c=low_trajectory(ends, section, zone),
        high_c=tuple(high_c),
        below_price_per_kh=section.below_price_per_kh,
        pump_max_c=pump_max_c,
        sanitise_c=sanitise_c,
        sanitise_steps=window,
        charge_w=limits.charge_w if belief.charge_w is None else belief.charge_w,
        warm_up_kwh=section.warm_up_kwh,
        reserve_kwh_per_k=tuple(water(kwh) for kwh in reserve),
        reserve_low_c=section.economy_c + SPARE_K,
    )


def runs_short(
    belief: TankBelief, *, at: datetime, section: HotWaterSection, zone: ZoneInfo
) -> bool:
    """Whether the tank may be cooler than the economy temperature before a charge begun now helps.

    Of the coming half hour's draws by the same certainty as a plan; plans look further.
    """
    now = belief.now
    if now is None:
        return False
    step = timedelta(hours=NET_STEP_H)
    slots = [
        slot_of((at + step * k).astimezone(zone)) for k in range(round(NET_LEAD_H / NET_STEP_H) + 1)
    ]
    kwh = reserve_kwh(
        belief.draws, slots, step_h=NET_STEP_H, lead_h=NET_LEAD_H, certainty_frac=CERTAINTY_FRAC
    )[0]
    tank = tank_of(section)
    drawn = drawn_kwh_per_k(kwh, tank_c=section.comfort_c, cold_c=tank.cold_c)
    layers_c = (np.array(now.upper_c), np.array(now.lower_c))
    return float(after_draw_c(tank, layers_c, drawn)) < section.economy_c


def low_trajectory(
    ends: list[datetime], section: HotWaterSection, zone: ZoneInfo
) -> tuple[float, ...]:
    """Lower bound of the upper layer at the end of each step."""
    if not section.ready:
        return (section.comfort_c + SPARE_K,) * len(ends)
    wanted: list[tuple[datetime, float]] = []
    for day in _days(ends, zone):
        for ready in section.ready:
            level_c = section.comfort_c if ready.temperature_c is None else ready.temperature_c
            wanted.append((deadline(day, ready, zone), level_c))
    low_c = []
    before = max(BEFORE, ends[-1] - ends[-2])  # at least one step ends in it
    for end in ends:
        levels = [level_c for at, level_c in wanted if at - before < end <= at]
        low_c.append(max([section.economy_c, *levels]) + SPARE_K)
    return tuple(low_c)


def deadline(day: date, ready: Ready, zone: ZoneInfo) -> datetime:
    """The instant of a deadline: of a time that comes twice the first; one that is skipped counts
    by the clock as it was before the change."""
    return datetime.combine(day, ready.time_of_day, tzinfo=zone).astimezone(UTC)


def sanitise_due_at(belief: TankBelief, section: HotWaterSection) -> datetime:
    """When the tank must have been hot through again; of a tank nobody knows, within a day."""
    if belief.sanitised_at is None:
        return belief.since + SANITISE_WITHIN
    return belief.sanitised_at + timedelta(seconds=section.legionella_every_s)


def _sanitise_steps(
    belief: TankBelief, ends: list[datetime], section: HotWaterSection, limits: TankLimits
) -> tuple[int, int] | None:
    """The steps of the last day before it is due; when it is overdue, of the coming day."""
    if section.legionella_c is None or section.legionella_c > limits.reach_c:
        return None
    due_at = sanitise_due_at(belief, section)
    if due_at <= ends[0]:
        due_at = ends[0] + SANITISE_WITHIN
    inside = [k for k, end in enumerate(ends) if due_at - SANITISE_WITHIN <= end <= due_at]
    return (inside[0], inside[-1]) if inside else None


def _days(ends: list[datetime], zone: ZoneInfo) -> Iterator[date]:
    day, last = ends[0].astimezone(zone).date(), ends[-1].astimezone(zone).date()
    while day <= last + timedelta(days=1):
        yield day
        day += timedelta(days=1)
