"""What goes wrong around a heat pump: a catalogue, and its injection into a simulated house.

Each fault says where it strikes and what the service must do about it; docs/reference/faults.md is
generated from here, and tests/scenarios/test_scenario_catalogue.py plays every one of them.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from drivers.api import Capability, PriceSeries, PriceSource, Signal, WeatherSeries, WeatherSource
from drivers.errors import LinkLostError, RefusedByDeviceError
from drivers.points import Point, Space, register_count
from hil.device import Bus
from hil.hydronics import WaterLoop
from hil.registers import RegisterImage
from hil.sensors import Message
from hil.simulated_house import PUMP_UNIT, SENSOR_TOPIC, SimulatedHouse


class Seam(StrEnum):
    """Where a fault is put in."""

    PLANT = "pump and plant"
    REGISTERS = "Modbus registers"
    FRAMES = "Modbus TCP frames"
    MESSAGES = "MQTT messages"
    PRICES = "price source"
    WEATHER = "weather source"
    CLOCK = "clock"
    DISK = "disk"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the catalogue."""

    name: str
    seam: Seam
    what: str  # happens
    expected: str  # of the service


DROP = Fault(
    "drop", Seam.MESSAGES, "The room sensor's messages are lost.",
    "Once the last one is stale the pump's own room sensor takes its place; steering goes on.",
)  # fmt: skip
DELAY = Fault(
    "delay", Seam.MESSAGES, "The room sensor's messages arrive 20 minutes late.",
    "Steering goes on and the rooms stay in comfort.",
)  # fmt: skip
FREEZE = Fault(
    "freeze", Seam.REGISTERS, "A gateway repeats the last answers of the pump for ever.",
    "The rooms stay in comfort by their own sensor; no command leaves the limits.",
)  # fmt: skip
SPIKE = Fault(
    "spike", Seam.MESSAGES, "Every third room temperature is 12 K too high.",
    "The guard's limits hold for every command; the rooms do not cool down.",
)  # fmt: skip
NAN = Fault(
    "NaN", Seam.MESSAGES, "The room sensor says NaN.",
    "It is no value: it is ignored, and what is measured elsewhere takes its place.",
)  # fmt: skip
SENTINEL = Fault(
    "sentinel", Seam.REGISTERS, "The flow sensor shows the pump's code for a broken sensor.",
    "It is no value: the pump is handed back until it measures again.",
)  # fmt: skip
UNIT_SWAP = Fault(
    "unit swap", Seam.MESSAGES, "The room sensor reports °F where it reported °C.",
    "An implausible room temperature is no value; what is measured elsewhere takes its place.",
)  # fmt: skip
STUCK_VALVE = Fault(
    "stuck valve", Seam.PLANT, "The three-way valve sends all water to the tank.",
    "No command leaves the limits, and control goes on once the valve moves again.",
)  # fmt: skip
DEFROST_STORM = Fault(
    "defrost storm", Seam.PLANT, "The coil is full of frost again as soon as it has been melted.",
    "Steering goes on within the limits and the rooms stay above the frost floor.",
)  # fmt: skip
WRONG_PIPE = Fault(
    "sensor on the wrong pipe", Seam.REGISTERS, "The flow sensor hangs on the return pipe.",
    "No command passes the highest flow temperature, and the rooms stay in comfort.",
)  # fmt: skip
HALF_OPEN = Fault(
    "half-open socket", Seam.FRAMES, "The connection stands, and nothing is ever answered.",
    "The request fails within its time limit and the next one opens a new connection.",
)  # fmt: skip
EXCEPTION_STORM = Fault(
    "Modbus exception storm", Seam.REGISTERS, "The pump answers every request with exception 4.",
    "The pump is left to its own control, and taken up again after the storm.",
)  # fmt: skip
WRONG_TRANSACTION = Fault(
    "wrong transaction id", Seam.FRAMES, "Answers carry the number of another request.",
    "No such answer is believed, and a good one on a new connection is.",
)  # fmt: skip
BROKER_RESTART = Fault(
    "broker restart", Seam.MESSAGES, "The broker is away, then repeats the last of every topic.",
    "Steering goes on with what was measured last while that is fresh.",
)  # fmt: skip
STALE_RETAINED = Fault(
    "stale retained messages", Seam.MESSAGES, "The broker greets with a room of 12 °C, days old.",
    "A retained measurement of unknown age is not believed.",
)  # fmt: skip
PRICE_HOLE = Fault(
    "price hole", Seam.PRICES, "Six of the coming hours have no price.",
    "The plan guesses these hours, marks them as guessed, and keeps the rooms in comfort.",
)  # fmt: skip
ABSURD_PRICES = Fault(
    "absurd prices", Seam.PRICES, "Every second hour costs 10,000 times as much.",
    "A plan is found and the rooms stay in comfort.",
)  # fmt: skip
NEGATIVE_PRICES = Fault(
    "negative prices", Seam.PRICES, "Electricity is paid for with 0.50 per kWh.",
    "The rooms are never heated above the band for money.",
)  # fmt: skip
FORECAST_JUMP = Fault(
    "forecast jump", Seam.WEATHER, "The outdoor forecast jumps by 15 K, there and back.",
    "Steering goes on and the rooms stay in comfort.",
)  # fmt: skip
CLOCK_AHEAD = Fault(
    "clock step +1 h", Seam.CLOCK, "The clock is set an hour ahead.",
    "No cycle is lost or repeated, and steering goes on.",
)  # fmt: skip
CLOCK_BACK = Fault(
    "clock step -1 h", Seam.CLOCK, "The clock is set an hour back.",
    "Cycles go on at once; the pump is steered through the hour that comes twice.",
)  # fmt: skip
DISK_FULL = Fault(
    "disk full", Seam.DISK, "Nothing can be written to the disk of the records.",
    "Steering goes on; the records wait in memory and are written when there is room.",
)  # fmt: skip
SLOW_DISK = Fault(
    "slow disk", Seam.DISK, "Another process holds the file of the records.",
    "Writing gives up after its time limit and is made up for; steering goes on.",
)  # fmt: skip
PROCESS_KILL = Fault(
    "process kill", Seam.PROCESS, "The service dies with its requests on the pump.",
    "No finished record is lost; the next start hands back what was left, then steers again.",
)  # fmt: skip
COLD_LIMIT = Fault(
    "limit while cold", Seam.PLANT, "Somebody else caps the pump at 1.2 kW in a house of 17 °C.",
    "Heat is asked for all the time, and the rooms do not reach the frost floor.",
)  # fmt: skip
PUMP_ALARM = Fault(
    "pump alarm", Seam.PLANT, "The pump reports a fault of its refrigerant circuit and stands.",
    "The pump is handed back until the alarm is cleared.",
)  # fmt: skip
FOREIGN_WRITER = Fault(
    "foreign writer", Seam.PLANT, "Somebody turns the knob that the service steers.",
    "The other one's value stays; the service leaves this knob alone.",
)  # fmt: skip

CATALOGUE = (
    DROP, DELAY, FREEZE, SPIKE, NAN, SENTINEL, UNIT_SWAP, STUCK_VALVE, DEFROST_STORM, WRONG_PIPE,
    HALF_OPEN, EXCEPTION_STORM, WRONG_TRANSACTION, BROKER_RESTART, STALE_RETAINED, PRICE_HOLE,
    ABSURD_PRICES, NEGATIVE_PRICES, FORECAST_JUMP, CLOCK_AHEAD, CLOCK_BACK, DISK_FULL, SLOW_DISK,
    PROCESS_KILL, COLD_LIMIT, PUMP_ALARM, FOREIGN_WRITER,
)  # fmt: skip

DELAYED_BY = timedelta(minutes=20)
SPIKE_K, SPIKE_EVERY = 12.0, 3
JUMP_K = 15.0
HOLE = (timedelta(hours=1), timedelta(hours=7))  # from now on
ABSURD_FACTOR, PAID_PER_KWH = 10_000.0, -0.5
CAP_W, COLD_C = 1200.0, 17.0
ALARM_CODE = 27
STALE_ROOM = json.dumps({"temperature": 12.0})
OTHERS_OFFSET = 8.0


class InForce:
    """The faults that strike now; shared by all seams of one house."""

    def __init__(self) -> None:
        self._faults: set[Fault] = set()

    def __contains__(self, fault: Fault) -> bool:
        return fault in self._faults

    def begin(self, fault: Fault) -> None:
        """From now on."""
        self._faults.add(fault)

    def end(self, fault: Fault) -> None:
        """No more."""
        self._faults.discard(fault)


class FaultyHouse:
    """Faults on one simulated house: its plant, its registers, its messages."""

    def __init__(self, house: SimulatedHouse) -> None:
        self.in_force = InForce()
        self._house = house
        self._loop = house._loop
        self._delayed: list[tuple[datetime, Message]] = []
        self._kept: dict[str, Message] = {}
        self._reported = 0
        if isinstance(house.pump_registers, RegisterImage):
            house.modbus = FaultyBus(house.modbus, house.pump_registers, self.in_force)

    def begin(self, fault: Fault) -> None:
        """The fault strikes."""
        self.in_force.begin(fault)
        house = self._house
        if fault is PUMP_ALARM:
            house.set_alarm(ALARM_CODE)
        elif fault is STUCK_VALVE:
            house._loop = _StuckValve(self._loop, house)  # type: ignore[assignment]
        elif fault is FOREIGN_WRITER:
            house.other_writer(Capability.CURVE_OFFSET, OTHERS_OFFSET)
        elif fault is COLD_LIMIT:
            for zone in (house._building.living, house._building.sleeping):
                zone.air_c = min(zone.air_c, COLD_C)

    def end(self, fault: Fault) -> None:
        """The fault is repaired; what it has done stays."""
        self.in_force.end(fault)
        if fault is PUMP_ALARM:
            self._house.set_alarm(0)
        elif fault is STUCK_VALVE:
            self._house._loop = self._loop

    def pass_time(self) -> None:
        """Call every minute: for faults that go on by themselves."""
        if DEFROST_STORM in self.in_force:
            machine = self._house._machine
            machine.frost_kg = max(machine.frost_kg, machine.truth.frost_limit_kg)
            machine._since_defrost_s = math.inf
        if COLD_LIMIT in self.in_force:
            self._house.firmware.power_limit_w = CAP_W
        elif self._house.firmware.power_limit_w == CAP_W:
            self._house.firmware.power_limit_w = None

    def passed(self, messages: Iterable[Message], at: datetime) -> list[Message]:
        """What of the house's messages reaches the broker's clients now."""
        arriving: list[Message] = []
        for message in messages:
            arriving += self._on_its_way(message, at)
        due = [message for when, message in self._delayed if when <= at]
        self._delayed = [entry for entry in self._delayed if entry[0] > at]
        if BROKER_RESTART in self.in_force:
            self._kept |= {message[0]: message for message in [*due, *arriving]}
            return []
        again, self._kept = list(self._kept.values()), {}
        return [*again, *due, *arriving]

    def _on_its_way(self, message: Message, at: datetime) -> list[Message]:
        topic, payload, retain = message
        if topic != SENSOR_TOPIC:
            return [message]
        if DROP in self.in_force:
            return []
        if DELAY in self.in_force:
            self._delayed.append((at + DELAYED_BY, message))
            return []
        return [(topic, self._distorted(payload), retain)]

    def _distorted(self, payload: str) -> str:
        self._reported += 1
        content = json.loads(payload)
        if NAN in self.in_force:
            content["temperature"] = math.nan
        if UNIT_SWAP in self.in_force:
            content["temperature"] = round(content["temperature"] * 1.8 + 32.0, 1)
        if SPIKE in self.in_force and self._reported % SPIKE_EVERY == 0:
            content["temperature"] += SPIKE_K
        return json.dumps(content)


class FaultyBus(Bus):
    """The house's Modbus with faults between the devices and whoever asks."""

    def __init__(self, bus: Bus, image: RegisterImage, in_force: InForce) -> None:
        super().__init__(bus.devices)
        self._image = image
        self._in_force = in_force
        self._answers: dict[tuple[Space, int, int], list[int]] = {}

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        """Registers as the faults leave them. Raises a `DriverError`."""
        self._may_answer(unit)
        if unit != PUMP_UNIT:
            return super().read(unit, space, address, count)
        registers = super().read(unit, space, address, count)
        if FREEZE in self._in_force:
            return list(self._answers.setdefault((space, address, count), registers))
        self._answers[space, address, count] = list(registers)
        flow = self._point(Signal.FLOW_C)
        place = flow.address - address
        if flow.space is space and 0 <= place < count:
            registers[place : place + register_count(flow)] = self._shown_flow(unit, flow)
        return registers

    def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Take a write, if the faults let it through. Raises a `DriverError`."""
        self._may_answer(unit)
        super().write(unit, address, values)

    def _may_answer(self, unit: int) -> None:
        if PROCESS_KILL in self._in_force:
            raise LinkLostError("the process that would ask is gone")
        if EXCEPTION_STORM in self._in_force and unit == PUMP_UNIT:
            raise RefusedByDeviceError(f"unit {unit}: device failure (code 4)")

    def _shown_flow(self, unit: int, flow: Point) -> Sequence[int]:
        if SENTINEL in self._in_force and flow.sentinels:
            return [flow.sentinels[0] & 0xFFFF] * register_count(flow)
        shown = self._point(Signal.RETURN_C) if WRONG_PIPE in self._in_force else flow
        return super().read(unit, shown.space, shown.address, register_count(shown))

    def _point(self, signal: Signal) -> Point:
        profile = self._image.profile
        return profile.points[profile.signals[signal]]


class _StuckValve:
    """The water loop with its valve stuck at the tank; everything else as it is."""

    def __init__(self, loop: WaterLoop, house: SimulatedHouse) -> None:
        self._loop = loop
        self._house = house

    def __getattr__(self, name: str) -> object:
        return getattr(self._loop, name)

    def step(
        self, step_s: float, *, machine_w: float, kg_per_s: float, dhw_sink_c: float | None,
        air_c: tuple[float, float],
    ) -> float:  # fmt: skip
        """As `WaterLoop.step`, always through the tank's coil."""
        del dhw_sink_c
        return self._loop.step(
            step_s, machine_w=machine_w, kg_per_s=kg_per_s,
            dhw_sink_c=self._house._tank.lower_c, air_c=air_c,
        )  # fmt: skip


class FaultyPrices:
    """A price source whose prices the faults have passed through."""

    def __init__(self, source: PriceSource, in_force: InForce) -> None:
        self._source = source
        self._in_force = in_force

    async def fetch(self, now: datetime) -> PriceSeries:
        """The series as it arrives. Raises a `DriverError`."""
        series = await self._source.fetch(now)
        step = timedelta(seconds=series.step_s)
        prices = [
            self._shown(series.starts_at + step * place, price, now)
            for place, price in enumerate(series.per_kwh)
        ]
        return replace(series, per_kwh=tuple(prices))

    def _shown(self, at: datetime, price: float | None, now: datetime) -> float | None:
        if price is None or (PRICE_HOLE in self._in_force and HOLE[0] <= at - now < HOLE[1]):
            return None
        if NEGATIVE_PRICES in self._in_force:
            return PAID_PER_KWH
        if ABSURD_PRICES in self._in_force and at.hour % 2 == 0:
            return price * ABSURD_FACTOR
        return price


class FaultyWeather:
    """A weather source whose forecasts the faults have passed through."""

    def __init__(self, source: WeatherSource, in_force: InForce) -> None:
        self._source = source
        self._in_force = in_force
        self._up = False

    async def fetch(self, now: datetime) -> WeatherSeries:
        """The forecast as it arrives. Raises a `DriverError`."""
        series = await self._source.fetch(now)
        if FORECAST_JUMP not in self._in_force:
            return series
        self._up = not self._up
        jump_k = JUMP_K if self._up else -JUMP_K
        return replace(series, outdoor_c=tuple(c + jump_k for c in series.outdoor_c))
