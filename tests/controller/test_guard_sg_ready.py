"""The guard: how long an SG Ready state is held, how long it may block, what it may switch on."""

from dataclasses import replace
from datetime import timedelta

import pytest
from guarded import AT, HEALTHY, SG, SG_LIMITS, settings_after, sg, snapshot

from controller.guard import (
    Allowed,
    Altered,
    Memory,
    carried,
    judge,
    remember,
)
from drivers.api import Capability, Signal

TANK = Capability.DHW_SETPOINT
MINUTE = timedelta(minutes=1)


def looked(memory: Memory, minute: int) -> Memory:
    """After a look at a pump behind SG Ready in that minute."""
    return remember(memory, snapshot(at=AT + minute * MINUTE), sg_ready=True)


@pytest.mark.parametrize(("held", "given"), [(0, 2.0), (9, 2.0), (10, 3.0)])
def test_an_sg_ready_state_is_held(held: int, given: float) -> None:
    memory = Memory(sg_state=2.0, sg_since=AT - held * MINUTE)
    assert settings_after(sg(3.0), memory, SG_LIMITS) == {SG: given}
    assert judge(sg(2.0), snapshot(), memory, SG_LIMITS) == Allowed({SG: 2.0})
    assert settings_after(sg(1.0), memory, SG_LIMITS, room_c=7.0) == {SG: 4.0}


def test_sg_ready_counts_from_the_cycle_that_asked() -> None:
    memory = looked(Memory(settings={SG: 3.0}, seen_at=AT), 1)
    assert (memory.sg_state, memory.sg_since) == (3.0, AT)
    later = looked(memory, 2)
    assert later.sg_since == AT
    assert looked(memory, -1).sg_since == AT - MINUTE
    freed = looked(replace(later, settings=None), 3)
    assert (freed.sg_state, freed.sg_since) == (None, AT + 3 * MINUTE)
    assert looked(freed, 4).sg_since == freed.sg_since


def test_an_unseen_state_counts_from_the_look_that_finds_it() -> None:
    never_seen = Memory(settings={SG: 3.0}, sg_state=3.0)
    assert looked(never_seen, 1).sg_since == AT + MINUTE
    assert looked(replace(never_seen, sg_state=None), 1).sg_since is None


@pytest.mark.parametrize(("since", "given"), [(0, 2.0), (9, 2.0), (10, 3.0), (None, 3.0)])
def test_what_was_handed_back_stays_normal_as_long_as_any_state(
    since: int | None, given: float
) -> None:
    memory = Memory(sg_since=None if since is None else AT - since * MINUTE)
    assert settings_after(sg(3.0), memory, SG_LIMITS) == {SG: given}
    assert judge(sg(2.0), snapshot(), memory, SG_LIMITS) == Allowed({SG: 2.0})
    assert settings_after(sg(1.0), memory, SG_LIMITS, room_c=7.0) == {SG: 4.0}


@pytest.mark.parametrize("state", [None, 1.0, 3.0])
@pytest.mark.parametrize("before_min", [0, 60])
def test_a_restart_begins_a_normal_state_whatever_is_known_of_the_time_before(
    state: float | None, before_min: int
) -> None:
    kept = carried(Memory(sg_state=state, sg_since=AT - before_min * MINUTE, seen_at=AT))
    anew = looked(kept, 3)
    assert (anew.sg_state, anew.sg_since) == (None, AT + 3 * MINUTE)
    assert settings_after(sg(1.0), replace(anew, sg_since=AT), SG_LIMITS) == {SG: 2.0}


def test_a_pump_without_sg_ready_has_no_state_of_it() -> None:
    memory = remember(Memory(settings={SG: 3.0}, seen_at=AT), snapshot(at=AT + MINUTE))
    assert (memory.sg_state, memory.sg_since) == (None, None)


def test_the_electric_heater_is_for_frost_unless_the_owner_allows_it() -> None:
    assert settings_after(sg(4.0), Memory(), SG_LIMITS) == {SG: 3.0}
    assert settings_after(sg(4.0), Memory(), SG_LIMITS, room_c=8.0) == {SG: 4.0}
    allowed = replace(SG_LIMITS, heater_only_for_frost=False)
    assert settings_after(sg(4.0), Memory(), allowed) == {SG: 4.0}


@pytest.mark.parametrize(
    ("blocking", "blocked_s", "given"),
    [(True, 3599.0, 1.0), (True, 3600.0, 2.0), (False, 1799.0, 1.0), (False, 1800.0, 2.0)],
)
def test_a_block_ends_after_an_hour_and_begins_with_half_of_it_left(
    blocking: bool, blocked_s: float, given: float
) -> None:
    memory = Memory(settings={SG: 1.0 if blocking else 2.0}, blocked_s=blocked_s)
    limits = replace(SG_LIMITS, sg_hold_s=0.0)
    assert settings_after(sg(1.0), memory, limits) == {SG: given}
    assert settings_after(sg(3.0), memory, limits) == {SG: 3.0}


def test_how_long_a_state_was_held_is_told_in_minutes() -> None:
    blocked = Memory(settings={SG: 1.0}, blocked_s=3660.0)
    assert judge(sg(1.0), snapshot(), blocked, SG_LIMITS) == Altered(
        {SG: 2.0}, ("the pump has been blocked for 61 min",)
    )
    held = Memory(sg_state=2.0, sg_since=AT - 80 * MINUTE)
    assert judge(sg(3.0), snapshot(), held, replace(SG_LIMITS, sg_hold_s=5400.0)) == Altered(
        {SG: 2.0}, ("SG Ready has held its state 80 of 90 min",)
    )


def test_a_held_state_in_a_warm_room_is_not_safety() -> None:
    held = Memory(sg_state=2.0, sg_since=AT)
    verdict = judge(sg(3.0), snapshot({**HEALTHY, Signal.ROOM_C: 27.0}), held, SG_LIMITS)
    assert isinstance(verdict, Altered)
    assert (verdict.settings, verdict.forced) == ({SG: 2.0}, {})


@pytest.mark.parametrize("memory", [Memory(sg_state=2.0, sg_since=None), Memory()])
def test_a_state_that_was_not_seen_to_begin_is_not_held(memory: Memory) -> None:
    assert judge(sg(3.0), snapshot(), memory, SG_LIMITS) == Allowed({SG: 3.0})


def test_a_wish_for_the_tank_alone_asks_for_no_state() -> None:
    wanted = replace(sg(3.0), settings={TANK: 50.0})
    held = Memory(settings={SG: 1.0}, sg_state=1.0, sg_since=AT, blocked_s=3600.0)
    assert judge(wanted, snapshot(), held, SG_LIMITS) == Allowed({TANK: 50.0})
