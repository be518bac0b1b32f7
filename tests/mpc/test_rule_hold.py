"""A congestion of the grid holds one direction; the other stays free."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.building import EmitterKind
from mpc.plan import Compressor, PlanRequest
from mpc.rule_aim import Hold, RuleOptions
from mpc.rules import RULES

Make = Callable[..., PlanRequest]

FIRST, LAST = 16, 28  # the event: from 04:00 to 07:00
some = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def event(hold: Hold, steps: int = 48) -> RuleOptions:
    """This hold from FIRST to LAST, nothing before and after."""
    return RuleOptions(hold=tuple(hold if FIRST <= k < LAST else Hold.FREE for k in range(steps)))


requests = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(EmitterKind),
        "outdoor_c": st.floats(-8.0, 14.0),
        "room_c": st.floats(19.0, 23.0),
        "prices": st.lists(st.floats(-0.2, 0.8), min_size=12, max_size=12).map(
            lambda hours: tuple(price for price in hours for _ in range(4))
        ),
    }
)


@pytest.mark.parametrize("name", RULES)
@some
@given(case=requests)
def test_nothing_starts_or_rises_while_it_may_not(
    make_request: Make, name: str, case: dict[str, object]
) -> None:
    plan = RULES[name](make_request(hours=12, **case), event(Hold.NOT_UP))
    heat = np.array(plan.heat_w)
    assert np.all(heat[FIRST:LAST] <= heat[FIRST - 1] + 0.11)
    stopped = np.flatnonzero(heat[FIRST:LAST] == 0.0)
    if len(stopped):
        assert not heat[FIRST + stopped[0] : LAST].any()


@pytest.mark.parametrize("name", RULES)
@some
@given(case=requests)
def test_nothing_stops_or_falls_while_it_may_not(
    make_request: Make, name: str, case: dict[str, object]
) -> None:
    request = make_request(hours=12, **case)
    plan = RULES[name](request, event(Hold.NOT_DOWN))
    free = RULES[name](request)
    heat, room = np.array(plan.heat_w), np.array(plan.room_c)
    assert plan.heat_w[:FIRST] == free.heat_w[:FIRST]
    if heat[FIRST - 1] > 0.0:
        for k in range(FIRST, LAST):
            if heat[k - 1] > 0.0 and room[k - 1] < 22.49:  # a full house may stop
                assert heat[k] >= 0.93 * heat[FIRST - 1]  # unless the pump can no longer


def test_the_hold_moves_heat_out_of_the_event(make_request: Make) -> None:
    request = make_request(hours=12, outdoor_c=0.0, prices=tuple([0.5] * 16 + [0.1] * 32))
    free = RULES["price-led"](request)
    held = RULES["price-led"](request, event(Hold.NOT_UP))
    inside = slice(FIRST, LAST)
    assert sum(held.heat_w[inside]) < 0.8 * sum(free.heat_w[inside])
    assert sum(held.heat_w[LAST:]) > sum(free.heat_w[LAST:])


def test_frost_is_heated_away_whatever_is_held(make_request: Make) -> None:
    request = make_request(hours=12, outdoor_c=-5.0, room_c=3.0)
    options = RuleOptions(hold=(Hold.NOT_UP,) * 48)
    plan = RULES["price-led"](request, options)
    thawed = next(k for k, c in enumerate(plan.room_c) if c >= request.comfort.frost_c)
    assert min(plan.heat_w[: thawed + 1]) > 0.0


def test_the_shortest_run_is_finished_though_nothing_may_rise(make_request: Make) -> None:
    machine = Compressor(running=True, since_s=0.0, minimum_run_s=2700.0)
    request = replace(make_request(hours=12, outdoor_c=14.0, room_c=23.0), compressor=machine)
    plan = RULES["heat-led"](request, RuleOptions(hold=(Hold.NOT_UP,) * 48))
    assert [w > 0.0 for w in plan.heat_w[:4]] == [True, True, True, False]


def test_a_pump_that_rests_when_a_call_for_load_begins_is_free(make_request: Make) -> None:
    machine = Compressor(running=False)
    request = replace(make_request(hours=12, outdoor_c=14.0, room_c=22.4), compressor=machine)
    plan = RULES["heat-led"](request, RuleOptions(hold=(Hold.NOT_DOWN,) * 48))
    assert sum(plan.heat_w[:8]) == 0.0


def test_a_hold_of_another_length_is_refused(make_request: Make) -> None:
    with pytest.raises(ValueError, match="hold has 2 entries for 48 steps"):
        RULES["heat-led"](make_request(hours=12), RuleOptions(hold=(Hold.FREE,) * 2))
