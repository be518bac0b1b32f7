"""One emulated heat pump in memory, the real driver on it, and heatherd's hand on the driver.

The device is the simulator's: profile, manners, knob memory and the pump's own control. Only the
wire is not there, and no water flows: readings stand still unless a test changes them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from controller.act import Actuator, Applied, Outcome
from controller.guard import Allowed, Purpose
from controller.store import Store
from controller.wear import Ledger
from drivers.api import Capability, HeatPump, Knob, Sample, Signal, WriteClass
from drivers.errors import DriverError, LinkLostError, RefusedByDeviceError
from drivers.heat_pumps.modbus_pump import ModbusHeatPump
from drivers.heat_pumps.mqtt_pump import MqttHeatPump
from drivers.profile import (
    AnyProfile,
    DeviceKind,
    ModbusProfile,
    MqttProfile,
    load_profile,
    shipped_profiles,
)
from drivers.topics import BASE, full_topic
from drivers.transports.in_memory import MemoryModbusLink, MemoryMqttLink
from drivers.transports.modbus import ModbusLink
from drivers.transports.modbus_client import WRITE_SEVERAL
from hil.device import Bus, EmulatedDevice
from hil.firmware import Firmware
from hil.house import House, load_house
from hil.manners import manners_of
from hil.pump_face import PumpFace
from hil.pump_image import PumpImage, pump_image
from hil.registers import RegisterImage
from hil.topic_device import TopicDevice

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
TICK_S = 60.0

READINGS = {
    Signal.OUTDOOR_C: 2.0,
    Signal.ROOM_C: 21.0,
    Signal.FLOW_C: 35.0,
    Signal.FLOW_SETPOINT_C: 36.0,
    Signal.RETURN_C: 30.0,
    Signal.DHW_C: 48.0,
    Signal.COMPRESSOR_HZ: 50.0,
    Signal.OPERATING_STATE: 1.0,
    Signal.DEFROSTING: 0.0,
    Signal.ALARM: 0.0,
    Signal.POWER_W: 1500.0,
    Signal.HEAT_W: 5000.0,
    Signal.ENERGY_KWH: 1234.0,
    Signal.HEAT_ENERGY_KWH: 4321.0,
}
IN_FORCE = (
    "flow_request_c",
    "return_request_c",
    "virtual_outdoor_c",
    "power_limit_w",
    "speed_limit_frac",
    "heating_on",
    "dhw_boost",
    "curve_offset_k",
    "dhw_start_c",
    "room_setpoint_c",
)
"""What commands change in the pump's own control."""

profile_of = cache(load_profile)
PUMPS = tuple(name for name in shipped_profiles() if profile_of(name).kind is DeviceKind.HEAT_PUMP)


@dataclass(frozen=True)
class Case:
    """One writable knob of one shipped profile."""

    name: str
    capability: Capability

    def __str__(self) -> str:
        return f"{self.name}-{self.capability.value}"

    @property
    def knob(self) -> Knob:
        """The knob as the profile has it."""
        return profile_of(self.name).knobs[self.capability]

    @property
    def stored(self) -> bool:
        """Whether the device keeps what is written."""
        return self.knob.write_class is WriteClass.PERSISTENT


CASES = tuple(
    Case(name, capability)
    for name in PUMPS
    for capability, knob in profile_of(name).knobs.items()
    if knob.write_class is not WriteClass.FORBIDDEN
)
STORED = tuple(case for case in CASES if case.stored)
VOLATILE = tuple(case for case in CASES if not case.stored)


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


class EmulatedPump:
    """A heat pump of one profile; with a capability, in the mode in which that knob acts."""

    def __init__(self, profile: AnyProfile, capability: Capability | None = None) -> None:
        self.profile = profile
        self.readings: dict[Signal, float | None] = dict(READINGS)
        self.wire = Wire()
        self._clock_s = 0.0
        self._firmware = _firmware()
        manners = manners_of(profile)
        needed = None if capability is None else profile.knobs[capability].only_when
        if needed is not None:
            mode = {needed.point: float(needed.values[0])}
            manners = replace(manners, settings={**manners.settings, **mode})
        self._face: PumpFace[PumpImage] = PumpFace(
            profile,
            lambda on_write: pump_image(
                profile,
                on_write,
                readings=lambda: self.readings,
                manners=manners,
                older_firmware=False,
            ),
            firmware=self._firmware,
            manners=manners,
        )
        self.image = self._face.image
        if isinstance(self.image, RegisterImage):
            unit = self.image.profile.connection.unit
            self.bus = Bus({unit: EmulatedDevice(self.image, self._face.presence)})
            self._modbus: WatchedModbusLink | None = WatchedModbusLink(self.bus, self.wire)
        else:
            self._modbus = None
            self.topics = TopicDevice(self.image, self._face.presence)
            self._mqtt = WatchedMqttLink(self.topics, self.wire, questions_of(profile))

    @property
    def now(self) -> datetime:
        """The time at the pump and at heatherd."""
        return START + timedelta(seconds=self._clock_s)

    def driver(self) -> HeatPump:
        """A new driver, as after a start; it knows what a running one would know."""
        if isinstance(self.profile, ModbusProfile):
            assert self._modbus is not None
            return ModbusHeatPump(
                self.profile.name,
                self.profile,
                self._modbus,
                unit=self.profile.connection.unit,
                now=lambda: self.now,
                pause=_no_pause,
            )
        self._mqtt.leave()
        driver = MqttHeatPump(
            self.profile.name,
            self.profile,
            self._mqtt,
            now=lambda: self.now,
        )
        self.topics.image.appear(True)  # everything is said again
        self._mqtt.speak()
        return driver

    def registers(self) -> ModbusLink:
        """The wire, for who wants to look himself."""
        assert self._modbus is not None
        return self._modbus

    def said(self) -> dict[str, bytes]:
        """All that the device says, unasked and asked by others, by topic."""
        assert isinstance(self.profile, MqttProfile)
        self.topics.image.appear(True)
        messages = self.topics.messages()
        for topic, payload in questions_of(self.profile):
            messages += self.topics.command(topic, payload)
        return {topic: payload.encode() for topic, payload, _ in messages}

    def pass_time(self, seconds: float) -> None:
        """Let the pump live."""
        end_s = self._clock_s + seconds
        tick_s = seconds
        if isinstance(self.profile, MqttProfile):  # says again what would be stale
            tick_s = self.profile.connection.stale_after_s / 4.0
        while self._clock_s < end_s:
            self._clock_s = min(self._clock_s + tick_s, end_s)
            self._face.pass_time(self._clock_s)
            if self._modbus is None:
                self._mqtt.speak()

    def turn(self, capability: Capability, value: float) -> None:
        """Somebody sets a knob at the pump's panel."""
        self._face.turn(capability, value)
        if self._modbus is None:
            self._mqtt.speak()

    def restart(self) -> None:
        """The pump was without power for a moment, and has booted."""
        self._face.restart()
        self.pass_time(self._face.presence.manners.boot_s + TICK_S)

    def control(self) -> dict[str, object]:
        """Every command that the pump's own control obeys now."""
        found: dict[str, object] = {name: getattr(self._firmware, name) for name in IN_FORCE}
        return found | {"sg_ready": self._firmware.sg.asked}

    @property
    def wear(self) -> Mapping[str, int]:
        """Writes to the device's lasting memory, by point."""
        return self.image.write_counts


@dataclass(frozen=True)
class Values:
    """Three values of a knob; a knob of two has the owner's for the third as well."""

    owners: float
    ours: float
    other: float


class Steering:
    """heatherd at one knob of one emulated pump, from its first look at it on."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.knob = case.knob
        self.pump = EmulatedPump(profile_of(case.name), case.capability)
        self.store = Store(Path(":memory:"))  # the file is proven in tests/controller
        self.driver = self.pump.driver()
        self.actuator = self._hand()
        self.before: dict[str, object] = {}
        self.values = Values(0.0, 0.0, 0.0)

    async def look(self) -> "Steering":
        """See what the owner has set, and that the pump obeys it."""
        found = await self.held()
        self.values = values_of(self.knob, found)
        if self.case.stored and self.pump.image.in_force(self.case.capability):
            self.pump.turn(self.case.capability, self.values.owners)
        self.settle()
        self.before = self.pump.control()
        return self

    def start_again(self) -> None:
        """The process died without a word; another one starts on the same state."""
        self.pump.wire.mend()
        self.pump.pass_time(TICK_S)
        self.driver = self.pump.driver()
        self.actuator = self._hand()

    async def ask(self, value: float) -> Outcome:
        """What the planner wants in this cycle."""
        return await self.actuator.apply(Allowed({self.case.capability: value}), self.pump.now)

    async def hold(self, value: float) -> Outcome:
        """The planner wants it until the pump has taken it; the outcome after that."""
        await self.ask(value)
        self.settle()
        return await self.ask(value)

    async def hand_back(self) -> bool:
        """Give the pump back, as the service does: once, and again when it has settled."""
        free = await self.actuator.hand_back(self.pump.now)
        self.settle()
        return free or await self.actuator.hand_back(self.pump.now)

    async def held(self) -> float | None:
        """What the driver reads back."""
        answer = await self.driver.read_back(self.case.capability)
        return answer.value if isinstance(answer, Sample) else None

    async def is_the_owners(self) -> bool:
        """Whether the pump shows what the owner had set, and obeys it and nothing else."""
        shown = await self.held()
        if self.case.stored and shown != pytest.approx(self.values.owners):
            return False
        return self.pump.control() == self.before

    def notice(self) -> None:
        """Wait until a change at the pump can be seen: some devices are asked now and then."""
        profile = self.pump.profile
        poll_s = profile.connection.poll_s if isinstance(profile, MqttProfile) else None
        self.pump.pass_time(TICK_S if poll_s is None else poll_s)

    def settle(self) -> None:
        """Wait until a write is shown and obeyed."""
        self.pump.pass_time(self.knob.settle_s + self.knob.latency_s)

    def near(self, value: float) -> object:
        """Equal up to the step of the device."""
        return pytest.approx(value, abs=self.knob.resolution * 0.501)

    def counted(self) -> dict[Purpose, int]:
        """Writes in the ledger, by purpose."""
        return dict(
            Counter(
                {p: n for wear in Ledger(self.store).registers() for p, n in wear.writes.items()}
            )
        )

    def _hand(self) -> Actuator:
        return Actuator(self.driver, self.store, may_write=self.driver.knobs)


def values_of(knob: Knob, found: float | None) -> Values:
    """The owner's as found, and two others: inside what a house can live with, if there are any."""
    low = knob.minimum if knob.safe_minimum is None else knob.safe_minimum
    high = knob.maximum if knob.safe_maximum is None else knob.safe_maximum
    middle = low + round((high - low) / 2.0 / knob.resolution) * knob.resolution
    choice = dict.fromkeys((middle, high, low, knob.maximum, knob.minimum))
    others = [value for value in choice if value not in (found, knob.release_value)]
    owners = knob.release_value if found is None else found
    assert owners is not None  # else nobody could tell whether it is back
    return Values(owners, *[*others, owners][:2])


async def steering(case: Case) -> Steering:
    """A fresh start at a knob."""
    return await Steering(case).look()


def read_back(outcome: Outcome, capability: Capability) -> float | None:
    """What the outcome says is in effect; None where nothing is."""
    return outcome.read_back.get(capability) if isinstance(outcome, Applied) else None


@cache
def _house() -> House:
    return load_house("timber1972")


def _firmware() -> Firmware:
    house = _house()
    machine = house.truth.machine
    return Firmware(
        house.truth.firmware,
        house.curve,
        modulation_min_frac=machine.modulation_min_frac,
        nominal_w=machine.nominal_w,
        room_setpoint_c=21.0,
    )


async def _no_pause(_wait_s: float) -> None:
    """A device in memory needs no time between two registers."""
