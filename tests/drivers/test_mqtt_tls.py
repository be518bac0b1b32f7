"""The broker link behind TLS, against a real mosquitto: who gets in, and who gets nowhere."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import ConfigurationError, LinkLostError
from drivers.transports.mqtt import BrokerLink, TlsFiles

pytestmark = [pytest.mark.sockets, pytest.mark.enable_socket, pytest.mark.timeout(60)]

TOPIC = "zigbee2mqtt/living_room"
PATIENCE_S = 10.0


def papers(folder: Path, name: str, *, ca: Path | None = None) -> TlsFiles:
    """Certificate and key of a name in a folder."""
    return TlsFiles(ca or folder / "ca.crt", folder / f"{name}.crt", folder / f"{name}.key")


@contextlib.asynccontextmanager
async def link_with(
    broker: Any, tls: TlsFiles, *, host: str = "127.0.0.1"
) -> AsyncIterator[BrokerLink]:
    """A link on its way."""
    link = BrokerLink(f"mqtts://{host}:{broker.port}", f"test-{id(tls)}", timeout_s=5.0, tls=tls)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_heatherd_hears_the_sensors_of_its_house(guarded_broker: Any) -> None:
    house = guarded_broker.house
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with (
        link_with(guarded_broker, papers(house, "heatherd")) as heatherd,
        link_with(guarded_broker, papers(house, "zigbee2mqtt")) as sensors,
    ):
        heatherd.subscribe(TOPIC, lambda _topic, payload, _kept: heard.put_nowait(payload))
        await heatherd.wait_connected(PATIENCE_S)
        await sensors.wait_connected(PATIENCE_S)
        await sensors.publish(TOPIC, b"21.3")
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == b"21.3"


@pytest.mark.parametrize("who", ["nobody", "stranger", "expired"])
async def test_without_a_valid_certificate_of_the_house_nobody_gets_anywhere(
    guarded_broker: Any, who: str
) -> None:
    house = guarded_broker.house
    tls = {
        "nobody": TlsFiles(house / "ca.crt"),
        "stranger": papers(guarded_broker.strangers, "heatherd", ca=house / "ca.crt"),
        "expired": papers(house, "expired"),
    }[who]
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with (
        link_with(guarded_broker, papers(house, "zigbee2mqtt")) as sensors,
        link_with(guarded_broker, tls) as intruder,
    ):
        intruder.subscribe("#", lambda _topic, payload, _kept: heard.put_nowait(payload))
        await sensors.wait_connected(PATIENCE_S)
        with pytest.raises(LinkLostError):
            await intruder.wait_connected(2.0)
        await sensors.publish(TOPIC, b"21.3")
        with pytest.raises(LinkLostError):
            await intruder.publish(TOPIC, b"99")
    assert heard.empty()


async def test_a_guest_of_the_house_may_do_nothing(guarded_broker: Any) -> None:
    house = guarded_broker.house
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def hear(who: str) -> Any:
        return lambda _topic, payload, _kept: heard.put_nowait((who, payload))

    async with (
        link_with(guarded_broker, papers(house, "zigbee2mqtt")) as sensors,
        link_with(guarded_broker, papers(house, "heatherd")) as heatherd,
        link_with(guarded_broker, papers(house, "guest")) as guest,
    ):
        guest.subscribe("#", hear("guest"))
        heatherd.subscribe(TOPIC, hear("heatherd"))
        for link in (sensors, heatherd, guest):
            await link.wait_connected(PATIENCE_S)
        await guest.publish(TOPIC, b"99")
        await heatherd.publish(TOPIC, b"98")  # it reads sensors, it does not play them
        await sensors.publish(TOPIC, b"21.3")
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == ("heatherd", b"21.3")
    assert heard.empty()


# paho leaves the socket of a failed handshake to the garbage collector, which closes it
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_broker_that_cannot_prove_its_name_learns_nothing(
    guarded_broker: Any, host: str
) -> None:
    """Another authority; or the right one, for another name than the one asked for."""
    house, strangers = guarded_broker.house, guarded_broker.strangers
    ca = strangers / "ca.crt" if host == "127.0.0.1" else house / "ca.crt"
    async with link_with(guarded_broker, papers(house, "heatherd", ca=ca), host=host) as link:
        with pytest.raises(LinkLostError, match="certificate verify failed"):
            await link.wait_connected(2.0)


async def test_a_key_is_never_told(
    guarded_broker: Any, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    house = guarded_broker.house
    async with link_with(guarded_broker, papers(house, "heatherd")) as link:
        await link.wait_connected(PATIENCE_S)
    (*_, line, _end) = (house / "heatherd.key").read_text().splitlines()
    assert line not in caplog.text


@pytest.mark.parametrize("missing", ["ca.crt", "heatherd.crt", "heatherd.key"])
def test_certificates_that_cannot_be_used_are_a_configuration_error(
    tmp_path: Path, missing: str
) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        BrokerLink("mqtts://127.0.0.1:1", "test", tls=papers(tmp_path, "heatherd"))
