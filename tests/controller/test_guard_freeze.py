"""The guard while the pump defrosts or reports an alarm: what is kept, what is handed back.

An alarm ends our part: all is handed back, whatever else is wanted. A defrost lasts minutes: what
was asked before stays asked. Above both stands the grid operator's limit.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from guarded import AT, FLOW, FLOW_KNOB, HEALTHY, LIMITS, OFFSET_KNOB, POWER, heat, rest, snapshot

from controller.grid_hold import GridHold, Held
from controller.guard import (
    Altered,
    Limits,
    Memory,
    Purpose,
    Refused,
    Settings,
    Verdict,
    Wanted,
    judge,
)
from controller.guard_rules_grid import within_grid_limit
from controller.guard_types import Situation
from drivers.api import Capability, OperatingState, Signal

SG, TANK = Capability.SG_READY, Capability.DHW_SETPOINT
MINUTE = timedelta(minutes=1)
DEFROST = {"operating_state": float(OperatingState.DEFROST)}
BAND = replace(LIMITS, room_min_c=19.0)
SG_KNOB = replace(FLOW_KNOB, capability=SG, minimum=1.0, maximum=4.0, resolution=1.0)
SG_LIMITS = replace(BAND, knob=SG_KNOB, rest_value=1.0, run_value=2.0, frost_value=4.0)
NOTHING = Wanted({}, None, None, "none", "there is no plan for now")
LOWEST = replace(
    LIMITS, power_knob=replace(FLOW_KNOB, capability=POWER, minimum=500.0, maximum=6000.0)
)


def judged(
    wanted: Wanted, before: Settings | None, limits: Limits = BAND, **changes: float
) -> Verdict:
    values = {**HEALTHY, **{Signal(name): value for name, value in changes.items()}}
    return judge(wanted, snapshot(values), Memory(settings=before), limits)


def limited(wanted: Wanted, memory: Memory, limits: Limits, **changes: float) -> Verdict:
    values = {**HEALTHY, **{Signal(name): value for name, value in changes.items()}}
    seen = snapshot(values)
    verdict = judge(wanted, seen, memory, limits)
    return within_grid_limit(verdict, Situation(seen, memory, limits))


def settings_of(verdict: Verdict) -> Settings:
    assert not isinstance(verdict, Refused)
    return verdict.settings


@pytest.mark.parametrize("wanted", [heat(40.0), rest()])
def test_a_defrost_keeps_all_that_was_asked_for_rooms_and_tank(wanted: Wanted) -> None:
    before = {FLOW: 38.0, TANK: 52.0}
    both = replace(wanted, settings={**wanted.settings, TANK: 45.0})
    assert judged(both, before, **DEFROST) == Altered(before, ("the pump is defrosting",))


@pytest.mark.parametrize(
    ("room_c", "given_c"),
    [(18.9, 50.0), (19.0, 15.0), (25.9, 15.0)],
)
def test_a_defrost_that_never_ends_does_not_keep_a_cold_room_from_heat(
    room_c: float, given_c: float
) -> None:
    assert settings_of(judged(heat(50.0), {FLOW: 15.0}, room_c=room_c, **DEFROST)) == {
        FLOW: given_c
    }


@pytest.mark.parametrize(("room_c", "given_c"), [(25.9, 38.0), (26.0, 15.0)])
def test_a_defrost_that_never_ends_does_not_heat_a_warm_room(room_c: float, given_c: float) -> None:
    assert settings_of(judged(heat(38.0), {FLOW: 38.0}, room_c=room_c, **DEFROST)) == {
        FLOW: given_c
    }


def test_a_block_that_a_defrost_froze_has_its_end() -> None:
    seen = snapshot({**HEALTHY, Signal.DEFROSTING: 1.0})
    shift = Wanted({SG: 3.0}, None, None, "mpc", "shift")
    for blocked_s, state in ((3599.0, 1.0), (3600.0, 2.0)):
        memory = Memory(settings={SG: 1.0}, blocked_s=blocked_s)
        assert settings_of(judge(shift, seen, memory, SG_LIMITS)) == {SG: state}


def test_a_forced_state_that_a_defrost_froze_does_not_stay() -> None:
    limits = replace(SG_LIMITS, heater_only_for_frost=True)
    shift = Wanted({SG: 2.0}, None, None, "mpc", "shift")
    assert settings_of(judged(shift, {SG: 4.0}, limits, **DEFROST)) == {SG: 3.0}


def test_where_nothing_is_wanted_the_pump_is_handed_back_also_in_a_defrost() -> None:
    assert judged(NOTHING, {FLOW: 38.0}, **DEFROST) == Refused((NOTHING.reason,))


@pytest.mark.parametrize("others", [{}, DEFROST, {"room_c": 5.0}, {"room_c": 30.0}])
def test_an_alarm_hands_back_whatever_else_is_the_case(others: Mapping[str, float]) -> None:
    verdict = judged(heat(40.0), {FLOW: 38.0}, alarm=5.0, **others)
    assert verdict == Refused(("the pump reports alarm 5",))


def test_an_alarm_of_code_one_or_below_zero_is_one_too() -> None:
    for code in (1.0, -1.0):
        assert isinstance(judged(heat(40.0), None, alarm=code), Refused)


def test_a_limit_binds_a_pump_that_reports_an_alarm() -> None:
    memory = Memory(settings={FLOW: 38.0}, grid=GridHold(3000.0))
    verdict = limited(heat(40.0), memory, LOWEST, alarm=5.0, meter_power_w=2000.0)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {POWER: pytest.approx(2950.0)}
    assert verdict.reasons == ("the pump reports alarm 5", "the grid operator allows 3000 W")
    assert verdict.forced == {POWER: Purpose.DSO}


def test_a_limit_ends_the_defrost_freeze_and_the_minimum_run() -> None:
    memory = Memory(
        True, AT - MINUTE, {FLOW: 45.0}, grid=GridHold(1000.0, AT - 2 * MINUTE, Held.RESTED)
    )
    over = {**DEFROST, "meter_power_w": 3000.0}
    assert settings_of(limited(heat(40.0), memory, BAND, **over)) == {FLOW: 15.0}
    shifting = replace(BAND, knob=OFFSET_KNOB, rest_value=-3.0, run_value=None)
    offset = {OFFSET_KNOB.capability: 2.0}
    memory = replace(memory, settings=offset)
    verdict = limited(replace(heat(0.0), settings=offset), memory, shifting, **over)
    assert settings_of(verdict) == {OFFSET_KNOB.capability: -3.0}


def test_what_the_guard_forced_stays_forced_beside_a_limit() -> None:
    """A warm room rests for safety; the limit adds its own value and takes nothing away."""
    memory = Memory(grid=GridHold(3000.0))
    verdict = limited(heat(40.0), memory, LOWEST, room_c=26.5, meter_power_w=2000.0)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 15.0, POWER: pytest.approx(2950.0)}
    assert verdict.forced == {FLOW: Purpose.SAFETY, POWER: Purpose.DSO}
