"""Where room messages go: a broker inside the simulator's process, or one that runs already."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from amqtt.broker import Broker

from drivers.transports.mqtt import BrokerLink

Publish: TypeAlias = Callable[[str, str], Awaitable[None]]
"""Hand topic and payload to the broker; messages arrive in the order of the calls."""

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

    async def publish(topic: str, payload: str) -> None:
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

    async def publish(topic: str, payload: str) -> None:
        await link.publish(topic, payload, qos=QOS)

    running = asyncio.create_task(link.run())
    try:
        await link.wait_connected(TIMEOUT_S)
        yield publish, url
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
