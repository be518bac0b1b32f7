"""Room temperature and thermostat of a house from zigbee2mqtt's JSON messages."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.api import Absent, Now, Observation, Sample, Signal
from drivers.errors import ConfigurationError
from drivers.rooms.exposes import keys_of
from drivers.rooms.topics_room import ROOM_RANGE_C, SETPOINT_RANGE_C
from drivers.transports.mqtt import MqttLink

_KEYS = {
    Signal.ROOM_C: ("temperature", "local_temperature"),
    Signal.ROOM_SETPOINT_C: ("occupied_heating_setpoint", "current_heating_setpoint"),
    Signal.ROOM_HEATING_ENABLED: ("system_mode",),
    Signal.ROOM_DEMAND_FRAC: ("pi_heating_demand", "position", "running_state"),
}
"""Names under which models publish a signal, the best first; keys can differ (see exposes.py)."""
_WORDS = {
    Signal.ROOM_HEATING_ENABLED: {"heat": 1.0, "auto": 1.0, "off": 0.0},
    Signal.ROOM_DEMAND_FRAC: {"heat": 1.0, "idle": 0.0},  # running_state
}
_PERCENT_RANGE = (0.0, 100.0)
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
    (`<topic>/availability`, if zigbee2mqtt publishes it) makes its signals `Absent`, and so does
    the bridge's own state. What a model calls its values is learnt from the bridge's device list.
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
        self._keys: dict[str, Mapping[str, str]] = {}  # topic -> name -> key
        if thermostat_topic is not None:
            self._topics = dict.fromkeys(_KEYS, thermostat_topic)
        if sensor_topic is not None:
            self._topics[Signal.ROOM_C] = sensor_topic
        for topic in dict.fromkeys(self._topics.values()):
            link.subscribe(topic, self._on_state)
            link.subscribe(f"{topic}/availability", self._on_availability)
        for base in dict.fromkeys(base for t in self._topics.values() for base in _bases(t)):
            link.subscribe(f"{base}/bridge/devices", self._on_devices)
            link.subscribe(f"{base}/bridge/state", self._on_bridge)

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
        for place in (topic, *(f"{base}/bridge/state" for base in _bases(topic))):
            if place in self._offline:
                return Absent(f"{place.removesuffix('/state')} is offline")
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
            value = _value(signal, state, self._keys.get(topic, {})) if source == topic else None
            known = self._samples.get(signal)
            if isinstance(value, Unusable):
                self._reject(topic, value)
            elif value is not None and (known is None or known.at <= at):
                self._samples[signal] = Sample(value, at)

    def _on_availability(self, topic: str, payload: bytes, retained: bool) -> None:
        """Note whether a device is reachable; here a retained message is as good as a live one."""
        del retained
        self._note(topic, topic.removesuffix("/availability"), payload)

    def _on_bridge(self, topic: str, payload: bytes, retained: bool) -> None:
        """Note whether zigbee2mqtt itself is there; without it nothing is heard of any device."""
        del retained
        self._note(topic, topic, payload)

    def _on_devices(self, topic: str, payload: bytes, retained: bool) -> None:
        """Learn what our devices call their values; the list is retained and need not be new."""
        del retained
        base = topic.removesuffix("/bridge/devices")
        for device in dict.fromkeys(self._topics.values()):
            if device.startswith(f"{base}/"):
                keys = keys_of(payload, device.removeprefix(f"{base}/"))
                if keys is not None:
                    self._keys[device] = keys

    def _note(self, topic: str, place: str, payload: bytes) -> None:
        word = _availability(payload)
        if word in _OFFLINE:
            self._offline.add(place)
        elif word == "online":
            self._offline.discard(place)
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


def _bases(topic: str) -> list[str]:
    """What the base topic can be: a device's name may hold slashes, and the base topic too."""
    parts = topic.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _value(
    signal: Signal, state: Mapping[str, object], keys: Mapping[str, str]
) -> float | Unusable | None:
    """The signal's value in a state; None where the state does not speak of it."""
    names = [keys.get(name, name) for name in _KEYS[signal]]
    key = next((name for name in names if state.get(name) is not None), None)
    if key is None:
        spoken_of = next((name for name in names if name in state), None)
        return None if spoken_of is None else Unusable(f"{spoken_of} is not a number: null")
    value = state[key]
    shown = "a nested value" if isinstance(value, dict | list) else str(value)[:_SHOWN]
    words = _WORDS.get(signal, {})
    if isinstance(value, str) and words:
        return words[value] if value in words else Unusable(f"unknown {key} {shown}")
    if signal is Signal.ROOM_HEATING_ENABLED:
        return Unusable(f"unknown {key} {shown}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Unusable(f"{key} is not a number: {shown}")
    low, high = _range(signal)
    if not low <= value <= high:
        return Unusable(f"implausible {key} {shown}")
    return float(value) / 100.0 if signal is Signal.ROOM_DEMAND_FRAC else float(value)


def _range(signal: Signal) -> tuple[float, float]:
    """What the number in a message can be."""
    if signal is Signal.ROOM_DEMAND_FRAC:
        return _PERCENT_RANGE
    return SETPOINT_RANGE_C if signal is Signal.ROOM_SETPOINT_C else ROOM_RANGE_C


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
