"""Heat pumps and relays behind MQTT: steered, handed back, lost and found, like those on a bus."""

import asyncio
from datetime import timedelta

import pytest
from scripted import at_hour, play, records_in, spec

from bench.process_world import process_world
from bench.run import archive_of, drive, run_in_memory
from bench.spec import house_config
from controller.act import Applied, NotApplied
from controller.actuation import choose_knob
from controller.guard import Refused
from controller.planner import InlinePlanner
from drivers.api import Capability, Signal
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.profile import DeviceKind, Transport, load_mqtt_profile, shipped_profiles
from hil.house import load_house
from hil.sg_ready import NORMAL

HOURS = 3.0


def steerable():
    """The pumps behind MQTT that offer heatherd a knob for heat."""
    profiles = [load_mqtt_profile(name) for name in shipped_profiles(Transport.MQTT)]
    return [
        profile.name
        for profile in profiles
        if profile.kind is DeviceKind.HEAT_PUMP and choose_knob(profile.knobs, None) is not None
    ]


@pytest.fixture(scope="module", params=steerable())
def story(request, tmp_path_factory):
    run_spec = spec(profile=request.param, days=HOURS / 24)
    return play(tmp_path_factory.mktemp(request.param), {}, run_spec=run_spec)


@pytest.fixture
def knob(story):
    return choose_knob(load_mqtt_profile(story.config.heat_pump.profile).knobs, None)


def test_the_pump_is_steered_by_its_knob(story, knob):
    applied = [record.outcome for record in story.records if isinstance(record.outcome, Applied)]
    assert len(applied) > 0.9 * len(story.records)
    assert {c for outcome in applied for c in outcome.read_back} == {knob.capability}


def test_the_pump_is_handed_back_at_the_end(story):
    firmware = story.world.house.firmware
    assert firmware.flow_request_c is None
    assert firmware.curve_offset_k == 0.0
    assert firmware.sg.asked == NORMAL
    assert firmware.room_setpoint_c == story.config.comfort.room_c


def test_the_rooms_stay_liveable(story):
    assert 19.0 < min(story.rooms_c()) <= max(story.rooms_c()) < 23.5


def test_a_bridge_that_is_gone_is_noticed_and_taken_up_again(tmp_path):
    story = play(
        tmp_path,
        {
            at_hour(1.0): lambda world: world.house.silence(),
            at_hour(2.0): lambda world: world.house.silence(False),
        },
        run_spec=spec(profile="generic_mqtt", days=HOURS / 24),
    )
    away = story.between(at_hour(1.1), at_hour(2.0))
    assert all(isinstance(r.verdict, Refused) or isinstance(r.outcome, NotApplied) for r in away)
    readings = [record.snapshot.signals[Signal.FLOW_C] for record in away]
    assert {getattr(reading, "reason", "") for reading in readings} == {
        "heatpump/availability says offline"
    }
    assert story.world.house.firmware.flow_request_c is None
    assert story.steered(at_hour(2.3), at_hour(HOURS))


@pytest.mark.parametrize("profile", ["shelly_sg_ready", "tasmota_sg_ready"])
def test_relays_open_by_themselves_when_nobody_commands_them(tmp_path, profile):
    """The computer dies after it has said 3: no hand-back, only the relays' own time."""
    states = []

    async def say_last_word(world):
        relays = load_mqtt_profile(profile)
        pump = MqttHeatPump("relays", relays, world.mqtt(), now=lambda: world.house.at)
        await pump.write(Capability.SG_READY, 3.0)
        world.house.command = lambda _topic, _payload: []  # nothing of ours arrives any more

    def look(world):
        states.append(world.house.pump_registers.held(Capability.SG_READY))

    lapse_s = load_mqtt_profile(profile).knobs[Capability.SG_READY].lapse_s
    dead_at = at_hour(1.0)
    play(
        tmp_path,
        {
            dead_at: say_last_word,
            dead_at + timedelta(minutes=1): look,
            dead_at + timedelta(seconds=lapse_s, minutes=1): look,
        },
        run_spec=spec(profile=profile, days=HOURS / 24),
    )
    assert states == [3.0, 2.0]


def test_somebody_else_at_the_thermostat_is_yielded_to(tmp_path):
    story = play(
        tmp_path,
        {at_hour(1.5): lambda world: world.house.other_writer(Capability.CURVE_OFFSET, -4.0)},
        run_spec=spec(profile="heishamon", days=HOURS / 24),
    )
    assert story.world.house.firmware.curve_offset_k == -4.0
    last = story.records[-1].outcome
    assert isinstance(last, NotApplied)
    assert "somebody else set it" in last.reason


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.parametrize("profile", ["heishamon", "tasmota_sg_ready"])
def test_over_a_real_broker_it_is_the_same_as_in_memory(tmp_path, profile):
    run_spec = spec(profile=profile, days=1 / 24)

    async def over_sockets():
        archive = archive_of(run_spec)
        async with process_world(run_spec, archive, None) as world:
            config = house_config(
                run_spec,
                load_house(run_spec.house),
                archive.zone,
                address=world.address,
                directory=tmp_path / "sockets",
            )
            await drive(run_spec, config, world, planner=InlinePlanner(), progress=None)
            return commands(config)

    def commands(config):
        return [(r.at, r.wanted, r.verdict, r.outcome) for r in records_in(config)]

    over = asyncio.run(over_sockets())
    assert any(isinstance(outcome, Applied) for *_, outcome in over)
    assert over == commands(run_in_memory(run_spec, tmp_path / "memory").config)
