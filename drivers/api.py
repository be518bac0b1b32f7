"""What the controller may ask of the outside world: observations, capabilities, forecasts.

Signals are named with their unit (see docs/glossary.md); a driver answers every signal that it
promises either with a `Sample` or with `Absent` and the reason, never with a stand-in number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol, runtime_checkable

Now = Callable[[], datetime]
"""The current instant (aware, UTC); drivers stamp what they receive with it."""


class OperatingState(IntEnum):
    """What a heat pump is doing, as one code for all makes (signal `operating_state`)."""

    OFF = 0
    HEATING = 1
    DHW = 2
    DEFROST = 3
    OTHER = 9


class Signal(StrEnum):
    """Every signal a driver can deliver; the suffix is the unit."""

    OUTDOOR_C = "outdoor_c"
    ROOM_C = "room_c"
    SECOND_ROOM_C = "second_room_c"  # in the second zone, where there is one
    ROOM_SETPOINT_C = "room_setpoint_c"
    ROOM_HEATING_ENABLED = "room_heating_enabled"  # 1 heat, 0 off at the thermostat
    ROOM_DEMAND_FRAC = "room_demand_frac"  # how far the thermostat has opened, 0 ... 1
    FLOW_C = "flow_c"
    FLOW_SETPOINT_C = "flow_setpoint_c"  # what the pump itself aims at now
    RETURN_C = "return_c"
    BRINE_C = "brine_c"  # from the ground into the heat pump
    DHW_C = "dhw_c"
    COMPRESSOR_HZ = "compressor_hz"
    OPERATING_STATE = "operating_state"  # OperatingState
    DEFROSTING = "defrosting"  # 0 or 1
    ALARM = "alarm"  # 0 none, else the maker's code
    POWER_W = "power_w"  # electricity into the heat pump
    HEAT_W = "heat_w"  # heat out of the heat pump
    ENERGY_KWH = "energy_kwh"  # counter of the heat pump's electricity
    HEAT_ENERGY_KWH = "heat_energy_kwh"  # counter of its heat
    METER_POWER_W = "meter_power_w"  # at the electricity meter
    METER_ENERGY_KWH = "meter_energy_kwh"
    GRID_POWER_W = "grid_power_w"  # of the whole house at its grid connection; import positive
    GRID_CONTACT = "grid_contact"  # of the grid operator's control box; 1 closed: limited
    FREQUENCY_HZ = "frequency_hz"


class Capability(StrEnum):
    """What a heat pump can be asked to do. Values carry the unit of their knob."""

    FLOW_SETPOINT = "flow_setpoint"  # °C of the water to the emitters
    RETURN_SETPOINT = "return_setpoint"  # °C of the water that comes back from them
    CURVE_OFFSET = "curve_offset"  # parallel shift of the pump's heating curve, in its steps
    ROOM_SETPOINT = "room_setpoint"  # °C
    POWER_LIMIT = "power_limit"  # W of electricity
    COMPRESSOR_LIMIT = "compressor_limit"  # share of the highest speed or power, 0 ... 1
    SG_READY = "sg_ready"  # state 1 block, 2 normal, 3 recommended, 4 forced
    DHW_SETPOINT = "dhw_setpoint"  # °C
    DHW_BOOST = "dhw_boost"  # 1: heat the tank once now, 0: as usual
    VIRTUAL_OUTDOOR = "virtual_outdoor"  # °C that the pump's curve takes for outdoors
    ON_OFF = "on_off"  # 1: space heating allowed, 0: off


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value in the unit of its signal, and when it was measured or received."""

    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no value, and why."""

    reason: str


Observation = Mapping[Signal, Sample | Absent]


class WriteClass(StrEnum):
    """What a write costs the device's memory. Unknown counts as persistent."""

    VOLATILE = "volatile"
    PERSISTENT = "persistent"
    FORBIDDEN = "forbidden"


class OnSilence(StrEnum):
    """What the device does with our last command when we stop talking."""

    OWN_CONTROL = "own_control"
    HOLDS = "holds"
    STOPS = "stops"
    UNKNOWN = "unknown"  # treated as HOLDS


class Maturity(StrEnum):
    """How far a profile has been proven."""

    SIMULATED = "simulated"
    RECORDED = "recorded"
    BENCH = "bench"
    FIELD = "field"


@dataclass(frozen=True, slots=True)
class Precondition:
    """A knob acts only while this point has one of these values; it is read before each write."""

    point: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One capability as this device offers it: range, resolution, and how it behaves in time."""

    capability: Capability
    point: str
    minimum: float
    maximum: float
    resolution: float
    write_class: WriteClass
    lapse_s: float | None = None  # volatile: the device forgets the value after this long
    minimum_interval_s: float = 0.0  # between two writes of different values
    settle_s: float = 0.0  # before a read-back is meaningful
    latency_s: float = 0.0  # before the pump acts on it
    weekly_writes: float | None = None  # what the planner may wear; None: stored 15, else unlimited
    only_when: Precondition | None = None
    in_steps: bool = False  # written by several requests: between them it may show anything
    automatic: bool = True  # False: used only where the owner names it
    release_value: float | None = None  # written to hand a volatile knob back at once
    safe_minimum: float | None = None  # what a house can live with all winter when we die
    safe_maximum: float | None = None


class Device(Protocol):
    """Anything that can be read."""

    @property
    def name(self) -> str: ...

    async def read(self) -> Observation:
        """Read every signal the device promises; failures of single points become `Absent`.

        Never raises for an absent device: then every signal is `Absent` with the reason.
        """
        ...

    async def close(self) -> None: ...


class HeatPump(Device, Protocol):
    """A heat pump that can be steered through its knobs."""

    @property
    def knobs(self) -> Mapping[Capability, Knob]: ...

    @property
    def on_silence(self) -> OnSilence: ...

    @property
    def maturity(self) -> Maturity: ...

    async def write(self, capability: Capability, value: float) -> None:
        """Write once. Raises a `DriverError`; the value is checked against the knob's range."""
        ...

    async def read_back(self, capability: Capability) -> Sample | Absent:
        """What the device holds for this knob now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeries:
    """Spot prices as published: entry i holds from `starts_at + i * step_s`, None = unknown."""

    issued_at: datetime
    starts_at: datetime
    step_s: int
    per_kwh: Sequence[float | None]
    currency: str
    source: str
    preliminary: bool = False  # the service says that it may still change them
    remark: str = ""  # why it is not from where it was wanted, for the records


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherSeries:
    """A weather forecast as issued; entry i is the mean over the step that starts there."""

    issued_at: datetime
    starts_at: datetime
    step_s: int
    outdoor_c: Sequence[float]
    ghi_w_per_m2: Sequence[float]  # global horizontal irradiance
    source: str
    wind_m_s: Sequence[float] | None = None  # at 10 m; None: not told
    remark: str = ""  # why it is not from where it was wanted, for the records


class PriceSource(Protocol):
    """Day-ahead prices. Raises `DriverError` when there is no answer."""

    async def fetch(self, now: datetime) -> PriceSeries: ...


@runtime_checkable
class ResumingPrices(Protocol):
    """A price source that need not ask again for what an earlier run had learned."""

    def resume(self, held: PriceSeries) -> bool:
        """Take up the last good answer; False: it is of another source, zone or currency."""
        ...


class WeatherSource(Protocol):
    """Weather forecasts. Raises `DriverError` when there is no answer."""

    async def fetch(self, now: datetime) -> WeatherSeries: ...
