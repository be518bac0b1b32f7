"""Settings that the pump keeps: seldom written, the owner's value first saved, later restored."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hands import (
    AT,
    LATER,
    OFFSET,
    Mishap,
    ask,
    hand,
    held,
    in_force,
    knobs_of,
    point_of,
    rig_of,
    turn,
    written,
)

from controller.act import NotApplied
from controller.guard import Altered, Purpose
from controller.store import Store, open_store
from drivers.api import Capability, Knob, WriteClass
from drivers.errors import TransientError
from drivers.profile import load_modbus_profile
from drivers.testing import Rig, make_rig

# ---- every shipped heat pump ---


def owners_and_ours(knob: Knob) -> tuple[float, float, float]:
    """The owner's value, and two others that heatherd may want."""
    assert knob.safe_minimum is not None
    assert knob.safe_maximum is not None
    own = knob.minimum if knob.minimum < knob.safe_minimum else knob.maximum
    return own, knob.safe_minimum, knob.safe_maximum


def three_valued() -> list[tuple[str, Capability]]:
    """Every stored knob that can hold the owner's value and two of ours."""
    return [
        (name, capability)
        for name, capability in knobs_of(WriteClass.PERSISTENT)
        if len({*owners_and_ours(load_modbus_profile(name).knobs[capability])}) == 3
    ]


STORED = three_valued()
AT_ONCE = [
    (name, capability)
    for name, capability in STORED
    for point in (point_of(load_modbus_profile(name), capability),)
    if not point.weights and point.switch is None
]
"""Those of them that are written in one request."""


@pytest.mark.parametrize(("name", "capability"), AT_ONCE)
async def test_a_stored_value_is_written_on_change_only_and_seldom(
    name: str, capability: Capability, store: Store
) -> None:
    rig = rig_of(name, capability)
    knob = rig.pump.knobs[capability]
    _, first, second = owners_and_ours(knob)
    actuator = hand(rig, store)
    for minutes in range(0, 24 * 60, 30):
        await actuator.apply(ask(capability, first), AT + timedelta(minutes=minutes))
    assert written(rig, capability) == [first]
    changed_at = AT + timedelta(days=1)
    await actuator.apply(ask(capability, second), changed_at)
    too_soon = changed_at + timedelta(seconds=knob.minimum_interval_s - 1)
    outcome = await actuator.apply(ask(capability, first), too_soon)
    assert in_force(outcome) == {capability: second}
    assert written(rig, capability) == [first, second]
    await actuator.apply(ask(capability, first), too_soon + timedelta(seconds=1))
    assert written(rig, capability) == [first, second, first]


@pytest.mark.parametrize(("name", "capability"), AT_ONCE)
async def test_the_owners_value_is_durable_before_the_first_write(
    name: str, capability: Capability, tmp_path: Path
) -> None:
    rig = rig_of(name, capability)
    own, ours, _ = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    seen: list[float | None] = []
    take = rig.bank.write

    def look_and_take(unit: int, address: int, values: tuple[int, ...]) -> None:
        with open_store(tmp_path / "state.db") as other_process:
            seen.append(other_process.leases()[capability].original)
        take(unit, address, values)

    rig.bank.write = look_and_take  # type: ignore[method-assign]
    with open_store(tmp_path / "state.db") as store:
        await hand(rig, store).apply(ask(capability, ours), AT)
    assert seen == [own]


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_the_owners_value_comes_back_at_hand_back(
    name: str, capability: Capability, store: Store
) -> None:
    rig = rig_of(name, capability)
    own, ours, _ = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    actuator = hand(rig, store)
    await actuator.apply(ask(capability, ours), AT)
    assert await held(rig, capability) == ours
    assert await actuator.hand_back(LATER)
    assert await held(rig, capability) == own
    assert store.leases() == {}


@pytest.mark.parametrize("arrives", [False, True], ids=["crash before", "crash after the write"])
@pytest.mark.parametrize("crashes", [1, 2])
@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_the_owners_value_survives_crashes_around_the_write(
    name: str, capability: Capability, crashes: int, *, arrives: bool, store: Store
) -> None:
    rig = rig_of(name, capability)
    own, *ours = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    mishap = Mishap(rig)

    class CrashError(Exception):
        """The process ends here."""

    for number in range(crashes):
        if arrives:
            mishap.lost_after = CrashError()  # type: ignore[assignment]
        else:
            mishap.lost_before = CrashError()  # type: ignore[assignment]
        with pytest.raises(CrashError):
            await hand(rig, store).apply(ask(capability, ours[number]), AT + number * (LATER - AT))
        mishap.lost_after = mishap.lost_before = None
    assert await hand(rig, store).hand_back(LATER)
    assert await held(rig, capability) == own
    assert store.leases() == {}


@pytest.mark.parametrize("arrives", [False, True], ids=["crash before", "crash after the write"])
@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_the_owners_value_survives_a_crash_of_the_service_and_then_of_its_restore(
    name: str, capability: Capability, *, arrives: bool, store: Store
) -> None:
    rig = rig_of(name, capability)
    own, ours, _ = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    await hand(rig, store).apply(ask(capability, ours), AT)  # and the process is gone
    mishap = Mishap(rig)

    class CrashError(Exception):
        """The process ends here."""

    for _ in range(1 if arrives else 3):
        if arrives:
            mishap.lost_after = CrashError()  # type: ignore[assignment]
        else:
            mishap.lost_before = CrashError()  # type: ignore[assignment]
        with pytest.raises(CrashError):
            await hand(rig, store).hand_back(LATER)
        assert set(store.leases()) == {capability}
    mishap.lost_after = mishap.lost_before = None
    assert await hand(rig, store).hand_back(LATER)
    assert await held(rig, capability) == own
    assert store.leases() == {}


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_our_value_is_not_taken_for_the_owners_after_a_crash(
    name: str, capability: Capability, store: Store
) -> None:
    rig = rig_of(name, capability)
    own, first, second = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    await hand(rig, store).apply(ask(capability, first), AT)
    after_crash = hand(rig, store)
    assert after_crash.holds_the_pump
    await after_crash.apply(ask(capability, second), LATER)
    assert await hand(rig, store).hand_back(LATER)
    assert await held(rig, capability) == own


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_somebody_elses_change_stands_until_resume(
    name: str, capability: Capability, store: Store
) -> None:
    rig = rig_of(name, capability)
    own, ours, third = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    actuator = hand(rig, store)
    await actuator.apply(ask(capability, ours), AT)
    turn(rig, capability, third)
    for hours in range(3, 9):
        outcome = await actuator.apply(ask(capability, ours), AT + timedelta(hours=hours))
        assert isinstance(outcome, NotApplied)
        assert "somebody else set it" in outcome.reason
    assert await actuator.hand_back(LATER)
    assert await held(rig, capability) == third
    actuator.take_up_again()
    again_at = AT + timedelta(hours=10)
    assert in_force(await actuator.apply(ask(capability, ours), again_at)) == {capability: ours}
    assert await actuator.hand_back(again_at)
    assert await held(rig, capability) == third


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_the_owner_may_turn_it_back_to_his_own_value(
    name: str, capability: Capability, store: Store
) -> None:
    rig = rig_of(name, capability)
    own, ours, _ = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    actuator = hand(rig, store)
    await actuator.apply(ask(capability, ours), AT)
    turn(rig, capability, own)
    outcome = await actuator.apply(ask(capability, ours), LATER)
    assert isinstance(outcome, NotApplied)
    assert await held(rig, capability) == own


@pytest.mark.parametrize(("name", "capability"), AT_ONCE)
async def test_a_change_by_somebody_else_before_hand_back_stands(
    name: str, capability: Capability, store: Store
) -> None:
    rig = rig_of(name, capability)
    own, ours, third = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    await hand(rig, store).apply(ask(capability, ours), AT)
    turn(rig, capability, third)
    assert await hand(rig, store).hand_back(LATER)
    assert await held(rig, capability) == third
    assert written(rig, capability) == [ours]


# ---- one by one ---


async def test_a_lost_first_write_is_not_taken_for_somebody_elses_hand(
    nibe: Rig, store: Store
) -> None:
    turn(nibe, OFFSET, 1.0)
    mishap = Mishap(nibe)
    mishap.lost_before = TransientError("no answer within 5 s")
    actuator = hand(nibe, store)
    await actuator.apply(ask(OFFSET, 3.0), AT)
    mishap.lost_before = None
    # a write whose answer was lost may have worn the memory: not at once again
    soon = AT + timedelta(minutes=1)
    assert in_force(await actuator.apply(ask(OFFSET, 3.0), soon)) == {OFFSET: 1.0}
    assert in_force(await actuator.apply(ask(OFFSET, 3.0), LATER)) == {OFFSET: 3.0}
    assert await actuator.hand_back(LATER)
    assert await held(nibe, OFFSET) == 1.0


async def test_a_write_that_arrives_late_is_still_ours(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 1.0)
    mishap = Mishap(nibe)
    mishap.ignores = True
    actuator = hand(nibe, store)
    assert in_force(await actuator.apply(ask(OFFSET, 3.0), AT)) == {OFFSET: 1.0}
    turn(nibe, OFFSET, 3.0)
    soon = AT + timedelta(minutes=1)
    assert in_force(await actuator.apply(ask(OFFSET, 3.0), soon)) == {OFFSET: 3.0}
    turn(nibe, OFFSET, 1.0)  # now it is a person who turns it
    assert isinstance(await actuator.apply(ask(OFFSET, 3.0), LATER), NotApplied)


async def test_what_the_device_makes_of_a_write_is_ours_too(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, -4.0)
    mishap = Mishap(nibe)
    mishap.made_of = (2,)  # a limit in its menu
    actuator = hand(nibe, store)
    assert in_force(await actuator.apply(ask(OFFSET, 5.0), AT)) == {OFFSET: 2.0}
    soon = AT + timedelta(minutes=1)
    assert in_force(await actuator.apply(ask(OFFSET, 5.0), soon)) == {OFFSET: 2.0}
    mishap.made_of = None
    assert await hand(nibe, store).hand_back(LATER)
    assert await held(nibe, OFFSET) == -4.0


async def test_a_value_the_owner_had_set_himself_costs_no_write(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 2.0)
    actuator = hand(nibe, store)
    assert in_force(await actuator.apply(ask(OFFSET, 2.0), AT)) == {OFFSET: 2.0}
    assert nibe.bank.writes == []
    turn(nibe, OFFSET, -1.0)
    assert isinstance(await actuator.apply(ask(OFFSET, 2.0), LATER), NotApplied)
    assert await held(nibe, OFFSET) == -1.0


@pytest.mark.parametrize(("own_c", "during_c"), [(50.0, 42.0), (38.0, 38.0)])
async def test_a_limit_lowers_the_tanks_set_point_and_never_raises_it(
    nibe: Rig, store: Store, own_c: float, during_c: float
) -> None:
    tank = Capability.DHW_SETPOINT
    turn(nibe, tank, own_c)
    actuator = hand(nibe, store)
    limited = Altered({tank: 42.0}, ("the grid operator allows 0 W",), {tank: Purpose.DSO})
    for minute in range(3):
        outcome = await actuator.apply(limited, AT + timedelta(minutes=minute))
        assert in_force(outcome) == {tank: during_c}
    assert await held(nibe, tank) == during_c
    assert len(written(nibe, tank)) == (1 if during_c != own_c else 0)
    assert await actuator.hand_back(LATER)
    assert await held(nibe, tank) == own_c


async def test_an_unreadable_stored_knob_is_not_touched(nibe: Rig, store: Store) -> None:
    nibe.bank.put("curve_offset", (0xFF80,))  # its sentinel
    outcome = await hand(nibe, store).apply(ask(OFFSET, 2.0), AT)
    assert isinstance(outcome, NotApplied)
    assert "its present value is unknown" in outcome.reason
    assert nibe.bank.writes == []


async def test_zero_is_an_owners_value_like_any_other(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 0.0)
    await hand(nibe, store).apply(ask(OFFSET, 3.0), AT)
    assert await hand(nibe, store).hand_back(LATER)
    assert await held(nibe, OFFSET) == 0.0


async def test_a_forbidden_knob_is_never_written(store: Store) -> None:
    profile = load_modbus_profile("nibe_s")
    knob = replace(profile.knobs[OFFSET], write_class=WriteClass.FORBIDDEN)
    rig = make_rig(replace(profile, knobs={OFFSET: knob}))
    turn(rig, OFFSET, 0.0)
    actuator = hand(rig, store)
    outcome = await actuator.apply(ask(OFFSET, 2.0), AT)
    assert isinstance(outcome, NotApplied)
    assert "must never be written" in outcome.reason
    assert await actuator.hand_back(LATER)
    assert rig.bank.writes == []


async def test_a_knob_that_left_the_profile_is_named_with_the_owners_value(
    nibe: Rig, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    turn(nibe, OFFSET, 4.0)
    await hand(nibe, store).apply(ask(OFFSET, 2.0), AT)
    without = make_rig(replace(nibe.profile, knobs={}))
    assert await hand(without, store).hand_back(LATER)
    assert "the profile has lost curve_offset: set it to 4 by hand" in caplog.text
