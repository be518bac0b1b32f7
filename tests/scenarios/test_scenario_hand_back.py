"""A pump that keeps what it is told: the owner's setting comes back, whatever happens to us."""

import asyncio
import contextlib
import sqlite3
from datetime import timedelta
from itertools import pairwise

import pytest
from scripted import (
    START,
    ScriptedWorld,
    Story,
    at_hour,
    config_of,
    live,
    play,
    records_in,
    spec,
)

from bench.run import archive_of
from controller.app import heat_knob
from controller.recorder import Records
from controller.replay import replay
from drivers.api import Capability
from drivers.profile import load_modbus_profile

pytestmark = pytest.mark.timeout(120)  # a simulated span before the first test

OWNERS_OFFSET = -5  # the owner may set it; heatherd itself never goes below -3
CURVE_OFFSET_REGISTER = 30
FLOW_SETPOINT_REGISTER = 0


def owner_sets_his_offset(world):
    world.house.modbus.bus.write(1, CURVE_OFFSET_REGISTER, [OWNERS_OFFSET & 0xFFFF])


def leases_in(config):
    with contextlib.closing(sqlite3.connect(config.storage.directory / "state.db")) as db:
        return dict(db.execute("SELECT capability, original FROM lease"))


@pytest.fixture(scope="session")
def nibe_day(tmp_path_factory):
    seen = {}

    def looks_at_the_lease(world):
        seen["lease"] = leases_in(world.config)
        seen["offset"] = world.offset_in_register()

    story = play(
        tmp_path_factory.mktemp("nibe"),
        {at_hour(12): looks_at_the_lease},
        run_spec=spec(profile="nibe_s", days=1),
        prepare=owner_sets_his_offset,
    )
    return story, seen


def test_the_owners_offset_is_saved_while_ours_is_in_the_pump(nibe_day):
    _, seen = nibe_day
    assert seen["lease"] == {"curve_offset": OWNERS_OFFSET}
    assert -3 <= seen["offset"] <= 5


def test_the_owners_offset_is_back_at_the_end_of_the_run(nibe_day):
    story, _ = nibe_day
    assert story.world.offset_in_register() == OWNERS_OFFSET
    assert leases_in(story.config) == {}


def test_a_persistent_knob_is_written_on_change_only_and_not_too_often(nibe_day):
    story, _ = nibe_day
    writes = story.world.wire.writes
    knob = load_modbus_profile("nibe_s").knobs[Capability.CURVE_OFFSET]
    assert {address for _, address, _ in writes} == {CURVE_OFFSET_REGISTER}
    assert 3 < len(writes) <= 49  # at most every half hour, and the owner's at the end
    pairs = list(pairwise(writes))
    assert all(before[2] != after[2] for before, after in pairs)
    ours = pairs[:-1]
    least = timedelta(seconds=knob.minimum_interval_s)
    assert all(after[0] - before[0] >= least for before, after in ours)
    assert story.world.house.pump_registers.write_counts == {"curve_offset": len(writes) + 1}


def test_steering_by_the_curve_keeps_the_rooms_liveable(nibe_day):
    story, _ = nibe_day
    assert story.steered(at_hour(0.1), at_hour(24))
    rooms_c = story.rooms_c()
    assert min(rooms_c) > 19.0
    assert max(rooms_c) < 23.5


# ---- killed --------------------------------------------------------------------------------------


class KilledError(Exception):
    """The process ends between two cycles, without a last word."""


def killed_and_restarted(directory, profile):
    """Two runs on one directory; the first dies steering, with no chance to hand back."""
    run_spec = spec(profile=profile, days=2 / 24)
    archive = archive_of(run_spec)
    config = config_of(run_spec, archive, directory)
    found = {}

    def dies(world):
        world.wire.down = True  # nothing of the dying process reaches the pump any more
        raise KilledError

    async def both():
        world = ScriptedWorld(run_spec, archive, {at_hour(1): dies})
        if profile == "nibe_s":
            owner_sets_his_offset(world)
        try:
            await live(world, config, until=run_spec.end_at)
        except* KilledError:
            found["died_at"] = world.house.at
        world.wire.down = False
        found["leases"] = leases_in(config)
        found["records"] = records_in(config)
        found["writes"] = len(world.wire.writes)
        await live(world, config, until=run_spec.end_at)
        return world

    return Story(asyncio.run(both()), config, records_in(config)), found


@pytest.fixture(scope="session", params=["generic_modbus", "nibe_s"])
def restarted(request, tmp_path_factory):
    return killed_and_restarted(tmp_path_factory.mktemp("killed"), request.param), request.param


def test_after_a_crash_the_pump_is_handed_back_before_anything_else(restarted):
    (story, found), profile = restarted
    assert len(found["leases"]) == 1
    at, address, registers = story.world.wire.writes[found["writes"]]
    assert at == found["died_at"] == at_hour(1)
    if profile == "nibe_s":
        assert found["leases"] == {"curve_offset": OWNERS_OFFSET}
        assert (address, registers) == (CURVE_OFFSET_REGISTER, (OWNERS_OFFSET & 0xFFFF,))
    else:
        assert (address, registers) == (FLOW_SETPOINT_REGISTER, (0,))


def test_after_a_crash_and_a_restart_the_owners_settings_are_back_in_the_end(restarted):
    (story, _), profile = restarted
    assert leases_in(story.config) == {}
    if profile == "nibe_s":
        assert story.world.offset_in_register() == OWNERS_OFFSET
    else:
        assert story.world.house.firmware.flow_request_c is None


def test_records_of_a_crash_are_whole_and_not_doubled(restarted):
    (story, found), _ = restarted
    instants = [record.at for record in story.records]
    assert instants == [START + timedelta(minutes=minute) for minute in range(120)]
    assert story.records[: len(found["records"])] == found["records"]
    begun = [record.at for record in story.records if not record.continues]
    assert begun == [START, at_hour(1)]
    opened = Records(story.config.storage.directory / "records.db")
    assert list(replay(opened, heat_knob)) == [None] * 120
    opened.close()


def test_a_restarted_service_steers_again(restarted):
    (story, _), _ = restarted
    assert story.steered(at_hour(1.1), at_hour(2))
