"""Every emulated heat pump is recognised as what it is, and as nothing else."""

import pytest
from test_hil_registers import READINGS

from drivers.api import Sample
from drivers.evidence import Candidate, contradiction, has_identity, judged, questions
from drivers.profile import DeviceKind, Transport, load_modbus_profile, shipped_profiles
from drivers.registers_reader import RegistersReader
from drivers.testing import AN_INSTANT, RegisterBank
from drivers.transports.in_memory import MemoryModbusLink
from hil.manners import manners_of
from hil.registers import RegisterImage

FAMILIES = [
    profile
    for profile in map(load_modbus_profile, shipped_profiles(Transport.MODBUS))
    if profile.kind is DeviceKind.HEAT_PUMP and has_identity(profile)
]


async def fits(profile, device):
    reader = RegistersReader(profile, MemoryModbusLink(device), 1, lambda: AN_INSTANT)
    answers = {}
    for names in questions(profile):
        for name in names:
            seen = await reader.read_point(profile.points[name])
            answers[name] = seen.value if isinstance(seen, Sample) else seen.reason
        if contradiction(profile, answers) is not None:
            break
    return isinstance(judged(profile, "unit 1", answers), Candidate)


def image_of(profile):
    return RegisterImage(
        profile,
        readings=lambda: READINGS,
        on_write=lambda *_: None,
        manners=manners_of(profile),
    )


@pytest.mark.parametrize("device", FAMILIES, ids=lambda profile: profile.name)
async def test_a_family_is_recognised_and_taken_for_no_other(device):
    image = image_of(device)
    assert [family.name for family in FAMILIES if await fits(family, image)] == [device.name]


@pytest.mark.parametrize("controller", [103, 104, 392])
async def test_a_controller_with_another_map_is_not_taken_for_a_wpm(controller):
    isg = load_modbus_profile("stiebel_isg")
    bank = RegisterBank(isg)
    bank.put("controller", (390,))
    assert await fits(isg, bank)
    bank.put("controller", (controller,))
    assert not await fits(isg, bank)


async def test_an_older_navigator_with_its_registers_elsewhere_is_not_taken_for_a_newer_one():
    idm = load_modbus_profile("idm_navigator")
    bank = RegisterBank(idm)
    assert await fits(idm, bank)
    for name in ("outdoor", "flow", "operating_state"):
        bank.remove(name)
    assert not await fits(idm, bank)
