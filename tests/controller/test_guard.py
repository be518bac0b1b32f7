"""The guard: every rule by itself."""

from collections.abc import Mapping
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
    heat,
    rest,
    snapshot,
)

from controller.guard import (
    Allowed,
    Altered,
    Limits,
    Memory,
    Purpose,
    Refused,
    Verdict,
    Wanted,
    judge,
    remember,
)
from controller.snapshot import Missing, Reading, Snapshot
from drivers.api import Capability, OperatingState, Signal


def verdict_on(wanted: Wanted, *, limits: Limits = LIMITS, **changes: float) -> Verdict:
    values = {**HEALTHY, **{Signal(name): value for name, value in changes.items()}}
    return judge(wanted, snapshot(values), Memory(), limits)


def test_what_keeps_all_bounds_passes_unchanged() -> None:
    assert verdict_on(heat(35.0)) == Allowed({FLOW: 35.0})


def test_wanting_nothing_is_refused_with_its_own_reason() -> None:
    wanted = Wanted({}, None, None, "none", "there is no plan for now")
    assert verdict_on(wanted) == Refused(("there is no plan for now",))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("capability", [FLOW, OFFSET])
def test_what_is_no_number_is_never_asked(capability: Capability, value: float) -> None:
    verdict = verdict_on(heat(value, capability))
    assert isinstance(verdict, Refused)
    assert f"{capability} {value} is not a number" in verdict.reasons


def test_a_pump_that_does_not_answer_is_asked_nothing() -> None:
    seen = dict(snapshot().signals)
    seen[Signal.FLOW_C] = Missing("no answer within 3 s", AT)
    verdict = judge(heat(35.0), Snapshot(AT, seen), Memory(), LIMITS)
    assert verdict == Refused(("the pump's flow temperature is unknown: no answer within 3 s",))


def test_an_alarm_frees_the_pump() -> None:
    assert verdict_on(heat(35.0), alarm=162.0) == Refused(("the pump reports alarm 162",))


def test_a_pump_without_an_alarm_register_is_steered() -> None:
    values = {signal: value for signal, value in HEALTHY.items() if signal is not Signal.ALARM}
    assert judge(heat(35.0), snapshot(values), Memory(), LIMITS) == Allowed({FLOW: 35.0})


def test_without_a_room_temperature_nothing_is_asked() -> None:
    values = {signal: value for signal, value in HEALTHY.items() if signal is not Signal.ROOM_C}
    verdict = judge(heat(35.0), snapshot(values), Memory(), LIMITS)
    assert verdict == Refused(("no room temperature: no device delivers it",))


def test_a_room_at_its_limit_gets_no_more_heat() -> None:
    verdict = verdict_on(heat(35.0), room_c=26.0)
    assert verdict == Altered(
        {FLOW: 15.0}, ("room 26.0 °C is at its limit of 26.0 °C",), {FLOW: Purpose.SAFETY}
    )


@pytest.mark.parametrize("run", [False, None])
def test_a_warm_room_is_no_reason_to_change_a_rest(run: bool | None) -> None:
    wanted = replace(rest(), run=run)
    assert verdict_on(wanted, room_c=27.0) == Allowed({FLOW: 15.0})


def test_a_warm_room_rests_also_where_nobody_has_an_opinion_on_the_compressor() -> None:
    verdict = verdict_on(replace(heat(35.0), run=None), room_c=27.0)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 15.0}


def test_a_zero_room_temperature_is_a_reading_and_cold() -> None:
    verdict = verdict_on(rest(), room_c=0.0)
    assert verdict == Altered(
        {FLOW: 50.0}, ("room 0.0 °C is at the frost floor of 8.0 °C",), {FLOW: Purpose.SAFETY}
    )


def test_a_value_cut_to_a_bound_is_still_the_planners() -> None:
    verdict = verdict_on(heat(58.0))
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 50.0}
    assert verdict.forced == {}


def test_a_compressor_kept_running_in_a_warm_room_is_not_safety() -> None:
    verdict = judge(
        heat(35.0),
        snapshot({**HEALTHY, Signal.ROOM_C: 26.5}),
        Memory(True, AT - timedelta(minutes=4)),
        LIMITS,
    )
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 28.0}
    assert verdict.forced == {}


@pytest.mark.parametrize(
    ("on", "wanted", "minutes", "expected"),
    [
        (True, rest(), 4, Altered({FLOW: 28.0}, ("the compressor has run 4 of 10 min",))),
        (True, rest(), 10, Allowed({FLOW: 15.0})),
        (True, heat(35.0), 4, Allowed({FLOW: 35.0})),
        (False, heat(35.0), 14, Altered({FLOW: 15.0}, ("the compressor has rested 14 of 15 min",))),
        (False, heat(35.0), 15, Allowed({FLOW: 35.0})),
        (False, rest(), 1, Allowed({FLOW: 15.0})),
        (True, replace(rest(), run=None), 1, Allowed({FLOW: 15.0})),
    ],
)
def test_run_and_off_times_count_from_the_measured_compressor(
    on: bool, wanted: Wanted, minutes: int, expected: Verdict
) -> None:
    memory = Memory(on, AT - timedelta(minutes=minutes))
    assert judge(wanted, snapshot(), memory, LIMITS) == expected


@pytest.mark.parametrize("memory", [Memory(True, None), Memory(None, AT)])
def test_a_compressor_that_was_never_seen_has_no_times_to_keep(memory: Memory) -> None:
    assert judge(rest(), snapshot(), memory, LIMITS) == Allowed({FLOW: 15.0})


def test_run_times_are_told_in_minutes() -> None:
    memory = Memory(True, AT - timedelta(minutes=80))
    verdict = judge(rest(), snapshot(), memory, replace(LIMITS, minimum_run_s=5400.0))
    assert verdict == Altered({FLOW: 28.0}, ("the compressor has run 80 of 90 min",))


def test_without_a_safe_value_the_setting_stays_but_the_reason_is_told() -> None:
    memory = Memory(compressor_on=True, since=AT)
    verdict = judge(rest(), snapshot(), memory, replace(LIMITS, run_value=None))
    assert verdict == Altered({FLOW: 15.0}, ("the compressor has run 0 of 10 min",))


def test_frost_beats_the_off_time_the_warm_limit_and_a_stuck_defrost() -> None:
    values = {**HEALTHY, Signal.ROOM_C: 7.9, Signal.OPERATING_STATE: float(OperatingState.DEFROST)}
    memory = Memory(compressor_on=False, since=AT, settings={FLOW: 15.0})
    limits = replace(LIMITS, room_max_c=5.0)
    verdict = judge(heat(20.0), snapshot(values), memory, limits)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 50.0}
    assert verdict.reasons[-1] == "room 7.9 °C is at the frost floor of 8.0 °C"


@pytest.mark.parametrize("hidden", [Signal.FLOW_C, Signal.ALARM])
def test_frost_yields_only_to_an_alarm_or_a_silent_pump(hidden: Signal) -> None:
    seen = dict(snapshot({**HEALTHY, Signal.ROOM_C: 3.0}).signals)
    seen[hidden] = Reading(5.0, AT) if hidden is Signal.ALARM else Missing("unplugged", AT)
    assert isinstance(judge(rest(), Snapshot(AT, seen), Memory(), LIMITS), Refused)


def test_a_pump_without_a_frost_value_keeps_the_wish() -> None:
    assert verdict_on(rest(), limits=replace(LIMITS, frost_value=None), room_c=7.0) == Allowed(
        {FLOW: 15.0}
    )


@pytest.mark.parametrize("signal", [Signal.OPERATING_STATE, Signal.DEFROSTING])
def test_a_defrost_freezes_what_was_asked_before(signal: Signal) -> None:
    code = 1.0 if signal is Signal.DEFROSTING else float(OperatingState.DEFROST)
    memory = Memory(settings={FLOW: 38.0})
    verdict = judge(heat(30.0), snapshot({**HEALTHY, signal: code}), memory, LIMITS)
    assert verdict == Altered({FLOW: 38.0}, ("the pump is defrosting",))


@pytest.mark.parametrize("before", [None, {FLOW: 30.0}])
def test_a_defrost_without_an_earlier_setting_changes_nothing(
    before: Mapping[Capability, float] | None,
) -> None:
    values = {**HEALTHY, Signal.DEFROSTING: 1.0}
    verdict = judge(heat(30.0), snapshot(values), Memory(settings=before), LIMITS)
    assert verdict == Allowed({FLOW: 30.0})


def test_a_frozen_setting_still_keeps_the_flow_limit() -> None:
    memory = Memory(settings={FLOW: 60.0})
    verdict = judge(heat(30.0), snapshot({**HEALTHY, Signal.DEFROSTING: 1.0}), memory, LIMITS)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 50.0}


def test_hot_water_is_cut_to_the_flow_limit() -> None:
    verdict = verdict_on(heat(58.0))
    assert verdict == Altered(
        {FLOW: 50.0}, ("flow set-point 58.0 °C is above the limit of 50.0 °C",)
    )


@pytest.mark.parametrize(
    ("limit_w", "asked_w", "expected_w"),
    [(4000.0, 5000.0, 4000.0), (4000.0, 3000.0, 3000.0), (None, 5000.0, 5000.0)],
)
def test_power_is_cut_to_its_bound(
    limit_w: float | None, asked_w: float, expected_w: float
) -> None:
    verdict = verdict_on(heat(asked_w, POWER), limits=replace(LIMITS, power_max_w=limit_w))
    assert not isinstance(verdict, Refused)
    assert verdict.settings == {POWER: expected_w}


@pytest.mark.parametrize(("asked", "expected"), [(9.0, 5.0), (-9.0, -3.0), (2.0, 2.0)])
def test_a_stored_setting_stays_where_the_house_can_live_with_it(
    asked: float, expected: float
) -> None:
    verdict = verdict_on(heat(asked, OFFSET), limits=replace(LIMITS, knob=OFFSET_KNOB))
    assert not isinstance(verdict, Refused)
    assert verdict.settings == {OFFSET: expected}


def test_a_knob_that_starts_above_the_flow_limit_is_not_used() -> None:
    limits = replace(LIMITS, knob=replace(FLOW_KNOB, minimum=30.0), flow_max_c=25.0)
    verdict = verdict_on(heat(40.0), limits=limits)
    assert isinstance(verdict, Refused)
    assert verdict.reasons[-1] == "flow_setpoint starts at 30, above the limit of 25"


def test_without_a_knob_only_the_limits_count() -> None:
    assert verdict_on(heat(58.0), limits=replace(LIMITS, knob=None)) == Altered(
        {FLOW: 50.0}, ("flow set-point 58.0 °C is above the limit of 50.0 °C",)
    )
    assert verdict_on(heat(30.0), limits=replace(LIMITS, knob=None), room_c=26.5) == Altered(
        {FLOW: 30.0}, ("room 26.5 °C is at its limit of 26.0 °C",)
    )


def test_the_first_look_at_the_compressor_starts_its_time() -> None:
    memory = remember(Memory(), snapshot())
    assert memory == Memory(compressor_on=True, since=AT, seen_at=AT)
    verdict = judge(rest(), snapshot(), memory, LIMITS)
    assert verdict == Altered({FLOW: 28.0}, ("the compressor has run 0 of 10 min",))


def test_memory_follows_changes_only() -> None:
    memory = Memory(compressor_on=True, since=AT, settings={FLOW: 30.0})
    later = AT + timedelta(minutes=3)
    assert remember(memory, snapshot(at=later)) == replace(memory, seen_at=later)
    assert remember(memory, Snapshot(later, {})) == replace(memory, seen_at=later)
    stopped = snapshot({**HEALTHY, Signal.COMPRESSOR_HZ: 0.0}, later)
    assert remember(memory, stopped) == Memory(False, later, {FLOW: 30.0}, seen_at=later)


SG = Capability.SG_READY
SG_KNOB = replace(FLOW_KNOB, capability=SG, minimum=1.0, maximum=4.0, resolution=1.0)
SG_LIMITS = replace(LIMITS, knob=SG_KNOB, rest_value=1.0, run_value=2.0, frost_value=4.0)


def test_a_block_gives_way_to_a_running_compressor_and_to_frost() -> None:
    block = Wanted({SG: 1.0}, False, 0.0, "mpc", "rest")
    running = Memory(True, AT - timedelta(minutes=2))
    verdict = judge(block, snapshot(), running, SG_LIMITS)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {SG: 2.0}
    cold = snapshot({**HEALTHY, Signal.ROOM_C: 7.0})
    verdict = judge(block, cold, Memory(False, AT - timedelta(days=1)), SG_LIMITS)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {SG: 4.0}


def test_relays_need_no_flow_temperature_and_a_silent_pump_is_asked_nothing() -> None:
    relays_only = Snapshot(AT, {Signal.ROOM_C: Reading(21.0, AT)})
    wanted = Wanted({SG: 3.0}, None, 3000.0, "mpc", "shift")
    assert judge(wanted, relays_only, Memory(), SG_LIMITS) == Allowed({SG: 3.0})
    assert isinstance(judge(heat(35.0), relays_only, Memory(), LIMITS), Refused)
    silent = Snapshot(AT, {**relays_only.signals, Signal.FLOW_C: Missing("no answer", AT)})
    verdict = judge(wanted, silent, Memory(), SG_LIMITS)
    assert verdict == Refused(("the pump's flow temperature is unknown: no answer",))


def test_power_tells_the_compressor_where_frequency_is_missing() -> None:
    assert remember(Memory(), snapshot({Signal.POWER_W: 100.0})).compressor_on is False
    assert remember(Memory(), snapshot({Signal.POWER_W: 900.0})).compressor_on is True


@pytest.mark.parametrize(
    ("wanted", "limits"),
    [
        (heat(50.0), LIMITS),
        (heat(15.0), LIMITS),
        (heat(4000.0, POWER), LIMITS),
        (heat(-3.0, OFFSET), replace(LIMITS, knob=OFFSET_KNOB)),
    ],
)
def test_what_stands_at_a_bound_keeps_it(wanted: Wanted, limits: Limits) -> None:
    assert verdict_on(wanted, limits=limits) == Allowed(wanted.settings)


def test_a_value_brought_to_its_bound_leaves_the_others_as_they_were() -> None:
    wide = replace(LIMITS, knob=None)
    both = replace(heat(58.0), settings={FLOW: 58.0, POWER: 5000.0, OFFSET: 2.0})
    verdict = verdict_on(both, limits=wide)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 50.0, POWER: 4000.0, OFFSET: 2.0}
    assert verdict.reasons[1] == "power limit 5000 W is above the bound of 4000 W"
    shifted = verdict_on(
        replace(both, settings={OFFSET: 9.0, POWER: 3000.0}),
        limits=replace(LIMITS, knob=OFFSET_KNOB),
    )
    assert isinstance(shifted, Altered)
    assert shifted.settings == {OFFSET: 5.0, POWER: 3000.0}
    assert shifted.reasons == ("curve_offset 9 is outside -3 to 5",)


def test_a_knob_with_a_single_value_left_is_used() -> None:
    limits = replace(LIMITS, knob=replace(FLOW_KNOB, minimum=30.0), flow_max_c=30.0)
    assert verdict_on(heat(30.0), limits=limits) == Allowed({FLOW: 30.0})


def test_where_nothing_bars_it_an_sg_ready_state_follows_at_once() -> None:
    memory = Memory(sg_state=2.0, sg_since=AT)
    assert judge(heat(4.0, SG), snapshot(), memory, SG_LIMITS) == Allowed({SG: 4.0})
