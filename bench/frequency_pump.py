"""The emulated pump as a reserve: settled, driven at one second through source, knob and delays."""

import copy
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol

import numpy as np

from controller.frequency_log import LogRow
from controller.frequency_watch import Watch, watched
from drivers.api import Capability
from drivers.profile import load_profile
from hil.firmware import Firmware, Sensed
from hil.house import load_house
from hil.hydronics import WaterLoop
from hil.machine import Machine
from hil.orders import obey
from mpc.arrays import FloatArray
from mpc.prequalify import ResponseLog
from mpc.reserve import (
    DROOPS,
    DYNAMIC,
    Answer,
    Armed,
    Headroom,
    Product,
    answered,
    asked_power_w,
    static_recovery,
)

HOUSE, PROFILE = "timber1972", "generic_modbus"
OUTDOOR_C, HUMIDITY_FRAC, ROOM_C = 7.0, 0.7, 21.0  # mild and dry enough that nothing frosts
HOT_FLOW_C = 56.0  # asked for, so that only the limit holds the pump back
STEP_S = 1.0
SETTLE_S = 5400
BASELINE_S = 300  # of measured power before the test; fixed then
MARGIN_FRAC = 0.10  # kept from the pump's lowest and highest power
SOURCE_RESOLUTION_HZ, SOURCE_DELAY_STEPS = 0.001, 1
DRAWN_WAIT_FRAC = 0.5  # of the longest random wait before a static return
START_AT = datetime(2025, 1, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuator:
    """From the written limit to the limit that the pump's control follows."""

    latency_s: int
    ramp_frac_per_s: float | None  # of the capacity; None: the emulated pump's own pace


class Plant:
    """The emulated pump on its water loop in a room of constant temperature, at one second."""

    def __init__(self) -> None:
        house = load_house(HOUSE)
        truth = house.truth
        self.machine = Machine(truth.machine)
        self.firmware = Firmware(
            truth.firmware, house.curve, room_setpoint_c=ROOM_C,
            modulation_min_frac=truth.machine.modulation_min_frac,
            nominal_w=truth.machine.nominal_w,
        )  # fmt: skip
        self.loop = WaterLoop(
            truth.loop, living=truth.living_emitter, sleeping=truth.sleeping_emitter,
            ground_c=truth.building.ground_c,
        )  # fmt: skip
        self.firmware.season(OUTDOOR_C)
        obey(self.firmware, Capability.FLOW_SETPOINT, HOT_FLOW_C)
        self.power_w = truth.machine.standby_w

    def limit(self, power_w: float | None) -> None:
        """What the pump's control holds for its limit now."""
        obey(self.firmware, Capability.POWER_LIMIT, power_w)

    def step(self) -> None:
        """One second."""
        firmware, machine, loop = self.firmware, self.machine, self.loop
        firmware.step(
            STEP_S,
            Sensed(
                flow_c=loop.flow_c, return_c=loop.inlet_c, outdoor_c=OUTDOOR_C, room_c=ROOM_C,
                tank_c=55.0, power_w=self.power_w, defrosting=machine.defrosting,
            ),
        )  # fmt: skip
        machine.step(
            STEP_S, hz=firmware.speed_frac * machine.truth.hz_max, outdoor_c=OUTDOOR_C,
            humidity_frac=HUMIDITY_FRAC, flow_c=loop.flow_c,
        )  # fmt: skip
        water = loop.truth
        working = firmware.running or machine.defrosting
        kg_per_s = water.circulation_kg_per_s * (1.0 if working else water.slow_circulation_frac)
        loop.step(
            STEP_S, machine_w=machine.heat_w + firmware.backup_w, kg_per_s=kg_per_s,
            dhw_sink_c=None, air_c=(ROOM_C, ROOM_C),
        )  # fmt: skip
        pump_w = water.pump_w if working else water.slow_pump_w
        self.power_w = machine.power_w + pump_w + firmware.backup_w

    def run(self, steps: int) -> float:
        """Mean power over the last five minutes."""
        seen: deque[float] = deque(maxlen=BASELINE_S)
        for _ in range(steps):
            self.step()
            seen.append(self.power_w)
        return float(np.mean(seen))


class Control(Protocol):
    """Whether the compressor runs, and how often it was started."""

    starts: int
    running: bool


class Driven(Protocol):
    """A pump that is driven second by second."""

    power_w: float

    @property
    def firmware(self) -> Control: ...

    def limit(self, power_w: float | None) -> None: ...

    def step(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A settled pump, its measured baseline, and what is promised."""

    plant: Driven
    baseline_w: float
    headroom: Headroom
    capacity_w: float


def prepare() -> Ready:
    """Measure lowest and highest power at the water of the baseline, and settle between them."""
    plant = Plant()
    plant.run(SETTLE_S)
    plant.firmware.speed_limit_frac = 0.6
    plant.run(SETTLE_S)
    lowest, highest = copy.deepcopy(plant), copy.deepcopy(plant)
    lowest.firmware.speed_limit_frac = plant.firmware.modulation_min_frac
    highest.firmware.speed_limit_frac = 1.0
    least_w = lowest.run(600) * (1.0 + MARGIN_FRAC)
    most_w = highest.run(600) * (1.0 - MARGIN_FRAC)
    limit_w = round(0.5 * (least_w + most_w))
    plant.firmware.speed_limit_frac = 1.0
    plant.limit(limit_w)
    baseline_w = plant.run(SETTLE_S)
    headroom = Headroom(baseline_w=limit_w, least_w=least_w, most_w=most_w)
    return Ready(plant, baseline_w, headroom, round(0.5 * (most_w - least_w), -1))


@dataclass(frozen=True, slots=True)
class Run:
    """One sequence with one actuator: what was logged, and compressor stops on the way."""

    log: ResponseLog
    rows: list[LogRow]
    stops: int


@cache
def _resolution_w() -> float:
    """Of the knob; a profile takes its time to be read."""
    return load_profile(PROFILE).knobs[Capability.POWER_LIMIT].resolution


def drive(
    ready: Ready, frequency_hz: FloatArray, actuator: Actuator, *, product: Product, static: bool
) -> Run:
    """Let the sequence pass: source, droop, limits, knob, latency, ramp, pump."""
    plant = copy.deepcopy(ready.plant)
    starts = plant.firmware.starts
    resolution_w = _resolution_w()
    armed = Armed(
        product=product, capacity_w=ready.capacity_w, baseline_w=ready.headroom.baseline_w,
        until_at=START_AT + timedelta(days=1),
    )  # fmt: skip
    recovery = static_recovery(DRAWN_WAIT_FRAC) if static else DYNAMIC
    heard = deque([float(frequency_hz[0])] * SOURCE_DELAY_STEPS)
    on_the_way = deque([armed.baseline_w] * actuator.latency_s)
    reach_w = (actuator.ramp_frac_per_s or np.inf) * ready.capacity_w * STEP_S
    watch, answer, followed_w = Watch(), Answer(), armed.baseline_w
    rows: list[LogRow] = []
    for second, hz in enumerate(frequency_hz.tolist()):
        heard.append(round(hz / SOURCE_RESOLUTION_HZ) * SOURCE_RESOLUTION_HZ)
        watch = watched(watch, heard.popleft(), float(second), applied=True)
        answer = answered(
            DROOPS[product], recovery, answer, frequency_hz=watch.believed_hz, step_s=STEP_S
        )
        asked_w = asked_power_w(armed, answer, ready.headroom)
        on_the_way.append(round(asked_w / resolution_w) * resolution_w)
        goal_w = on_the_way.popleft()
        followed_w = min(max(goal_w, followed_w - reach_w), followed_w + reach_w)
        plant.limit(followed_w)
        plant.step()
        rows.append(
            LogRow(
                at=START_AT + timedelta(seconds=second), power_w=plant.power_w, frequency_hz=hz,
                baseline_w=ready.baseline_w, setpoint_w=asked_w, capacity_w=armed.capacity_w,
                activated_w=answer.applied_frac * armed.capacity_w, armed=True,
            )
        )  # fmt: skip
    log = ResponseLog(
        t_s=np.arange(float(len(rows))),
        frequency_hz=frequency_hz,
        activated_w=ready.baseline_w - np.array([row.power_w for row in rows]),
        capacity_w=ready.capacity_w,
    )
    return Run(log, rows, plant.firmware.starts - starts + (not plant.firmware.running))
