"""The hand on the pump: volatile leases, hand-back under trouble, observing, a full disk."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hands import (
    AT,
    FLOW,
    FREE,
    HEAT_PUMPS,
    LATER,
    OFFSET,
    Mishap,
    ask,
    hand,
    held,
    in_force,
    knobs_of,
    rig_of,
    turn,
    written,
)

from controller.act import Applied, NotApplied
from controller.guard import Allowed, Altered, Refused
from controller.store import Store, open_store
from drivers.api import Capability, Knob, WriteClass
from drivers.errors import LinkLostError, TransientError
from drivers.profile import load_modbus_profile
from drivers.testing import Rig, make_rig

MINUTE = timedelta(minutes=1)


def somewhere(knob: Knob) -> float:
    """A value inside the knob's range."""
    return min(knob.minimum + 10 * knob.resolution, knob.maximum)


VOLATILE = [
    pytest.param(name, capability, load_modbus_profile(name).knobs[capability].lapse_s)
    for name, capability in knobs_of(WriteClass.VOLATILE)
]


@pytest.mark.parametrize(
    ("name", "capability", "lapse_s"), [case for case in VOLATILE if case.values[2] is not None]
)
async def test_a_volatile_value_is_renewed_at_half_its_lapse(
    name: str, capability: Capability, lapse_s: float, store: Store
) -> None:
    rig = rig_of(name, capability)
    knob = rig.pump.knobs[capability]
    actuator = hand(rig, store)
    value = somewhere(knob)
    for share, times in ((0.0, 1), (0.49, 1), (0.5, 2), (0.9, 2), (1.0, 3)):
        at = AT + timedelta(seconds=lapse_s * share)
        outcome = await actuator.apply(ask(capability, value), at)
        assert isinstance(outcome, Applied)
        assert outcome.acknowledged == {capability: pytest.approx(value)}
        assert await held(rig, capability) == pytest.approx(value)
        assert written(rig, capability) == [pytest.approx(value)] * times


@pytest.mark.parametrize(
    ("name", "capability", "lapse_s"), [case for case in VOLATILE if case.values[2] is None]
)
async def test_a_volatile_value_that_does_not_lapse_is_written_once_and_after_a_restart(
    name: str, capability: Capability, lapse_s: None, store: Store
) -> None:
    del lapse_s
    rig = rig_of(name, capability)
    knob = rig.pump.knobs[capability]
    assert knob.release_value is not None  # nothing else would end it
    actuator = hand(rig, store)
    value = somewhere(knob)
    for hours in range(24):
        await actuator.apply(ask(capability, value), AT + timedelta(hours=hours))
    assert written(rig, capability) == [pytest.approx(value)]
    turn(rig, capability, knob.release_value)  # it has restarted and forgotten
    await actuator.apply(ask(capability, value), AT + timedelta(days=1))
    assert await held(rig, capability) == pytest.approx(value)
    assert await actuator.hand_back(AT + timedelta(days=2))
    assert await held(rig, capability) == knob.release_value


async def test_another_volatile_value_is_written_at_once(generic: Rig, store: Store) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    await actuator.apply(ask(FLOW, 35.04), AT)  # below the knob's resolution
    await actuator.apply(ask(FLOW, 35.1), AT)
    assert written(generic, FLOW) == [35.0, 35.1]


async def test_a_clock_that_was_set_back_does_not_stop_the_renewal(
    generic: Rig, store: Store
) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    await actuator.apply(ask(FLOW, 35.0), AT - timedelta(days=1))
    assert written(generic, FLOW) == [35.0, 35.0]
    await actuator.apply(ask(FLOW, 36.0), AT - timedelta(days=1))
    assert written(generic, FLOW) == [35.0, 35.0, 36.0]


async def test_a_volatile_value_that_the_pump_has_lost_is_written_again(
    generic: Rig, store: Store
) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    turn(generic, FLOW, 20.0)  # it has restarted
    assert in_force(await actuator.apply(ask(FLOW, 35.0), AT + MINUTE)) == {FLOW: 35.0}
    assert await held(generic, FLOW) == 35.0


async def test_a_volatile_write_that_failed_is_tried_again_in_the_next_cycle(
    generic: Rig, store: Store
) -> None:
    mishap = Mishap(generic)
    mishap.lost_before = TransientError("no answer within 3 s")
    actuator = hand(generic, store)
    outcome = await actuator.apply(ask(FLOW, 35.0), AT)
    assert outcome == NotApplied("flow_setpoint: no answer within 3 s")
    mishap.lost_before = None
    assert in_force(await actuator.apply(ask(FLOW, 35.0), AT + MINUTE)) == {FLOW: 35.0}


async def test_a_volatile_knob_is_written_even_if_its_register_was_unreadable_before(
    generic: Rig, store: Store
) -> None:
    actuator = hand(generic, store)
    generic.bank.put("flow_setpoint", (0xFFFF,))  # outside its plausible range
    assert in_force(await actuator.apply(ask(FLOW, 35.0), AT)) == {FLOW: 35.0}


async def test_what_cannot_be_read_back_is_never_reported_as_held(
    generic: Rig, store: Store
) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    generic.bank.put("flow_setpoint", (0xFFFF,))
    outcome = await actuator.apply(ask(FLOW, 35.0), AT + timedelta(minutes=1))
    assert isinstance(outcome, NotApplied)
    assert "cannot be read back" in outcome.reason


async def test_a_missing_read_back_after_a_write_is_told(generic: Rig, store: Store) -> None:
    mishap = Mishap(generic)
    mishap.silent_reads = 1
    outcome = await hand(generic, store).apply(ask(FLOW, 35.0), AT)
    assert outcome == NotApplied("flow_setpoint: written, but it could not be read back: busy")
    assert await held(generic, FLOW) == 35.0


async def test_a_volatile_knob_is_released_by_its_release_value(generic: Rig, store: Store) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    assert actuator.holds_the_pump
    assert await actuator.hand_back(LATER)
    knob = generic.pump.knobs[FLOW]
    assert await held(generic, FLOW) == knob.release_value
    assert not actuator.holds_the_pump
    assert store.leases() == {}


async def test_a_volatile_knob_without_release_value_is_left_to_lapse(store: Store) -> None:
    profile = load_modbus_profile("generic_modbus")
    knob = replace(profile.knobs[FLOW], release_value=None)
    rig = make_rig(replace(profile, knobs={FLOW: knob}))
    actuator = hand(rig, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    assert await actuator.hand_back(LATER)
    assert written(rig, FLOW) == [35.0]


# ---- hand-back under trouble ---------------------------------------------------------------------


async def test_a_refusal_hands_the_pump_back_and_says_why(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 1.0)
    actuator = hand(nibe, store)
    await actuator.apply(Altered({OFFSET: 3.0}, ("bounded",)), AT)
    outcome = await actuator.apply(Refused(("no room temperature", "alarm 7")), LATER)
    assert outcome == NotApplied("no room temperature; alarm 7")
    assert await held(nibe, OFFSET) == 1.0


async def test_a_refusal_without_a_lease_touches_nothing(nibe: Rig, store: Store) -> None:
    await hand(nibe, store).apply(FREE, AT)
    assert nibe.bank.reads == 0
    assert nibe.bank.writes == []


async def test_a_device_that_fails_at_hand_back_is_tried_again(
    generic: Rig, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    turn(generic, OFFSET, 1.0)
    actuator = hand(generic, store)
    await actuator.apply(Allowed({FLOW: 35.0, OFFSET: 3.0}), AT)
    generic.bank.failure = LinkLostError("unplugged")
    assert not await actuator.hand_back(LATER)
    assert set(store.leases()) == {FLOW, OFFSET}
    assert "unplugged" in caplog.text
    generic.bank.failure = None
    await actuator.apply(FREE, LATER)
    assert store.leases() == {}
    assert await held(generic, OFFSET) == 1.0


async def test_one_failing_knob_does_not_keep_the_others(generic: Rig, store: Store) -> None:
    turn(generic, OFFSET, 1.0)
    actuator = hand(generic, store)
    await actuator.apply(Allowed({OFFSET: 3.0, FLOW: 35.0}), AT)
    generic.bank.put("curve_offset", (0x7FFF,))  # unreadable now
    assert not await actuator.hand_back(LATER)
    assert set(store.leases()) == {OFFSET}


async def test_a_restored_value_is_believed_only_when_read_back(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 1.0)
    actuator = hand(nibe, store)
    await actuator.apply(ask(OFFSET, 3.0), AT)
    mishap = Mishap(nibe)
    mishap.ignores = True
    assert not await actuator.hand_back(LATER)
    assert set(store.leases()) == {OFFSET}
    mishap.ignores = False
    assert await actuator.hand_back(LATER)
    assert await held(nibe, OFFSET) == 1.0


async def test_a_restored_value_that_cannot_be_read_back_is_written_again(
    nibe: Rig, store: Store
) -> None:
    turn(nibe, OFFSET, 1.0)
    actuator = hand(nibe, store)
    await actuator.apply(ask(OFFSET, 3.0), AT)
    Mishap(nibe).silent_reads = 1
    assert not await actuator.hand_back(LATER)
    assert await actuator.hand_back(LATER)
    assert await held(nibe, OFFSET) == 1.0


# ---- observing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HEAT_PUMPS)
async def test_observing_never_writes(name: str, store: Store) -> None:
    rig = make_rig(load_modbus_profile(name))
    observer = hand(rig, store, may_write=False)
    for capability, knob in rig.pump.knobs.items():
        outcome = await observer.apply(ask(capability, knob.minimum), AT)
        assert outcome == NotApplied("observing: nothing is written")
    await observer.apply(FREE, LATER)
    assert await observer.hand_back(LATER)
    assert rig.bank.writes == []
    assert store.leases() == {}


async def test_an_observer_gives_back_what_an_earlier_run_left(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 1.0)
    await hand(nibe, store).apply(ask(OFFSET, 3.0), AT)
    assert await hand(nibe, store, may_write=False).hand_back(LATER)
    assert await held(nibe, OFFSET) == 1.0


async def test_the_present_value_is_told_or_none(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, -2.0)
    actuator = hand(nibe, store)
    assert await actuator.current(OFFSET) == -2.0
    nibe.bank.failure = LinkLostError("unplugged")
    assert await actuator.current(OFFSET) is None


# ---- the disk ------------------------------------------------------------------------------------


async def test_what_cannot_be_saved_is_not_written(nibe: Rig, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_store(path) as store:
        actuator = hand(nibe, store)
        other = sqlite3.connect(path)
        other.execute("ALTER TABLE lease RENAME TO gone")
        outcome = await actuator.apply(ask(OFFSET, 3.0), AT)
        assert isinstance(outcome, NotApplied)
        assert "the lease cannot be saved" in outcome.reason
        assert nibe.bank.writes == []
        assert not actuator.holds_the_pump
        other.execute("ALTER TABLE gone RENAME TO lease")
        other.close()
        assert in_force(await actuator.apply(ask(OFFSET, 3.0), AT)) == {OFFSET: 3.0}


async def test_a_full_disk_does_not_stop_the_hand_back(
    nibe: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.db"
    turn(nibe, OFFSET, 1.0)
    with open_store(path) as store:
        actuator = hand(nibe, store)
        await actuator.apply(ask(OFFSET, 3.0), AT)
        other = sqlite3.connect(path)
        other.execute(
            "CREATE TRIGGER full BEFORE DELETE ON lease BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        other.close()
        assert await actuator.hand_back(LATER)
        assert "disk full" in caplog.text
        assert not actuator.holds_the_pump
        # the lease that stayed does no harm at the next start
        turn(nibe, OFFSET, 4.0)
        assert await hand(nibe, store).hand_back(LATER)
    assert await held(nibe, OFFSET) == 4.0
