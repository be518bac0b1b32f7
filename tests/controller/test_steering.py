"""From plan to knob, and what is learned on the way: estimate, decide and actuate."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from guarded import AT, FLOW_KNOB, OFFSET_KNOB, ROOM

from controller.actuation import HeatPath, choose_knob, heat_setting, in_range
from controller.config import HouseConfig, parse_config
from controller.estimate import (
    Belief,
    believe,
    delivered_heat_w,
    design_water_w_per_k,
    emitter_now,
    first_belief,
)
from controller.guard import Memory
from controller.model import HouseModel, house_model
from controller.snapshot import Reading, Snapshot
from controller.step import Machine, decide, lowest_heat_w
from drivers.api import Capability, Knob, OperatingState, Signal, WriteClass
from mpc.building import flow_for_heat
from mpc.heat_pump import capacity_w, source_for
from mpc.plan import Plan

ROOM_KNOB = Knob(
    capability=ROOM,
    point="room",
    minimum=5.0,
    maximum=30.0,
    resolution=0.1,
    write_class=WriteClass.PERSISTENT,
    safe_minimum=19.0,
    safe_maximum=23.5,
)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def model(config: HouseConfig) -> HouseModel:
    return house_model(config)


def seen(at: datetime = AT, **values: float) -> Snapshot:
    everything = {"room_c": 21.0, "outdoor_c": 0.0, "flow_c": 35.0, "return_c": 30.0} | values
    return Snapshot(at, {Signal(name): Reading(v, at) for name, v in everything.items()})


def heating(at: datetime = AT, **values: float) -> Snapshot:
    return seen(at, operating_state=OperatingState.HEATING, compressor_hz=50.0, **values)


def plan_of(heat_w: float, steps: int = 8) -> Plan:
    flat = (heat_w,) * steps
    return Plan(
        made_at=AT, starts_at=AT, step_s=900, source="mpc", heat_w=flat, power_w=flat,
        flow_c=flat, room_c=flat, price_per_kwh=flat, price_known=(True,) * steps,
        low_c=flat, high_c=flat, cost=0.0, discomfort_kh=0.0,
    )  # fmt: skip


def machine(knob: Knob | None = FLOW_KNOB) -> Machine:
    return Machine(
        knob=knob, flow_max_c=55.0, power_max_w=None, minimum_run_s=600.0, minimum_off_s=600.0,
        modulation_min_frac=0.3,
    )  # fmt: skip


def path_of(belief: Belief, model: HouseModel, *, settled: bool) -> HeatPath:
    return HeatPath(
        emitter=emitter_now(belief, model),
        room_c=21.0,
        floor_c=None,
        water_w_per_k=belief.water_w_per_k,
        settled=settled,
        most_w=9000.0,
        flow_max_c=55.0,
    )


def decided(model: HouseModel, heat_w: float, **changes: Any) -> Any:
    belief = first_belief(seen(), model, None)
    given = {"snapshot": seen(), "memory": Memory(compressor_on=False, since=AT)} | changes
    return decide(
        given["snapshot"], plan=plan_of(heat_w), belief=belief, memory=given["memory"],
        model=model, machine=given.get("machine", machine()), current=given.get("current"),
    )  # fmt: skip


def test_a_resting_pump_starts_only_for_a_good_part_of_its_lowest_heat(model: HouseModel) -> None:
    least_w = lowest_heat_w(seen(), first_belief(seen(), model, None), model, machine())
    assert decided(model, 0.5 * least_w).run is False
    assert decided(model, 0.6 * least_w).run is True


def test_a_running_pump_goes_on_for_less_than_it_would_start_for(model: HouseModel) -> None:
    least_w = lowest_heat_w(seen(), first_belief(seen(), model, None), model, machine())
    running = {"snapshot": heating(heat_w=least_w), "memory": Memory(True, AT - 20 * MINUTE)}
    assert decided(model, 0.4 * least_w, **running).run is True
    assert decided(model, 0.2 * least_w, **running).run is False


def test_a_running_pump_is_kept_for_heat_planned_within_the_hour(model: HouseModel) -> None:
    least_w = lowest_heat_w(seen(), first_belief(seen(), model, None), model, machine())
    pausing = replace(plan_of(least_w), heat_w=(0.0, *(least_w,) * 7))
    wanted = decide(
        heating(heat_w=least_w), plan=pausing, belief=first_belief(seen(), model, None),
        memory=Memory(True, AT - 20 * MINUTE), model=model, machine=machine(), current=None,
    )  # fmt: skip
    assert wanted.run is True


def test_without_a_plan_for_now_nothing_is_asked(model: HouseModel) -> None:
    late = seen(AT + timedelta(hours=3))
    assert decided(model, 3000.0, snapshot=late).settings == {}
    assert decided(model, 3000.0, machine=machine(None)).settings == {}


def test_a_settled_pump_gets_the_flow_that_carries_the_heat(model: HouseModel) -> None:
    belief = replace(first_belief(seen(), model, None), water_w_per_k=1000.0)
    flow_c = heat_setting(
        FLOW_KNOB, 3000.0, path=path_of(belief, model, settled=True),
        snapshot=heating(return_c=31.0),
    )  # fmt: skip
    assert flow_c == pytest.approx(34.0)


def test_a_starting_pump_gets_the_flow_the_emitters_need_at_rest(model: HouseModel) -> None:
    belief = first_belief(seen(), model, None)
    at_rest_c = float(flow_for_heat(model.emitter, 3000.0, 21.0, None))
    flow_c = heat_setting(
        FLOW_KNOB, 3000.0, path=path_of(belief, model, settled=False), snapshot=seen()
    )
    assert flow_c == pytest.approx(at_rest_c, abs=0.05)


def test_in_its_first_minutes_a_pump_is_not_asked_for_hotter_water_than_at_rest(
    model: HouseModel,
) -> None:
    belief = replace(first_belief(seen(), model, None), water_w_per_k=1000.0)
    path = path_of(belief, model, settled=False)
    at_rest_c = float(flow_for_heat(model.emitter, 3000.0, 21.0, None))
    cold = heat_setting(FLOW_KNOB, 3000.0, path=path, snapshot=heating(return_c=at_rest_c - 8.0))
    hot = heat_setting(FLOW_KNOB, 3000.0, path=path, snapshot=heating(return_c=at_rest_c + 8.0))
    assert cold == pytest.approx(at_rest_c - 5.0, abs=0.05)
    assert hot == pytest.approx(at_rest_c, abs=0.05)


def test_a_pump_at_its_lowest_heat_is_asked_for_what_the_maker_states(model: HouseModel) -> None:
    believed = replace(first_belief(seen(), model, None), lowest_frac=0.45)
    least_w = lowest_heat_w(seen(), believed, model, machine())
    stated_w = lowest_heat_w(seen(), replace(believed, lowest_frac=None), model, machine())
    racing = heating(heat_w=2.0 * least_w, return_c=36.0)
    wanted = decide(
        racing, plan=plan_of(least_w), belief=believed, memory=Memory(True, AT - 20 * MINUTE),
        model=model, machine=machine(), current=None,
    )  # fmt: skip
    expected_c = 36.0 + stated_w / believed.water_w_per_k
    assert stated_w == pytest.approx(least_w * 0.3 / 0.45)
    assert wanted.settings[Capability.FLOW_SETPOINT] == pytest.approx(expected_c, abs=0.05)


def test_a_pump_that_slowed_down_is_asked_for_little_less_than_it_gives(model: HouseModel) -> None:
    least_w = lowest_heat_w(seen(), first_belief(seen(), model, None), model, machine())
    slow = heating(heat_w=least_w, flow_c=36.0, return_c=30.0)
    wanted = decided(model, least_w, snapshot=slow, memory=Memory(True, AT - 20 * MINUTE))
    assert wanted.settings[Capability.FLOW_SETPOINT] == pytest.approx(35.5)
    racing = heating(heat_w=3.0 * least_w, flow_c=36.0, return_c=30.0)
    wanted = decided(model, least_w, snapshot=racing, memory=Memory(True, AT - 20 * MINUTE))
    assert wanted.settings[Capability.FLOW_SETPOINT] < 35.0


def test_a_return_setpoint_is_the_flow_less_what_the_water_gives(model: HouseModel) -> None:
    belief = replace(first_belief(seen(), model, None), water_w_per_k=1000.0)
    path = path_of(belief, model, settled=False)
    return_knob = replace(FLOW_KNOB, capability=Capability.RETURN_SETPOINT)
    flow_c = heat_setting(FLOW_KNOB, 3000.0, path=path, snapshot=seen())
    return_c = heat_setting(return_knob, 3000.0, path=path, snapshot=seen())
    assert return_c == pytest.approx(flow_c - 3.0, abs=0.11)


def test_a_forbidden_knob_is_never_chosen() -> None:
    forbidden = replace(FLOW_KNOB, write_class=WriteClass.FORBIDDEN)
    knobs = {forbidden.capability: forbidden, OFFSET_KNOB.capability: OFFSET_KNOB}
    assert choose_knob(knobs, None) is OFFSET_KNOB
    assert choose_knob(knobs, Capability.FLOW_SETPOINT) is None


@pytest.mark.parametrize("value", [-100.0, -2.6, 0.4, 3.3, 100.0])
def test_a_value_is_brought_into_range_and_step(value: float) -> None:
    brought = in_range(OFFSET_KNOB, value)
    assert brought == round(brought)
    assert -3.0 <= brought <= 5.0


def test_hot_water_and_defrosting_give_the_rooms_nothing(model: HouseModel) -> None:
    for state in (OperatingState.DHW, OperatingState.DEFROST):
        assert delivered_heat_w(seen(operating_state=state, heat_w=4000.0), model) == 0.0


def test_heat_comes_from_the_meter_of_heat_else_from_electricity(model: HouseModel) -> None:
    assert delivered_heat_w(heating(heat_w=3210.0), model) == 3210.0
    by_power_w = delivered_heat_w(heating(power_w=1000.0), model)
    assert by_power_w is not None
    assert 2000.0 < by_power_w < 5000.0
    assert delivered_heat_w(seen(), model) is None


def test_heat_follows_the_compressors_speed_only_where_its_highest_is_told(
    model: HouseModel,
) -> None:
    running = {"compressor_hz": 45.0, "flow_c": 35.0, "outdoor_c": 2.0}
    assert delivered_heat_w(seen(operating_state=1.0, **running), model) is None
    told = replace(model, compressor_max_hz=90.0)
    half_w = delivered_heat_w(seen(operating_state=1.0, **running), told)
    full_w = float(capacity_w(model.heat_pump, source_for(model.heat_pump, 2.0), 35.0))
    assert half_w == pytest.approx(0.5 * full_w)
    faster = seen(operating_state=1.0, **{**running, "compressor_hz": 120.0})
    assert delivered_heat_w(faster, told) == pytest.approx(full_w)
    rest = seen(operating_state=0.0, **{**running, "compressor_hz": 0.0})
    assert delivered_heat_w(rest, told) == 0.0


def test_a_measured_power_tells_more_than_the_speed(model: HouseModel) -> None:
    told = replace(model, compressor_max_hz=90.0)
    measured = heating(power_w=1000.0)
    assert delivered_heat_w(measured, told) == delivered_heat_w(measured, model)


def test_a_meter_alone_tells_the_heat_with_the_flow_that_the_emitters_need(
    model: HouseModel,
) -> None:
    relays = {Signal.METER_POWER_W: Reading(1000.0, AT), Signal.ROOM_C: Reading(21.0, AT)}
    assert delivered_heat_w(Snapshot(AT, relays), model) is None
    heat_w = delivered_heat_w(Snapshot(AT, relays), model, outdoor_forecast_c=0.0)
    assert heat_w is not None
    flow_c = float(flow_for_heat(model.emitter, heat_w, 21.0))
    measured = heating(power_w=1000.0, flow_c=flow_c, outdoor_c=0.0)
    assert heat_w == pytest.approx(delivered_heat_w(measured, model), rel=0.02)
    resting = {**relays, Signal.METER_POWER_W: Reading(20.0, AT)}
    assert delivered_heat_w(Snapshot(AT, resting), model) == 0.0


def run_through(model: HouseModel, belief: Belief, minutes: int, **values: float) -> Belief:
    before = heating(belief.estimate.at, **values)
    for _ in range(minutes):
        now = heating(before.at + MINUTE, **values)
        belief = believe(
            belief, before=before, now=now, model=model, planned_heat_w=None, ghi_w_per_m2=0.0,
            outdoor_forecast_c=None, target_c=21.0, running_s=3600.0,
        )  # fmt: skip
        before = now
    return belief


def test_the_waters_capacity_flow_is_learned_and_bounded(model: HouseModel) -> None:
    start = first_belief(heating(), model, None)
    learned = run_through(model, start, 240, heat_w=4500.0, flow_c=35.0, return_c=30.0)
    assert learned.water_w_per_k == pytest.approx(900.0, rel=0.05)
    absurd = run_through(model, start, 600, heat_w=90000.0, flow_c=35.0, return_c=33.0)
    assert absurd.water_w_per_k <= 2.5 * design_water_w_per_k(model.emitter)


def test_the_share_of_time_for_the_rooms_follows_hot_water(model: HouseModel) -> None:
    start = first_belief(heating(), model, None)
    idle = run_through(model, start, 600, heat_w=3000.0)
    busy = run_through(model, start, 600, heat_w=3000.0, defrosting=1.0)
    assert busy.heating_share_frac < start.heating_share_frac < idle.heating_share_frac
    assert busy.heating_share_frac >= 0.7


def test_a_cold_room_becomes_a_debt_that_fades(model: HouseModel) -> None:
    start = first_belief(heating(), model, None)
    cold = run_through(model, start, 120, room_c=20.0, heat_w=3000.0)
    assert cold.balance_kh == pytest.approx(-2.0, abs=0.1)
    again = run_through(model, cold, 36 * 60, room_c=21.0, heat_w=3000.0)
    assert cold.balance_kh < again.balance_kh < 0.0


def test_a_clock_that_went_back_predicts_nothing(model: HouseModel) -> None:
    start = first_belief(heating(), model, None)
    back = heating(AT - timedelta(hours=1))
    belief = believe(
        start, before=heating(), now=back, model=model, planned_heat_w=None, ghi_w_per_m2=0.0,
        outdoor_forecast_c=None, target_c=21.0, running_s=0.0,
    )  # fmt: skip
    assert belief.estimate.state_c == start.estimate.state_c
    assert belief.estimate.at == back.at


def test_a_restart_keeps_what_changes_slowly(model: HouseModel) -> None:
    known = replace(
        first_belief(heating(), model, None), balance_kh=-3.0, emitter_gain_frac=1.3,
        water_w_per_k=777.0,
    )  # fmt: skip
    later = first_belief(heating(AT + timedelta(hours=5), room_c=19.0), model, known)
    assert (later.balance_kh, later.emitter_gain_frac, later.water_w_per_k) == (-3.0, 1.3, 777.0)
    assert later.estimate.state_c[0] == pytest.approx(19.0)


def test_the_compressor_is_told_by_what_there_is() -> None:
    assert heating().compressor_on is True
    assert seen(power_w=900.0).compressor_on is True
    assert seen(power_w=60.0).compressor_on is False
    assert seen(operating_state=OperatingState.DHW).compressor_on is True
    assert seen(operating_state=OperatingState.OFF).compressor_on is False
    assert seen(operating_state=OperatingState.OTHER).compressor_on is None
    assert seen().compressor_on is None


def test_explicit_parameters_replace_the_archetypes(document: dict[str, Any]) -> None:
    typical = house_model(parse_config(document))
    document["house"]["model"] = {"air_outdoor_w_per_k": 12.5}
    known = house_model(parse_config(document))
    assert known.building.air_outdoor_w_per_k == 12.5
    assert known.building.mass_kwh_per_k == typical.building.mass_kwh_per_k
