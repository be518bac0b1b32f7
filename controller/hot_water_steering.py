"""From planned charges to the set-point of the tank, or to a charge asked for now. Pure.

Set-point: raised while the plan charges, so far that the pump starts and stops where planned; in
between at rest, where the pump itself begins before the water gets cold. A stored set-point is
changed only where the change does something: a higher one that starts no charge may stay.
Boost: asked for while the plan charges; everything else is the pump's own control.
Without a plan or a known tank nothing is wanted, which hands the tank back to the pump.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.actuation import BLOCK_STATE, LIMITS, in_range, let_run_setting, span
from controller.config_hot_water import HotWaterSection
from controller.guard import Wanted
from controller.snapshot import Snapshot
from drivers.api import Capability, Knob, OperatingState, WriteClass
from mpc.plan import Plan

START_FRAC, KEEP_FRAC = 0.3, 0.05
"""Share of a step for hot water from which a charge begins, and from which it goes on. Far steps of
a plan hold shares; near ones whole decisions."""

LATE_STEPS = 2
"""Steps of the plan by which a charge may take longer than planned before it is cut."""

LEAST_RISE_K = 2.0
"""A charge that would warm the tank by less is not worth a start."""

SAFE_K = 3.0
"""A tank that runs short is heated so far above the economy temperature; the rest is the plan's."""

SURE_START_K = 1.0
"""Beyond the pump's hysteresis: its sensor is not quite ours."""

REST_BELOW_K = 5.0
"""At rest the pump itself begins so far below the economy temperature: behind every plan, and not
beside it. A profile's liveable range is usually narrower."""

LAZY_K = 3.0
"""A stored set-point stays raised until the tank is this near to where the pump would start: a
shower takes a kelvin or two in a cycle."""

SAME_K = 2.0
"""A stored set-point up to so much above the one wanted will do."""

PLENTY_OF_WRITES, SPARING_FRAC = 15.0, 0.08
"""With that many writes left in the week, to lower a stored set-point must spare this share of the
price; with fewer left, more in proportion."""

SANITISE_SPARE_K = 2.0
"""To be as hot as legionella demands for a while, the tank is heated a little beyond."""

PAIR = 2.0
"""A set-point that is lowered must be raised again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TankNow:
    """What steering looks at: the tank, and the knob as it stands."""

    sensor_c: float  # as the pump shows it
    mean_c: float  # of the whole tank, as believed: some pumps start by a lower sensor
    current: float | None  # what the knob holds; None: it cannot be read
    writes_left: float | None  # of the planner, this week; None: no limit
    short: bool = False  # soon too cool unless charged now


@dataclass(frozen=True, slots=True, kw_only=True)
class HotWaterWish:
    """What hot water would like of the pump; no settings: its own control."""

    settings: Mapping[Capability, float] = field(default_factory=dict)
    charge: bool = False  # the plan charges now
    reason: str


@dataclass(frozen=True, slots=True)
class _Charge:
    """The charge of the plan that is due now."""

    target_c: float  # when it ends: of the whole tank; by older plans at its top
    why: str = "the plan heats"


def hot_water_settings(
    plan: Plan | None,
    snapshot: Snapshot,
    tank: TankNow | None,
    *,
    section: HotWaterSection,
    knob: Knob | None,
) -> HotWaterWish:
    """What to ask of the pump for its tank in this cycle, and why."""
    if knob is None or not section.enabled:
        return HotWaterWish(reason="hot water is the pump's own")
    if tank is None:
        return HotWaterWish(reason="the tank's temperature is unknown")
    index = None if plan is None else _index(plan, snapshot.at)
    if plan is None or index is None or not any(plan.dhw_heat_w):  # a rule may know no tank
        return HotWaterWish(reason="there is no plan for hot water")
    charging = snapshot.operating_state is OperatingState.DHW
    charge = _charge_now(plan, index, tank, charging=charging)
    if charge is None:
        charge = _safety_charge(tank, section, charging=charging)
    if knob.capability is Capability.DHW_BOOST:
        return _boost(charge, knob)
    if _stored(knob) and tank.current is None:
        return HotWaterWish(reason=f"what {knob.capability} holds is unknown")
    raised = None if charge is None else _raise(charge, tank, section, knob, charging=charging)
    return raised or _rest(plan, index, tank, section=section, knob=knob, charging=charging)


def with_hot_water(wanted: Wanted, wish: HotWaterWish, heat_knob: Knob | None) -> Wanted:
    """Both wishes in one; while the tank is charged the heat knob must not hold the pump back."""
    wanted = replace(wanted, reason=f"{wanted.reason}; tank: {wish.reason}")
    settings = {**wanted.settings, **wish.settings}
    if not wish.charge:
        return replace(wanted, settings=settings)
    if heat_knob is not None and heat_knob.capability in settings:
        held = settings[heat_knob.capability]
        free = let_run_setting(heat_knob)
        blocks = heat_knob.capability is not Capability.SG_READY or held == BLOCK_STATE
        hinders = heat_knob.capability in HINDERS and blocks
        if hinders and free is not None:
            settings[heat_knob.capability] = free
    return replace(wanted, settings=settings, run=True if wanted.run else None)


HINDERS = LIMITS - {Capability.ON_OFF} | {Capability.SG_READY}
"""Knobs for heat that hold the compressor back, whatever it runs for."""


def hot_water_knob(
    knobs: Mapping[Capability, Knob], section: HotWaterSection
) -> Knob | None:  # fmt: skip
    """The knob for the tank: the owner's choice, else the set-point, else the boost."""
    wished = section.capability
    wanted = (Capability.DHW_SETPOINT, Capability.DHW_BOOST) if wished is None else (wished,)
    found = (knobs[c] for c in wanted if c in knobs)
    usable = (k for k in found if k.write_class is not WriteClass.FORBIDDEN)
    return next((k for k in usable if k.automatic or wished is not None), None)


def reach_c(knob: Knob, section: HotWaterSection) -> float:
    """The hottest tank that can be asked for; a boost ends where the owner says the pump does."""
    if knob.capability is Capability.DHW_BOOST:
        return section.max_c
    return span(knob)[1] + section.stops_above_k


def highest_value(knob: Knob, section: HotWaterSection) -> float:
    """The highest set-point that keeps the owner's limit, legionella aside."""
    most_c = max(section.max_c, (section.legionella_c or 0.0) + SANITISE_SPARE_K)
    return max(span(knob)[0], most_c - section.stops_above_k)


def rest_value(knob: Knob, section: HotWaterSection) -> float:
    """The set-point between charges."""
    return in_range(knob, section.economy_c - REST_BELOW_K + section.starts_below_k)


def hot_water_words(section: HotWaterSection, knob: Knob | None) -> str:
    """What will be done about hot water, in words for the owner."""
    if knob is None:
        return "Hot water is the pump's own."
    if knob.capability is Capability.DHW_BOOST:
        how = f"a charge asked for now, to {section.max_c:g} °C or where the pump ends it"
    else:
        most_c = min(section.max_c, reach_c(knob, section))
        how = f"at rest {rest_value(knob, section):g} °C, charged to at most {most_c:g} °C"
    wanted_c = section.legionella_c
    if wanted_c is None:
        clean = "legionella is left to the pump"
    elif wanted_c <= reach_c(knob, section):
        clean = f"heated through to {wanted_c:g} °C at least every "
        clean += f"{section.legionella_every_s / 86400.0:g} days"
    else:
        clean = f"{wanted_c:g} °C against legionella is beyond this knob: leave it to the pump"
    return f"Hot water goes through {knob.capability}: {how}; {clean}."


def _boost(charge: _Charge | None, knob: Knob) -> HotWaterWish:
    if charge is None:
        return HotWaterWish(reason="no charge is planned now")
    return HotWaterWish(
        settings={knob.capability: 1.0},
        charge=True,
        reason=f"{charge.why} the tank to {charge.target_c:.0f} °C",
    )


def _raise(
    charge: _Charge, tank: TankNow, section: HotWaterSection, knob: Knob, *, charging: bool
) -> HotWaterWish | None:
    """The set-point that makes the pump charge; None when none that may be written does."""
    least = charge.target_c - section.stops_above_k
    if not charging:
        least = max(least, tank.sensor_c + section.starts_below_k + SURE_START_K)
    value = in_range(knob, math.ceil(least / knob.resolution - 1e-6) * knob.resolution)
    value = min(value, highest_value(knob, section))
    held = tank.current
    if _stored(knob) and held is not None and held >= least:
        will_do = charging or held <= value + SAME_K  # a charge under way is ended by the rest
        value = held if will_do else value
    if not charging and value - section.starts_below_k <= min(tank.sensor_c, tank.mean_c):
        return None
    if _stored(knob) and value != held and tank.writes_left is not None and tank.writes_left < 1.0:
        return HotWaterWish(reason="no write is left to charge the tank as planned")
    return HotWaterWish(
        settings={knob.capability: value},
        charge=True,
        reason=f"{charge.why} the tank to {charge.target_c:.0f} °C",
    )


def _rest(
    plan: Plan,
    index: int,
    tank: TankNow,
    *,
    section: HotWaterSection,
    knob: Knob,
    charging: bool,
) -> HotWaterWish:
    """The resting set-point, or the present one where lowering it would do nothing."""
    value = rest_value(knob, section)
    held = tank.current
    if held is not None and _stored(knob) and held != value:
        why = _why_keep(plan, index, tank, held, section=section, charging=charging)
        if why is not None:
            return HotWaterWish(settings={knob.capability: held}, reason=why)
    return HotWaterWish(settings={knob.capability: value}, reason="the tank rests")


def _why_keep(
    plan: Plan,
    index: int,
    tank: TankNow,
    held: float,
    *,
    section: HotWaterSection,
    charging: bool,
) -> str | None:
    """Why a stored set-point is left as it is although no charge is planned."""
    ends_c = held + section.stops_above_k
    if charging and tank.sensor_c > ends_c + SURE_START_K:
        return "the pump heats the tank by a programme of its own"
    if charging and tank.sensor_c > ends_c - LEAST_RISE_K:
        return "the charge is about to end"
    coolest_c = min(tank.sensor_c, tank.mean_c)
    if not charging and coolest_c > held - section.starts_below_k + LAZY_K:
        return "the tank rests, hot enough for any set-point"
    if tank.writes_left is not None:
        if tank.writes_left < PAIR:
            return "the tank keeps its set-point: its writes are used up"
        if _spared_frac(plan, index) < SPARING_FRAC * PLENTY_OF_WRITES / tank.writes_left:
            return "the tank keeps its set-point: to lower it spares less than the write is worth"
    return None


def _spared_frac(plan: Plan, index: int) -> float:
    """How much cheaper the next planned charge is than one now, as a share of the mean price."""
    prices = plan.price_per_kwh
    mean = sum(prices) / len(prices)
    later = [i for i in range(index, len(prices)) if _share(plan, i) >= START_FRAC]
    if not later or mean <= 0.0:
        return 1.0  # no charge at all is wanted
    return (prices[index] - prices[later[0]]) / mean


def _charge_now(plan: Plan, index: int, tank: TankNow, *, charging: bool) -> _Charge | None:
    """The charge that the plan makes in this step, with where it ends; None when it is made.

    One that takes longer than planned is let come to its end.
    """
    late = charging and any(
        _share(plan, i) >= START_FRAC for i in range(max(index - LATE_STEPS, 0), index)
    )
    if not late and _share(plan, index) < (KEEP_FRAC if charging else START_FRAC):
        return None
    last = index
    while last + 1 < len(plan.dhw_heat_w) and _share(plan, last + 1) >= KEEP_FRAC:
        last += 1
    first = max(index - LATE_STEPS, 0) if late else index
    if plan.dhw_ends_c:
        target_c = max(plan.dhw_ends_c[first : last + 1])
        missing_k = target_c - tank.mean_c
    else:
        target_c = max(plan.dhw_c[first : last + 1])
        missing_k = target_c - tank.sensor_c
    return _Charge(target_c) if missing_k > (0.0 if charging else LEAST_RISE_K) else None


def _safety_charge(tank: TankNow, section: HotWaterSection, *, charging: bool) -> _Charge | None:
    """Where the tank runs short: a small charge, whatever the plan says.

    One under way goes on until there: soon it would be short again.
    """
    target_c = min(section.economy_c + SAFE_K, section.max_c)
    if tank.mean_c < target_c and (tank.short or charging):
        return _Charge(target_c, "running short: heating")
    return None


def _share(plan: Plan, index: int) -> float:
    """Of a step for hot water; where a plan gives only heat, all of it."""
    if plan.dhw_run_frac:
        return plan.dhw_run_frac[index]
    return 1.0 if plan.dhw_heat_w[index] > 0.0 else 0.0


def _index(plan: Plan, at: datetime) -> int | None:
    index = math.floor((at - plan.starts_at).total_seconds() / plan.step_s)
    return index if 0 <= index < len(plan.dhw_heat_w) else None


def _stored(knob: Knob) -> bool:
    return knob.write_class is not WriteClass.VOLATILE
