"""Two relays at the SG Ready contacts of the heat pump, as two makers' firmware commands them.

Written from the makers' documentation, not from the driver's profiles, which only say how the owner
has wired the contacts. A closed relay opens by itself when its timer runs out (Shelly's
toggle_after, Tasmota's PulseTime); without power both are open.
"""

import json
from collections.abc import Mapping
from typing import Protocol

from drivers.api import Capability
from drivers.profile import MqttProfile
from hil.knob_memory import OnWrite
from hil.sensors import Message
from hil.sg_ready import BLOCK, FORCED, NORMAL, RECOMMENDED

RELAYS = 2
STATES = {
    (True, False): BLOCK,
    (False, False): NORMAL,
    (False, True): RECOMMENDED,
    (True, True): FORCED,
}
"""Contact 1, contact 2 (label of the German heat pump association, version 1)."""

TELE_PERIOD_S = 300.0
TENTHS_UP_TO, PULSE_OFFSET = 111, 100
"""Tasmota: PulseTime 1 ... 111 are tenths of a second, above that seconds + 100."""


class Firmware(Protocol):
    """One maker's way to speak about relays."""

    @property
    def listens(self) -> tuple[str, ...]: ...

    @property
    def opens_at_power_up(self) -> bool: ...

    def command(self, board: "RelayBoard", topic: str, payload: str) -> list[Message]:
        """Do what a message asks for, and answer."""
        ...

    def status(self, board: "RelayBoard", relay: int) -> list[Message]:
        """What is said of one relay of its own accord."""
        ...

    def presence(self, present: bool) -> Message: ...


class RelayBoard:
    """The relays, their timers, and the contacts they are wired to."""

    def __init__(self, profile: MqttProfile, *, on_write: OnWrite) -> None:
        self.profile = profile
        self.clock_s = 0.0
        self.closed = [False] * RELAYS
        self._opens_s: list[float | None] = [None] * RELAYS
        self._on_write = on_write
        knob = profile.knobs[Capability.SG_READY]
        names = ("contact1", "contact2")
        self._wired = tuple(names.index(part) for part in profile.points[knob.point].of)
        base = profile.connection.base_topic
        rpc = profile.points["contact1"].command_topic == "rpc"
        self._firmware: Firmware = Shelly(base) if rpc else Tasmota(base)
        self._outbox: list[Message] = []
        self._told_s = -TELE_PERIOD_S

    @property
    def listens(self) -> tuple[str, ...]:
        """The topics it has subscribed to."""
        return self._firmware.listens

    @property
    def write_counts(self) -> Mapping[str, int]:
        """Relays wear, but they store nothing."""
        return {}

    @property
    def state(self) -> int:
        """The state of SG Ready that the contacts make."""
        first, second = (self.closed[relay] for relay in self._wired)
        return STATES[first, second]

    def switch(self, relay: int, closed: bool, *, for_s: float | None) -> None:
        """Move a relay; a time restarts with every command."""
        before = self.state
        self.closed[relay] = closed
        self._opens_s[relay] = None if for_s is None or not closed else self.clock_s + for_s
        if self.state != before:
            self._on_write(Capability.SG_READY, None if self.state == NORMAL else self.state)

    def pass_time(self, clock_s: float) -> None:
        """Simulated seconds since the start."""
        self.clock_s = clock_s
        for relay, due_s in enumerate(self._opens_s):
            if due_s is not None and due_s <= clock_s:
                self.switch(relay, False, for_s=None)
                self._outbox += self._firmware.status(self, relay)

    def restart(self) -> None:
        """Power was away: relays open, unless the firmware closes them again."""
        self._told_s = -TELE_PERIOD_S
        for relay in range(RELAYS):
            if self._firmware.opens_at_power_up:
                self.switch(relay, False, for_s=None)

    def in_force(self, capability: Capability) -> bool:
        """SG Ready is all it has."""
        return capability is Capability.SG_READY

    def hold(self, capability: Capability, value: float) -> None:
        """Somebody moves the relays by hand."""
        if capability is Capability.SG_READY:
            contacts = next(pair for pair, state in STATES.items() if state == value)
            for relay, closed in zip(self._wired, contacts, strict=True):
                self.closed[relay] = closed
                self._opens_s[relay] = None

    def held(self, capability: Capability) -> float | None:
        """The state of the contacts."""
        return float(self.state) if capability is Capability.SG_READY else None

    def report(self) -> None:
        """Say the state now and then."""
        if self.clock_s - self._told_s >= TELE_PERIOD_S:
            self._told_s = self.clock_s
            for relay in range(RELAYS):
                self._outbox += self._firmware.status(self, relay)

    def appear(self, present: bool) -> None:
        """Be announced as there, or (the broker does it) as gone."""
        self._outbox.append(self._firmware.presence(present))
        self._told_s = -TELE_PERIOD_S

    def pop_messages(self) -> list[Message]:
        """What it has said since the last call."""
        messages, self._outbox = self._outbox, []
        return messages

    def command(self, topic: str, payload: str) -> str | None:
        """Take a message; what it writes is nothing that wears."""
        self._outbox += self._firmware.command(self, topic, payload)
        return None


class Shelly:
    """A Gen2+ device: JSON-RPC on <prefix>/rpc, answers on <src>/rpc; initial state off."""

    opens_at_power_up = True

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @property
    def listens(self) -> tuple[str, ...]:
        """The RPC channel."""
        return (f"{self._prefix}/rpc",)

    def command(self, board: RelayBoard, topic: str, payload: str) -> list[Message]:
        """Answer a request; a frame without sender or with unknown content changes nothing."""
        del topic
        try:
            frame = json.loads(payload)
            method, parameters = frame["method"], frame["params"]
            relay, _ = parameters["id"], frame["src"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return []
        if type(relay) is not int or not 0 <= relay < RELAYS:
            return [self._answer(frame, "error", {"code": -105, "message": "no such id"})]
        if method == "Switch.GetStatus":
            return [self._answer(frame, "result", self._state(board, relay))]
        if method != "Switch.Set" or not isinstance(parameters.get("on"), bool):
            return [self._answer(frame, "error", {"code": -103, "message": "invalid argument"})]
        was_on = board.closed[relay]
        after_s = parameters.get("toggle_after")
        timed = isinstance(after_s, int | float) and not isinstance(after_s, bool)
        board.switch(relay, parameters["on"], for_s=float(after_s) if timed else None)
        answer = self._answer(frame, "result", {"was_on": was_on})
        return [answer, *(self.status(board, relay) if was_on != board.closed[relay] else ())]

    def status(self, board: RelayBoard, relay: int) -> list[Message]:
        """The status topic; the owner has switched it on."""
        state = json.dumps(self._state(board, relay))
        return [(f"{self._prefix}/status/switch:{relay}", state, False)]

    def presence(self, present: bool) -> Message:
        """The last will, and its opposite."""
        return (f"{self._prefix}/online", "true" if present else "false", True)

    def _state(self, board: RelayBoard, relay: int) -> dict[str, object]:
        return {"id": relay, "source": "MQTT", "output": board.closed[relay]}

    def _answer(self, frame: dict[str, object], key: str, content: object) -> Message:
        answer = {"id": frame.get("id"), "src": self._prefix, "dst": frame["src"], key: content}
        return (f"{frame['src']}/rpc", json.dumps(answer), False)


class Tasmota:
    """A device with two relays and the factory's topics."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._pulse = [0] * RELAYS
        self._power_on_state = 3  # the factory's: as before the power cut

    @property
    def listens(self) -> tuple[str, ...]:
        """All commands; relays and timers are told apart by number."""
        names = [f"{name}{relay + 1}" for relay in range(RELAYS) for name in ("POWER", "PulseTime")]
        return tuple(f"cmnd/{self._topic}/{name}" for name in (*names, "PowerOnState"))

    @property
    def opens_at_power_up(self) -> bool:
        """PowerOnState 0."""
        return self._power_on_state == 0

    def command(self, board: RelayBoard, topic: str, payload: str) -> list[Message]:
        """An empty message asks; everything is answered with what is then set."""
        name = topic.rsplit("/", 1)[-1]
        if name == "PowerOnState":
            if payload.isdigit():
                self._power_on_state = int(payload)
            return [self._result({name: self._power_on_state})]
        relay = int(name[-1]) - 1
        if name.startswith("PulseTime"):
            if payload.isdigit():
                self._pulse[relay] = int(payload)
            return [self._result({name: {"Set": self._pulse[relay], "Remaining": 0}})]
        word = payload.strip().upper()
        wanted = {"ON": True, "1": True, "OFF": False, "0": False}.get(word)
        if word == "TOGGLE":
            wanted = not board.closed[relay]
        if wanted is not None:
            board.switch(relay, wanted, for_s=self._pulse_s(relay))
        text = self._word(board, relay)
        return [self._result({name: text}), (f"stat/{self._topic}/{name}", text, False)]

    def status(self, board: RelayBoard, relay: int) -> list[Message]:
        """The state topic, and telemetry with both relays."""
        words = {f"POWER{place + 1}": self._word(board, place) for place in range(RELAYS)}
        name = f"POWER{relay + 1}"
        return [
            (f"stat/{self._topic}/{name}", words[name], False),
            (f"tele/{self._topic}/STATE", json.dumps(words), False),
        ]

    def presence(self, present: bool) -> Message:
        """The last will, and its opposite."""
        return (f"tele/{self._topic}/LWT", "Online" if present else "Offline", True)

    def _pulse_s(self, relay: int) -> float | None:
        pulse = self._pulse[relay]
        if pulse == 0:
            return None
        return pulse / 10.0 if pulse <= TENTHS_UP_TO else float(pulse - PULSE_OFFSET)

    def _word(self, board: RelayBoard, relay: int) -> str:
        return "ON" if board.closed[relay] else "OFF"

    def _result(self, content: dict[str, object]) -> Message:
        return (f"stat/{self._topic}/RESULT", json.dumps(content), False)
