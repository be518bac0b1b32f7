"""The guard's bounds for hot water, beside those for heat."""

from dataclasses import replace

import pytest
from guarded import FLOW, HEALTHY, LIMITS, heat, snapshot
from hypothesis import given
from hypothesis import strategies as st

from controller.guard import Allowed, Altered, Limits, Memory, Purpose, Verdict, Wanted, judge
from drivers.api import Capability, Knob, Signal, WriteClass

TANK, BOOST = Capability.DHW_SETPOINT, Capability.DHW_BOOST
TANK_KNOB = Knob(
    capability=TANK,
    point="tank",
    minimum=5.0,
    maximum=60.0,
    resolution=0.5,
    write_class=WriteClass.PERSISTENT,
    safe_minimum=42.0,
    safe_maximum=58.0,
)
BOOST_KNOB = replace(TANK_KNOB, capability=BOOST, minimum=0.0, maximum=1.0)
BOOST_KNOB = replace(BOOST_KNOB, safe_minimum=0.0, safe_maximum=1.0, resolution=1.0)
WITH_TANK = replace(LIMITS, tank_knob=TANK_KNOB, tank_max_c=55.0)


def both(tank_c: float, flow_c: float = 35.0) -> Wanted:
    return replace(heat(flow_c), settings={FLOW: flow_c, TANK: tank_c})


def verdict_on(wanted: Wanted, limits: Limits = WITH_TANK, **changes: float) -> Verdict:
    values = {**HEALTHY, **{Signal(name): value for name, value in changes.items()}}
    return judge(wanted, snapshot(values), Memory(), limits)


def test_a_tank_setpoint_within_its_bounds_passes_beside_the_one_for_heat() -> None:
    assert verdict_on(both(50.0)) == Allowed({FLOW: 35.0, TANK: 50.0})


@pytest.mark.parametrize(("asked", "given_c"), [(30.0, 42.0), (57.0, 55.0), (90.0, 55.0)])
def test_a_tank_setpoint_is_cut_to_the_owners_limit_and_to_what_is_liveable(
    asked: float, given_c: float
) -> None:
    verdict = verdict_on(both(asked))
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 35.0, TANK: given_c}
    assert verdict.forced == {}  # still the planner's write, within his budget


def test_an_owners_limit_below_all_that_is_liveable_leaves_the_least_of_it() -> None:
    verdict = verdict_on(both(50.0), replace(WITH_TANK, tank_max_c=35.0))
    assert isinstance(verdict, Altered)
    assert verdict.settings[TANK] == 42.0


def test_a_boost_has_no_temperature_to_limit() -> None:
    limits = replace(WITH_TANK, tank_knob=BOOST_KNOB, tank_max_c=0.5)
    assert verdict_on(replace(heat(35.0), settings={BOOST: 1.0}), limits) == Allowed({BOOST: 1.0})


def test_a_pump_without_a_knob_for_its_tank_is_judged_as_before() -> None:
    assert verdict_on(heat(35.0), LIMITS) == Allowed({FLOW: 35.0})


def test_frost_in_the_room_takes_the_heat_knob_and_leaves_the_tank_as_it_was_asked() -> None:
    verdict = verdict_on(both(50.0, 15.0), room_c=7.0)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 50.0, TANK: 50.0}
    assert verdict.forced == {FLOW: Purpose.SAFETY}


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(20.0, 90.0))
def test_whatever_is_asked_the_tank_stays_in_its_range(asked: float, most_c: float) -> None:
    verdict = verdict_on(both(asked), replace(WITH_TANK, tank_max_c=most_c))
    assert isinstance(verdict, Allowed | Altered)
    assert 42.0 <= verdict.settings[TANK] <= max(42.0, min(58.0, most_c))


def test_a_tank_that_nothing_is_wanted_of_is_left_alone() -> None:
    assert verdict_on(heat(35.0)) == Allowed({FLOW: 35.0})
