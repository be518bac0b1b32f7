"""A flow set-point as a heat command: it leads while heat is lacking and outlasts a charge."""

import math

import pytest
from guarded import AT, FLOW_KNOB
from hypothesis import given
from hypothesis import strategies as st

from controller.actuation import (
    BEHIND_K,
    DIRECT_RANGE_K,
    LACK_GAIN,
    MOST_LACK_K,
    HeatPath,
    heat_setting,
    span,
)
from controller.snapshot import Reading, Snapshot
from drivers.api import OperatingState, Signal
from mpc.building import Emitter, EmitterKind, flow_for_heat

ASKED_W, WATER_W_PER_K, RETURN_C, MOST_W = 4500.0, 1000.0, 33.0, 8000.0
EMITTER = Emitter(
    kind=EmitterKind.RADIATOR,
    design_heat_w=6000.0,
    design_flow_c=50.0,
    design_room_c=20.0,
    design_spread_k=6.0,
    exponent=1.3,
)


def seen(state: OperatingState, *, flow_c: float = 36.0, hz: float = 60.0) -> Snapshot:
    values = {
        Signal.RETURN_C: RETURN_C,
        Signal.FLOW_C: flow_c,
        Signal.OPERATING_STATE: float(state),
        Signal.COMPRESSOR_HZ: hz,
    }
    return Snapshot(AT, {signal: Reading(value, AT) for signal, value in values.items()})


def setpoint_c(
    snapshot: Snapshot,
    given_w: float | None,
    *,
    settled: bool = True,
    flow_max_c: float = math.inf,
) -> float:
    path = HeatPath(
        emitter=EMITTER,
        room_c=21.0,
        floor_c=None,
        water_w_per_k=WATER_W_PER_K,
        settled=settled,
        given_w=given_w,
        most_w=MOST_W,
        flow_max_c=flow_max_c,
    )
    return heat_setting(FLOW_KNOB, ASKED_W, path=path, snapshot=snapshot)


def rest_c() -> float:
    return float(flow_for_heat(EMITTER, ASKED_W, 21.0, None))


def test_a_pump_that_gives_too_little_is_asked_for_warmer_water() -> None:
    heating = seen(OperatingState.HEATING)
    level_c = RETURN_C + ASKED_W / WATER_W_PER_K
    lead_k = LACK_GAIN * 1000.0 / WATER_W_PER_K
    assert setpoint_c(heating, ASKED_W - 1000.0) == pytest.approx(level_c + lead_k, abs=0.05)


def test_what_is_asked_on_top_ends_with_the_lack() -> None:
    heating = seen(OperatingState.HEATING)
    unknown_c = setpoint_c(heating, None)
    assert setpoint_c(heating, ASKED_W) == unknown_c
    assert setpoint_c(heating, ASKED_W + 2000.0) == unknown_c


def test_a_pump_of_which_nothing_tells_the_heat_is_asked_for_the_flow_that_carries_it() -> None:
    heating = seen(OperatingState.HEATING)
    assert setpoint_c(heating, None) == pytest.approx(RETURN_C + ASKED_W / WATER_W_PER_K, abs=0.05)


@given(given_w=st.floats(-8000.0, 12000.0), less_w=st.floats(0.0, 8000.0), settled=st.booleans())
def test_less_heat_never_lowers_the_set_point_and_the_lead_is_bounded(
    given_w: float, less_w: float, settled: bool
) -> None:
    heating = seen(OperatingState.HEATING)
    value_c = setpoint_c(heating, given_w, settled=settled)
    level_c = setpoint_c(heating, None, settled=settled)
    assert level_c <= value_c <= level_c + MOST_LACK_K + FLOW_KNOB.resolution
    assert value_c <= rest_c() + DIRECT_RANGE_K
    assert setpoint_c(heating, given_w - less_w, settled=settled) >= value_c


def test_a_charge_of_the_tank_ends_without_a_stop_where_heat_is_to_go_on() -> None:
    charging = seen(OperatingState.DHW, flow_c=52.0)
    assert setpoint_c(charging, 0.0) == pytest.approx(52.0 - BEHIND_K, abs=0.05)


def test_the_hot_water_that_a_charge_left_goes_to_the_rooms_without_a_stop() -> None:
    after = seen(OperatingState.HEATING, flow_c=RETURN_C + 16.0)  # 16 kW: more than it can give
    for settled in (False, True):
        asked_c = setpoint_c(after, 16_000.0, settled=settled)
        assert asked_c == pytest.approx(RETURN_C + 16.0 - BEHIND_K, abs=0.05)


def test_a_flow_that_cannot_be_true_raises_the_set_point_no_further_than_ever() -> None:
    stuck = seen(OperatingState.HEATING, flow_c=90.0)
    assert setpoint_c(stuck, None) <= rest_c() + DIRECT_RANGE_K + FLOW_KNOB.resolution


def test_water_as_hot_as_the_pump_itself_makes_it_is_no_charges() -> None:
    hot = seen(OperatingState.HEATING, flow_c=RETURN_C + 8.0)
    assert setpoint_c(hot, 8000.0) == setpoint_c(seen(OperatingState.HEATING), None)


def test_a_pump_that_stands_is_not_asked_for_the_hot_water_in_its_pipes() -> None:
    stands = seen(OperatingState.HEATING, flow_c=RETURN_C + 16.0, hz=0.0)
    assert setpoint_c(stands, None) == setpoint_c(seen(OperatingState.HEATING, hz=0.0), None)


def test_after_a_charge_no_more_is_asked_than_the_floor_can_take() -> None:
    for state in (OperatingState.DHW, OperatingState.HEATING):
        asked_c = setpoint_c(seen(state, flow_c=52.0), None, flow_max_c=47.0)
        assert asked_c == pytest.approx(47.0)


def test_a_charge_with_cool_water_asks_for_what_the_rooms_need() -> None:
    charging = seen(OperatingState.DHW, flow_c=30.0)
    assert setpoint_c(charging, 0.0) == pytest.approx(rest_c(), abs=0.05)


def test_water_of_a_charge_that_the_house_cannot_live_with_is_not_asked_for() -> None:
    charging = seen(OperatingState.DHW, flow_c=95.0)
    assert setpoint_c(charging, 0.0) == pytest.approx(span(FLOW_KNOB)[1])
