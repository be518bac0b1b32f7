"""Starts of the compressor are counted by the local day."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from controller.config import Control
from controller.starts import Starts, local_midnight, start_price
from mpc.answer import rule_request
from mpc.plan import NotSolved, PlanRequest, Solved
from mpc.rules import RULES

ZONE = ZoneInfo("Europe/Copenhagen")
NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def test_only_a_change_from_rest_to_running_is_a_start() -> None:
    starts = Starts()
    for running in (True, True, False, True, None, True, False, None, True):
        starts = starts.seen(NOON, running, ZONE)
    assert starts.count == 2
    assert starts.left(3) == 1
    assert starts.left(1) == 0
    assert starts.left(None) is None


def test_the_local_day_begins_with_a_whole_budget() -> None:
    before = datetime(2024, 1, 15, 22, 59, tzinfo=UTC)
    starts = Starts().seen(before, False, ZONE).seen(before, True, ZONE)
    assert starts.count == 1
    assert starts.seen(before + timedelta(minutes=2), True, ZONE).count == 0


def test_a_day_with_a_change_of_clocks_ends_at_local_midnight() -> None:
    spring = datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
    assert local_midnight(spring, ZONE) == datetime(2024, 3, 31, 22, tzinfo=UTC)


def test_every_rule_can_be_the_strategy_and_plans(
    make_request: Callable[[datetime], PlanRequest],
) -> None:
    question = make_request(NOON)
    named = set(get_args(Control.model_fields["strategy"].annotation))
    assert named == {"mpc", "heating-curve", *RULES}
    for name in RULES:
        result = rule_request(name, question)
        assert isinstance(result, Solved)
        assert result.plan.source == name


def test_a_rule_says_what_it_cannot_plan(
    make_request: Callable[[datetime], PlanRequest],
) -> None:
    question = make_request(NOON)
    hopeless = replace(question, comfort=replace(question.comfort, low_c=()))
    assert isinstance(rule_request("price-led", hopeless), NotSolved)


def test_a_start_counts_the_same_in_every_currency_unless_the_owner_says_otherwise() -> None:
    assert start_price(None, "EUR") == 0.02
    assert start_price(None, "DKK") == pytest.approx(7.46 * start_price(None, "EUR"))
    assert start_price(None, "XYZ") == start_price(None, "EUR")
    assert start_price(0.0, "DKK") == 0.0
    assert start_price(0.5, "DKK") == 0.5
