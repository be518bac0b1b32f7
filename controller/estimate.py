"""From one snapshot to the next: heat that went in, the house's state, what was learned. Pure."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.brine import source_now
from controller.compressor_heat import heat_from_speed_w
from controller.innovations import Innovations
from controller.model import HouseModel
from controller.room_sensor import RoomSensor
from controller.rooms_followed import Followed, Inputs, follow
from controller.snapshot import Snapshot
from drivers.api import OperatingState, Signal
from mpc import estimator
from mpc.arrays import FloatArray
from mpc.building import Building, Emitter, floor_of, flow_for_heat, heat_for_flow
from mpc.heat_pump import capacity_w, cop, part_load_gain
from mpc.plan import Estimate

BALANCE_TIME_S = 36 * 3600.0
"""Memory of the mean-temperature balance: about a day and a half, as long as prices are known."""

FIRST_SHARE_FRAC = 0.93
SHARE_TIME_S = 2 * 86400.0
LEAST_SHARE_FRAC = 0.7
"""Hot water and defrosting take about 7 % of a winter day at first guess; learned over two days,
and never believed to take more than 30 %."""

GAIN_TIME_S = 12 * 3600.0
"""Time constant of learning how well the emitters really give off heat."""

GAIN_RANGE = (0.4, 2.5)
"""The emitters' learned factor stays inside this range, whatever a sensor says."""

LEAST_HEAT_W = 300.0
"""Below this a ratio of heats says nothing."""

FIRST_FLOW_C, FLOW_PASSES = 35.0, 3
"""Where the search for a flow temperature that nobody measures begins; it settles in three passes,
as a kelvin of flow changes the heat by some 2 %."""

RECENT_S = 1800.0
"""Temperatures of a house believed at most this long ago still hold after a restart."""

OPENING_S = 3600.0
"""A night's learning ends with the last whole quarter of an hour, and is taken up within another;
for so long what acts on the house is taken to have been as it is."""

STANDARD_WINTER_C = 2.0
"""Outdoor temperature when neither sensor nor forecast says anything: a Danish winter's mean."""

WATER_TIME_S = 3600.0
LEAST_SPREAD_K = 1.0
"""How fast the water's capacity flow is learned, and the smallest spread that says anything."""

OVER_ASKED_K = 0.2
LOWEST_DOWN_S, LOWEST_UP_S = 900.0, 6 * 3600.0
LOWEST_OVER_FRAC = 1.5
"""A settled pump gives its lowest heat or more. More than believed counts only while its flow stays
this far above what it is asked for, and slowly, for it may still be slowing down; less is believed
soon. Makers state the lowest speed; at that the heat exchangers are large, so the heat is that
share of capacity up to half as much again."""

SETTLED_AFTER_S = 1200.0
"""Running time after which flow temperature and heat belong together."""


@dataclass(frozen=True, slots=True)
class Belief:
    """All that is carried from cycle to cycle about the house."""

    estimate: Estimate
    balance_kh: float  # room minus target over the recent past
    emitter_gain_frac: float  # real heat of the emitters over the assumed one
    water_w_per_k: float  # heat per kelvin between flow and return: the water's capacity flow
    heating_share_frac: float  # share of the time left for the rooms by hot water and defrosting
    known_for_s: float  # how long the house has been watched
    lowest_frac: float | None = None  # lowest continuous heat over capacity, once it was seen
    room: RoomSensor = field(default_factory=RoomSensor)
    innovations: Innovations = field(default_factory=Innovations)
    second_room: RoomSensor | None = None  # of the second zone; None: there is none

    @property
    def sensors(self) -> tuple[RoomSensor, ...]:
        """One for each zone."""
        return (self.room,) if self.second_room is None else (self.room, self.second_room)


def delivered_heat_w(
    snapshot: Snapshot, model: HouseModel, *, outdoor_forecast_c: float | None = None
) -> float | None:
    """Heat into the rooms by measurement, None when nothing tells.

    Measured heat first; else electricity above standby times the COP of the map at this load, at
    the measured flow or at the one the emitters need for that heat; else the compressor's speed,
    where the owner told its highest. Hot water and defrosting give the house nothing.
    """
    if snapshot.operating_state in (OperatingState.DHW, OperatingState.DEFROST):
        return 0.0
    heat_w = snapshot.value(Signal.HEAT_W)
    if heat_w is not None:
        return max(heat_w, 0.0)
    power_w = snapshot.value(Signal.POWER_W)
    if power_w is None:
        power_w = snapshot.value(Signal.METER_POWER_W)
    if snapshot.compressor_on is False:
        return 0.0
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    if outdoor_c is None:
        outdoor_c = outdoor_forecast_c
    if power_w is None or outdoor_c is None:
        return heat_from_speed_w(snapshot, model, outdoor_c)
    net_w = max(power_w - model.heat_pump.standby_w, 0.0)
    source_c = source_now(snapshot, model.heat_pump, outdoor_c)
    flow_c = snapshot.value(Signal.FLOW_C)
    if flow_c is not None:
        return _heat_from_power_w(net_w, source_c, flow_c, model)
    room_c = snapshot.value(Signal.ROOM_C)
    warm_c = FIRST_FLOW_C
    for _ in range(FLOW_PASSES):
        found_w = _heat_from_power_w(net_w, source_c, warm_c, model)
        at_c = model.emitter.design_room_c if room_c is None else room_c
        warm_c = float(flow_for_heat(model.emitter, found_w, at_c))
    return _heat_from_power_w(net_w, source_c, warm_c, model)


def _heat_from_power_w(
    net_w: float, source_c: FloatArray, flow_c: float, model: HouseModel
) -> float:  # fmt: skip
    full_load_w = net_w * float(cop(model.heat_pump, source_c, flow_c))
    load_frac = full_load_w / float(capacity_w(model.heat_pump, source_c, flow_c))
    return full_load_w * float(part_load_gain(source_c, flow_c, load_frac))


def first_belief(
    snapshot: Snapshot,
    model: HouseModel,
    restored: Belief | None,
    *,
    another_house: bool = False,
) -> Belief:
    """After a start: a house near steady state at the measured room temperature.

    What changes slowly (lasting unexplained heat, balance, emitters) is taken over from an earlier
    run; the temperatures too if they are recent. `another_house`: that run had another model of it.
    Its lasting heat made up for that model's errors and its mass was as warm as that model made it;
    both begin anew.
    """
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    estimate = estimator.initial(
        model.building,
        at=snapshot.at,
        room_c=snapshot.value(Signal.ROOM_C),
        outdoor_c=STANDARD_WINTER_C if outdoor_c is None else outdoor_c,
        second_c=snapshot.value(Signal.SECOND_ROOM_C),
    )
    second = None if estimate.second_w is None else RoomSensor()
    if restored is None:
        water = design_water_w_per_k(model.emitter)
        return Belief(estimate, 0.0, 1.0, water, FIRST_SHARE_FRAC, 0.0, second_room=second)
    if another_house or len(restored.estimate.state_c) != len(estimate.state_c):
        return replace(restored, estimate=estimate, room=RoomSensor(), second_room=second)
    kept = estimator.resumed(estimate, restored.estimate)
    if (snapshot.at - restored.estimate.at).total_seconds() < RECENT_S:
        kept = replace(kept, state_c=restored.estimate.state_c)
    if second is not None and restored.second_room is not None:
        second = RoomSensor(step_k=restored.second_room.step_k)
    room = RoomSensor(step_k=restored.room.step_k)
    return replace(restored, estimate=kept, room=room, second_room=second)


def opens(opening: Estimate | None, at: datetime) -> bool:
    """Whether there is an opening that is fresh enough to go on from."""
    return opening is not None and 0.0 <= (at - opening.at).total_seconds() <= OPENING_S


def opened(belief: Belief, opening: Estimate) -> Belief:
    """The belief with another house model, which has followed the house for itself until now."""
    return replace(belief, estimate=opening, room=RoomSensor(step_k=belief.room.step_k))


def believe(
    belief: Belief,
    *,
    before: Snapshot,
    now: Snapshot,
    model: HouseModel,
    planned_heat_w: float | None,
    ghi_w_per_m2: float,
    outdoor_forecast_c: float | None,
    target_c: float,
    running_s: float,
    wind_m_s: float | None = None,
    asked_flow_c: float | None = None,
    least_frac: float = 0.0,
) -> Belief:
    """Predict over the time between two snapshots, correct with room readings that are new.

    Heat and weather of the earlier snapshot are taken to hold over the interval. Where the heat is
    not measured the planned heat stands in; where neither is known the house is taken as unheated
    and the growing covariance tells. Over a clock that went backwards nothing is predicted.
    """
    span_s = (now.at - before.at).total_seconds()
    if span_s <= 0.0:
        return replace(belief, estimate=replace(belief.estimate, at=now.at))
    heat_w = delivered_heat_w(before, model, outdoor_forecast_c=outdoor_forecast_c)
    if heat_w is None:
        heat_w = planned_heat_w if planned_heat_w is not None else 0.0
    outdoor_c = before.value(Signal.OUTDOOR_C)
    if outdoor_c is None:
        outdoor_c = outdoor_forecast_c
    if outdoor_c is None:
        outdoor_c = STANDARD_WINTER_C
    inputs = Inputs(heat_w, outdoor_c, ghi_w_per_m2, wind_m_s)
    was = Followed(belief.estimate, belief.sensors, belief.innovations)
    followed = follow(was, before=before, now=now, model=model, inputs=inputs)
    room, *others = followed.sensors
    room_c = None if room.frozen else now.value(Signal.ROOM_C)
    return Belief(
        estimate=followed.estimate,
        balance_kh=_balance(belief.balance_kh, room_c, target_c, span_s),
        emitter_gain_frac=_emitter_gain(belief, now, model, running_s=running_s, span_s=span_s),
        water_w_per_k=_water(belief, now, model, running_s=running_s, span_s=span_s),
        heating_share_frac=_heating_share(belief.heating_share_frac, now, span_s),
        known_for_s=belief.known_for_s + span_s,
        lowest_frac=_lowest(
            belief,
            now,
            model,
            running_s=running_s,
            span_s=span_s,
            asked_flow_c=asked_flow_c,
            least_frac=least_frac,
        ),
        room=room,
        innovations=followed.innovations,
        second_room=others[0] if others else None,
    )


def _balance(balance_kh: float, room_c: float | None, target_c: float, span_s: float) -> float:
    kept = balance_kh * math.exp(-span_s / BALANCE_TIME_S)
    return kept if room_c is None else kept + (room_c - target_c) * span_s / 3600.0


def _emitter_gain(
    belief: Belief, snapshot: Snapshot, model: HouseModel, *, running_s: float, span_s: float
) -> float:  # fmt: skip
    """Measured heat against what the emitters should give at the measured flow temperature.

    Learned only once the compressor has run long enough in heating for the two to belong together.
    """
    gain = belief.emitter_gain_frac
    heat_w = delivered_heat_w(snapshot, model)
    flow_c = snapshot.value(Signal.FLOW_C)
    settled = running_s >= SETTLED_AFTER_S
    if snapshot.operating_state is not OperatingState.HEATING or not settled:
        return gain
    if heat_w is None or flow_c is None:
        return gain
    room_c, floor_c = belief.estimate.state_c[0], floor_now_c(belief, model.building)
    expected_w = float(heat_for_flow(model.emitter, flow_c, room_c, floor_c))
    if expected_w < LEAST_HEAT_W:
        return gain
    weight = (1.0 - math.exp(-span_s / GAIN_TIME_S)) * expected_w / model.emitter.design_heat_w
    learned = gain + weight * (heat_w / expected_w - gain)
    return min(max(learned, GAIN_RANGE[0]), GAIN_RANGE[1])


def design_water_w_per_k(emitter: Emitter) -> float:
    """The capacity flow of the water at the design point."""
    return emitter.design_heat_w / emitter.design_spread_k


def _water(
    belief: Belief, snapshot: Snapshot, model: HouseModel, *, running_s: float, span_s: float
) -> float:  # fmt: skip
    """Measured heat over measured spread, while both are steady enough to mean something."""
    water = belief.water_w_per_k
    heat_w = delivered_heat_w(snapshot, model)
    flow_c, return_c = snapshot.value(Signal.FLOW_C), snapshot.value(Signal.RETURN_C)
    heating = snapshot.operating_state is OperatingState.HEATING and running_s >= SETTLED_AFTER_S
    if not heating or heat_w is None or flow_c is None or return_c is None:
        return water
    if heat_w < LEAST_HEAT_W or flow_c - return_c < LEAST_SPREAD_K:
        return water
    weight = 1.0 - math.exp(-span_s / WATER_TIME_S)
    learned = water + weight * (heat_w / (flow_c - return_c) - water)
    design = design_water_w_per_k(model.emitter)
    return min(max(learned, GAIN_RANGE[0] * design), GAIN_RANGE[1] * design)


def _lowest(
    belief: Belief, snapshot: Snapshot, model: HouseModel, *, running_s: float, span_s: float,
    asked_flow_c: float | None, least_frac: float,
) -> float | None:  # fmt: skip
    """Heat over capacity of a pump that cannot slow down as far as it is asked to.

    Between `least_frac` (as configured, and believed at first) and LOWEST_OVER_FRAC times it: a
    pump that gives more than that is on its way down.
    """
    flow_c, heat_w = snapshot.value(Signal.FLOW_C), delivered_heat_w(snapshot, model)
    outdoor_c = snapshot.value(Signal.OUTDOOR_C)
    heating = snapshot.operating_state is OperatingState.HEATING and running_s >= SETTLED_AFTER_S
    if not heating or heat_w is None or flow_c is None or outdoor_c is None:
        return belief.lowest_frac
    if asked_flow_c is None:
        return belief.lowest_frac
    known = least_frac if belief.lowest_frac is None else belief.lowest_frac
    source_c = source_now(snapshot, model.heat_pump, outdoor_c)
    seen = max(heat_w / float(capacity_w(model.heat_pump, source_c, flow_c)), least_frac)
    cannot_slow = flow_c >= asked_flow_c + OVER_ASKED_K
    if seen > known and not (cannot_slow and seen <= least_frac * LOWEST_OVER_FRAC):
        return belief.lowest_frac
    memory_s = LOWEST_DOWN_S if seen < known else LOWEST_UP_S
    return known + (1.0 - math.exp(-span_s / memory_s)) * (seen - known)


def _heating_share(share_frac: float, snapshot: Snapshot, span_s: float) -> float:
    state = snapshot.operating_state
    if state is None:
        return share_frac
    busy = state in (OperatingState.DHW, OperatingState.DEFROST)
    weight = 1.0 - math.exp(-span_s / SHARE_TIME_S)
    return max(LEAST_SHARE_FRAC, share_frac + weight * ((0.0 if busy else 1.0) - share_frac))


def emitter_now(belief: Belief, model: HouseModel) -> Emitter:
    """The emitters with what was learned about them."""
    return replace(
        model.emitter, design_heat_w=model.emitter.design_heat_w * belief.emitter_gain_frac
    )


def floor_now_c(belief: Belief, building: Building) -> float | None:
    """Temperature of heated floor or radiators, where the model has them."""
    floor = floor_of(building)
    return None if floor is None else belief.estimate.state_c[floor]
