"""Every writable knob of every shipped heat pump, from the first write to the owner's value.

One kit on the emulated device: a new profile has its tests by being there. What a driver does with
single values (sentinels, missing points, refusals) is tests/drivers/test_conformance.py.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from itertools import count, product

import pytest
from emulated import PUMPS, TICK_S, profile_of
from steered import CASES, STORED, VOLATILE, Case, Steering, read_back, steering
from wired import LOSSES, KilledError, Loss

from controller.act import NotApplied
from controller.guard import Purpose
from controller.wear import weekly_budget
from drivers.api import Capability, OnSilence
from drivers.points import Point, register_count

DAY_S = 86400.0
LAPSING = tuple(case for case in VOLATILE if case.knob.lapse_s is not None)
LASTING = tuple(case for case in CASES if case not in LAPSING)
REPORTED = tuple(
    case
    for case in CASES
    if isinstance(point := profile_of(case.name).points[case.knob.point], Point)
    or point.topic
    or point.rule
)
"""Some devices take a value and never say what they hold."""


def every(cases: Iterable[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", list(cases), ids=str)


# ---- write, read back, silence ---


@every(CASES)
async def test_what_is_asked_is_obeyed_and_read_back(case: Case) -> None:
    steered = await steering(case)
    for value in (steered.values.ours, steered.values.other):
        outcome = await steered.hold(value)
        if case in REPORTED:
            assert read_back(outcome, case.capability) == steered.near(value)
        else:
            assert isinstance(outcome, NotApplied)
            assert "cannot be read back" in outcome.reason
        assert (steered.pump.control() == steered.before) is (value == steered.values.owners)
        steered.pump.pass_time(case.knob.minimum_interval_s)


@every(LAPSING)
async def test_a_value_that_lapses_is_renewed_at_half_its_time(case: Case) -> None:
    steered = await steering(case)
    lapse_s = case.knob.lapse_s
    assert lapse_s is not None
    commands_at_s = []
    for tenths in range(31):
        before = steered.pump.wire.commands
        outcome = await steered.ask(steered.values.ours)
        assert read_back(outcome, case.capability) == steered.near(steered.values.ours)
        if steered.pump.wire.commands > before:
            commands_at_s.append(tenths * lapse_s / 10)
        steered.pump.pass_time(lapse_s / 10)
    assert commands_at_s == [half * lapse_s / 2 for half in range(7)]


@every(LAPSING)
async def test_a_value_that_lapses_is_gone_when_heatherd_falls_silent(case: Case) -> None:
    steered = await steering(case)
    lapse_s = case.knob.lapse_s
    assert lapse_s is not None
    shown = await steered.held()
    await steered.hold(steered.values.ours)
    steered.pump.pass_time(lapse_s - 1.0)
    assert steered.pump.control() != steered.before
    steered.pump.pass_time(1.0)
    assert steered.pump.control() == steered.before
    assert await steered.held() == shown


@every(LASTING)
async def test_any_other_value_stays_when_heatherd_falls_silent(case: Case) -> None:
    steered = await steering(case)
    await steered.hold(steered.values.ours)
    taken = steered.pump.control()
    steered.pump.pass_time(DAY_S)
    assert steered.pump.control() == taken != steered.before


@pytest.mark.parametrize("name", PUMPS)
def test_a_profile_says_of_silence_what_its_knobs_do(name: str) -> None:
    returns = profile_of(name).on_silence is OnSilence.OWN_CONTROL
    assert returns is any(case.name == name for case in LAPSING)


@every(case for case in VOLATILE if case in REPORTED)
async def test_a_volatile_value_that_a_power_cut_took_is_written_again(case: Case) -> None:
    steered = await steering(case)
    await steered.hold(steered.values.ours)
    steered.pump.restart()
    assert steered.pump.control() == steered.before
    steered.pump.pass_time(case.knob.minimum_interval_s)
    outcome = await steered.hold(steered.values.ours)
    assert read_back(outcome, case.capability) == steered.near(steered.values.ours)
    assert steered.pump.control() != steered.before


# ---- the owner's value returns ---


@every(CASES)
async def test_handed_back_the_pump_is_the_owners_again(case: Case) -> None:
    steered = await steering(case)
    await steered.hold(steered.values.ours)
    assert await steered.hand_back()
    assert await steered.is_the_owners()
    assert not steered.actuator.holds_the_pump


@every(CASES)
async def test_after_a_crash_the_next_start_gives_the_pump_back(case: Case) -> None:
    steered = await steering(case)
    await steered.hold(steered.values.ours)
    steered.start_again()
    assert steered.actuator.holds_the_pump
    assert await steered.hand_back()
    assert await steered.is_the_owners()
    assert steered.store.leases() == {}


async def ways(
    case: Case, losses: Iterable[Loss], *, taking: bool
) -> AsyncIterator[tuple[Steering, str]]:
    """A loss at each of the commands that write our values (or the owner's again), and in words."""
    for loss, ours in product(losses, (0, 1)):
        for at in count(1):
            steered = await steering(case)
            value = (steered.values.ours, steered.values.other)[ours]
            if not taking:
                await steered.hold(value)
                steered.start_again()
            wire = steered.pump.wire
            already = wire.commands
            wire.strike(loss, at=at)
            with suppress(KilledError):
                await (steered.ask(value) if taking else steered.hand_back())
            wire.mend()
            if wire.commands - already < at:
                break  # there is no such command
            yield steered, f"{loss} at command {at} for {value if taking else 'the owner'}"


@every(CASES)
async def test_a_crash_in_the_first_write_leaves_nothing_behind(case: Case) -> None:
    async for steered, story in ways(case, LOSSES, taking=True):
        steered.start_again()
        assert await steered.hand_back(), story
        assert await steered.is_the_owners(), story


@every(CASES)
async def test_a_second_crash_in_the_restore_is_restored_by_the_third_start(case: Case) -> None:
    async for steered, story in ways(case, LOSSES, taking=False):
        steered.start_again()
        assert await steered.hand_back(), story
        assert await steered.is_the_owners(), story


@every(REPORTED)
async def test_after_a_link_lost_in_a_write_the_pump_is_steered_on(case: Case) -> None:
    cuts = [loss for loss in LOSSES if loss.error is not KilledError]
    async for steered, story in ways(case, cuts, taking=True):
        steered.pump.pass_time(case.knob.minimum_interval_s)
        await steered.hold(steered.values.ours)  # seen that it did not arrive
        outcome = await steered.hold(steered.values.ours)
        assert read_back(outcome, case.capability) == steered.near(steered.values.ours), story


# ---- other hands ---


@every(STORED)
@pytest.mark.parametrize("crashed", [False, True], ids=["running", "crashed"])
async def test_what_the_owner_changes_meanwhile_stands(case: Case, crashed: bool) -> None:
    steered = await steering(case)
    await steered.hold(steered.values.ours)
    steered.pump.turn(case.capability, steered.values.other)
    steered.notice()
    chosen = steered.pump.control()
    if crashed:
        steered.start_again()
    elif case.capability is not Capability.DHW_BOOST:  # stopped or finished: nobody can tell
        outcome = await steered.ask(steered.values.ours)
        assert isinstance(outcome, NotApplied)
        assert "somebody else set it" in outcome.reason
    assert await steered.hand_back()
    assert await steered.held() == steered.near(steered.values.other)
    assert steered.pump.control() == chosen


# ---- wear ---


@every(STORED)
async def test_the_planner_is_refused_beyond_its_budget_and_the_owner_is_not(case: Case) -> None:
    steered = await steering(case)
    budget = weekly_budget(case.knob)
    assert budget is not None
    pair = (steered.values.ours, steered.values.other)
    outcome = None
    for turn in range(int(budget) + 1):
        outcome = await steered.hold(pair[turn % 2])
        steered.pump.pass_time(max(case.knob.minimum_interval_s, TICK_S))
    assert isinstance(outcome, NotApplied)
    assert f"the budget of {budget:g} writes a week is used up" in outcome.reason
    assert await steered.held() == steered.near(pair[(int(budget) - 1) % 2])
    assert steered.counted() == {Purpose.PLANNER: int(budget)}
    worn = dict(steered.pump.wear)
    assert await steered.hand_back()
    assert await steered.is_the_owners()
    assert all(steered.pump.wear[name] >= count for name, count in worn.items())


@every(STORED)
async def test_the_ledger_misses_no_write_to_the_devices_memory(case: Case) -> None:
    steered = await steering(case)
    await steered.hold(steered.values.ours)
    await steered.hand_back()
    counted = sum(steered.counted().values())
    points = profile_of(case.name).points
    assert steered.pump.wear
    for name, writes in steered.pump.wear.items():
        point = points[name]
        registers = register_count(point) if isinstance(point, Point) and point.weights else 1
        assert writes <= counted * registers  # several registers are worn once each
