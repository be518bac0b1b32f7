"""The hand on two knobs at once: one for heat, one for the tank."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hands import AT, LATER, OFFSET, Mishap, hand, held, turn, written

from controller.act import Applied
from controller.guard import Allowed
from controller.leases import ours
from controller.store import Lease, open_store
from drivers.api import Capability, Knob, Sample, WriteClass
from drivers.errors import LinkLostError
from drivers.profile import load_modbus_profile
from drivers.testing import Rig, make_rig

TANK, BOOST = Capability.DHW_SETPOINT, Capability.DHW_BOOST
MUCH_LATER = LATER + timedelta(hours=2)


@pytest.fixture
def rig() -> Rig:
    """A pump that stores both: its owner has set 46 °C and no offset."""
    rig = make_rig(load_modbus_profile("nibe_s"))
    turn(rig, TANK, 46.0)
    turn(rig, OFFSET, 0.0)
    return rig


def ask(settings: Mapping[Capability, float]) -> Allowed:
    return Allowed(settings)


async def test_both_knobs_follow(rig: Rig, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        outcome = await hand(rig, store).apply(ask({OFFSET: 2.0, TANK: 50.0}), AT)
    assert outcome == Applied({OFFSET: 2.0, TANK: 50.0}, {OFFSET: 2.0, TANK: 50.0})


async def test_a_knob_no_longer_wanted_goes_back_alone(rig: Rig, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        actuator = hand(rig, store)
        await actuator.apply(ask({OFFSET: 2.0, TANK: 50.0}), AT)
        outcome = await actuator.apply(ask({OFFSET: 2.0}), LATER)
        assert outcome == Applied({OFFSET: 2.0}, {OFFSET: 2.0})
        assert await held(rig, TANK) == 46.0
        assert await held(rig, OFFSET) == 2.0
        assert set(store.leases()) == {OFFSET}


async def test_a_knob_that_could_not_go_back_is_tried_again(rig: Rig, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        actuator, mishap = hand(rig, store), Mishap(rig)
        await actuator.apply(ask({OFFSET: 2.0, TANK: 50.0}), AT)
        mishap.lost_before = LinkLostError("gone")
        await actuator.apply(ask({OFFSET: 2.0}), LATER)
        assert set(store.leases()) == {OFFSET, TANK}
        mishap.lost_before = None
        await actuator.apply(ask({OFFSET: 2.0}), MUCH_LATER)
        assert set(store.leases()) == {OFFSET}
    assert await held(rig, TANK) == 46.0


async def test_the_owners_setpoint_returns_when_the_pump_is_handed_back(
    rig: Rig, tmp_path: Path
) -> None:
    with open_store(tmp_path / "state.db") as store:
        actuator = hand(rig, store)
        await actuator.apply(ask({TANK: 42.0}), AT)
        assert await actuator.hand_back(LATER)
    assert written(rig, TANK) == [42.0, 46.0]


def test_a_stored_boost_that_has_ended_was_ended_by_nobody_else() -> None:
    knob = Knob(
        capability=BOOST, point="boost", minimum=0.0, maximum=1.0, resolution=1.0,
        write_class=WriteClass.PERSISTENT, safe_minimum=0.0, safe_maximum=1.0,
    )  # fmt: skip
    lease = Lease(BOOST, 0.0, 1.0, 1.0, AT, AT)
    assert ours(Sample(0.0, LATER), lease, knob)
    assert not ours(Sample(2.0, LATER), lease, knob)
