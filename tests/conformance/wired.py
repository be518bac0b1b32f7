"""The way from a driver to an emulated device, in memory, and what can be lost on it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from drivers.errors import DriverError, LinkLostError, RefusedByDeviceError
from drivers.profile import MqttProfile
from drivers.topics import BASE, full_topic
from drivers.transports.in_memory import MemoryModbusLink, MemoryMqttLink
from drivers.transports.modbus_client import WRITE_SEVERAL
from hil.device import Bus
from hil.topic_device import TopicDevice


class KilledError(BaseException):
    """heatherd is gone in the middle of what it did."""


@dataclass(frozen=True)
class Loss:
    """What can happen to a command."""

    error: Callable[[], BaseException]
    arrives: bool

    def __str__(self) -> str:
        what = "killed" if self.error is KilledError else "cut"
        return f"{what}-{'after' if self.arrives else 'before'}"


def _cut() -> DriverError:
    return LinkLostError("the link is gone")


LOSSES = tuple(Loss(error, arrives) for error in (_cut, KilledError) for arrives in (False, True))
"""The link or heatherd itself is gone, before or after the device has taken the command."""


class Wire:
    """The way of commands to the device, and what happens to one of them."""

    def __init__(self) -> None:
        self.commands = 0
        self._strikes_at = 0
        self._arrives = True
        self._error: BaseException | None = None

    def strike(self, loss: Loss, *, at: int) -> None:
        """The command after `at - 1` others meets a loss, and all later ones as well."""
        self._error = loss.error()
        self._arrives = loss.arrives
        self._strikes_at = self.commands + at

    def mend(self) -> None:
        """All is well again."""
        self._error = None

    @contextmanager
    def carrying(self) -> Iterator[None]:
        """A command is on its way."""
        self.commands += 1
        struck = self._error is not None and self.commands >= self._strikes_at
        if struck and not self._arrives:
            raise self._error
        yield
        if struck:
            raise self._error


class WatchedModbusLink(MemoryModbusLink):
    """Registers without frames; what the device does not know how to write is refused."""

    def __init__(self, bus: Bus, wire: Wire) -> None:
        super().__init__(bus)
        self._bus = bus
        self._wire = wire

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        if function not in self._bus.manners(unit).write_functions:
            raise RefusedByDeviceError("illegal function")
        with self._wire.carrying():
            await super().write(unit, address, values)


Question = tuple[str, str]
"""Topic and payload of a message that only asks."""


def questions_of(profile: MqttProfile) -> frozenset[Question]:
    """What a driver may send to learn something."""
    base = profile.connection.base_topic
    return frozenset(
        (full_topic(base, point.ask_topic), point.ask.replace(BASE, base))
        for point in profile.points.values()
        if point.ask_topic
    )


class WatchedMqttLink(MemoryMqttLink):
    """A broker between heatherd and the device."""

    def __init__(self, device: TopicDevice, wire: Wire, questions: Collection[Question]) -> None:
        super().__init__()
        self._device = device
        self._wire = wire
        self._questions = questions

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False
    ) -> None:
        del qos, retain
        text = payload.decode() if isinstance(payload, bytes) else payload
        with nullcontext() if (topic, text) in self._questions else self._wire.carrying():
            for said, answer, kept in self._device.command(topic, text):
                self.deliver(said, answer, retain=kept)

    def speak(self) -> None:
        """Deliver what the device has to say."""
        for topic, payload, retain in self._device.messages():
            self.deliver(topic, payload, retain=retain)

    def leave(self) -> None:
        """The client that subscribed is gone; the device and the broker stay."""
        self._subscribers.clear()
