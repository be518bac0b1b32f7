"""The hand on the pump: leases, read-back, crashes, other people's hands, hand-back."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.act import Actuator, Applied, NotApplied
from controller.guard import Allowed, Altered, Refused
from controller.store import Store, open_store
from drivers.api import Capability, Knob, Sample, WriteClass
from drivers.errors import DriverError, LinkLostError, TransientError
from drivers.points import Point, Space, decode, encode
from drivers.profile import Profile, load_profile, shipped_profiles
from drivers.testing import Rig, make_rig

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=2)
FLOW, OFFSET, ROOM = Capability.FLOW_SETPOINT, Capability.CURVE_OFFSET, Capability.ROOM_SETPOINT
FREE = Refused(("nothing to ask",))
HEAT_PUMPS = [name for name in shipped_profiles() if load_profile(name).kind == "heat_pump"]
STORED = [
    pytest.param(name, capability, id=f"{name}-{capability}")
    for name in HEAT_PUMPS
    for capability, knob in load_profile(name).knobs.items()
    if knob.write_class is WriteClass.PERSISTENT
]
VOLATILE = [
    pytest.param(name, capability, id=f"{name}-{capability}")
    for name in HEAT_PUMPS
    for capability, knob in load_profile(name).knobs.items()
    if knob.write_class is WriteClass.VOLATILE
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "state.db") as opened:
        yield opened


@pytest.fixture
def generic() -> Rig:
    return make_rig(load_profile("generic_modbus"))


@pytest.fixture
def nibe() -> Rig:
    return make_rig(load_profile("nibe_s"))


def hand(rig: Rig, store: Store, *, may_write: bool = True) -> Actuator:
    """A new hand on the same pump and store, as after a start."""
    return Actuator(rig.pump, store, may_write=may_write)


def ask(capability: Capability, value: float) -> Allowed:
    return Allowed({capability: value})


def point_of(profile: Profile, capability: Capability) -> Point:
    return profile.points[profile.knobs[capability].point]


def turn(rig: Rig, capability: Capability, value: float) -> None:
    """Somebody sets the knob at the pump."""
    point = point_of(rig.profile, capability)
    rig.bank.put(point.name, encode(point, value))


async def held(rig: Rig, capability: Capability) -> float:
    sample = await rig.pump.read_back(capability)
    assert isinstance(sample, Sample)
    return sample.value


def written(rig: Rig, capability: Capability) -> list[float]:
    """All that was ever written to the knob, decoded."""
    point = point_of(rig.profile, capability)
    values = [
        decode(point, list(raw)) for address, raw in rig.bank.writes if address == point.address
    ]
    return [value for value in values if isinstance(value, float)]


class Mishap:
    """What can go wrong on the wire, put before a rig's register bank."""

    def __init__(self, rig: Rig) -> None:
        self._take = rig.bank.write
        self._give = rig.bank.read
        self._bank = rig.bank
        rig.bank.write = self.write  # type: ignore[method-assign]
        rig.bank.read = self.read  # type: ignore[method-assign]
        self.lost_before: DriverError | None = None  # the request never arrives
        self.lost_after: DriverError | None = None  # it arrives, its answer does not
        self.made_of: tuple[int, ...] | None = None  # the device stores this instead
        self.ignores = False  # the device accepts and does nothing
        self.silent_reads = 0  # after the next write

    def write(self, unit: int, address: int, values: tuple[int, ...]) -> None:
        if self.lost_before is not None:
            raise self.lost_before
        if not self.ignores:
            self._take(unit, address, values if self.made_of is None else self.made_of)
        if self.lost_after is not None:
            raise self.lost_after
        if self.silent_reads:
            self._bank.failure = TransientError("busy")

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        if self._bank.failure is not None and self.silent_reads:
            self.silent_reads -= 1
            failure, self._bank.failure = self._bank.failure, None
            raise failure
        return self._give(unit, space, address, count)


# ---- volatile knobs ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "capability"), VOLATILE)
async def test_a_volatile_value_is_renewed_at_half_its_lapse(
    name: str, capability: Capability, store: Store
) -> None:
    rig = make_rig(load_profile(name))
    knob = rig.pump.knobs[capability]
    assert knob.lapse_s is not None
    actuator = hand(rig, store)
    value = knob.minimum + 10 * knob.resolution
    for share, times in ((0.0, 1), (0.49, 1), (0.5, 2), (0.9, 2), (1.0, 3)):
        at = AT + timedelta(seconds=knob.lapse_s * share)
        outcome = await actuator.apply(ask(capability, value), at)
        assert outcome == Applied({capability: pytest.approx(value)})
        assert written(rig, capability) == [pytest.approx(value)] * times


async def test_another_volatile_value_is_written_at_once(generic: Rig, store: Store) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    await actuator.apply(ask(FLOW, 35.04), AT)  # below the knob's resolution
    await actuator.apply(ask(FLOW, 35.1), AT)
    assert written(generic, FLOW) == [35.0, 35.1]


async def test_a_volatile_value_that_the_pump_has_lost_is_written_again(
    generic: Rig, store: Store
) -> None:
    actuator = hand(generic, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    turn(generic, FLOW, 20.0)  # it has restarted
    assert await actuator.apply(ask(FLOW, 35.0), AT + timedelta(minutes=1)) == Applied({FLOW: 35.0})
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
    assert await actuator.apply(ask(FLOW, 35.0), AT + timedelta(minutes=1)) == Applied({FLOW: 35.0})


async def test_a_volatile_knob_is_written_even_if_its_register_was_unreadable_before(
    generic: Rig, store: Store
) -> None:
    actuator = hand(generic, store)
    generic.bank.put("flow_setpoint", (0xFFFF,))  # outside its plausible range
    assert await actuator.apply(ask(FLOW, 35.0), AT) == Applied({FLOW: 35.0})


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
    profile = load_profile("generic_modbus")
    knob = replace(profile.knobs[FLOW], release_value=None)
    rig = make_rig(replace(profile, knobs={FLOW: knob}))
    actuator = hand(rig, store)
    await actuator.apply(ask(FLOW, 35.0), AT)
    assert await actuator.hand_back(LATER)
    assert written(rig, FLOW) == [35.0]


# ---- stored knobs, for every shipped heat pump ---------------------------------------------------


def owners_and_ours(knob: Knob) -> tuple[float, float, float]:
    """The owner's value, and two that heatherd may want."""
    assert knob.safe_minimum is not None
    assert knob.safe_maximum is not None
    return knob.minimum, knob.safe_minimum, knob.safe_maximum


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_a_stored_value_is_written_on_change_only_and_seldom(
    name: str, capability: Capability, store: Store
) -> None:
    rig = make_rig(load_profile(name))
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
    assert outcome == Applied({capability: second})
    assert written(rig, capability) == [first, second]
    await actuator.apply(ask(capability, first), too_soon + timedelta(seconds=1))
    assert written(rig, capability) == [first, second, first]


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_the_owners_value_is_durable_before_the_first_write(
    name: str, capability: Capability, tmp_path: Path
) -> None:
    rig = make_rig(load_profile(name))
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
    rig = make_rig(load_profile(name))
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
    rig = make_rig(load_profile(name))
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


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_our_value_is_not_taken_for_the_owners_after_a_crash(
    name: str, capability: Capability, store: Store
) -> None:
    rig = make_rig(load_profile(name))
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
    rig = make_rig(load_profile(name))
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
    assert await actuator.apply(ask(capability, ours), again_at) == Applied({capability: ours})
    assert await actuator.hand_back(again_at)
    assert await held(rig, capability) == third


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_the_owner_may_turn_it_back_to_his_own_value(
    name: str, capability: Capability, store: Store
) -> None:
    rig = make_rig(load_profile(name))
    own, ours, _ = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    actuator = hand(rig, store)
    await actuator.apply(ask(capability, ours), AT)
    turn(rig, capability, own)
    outcome = await actuator.apply(ask(capability, ours), LATER)
    assert isinstance(outcome, NotApplied)
    assert await held(rig, capability) == own


@pytest.mark.parametrize(("name", "capability"), STORED)
async def test_a_change_by_somebody_else_before_hand_back_stands(
    name: str, capability: Capability, store: Store
) -> None:
    rig = make_rig(load_profile(name))
    own, ours, third = owners_and_ours(rig.pump.knobs[capability])
    turn(rig, capability, own)
    await hand(rig, store).apply(ask(capability, ours), AT)
    turn(rig, capability, third)
    assert await hand(rig, store).hand_back(LATER)
    assert await held(rig, capability) == third
    assert written(rig, capability) == [ours]


# ---- stored knobs, one by one --------------------------------------------------------------------


async def test_a_lost_first_write_is_not_taken_for_somebody_elses_hand(
    nibe: Rig, store: Store
) -> None:
    turn(nibe, OFFSET, 1.0)
    mishap = Mishap(nibe)
    mishap.lost_before = TransientError("no answer within 5 s")
    actuator = hand(nibe, store)
    await actuator.apply(ask(OFFSET, 3.0), AT)
    mishap.lost_before = None
    assert await actuator.apply(ask(OFFSET, 3.0), AT + timedelta(minutes=1)) == Applied(
        {OFFSET: 1.0}
    )  # a write whose answer was lost may have worn the memory: not at once again
    assert await actuator.apply(ask(OFFSET, 3.0), LATER) == Applied({OFFSET: 3.0})
    assert await actuator.hand_back(LATER)
    assert await held(nibe, OFFSET) == 1.0


async def test_a_write_that_arrives_late_is_still_ours(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 1.0)
    mishap = Mishap(nibe)
    mishap.ignores = True
    actuator = hand(nibe, store)
    assert await actuator.apply(ask(OFFSET, 3.0), AT) == Applied({OFFSET: 1.0})
    turn(nibe, OFFSET, 3.0)
    soon = AT + timedelta(minutes=1)
    assert await actuator.apply(ask(OFFSET, 3.0), soon) == Applied({OFFSET: 3.0})
    turn(nibe, OFFSET, 1.0)  # now it is a person who turns it
    assert isinstance(await actuator.apply(ask(OFFSET, 3.0), LATER), NotApplied)


async def test_what_the_device_makes_of_a_write_is_ours_too(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, -4.0)
    mishap = Mishap(nibe)
    mishap.made_of = (2,)  # a limit in its menu
    actuator = hand(nibe, store)
    assert await actuator.apply(ask(OFFSET, 5.0), AT) == Applied({OFFSET: 2.0})
    assert await actuator.apply(ask(OFFSET, 5.0), AT + timedelta(minutes=1)) == Applied(
        {OFFSET: 2.0}
    )
    mishap.made_of = None
    assert await hand(nibe, store).hand_back(LATER)
    assert await held(nibe, OFFSET) == -4.0


async def test_a_value_the_owner_had_set_himself_costs_no_write(nibe: Rig, store: Store) -> None:
    turn(nibe, OFFSET, 2.0)
    actuator = hand(nibe, store)
    assert await actuator.apply(ask(OFFSET, 2.0), AT) == Applied({OFFSET: 2.0})
    assert nibe.bank.writes == []
    turn(nibe, OFFSET, -1.0)
    assert isinstance(await actuator.apply(ask(OFFSET, 2.0), LATER), NotApplied)
    assert await held(nibe, OFFSET) == -1.0


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
    profile = load_profile("nibe_s")
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
    rig = make_rig(load_profile(name))
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
        assert await actuator.apply(ask(OFFSET, 3.0), AT) == Applied({OFFSET: 3.0})


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
