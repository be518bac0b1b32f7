"""One knob moved between two cycles: only that knob, only where it is ours, durable only once."""

from datetime import timedelta

import pytest
from hands import AT, FLOW, ask, hand, held, in_force, turn, written

from controller.act import Applied, NotApplied
from drivers.api import Capability
from drivers.errors import LinkLostError
from drivers.profile import load_modbus_profile
from drivers.testing import make_rig

POWER = Capability.POWER_LIMIT
SECOND = timedelta(seconds=1)
FREE = 65535.0


@pytest.fixture
def rig():
    found = make_rig(load_modbus_profile("generic_modbus"))
    turn(found, POWER, FREE)
    return found


async def test_the_other_knobs_stay_as_the_cycle_left_them(rig, store):
    actuator = hand(rig, store)
    await actuator.apply(ask(FLOW, 40.0), AT)
    assert in_force(await actuator.hold(POWER, 1500.0, AT + SECOND)) == {POWER: 1500.0}
    assert await held(rig, FLOW) == 40.0
    assert in_force(await actuator.hold(POWER, None, AT + 2 * SECOND)) == {}
    assert await held(rig, POWER) == FREE
    assert await held(rig, FLOW) == 40.0
    assert actuator.holds_the_pump


async def test_an_unchanged_value_is_not_written_again_before_it_is_due(rig, store):
    actuator = hand(rig, store)
    for number in range(300):
        assert isinstance(await actuator.hold(POWER, 1500.0, AT + number * SECOND), Applied)
    assert written(rig, POWER) == [1500.0]
    await actuator.hold(POWER, 1500.0, AT + 300 * SECOND)  # half of what the pump lets it live
    assert written(rig, POWER) == [1500.0] * 2


async def test_the_lease_is_durable_once_however_often_the_value_moves(rig, store):
    actuator = hand(rig, store)
    for number in range(5):
        await actuator.hold(POWER, 1500.0 + number, AT + number * SECOND)
    (lease,) = store.leases().values()
    assert (lease.capability, lease.written) == (POWER, 1500.0)
    assert await hand(rig, store).hand_back(AT + 10 * SECOND)  # as after a crash
    assert await held(rig, POWER) == FREE


async def test_what_is_not_ours_is_not_written(rig, store):
    observing = hand(rig, store, may_write=False)
    assert not observing.writes(POWER)
    outcome = await observing.hold(POWER, 1500.0, AT)
    assert outcome == NotApplied("observing: nothing is written")
    assert in_force(await observing.hold(POWER, None, AT)) == {}
    assert written(rig, POWER) == []


async def test_a_device_that_fails_is_told_and_not_raised(rig, store):
    actuator = hand(rig, store)
    assert actuator.writes(POWER)
    rig.bank.failure = LinkLostError("the cable is out")
    assert await actuator.hold(POWER, 1500.0, AT) == NotApplied("power_limit: the cable is out")
    rig.bank.failure = None
    await actuator.hold(POWER, 1500.0, AT + SECOND)
    rig.bank.failure = LinkLostError("the cable is out")
    await actuator.hold(POWER, None, AT + 2 * SECOND)
    assert actuator.holds_the_pump  # the next cycle tries again
