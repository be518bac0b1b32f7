"""Relay boards as their makers document them: timers, answers, power cuts."""

import json

import pytest

from drivers.api import Capability
from drivers.profile import load_mqtt_profile
from hil.relay_board import RelayBoard


class Board:
    """A board and what the heat pump felt at its contacts."""

    def __init__(self, profile="shelly_sg_ready"):
        self.states = []
        self.board = RelayBoard(
            load_mqtt_profile(profile), on_write=lambda _, value: self.states.append(value)
        )

    def send(self, topic, payload):
        assert self.board.command(topic, payload) is None
        return [(topic, payload) for topic, payload, _ in self.board.pop_messages()]

    def rpc(self, method, **params):
        frame = {"id": 7, "src": "us", "method": method, "params": params}
        return self.send("shellyplus2pm/rpc", json.dumps(frame))


def test_a_shelly_answers_its_sender_and_reports_the_change():
    (answer, status) = Board().rpc("Switch.Set", id=1, on=True)
    assert answer[0] == "us/rpc"
    assert json.loads(answer[1]) == {
        "id": 7, "src": "shellyplus2pm", "dst": "us", "result": {"was_on": False},
    }  # fmt: skip
    assert status[0] == "shellyplus2pm/status/switch:1"
    assert json.loads(status[1])["output"] is True


def test_a_shelly_tells_its_state_when_it_is_asked():
    board = Board()
    board.rpc("Switch.Set", id=0, on=True)
    [(topic, payload)] = board.rpc("Switch.GetStatus", id=0)
    assert topic == "us/rpc"
    assert json.loads(payload)["result"] == {"id": 0, "source": "MQTT", "output": True}


def test_a_shelly_opens_after_its_time_and_every_command_restarts_it():
    board = Board()
    board.rpc("Switch.Set", id=1, on=True, toggle_after=900)
    board.board.pass_time(800.0)
    board.rpc("Switch.Set", id=1, on=True, toggle_after=900)
    board.board.pass_time(1699.0)
    assert board.board.held(Capability.SG_READY) == 3.0
    board.board.pass_time(1700.0)
    assert board.board.held(Capability.SG_READY) == 2.0
    assert board.states == [3, None]
    assert [topic for topic, _, _ in board.board.pop_messages()] == [
        "shellyplus2pm/status/switch:1"
    ]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"id": 1, "src": "us", "method": "Switch.Set", "params": {"id": 5, "on": true}}', -105),
        ('{"id": 1, "src": "us", "method": "Switch.Set", "params": {"id": 0, "on": "x"}}', -103),
        ('{"id": 1, "src": "us", "method": "Switch.Fly", "params": {"id": 0}}', -103),
    ],
)
def test_a_shelly_refuses_what_it_does_not_understand(frame, code):
    board = Board()
    [(_, payload)] = board.send("shellyplus2pm/rpc", frame)
    assert json.loads(payload)["error"]["code"] == code
    assert board.states == []


@pytest.mark.parametrize("frame", ["", "no", "[]", "{}", '{"src": "us", "method": "x"}', "7"])
def test_a_frame_without_sense_is_passed_over(frame):
    assert Board().send("shellyplus2pm/rpc", frame) == []


def test_a_tasmota_answers_questions_and_settings():
    board = Board("tasmota_sg_ready")
    assert board.send("cmnd/tasmota/PulseTime1", "1000") == [
        ("stat/tasmota/RESULT", '{"PulseTime1": {"Set": 1000, "Remaining": 0}}')
    ]
    assert board.send("cmnd/tasmota/PowerOnState", "0") == [
        ("stat/tasmota/RESULT", '{"PowerOnState": 0}')
    ]
    assert board.send("cmnd/tasmota/POWER2", "") == [
        ("stat/tasmota/RESULT", '{"POWER2": "OFF"}'),
        ("stat/tasmota/POWER2", "OFF"),
    ]
    assert board.states == []


@pytest.mark.parametrize(
    ("pulse", "before_s", "after_s"), [("50", 4.9, 5.0), ("112", 11.9, 12.0), ("1000", 899, 900)]
)
def test_a_tasmota_opens_after_its_pulse_time(pulse, before_s, after_s):
    board = Board("tasmota_sg_ready")
    board.send("cmnd/tasmota/PulseTime2", pulse)
    board.send("cmnd/tasmota/POWER2", "ON")
    board.board.pass_time(before_s)
    assert board.board.state == 3
    board.board.pass_time(after_s)
    assert board.board.state == 2


def test_a_tasmota_without_pulse_time_stays_closed_and_comes_back_closed():
    board = Board("tasmota_sg_ready")
    board.send("cmnd/tasmota/POWER1", "TOGGLE")
    board.board.pass_time(1e6)
    board.board.restart()
    assert board.board.state == 1
    board.send("cmnd/tasmota/PowerOnState", "0")
    board.board.restart()
    assert board.board.state == 2


@pytest.mark.parametrize("profile", ["shelly_sg_ready", "tasmota_sg_ready"])
def test_a_board_reports_both_relays_now_and_then(profile):
    board = Board(profile)
    board.board.report()
    first = board.board.pop_messages()
    assert len(first) >= 2
    board.board.pass_time(60.0)
    board.board.report()
    assert board.board.pop_messages() == []
    board.board.pass_time(300.0)
    board.board.report()
    assert board.board.pop_messages() == first


@pytest.mark.parametrize("state", [1.0, 2.0, 3.0, 4.0])
def test_hands_move_the_relays_too(state):
    board = Board()
    board.board.hold(Capability.SG_READY, state)
    board.board.hold(Capability.CURVE_OFFSET, 1.0)
    assert board.board.held(Capability.SG_READY) == state
    assert board.board.held(Capability.CURVE_OFFSET) is None
    assert board.board.in_force(Capability.SG_READY)
    assert not board.board.in_force(Capability.CURVE_OFFSET)
    assert board.board.write_counts == {}


@pytest.mark.parametrize(
    ("profile", "there", "gone"),
    [("shelly_sg_ready", "true", "false"), ("tasmota_sg_ready", "Online", "Offline")],
)
def test_its_presence_is_announced(profile, there, gone):
    board = Board(profile).board
    board.appear(True)
    board.appear(False)
    assert [payload for _, payload, _ in board.pop_messages()] == [there, gone]
