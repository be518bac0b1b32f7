"""What the guard remembers from look to look: breaks, set clocks, SG Ready's block, starts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from guarded import AT, FLOW, HEALTHY, LIMITS, OFFSET, snapshot

from controller.grid_hold import GridHold
from controller.guard import Memory, carried, forgets, remember
from controller.guard_memory import GIVEN_BACK_S, UNWATCHED_S
from controller.guard_types import Settings, Situation
from controller.snapshot import Snapshot
from drivers.api import Capability, Signal

SG = Capability.SG_READY
MINUTE = timedelta(minutes=1)


def looked(
    memory: Memory, step: timedelta, hz: float = 40.0, resting: Settings | None = None
) -> Memory:
    """After the next look, so much later by the clock."""
    assert memory.seen_at is not None
    seen = snapshot({**HEALTHY, Signal.COMPRESSOR_HZ: hz}, memory.seen_at + step)
    return remember(memory, seen, resting)


@pytest.mark.parametrize(
    ("step_s", "passed_s"),
    [(60.0, 60.0), (0.0, 0.0), (0.5, 0.5), (1800.0, 1800.0), (1800.5, 0.0), (-0.5, 0.0)],
)
def test_only_watched_time_lets_water_warm(step_s: float, passed_s: float) -> None:
    memory = looked(Memory(seen_at=AT), timedelta(seconds=step_s))
    assert memory.passed_s == passed_s


@pytest.mark.parametrize(
    ("step_s", "kept"), [(0.0, True), (0.5, True), (1800.0, True), (1800.5, False), (-0.5, False)]
)
def test_the_compressors_time_goes_on_only_while_it_is_watched(step_s: float, kept: bool) -> None:
    memory = Memory(True, AT - 60 * MINUTE, seen_at=AT)
    now = looked(memory, timedelta(seconds=step_s))
    assert now.since == (memory.since if kept else now.seen_at)


def test_a_block_is_used_up_as_time_passes_and_not_given_back_by_a_clock_set_back() -> None:
    blocked = Memory(settings={SG: 1.0}, blocked_s=900.0, seen_at=AT)
    assert looked(blocked, MINUTE).blocked_s == 960.0
    assert looked(blocked, -MINUTE).blocked_s == 900.0
    free = replace(blocked, settings={SG: 2.0})
    assert looked(free, 24 * MINUTE).blocked_s == 840.0
    assert looked(free, -MINUTE).blocked_s == 900.0
    assert looked(replace(free, settings=None), 24 * MINUTE).blocked_s == 840.0


def test_more_than_all_of_a_block_is_not_given_back() -> None:
    assert looked(Memory(blocked_s=0.5, seen_at=AT), MINUTE).blocked_s == 0.0


def test_a_start_in_an_unwatched_break_is_counted_and_the_times_begin_anew() -> None:
    asked = Memory(False, AT - 60 * MINUTE, {FLOW: 35.0}, seen_at=AT)
    now = looked(asked, timedelta(seconds=UNWATCHED_S + 1), resting={FLOW: 15.0})
    assert (now.compressor_on, now.since, now.starts) == (True, now.seen_at, (now.seen_at,))


def test_a_compressor_that_stops_or_was_never_seen_to_rest_has_not_been_started() -> None:
    running = Memory(True, AT - 60 * MINUTE, {FLOW: 35.0}, seen_at=AT)
    stopped = looked(running, MINUTE, hz=0.0)
    assert (stopped.compressor_on, stopped.starts, stopped.own_starts) == (False, (), ())
    first = looked(Memory(None, None, {FLOW: 35.0}, seen_at=AT), MINUTE)
    assert (first.compressor_on, first.starts, first.own_starts) == (True, (), ())


def test_a_compressor_that_rests_before_and_after_a_break_has_not_been_started() -> None:
    asked = Memory(False, AT - 60 * MINUTE, {FLOW: 35.0}, seen_at=AT)
    now = looked(asked, 60 * MINUTE, hz=0.0, resting={FLOW: 15.0})
    assert (now.since, now.starts, now.own_starts) == (now.seen_at, (), ())


def test_an_unmeasured_compressor_is_as_it_was_seen_last() -> None:
    memory = Memory(True, AT, {FLOW: 35.0}, seen_at=AT)
    unseen = remember(memory, Snapshot(AT + MINUTE, {}))
    assert (unseen.compressor_on, unseen.since) == (True, AT)


def test_one_knob_off_its_rest_makes_a_start_ours() -> None:
    resting = {FLOW: 15.0, OFFSET: -3.0}
    memory = Memory(False, AT, {FLOW: 15.0, OFFSET: 2.0}, seen_at=AT)
    now = remember(memory, snapshot(at=AT + MINUTE), resting)
    assert (len(now.starts), len(now.own_starts)) == (1, 0)
    other = replace(memory, settings={Capability.DHW_SETPOINT: 50.0})
    assert len(remember(other, snapshot(at=AT + MINUTE), resting).own_starts) == 1


def test_sg_ready_was_never_asked_where_nothing_was() -> None:
    memory = looked(Memory(settings=None, seen_at=AT), MINUTE)
    assert (memory.sg_state, memory.sg_since) == (None, None)


@pytest.mark.parametrize(
    ("later", "lacking"),
    [
        ({}, False),
        ({"compressor_on": True, "since": AT, "settings": {FLOW: 35.0}}, False),
        ({"sg_state": 3.0, "sg_since": AT, "seen_at": AT + MINUTE, "passed_s": 60.0}, False),
        ({"blocked_s": 901.0}, True),
        ({"blocked_s": 899.0}, False),
        ({"blocked_s": 900.0 - GIVEN_BACK_S}, True),
        ({"blocked_s": 900.5 - GIVEN_BACK_S}, False),
        ({"grid": GridHold(1000.0)}, True),
        ({"starts": (AT - MINUTE, AT)}, True),
        ({"starts": ()}, False),
        ({"own_starts": (AT,)}, True),
    ],
)
def test_what_was_kept_lacks_each_start_block_and_limit_but_not_what_goes_on(
    later: dict[str, Any], lacking: bool
) -> None:
    kept = Memory(blocked_s=900.0, seen_at=AT, starts=(AT - MINUTE,))
    now = replace(kept, **later)
    assert forgets(kept, now) is lacking
    assert not forgets(carried(now), now)


def test_how_long_the_compressor_is_in_its_state_is_unknown_before_the_first_look() -> None:
    assert Situation(snapshot(), Memory(), LIMITS).in_state_s is None
    situation = Situation(snapshot(), Memory(True, AT - MINUTE), LIMITS)
    assert situation.in_state_s == 60.0


@pytest.mark.parametrize(("second_c", "cold"), [(18.9, True), (19.0, False), (None, False)])
def test_a_cold_second_zone_is_too_cold_whatever_the_first_is(
    second_c: float | None, cold: bool
) -> None:
    second = {} if second_c is None else {Signal.SECOND_ROOM_C: second_c}
    seen = snapshot({Signal.ROOM_C: 21.0, **second})
    limits = replace(LIMITS, room_min_c=19.0, second_room_min_c=19.0)

    assert Situation(seen, Memory(), limits).too_cold is cold


def test_an_unknown_room_is_neither_too_warm_nor_too_cold() -> None:
    situation = Situation(Snapshot(AT, {}), Memory(), replace(LIMITS, room_min_c=19.0))
    assert not situation.too_warm
    assert not situation.too_cold
    assert not situation.at_frost_floor
