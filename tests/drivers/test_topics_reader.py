"""The reader of MQTT devices: newest word, age, availability, lost broker; it never raises."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drivers.api import Absent, Sample, Signal
from drivers.errors import LinkLostError
from drivers.profile import MqttProfile, parse_profile
from drivers.topics_reader import TopicsReader
from drivers.transports.in_memory import MemoryMqttLink

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SMALL = {
    "name": "small",
    "title": "A small pump",
    "transport": "mqtt",
    "kind": "heat_pump",
    "maturity": "simulated",
    "evidence": "none",
    "source": "the test",
    "connection": {
        "base_topic": "pump",
        "stale_after_s": 600,
        "availability_topic": "LWT",
        "online": ["Online"],
        "offline": ["Offline"],
        "prepare": {"cmnd/{base}/timer": "1000"},
    },
    "points": {
        "outdoor": {"topic": "state", "pointer": "/outdoor", "minimum": -60, "maximum": 60},
        "flow": {
            "topic": "flow",
            "also": {"older": {"topic": "state", "pointer": "/flowTemp"}},
            "absent": ["-1"],
        },
        "heating_power": {"topic": "power", "field": 0, "ask_topic": "power/get", "ask": "{base}"},
        "dhw_power": {"topic": "power", "field": 1, "ask_topic": "power/get", "ask": "{base}"},
        "power": {"rule": "sum", "of": ["heating_power", "dhw_power"]},
    },
    "signals": {"outdoor_c": "outdoor", "flow_c": "flow", "power_w": "power"},
}


def profile_of(**connection: object) -> MqttProfile:
    mapping = {**SMALL, "connection": {**SMALL["connection"], **connection}}  # type: ignore[dict-item]
    profile = parse_profile(mapping, "here")
    assert isinstance(profile, MqttProfile)
    return profile


class _Link(MemoryMqttLink):
    """A broker that can be away, and remembers what was published."""

    def __init__(self) -> None:
        super().__init__()
        self.connected = True
        self.refuses = False
        self.published: list[tuple[str, str]] = []

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        if self.refuses:
            raise LinkLostError("cut")
        self.published.append((topic, str(payload)))
        await super().publish(topic, payload, qos=qos, retain=retain)


class _Bench:
    def __init__(self, profile: MqttProfile) -> None:
        self.link = _Link()
        self.now = START
        self.reader = TopicsReader(profile, self.link, now=lambda: self.now)

    async def one(self, signal: Signal) -> Sample | Absent:
        return (await self.reader.read())[signal]


@pytest.fixture
def bench() -> _Bench:
    return _Bench(profile_of())


async def test_a_value_is_stamped_with_the_time_of_its_message(bench: _Bench) -> None:
    bench.link.deliver("pump/state", '{"outdoor": -5.5}')
    assert await bench.one(Signal.OUTDOOR_C) == Sample(-5.5, START)


async def test_a_silent_topic_says_so(bench: _Bench) -> None:
    answer = await bench.one(Signal.OUTDOOR_C)
    assert answer == Absent("pump/state: no message with outdoor yet")


async def test_the_owner_may_have_another_base_topic() -> None:
    link = MemoryMqttLink()
    reader = TopicsReader(profile_of(), link, base_topic="cellar/pump", now=lambda: START)
    link.deliver("cellar/pump/flow", "31.5")
    assert (await reader.read())[Signal.FLOW_C] == Sample(31.5, START)


async def test_a_kept_message_is_of_unknown_age_and_does_not_count(bench: _Bench) -> None:
    link = MemoryMqttLink()
    link.deliver("pump/flow", "31.5", retain=True)
    reader = TopicsReader(profile_of(), link, now=lambda: START)
    answer = (await reader.read())[Signal.FLOW_C]
    assert answer == Absent("pump/flow: retained, age unknown; waiting for a live message")
    link.deliver("pump/flow", "31.5", retain=True)
    assert (await reader.read())[Signal.FLOW_C] == Sample(31.5, START)


async def test_a_value_grows_stale(bench: _Bench) -> None:
    bench.link.deliver("pump/flow", "31.5")
    bench.now += timedelta(seconds=600)
    assert isinstance(await bench.one(Signal.FLOW_C), Sample)
    bench.now += timedelta(seconds=1)
    assert await bench.one(Signal.FLOW_C) == Absent("pump/flow: silent for 10 min")


async def test_a_message_that_does_not_speak_of_a_value_leaves_it_alone(bench: _Bench) -> None:
    bench.link.deliver("pump/flow", "31.5")
    bench.link.deliver("pump/state", '{"outdoor": 3}')
    assert await bench.one(Signal.FLOW_C) == Sample(31.5, START)
    assert bench.reader.rejected == 0


async def test_the_same_value_may_come_from_another_place(bench: _Bench) -> None:
    bench.link.deliver("pump/state", '{"flowTemp": 28}')
    assert await bench.one(Signal.FLOW_C) == Sample(28.0, START)


@pytest.mark.parametrize("payload", [b"-1", b"NaN", b"\xff\xfe", b"", b"x" * 100_000])
async def test_the_newest_word_counts_even_if_it_is_no_value(bench: _Bench, payload: bytes) -> None:
    bench.link.deliver("pump/flow", "31.5")
    bench.link.deliver("pump/flow", payload)
    assert isinstance(await bench.one(Signal.FLOW_C), Absent)
    assert bench.reader.rejected == 1
    assert bench.reader.last_rejection.startswith("pump/flow: ")


async def test_an_offline_device_has_no_values_until_it_speaks_again(bench: _Bench) -> None:
    bench.link.deliver("pump/flow", "31.5")
    bench.link.deliver("pump/LWT", "Offline", retain=True)
    assert await bench.one(Signal.FLOW_C) == Absent("pump/LWT says Offline")
    bench.link.deliver("pump/LWT", "Online")
    assert await bench.one(Signal.FLOW_C) == Absent("pump/flow: no message with flow yet")
    bench.link.deliver("pump/flow", "32")
    assert await bench.one(Signal.FLOW_C) == Sample(32.0, START)


async def test_an_old_offline_notice_is_outlived_by_a_live_value(bench: _Bench) -> None:
    bench.link.deliver("pump/LWT", "Offline", retain=True)
    bench.link.deliver("pump/flow", "32")
    assert await bench.one(Signal.FLOW_C) == Sample(32.0, START)


async def test_a_strange_availability_is_counted_and_changes_nothing(bench: _Bench) -> None:
    bench.link.deliver("pump/flow", "32")
    bench.link.deliver("pump/LWT", b"\xffperhaps")
    assert await bench.one(Signal.FLOW_C) == Sample(32.0, START)
    assert bench.reader.rejected == 1


async def test_after_a_lost_broker_only_new_values_count(bench: _Bench) -> None:
    bench.link.deliver("pump/flow", "32")
    bench.link.connected = False
    assert await bench.one(Signal.FLOW_C) == Absent("no connection to the broker")
    bench.link.connected = True
    assert await bench.one(Signal.FLOW_C) == Absent("pump/flow: no message with flow yet")
    bench.link.deliver("pump/flow", "33")
    assert await bench.one(Signal.FLOW_C) == Sample(33.0, START)


async def test_a_derived_value_is_as_old_as_its_oldest_part(bench: _Bench) -> None:
    bench.link.deliver("pump/power", "1200;300")
    assert await bench.one(Signal.POWER_W) == Sample(1500.0, START)
    bench.link.deliver("pump/power", "1200")
    assert await bench.one(Signal.POWER_W) == Absent("dhw_power: the message has only 1 fields")


async def test_it_asks_at_the_profiles_pace() -> None:
    bench = _Bench(profile_of(poll_s=60))
    await bench.reader.read()
    await bench.reader.read()
    assert bench.link.published == [("pump/power/get", "pump")]
    bench.now += timedelta(seconds=60)
    await bench.reader.read_point("power")
    assert len(bench.link.published) == 2


async def test_a_reading_waits_for_the_answers_to_its_questions() -> None:
    bench = _Bench(profile_of(poll_s=60))

    bench.link.immediate = False
    loop = asyncio.get_running_loop()
    loop.call_soon(bench.link.deliver, "pump/power", "1200;300")
    assert await bench.one(Signal.POWER_W) == Sample(1500.0, START)


async def test_a_broker_that_is_lost_while_asking_makes_everything_absent() -> None:
    bench = _Bench(profile_of(poll_s=60))
    bench.link.deliver("pump/flow", "33")
    bench.link.refuses = True
    assert await bench.one(Signal.FLOW_C) == Absent("cut")


async def test_without_a_pace_it_never_publishes(bench: _Bench) -> None:
    await bench.reader.read()
    assert bench.link.published == []


async def test_waiting_ends_with_the_message_or_with_the_time(bench: _Bench) -> None:
    def shown() -> bool:
        return isinstance(bench.reader.shows("flow"), Sample)

    assert not await bench.reader.heard(shown, 60.0)
    bench.link.immediate = False
    assert not await bench.reader.heard(shown, 0.01)
    bench.link.deliver("pump/flow", "33")
    assert await bench.reader.heard(shown, 0.01)


async def test_it_lives_without_an_availability_topic() -> None:
    profile = profile_of()
    plain = replace(profile, connection=replace(profile.connection, availability_topic=""))
    bench = _Bench(plain)
    bench.link.deliver("pump/flow", "33")
    assert await bench.one(Signal.FLOW_C) == Sample(33.0, START)
