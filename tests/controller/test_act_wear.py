"""Stored settings are spared: budget, purposes, writes that do not take, values that settle."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hands import AT, FLOW, FREE, LATER, OFFSET, Mishap, ask, hand, held, in_force, turn, written

from controller.act import Actuator, Applied, NotApplied, let_go
from controller.clock import SteppedClock
from controller.guard import Altered, Purpose
from controller.store import Store, open_store
from controller.wear import Ledger
from drivers.api import Capability
from drivers.errors import RefusedByDeviceError, TransientError
from drivers.profile import load_modbus_profile
from drivers.testing import Rig, make_rig

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def rig_with(**changes: float) -> Rig:
    """A NIBE whose offset is as described."""
    profile = load_modbus_profile("nibe_s")
    knob = replace(profile.knobs[OFFSET], **changes)
    rig = make_rig(replace(profile, knobs={OFFSET: knob}))
    turn(rig, OFFSET, -5.0)
    return rig


def forced(value: float, purpose: Purpose = Purpose.SAFETY) -> Altered:
    return Altered({OFFSET: value}, ("the frost floor",), {OFFSET: purpose})


def counted(store: Store) -> dict[Purpose, int]:
    return {p: n for wear in Ledger(store).registers() for p, n in wear.writes.items()}


# ---- budget and purposes -------------------------------------------------------------------------


async def test_the_planner_stops_at_its_budget_and_says_when_it_goes_on(store: Store) -> None:
    rig = rig_with(weekly_writes=3.0)
    actuator = hand(rig, store)
    for hours, value in enumerate((1.0, 2.0, 3.0)):
        assert actuator.writes_left(OFFSET, AT + hours * HOUR) == 3.0 - hours
        await actuator.apply(ask(OFFSET, value), AT + hours * HOUR)
    outcome = await actuator.apply(ask(OFFSET, 4.0), AT + 3 * HOUR)
    assert outcome == NotApplied(
        "curve_offset: the budget of 3 writes a week is used up; "
        "the next is free at 2026-01-22T12:00+00:00"
    )
    assert written(rig, OFFSET) == [1.0, 2.0, 3.0]
    # what it holds is still in force
    assert in_force(await actuator.apply(ask(OFFSET, 3.0), AT + 4 * HOUR)) == {OFFSET: 3.0}


async def test_a_knob_without_budget_is_never_the_planners(store: Store) -> None:
    rig = rig_with(weekly_writes=0.0)
    outcome = await hand(rig, store).apply(ask(OFFSET, 1.0), AT)
    assert outcome == NotApplied("curve_offset: the budget of 0 writes a week is used up")
    assert store.leases() == {}


@pytest.mark.parametrize("purpose", [Purpose.SAFETY, Purpose.DSO])
async def test_safety_and_grid_operator_are_never_refused(store: Store, purpose: Purpose) -> None:
    rig = rig_with(weekly_writes=1.0)
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 1.0), AT)
    assert isinstance(await actuator.apply(ask(OFFSET, 2.0), LATER), NotApplied)
    for hours in range(30):
        value = float(hours % 2 + 3)
        outcome = await actuator.apply(forced(value, purpose), LATER + hours * HOUR)
        assert in_force(outcome) == {OFFSET: value}
    assert counted(store) == {Purpose.PLANNER: 1, purpose: 30}


async def test_hand_back_is_never_refused(store: Store) -> None:
    rig = rig_with(weekly_writes=1.0)
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 1.0), AT)
    assert await actuator.hand_back(LATER)
    assert await held(rig, OFFSET) == -5.0
    assert counted(store) == {Purpose.PLANNER: 1, Purpose.HAND_BACK: 1}
    assert isinstance(await actuator.apply(ask(OFFSET, 1.0), LATER + DAY), NotApplied)


async def test_a_write_is_counted_before_it_is_made(tmp_path: Path) -> None:
    rig = rig_with()
    seen: list[dict[Purpose, int]] = []
    take = rig.bank.write

    def look_and_take(unit: int, address: int, values: tuple[int, ...]) -> None:
        with open_store(tmp_path / "state.db") as other_process:
            seen.append(counted(other_process))
        take(unit, address, values)

    rig.bank.write = look_and_take  # type: ignore[method-assign, assignment]
    with open_store(tmp_path / "state.db") as store:
        actuator = hand(rig, store)
        await actuator.apply(ask(OFFSET, 1.0), AT)
        await actuator.hand_back(LATER)
    assert seen == [{Purpose.PLANNER: 1}, {Purpose.PLANNER: 1, Purpose.HAND_BACK: 1}]


async def test_a_lost_write_is_counted_too(store: Store) -> None:
    rig = rig_with()
    mishap = Mishap(rig)
    mishap.lost_after = TransientError("no answer")
    await hand(rig, store).apply(ask(OFFSET, 1.0), AT)
    assert counted(store) == {Purpose.PLANNER: 1}


async def test_volatile_writes_are_not_counted(generic: Rig, store: Store) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    await actuator.hand_back(LATER)
    assert counted(store) == {}
    assert actuator.writes_left(FLOW, LATER) is None


async def test_a_pump_has_no_writes_left_for_a_knob_it_has_not(store: Store) -> None:
    assert hand(rig_with(), store).writes_left(Capability.POWER_LIMIT, AT) == 0.0


async def test_a_knob_that_was_handed_back_is_not_taken_up_at_once(store: Store) -> None:
    rig = rig_with()  # moved once an hour
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 1.0), AT)
    await actuator.apply(FREE, AT + MINUTE)
    outcome = await actuator.apply(ask(OFFSET, 1.0), AT + 2 * MINUTE)
    assert outcome == NotApplied("curve_offset: it was moved 2 of 60 min ago")
    assert in_force(await actuator.apply(ask(OFFSET, 1.0), AT + HOUR)) == {OFFSET: 1.0}


async def test_when_nothing_can_be_counted_the_planner_rests_and_the_owner_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = rig_with()
    path = tmp_path / "state.db"
    with open_store(path) as store:
        actuator = hand(rig, store)
        await actuator.apply(ask(OFFSET, 1.0), AT)
        other = sqlite3.connect(path)
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON intent "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        other.close()
        outcome = await actuator.apply(ask(OFFSET, 2.0), LATER)
        assert isinstance(outcome, NotApplied)
        assert "cannot be counted: disk full" in outcome.reason
        assert written(rig, OFFSET) == [1.0]
        assert store.leases()[OFFSET].written == 1.0
        assert await actuator.hand_back(LATER)
        assert await held(rig, OFFSET) == -5.0
    assert "hand_back of curve_offset: the write cannot be counted" in caplog.text


async def test_a_ledger_that_cannot_be_read_leaves_no_writes(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_store(path) as store:
        actuator = hand(rig_with(), store)
        other = sqlite3.connect(path)
        other.executescript("DROP TABLE intent")
        other.close()
        assert actuator.writes_left(OFFSET, AT) == 0.0
        assert isinstance(await actuator.apply(ask(OFFSET, 1.0), AT), NotApplied)


# ---- accepted knob by knob -----------------------------------------------------------------------


async def test_a_knob_that_is_not_accepted_is_left_alone_and_the_others_are_not(
    generic: Rig, store: Store
) -> None:
    actuator = Actuator(generic.pump, store, may_write=[FLOW])
    wishes = Altered({OFFSET: 2.0, FLOW: 35.0}, ("bounded",))
    assert await actuator.apply(wishes, AT) == NotApplied(
        "curve_offset: not accepted by the owner: to let heatherd write it, "
        'set heat_pump.accept = ["curve_offset", "flow_setpoint"]'
    )
    assert written(generic, OFFSET) == []
    assert await held(generic, FLOW) == 35.0


async def test_an_observer_goes_on_handing_back_until_it_succeeds(store: Store) -> None:
    rig = rig_with()
    await hand(rig, store).apply(ask(OFFSET, 1.0), AT)
    mishap = Mishap(rig)
    mishap.lost_before = TransientError("no answer")
    observer = hand(rig, store, may_write=False)
    assert not await observer.hand_back(AT)
    mishap.lost_before = None
    await observer.apply(ask(OFFSET, 1.0), AT + MINUTE)
    assert await held(rig, OFFSET) == -5.0
    assert not observer.holds_the_pump


# ---- writes that do not take ---------------------------------------------------------------------


async def test_a_value_the_device_does_not_take_is_written_twice_and_then_once_a_day(
    store: Store,
) -> None:
    rig = rig_with()
    mishap = Mishap(rig)
    mishap.made_of = (2,)  # a limit in its menu
    actuator = hand(rig, store)
    outcomes = [
        await actuator.apply(ask(OFFSET, 5.0), AT + minutes * MINUTE)
        for minutes in range(0, 26 * 60 + 1, 10)
    ]
    assert len(written(rig, OFFSET)) == 3
    assert in_force(outcomes[0]) == in_force(outcomes[6]) == {OFFSET: 2.0}
    assert outcomes[12] == NotApplied(
        "curve_offset: 5 was written 2 times and did not take; "
        "the next try is after a day, or with another value"
    )
    assert in_force(await actuator.apply(ask(OFFSET, 2.0), AT + 30 * HOUR)) == {OFFSET: 2.0}
    await actuator.apply(ask(OFFSET, 4.0), AT + 31 * HOUR)
    assert written(rig, OFFSET)[3:] == [2.0]  # another value is tried at once
    assert await actuator.hand_back(AT + 32 * HOUR) is False  # it makes 2 of that as well


async def test_an_owners_value_that_does_not_take_is_not_written_every_minute(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    rig = rig_with()
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 3.0), AT)
    Mishap(rig).ignores = True
    tried: list[object] = []
    take = rig.bank.write

    def note(unit: int, address: int, values: tuple[int, ...]) -> None:
        tried.append(values)
        take(unit, address, values)

    rig.bank.write = note  # type: ignore[method-assign, assignment]
    for minutes in range(60):
        await actuator.apply(FREE, AT + minutes * MINUTE)
    assert len(tried) == 2
    assert "written 2 times and did not take" in caplog.text
    for minutes in range(60, 63):
        await actuator.apply(FREE, AT + minutes * MINUTE)
    assert len(tried) == 3
    assert set(store.leases()) == {OFFSET}


async def test_a_write_that_the_device_refuses_is_not_repeated_for_ever(store: Store) -> None:
    rig = rig_with(minimum_interval_s=60.0)
    mishap = Mishap(rig)
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 1.0), AT)
    mishap.lost_before = RefusedByDeviceError("illegal value")
    for minutes in range(1, 20):
        outcome = await actuator.apply(ask(OFFSET, 3.0), AT + minutes * MINUTE)
        if isinstance(outcome, Applied):
            assert outcome == Applied({OFFSET: 1.0})  # what it refused is not acknowledged
    assert isinstance(outcome, NotApplied)
    assert "did not take" in outcome.reason
    assert counted(store) == {Purpose.PLANNER: 3}
    for minutes in range(20, 60):
        await actuator.apply(FREE, AT + minutes * MINUTE)
    assert counted(store) == {Purpose.PLANNER: 3, Purpose.HAND_BACK: 2}
    mishap.lost_before = None
    for minutes in range(60, 90):
        await actuator.apply(FREE, AT + minutes * MINUTE)
    assert await held(rig, OFFSET) == -5.0


# ---- values that settle --------------------------------------------------------------------------


async def test_what_settles_is_acknowledged_not_in_effect_and_nobody_elses(store: Store) -> None:
    rig = rig_with(settle_s=180.0, minimum_interval_s=0.0)
    mishap = Mishap(rig)
    mishap.ignores = True  # a slow device shows the old value for a while
    actuator = hand(rig, store)
    for minutes in range(3):
        assert await actuator.apply(ask(OFFSET, 2.0), AT + minutes * MINUTE) == Applied(
            {}, {OFFSET: 2.0}
        )
    turn(rig, OFFSET, 7.0)  # halfway it shows nonsense
    assert isinstance(await actuator.apply(ask(OFFSET, 2.0), AT + 2 * MINUTE), Applied)
    turn(rig, OFFSET, 2.0)
    assert await actuator.apply(ask(OFFSET, 2.0), AT + 3 * MINUTE) == Applied(
        {OFFSET: 2.0}, {OFFSET: 2.0}
    )
    assert counted(store) == {Purpose.PLANNER: 1}


async def test_after_settling_a_foreign_hand_is_seen(store: Store) -> None:
    rig = rig_with(settle_s=180.0)
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 2.0), AT)
    turn(rig, OFFSET, 7.0)
    assert isinstance(await actuator.apply(ask(OFFSET, 2.0), AT + MINUTE), Applied)
    outcome = await actuator.apply(ask(OFFSET, 2.0), AT + 3 * MINUTE)
    assert isinstance(outcome, NotApplied)
    assert "somebody else set it" in outcome.reason
    assert await held(rig, OFFSET) == 7.0


async def test_a_write_that_never_settles_where_it_should_is_tried_again(store: Store) -> None:
    rig = rig_with(settle_s=60.0, minimum_interval_s=60.0)
    mishap = Mishap(rig)
    mishap.ignores = True
    actuator = hand(rig, store)
    for minutes in range(10):
        outcome = await actuator.apply(ask(OFFSET, 2.0), AT + minutes * MINUTE)
    assert isinstance(outcome, NotApplied)
    assert counted(store) == {Purpose.PLANNER: 2}


async def test_hand_back_waits_for_what_settles(store: Store) -> None:
    rig = rig_with(settle_s=60.0)
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 2.0), AT)
    mishap = Mishap(rig)
    mishap.ignores = True
    assert not await actuator.hand_back(AT + HOUR)
    assert not await actuator.hand_back(AT + HOUR + timedelta(seconds=30))
    turn(rig, OFFSET, -5.0)  # now it shows the owner's
    assert await actuator.hand_back(AT + HOUR + MINUTE)
    assert counted(store) == {Purpose.PLANNER: 1, Purpose.HAND_BACK: 1}


async def test_an_odd_value_while_ours_settles_is_not_taken_for_the_owners(store: Store) -> None:
    rig = rig_with(settle_s=60.0)
    await hand(rig, store).apply(ask(OFFSET, 2.0), AT)
    turn(rig, OFFSET, 7.0)
    after_crash = hand(rig, store)
    assert not await after_crash.hand_back(AT + timedelta(seconds=5))
    assert set(store.leases()) == {OFFSET}
    turn(rig, OFFSET, 2.0)
    assert await after_crash.hand_back(AT + MINUTE)
    assert await held(rig, OFFSET) == -5.0


async def test_letting_go_looks_again_when_the_knob_has_settled(store: Store) -> None:
    rig = rig_with(settle_s=20.0)
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 2.0), AT)
    Mishap(rig).ignores = True

    async def settle(at: object) -> None:
        turn(rig, OFFSET, -5.0)

    clock = SteppedClock(AT + HOUR, settle)
    assert await let_go(actuator, clock)
    assert clock.now() == AT + HOUR + timedelta(seconds=20)
    assert store.leases() == {}


async def test_letting_go_does_not_wait_without_a_reason(store: Store) -> None:
    rig = rig_with()
    actuator = hand(rig, store)
    await actuator.apply(ask(OFFSET, 2.0), AT)
    Mishap(rig).ignores = True

    async def nothing(at: object) -> None:
        pytest.fail("it waited")

    assert not await let_go(actuator, SteppedClock(AT + HOUR, nothing))
