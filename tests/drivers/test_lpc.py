"""The LPC state machine: its limits, its timers, its exits, and what it refuses."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.grid.limit import GridState
from drivers.grid.lpc import FailsafeWrite, Heartbeat, LimitWrite, Lpc, advanced

FAILSAFE_W = 4200.0


def fresh():
    return Lpc(now_s=0.0, failsafe_w=FAILSAFE_W)


def run(lpc, now_s, *events):
    lpc, refused = advanced(lpc, now_s, events)
    assert refused == ()
    return lpc


def limited(**limit):
    return run(fresh(), 0.0, Heartbeat(0.0), LimitWrite(0.0, 3000.0, **limit))


def test_a_fresh_machine_is_held_to_the_failsafe_limit():
    assert (fresh().state, fresh().allowed_w) == (GridState.INIT, FAILSAFE_W)


def test_a_limit_with_a_duration_releases_itself():
    lpc = limited(duration_s=100.0)
    assert run(lpc, 99.0).allowed_w == 3000.0
    over = run(lpc, 100.0)
    assert (over.state, over.allowed_w) == (GridState.UNLIMITED, None)


def test_a_limit_without_a_duration_holds_until_it_is_lifted():
    lpc = limited()
    for at_s in range(60, 7200, 60):
        lpc = run(lpc, float(at_s), Heartbeat(float(at_s)))
    assert lpc.allowed_w == 3000.0
    lifted = run(lpc, 7200.0, Heartbeat(7200.0), LimitWrite(7200.0, 0.0, active=False))
    assert (lifted.state, lifted.allowed_w) == (GridState.UNLIMITED, None)


def test_a_heartbeat_lost_for_120_s_leads_to_the_failsafe_limit():
    assert run(limited(), 119.0).state is GridState.LIMITED
    lost = run(limited(), 120.0)
    assert (lost.state, lost.allowed_w, lost.since_s) == (GridState.FAILSAFE, FAILSAFE_W, 120.0)


def test_a_heartbeat_alone_does_not_leave_the_failsafe_before_120_s():
    lpc = run(limited(), 200.0)
    lpc = run(lpc, 260.0, Heartbeat(200.0), Heartbeat(260.0))
    assert run(lpc, 319.0).state is GridState.FAILSAFE
    assert run(lpc, 320.0).state is GridState.AUTONOMOUS


def test_heartbeats_that_stop_again_start_the_wait_anew():
    lpc = run(fresh(), 100.0, Heartbeat(0.0), Heartbeat(100.0))
    assert run(lpc, 120.0).state is GridState.AUTONOMOUS
    lpc = run(fresh(), 50.0, Heartbeat(0.0))
    lpc, _ = advanced(replace(lpc, back_s=None, heard_s=None), 200.0, [Heartbeat(150.0)])
    assert lpc.state is GridState.INIT


def test_a_limit_written_while_heartbeats_come_leaves_the_failsafe():
    lpc = run(limited(), 300.0)
    back = run(lpc, 310.0, Heartbeat(305.0), LimitWrite(310.0, 2000.0))
    assert (back.state, back.allowed_w) == (GridState.LIMITED, 2000.0)


@pytest.mark.parametrize("start", [fresh(), run(limited(), 130.0)])
def test_after_the_failsafe_minimum_time_nobody_limits_any_more(start):
    ends_s = start.since_s + 7200.0
    assert run(start, ends_s - 1.0).allowed_w == FAILSAFE_W
    assert run(start, ends_s).state is GridState.AUTONOMOUS


def test_the_guard_sets_the_failsafe_values():
    lpc = run(fresh(), 1.0, FailsafeWrite(1.0, 5000.0, 10800.0))
    assert (lpc.allowed_w, lpc.failsafe_minimum_s) == (5000.0, 10800.0)


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (LimitWrite(1.0, math.nan), "no limit of consumption"),
        (LimitWrite(1.0, -1.0), "no limit of consumption"),
        (LimitWrite(1.0, math.inf), "no limit of consumption"),
        (LimitWrite(1.0, 100.0, duration_s=0.0), "expired"),
        (LimitWrite(1.0, 100.0, duration_s=-5.0), "expired"),
        (LimitWrite(1.0, 100.0, duration_s=math.nan), "expired"),
        (FailsafeWrite(1.0, math.nan), "no limit of consumption"),
        (FailsafeWrite(1.0, None, 60.0), "2 h to 24 h"),
        (Heartbeat(9.0), "stamped"),
    ],
)
def test_nonsense_is_refused_in_words_and_changes_nothing(event, word):
    before = run(fresh(), 0.5, Heartbeat(0.5))
    after, refused = advanced(before, 1.0, [event])
    assert word in refused[0]
    assert after == run(before, 1.0)


def test_a_limit_without_heartbeats_does_not_count():
    after, refused = advanced(fresh(), 1.0, [LimitWrite(1.0, 100.0)])
    assert after.state is GridState.INIT
    assert refused == ("a limit without heartbeats does not count",)


EVENTS = st.lists(
    st.tuples(
        st.floats(0.0, 400.0),
        st.sampled_from([Heartbeat, lambda s: LimitWrite(s, 900.0, duration_s=150.0),
                         lambda s: LimitWrite(s, 0.0, active=False)]),
    ),
    max_size=12,
)  # fmt: skip


@given(EVENTS, st.lists(st.floats(0.0, 9000.0), max_size=8))
def test_how_often_it_is_looked_at_changes_nothing(steps, looks):
    gaps = [(gap_s, make) for gap_s, make in steps]
    at_s, events = 0.0, []
    for gap_s, make in gaps:
        at_s += gap_s
        events.append(make(at_s))
    end_s = max([at_s, 9000.0])
    at_once, _ = advanced(fresh(), end_s, events)
    slowly = fresh()
    for look_s in sorted([*looks, *(event.at_s for event in events), end_s]):
        due = [event for event in events if event.at_s <= look_s]
        events = events[len(due) :]
        slowly, _ = advanced(slowly, max(look_s, slowly.now_s), due)
    assert slowly == at_once


@given(EVENTS)
def test_silence_never_frees_before_the_failsafe_minimum(steps):
    at_s, lpc = 0.0, fresh()
    for gap_s, make in steps:
        at_s += gap_s
        lpc, _ = advanced(lpc, at_s, [make(at_s)])
    silent, _ = advanced(lpc, at_s + 121.0)
    if lpc.state in {GridState.LIMITED, GridState.UNLIMITED}:
        assert silent.allowed_w == FAILSAFE_W
