"""Malformed messages beside those of pumps and rooms: grid limits, prices, and what is probed.

A limit is a number of watts or none, whatever is sent; prices are a sound series or refused in
words; of any topics and messages on a broker the prober makes a list of what it has found.
"""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from bench.fuzz_http import unsound
from bench.fuzz_messages import Spoiler, device_messages, room_messages
from bench.fuzz_services import ROWS
from bench.fuzz_spoil import TIMES, ByteSpoiler, changed, dumped
from bench.fuzz_tally import Tally, out_of, refused, tried, watched
from bench.fuzz_topics import Broker
from controller.config import parse_config
from controller.connect_grid import grid_source
from drivers.api import Device
from drivers.errors import DriverError
from drivers.grid.limit import GridSource, GridState
from drivers.prices.json_sources import MqttPrices
from drivers.probe_topics import candidates_in, rooms_in
from drivers.profile import MqttProfile, Transport, load_mqtt_profile, shipped_profiles
from drivers.testing_messages import Message

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
HIGHEST_W = 1e6
MESSAGES = 12
PROBED = 40
TOPIC = "grid/limit"
HOUSE = {
    "house": {
        "timezone": "Europe/Berlin", "year": 1990, "area_m2": 140.0, "emitter": "floor",
        "design_flow_c": 35.0,
    },
    "heat_pump": {"profile": "generic_modbus", "host": "192.0.2.1"},
    "mqtt": {"broker": "mqtt://192.0.2.1"},
}  # fmt: skip
LIMITS: tuple[dict[str, object], ...] = (
    {"heartbeat": 1},
    {"heartbeat": 1, "limit_w": 4200, "duration_s": 7200},
    {"heartbeat": 1, "limit_w": 0, "active": False},
    {"failsafe_w": 4200, "failsafe_minimum_s": 7200},
    {
        "reduction": {
            "starts_at": "2026-01-15T17:00:00+01:00",
            "ends_at": "2026-01-15T19:00:00+01:00",
            "limit_w": 1000,
        }
    },
)
LIMIT_NOW = json.dumps({"heartbeat": 1, "limit_w": 4200}).encode()


async def fuzz_broker(count: int, seed: int) -> Tally:
    """Let so many messages be heard."""
    tally = Tally("MQTT limits, prices, probing")
    chance = random.Random(f"broker {seed}")
    while tally.payloads < count:
        await _limit(chance, tally)
        await _contact(chance, tally)
        await _prices(chance, tally)
        await _probe(chance, tally)
    return tally


def _message(good: object, chance: random.Random, tally: Tally) -> bytes:
    """A spoilt document as a payload; it is counted."""
    spoiler = ByteSpoiler(chance)
    way, payload = "healthy", json.dumps(good).encode()
    draw = chance.random()
    if draw < 0.55:
        way, document = "other values", json.loads(payload)
        for _ in range(chance.choice((1, 1, 2, 5))):
            document = changed(document, chance)
        payload = dumped(document)
    elif draw < 0.85:
        way = chance.choice(tuple(spoiler.ways))
        payload = spoiler.ways[way](payload)
    tally.payloads += 1
    tally.spoilt[way] += 1
    return payload


class Time:
    """Where the fuzz is in time, by the clock and by the stopwatch."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        """By the clock."""
        return NOON + timedelta(seconds=self.passed_s)

    def stopwatch_s(self) -> float:
        """By the stopwatch."""
        return self.passed_s


def _source(broker: Broker, time: Time, grid: dict[str, object]) -> GridSource:
    def no_meter(_: object) -> Device:
        raise AssertionError("this house has no meter")

    found = grid_source(
        parse_config(HOUSE | {"grid": grid}),
        mqtt=lambda: broker,
        meter=no_meter,
        now=time.now,
        stopwatch_s=time.stopwatch_s,
    )
    if found is None:
        raise LookupError("a house with [grid] has a source of limits")
    return found


async def _limit(chance: random.Random, tally: Tally) -> None:
    """A control box says nonsense, then something sensible."""
    broker, time = Broker(), Time()
    source = _source(broker, time, {"topic": TOPIC})
    for _ in range(MESSAGES):
        good = chance.choice(LIMITS)
        if chance.random() < 0.2:
            begins, ends = chance.choice(TIMES), chance.choice(TIMES)
            good = {"reduction": {"starts_at": begins, "ends_at": ends, "limit_w": 1000}}
        payload = _message(good, chance, tally)
        message = Message(TOPIC, payload, chance.random() < 0.05)
        await tried(tally, "limit", broker.hand_over(message), message)
        time.passed_s += chance.choice((0.0, 1.0, 60.0, 130.0, 7300.0))
        await _read(source, tally, "limit", message)
    for payload in (json.dumps({"heartbeat": 1}).encode(), LIMIT_NOW):
        await tried(tally, "limit", broker.hand_over(Message(TOPIC, payload, False)), payload)
    limit = await tried(tally, "limit", source.read(), "a good limit")
    told = limit is not None and limit.limit_w is not None and limit.limit_w <= 4200.0
    if not told or (limit and limit.state not in (GridState.LIMITED, GridState.REDUCTION)):
        tally.violated("limit", "a good limit is not obeyed", limit)


async def _contact(chance: random.Random, tally: Tally) -> None:
    """A relay contact on a topic of its own."""
    broker, time = Broker(), Time()
    grid: dict[str, object] = {"contact_topic": "grid/contact", "contact_pointer": "/state"}
    source = _source(broker, time, grid)
    for _ in range(MESSAGES):
        good = {"state": chance.choice((0, 1, "on", "OFF", True))}
        message = Message("grid/contact", _message(good, chance, tally), chance.random() < 0.1)
        await tried(tally, "contact", broker.hand_over(message), message)
        time.passed_s += chance.choice((1.0, 60.0, 1000.0))
        await _read(source, tally, "contact", message)


async def _read(source: GridSource, tally: Tally, name: str, message: Message) -> None:
    limit = await tried(tally, name, source.read(), message)
    if limit is None:
        return
    if limit.limit_w is None:
        tally.refusals += 1
        return
    tally.readings += 1
    if out_of(0.0, None, limit.limit_w) or out_of(0.0, HIGHEST_W, limit.guaranteed_w):
        tally.violated(name, "a limit that is none", (limit, message))
    for at in (limit.until, limit.issued_at):
        if at is not None and at.tzinfo is None:
            tally.violated(name, "an instant without zone", (limit, message))


async def _prices(chance: random.Random, tally: Tally) -> None:
    """Prices on a topic."""
    broker = Broker()
    source = MqttPrices(broker, "prices", ROWS, now=lambda: NOON)
    good = {
        "today": [
            {"start": f"2026-01-15T{hour:02d}:00:00Z", "price": 80.5 + hour} for hour in range(24)
        ]
    }
    for _ in range(MESSAGES):
        message = Message("prices", _message(good, chance, tally), chance.random() < 0.1)
        await tried(tally, "prices", broker.hand_over(message), message)
        with watched(tally, "prices", message):
            try:
                series = await source.fetch(NOON)
            except DriverError as error:
                refused(tally, "prices", error, message)
                continue
            tally.readings += 1
            fault = unsound(series, NOON)
            if fault is not None:
                tally.violated("prices", fault, message)


# ---- what is heard by a prober ---

ODD_LEVELS = (
    "",
    " ",
    "é\U0001f525",
    "a" * 300,
    "{base}",
    ".*",
    "(",
    "\\",
    "%",
    "$SYS",
    "\x01",
    "..",
    "1",
)


@cache
def _profiles() -> tuple[MqttProfile, ...]:
    return tuple(load_mqtt_profile(name) for name in shipped_profiles(Transport.MQTT))


@cache
def _all_messages() -> tuple[Message, ...]:
    of_devices = [message for profile in _profiles() for message in device_messages(profile)]
    return (*of_devices, *room_messages())


async def _probe(chance: random.Random, tally: Tally) -> None:
    """Everything on a broker, its topics odd as well."""
    spoiler = Spoiler(chance, _all_messages())
    said: dict[str, bytes] = {}
    for _ in range(PROBED):
        message = spoiler.message(tally)
        said[_odd_topic(message.topic, chance)] = message.payload
    with watched(tally, "probe", said):
        found, ruled_out = candidates_in(said, _profiles())
        rooms = rooms_in(said)
        tally.readings += len(found) + len(rooms)
        tally.refusals += len(ruled_out)


def _odd_topic(topic: str, chance: random.Random) -> str:
    """The topic itself, or with a level changed, gone, doubled or inserted."""
    if chance.random() < 0.5:
        return topic
    levels: list[str] = topic.split("/")
    place = chance.randrange(len(levels))
    parts: Sequence[str] = chance.choice(
        ((), (levels[place],) * 2, (chance.choice(ODD_LEVELS),), (levels[place],) * 200)
    )
    return "/".join([*levels[:place], *parts, *levels[place + 1 :]])
