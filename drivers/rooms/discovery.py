"""Climate devices as they announce themselves to Home Assistant over MQTT. Pure.

From the retained configuration message come the topics of temperature, set-point, mode and
availability; long and short key names, "~" and device messages with components are understood.
What cannot be used is refused with a reason that names it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drivers.api import Signal
from drivers.rooms.templates import pointer_of
from drivers.rooms.topics_room import DEMANDS, Presence, RoomTopics, room_point
from drivers.topics import TopicPoint

LONGEST_CONFIG_BYTES = 256 * 1024
_SHORT = {
    "curr_temp_t": "current_temperature_topic",
    "curr_temp_tpl": "current_temperature_template",
    "temp_stat_t": "temperature_state_topic",
    "temp_stat_tpl": "temperature_state_template",
    "mode_stat_t": "mode_state_topic",
    "mode_stat_tpl": "mode_state_template",
    "act_t": "action_topic",
    "act_tpl": "action_template",
    "val_tpl": "value_template",
    "temp_unit": "temperature_unit",
    "avty": "availability",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "avty_mode": "availability_mode",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "t": "topic",
    "cmps": "components",
    "p": "platform",
}
"""Abbreviations of the discovery protocol, as far as they matter here."""

_PARTS = {
    Signal.ROOM_C: "current_temperature",
    Signal.ROOM_SETPOINT_C: "temperature_state",
    Signal.ROOM_HEATING_ENABLED: "mode_state",
    Signal.ROOM_DEMAND_FRAC: "action",
}
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The device cannot be used, and why."""

    reason: str


class _UnusableError(ValueError):
    """Something in the message is not understood; never leaves this module."""


def climate_of(payload: bytes) -> RoomTopics | Refusal:
    """The topics of the climate device that a configuration message announces; never raises."""
    if not payload:
        return Refusal("the device has withdrawn its configuration")
    if len(payload) > LONGEST_CONFIG_BYTES:
        return Refusal("the configuration is too long")
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
        return Refusal("the configuration is not JSON")
    try:
        return _topics(_climate(_long(message)))
    except _UnusableError as error:
        return Refusal(str(error))


def _long(message: object, outer: Table | None = None) -> Table:
    """The table with long key names, and "~", its own or the outer table's, replaced in topics."""
    if not isinstance(message, dict):
        raise _UnusableError("the configuration is not a JSON object")
    start = message.get("~", None if outer is None else outer.get("~"))
    table: dict[str, object] = {}
    for key, value in message.items():
        if isinstance(value, str) and isinstance(start, str) and key != "~":
            value = f"{start}{value[1:]}" if value.startswith("~") else value
            value = f"{value[:-1]}{start}" if value.endswith("~") else value
        name = str(key)
        table[_SHORT.get(name, name)] = value
    return table


def _climate(table: Table) -> Table:
    """The climate component: the message itself, or the only one among a device's components."""
    components = table.get("components")
    if not isinstance(components, dict):
        return table
    found = [
        long
        for component in components.values()
        if isinstance(component, dict)
        and (long := _long(component, table)).get("platform") == "climate"
    ]
    if len(found) != 1:
        raise _UnusableError(f"the device has {len(found)} climate components, not one")
    shared = {key: value for key, value in table.items() if "availability" in key or key == "~"}
    return {**shared, **found[0]}


def _topics(climate: Table) -> RoomTopics:
    unit = climate.get("temperature_unit", "C")
    if unit != "C":
        raise _UnusableError(f"temperatures are in {unit!r}, only °C is understood")
    points: dict[Signal, Sequence[TopicPoint]] = {}
    for signal, part in _PARTS.items():
        topic = _text(climate, f"{part}_topic")
        if topic:
            name = f"{part}_template"
            template = _text(climate, name) or _text(climate, "value_template")
            point = room_point(signal, topic, _pointer(name, template))
            codes = DEMANDS if signal is Signal.ROOM_DEMAND_FRAC else point.codes
            points[signal] = (replace(point, codes=codes),)
    if Signal.ROOM_C not in points and Signal.ROOM_SETPOINT_C not in points:
        raise _UnusableError("it announces neither current_temperature_topic nor a set-point topic")
    return RoomTopics(
        points=points,
        presences=_presences(climate),
        one_presence_is_enough=climate.get("availability_mode") == "any",
    )


def _presences(climate: Table) -> list[Presence]:
    entries = climate.get("availability", [])
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        raise _UnusableError("availability is neither a list nor an object")
    tables = [_long(entry, climate) for entry in entries]
    if "availability_topic" in climate:
        tables.append(
            {
                **climate,
                "topic": climate["availability_topic"],
                "value_template": climate.get("availability_template", ""),
            }
        )
    return [
        Presence(
            topic=topic,
            pointer=_pointer("availability_template", _text(table, "value_template")),
            online=(_text(table, "payload_available") or "online",),
            offline=(_text(table, "payload_not_available") or "offline",),
        )
        for table in tables
        if (topic := _text(table, "topic"))
    ]


def _pointer(name: str, template: str) -> str:
    pointer = pointer_of(template)
    if pointer is None:
        raise _UnusableError(
            f"{name} {template!r} does more than take one value out of the message; "
            "give the topics in the configuration instead"
        )
    return pointer


def _text(table: Table, key: str) -> str:
    value = table.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _UnusableError(f"{key} is not a text")
    if key.endswith("topic") and set(value) & set("+#\0"):
        raise _UnusableError(f"{key} {value!r} is not a topic")
    return value
