"""The in-memory transports behave like the real ones, only at once."""

import asyncio

import pytest

from drivers.transports.in_memory import MemoryMqttLink

Message = tuple[str, bytes, bool]


@pytest.fixture
def link() -> MemoryMqttLink:
    return MemoryMqttLink()


@pytest.mark.parametrize(
    ("pattern", "topic", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "b", False),
    ],
)
async def test_wildcards_match_as_mqtt_says(
    link: MemoryMqttLink, pattern: str, topic: str, matches: bool
) -> None:
    heard: list[Message] = []
    link.subscribe(pattern, lambda *message: heard.append(message))
    await link.publish(topic, "x")
    assert heard == ([(topic, b"x", False)] if matches else [])


async def test_a_retained_message_greets_a_new_subscriber(link: MemoryMqttLink) -> None:
    heard: list[Message] = []
    await link.publish("a", "old", retain=True)
    await link.publish("a", "new", retain=True)
    await link.publish("b", "other", retain=True)
    link.subscribe("a", lambda *message: heard.append(message))
    assert heard == [("a", b"new", True)]


async def test_an_empty_retained_message_deletes(link: MemoryMqttLink) -> None:
    heard: list[Message] = []
    await link.publish("a", "old", retain=True)
    await link.publish("a", b"", retain=True)
    link.subscribe("#", lambda *message: heard.append(message))
    assert heard == []


async def test_it_is_connected_and_runs_until_cancelled(link: MemoryMqttLink) -> None:
    await link.wait_connected(0.0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(link.run(), 0.001)
    assert link.connected
