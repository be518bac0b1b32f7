"""What zigbee2mqtt says about its devices: which keys a device uses, what it can measure. Pure.

The list on <base>/bridge/devices names for every device what it exposes; the key in its messages
(`property`) can differ from the name, for instance when the device has several endpoints.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LARGEST_LIST_BYTES = 16 * 1024 * 1024  # some hundred devices
DEEPEST = 4  # climate -> feature is 2; nothing real is deeper


@dataclass(frozen=True, slots=True)
class Exposed:
    """One device of the list: name -> key in its messages."""

    friendly_name: str
    keys: Mapping[str, str]


def exposed_devices(payload: bytes) -> list[Exposed]:
    """The devices of a list as far as it can be read; never raises."""
    if len(payload) > LARGEST_LIST_BYTES:
        return []
    try:
        devices = json.loads(payload)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
        return []
    found: list[Exposed] = []
    for device in devices if isinstance(devices, list) else []:
        name = device.get("friendly_name") if isinstance(device, dict) else None
        definition = device.get("definition") if isinstance(name, str) else None
        if isinstance(name, str) and isinstance(definition, dict):
            keys: dict[str, str] = {}
            for feature, key in _features(definition.get("exposes"), DEEPEST):
                keys.setdefault(feature, key)
            found.append(Exposed(name, keys))
    return found


def keys_of(payload: bytes, friendly_name: str) -> Mapping[str, str] | None:
    """Name -> key of one device; None if the list does not speak of it."""
    devices = exposed_devices(payload)
    return next((found.keys for found in devices if found.friendly_name == friendly_name), None)


def _features(entries: object, depth: int) -> Iterator[tuple[str, str]]:
    """Every (name, property) in a list of exposes, nested features included."""
    for entry in entries if isinstance(entries, list) and depth > 0 else []:
        if not isinstance(entry, dict):
            continue
        name, key = entry.get("name"), entry.get("property")
        if isinstance(name, str) and isinstance(key, str):
            yield name, key
        yield from _features(entry.get("features"), depth - 1)
