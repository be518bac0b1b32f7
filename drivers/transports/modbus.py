"""Modbus links: one connection per host and port or serial device, one request at a time.

Controllers and gateways commonly accept one client and one outstanding request, so every unit
behind a port or on a serial line shares one link (see `LinkPool`).
"""

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from pymodbus.client import AsyncModbusTcpClient

from drivers.errors import ConfigurationError
from drivers.points import Space
from drivers.transports.modbus_client import (
    WRITE_SEVERAL,
    ClientLink,
    OnConnection,
    OnPacket,
    Wire,
)
from drivers.transports.modbus_frames import tcp_answer_bytes, tcp_answer_fault
from drivers.transports.modbus_serial import SerialLink, SerialSettings


class ModbusLink(Protocol):
    """A way to the registers of the units behind one endpoint."""

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        ...

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        """Write holding registers in one request (FC16), or one by one (FC6).

        Raises a `DriverError`.
        """
        ...

    async def close(self) -> None: ...


class TcpLink(ClientLink):
    """A Modbus TCP client; its connection is dropped after every request without an answer."""

    def __init__(
        self, host: str, port: int = 502, *, timeout_s: float = 3.0, gap_s: float = 0.0
    ) -> None:
        def open_client(on_packet: OnPacket, on_connection: OnConnection) -> AsyncModbusTcpClient:
            return AsyncModbusTcpClient(
                host,
                port=port,
                timeout=timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=on_packet,
                trace_connect=on_connection,
            )

        wire = Wire(
            endpoint=f"{host}:{port}",
            open_client=open_client,
            answer_fault=tcp_answer_fault,
            answer_bytes=tcp_answer_bytes,
            why_closed=lambda: "",
        )
        super().__init__(wire, timeout_s=timeout_s, gap_s=gap_s)


class LinkPool:
    """One link per host and port or serial device, closed when its last user closes it."""

    def __init__(self) -> None:
        self._links: dict[str, ClientLink] = {}
        self._users: dict[str, int] = {}

    def link(
        self, host: str, port: int = 502, *, timeout_s: float = 3.0, gap_s: float = 0.0
    ) -> "SharedLink":
        """A share in the link to this endpoint; timeout and gap are those of its first user."""
        return self._share(
            f"{host}:{port}", lambda: TcpLink(host, port, timeout_s=timeout_s, gap_s=gap_s)
        )

    def serial(
        self, device: str, settings: SerialSettings, *, timeout_s: float = 1.0, gap_s: float = 0.0
    ) -> "SharedLink":
        """A share in the link on this serial device; timeout and gap are those of its first user.

        Raises `ConfigurationError` when another unit talks otherwise on the same line.
        """
        key = os.path.realpath(device)  # /dev/serial/by-id/... names the same line
        known = self._links.get(key)
        if isinstance(known, SerialLink) and known.settings != settings:
            raise ConfigurationError(
                f"{device}: all units of a serial line need the same baud rate, parity and stop "
                f"bits, not {known.settings} and {settings}"
            )
        return self._share(
            key, lambda: SerialLink(device, settings, timeout_s=timeout_s, gap_s=gap_s)
        )

    async def release(self, key: str) -> None:
        """One user of the endpoint is done."""
        self._users[key] -= 1
        if self._users[key] == 0:
            del self._users[key]
            await self._links.pop(key).close()

    def _share(self, key: str, new_link: Callable[[], ClientLink]) -> "SharedLink":
        if key not in self._links:
            self._links[key] = new_link()
        self._users[key] = self._users.get(key, 0) + 1
        return SharedLink(self, key, self._links[key])


class SharedLink:
    """One user's share in a link; closing it twice is harmless."""

    def __init__(self, pool: LinkPool, key: str, link: ClientLink) -> None:
        self._pool = pool
        self._key = key
        self._link = link
        self._closed = False

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        return await self._link.read(unit, space, address, count)

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        """Write holding registers. Raises a `DriverError`."""
        await self._link.write(unit, address, values, function=function)

    async def close(self) -> None:
        """Give the share back; the last one closes the connection."""
        if not self._closed:
            self._closed = True
            await self._pool.release(self._key)
