"""One simulated run: which house stands where and when, under which strategy."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from bench.zones import Zone
from controller.actuation import choose_knob
from controller.config import HouseConfig, parse_config
from drivers.api import Capability
from drivers.profile import DeviceKind, ModbusProfile, load_profile, shipped_profiles
from hil.firmware import Curve
from hil.house import House

GRID_EUR_PER_KWH = 0.033
ENERGY_TAX_EUR_PER_KWH = 0.055
"""Grid tariff (244 DKK/MWh) and electricity tax (412 DKK/MWh) of a Danish heat-pump house at
7.45 DKK/EUR: Danish Energy Association, iPower WP5.5 (2014), before VAT."""
VAT_FRAC = 0.25

SENSOR_TOPIC = "zigbee2mqtt/living_room"
SECOND_SENSOR_TOPIC = "zigbee2mqtt/bedroom"
THERMOSTAT_TOPIC = "zigbee2mqtt/thermostat"
PUMP_UNIT, METER_UNIT = 1, 2

WASHING_TIMES = ("06:00", "20:00")
"""Before the showers of morning and evening: what most people would answer."""


class Prices(StrEnum):
    """What the controller is told of the spot price; the bill is always settled at the real one."""

    AS_ISSUED = "as issued"
    FORESEEN = "foreseen"  # known further ahead than a plan looks
    UNKNOWN = "unknown"  # no price source at all: every plan is made with a flat price


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything a run depends on; equal specs give equal results, timings aside."""

    house: str
    zone: str
    start_at: datetime
    days: float
    seed: int
    strategy: str  # "mpc", "heating-curve" or the name of a rule in `mpc.rules.RULES`
    profile: str = "generic_modbus"
    knob: str = "auto"  # how heat is steered, as in [heat_pump]
    curve: Curve | None = None  # None: as tuned for the house, or as the installer left it
    room_c: float = 21.0
    band_k: float = 1.0
    forecast_errors: bool = True
    prices: Prices = Prices.AS_ISSUED
    refine: bool = True  # whole decisions in the plan's first hours
    hot_water: bool = False  # planned too, where the pump has a knob for it
    model: tuple[tuple[str, float], ...] = ()  # [house.model], where somebody knows better
    control: tuple[tuple[str, str], ...] = ()  # further settings of [control]
    comfort: tuple[tuple[str, float], ...] = ()
    second_zone: tuple[tuple[str, float], ...] = ()  # [house.second_zone]; (): one zone

    @property
    def end_at(self) -> datetime:
        """When the run is over."""
        return self.start_at + timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the simulated devices are reached; the defaults are never contacted."""

    modbus_port: int = 502
    broker: str = "mqtt://127.0.0.1:1883"


def heat_pumps() -> list[str]:
    """Every shipped heat pump that can be steered for heat."""
    profiles = [load_profile(name) for name in shipped_profiles()]
    pumps = [p for p in profiles if p.kind is DeviceKind.HEAT_PUMP]
    return [p.name for p in pumps if choose_knob(p.knobs, None) is not None]


def house_config(
    spec: RunSpec, house: House, zone: Zone, *, address: Address, directory: Path
) -> HouseConfig:
    """The configuration that the owner of this house would write: only what he can know."""
    owner = house.owner
    device = {"host": "127.0.0.1", "port": address.modbus_port}
    data: dict[str, Any] = {
        "house": {
            "name": house.name,
            "timezone": zone.timezone,
            "year": owner.year,
            "area_m2": owner.area_m2,
            "mass": owner.mass,
            "emitter": owner.emitter,
            "design_flow_c": owner.design_flow_c,
            "design_outdoor_c": owner.design_outdoor_c,
            "model": dict(spec.model),
        },
        "heat_pump": {
            **device,
            "profile": spec.profile,
            "knob": spec.knob,
            "unit": PUMP_UNIT,
            "source": owner.source,
            "flow_max_c": owner.flow_max_c,
            "modulation_min_frac": owner.modulation_min_frac,
            "accept_maturity": "simulated",
            "accept_stop_on_silence": True,
            "data_sheet": [asdict(row) for row in owner.sheet],
        },
        "meter": {**device, "profile": "sdm630", "unit": METER_UNIT},
        "mqtt": {"broker": address.broker},
        "room": {"sensor_topic": SENSOR_TOPIC, "thermostat_topic": THERMOSTAT_TOPIC},
        "comfort": {"room_c": spec.room_c, "band_k": spec.band_k, **dict(spec.comfort)},
        "tariff": {
            "currency": zone.currency,
            "adder_per_kwh": GRID_EUR_PER_KWH + ENERGY_TAX_EUR_PER_KWH,
            "vat_frac": VAT_FRAC,
        },
        "control": {
            "mode": "control",
            "strategy": "heating-curve" if spec.strategy == "heating-curve" else "mpc",
            **_cycle(spec.profile),
            **dict(spec.control),
        },
        "storage": {
            "directory": str(directory),
            "socket": str(directory / "heatherd.sock"),
        },
    }
    if spec.second_zone:
        data["house"]["second_zone"] = dict(spec.second_zone)
        data["second_room"] = {"sensor_topic": SECOND_SENSOR_TOPIC}
    if spec.hot_water and can_steer_hot_water(spec.profile):
        data["hot_water"] = _hot_water(house)
    return parse_config(data)


def can_steer_hot_water(profile: str) -> bool:
    """Does the pump let its tank be steered?"""
    return not {Capability.DHW_SETPOINT, Capability.DHW_BOOST}.isdisjoint(
        load_profile(profile).knobs
    )


def _hot_water(house: House) -> dict[str, Any]:
    """What the owner reads on the tank's label and in the pump's manual, and when people wash."""
    return {
        "enabled": True,
        "people": house.owner.people,
        "volume_l": house.truth.tank.volume_l,
        "sensor": "top",
        "starts_below_k": 0.0,
        "stops_above_k": house.truth.firmware.dhw_stop_k,
        "ready": [{"at": at} for at in WASHING_TIMES],
    }


def _cycle(profile: str) -> dict[str, str]:
    """A pump that must be asked often is looked at in time."""
    known = load_profile(profile)
    within_s = known.connection.poll_within_s if isinstance(known, ModbusProfile) else None
    return {} if within_s is None else {"cycle": f"{within_s * 2.0 / 3.0:g} s"}
