"""A raw fixture of a real device, safe to publish: what its known points say, and nothing else.

Only points of the profile are kept. Registers are numbers and are kept as read; of MQTT messages
only the places that the profile knows are kept, only numbers and listed words stay, and topics
stand below the profile's own base topic. Serial numbers, addresses and names never get in.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from drivers.errors import DriverError
from drivers.points import Undecodable, decode, register_count
from drivers.probe import Registers
from drivers.profile import AnyProfile, ModbusProfile, MqttProfile
from drivers.topics import TopicPoint, full_topic, places
from drivers.topics import decode as decode_message

Recording: TypeAlias = dict[str, Any]
"""As a file in tests/recorded: JSON."""

REMOVED = "removed"
_NOTE = "Read from a device with heatherd probe --record; only known points, nothing that names it."
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,12})?(?:[eE][+-]?\d{1,3})?")


async def record_registers(profile: ModbusProfile, registers: Registers, unit: int) -> Recording:
    """Every point of the profile, read once. What cannot be read is listed with the reason."""
    rows: list[Recording] = []
    absent: dict[str, str] = {}
    for name, point in profile.points.items():
        try:
            raw = await registers.read(unit, point.space, point.address, register_count(point))
        except DriverError as error:
            absent[name] = type(error).__name__
            continue
        value = decode(point, raw)
        where = {"space": point.space.value, "address": point.address}
        read = {"registers": list(raw), "value": _plain(value)}
        rows.append({"point": name, **where, **read, **_origin(profile)})
    return _recording(profile, rows, absent)


def record_messages(
    profile: MqttProfile, base_topic: str, messages: Mapping[str, bytes]
) -> Recording:
    """Every point of the profile from the newest messages. Pure."""
    rows: list[Recording] = []
    absent: dict[str, str] = {}
    for name, point in profile.points.items():
        heard = False
        for place in places(point):
            payload = messages.get(full_topic(base_topic, place.topic))
            value = None if payload is None else decode_message(place, payload)
            if payload is None or value is None:
                continue
            heard = True
            topic = full_topic(profile.connection.base_topic, place.topic)
            said = {"payload": _cleaned(place, payload), "value": _plain(value)}
            rows.append({"point": name, "topic": topic, **said, **_origin(profile)})
        if not heard and not point.rule:
            absent[name] = "nothing heard of it"
    return _recording(profile, rows, absent)


def _recording(profile: AnyProfile, rows: list[Recording], absent: Mapping[str, str]) -> Recording:
    mqtt = {"transport": "mqtt"} if isinstance(profile, MqttProfile) else {}
    return {"profile": profile.name, **mqtt, "note": _NOTE, "rows": rows, "absent": dict(absent)}


def _origin(profile: AnyProfile) -> Recording:
    return {
        "working": "as decoded by heatherd; compare with the device's display",
        "confidence": "read from a device",
        "source": f"a device, {profile.title}",
    }


def _plain(value: float | Undecodable) -> float | None:
    return None if isinstance(value, Undecodable) else value


def _cleaned(place: TopicPoint, payload: bytes) -> str:
    """The message reduced to the place, with unknown words removed."""
    text = payload.decode(errors="replace").strip()
    if place.pointer:
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
            return REMOVED
        return json.dumps(_only(message, place.pointer.split("/")[1:], place))
    if place.field is None:
        return _known_word(place, text)
    fields = text.split(";")
    kept = [
        _known_word(place, part.strip()) if number == place.field else REMOVED
        for number, part in enumerate(fields)
    ]
    return ";".join(kept)


def _only(message: object, steps: list[str], place: TopicPoint) -> object:
    """The message with nothing but the value at the end of the steps."""
    if not steps:
        if isinstance(message, str):
            return _known_word(place, message)
        return REMOVED if isinstance(message, dict | list) else message
    key = steps[0].replace("~1", "/").replace("~0", "~")
    if isinstance(message, dict):
        return {key: _only(message.get(key), steps[1:], place)}
    if isinstance(message, list):
        index = int(key)
        return [*([None] * index), _only(message[index], steps[1:], place)]
    return REMOVED


def _known_word(place: TopicPoint, text: str) -> str:
    """Numbers and words that the profile lists; any other word could name something."""
    known = text in place.codes or text in place.absent or _NUMBER.fullmatch(text)
    return text if known else REMOVED
