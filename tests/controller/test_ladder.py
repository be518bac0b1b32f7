"""What is followed when plans stay away: every level's way in and out, and that it cannot flap."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.ladder import NAMES, STEADY_ANSWERS, Level, Rungs, level_at, plan_of
from controller.planner import after
from drivers.testing import AN_INSTANT
from mpc.plan import NotSolved, Plan, PlanRequest, Solved
from mpc.rules import heating_curve_plan

NOW, QUARTER = AN_INSTANT, timedelta(minutes=15)


def plan(made_at: datetime = NOW, hours: int = 48, source: str = "mpc") -> Plan:
    flat = (0.0,) * hours
    return Plan(
        made_at=made_at, starts_at=made_at, step_s=3600, source=source, heat_w=flat, power_w=flat,
        flow_c=flat, room_c=flat, price_per_kwh=flat, price_known=(True,) * hours, low_c=flat,
        high_c=flat, cost=0.0, discomfort_kh=0.0,
    )  # fmt: skip


ALL = Rungs(plan=plan(), price_rule=plan(source="price"), heating_curve=plan(source="curve"))


def level(rungs: Rungs, minutes: float = 0.0) -> Level:
    at = NOW + timedelta(minutes=minutes)
    return level_at(rungs, at, every=QUARTER, max_age=timedelta(hours=2))


@pytest.mark.parametrize(
    ("rungs", "minutes", "expected"),
    [
        (ALL, 30, Level.REFINED),
        (replace(ALL, in_full=False), 30, Level.BEST_SO_FAR),
        (ALL, 31, Level.SHIFTED),
        (ALL, 120, Level.SHIFTED),
        (ALL, 121, Level.PRICE_RULE),
        (replace(ALL, plan=plan(hours=1)), 60, Level.PRICE_RULE),
        (replace(ALL, price_rule=None), 121, Level.HEATING_CURVE),
        (replace(ALL, priced_answers=STEADY_ANSWERS - 1), 121, Level.HEATING_CURVE),
        (ALL, 48 * 60, Level.HAND_BACK),
        (ALL, -1, Level.HAND_BACK),
        (Rungs(), 0, Level.HAND_BACK),
    ],
)
def test_each_level_is_entered_and_left_where_it_says(
    rungs: Rungs, minutes: float, expected: Level
) -> None:
    assert level(rungs, minutes) is expected


def test_every_level_has_a_name_and_its_plan() -> None:
    assert set(NAMES) == set(Level)
    assert [plan_of(ALL, at) for at in Level] == [
        *[ALL.plan] * 3, ALL.price_rule, ALL.heating_curve, None,
    ]  # fmt: skip


class Ask:
    """A question whose price is known or not."""

    def __init__(self, request: PlanRequest) -> None:
        self._request = request

    def __call__(self, *, priced: bool) -> PlanRequest:
        horizon = self._request.horizon
        known = (priced,) * len(horizon.price_known)
        return replace(self._request, horizon=replace(horizon, price_known=known))


@pytest.fixture
def ask(make_request) -> Ask:
    return Ask(make_request(NOW))


NO = NotSolved("infeasible", None)


def test_a_price_that_goes_leads_down_at_once_and_back_after_two_answers(ask: Ask) -> None:
    rungs, seen = Rungs(), []
    for priced in (True, False, True, True):
        rungs = after(rungs, ask(priced=priced), NO)
        seen.append(level(rungs))
    assert seen == [
        Level.PRICE_RULE, Level.HEATING_CURVE, Level.HEATING_CURVE, Level.PRICE_RULE,
    ]  # fmt: skip
    assert rungs.price_rule is not None
    assert rungs.price_rule.source == "heat-first-then-price"
    assert not any(rungs.price_rule.dhw_heat_w)


@pytest.mark.parametrize(
    ("refined_steps", "refine", "source", "expected"),
    [
        (16, True, "mpc", Level.REFINED),
        (0, True, "mpc", Level.BEST_SO_FAR),
        (0, False, "mpc", Level.REFINED),
        (0, True, "price-led", Level.REFINED),
    ],
)
def test_a_plan_ends_every_stand_in_and_is_in_full_if_it_is_as_whole_as_was_asked(
    ask: Ask, refined_steps: int, refine: bool, source: str, expected: Level
) -> None:
    asked = ask(priced=True)
    asked = replace(asked, search=replace(asked.search, refine=refine))
    solved = replace(heating_curve_plan(asked), source=source, refined_steps=refined_steps)
    rungs = after(after(Rungs(), asked, NO), asked, Solved(solved, None))  # type: ignore[arg-type]
    assert level(rungs) is expected
    assert (rungs.price_rule, rungs.heating_curve) == (None, None)


@pytest.mark.parametrize(
    ("rungs", "minutes", "left"),
    [
        (ALL, 60, Level.SHIFTED),
        (replace(ALL, plan=None), 60, Level.PRICE_RULE),
        (replace(ALL, plan=None, price_rule=None), 60, Level.HEATING_CURVE),
        (Rungs(), 60, Level.HAND_BACK),
    ],
)
def test_a_plan_leads_up_from_every_level_at_once(
    ask: Ask, rungs: Rungs, minutes: float, left: Level
) -> None:
    assert level(rungs, minutes) is left
    made_at = NOW + timedelta(minutes=minutes)
    come = Solved(plan(made_at), None)  # type: ignore[arg-type]
    whole = ask(priced=True)
    whole = replace(whole, search=replace(whole.search, refine=False))
    assert level(after(rungs, whole, come), minutes) is Level.REFINED


@pytest.mark.parametrize(
    ("priced", "rule"), [(True, Level.PRICE_RULE), (False, Level.HEATING_CURVE)]
)
def test_a_pump_that_was_handed_back_is_taken_up_by_the_best_rule_there_is(
    ask: Ask, priced: bool, rule: Level
) -> None:
    assert level(Rungs()) is Level.HAND_BACK
    assert level(after(Rungs(), ask(priced=priced), NO)) is rule


def test_a_question_that_makes_no_sense_hands_back_until_the_next_that_does(ask: Ask) -> None:
    asked = ask(priced=True)
    odd = replace(asked, estimate=replace(asked.estimate, disturbance_w=float("nan")))
    handed_back = after(after(Rungs(), asked, NO), odd, NO)
    assert level(handed_back) is Level.HAND_BACK
    assert level(after(handed_back, asked, NO)) is Level.PRICE_RULE


@given(st.lists(st.floats(0.0, 72 * 60.0), min_size=2, max_size=8), st.booleans(), st.booleans())
def test_while_no_answer_comes_the_level_never_rises(
    minutes: list[float], in_full: bool, priced: bool
) -> None:
    rungs = replace(ALL, in_full=in_full, price_rule=ALL.price_rule if priced else None)
    levels = [level(rungs, at) for at in sorted(minutes)]
    assert levels == sorted(levels)


def test_a_plan_in_every_second_answer_keeps_us_on_plans(ask: Ask) -> None:
    asked, rungs, levels = ask(priced=True), Rungs(), []
    whole = replace(asked, search=replace(asked.search, refine=False))
    for number in range(12):
        made_at = NOW + number * QUARTER
        come = NO if number % 2 else Solved(plan(made_at), None)  # type: ignore[arg-type]
        rungs = after(rungs, whole, come)
        levels += [level(rungs, 15.0 * number + minute) for minute in range(15)]
    assert set(levels) == {Level.REFINED}


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_the_level_rises_between_stand_ins_only_after_two_answers_alike(
    answers: list[tuple[bool, bool]],
) -> None:
    """`answers`: solved, priced. The law of the hysteresis, on the rungs alone."""
    rungs, levels, made_at = Rungs(), [], NOW
    for solved, priced in answers:
        count = rungs.priced_answers + 1 if priced else 0
        if solved:
            rungs = Rungs(plan=plan(made_at), priced_answers=count)
        else:
            rule = plan(made_at, source="price") if priced else None
            curve = plan(made_at, source="curve")
            rungs = replace(rungs, price_rule=rule, heating_curve=curve, priced_answers=count)
        levels.append(level_at(rungs, made_at, every=QUARTER, max_age=QUARTER))
        made_at += QUARTER
    for (before, now), (_, (_, priced)), (_, earlier) in zip(
        pairwise(levels), pairwise(answers), answers[:-1], strict=True
    ):
        if (before, now) == (Level.HEATING_CURVE, Level.PRICE_RULE):
            assert priced
            assert earlier
