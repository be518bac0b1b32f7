"""The broker link against a real broker in this process, through loss and return."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest
from aiomqtt import Message, MqttError
from amqtt.broker import Broker

from drivers.errors import ConfigurationError, LinkLostError
from drivers.transports.mqtt import BrokerLink

PLUGIN = "amqtt.plugins.authentication.AnonymousAuthPlugin"


@contextlib.asynccontextmanager
async def broker(port: int = 0) -> AsyncIterator[int]:
    """An amqtt broker on a free loopback port that lets everybody in."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {PLUGIN: {"allow_anonymous": True}},
    }
    instance = Broker(config)
    await instance.start()
    try:
        yield instance._servers["default"].instance.sockets[0].getsockname()[1]
    finally:
        await instance.shutdown()


@contextlib.asynccontextmanager
async def running(port: int, client_id: str) -> AsyncIterator[BrokerLink]:
    """A link whose `run` is on its way."""
    link = BrokerLink(f"mqtt://127.0.0.1:{port}", client_id, timeout_s=2.0)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def publish_until_lost(link: BrokerLink) -> None:
    """A loss is noticed at the next acknowledgement, which may still be on its way."""
    while True:
        await link.publish("house/void", "x")


class Ear:
    """Collects messages and lets a test wait for a number of them."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, bytes, bool]] = asyncio.Queue()

    def __call__(self, topic: str, payload: bytes, retained: bool) -> None:
        self.heard.put_nowait((topic, payload, retained))

    async def next(self) -> tuple[str, bytes, bool]:
        return await asyncio.wait_for(self.heard.get(), 10.0)


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_messages_arrive_in_the_order_they_were_published() -> None:
    async with broker() as port, running(port, "speaker") as speaker, running(port, "ear") as link:
        ear = Ear()
        link.subscribe("house/#", ear)
        await asyncio.gather(speaker.wait_connected(5.0), link.wait_connected(5.0))
        for number in range(50):
            await speaker.publish(f"house/sensor{number % 3}", str(number), qos=number % 2)
        await speaker.publish("house/marker", "end")
        heard = [await ear.next() for _ in range(51)]
    assert [payload for _, payload, _ in heard] == [
        *(str(number).encode() for number in range(50)),
        b"end",
    ]


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_kept_message_is_marked_and_a_live_one_is_not() -> None:
    async with broker() as port, running(port, "speaker") as speaker:
        await speaker.wait_connected(5.0)
        await speaker.publish("house/room", "kept", retain=True)
        async with running(port, "ear") as link:
            ear = Ear()
            link.subscribe("house/room", ear)
            assert await ear.next() == ("house/room", b"kept", True)
            await speaker.publish("house/room", b"live", retain=True)
            assert await ear.next() == ("house/room", b"live", False)


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_subscription_made_after_connecting_counts() -> None:
    async with broker() as port, running(port, "one") as link:
        await link.wait_connected(5.0)
        await link.publish("late", "kept", retain=True)
        ear = Ear()
        link.subscribe("late", ear)
        assert await ear.next() == ("late", b"kept", True)


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_restarted_broker_is_found_again_with_all_subscriptions() -> None:
    ear = Ear()
    async with broker() as port, running(port, "one") as link:
        link.subscribe("house/+", ear)
        await link.wait_connected(5.0)
        await link.publish("house/a", "before")
        assert (await ear.next())[1] == b"before"
    async with running(port, "one") as link:
        link.subscribe("house/+", ear)
        async with broker(port):
            await link.wait_connected(10.0)
        with pytest.raises(LinkLostError):
            await publish_until_lost(link)
        async with broker(port):
            await link.wait_connected(10.0)
            await link.publish("house/b", "after")
            assert (await ear.next())[:2] == ("house/b", b"after")


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_failing_callback_does_not_take_the_link_with_it() -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))

    def broken(topic: str, payload: bytes, retained: bool) -> None:
        raise ZeroDivisionError(topic, payload, retained)

    async with broker() as port, running(port, "one") as link:
        ear = Ear()
        link.subscribe("house", broken)
        link.subscribe("house", ear)
        await link.wait_connected(5.0)
        await link.publish("house", "x")
        assert (await ear.next())[1] == b"x"
        assert link.connected
    assert len(failures) == 1


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_an_absent_broker_is_a_lost_link_and_never_an_exception_of_run() -> None:
    async with broker() as port:
        pass
    async with running(port, "one") as link:
        with pytest.raises(LinkLostError, match=r"within 1 s.*refused"):
            await link.wait_connected(1.0)
        with pytest.raises(LinkLostError, match="no broker"):
            await link.publish("house", "x")
        assert not link.connected


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_only_the_callbacks_of_a_topic_hear_it() -> None:
    async with broker() as port, running(port, "one") as link:
        room, meter = Ear(), Ear()
        link.subscribe("house/room", room)
        link.subscribe("house/meter", meter)
        await link.wait_connected(5.0)
        await link.publish("house/meter", "1")
        await link.publish("house/room", "2")
        assert (await room.next())[1] == b"2"
        assert (await meter.next())[1] == b"1"
        assert room.heard.empty()


async def test_a_dying_connection_loses_messages_in_words_and_subscriptions_for_now() -> None:
    link = BrokerLink("mqtt://localhost", "one")
    link._client = link._new_client()  # as when the loss has not been noticed yet
    with pytest.raises(LinkLostError, match=r"lost house: .*not currently connected"):
        await link.publish("house", "x")
    await link._subscribe_late(link._client, "house")
    assert "not currently connected" in link.last_error


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "http://localhost", "mqtt://", "mqtt://host:port", "mqtt://host/topic"],
)
async def test_a_wrong_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="broker address"):
        BrokerLink(url, "one")


async def test_errors_do_not_show_the_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        BrokerLink("mqtt://anna:secret@host:port", "one")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtt://host", "host:1883"),
        ("mqtts://host", "host:8883"),
        ("mqtt://anna:p%40ss@host:1999/", "host:1999"),
    ],
)
async def test_an_address_names_host_and_port(url: str, endpoint: str) -> None:
    assert BrokerLink(url, "one").endpoint == endpoint


class SwallowingClient:
    """The library's client where it loses a cancellation: on its way in, or saying goodbye."""

    def __init__(self, accepted: asyncio.Future[None], goodbye: Exception | None) -> None:
        self.messages = self
        self._accepted = accepted
        self._goodbye = goodbye

    async def __aenter__(self) -> "SwallowingClient":
        await asyncio.wait_for(self._accepted, 60.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._goodbye is not None:
            raise self._goodbye

    def __aiter__(self) -> "SwallowingClient":
        return self

    async def __anext__(self) -> Message:
        await asyncio.Event().wait()
        raise StopAsyncIteration


@pytest.mark.parametrize("goodbye", [None, MqttError("Operation timed out")])
@pytest.mark.parametrize("connected", [False, True])
async def test_a_cancelled_link_ends_even_if_the_client_loses_the_cancellation(
    monkeypatch: pytest.MonkeyPatch, goodbye: Exception | None, connected: bool
) -> None:
    accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(
        "drivers.transports.mqtt.Client", lambda *_, **__: SwallowingClient(accepted, goodbye)
    )
    link = BrokerLink("mqtt://127.0.0.1:1883", "test")
    task = asyncio.create_task(link.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    accepted.set_result(None)
    if connected:
        await link.wait_connected(1.0)
    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=1.0)
    while not task.done():  # whatever came of it, leave nothing running
        task.cancel()
        await asyncio.sleep(0)
    assert ended
