"""What pump and water went through: runs, rests, starts and hot water, minute by minute."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.strain import HOT_FOR, Bearable, most_within, phases, strain
from drivers.api import OperatingState
from hil.simulated_house import Truth

AT = datetime(2024, 1, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BEARABLE = Bearable(flow_c=61.0, minimum_run_s=600.0, minimum_off_s=600.0, starts_per_hour=3)


def truth(minute: int, running: bool, *, flow_c: float = 35.0, heating: bool = True) -> Truth:
    state = OperatingState.HEATING if heating else OperatingState.DHW
    return Truth(
        at=AT + minute * MINUTE, zone_c=(21.0, 20.0), outdoor_c=0.0, flow_c=flow_c,
        return_c=flow_c - 5.0, power_w=0.0, heat_w=0.0, electricity_kwh=0.0, heat_kwh=0.0,
        space_heat_kwh=0.0, dhw_heat_kwh=0.0, backup_kwh=0.0,
        compressor_hz=40.0 if running else 0.0, compressor_starts=0, defrosts=0,
        operating_state=state if running else OperatingState.OFF, stored_kwh=0.0, dhw_c=45.0,
    )  # fmt: skip


def minutes(*spells: tuple[bool, int]) -> list[Truth]:
    """A truth a minute: so long in each state."""
    states = [running for running, count in spells for _ in range(count)]
    return [truth(minute, running) for minute, running in enumerate(states)]


def test_runs_and_rests_are_measured_from_change_to_change() -> None:
    borne = strain(minutes((True, 30), (False, 12), (True, 10), (False, 25), (True, 5)))
    assert (borne.shortest_run_s, borne.shortest_rest_s) == (600.0, 720.0)
    assert borne.starts == 2
    assert borne.broken(BEARABLE) == 0


def test_what_was_under_way_at_either_end_is_no_short_run() -> None:
    borne = strain(minutes((True, 1), (False, 20), (True, 1)))
    assert borne.shortest_run_s is None
    assert borne.shortest_rest_s == 1200.0


def test_each_limit_that_did_not_hold_is_counted() -> None:
    short_run = strain(minutes((False, 20), (True, 9), (False, 20), (True, 20)))
    assert short_run.broken(BEARABLE) == 1
    short_rest = strain(minutes((True, 20), (False, 9), (True, 20), (False, 20)))
    assert short_rest.broken(BEARABLE) == 1
    often = strain(minutes((False, 1), *(((True, 3), (False, 3)) * 5)))
    assert often.most_starts_per_hour == 5
    assert often.broken(BEARABLE) == 3


def test_a_run_that_the_pump_itself_had_to_end_is_excused() -> None:
    run = minutes((False, 20), (True, 4), (False, 20), (True, 20))
    ended_at = AT + 24 * MINUTE
    assert strain(run).shortest_run_s == 240.0
    assert strain(run, excused=lambda at: at == ended_at).shortest_run_s is None


def test_hot_water_counts_only_where_it_stays_and_goes_to_the_rooms() -> None:
    hot = [truth(m, True, flow_c=65.0 if m < HOT_FOR - 1 else 40.0) for m in range(20)]
    assert strain(hot).hot_flow_c == 40.0
    tank = [truth(m, True, flow_c=65.0, heating=False) for m in range(20)]
    assert math.isnan(strain(tank).hot_flow_c)
    assert strain(tank).broken(BEARABLE) == 0
    rooms = [truth(m, True, flow_c=65.0) for m in range(20)]
    assert strain(rooms).broken(BEARABLE) == 1
    assert strain(rooms).hottest_return_c == 60.0


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_phases_alternate_and_leave_no_minute_out(states: Sequence[bool]) -> None:
    spells = phases([truth(minute, running) for minute, running in enumerate(states)])
    assert spells[0].begins_at == AT
    assert spells[-1].ends_at == AT + (len(states) - 1) * MINUTE
    for before, after in pairwise(spells):
        assert before.ends_at == after.begins_at
        assert before.running is not after.running


@pytest.mark.parametrize(("span_min", "most"), [(1, 1), (10, 2), (11, 3), (60, 4)])
def test_the_most_instants_in_a_span_are_found(span_min: int, most: int) -> None:
    instants = [AT + minute * MINUTE for minute in (0, 9, 10, 30)]
    assert most_within(instants, span_min * MINUTE) == most
