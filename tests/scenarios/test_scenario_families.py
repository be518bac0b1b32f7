"""Every shipped heat pump with a knob for heat heats a simulated house through its registers."""

import pytest
from scripted import at_hour, play, spec

from controller.act import Applied
from controller.actuation import choose_knob
from drivers.api import WriteClass
from drivers.profile import Transport, load_modbus_profile, shipped_profiles

HOURS = 3.0


def steerable() -> list[str]:
    """The profiles that offer heatherd a knob for heat."""
    profiles = [load_modbus_profile(name) for name in shipped_profiles(Transport.MODBUS)]
    return [profile.name for profile in profiles if choose_knob(profile.knobs, None) is not None]


@pytest.fixture(scope="module", params=steerable())
def story(request, tmp_path_factory):
    run_spec = spec(profile=request.param, days=HOURS / 24)
    return play(tmp_path_factory.mktemp(request.param), {}, run_spec=run_spec)


@pytest.fixture
def knob(story):
    return choose_knob(load_modbus_profile(story.config.heat_pump.profile).knobs, None)


def test_the_pump_is_steered_by_its_knob(story, knob):
    assert story.steered(at_hour(0.1), at_hour(HOURS))
    applied = [record.outcome for record in story.records if isinstance(record.outcome, Applied)]
    assert len(applied) > 0.9 * len(story.records)
    assert {capability for outcome in applied for capability in outcome.read_back} == {
        knob.capability
    }


def test_only_the_knob_is_written_and_inside_what_a_house_can_live_with(story, knob):
    profile = load_modbus_profile(story.config.heat_pump.profile)
    writes = story.world.wire.writes
    assert {address for _, address, _ in writes} <= {profile.points[knob.point].address}
    wanted = [record.wanted.settings for record in story.records if record.wanted.settings]
    own = story.records[0].current
    assert writes or all(settings == {knob.capability: own} for settings in wanted)
    for record in story.records:
        if isinstance(record.outcome, Applied) and knob.safe_minimum is not None:
            for held in record.outcome.read_back.values():  # none while the pump settles
                assert knob.safe_minimum <= held <= knob.safe_maximum


def test_the_pump_is_handed_back_at_the_end(story, knob):
    house = story.world.house
    if knob.write_class is WriteClass.VOLATILE:
        assert house.firmware.flow_request_c is None
    else:
        assert house.firmware.curve_offset_k == 0.0
        assert house.firmware.room_setpoint_c == story.config.comfort.room_c


def test_the_rooms_stay_liveable(story):
    assert 19.0 < min(story.rooms_c()) <= max(story.rooms_c()) < 23.5
