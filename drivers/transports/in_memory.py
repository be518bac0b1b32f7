"""The transports without a network: same protocols, same errors, delivered at once."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from drivers.points import Space
from drivers.transports.modbus_client import WRITE_SEVERAL
from drivers.transports.mqtt import OnMessage, covers


class RegisterDevice(Protocol):
    """Something with registers. Both methods raise `DriverError`s as a real device would answer."""

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]: ...

    def write(self, unit: int, address: int, values: Sequence[int]) -> None: ...


class MemoryModbusLink:
    """A `ModbusLink` straight into a device object."""

    def __init__(self, device: RegisterDevice) -> None:
        self._device = device

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """`count` registers from `address` (0-based). Raises a `DriverError`."""
        return self._device.read(unit, space, address, count)

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        """Write holding registers. Raises a `DriverError`."""
        del function  # without frames all writes are alike
        self._device.write(unit, address, values)

    async def close(self) -> None:
        """There is nothing to close."""


class MemoryMqttLink:
    """An `MqttLink` that is its own broker: `publish` calls the subscribers before it returns."""

    connected = True
    immediate = True

    def __init__(self) -> None:
        self._subscribers: list[tuple[str, OnMessage]] = []
        self._retained: dict[str, bytes] = {}

    def subscribe(self, topic: str, on_message: OnMessage) -> None:
        """Call `on_message` for every match, beginning with what is retained."""
        self._subscribers.append((topic, on_message))
        for name, payload in self._retained.items():
            if covers(topic, name):
                on_message(name, payload, True)

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Deliver to every subscriber; an empty retained payload deletes the retained one."""
        del qos  # delivery is certain here
        self.deliver(topic, payload, retain=retain)

    def deliver(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        """`publish` for a simulator that does not await."""
        content = payload.encode() if isinstance(payload, str) else payload
        if retain and content:
            self._retained[topic] = content
        elif retain:
            self._retained.pop(topic, None)
        for pattern, on_message in self._subscribers:
            if covers(pattern, topic):
                on_message(topic, content, False)

    async def run(self) -> None:
        """Idle until cancelled, as a link with a broker would."""
        await asyncio.Event().wait()

    async def wait_connected(self, timeout_s: float) -> None:
        """It always is."""
