"""Houses drawn at random for the identification benchmark, and what the controller would record.

A drawn house is one of the simulator's with its physics varied over wide ranges: losses,
capacities of air, masses and envelope, windows and where they face, leakage, emitters, people and
sensors.
It has two zones, a two-layer envelope, emitters that are not linear and people who do as they like:
no fitted model has this structure. It lives on its own heating curve in real weather; nobody steers
it, so little is excited beyond what weather and habits do. In half of the houses the thermostat is
set back at night.

Recorded is what the service would have: means over a quarter of an hour of heat by the pump's own
meter (hot water and defrosting count nothing) and of its outdoor sensor, its flow sensor and the
room sensor's last message as they stand at the step's start, and the sun of the newest forecast,
not the one that shone.
"""

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from bench.archive import Archive
from bench.baseline import tuned_curve
from bench.world import weather_trace
from bench.zones import load_zone
from drivers.api import OperatingState
from hil.building import AIR_WH_PER_M3_K, BuildingTruth, ZoneTruth
from hil.firmware import Curve
from hil.house import House, house_names, load_house
from hil.hydronics import EmitterTruth
from hil.occupants import Family
from hil.sensors import SensorTruth
from hil.simulated_house import SENSOR_TOPIC, SimulatedHouse
from mpc.house_data import HouseData

TRAINED_DAYS, HELD_OUT_DAYS = 21, 7
STEP = timedelta(minutes=15)
STEPS_PER_DAY = 96
SAMPLES = 15  # the service looks once a minute
SEASONS = (
    ("DK1", datetime(2024, 1, 3, tzinfo=UTC), datetime(2024, 3, 20, tzinfo=UTC)),
    ("DK1", datetime(2024, 10, 1, tzinfo=UTC), datetime(2024, 11, 28, tzinfo=UTC)),
    ("DE_LU", datetime(2023, 1, 3, tzinfo=UTC), datetime(2023, 3, 20, tzinfo=UTC)),
    ("DE_LU", datetime(2023, 10, 1, tzinfo=UTC), datetime(2024, 3, 20, tzinfo=UTC)),
    ("DE_LU", datetime(2024, 10, 1, tzinfo=UTC), datetime(2024, 11, 28, tzinfo=UTC)),
)
"""Where a record may begin: the heating season of every year there is weather for."""

HEAVY_FROM_WH_PER_M2_K = 100.0  # between "medium light" and "medium heavy", iPower WP5.5
BED_HOUR, RISE_HOUR = 22, 6
UNKNOWN_W = 300.0
UNSEEN = (OperatingState.DHW, OperatingState.DEFROST)
NOISE_OUTDOOR_K = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnHouse:
    """A house, the weather it stands in and the habits of its people."""

    number: int
    kind: str  # "light", "heavy" or "floor"
    house: House
    zone: str
    start_at: datetime
    curve: Curve
    room_c: float
    setback_k: float
    people: int
    seed: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the service recorded: training days, then held-out days.

    `disturbed` is the same record, but from the first held-out day on with UNKNOWN_W more or less
    (`unknown_w`) in the living room; None for the houses that were not run twice.
    """

    data: HouseData
    disturbed: HouseData | None = None
    unknown_w: float = 0.0


def drawn_house(number: int, seed: int) -> DrawnHouse:
    """The house with this number; equal arguments give equal houses."""
    rng = np.random.default_rng([seed, number])
    names = house_names()
    name = names[number % len(names)]
    zone, first_at, last_at = SEASONS[int(rng.integers(len(SEASONS)))]
    base = load_house(name)
    building = _drawn_building(base.truth.building, rng)
    size = loss_w_per_k(building) / loss_w_per_k(base.truth.building)
    emitters = size * rng.uniform(0.9, 1.25)
    truth = replace(
        base.truth,
        building=building,
        living_emitter=_drawn_emitter(base.truth.living_emitter, emitters, rng),
        sleeping_emitter=_drawn_emitter(base.truth.sleeping_emitter, emitters, rng),
        loop=replace(
            base.truth.loop,
            circulation_kg_per_s=base.truth.loop.circulation_kg_per_s * min(max(size, 0.6), 1.6),
        ),
        machine=replace(
            base.truth.machine,
            nominal_w=base.truth.machine.nominal_w * min(max(size, 0.6), 1.8),
            defrost_w=base.truth.machine.defrost_w * min(max(size, 0.6), 1.8),
        ),
        sensors=SensorTruth(
            outdoor_offset_k=rng.normal(0.2, 0.3),
            room_offset_k=rng.normal(0.0, 0.2),
            pump_room_offset_k=rng.normal(0.0, 0.2),
            pump_power_factor=_spread(rng, 0.03),
            pump_heat_factor=_spread(rng, 0.04),
        ),
    )
    heat_w = base.owner.design_heat_w * size * _spread(rng, 0.15)
    days = (last_at - first_at).days
    return DrawnHouse(
        number=number,
        kind=_kind(base, building),
        house=replace(base, owner=replace(base.owner, design_heat_w=heat_w), truth=truth),
        zone=zone,
        start_at=first_at + timedelta(days=int(rng.integers(days))),
        curve=replace(tuned_curve(name, zone), room_influence_k_per_k=rng.uniform(1.5, 4.0)),
        room_c=float(rng.uniform(20.0, 22.0)),
        setback_k=float(rng.uniform(1.0, 3.0)) if rng.random() < 0.5 else 0.0,
        people=int(rng.integers(1, 6)),
        seed=int(rng.integers(2**31)),
    )


def loss_w_per_k(building: BuildingTruth) -> float:
    """Of the whole house in a usual winter hour: 4 m/s of wind, 20 K between in and out."""
    total = 1.0 / (1.0 / building.envelope_core_w_per_k + 1.0 / building.envelope_outdoor_w_per_k)
    for zone in (building.living, building.sleeping):
        leak_per_h = (
            zone.leak_per_h
            + zone.leak_per_h_per_m_per_s * 4.0
            + zone.leak_per_h_per_root_k * math.sqrt(20.0)
        )
        total += zone.light_w_per_k + zone.ground_w_per_k
        total += leak_per_h * zone.volume_m3 * AIR_WH_PER_M3_K
    return total


def record(drawn: DrawnHouse, *, disturb: bool = False) -> Recorded:
    """Let the house live for training and held-out days; with `disturb` the latter twice."""
    days = TRAINED_DAYS + HELD_OUT_DAYS
    end_at = drawn.start_at + timedelta(days=days)
    archive = Archive(
        load_zone(drawn.zone), start_at=drawn.start_at, end_at=end_at, seed=drawn.seed
    )
    family = _Guests(seed=drawn.seed, people=drawn.people, timezone=load_zone(drawn.zone).timezone)
    plant = SimulatedHouse(
        drawn.house,
        weather_trace(archive),
        start_at=drawn.start_at,
        seed=drawn.seed,
        curve=drawn.curve,
        occupants=family,
        room_setpoint_c=drawn.room_c,
    )
    listener = _Listener(drawn, plant, archive, np.random.default_rng([drawn.seed, 1]))
    listener.listen(TRAINED_DAYS * STEPS_PER_DAY)
    other = copy.deepcopy((listener, family)) if disturb else None
    listener.listen(HELD_OUT_DAYS * STEPS_PER_DAY)
    if other is None:
        return Recorded(listener.data())
    twin, guests = other
    guests.more_w = UNKNOWN_W if drawn.number % 2 == 0 else -UNKNOWN_W
    twin.listen(HELD_OUT_DAYS * STEPS_PER_DAY)
    return Recorded(listener.data(), twin.data(), guests.more_w)


class _Guests(Family):
    """The family, and heat in the living room that nobody has told the controller of."""

    more_w = 0.0

    def gains_w(self, at: datetime, /) -> tuple[float, float]:
        living_w, sleeping_w = super().gains_w(at)
        return living_w + self.more_w, sleeping_w


class _Listener:
    """Advances a house and writes down what its devices say."""

    def __init__(
        self,
        drawn: DrawnHouse,
        plant: SimulatedHouse,
        archive: Archive,
        chance: np.random.Generator,
    ) -> None:
        self._drawn = drawn
        self._plant = plant
        self._archive = archive
        self._chance = chance
        self._heard_c = math.nan
        self._rows: list[tuple[float, float, float, float, float]] = []

    def listen(self, steps: int) -> None:
        for _ in range(steps):
            self._rows.append(self._step())

    def data(self) -> HouseData:
        room, heat, outdoor, ghi, flow = (
            np.array(column) for column in zip(*self._rows, strict=True)
        )
        return HouseData(
            starts_at=self._drawn.start_at,
            step_s=STEP.total_seconds(),
            room_c=room,
            heat_w=heat,
            outdoor_c=outdoor,
            ghi_w_per_m2=ghi,
            flow_c=flow,
        )

    def _step(self) -> tuple[float, float, float, float, float]:
        """One quarter of an hour."""
        plant, sensors = self._plant, self._plant.house.truth.sensors
        begin = plant.at
        self._set_back(begin)
        room_c, ghi = self._heard_c, self._sun(begin)
        flow_c = plant.truth().flow_c
        heat, outdoor = [], []
        for sample in range(1, SAMPLES + 1):
            plant.advance(begin + sample * STEP / SAMPLES)
            self._hear()
            truth = plant.truth()
            seen = truth.operating_state not in UNSEEN
            heat.append(max(truth.heat_w, 0.0) * sensors.pump_heat_factor if seen else 0.0)
            outdoor.append(truth.outdoor_c + sensors.outdoor_offset_k)
        noisy_c = float(np.mean(outdoor)) + self._chance.normal(0.0, NOISE_OUTDOOR_K)
        return (
            room_c,
            round(float(np.mean(heat))),
            round(noisy_c, 1),
            ghi,
            round(flow_c, 1),
        )  # fmt: skip

    def _hear(self) -> None:
        for topic, payload, _ in self._plant.pop_messages():
            if topic == SENSOR_TOPIC:
                self._heard_c = float(json.loads(payload)["temperature"])

    def _sun(self, at: datetime) -> float:
        """Of the newest forecast."""
        series = self._archive.weather_at(at)
        hour = int((at - series.starts_at).total_seconds() // series.step_s)
        return series.ghi_w_per_m2[hour]

    def _set_back(self, at: datetime) -> None:
        if self._drawn.setback_k == 0.0:
            return
        local = at.astimezone(ZoneInfo(load_zone(self._drawn.zone).timezone))
        if local.minute == 0 and local.hour in (BED_HOUR, RISE_HOUR):
            back_k = self._drawn.setback_k if local.hour == BED_HOUR else 0.0
            self._plant.set_room_setpoint(self._drawn.room_c - back_k)


def _spread(rng: np.random.Generator, log_std: float) -> float:
    """A factor around 1, at most two and a half standard deviations away."""
    return float(np.exp(log_std * np.clip(rng.standard_normal(), -2.5, 2.5)))


def _drawn_building(base: BuildingTruth, rng: np.random.Generator) -> BuildingTruth:
    losses, masses, sun = _spread(rng, 0.3), _spread(rng, 0.35), _spread(rng, 0.3)
    turned = int(rng.integers(4))
    return replace(
        base,
        living=_drawn_zone(base.living, rng, (losses, masses, sun), turned),
        sleeping=_drawn_zone(base.sleeping, rng, (losses, masses, sun), turned),
        envelope_inner_kwh_per_k=base.envelope_inner_kwh_per_k * masses * _spread(rng, 0.25),
        envelope_outer_kwh_per_k=base.envelope_outer_kwh_per_k * masses * _spread(rng, 0.25),
        envelope_core_w_per_k=base.envelope_core_w_per_k * losses * _spread(rng, 0.15),
        wall_absorption_frac=base.wall_absorption_frac * _spread(rng, 0.25),
        zones_w_per_k=base.zones_w_per_k * _spread(rng, 0.4),
        glazing_frac=base.glazing_frac * _spread(rng, 0.1),
        solar_to_air_frac=min(base.solar_to_air_frac * _spread(rng, 0.3), 0.6),
        ground_c=base.ground_c + rng.normal(0.0, 1.0),
    )


def _drawn_zone(
    base: ZoneTruth, rng: np.random.Generator, shared: Sequence[float], turned: int
) -> ZoneTruth:
    """Factors of the whole house, and the zone's own; the house is turned by quarters."""
    losses, masses, sun = shared
    windows = [m2 * sun * _spread(rng, 0.2) for m2 in base.window_m2]
    north, east, south, west = windows[turned:] + windows[:turned]
    return replace(
        base,
        air_kwh_per_k=base.air_kwh_per_k * _spread(rng, 0.25),
        mass_kwh_per_k=base.mass_kwh_per_k * masses * _spread(rng, 0.25),
        air_mass_w_per_k=base.air_mass_w_per_k * _spread(rng, 0.25),
        air_envelope_w_per_k=base.air_envelope_w_per_k * _spread(rng, 0.25),
        light_w_per_k=base.light_w_per_k * losses * _spread(rng, 0.15),
        ground_w_per_k=base.ground_w_per_k * losses * _spread(rng, 0.2),
        leak_per_h=base.leak_per_h * _spread(rng, 0.35),
        leak_per_h_per_m_per_s=base.leak_per_h_per_m_per_s * _spread(rng, 0.35),
        leak_per_h_per_root_k=base.leak_per_h_per_root_k * _spread(rng, 0.35),
        window_m2=(north, east, south, west),
    )


def _drawn_emitter(base: EmitterTruth, size: float, rng: np.random.Generator) -> EmitterTruth:
    return replace(
        base,
        rated_w=base.rated_w * size * _spread(rng, 0.1),
        radiant_frac=min(base.radiant_frac * _spread(rng, 0.2), 0.8),
        capacity_kwh_per_k=base.capacity_kwh_per_k * _spread(rng, 0.25),
        ground_w_per_k=base.ground_w_per_k * _spread(rng, 0.3),
    )


def _kind(base: House, building: BuildingTruth) -> str:
    if base.owner.emitter == "floor":
        return "floor"
    stored_kwh_per_k = (
        building.envelope_inner_kwh_per_k
        + building.envelope_outer_kwh_per_k
        + sum(z.air_kwh_per_k + z.mass_kwh_per_k for z in (building.living, building.sleeping))
    )
    heavy = 1000.0 * stored_kwh_per_k / base.owner.area_m2 >= HEAVY_FROM_WH_PER_M2_K
    return "heavy" if heavy else "light"
