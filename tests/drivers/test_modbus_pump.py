"""Writing through a Modbus pump: its function, the order of registers and of set-points."""

import contextlib
import copy
from collections.abc import Sequence
from typing import Any

import pytest

from drivers.api import Capability
from drivers.errors import OutOfRangeError, RefusedByDeviceError, TransientError
from drivers.heat_pumps.modbus_pump import ModbusHeatPump, writes
from drivers.points import Kind, Point, Space
from drivers.profile import ModbusProfile, load_modbus_profile, parse_profile
from drivers.testing import AN_INSTANT, RegisterBank, make_rig
from drivers.transports.modbus_client import WRITE_SEVERAL, WRITE_SINGLE

CONTACTS = Point(name="contacts", space=Space.HOLDING, address=4001, kind=Kind.UINT16)

DOCUMENT: dict[str, Any] = {
    "name": "ordered",
    "title": "A pump with three room set-points",
    "kind": "heat_pump",
    "maturity": "simulated",
    "evidence": "none",
    "points": {
        name: {
            "space": "holding",
            "address": address,
            "kind": "uint16",
            "scale": 0.1,
            "minimum": 16,
            "maximum": 28,
        }
        for address, name in enumerate(("setback", "normal", "comfort"), 100)
    },
    "knobs": {
        "room_setpoint": {
            "point": "normal",
            "minimum": 16,
            "maximum": 28,
            "resolution": 0.1,
            "safe_minimum": 19,
            "safe_maximum": 22,
        }
    },
}
DOCUMENT["points"]["normal"] |= {"writable": True, "not_below": "setback", "not_above": "comfort"}


class RecordingLink:
    """A register bank that also remembers the function of every write."""

    def __init__(self, bank: RegisterBank) -> None:
        self.bank = bank
        self.functions: list[int] = []

    async def read(self, unit: int, space: Space, address: int, count: int) -> list[int]:
        return self.bank.read(unit, space, address, count)

    async def write(
        self, unit: int, address: int, values: Sequence[int], *, function: int = WRITE_SEVERAL
    ) -> None:
        self.functions.append(function)
        self.bank.write(unit, address, values)

    async def close(self) -> None:
        pass


def pump_of(write_function: int = WRITE_SEVERAL) -> tuple[ModbusHeatPump, RecordingLink]:
    document = copy.deepcopy(DOCUMENT)
    document["connection"] = {"write_function": write_function}
    profile = parse_profile(document, "here")
    assert isinstance(profile, ModbusProfile)
    link = RecordingLink(RegisterBank(profile))
    for name, register in (("setback", 180), ("normal", 205), ("comfort", 215)):
        link.bank.put(name, (register,))
    return ModbusHeatPump("pump", profile, link, unit=1, now=lambda: AN_INSTANT), link


@pytest.mark.parametrize("function", [WRITE_SINGLE, WRITE_SEVERAL])
async def test_the_function_of_the_profile_reaches_the_wire(function: int) -> None:
    pump, link = pump_of(function)
    await pump.write(Capability.ROOM_SETPOINT, 21.0)
    assert link.functions == [function]
    assert link.bank.writes == [(101, (210,))]


def test_several_registers_go_in_one_request_where_the_device_takes_it() -> None:
    assert list(writes(CONTACTS, (1, 0), WRITE_SEVERAL)) == [(4001, (1, 0))]


BLOCK, NORMAL, RAISED, FORCED = (0, 1), (0, 0), (1, 0), (1, 1)


@pytest.mark.parametrize("old", [BLOCK, NORMAL, RAISED, FORCED])
@pytest.mark.parametrize("new", [BLOCK, NORMAL, RAISED, FORCED])
def test_contacts_changed_one_by_one_pass_through_no_stranger_state(
    old: tuple[int, int], new: tuple[int, int]
) -> None:
    contacts = dict(zip((4001, 4002), old, strict=True))
    passed = []
    for address, registers in writes(CONTACTS, new, WRITE_SINGLE):
        (contacts[address],) = registers
        passed.append((contacts[4001], contacts[4002]))
    assert passed[-1] == new
    via = set(passed) - {old, new}
    both_change = old[0] != new[0] and old[1] != new[1]
    assert via <= ({NORMAL, RAISED} if both_change else set())


@pytest.mark.parametrize(("value", "side"), [(17.9, "below setback"), (21.6, "above comfort")])
async def test_a_setpoint_that_would_pass_its_neighbour_is_refused(value: float, side: str) -> None:
    pump, link = pump_of()
    with pytest.raises(OutOfRangeError, match=side):
        await pump.write(Capability.ROOM_SETPOINT, value)
    assert not link.bank.writes


@pytest.mark.parametrize("value", [18.0, 21.5])
async def test_a_setpoint_may_equal_its_neighbour(value: float) -> None:
    pump, link = pump_of()
    await pump.write(Capability.ROOM_SETPOINT, value)
    assert link.bank.writes == [(101, (round(value * 10),))]


async def test_without_its_neighbour_a_setpoint_is_not_written() -> None:
    pump, link = pump_of()
    link.bank.remove("comfort")
    with pytest.raises(TransientError, match="comfort, which cannot be read"):
        await pump.write(Capability.ROOM_SETPOINT, 20.0)
    assert not link.bank.writes


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        ((4, 0), {Capability.FLOW_SETPOINT}),
        ((4, 1), {Capability.RETURN_SETPOINT}),
        ((4, 2), set()),
        ((3, 0), {Capability.CURVE_OFFSET}),
        ((0, 0), set()),
    ],
)
async def test_a_register_is_written_only_in_the_mode_in_which_it_means_the_knob(
    mode: tuple[int, int], allowed: set[Capability]
) -> None:
    rig = make_rig(load_modbus_profile("lg_therma_v"))
    written = set()
    for capability, value in (
        (Capability.FLOW_SETPOINT, 35.0),
        (Capability.RETURN_SETPOINT, 30.0),
        (Capability.CURVE_OFFSET, 1.0),
    ):
        rig.bank.put("mode", mode)
        with contextlib.suppress(RefusedByDeviceError):
            await rig.pump.write(capability, value)
            written.add(capability)
    assert written == allowed
    assert len(rig.bank.writes) == len(allowed)


async def test_in_an_unknown_mode_nothing_is_written() -> None:
    rig = make_rig(load_modbus_profile("nibe_s"))
    rig.bank.remove("sg_over_modbus")
    with pytest.raises(TransientError, match="sg_over_modbus, which is unknown"):
        await rig.pump.write(Capability.SG_READY, 3.0)
    assert not rig.bank.writes
