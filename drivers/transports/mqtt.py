"""MQTT: one connection to the broker that comes back by itself, and callbacks per topic."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

from aiomqtt import Client, Message, MqttError
from paho.mqtt.client import topic_matches_sub

from drivers.errors import ConfigurationError, LinkLostError
from drivers.transports.cancellation import heed_cancellation

OnMessage: TypeAlias = Callable[[str, bytes, bool], None]
"""Receives topic, payload, and whether the broker had kept the message (unknown age). Must not
raise on any payload."""

log = logging.getLogger(__name__)

LONGEST_BACK_OFF_S = 60.0
AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Small messages do not wait for the acknowledgement of the one before (Nagle): some 40 ms each."""
_PORTS = {"mqtt": 1883, "mqtts": 8883}


def covers(pattern: str, topic: str) -> bool:
    """Whether a subscription is for a topic. Nearly all are plain topics, told apart at once."""
    if pattern == topic:
        return True
    return ("+" in pattern or "#" in pattern) and bool(topic_matches_sub(pattern, topic))


class MqttLink(Protocol):
    """A connection to a broker."""

    @property
    def connected(self) -> bool: ...

    @property
    def immediate(self) -> bool:
        """Whether an answer has arrived when `publish` returns, or never will."""
        ...

    def subscribe(self, topic: str, on_message: OnMessage) -> None:
        """Call `on_message` for every message on `topic` (+ and # allowed), in order of arrival."""
        ...

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Hand a message to the broker. Raises `LinkLostError`."""
        ...

    async def run(self) -> None:
        """Keep the connection alive until cancelled; a lost broker is no exception."""
        ...

    async def wait_connected(self, timeout_s: float) -> None:
        """Return once connected and subscribed. Raises `LinkLostError` after the timeout."""
        ...


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Whom to believe, and who we are; PEM files. None: the system's authorities, nobody."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, with the broker's name checked. Raises `ConfigurationError`."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            files = [str(f) for f in (self.ca_file, self.cert_file, self.key_file) if f is not None]
            raise ConfigurationError(
                f"certificates of the broker link ({', '.join(files)}) cannot be used: {error}"
            ) from error
        return context


class BrokerLink:
    """An `MqttLink` to a broker named by "mqtt://user:password@host:1883" (mqtts: with TLS).

    Nothing happens until `run` does. After a loss it connects again, waiting 1, 2, 4 ... 60 s,
    and renews every subscription.
    """

    immediate = False

    def __init__(
        self, url: str, client_id: str, *, timeout_s: float = 10.0, tls: TlsFiles | None = None
    ) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigurationError(f"broker address {_shown(url)}: bad port") from error
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ConfigurationError(
                f"broker address {_shown(url)}: write mqtt://host:1883 or mqtts://host:8883"
            )
        self.endpoint = f"{parts.hostname}:{port or _PORTS[parts.scheme]}"
        self.last_error = "not yet connected"
        self._host = parts.hostname
        self._port = port or _PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = (tls or TlsFiles()).context() if parts.scheme == "mqtts" else None
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._subscribers: list[tuple[str, OnMessage]] = []
        self._client: Client | None = None
        self._ready = asyncio.Event()
        self._late: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether the broker is there and all subscriptions stand."""
        return self._ready.is_set()

    def subscribe(self, topic: str, on_message: OnMessage) -> None:
        """Call `on_message` for every message on `topic` (+ and # allowed), in order of arrival."""
        self._subscribers.append((topic, on_message))
        if self._client is not None:
            task = asyncio.get_running_loop().create_task(self._subscribe_late(self._client, topic))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Hand a message to the broker. Raises `LinkLostError`."""
        if self._client is None:
            raise LinkLostError(f"no broker at {self.endpoint}: {self.last_error}")
        try:
            await self._client.publish(topic, payload, qos=qos, retain=retain)
        except MqttError as error:
            raise LinkLostError(f"broker {self.endpoint} lost {topic}: {error}") from error

    async def run(self) -> None:
        """Keep the connection alive until cancelled; a lost broker is no exception."""
        failures = 0
        while True:
            try:
                async with self._new_client() as client:
                    for topic in dict.fromkeys(topic for topic, _ in self._subscribers):
                        await client.subscribe(topic, qos=1)
                    heed_cancellation()
                    self._client = client
                    self._ready.set()
                    failures = 0
                    log.info("connected to the broker %s", self.endpoint)
                    async for message in client.messages:
                        self._deliver(message)
            except MqttError as error:
                self.last_error = str(error) or "connection lost"
                if failures == 0:
                    log.warning("broker %s: %s; trying again", self.endpoint, self.last_error)
            finally:
                self._client = None
                self._ready.clear()
            heed_cancellation()
            wait_s = min(2.0 ** min(failures, 10), LONGEST_BACK_OFF_S)
            failures += 1
            # the wait of a socket for its peer: not time the controller plans with
            await asyncio.sleep(wait_s)  # noqa: TID251

    async def wait_connected(self, timeout_s: float) -> None:
        """Return once connected and subscribed. Raises `LinkLostError` after the timeout."""
        try:
            await asyncio.wait_for(self._ready.wait(), timeout_s)
        except TimeoutError as error:
            raise LinkLostError(
                f"no broker at {self.endpoint} within {timeout_s:g} s: {self.last_error}"
            ) from error

    def _new_client(self) -> Client:
        return Client(
            self._host,
            self._port,
            username=self._user,
            password=self._password,
            identifier=self._client_id,
            timeout=self._timeout_s,
            socket_options=(AT_ONCE,),
            tls_context=self._tls,
        )

    async def _subscribe_late(self, client: Client, topic: str) -> None:
        try:
            await client.subscribe(topic, qos=1)
        except MqttError as error:
            self.last_error = str(error)  # the next connection subscribes to everything

    def _deliver(self, message: Message) -> None:
        """Queue the callbacks, in order; a callback that fails cannot take the link with it."""
        loop = asyncio.get_running_loop()
        topic = message.topic.value
        for pattern, on_message in self._subscribers:
            if covers(pattern, topic):
                loop.call_soon(on_message, topic, message.payload, message.retain)


def _shown(url: str) -> str:
    """The address without its password."""
    return url.rpartition("@")[2]
