"""SG Ready over two relays: dead-man first, one contact after the other, never past a block."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from drivers.api import Absent, Capability, Sample
from drivers.errors import OutOfRangeError, RefusedByDeviceError, TransientError
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.profile import load_mqtt_profile, shipped_profiles
from drivers.transports.in_memory import MemoryMqttLink

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
CONTACTS = {1: (True, False), 2: (False, False), 3: (False, True), 4: (True, True)}


class _Shelly(MemoryMqttLink):
    """A relay board that speaks the maker's RPC, written from its documentation."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs = [False, False]
        self.history: list[tuple[bool, bool]] = []
        self.timers: list[float | None] = [None, None]
        self.stuck: int | None = None  # a relay that does not move
        self.away = False

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        if self.away:
            return
        assert (topic, qos, retain) == ("shellyplus2pm/rpc", 1, False)
        frame = json.loads(payload)
        switch = frame["params"]["id"]
        if frame["method"] == "Switch.Set":
            result: object = {"was_on": self.outputs[switch]}
            if switch != self.stuck:
                self.outputs[switch] = frame["params"]["on"]
                self.timers[switch] = frame["params"].get("toggle_after")
            self.history.append((self.outputs[0], self.outputs[1]))
        else:
            assert frame["method"] == "Switch.GetStatus"
            result = {"id": switch, "source": "MQTT", "output": self.outputs[switch]}
        answer = {"id": frame["id"], "src": "shellyplus2pm", "dst": frame["src"], "result": result}
        self.deliver(f"{frame['src']}/rpc", json.dumps(answer))


class _Tasmota(MemoryMqttLink):
    """A Tasmota device with two relays."""

    def __init__(self) -> None:
        super().__init__()
        self.pulse = [0, 0]
        self.settings: dict[str, str] = {}
        self.on = [False, False]
        self.deaf = False  # takes no settings
        self.slow = False  # answers when the driver already waits

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        assert (qos, retain) == (1, False)
        prefix, device, command = topic.split("/")
        assert (prefix, device) == ("cmnd", "tasmota")
        name, place = command[:-1], int(command[-1]) - 1 if command[-1].isdigit() else 0
        if name == "POWER":
            if payload:
                self.on[place] = payload == "ON"
            self.deliver(f"stat/tasmota/{command}", "ON" if self.on[place] else "OFF")
        elif name == "PulseTime":
            if payload and not self.deaf:
                self.pulse[place] = int(payload)
            answer = {command: {"Set": self.pulse[place], "Remaining": 0}}
            if self.slow:
                loop = asyncio.get_running_loop()
                loop.call_soon(self.deliver, "stat/tasmota/RESULT", json.dumps(answer))
            else:
                self.deliver("stat/tasmota/RESULT", json.dumps(answer))
        else:
            self.settings[command] = str(payload)


def pump_on(link: MemoryMqttLink, profile: str) -> MqttHeatPump:
    return MqttHeatPump("relays", load_mqtt_profile(profile), link, now=lambda: START)


@pytest.mark.parametrize("before", CONTACTS)
@pytest.mark.parametrize("after", CONTACTS)
async def test_no_way_between_two_states_leads_past_another_block(before: int, after: int) -> None:
    board = _Shelly()
    pump = pump_on(board, "shelly_sg_ready")
    await pump.write(Capability.SG_READY, before)
    board.history.clear()
    await pump.write(Capability.SG_READY, after)
    assert tuple(board.outputs) == CONTACTS[after]
    on_the_way = set(board.history) - {CONTACTS[before], CONTACTS[after]}
    assert CONTACTS[1] not in on_the_way
    if {before, after} == {1, 3}:
        assert on_the_way == {CONTACTS[2]}


@pytest.mark.parametrize("state", CONTACTS)
async def test_a_shelly_opens_by_itself_what_is_closed(state: int) -> None:
    board = _Shelly()
    pump = pump_on(board, "shelly_sg_ready")
    await pump.write(Capability.SG_READY, state)
    lapse_s = pump.knobs[Capability.SG_READY].lapse_s
    assert lapse_s is not None
    assert board.timers == [lapse_s if closed else None for closed in CONTACTS[state]]


async def test_only_what_the_outputs_report_is_read_back() -> None:
    board = _Shelly()
    pump = pump_on(board, "shelly_sg_ready")
    await pump.write(Capability.SG_READY, 3.0)
    assert await pump.read_back(Capability.SG_READY) == Sample(3.0, START)
    board.deliver("shellyplus2pm/status/switch:1", '{"id": 1, "output": false}')
    assert await pump.read_back(Capability.SG_READY) == Sample(2.0, START)
    board.away = True
    board.deliver("shellyplus2pm/online", "false")
    held = await pump.read_back(Capability.SG_READY)
    assert held == Absent("shellyplus2pm/online says false")


async def test_the_second_contact_waits_for_the_first() -> None:
    board = _Shelly()
    pump = pump_on(board, "shelly_sg_ready")
    await pump.write(Capability.SG_READY, 1.0)
    board.stuck = 0
    with pytest.raises(TransientError, match="contact1 does not show 0"):
        await pump.write(Capability.SG_READY, 3.0)
    assert board.outputs == [True, False]


@pytest.mark.parametrize("state", [0.0, 2.5, 5.0])
async def test_there_are_four_states(state: float) -> None:
    board = _Shelly()
    with pytest.raises(OutOfRangeError):
        await pump_on(board, "shelly_sg_ready").write(Capability.SG_READY, state)
    assert board.history == []


async def test_a_tasmota_gets_its_dead_man_before_a_contact_closes() -> None:
    board = _Tasmota()
    pump = pump_on(board, "tasmota_sg_ready")
    await pump.write(Capability.SG_READY, 4.0)
    lapse_s = pump.knobs[Capability.SG_READY].lapse_s
    assert lapse_s is not None
    assert board.pulse == [lapse_s + 100, lapse_s + 100]
    assert board.settings == {"PowerOnState": "0"}
    assert board.on == [True, True]


async def test_an_answer_from_before_the_dead_man_was_set_does_not_count() -> None:
    board = _Tasmota()
    board.slow = True
    board.immediate = False
    pump = pump_on(board, "tasmota_sg_ready")
    for relay in (1, 2):
        board.deliver(
            "stat/tasmota/RESULT", f'{{"PulseTime{relay}": {{"Set": 0, "Remaining": 0}}}}'
        )
    await pump.write(Capability.SG_READY, 3.0)
    assert board.on == [False, True]


async def test_without_its_dead_man_no_contact_closes() -> None:
    board = _Tasmota()
    board.deaf = True
    pump = pump_on(board, "tasmota_sg_ready")
    with pytest.raises(RefusedByDeviceError, match="dead_man is 1000, and it is 0"):
        await pump.write(Capability.SG_READY, 3.0)
    assert board.on == [False, False]


async def test_normal_needs_no_dead_man() -> None:
    board = _Tasmota()
    board.on = [True, True]
    board.deaf = True
    await pump_on(board, "tasmota_sg_ready").write(Capability.SG_READY, 2.0)
    assert board.on == [False, False]


async def test_after_a_loss_of_contact_the_dead_man_is_set_again() -> None:
    board = _Tasmota()
    pump = pump_on(board, "tasmota_sg_ready")
    await pump.write(Capability.SG_READY, 3.0)
    board.pulse = [0, 0]
    board.deliver("tele/tasmota/LWT", "Offline")
    board.deliver("tele/tasmota/LWT", "Online")
    await pump.write(Capability.SG_READY, 3.0)
    assert board.pulse == [1000, 1000]


@pytest.mark.parametrize(
    "name", [name for name in shipped_profiles() if name.endswith("_sg_ready")]
)
def test_relays_speak_for_the_contacts_alone(name: str) -> None:
    profile = load_mqtt_profile(name)
    assert profile.signals == {}
    assert profile.on_silence == "own_control"
    assert profile.knobs[Capability.SG_READY].release_value == 2.0
