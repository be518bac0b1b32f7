"""Hands on a pump in memory: ours, the owner's at the pump, and what the wire does between."""

from datetime import UTC, datetime, timedelta

from controller.act import Actuator, Applied, Outcome
from controller.guard import Allowed, Refused
from controller.store import Store
from drivers.api import Capability, Sample, WriteClass
from drivers.errors import DriverError, TransientError
from drivers.points import Point, Space, decode, encode
from drivers.profile import ModbusProfile, Transport, load_modbus_profile, shipped_profiles
from drivers.testing import Rig, make_rig

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=2)
FLOW, OFFSET, ROOM = Capability.FLOW_SETPOINT, Capability.CURVE_OFFSET, Capability.ROOM_SETPOINT
FREE = Refused(("nothing to ask",))
HEAT_PUMPS = [
    name
    for name in shipped_profiles(Transport.MODBUS)
    if load_modbus_profile(name).kind == "heat_pump"
]


def knobs_of(kind: WriteClass) -> list[tuple[str, Capability]]:
    """Every knob of this kind among the shipped heat pumps, as (profile, capability)."""
    return [
        (name, capability)
        for name in HEAT_PUMPS
        for capability, knob in load_modbus_profile(name).knobs.items()
        if knob.write_class is kind
    ]


def hand(rig: Rig, store: Store, *, may_write: bool = True) -> Actuator:
    """A new hand on the same pump and store, as after a start."""
    return Actuator(rig.pump, store, may_write=rig.pump.knobs if may_write else ())


def rig_of(name: str, capability: Capability) -> Rig:
    """A pump of this make in the mode in which the knob acts, switched on."""
    rig = make_rig(load_modbus_profile(name))
    needed = rig.profile.knobs[capability].only_when
    if needed is not None:
        point = rig.profile.points[needed.point]
        rig.bank.put(point.name, encode(point, needed.values[0]))
    switch = point_of(rig.profile, capability).switch
    for name_of_switch in () if switch is None else switch.points:
        point = rig.profile.points[name_of_switch]
        rig.bank.put(point.name, encode(point, switch.on))
    return rig


def ask(capability: Capability, value: float) -> Allowed:
    return Allowed({capability: value})


def in_force(outcome: Outcome) -> dict[Capability, float] | None:
    """What the outcome says is in effect; None if something was not applied."""
    return dict(outcome.read_back) if isinstance(outcome, Applied) else None


def point_of(profile: ModbusProfile, capability: Capability) -> Point:
    return profile.points[profile.knobs[capability].point]


def turn(rig: Rig, capability: Capability, value: float) -> None:
    """Somebody sets the knob at the pump."""
    point = point_of(rig.profile, capability)
    rig.bank.put(point.name, encode(point, value))


async def held(rig: Rig, capability: Capability) -> float:
    sample = await rig.pump.read_back(capability)
    assert isinstance(sample, Sample)
    return sample.value


def written(rig: Rig, capability: Capability) -> list[float]:
    """All that was ever written to the knob, decoded."""
    point = point_of(rig.profile, capability)
    values = [
        decode(point, list(raw)) for address, raw in rig.bank.writes if address == point.address
    ]
    return [value for value in values if isinstance(value, float)]


class Mishap:
    """What can go wrong on the wire, put before a rig's register bank."""

    def __init__(self, rig: Rig) -> None:
        self._take = rig.bank.write
        self._give = rig.bank.read
        self._bank = rig.bank
        rig.bank.write = self.write  # type: ignore[method-assign]
        rig.bank.read = self.read  # type: ignore[method-assign]
        self.lost_before: DriverError | None = None  # the request never arrives
        self.lost_after: DriverError | None = None  # it arrives, its answer does not
        self.made_of: tuple[int, ...] | None = None  # the device stores this instead
        self.ignores = False  # the device accepts and does nothing
        self.silent_reads = 0  # after the next write

    def write(self, unit: int, address: int, values: tuple[int, ...]) -> None:
        if self.lost_before is not None:
            raise self.lost_before
        if not self.ignores:
            self._take(unit, address, values if self.made_of is None else self.made_of)
        if self.lost_after is not None:
            raise self.lost_after
        if self.silent_reads:
            self._bank.failure = TransientError("busy")

    def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        if self._bank.failure is not None and self.silent_reads:
            self.silent_reads -= 1
            failure, self._bank.failure = self._bank.failure, None
            raise failure
        return self._give(unit, space, address, count)
