"""The guard: starts, ramps, SG Ready, water that is too hot, legionella, unbelievable readings."""

from dataclasses import replace
from datetime import timedelta

import pytest
from guarded import (
    AT,
    FLOW,
    FLOW_KNOB,
    HEALTHY,
    LIMITS,
    OFFSET,
    OFFSET_KNOB,
    POWER,
    SG,
    SG_LIMITS,
    heat,
    rest,
    settings_after,
    sg,
    snapshot,
)

from controller.grid_hold import GridHold
from controller.guard import (
    MEMORY,
    Allowed,
    Altered,
    Memory,
    Purpose,
    Refused,
    Wanted,
    carried,
    judge,
    remember,
)
from drivers.api import Capability, OperatingState, Signal

RETURN, TANK = Capability.RETURN_SETPOINT, Capability.DHW_SETPOINT
MINUTE = timedelta(minutes=1)
RESTED = Memory(False, AT - timedelta(days=2), passed_s=60.0)
HEATING = {**HEALTHY, Signal.OPERATING_STATE: float(OperatingState.HEATING)}


@pytest.mark.parametrize("value", [-127.0, 85.0, 3276.7, float("nan")])
def test_a_room_that_cannot_be_neither_heats_nor_rests(value: float) -> None:
    verdict = judge(heat(35.0), snapshot({**HEALTHY, Signal.ROOM_C: value}), Memory(), LIMITS)
    assert verdict == Refused((f"room_c {value:g} cannot be",))


@pytest.mark.parametrize(("minutes", "given_c"), [(59, 15.0), (60, 35.0)])
def test_an_hour_has_only_so_many_starts_of_ours(minutes: int, given_c: float) -> None:
    limits = replace(LIMITS, starts_per_hour=2)
    memory = replace(RESTED, starts=(AT - minutes * MINUTE, AT - 20 * MINUTE))
    assert settings_after(heat(35.0), memory, limits) == {FLOW: given_c}
    assert settings_after(heat(35.0), replace(memory, own_starts=memory.starts)) == {FLOW: 35.0}


@pytest.mark.parametrize(("room_c", "given_c"), [(19.0, 15.0), (18.9, 35.0), (7.0, 50.0)])
def test_a_days_starts_yield_to_a_cold_room(room_c: float, given_c: float) -> None:
    limits = replace(LIMITS, starts_per_day=1, room_min_c=19.0, day_began_at=AT - 9 * 60 * MINUTE)
    memory = replace(RESTED, starts=(AT - 9 * 60 * MINUTE,))
    assert settings_after(heat(35.0), memory, limits, room_c=room_c) == {FLOW: given_c}


def test_starts_of_yesterday_do_not_count_today() -> None:
    limits = replace(LIMITS, starts_per_day=1, day_began_at=AT - 9 * 60 * MINUTE)
    memory = replace(RESTED, starts=(AT - 10 * 60 * MINUTE,))
    assert settings_after(heat(35.0), memory, limits) == {FLOW: 35.0}


def test_a_running_compressor_and_a_rest_need_no_start() -> None:
    limits = replace(LIMITS, starts_per_hour=1)
    memory = replace(RESTED, starts=(AT - MINUTE,))
    assert settings_after(heat(35.0), replace(memory, compressor_on=True), limits) == {FLOW: 35.0}
    verdict = judge(rest(), snapshot(), memory, limits)
    assert verdict == Allowed({FLOW: 15.0})
    told = judge(heat(35.0), snapshot(), memory, limits)
    assert told == Altered(
        {FLOW: 15.0}, ("the compressor has been started 1 times in the last hour",)
    )


def test_a_start_is_ours_if_we_asked_for_heat_and_else_the_pumps_own() -> None:
    resting = {FLOW: 15.0}
    for settings, ours in (({FLOW: 35.0}, 1), ({FLOW: 15.0}, 0), (None, 0)):
        memory = Memory(False, AT, settings, seen_at=AT)
        memory = remember(memory, snapshot(at=AT + MINUTE), resting)
        assert (len(memory.starts), len(memory.own_starts)) == (ours, 1 - ours)
    nudged = Memory(False, AT, {OFFSET: 2.0}, seen_at=AT)
    assert remember(nudged, snapshot(at=AT + MINUTE)).own_starts == (AT + MINUTE,)


def test_starts_older_than_a_day_are_forgotten_and_none_lies_in_the_future() -> None:
    memory = Memory(True, AT, starts=(AT - 24 * 60 * MINUTE, AT, AT + 30 * MINUTE), seen_at=AT)
    assert remember(memory, snapshot()).starts == (AT, AT)


@pytest.mark.parametrize("step", [-MINUTE, timedelta(minutes=31)])
def test_after_a_clock_set_back_or_a_break_the_times_count_anew(step: timedelta) -> None:
    memory = Memory(True, AT - 60 * MINUTE, seen_at=AT)
    assert remember(memory, snapshot(at=AT + step)).since == AT + step
    assert remember(memory, snapshot(at=AT + 30 * MINUTE)).since == memory.since
    assert remember(memory, snapshot()).since == memory.since


def test_over_a_restart_what_was_used_up_still_counts() -> None:
    used = Memory(
        blocked_s=900.0, seen_at=AT, grid=GridHold(1000.0), starts=(AT,), own_starts=(AT,)
    )
    memory = replace(used, compressor_on=True, since=AT, settings={FLOW: 35.0}, passed_s=60.0)
    memory = replace(memory, sg_state=1.0, sg_since=AT)
    kept = MEMORY.validate_json(MEMORY.dump_json(carried(memory)))
    assert kept == used


def test_a_break_uses_up_a_block_whole_and_gives_back_half_an_hour_at_most() -> None:
    later = snapshot(at=AT + 120 * MINUTE)
    assert remember(Memory(settings={SG: 1.0}, seen_at=AT), later).blocked_s == 7200.0
    assert remember(Memory(blocked_s=900.0, seen_at=AT), later).blocked_s == 825.0


@pytest.mark.parametrize(
    ("before", "passed_s", "given_c"),
    [
        (30.0, 60.0, 32.0),
        (30.0, 300.0, 38.0),
        (37.0, 60.0, 38.0),
        (15.0, 60.0, 38.0),
        (30.0, 0.0, 30.0),
        (30.0, 1.0, 30.0 + 2.0 / 60.0),
        (30.0, 240.0, 38.0),
        (45.0, 60.0, 38.0),
        (None, 60.0, 38.0),
    ],
)
def test_running_water_warms_at_a_bounded_pace(
    before: float | None, passed_s: float, given_c: float
) -> None:
    settings = None if before is None else {FLOW: before}
    memory = Memory(True, AT - 60 * MINUTE, settings, passed_s=passed_s)
    limits = replace(LIMITS, rise_k_per_min=2.0)
    assert settings_after(heat(38.0), memory, limits) == {FLOW: given_c}
    assert settings_after(rest(), memory, limits) == {FLOW: 15.0}
    assert settings_after(heat(38.0), memory, limits, room_c=7.0) == {FLOW: 50.0}


def test_a_tank_alone_needs_no_ramp() -> None:
    memory = Memory(True, AT - 60 * MINUTE, {FLOW: 30.0}, passed_s=60.0)
    limits = replace(LIMITS, rise_k_per_min=2.0)
    assert settings_after(replace(heat(0.0), settings={TANK: 50.0}), memory, limits) == {TANK: 50.0}


def test_an_offset_needs_no_ramp() -> None:
    limits = replace(LIMITS, knob=OFFSET_KNOB, rise_k_per_min=0.1)
    memory = Memory(True, AT - 60 * MINUTE, {OFFSET: 0.0}, passed_s=60.0)
    assert settings_after(heat(4.0, OFFSET), memory, limits) == {OFFSET: 4.0}


@pytest.mark.parametrize(
    ("signal", "water_c", "given_c"),
    [
        (Signal.FLOW_C, 55.0, 35.0),
        (Signal.FLOW_C, 55.1, 15.0),
        (Signal.RETURN_C, 40.0, 35.0),
        (Signal.RETURN_C, 40.1, 15.0),
    ],
)
def test_water_measured_too_hot_is_heated_no_further(
    signal: Signal, water_c: float, given_c: float
) -> None:
    limits = replace(LIMITS, return_max_c=40.0)
    verdict = judge(heat(35.0), snapshot({**HEATING, signal: water_c}), Memory(), limits)
    assert not isinstance(verdict, Refused)
    assert verdict.settings == {FLOW: given_c}
    if isinstance(verdict, Altered):
        assert verdict.forced == {FLOW: Purpose.SAFETY}
        assert "above" in verdict.reasons[0]


def test_hot_water_being_made_and_a_rest_are_no_reason_to_intervene() -> None:
    making = {**HEALTHY, Signal.FLOW_C: 62.0, Signal.OPERATING_STATE: float(OperatingState.DHW)}
    assert judge(heat(35.0), snapshot(making), Memory(), LIMITS) == Allowed({FLOW: 35.0})
    hot = {**HEATING, Signal.FLOW_C: 62.0}
    assert judge(rest(), snapshot(hot), Memory(), LIMITS) == Allowed({FLOW: 15.0})


def test_a_return_setpoint_keeps_the_limit_of_the_return() -> None:
    knob = replace(FLOW_KNOB, capability=RETURN)
    limits = replace(LIMITS, knob=knob, return_max_c=32.0)
    assert settings_after(heat(40.0, RETURN), Memory(), limits) == {RETURN: 32.0}


SANITISING = {"operating_state": float(OperatingState.DHW), "dhw_c": 55.0}


def test_a_tank_heated_against_legionella_is_neither_blocked_nor_throttled_nor_cooled() -> None:
    assert settings_after(sg(1.0), Memory(), SG_LIMITS, **SANITISING) == {SG: 2.0}
    power = replace(LIMITS, knob=replace(FLOW_KNOB, capability=POWER, maximum=9e3), run_value=4e3)
    power = replace(power, rest_value=500.0)
    assert settings_after(heat(500.0, POWER), Memory(), power, **SANITISING) == {POWER: 4000.0}
    memory = Memory(settings={TANK: 61.0})
    both = replace(heat(35.0), settings={FLOW: 35.0, TANK: 45.0})
    assert settings_after(both, memory, **SANITISING) == {FLOW: 35.0, TANK: 61.0}


@pytest.mark.parametrize(
    "changed", [{"dhw_c": 54.9}, {"operating_state": float(OperatingState.HEATING)}]
)
def test_ordinary_hot_water_and_a_hot_tank_at_rest_may_be_blocked(
    changed: dict[str, float],
) -> None:
    seen = {**SANITISING, **changed}
    assert settings_after(sg(1.0), Memory(), SG_LIMITS, **seen) == {SG: 1.0}


def test_what_does_not_hold_back_hot_water_stays_during_it() -> None:
    verdict = settings_after(rest(), Memory(), LIMITS, **SANITISING)
    assert verdict == {FLOW: 15.0}
    assert settings_after(sg(3.0), Memory(), SG_LIMITS, **SANITISING) == {SG: 3.0}
    without = replace(LIMITS, knob=None)
    assert settings_after(heat(35.0), Memory(), without, **SANITISING) == {FLOW: 35.0}


@pytest.mark.parametrize("minutes", [-1, 31])
def test_a_set_clock_or_a_sleep_lets_no_set_point_jump(minutes: int) -> None:
    limits = replace(LIMITS, rise_k_per_min=2.0)
    memory = Memory(True, AT - 60 * MINUTE, {FLOW: 30.0}, seen_at=AT - minutes * MINUTE)
    assert settings_after(heat(38.0), remember(memory, snapshot()), limits) == {FLOW: 30.0}
    watched = remember(replace(memory, seen_at=AT - MINUTE), snapshot())
    assert settings_after(heat(38.0), watched, limits) == {FLOW: 32.0}


def test_water_that_warms_at_the_pace_is_as_it_was_wanted() -> None:
    memory = Memory(True, AT - 60 * MINUTE, {FLOW: 30.0}, passed_s=60.0)
    limits = replace(LIMITS, rise_k_per_min=2.0)
    assert judge(heat(32.0), snapshot(), memory, limits) == Allowed({FLOW: 32.0})
    told = judge(heat(33.0), snapshot(), memory, limits)
    assert told == Altered({FLOW: 32.0}, ("flow_setpoint rises by at most 2 K a minute",))
    unlimited = replace(limits, rise_k_per_min=None)
    assert judge(heat(50.0), snapshot(), memory, unlimited) == Allowed({FLOW: 50.0})


def test_a_rule_for_the_rooms_leaves_the_tank_as_it_was_asked() -> None:
    tank = {TANK: 50.0}
    limits = replace(LIMITS, rise_k_per_min=2.0, starts_per_hour=1)
    rising = Memory(True, AT - 60 * MINUTE, {FLOW: 30.0}, passed_s=60.0)
    both = replace(heat(38.0), settings={FLOW: 38.0, **tank})
    assert settings_after(both, rising, limits) == {FLOW: 32.0, **tank}
    started = replace(RESTED, starts=(AT - MINUTE,))
    assert settings_after(both, started, limits) == {FLOW: 15.0, **tank}
    blocked = Memory(settings={SG: 1.0}, blocked_s=3600.0)
    assert settings_after(with_tank(1.0), blocked, SG_LIMITS) == {SG: 2.0, **tank}
    held = Memory(sg_state=2.0, sg_since=AT)
    assert settings_after(with_tank(3.0), held, SG_LIMITS) == {SG: 2.0, **tank}
    assert settings_after(with_tank(4.0), Memory(), SG_LIMITS) == {SG: 3.0, **tank}


def with_tank(state: float) -> Wanted:
    return replace(sg(state), settings={SG: state, TANK: 50.0})


def test_without_a_known_midnight_no_start_counts_for_the_day() -> None:
    limits = replace(LIMITS, starts_per_day=1)
    memory = replace(RESTED, starts=(AT - 2 * MINUTE,))
    assert settings_after(heat(35.0), memory, limits) == {FLOW: 35.0}


def test_a_refused_start_is_told_once_and_leaves_the_rest_alone() -> None:
    limits = replace(LIMITS, starts_per_day=2, day_began_at=AT - 60 * MINUTE)
    memory = Memory(False, AT - MINUTE, starts=(AT - 50 * MINUTE, AT - 60 * MINUTE))
    assert judge(heat(35.0), snapshot(), memory, limits) == Altered(
        {FLOW: 15.0}, ("the compressor has been started 2 times today",)
    )


def test_water_too_hot_does_not_cut_a_run_short() -> None:
    """The compressor's own minimum: as little heat as it can run with, told with both reasons."""
    hot, memory = snapshot({**HEATING, Signal.FLOW_C: 56.0}), Memory(True, AT - 4 * MINUTE)
    assert judge(heat(35.0), hot, memory, LIMITS) == Altered(
        {FLOW: 28.0}, ("flow 56.0 °C is above 55.0 °C", "the compressor has run 4 of 10 min")
    )


def test_a_warm_room_is_told_once_where_the_water_is_too_hot_as_well() -> None:
    hot = snapshot({**HEATING, Signal.FLOW_C: 56.0, Signal.ROOM_C: 26.0})
    verdict = judge(heat(35.0), hot, Memory(), LIMITS)
    assert isinstance(verdict, Altered)
    assert verdict.reasons == ("room 26.0 °C is at its limit of 26.0 °C",)


@pytest.mark.parametrize(("before", "wished"), [(None, 45.0), (61.0, None), (40.0, 45.0)])
def test_the_tanks_own_wish_stands_where_it_asks_for_no_less(
    before: float | None, wished: float | None
) -> None:
    memory = Memory(settings=None if before is None else {TANK: before})
    asked = {FLOW: 35.0} if wished is None else {FLOW: 35.0, TANK: wished}
    wanted = replace(heat(35.0), settings=asked)
    assert settings_after(wanted, memory, **SANITISING) == asked


def test_a_throttle_above_its_rest_stays_while_the_tank_is_sanitised() -> None:
    power = replace(LIMITS, knob=replace(FLOW_KNOB, capability=POWER, maximum=9e3), run_value=4e3)
    power = replace(power, rest_value=500.0)
    assert settings_after(heat(900.0, POWER), Memory(), power, **SANITISING) == {POWER: 900.0}


@pytest.mark.parametrize("value", [-40.0, 60.0])
def test_the_coldest_and_warmest_room_there_can_be_are_believed(value: float) -> None:
    verdict = judge(rest(), snapshot({**HEALTHY, Signal.ROOM_C: value}), Memory(), LIMITS)
    assert not isinstance(verdict, Refused)


@pytest.mark.parametrize(
    ("signal", "value"),
    [
        (Signal.ROOM_C, -40.5), (Signal.ROOM_C, 60.5),
        (Signal.FLOW_C, -40.5), (Signal.FLOW_C, 110.5),
        (Signal.RETURN_C, -40.5), (Signal.RETURN_C, 110.5),
    ],
)  # fmt: skip
def test_beyond_what_can_be_nothing_is_asked(signal: Signal, value: float) -> None:
    verdict = judge(heat(35.0), snapshot({**HEALTHY, signal: value}), Memory(), LIMITS)
    assert verdict == Refused((f"{signal} {value:g} cannot be",))
