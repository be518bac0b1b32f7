"""Where messages go: a broker inside the simulator's process, or one that runs already.

Rooms only speak. A heat pump behind MQTT listens too: commands come over a connection of its own.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from itertools import count
from typing import TypeAlias

from amqtt.broker import Broker

from drivers.transports.mqtt import BrokerLink
from hil.sensors import Message

Publish: TypeAlias = Callable[[str, str, bool], Awaitable[None]]
"""Hand topic, payload and whether to keep it to the broker; messages arrive in order."""

Command: TypeAlias = Callable[[str, str], Sequence[Message]]
"""A device takes topic and payload, and says what it says to that."""

ECHO_TOPIC = "hil/echo"
LOOPBACK = "127.0.0.1"
LISTENER = "default"
QOS = 0  # as zigbee2mqtt; on one connection nothing gets lost or overtaken
TIMEOUT_S = 10.0


@contextlib.asynccontextmanager
async def embedded_broker(port: int = 0) -> AsyncIterator[tuple[Publish, str]]:
    """A broker on the loopback interface: how to publish, and its address; port 0 takes any.

    Anonymous and without system topics: only this computer can reach it. The socket is ours (an
    "external" listener), so that the port is known.
    """
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    broker = Broker(
        {
            "listeners": {LISTENER: {"type": "external"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await broker.stream_connected(reader, writer, LISTENER)

    async def publish(topic: str, payload: str, retain: bool) -> None:
        if retain:
            await broker.retain_message(None, topic, payload.encode(), QOS)
        await broker.internal_message_broadcast(topic, payload.encode(), QOS)

    await broker.start()
    server = await asyncio.start_server(connected, LOOPBACK, port)
    try:
        yield publish, f"mqtt://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await broker.shutdown()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def foreign_broker(url: str) -> AsyncIterator[tuple[Publish, str]]:
    """A connection to a broker that runs already. Raises `LinkLostError` when there is none."""
    link = BrokerLink(url, "hil")

    async def publish(topic: str, payload: str, retain: bool) -> None:
        await link.publish(topic, payload, qos=QOS, retain=retain)

    async with _running(link.run()):
        await link.wait_connected(TIMEOUT_S)
        yield publish, url


class Ear:
    """A device's own connection, over which its commands come, and what it answers."""

    def __init__(self, url: str, topics: Sequence[str], command: Command, publish: Publish) -> None:
        self._link = BrokerLink(url, "hil-device")
        self._command = command
        self._publish = publish
        self._said: deque[Message] = deque()
        self._speaking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._echoes = count(1)
        self._awaited = ""
        self._echoed = asyncio.Event()
        for topic in topics:
            self._link.subscribe(topic, self._on_command)
        self._link.subscribe(ECHO_TOPIC, self._on_echo)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear commands while the block lasts. Raises `LinkLostError`."""
        async with _running(self._link.run()), _running(self._answer()):
            await self._link.wait_connected(TIMEOUT_S)
            yield

    async def settle(self) -> None:
        """Return when every command that the broker had taken has been heard and answered.

        A message to itself queues behind them.
        """
        self._awaited = str(next(self._echoes))
        self._echoed.clear()
        await self._link.publish(ECHO_TOPIC, self._awaited, qos=QOS)
        async with asyncio.timeout(TIMEOUT_S):
            await self._echoed.wait()
        await self._speak()

    async def _answer(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._speak()

    async def _speak(self) -> None:
        async with self._speaking:
            while self._said:
                await self._publish(*self._said.popleft())

    def _on_command(self, topic: str, payload: bytes, _kept: bool) -> None:
        self._said += self._command(topic, payload.decode(errors="replace"))
        self._wake.set()

    def _on_echo(self, _topic: str, payload: bytes, _kept: bool) -> None:
        if payload.decode(errors="replace") == self._awaited:
            self._echoed.set()


@contextlib.asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let something run beside the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
