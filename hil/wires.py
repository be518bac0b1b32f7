"""A simulated house on its real wires: Modbus TCP, a serial line, a broker."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from hil.broker import Command, Ear, Publish, embedded_broker, foreign_broker
from hil.device import Bus
from hil.modbus_server import BusServer, Wait, no_wait
from hil.serial_line import SerialLine


class BenchError(Exception):
    """The house cannot be served as asked; the message says what to change."""


@dataclass(frozen=True)
class Wires:
    """The open wires, and where others find them."""

    publish: Publish
    server: BusServer
    ear: Ear | None = None  # of a heat pump behind MQTT
    places: dict[str, str | int] = field(default_factory=dict)

    async def settle(self) -> None:
        """Return when all commands that were sent over MQTT until now have been obeyed."""
        if self.ear is not None:
            await self.ear.settle()

    async def drop(self) -> None:
        """Close every TCP connection to the device."""
        await self.server.drop()


@contextlib.asynccontextmanager
async def on_the_wire(
    bus: Bus,
    *,
    port: int,
    broker_url: str | None,
    serial: bool = False,
    host: str = "127.0.0.1",
    wait: Wait = no_wait,
    listens: Sequence[str] = (),
    command: Command = lambda _topic, _payload: (),
) -> AsyncIterator[Wires]:
    """Open all wires; they close with the block. Raises `BenchError` or `LinkLostError`.

    A heat pump behind MQTT takes what comes on the topics `listens` as a `command`.
    """
    async with contextlib.AsyncExitStack() as open_ends:
        broker = embedded_broker() if broker_url is None else foreign_broker(broker_url)
        publish, url = await open_ends.enter_async_context(broker)
        server = BusServer(bus, host=host, port=port, wait=wait)
        try:
            modbus_port = await server.start()
        except OSError as error:
            raise BenchError(
                f"Modbus port {port} on {host} cannot be opened: {error.strerror}; "
                "choose another one, ports below 1024 need privileges"
            ) from error
        open_ends.push_async_callback(server.close)
        places: dict[str, str | int] = {"modbus_port": modbus_port, "broker": url}
        if serial:
            line = SerialLine(bus, wait=wait)
            try:
                places["serial"] = line.open()
            except OSError as error:
                raise BenchError(
                    f"no serial line: no pseudo-terminal ({error.strerror})"
                ) from error
            open_ends.push_async_callback(line.close)
        ear: Ear | None = None
        if listens:
            ear = Ear(url, listens, command, publish)
            await open_ends.enter_async_context(ear.listening())
        yield Wires(publish, server, ear, places)
