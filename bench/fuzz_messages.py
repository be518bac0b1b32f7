"""Good MQTT messages of every device that is listened to, and what can become of them."""

import json
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.fuzz_tally import Tally
from drivers.profile import MqttProfile
from drivers.testing_messages import Message, healthy_messages
from drivers.testing_rooms import CLIMATE, DISCOVERY

RECORDED = Path(__file__).resolve().parent.parent / "tests" / "recorded"
"""Messages as the makers document them; only in a checkout."""

RETAINED_FRAC = 0.08
LONG_EVERY = 400

JUNK = (
    b"", b"-1", b"NaN", b"-Infinity", b"Infinity", b"inf", b"1e400", b"-1e-400", b"-32768", b"-78",
    b"9" * 400, b"9" * 5000, b"null", b"true", b"[]", b"{}", b'"', b"\xff\xfe\x00", b"\xc3\x28",
    b"1_000", b"0x20", b"21,5", b"ON;OFF;;", b"None", b"unavailable", b"-", b"\x00", b"--5", b"5-",
)  # fmt: skip
DEEP = (b"[" * 20_000, b'{"a":' * 5_000, b"[" * 900 + b"1" + b"]" * 900)
ODD: tuple[object, ...] = (
    None,
    True,
    [],
    {},
    [1.5],
    {"value": 3},
    "21.5",
    "",
    10**300,
    -1,
    math.nan,
    math.inf,
)
PADDING = (b" ", b"1", b"0", b'"', b"\xff", b"[", b"1;")

ROOMS: Iterable[tuple[str, object]] = (
    ("zigbee2mqtt/sensor", {"temperature": 21.4, "humidity": 45, "battery": 90}),
    ("zigbee2mqtt/sensor", {"temperature": 21.4, "last_seen": "2026-01-15T11:58:00+00:00"}),
    ("zigbee2mqtt/sensor/availability", {"state": "online"}),
    ("zigbee2mqtt/trv", {"local_temperature": 20.5, "occupied_heating_setpoint": 21}),
    ("zigbee2mqtt/trv", {"system_mode": "heat", "pi_heating_demand": 40}),
    ("zigbee2mqtt/trv/availability", {"state": "online"}),
    ("zigbee2mqtt/bridge/state", {"state": "online"}),
    (
        "zigbee2mqtt/bridge/devices",
        [
            {
                "friendly_name": "sensor",
                "definition": {"exposes": [{"name": "temperature", "property": "temperature_1"}]},
            }
        ],
    ),
    (DISCOVERY, CLIMATE),
    ("home/living/state", {"temperature": 21.5, "mode": "heat"}),
    ("home/living/wanted", 21.5),
    ("home/living/action", "heating"),
    ("home/living/online", {"state": "online"}),
    ("OTGW/value/otgw", "online"),
    ("OTGW/value/otgw/Tr", 20.9),
    ("OTGW/value/otgw/TrSet", 21.0),
    ("own/room", {"a": [{"t": 21.25}], "set": 20.5, "mode": "heat"}),
    ("own/online", "online"),
    ("shellypro3em/status/em:0", {"total_act_power": 1234.5, "a_freq": 50.0}),
    ("shellypro3em/status/emdata:0", {"total_act": 123456.7}),
    ("shellypro3em/online", "true"),
)
"""What rooms and a meter say, on the topics of drivers/testing_rooms.py."""

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def room_messages() -> list[Message]:
    """What rooms and meters say when all is well."""
    return [
        Message(topic, (said if isinstance(said, str) else json.dumps(said)).encode(), False)
        for topic, said in ROOMS
    ]


def device_messages(profile: MqttProfile) -> list[Message]:
    """What a profile's device says when all is well, as far as documented in its own words."""
    path = RECORDED / f"{profile.name}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    documented = [
        Message(row["topic"], row["payload"].encode(), False) for row in rows if row["topic"]
    ]
    return [*healthy_messages(profile), *documented]


def telling_words(profile: MqttProfile) -> list[bytes]:
    """What a device of the profile says for "no value", and numbers at the ends of ranges."""
    points = profile.points.values()
    absent = {text.encode() for point in points for text in point.absent}
    ends = {end for point in points for end in (point.minimum, point.maximum) if end is not None}
    numbers = {f"{end + step:g}".encode() for end in ends for step in (-0.1, 0.0, 0.1)}
    return sorted(absent | numbers)


class Spoiler:
    """Makes bad messages of good ones."""

    def __init__(
        self, chance: random.Random, messages: Sequence[Message], words: Sequence[bytes] = ()
    ) -> None:
        self._chance = chance
        self._healthy = messages
        self._words = (*JUNK, *words, *words)  # its own words more often
        self._ways: dict[str, Callable[[bytes], bytes]] = {
            "healthy": lambda payload: payload,
            "bits flipped": self._flipped,
            "cut": lambda payload: payload[: self._chance.randrange(len(payload) + 1)],
            "junk inside": lambda payload: self._inserted(payload, self._chance.choice(JUNK)),
            "junk only": lambda _payload: self._chance.choice(self._words),
            "another number": self._another_number,
            "wrong type": self._wrong_type,
            "key twice": self._key_twice,
            "bad UTF-8": lambda payload: self._inserted(payload, b"\xff\xc0\x80"),
            "nested without end": self._nested,
            "random bytes": lambda _payload: self._chance.randbytes(self._chance.randint(0, 60)),
            "another's message": lambda _payload: self._chance.choice(self._healthy).payload,
        }

    def message(self, tally: Tally) -> Message:
        """The next one; it is counted."""
        chance = self._chance
        good = chance.choice(self._healthy)
        way = chance.choice(tuple(self._ways))
        payload = self._ways[way](good.payload)
        if chance.randrange(LONG_EVERY) == 0:
            way, payload = "a megabyte", good.payload + chance.choice(PADDING) * 1_000_000
        tally.payloads += 1
        tally.spoilt[way] += 1
        return Message(good.topic, payload, chance.random() < RETAINED_FRAC)

    def _flipped(self, payload: bytes) -> bytes:
        changed = bytearray(payload or b"\x00")
        for _ in range(self._chance.randint(1, 4)):
            changed[self._chance.randrange(len(changed))] ^= 1 << self._chance.randrange(8)
        return bytes(changed)

    def _inserted(self, payload: bytes, junk: bytes) -> bytes:
        place = self._chance.randrange(len(payload) + 1)
        return payload[:place] + junk + payload[place:]

    def _another_number(self, payload: bytes) -> bytes:
        """One of the numbers replaced; a bare word as a whole."""
        numbers = list(_NUMBER.finditer(payload))
        word = self._chance.choice(self._words)
        if not numbers:
            return word
        match = self._chance.choice(numbers)
        return payload[: match.start()] + word + payload[match.end() :]

    def _wrong_type(self, payload: bytes) -> bytes:
        """A value of the message, or all of it, is of another type."""
        odd = self._chance.choice(ODD)
        try:
            document = json.loads(payload)
        except ValueError:
            return json.dumps([payload.decode(errors="replace")]).encode()
        if isinstance(document, dict) and document:
            document[self._chance.choice(list(document))] = odd
            return json.dumps(document).encode()
        return json.dumps(odd).encode()

    def _key_twice(self, payload: bytes) -> bytes:
        keys = re.findall(rb'"(\w+)"\s*:', payload)
        if not keys or not payload.rstrip().endswith(b"}"):
            return payload + payload
        again = b'"%s": %s' % (self._chance.choice(keys), self._chance.choice(self._words))
        return payload.rstrip()[:-1] + b", " + again + b"}"

    def _nested(self, payload: bytes) -> bytes:
        deep = self._chance.choice(DEEP)
        return deep if self._chance.random() < 0.5 else self._inserted(payload, deep)
