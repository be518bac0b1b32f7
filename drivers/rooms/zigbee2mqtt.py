"""Room temperature and thermostat of a house from zigbee2mqtt's JSON messages."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.api import Absent, Now, Observation, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.transports.mqtt import MqttLink

ROOM_RANGE_C = (-20.0, 60.0)  # what a sensor indoors can mean
SETPOINT_RANGE_C = (4.0, 35.0)  # the range of zigbee thermostats, frost protection included
_KEYS = {
    Signal.ROOM_C: ("temperature", "local_temperature"),
    Signal.ROOM_SETPOINT_C: ("occupied_heating_setpoint", "current_heating_setpoint"),
    Signal.ROOM_HEATING_ENABLED: ("system_mode",),
}
_HEATING = {"heat": 1.0, "auto": 1.0, "off": 0.0}
_OFFLINE = frozenset({"offline", "unavailable"})
_SHOWN = 40  # characters of a bad value that an error quotes


@dataclass(frozen=True, slots=True)
class Unusable:
    """A message or value that is passed over, and why."""

    reason: str


class ZigbeeRoom:
    """Keeps the last good value of each signal; what it cannot use is counted and passed over.

    A value ages until a better one comes. A message that the broker had kept is of unknown age and
    counts only if it says itself when the device was last seen. The device's availability topic
    (`<topic>/availability`, if zigbee2mqtt publishes it) makes its signals `Absent`.
    """

    def __init__(
        self,
        name: str,
        link: MqttLink,
        *,
        sensor_topic: str | None,
        thermostat_topic: str | None = None,
        now: Now,
    ) -> None:
        if sensor_topic is None and thermostat_topic is None:
            raise ConfigurationError(f"{name}: a room needs a sensor or a thermostat topic")
        self.rejected = 0
        self.last_rejection = ""
        self._name = name
        self._now = now
        self._topics: dict[Signal, str] = {}
        self._samples: dict[Signal, Sample] = {}
        self._unknown_age: set[str] = set()
        self._offline: set[str] = set()
        if thermostat_topic is not None:
            self._topics[Signal.ROOM_C] = thermostat_topic
            self._topics[Signal.ROOM_SETPOINT_C] = thermostat_topic
            self._topics[Signal.ROOM_HEATING_ENABLED] = thermostat_topic
        if sensor_topic is not None:
            self._topics[Signal.ROOM_C] = sensor_topic
        for topic in dict.fromkeys(self._topics.values()):
            link.subscribe(topic, self._on_state)
            link.subscribe(f"{topic}/availability", self._on_availability)

    @property
    def name(self) -> str:
        """What the owner calls it."""
        return self._name

    async def read(self) -> Observation:
        """The last known value of every signal, with the time it was received."""
        return {signal: self._observed(signal) for signal in self._topics}

    async def close(self) -> None:
        """The link is not ours; there is nothing to close."""

    def _observed(self, signal: Signal) -> Sample | Absent:
        topic = self._topics[signal]
        if topic in self._offline:
            return Absent(f"{topic} is offline")
        sample = self._samples.get(signal)
        if sample is not None:
            return sample
        if topic in self._unknown_age:
            return Absent(f"{topic}: retained, age unknown; waiting for a live message")
        return Absent(f"{topic}: no message with {signal} yet")

    def _on_state(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take what is usable from a state message. Total: no payload makes it raise."""
        state = _parsed(payload)
        if isinstance(state, Unusable):
            self._reject(topic, state)
            return
        now = self._now()
        at = _last_seen(state, now) if retained else now
        if at is None:
            self._unknown_age.add(topic)
            return
        for signal, source in self._topics.items():
            value = _value(signal, state) if source == topic else None
            known = self._samples.get(signal)
            if isinstance(value, Unusable):
                self._reject(topic, value)
            elif value is not None and (known is None or known.at <= at):
                self._samples[signal] = Sample(value, at)

    def _on_availability(self, topic: str, payload: bytes, retained: bool) -> None:
        """Note whether a device is reachable; here a retained message is as good as a live one."""
        del retained
        word = _availability(payload)
        device = topic.removesuffix("/availability")
        if word in _OFFLINE:
            self._offline.add(device)
        elif word == "online":
            self._offline.discard(device)
        else:
            self._reject(topic, Unusable("neither online nor offline"))

    def _reject(self, topic: str, unusable: Unusable) -> None:
        self.rejected += 1
        self.last_rejection = f"{topic}: {unusable.reason}"


def _parsed(payload: bytes) -> Mapping[str, object] | Unusable:
    """The JSON object in a payload."""
    try:
        state = json.loads(payload)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
        return Unusable("not JSON")
    return state if isinstance(state, dict) else Unusable("not a JSON object")


def _value(signal: Signal, state: Mapping[str, object]) -> float | Unusable | None:
    """The signal's value in a state; None where the state does not speak of it."""
    keys = _KEYS[signal]
    key = next((key for key in keys if key in state), None)
    if key is None:
        return None
    value = state[key]
    shown = "a nested value" if isinstance(value, dict | list) else str(value)[:_SHOWN]
    if signal is Signal.ROOM_HEATING_ENABLED:
        known = isinstance(value, str) and value in _HEATING
        return _HEATING[str(value)] if known else Unusable(f"unknown {key} {shown}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Unusable(f"{key} is not a number: {shown}")
    low_c, high_c = SETPOINT_RANGE_C if signal is Signal.ROOM_SETPOINT_C else ROOM_RANGE_C
    return float(value) if low_c <= value <= high_c else Unusable(f"implausible {key} {shown}")


def _availability(payload: bytes) -> str:
    """The word in an availability message: plain text or {"state": ...}."""
    state = _parsed(payload)
    if isinstance(state, Unusable):
        return payload.decode(errors="replace").strip()
    word = state.get("state")
    return word if isinstance(word, str) else ""


def _last_seen(state: Mapping[str, object], now: datetime) -> datetime | None:
    """When zigbee2mqtt last heard of the device (ISO 8601 or Unix ms); None if it does not say."""
    stamp = state.get("last_seen")
    try:
        if isinstance(stamp, str):
            seen = datetime.fromisoformat(stamp)
        elif isinstance(stamp, int) and not isinstance(stamp, bool):
            seen = datetime.fromtimestamp(stamp / 1000, UTC)
        else:
            return None
        return seen.astimezone(UTC) if seen.tzinfo is not None and seen <= now else None
    except (ValueError, OverflowError, OSError):
        return None
