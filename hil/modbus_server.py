"""The emulated devices on a real Modbus TCP port.

Requests reach the live register image through pymodbus' device action; the simulator's own block
only tells it which addresses exist, so that a hole is answered with exception 2.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.errors import RefusedByDeviceError
from drivers.points import Space, register_count
from drivers.profile import ModbusProfile
from hil.registers import Bus, IllegalValueError

READ_HOLDING, READ_INPUT = 3, 4
WRITES = frozenset({6, 16})
UNUSED_BITS = 65520  # pymodbus wants coils; ours are refused by function


def _block(profile: ModbusProfile, space: Space) -> list[SimData]:
    """Which addresses of a space exist."""
    addresses = sorted(
        {
            point.address + offset
            for point in profile.points.values()
            if point.space is space
            for offset in range(register_count(point))
        }
    )
    return [
        SimData(address=address, values=0, datatype=DataType.REGISTERS)
        for address in addresses or [0]
    ]


def _device(unit: int, profile: ModbusProfile, bus: Bus) -> SimDevice:
    async def action(  # noqa: PLR0917  the signature is pymodbus'
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Fill the server's block from the image before a read; hand a write to the image."""
        try:
            if values is not None and function in WRITES:
                bus.write(unit, address, [int(value) for value in values])
            elif function in (READ_HOLDING, READ_INPUT):
                space = Space.INPUT if function == READ_INPUT else Space.HOLDING
                offset = address - start
                registers[offset : offset + count] = bus.read(unit, space, address, count)
            else:
                return ExcCodes.ILLEGAL_FUNCTION
        except IllegalValueError:
            return ExcCodes.ILLEGAL_VALUE
        except RefusedByDeviceError:
            return ExcCodes.ILLEGAL_ADDRESS
        return None

    def bits() -> list[SimData]:
        return [SimData(address=UNUSED_BITS, values=[False] * 16, datatype=DataType.BITS)]

    return SimDevice(
        id=unit,
        simdata=(bits(), bits(), _block(profile, Space.HOLDING), _block(profile, Space.INPUT)),
        action=action,
    )


class BusServer:
    """Serves a bus on a TCP port until closed; port 0 takes any free one."""

    def __init__(self, bus: Bus, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._bus = bus
        self._host = host
        self._port = port
        self._server: ModbusTcpServer | None = None

    async def start(self) -> int:
        """Listen; returns the port. Raises RuntimeError when it is taken."""
        profiles: Mapping[int, ModbusProfile] = {
            unit: image.profile for unit, image in self._bus.devices.items()
        }
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        self._server = ModbusTcpServer(
            [_device(unit, profile, self._bus) for unit, profile in profiles.items()],
            address=(self._host, self._port),
        )
        await self._server.serve_forever(background=True)
        listening = cast("asyncio.Server", self._server.transport)
        port: int = listening.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and drop the clients."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None
