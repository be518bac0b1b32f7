"""Every shipped heat pump as a whole, emulated: read, probed, in alarm; none is touched unasked."""

from collections.abc import Mapping

import pytest
from emulated import PUMPS, READINGS, TICK_S, EmulatedPump, profile_of
from steered import CASES, values_of

from controller.act import Actuator, NotApplied
from controller.guard import Allowed, Limits, Memory, Refused, Verdict, Wanted, judge
from controller.sense import freeze
from controller.store import Store
from drivers.api import Capability, HeatPump, Knob, Sample, Signal, WriteClass
from drivers.evidence import has_identity
from drivers.points import Kind, Point
from drivers.probe import Prober, on_network
from drivers.probe_topics import candidates_in
from drivers.profile import ModbusProfile, MqttProfile, shipped_profiles

DAY_S = 86400.0
ALARM_CODE = 7.0
EVERY = [profile_of(name) for name in shipped_profiles()]
EVERY_MODBUS = [profile for profile in EVERY if isinstance(profile, ModbusProfile)]
EVERY_MQTT = [profile for profile in EVERY if isinstance(profile, MqttProfile)]
UNBOUNDED = Limits(
    knob=None,
    rest_value=None,
    run_value=None,
    frost_value=None,
    flow_max_c=70.0,
    power_max_w=None,
    minimum_run_s=0.0,
    minimum_off_s=0.0,
    frost_c=5.0,
    room_max_c=30.0,
)


def every(names: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", names)


def knobs_in_force(pump: EmulatedPump) -> dict[Capability, Knob]:
    """Every knob that acts in the mode in which the pump is."""
    name = pump.profile.name
    return {
        case.capability: case.knob
        for case in CASES
        if case.name == name and pump.image.in_force(case.capability)
    }


async def owners_values(driver: HeatPump, knobs: dict[Capability, Knob]) -> dict[Capability, float]:
    """What a reader sees of each knob that is reported."""
    answers = {capability: await driver.read_back(capability) for capability in knobs}
    return {c: answer.value for c, answer in answers.items() if isinstance(answer, Sample)}


@every(PUMPS)
async def test_every_promised_signal_is_read_as_it_is(name: str) -> None:
    pump = EmulatedPump(profile_of(name))
    observed = await pump.driver().read()
    assert set(observed) == set(pump.profile.signals)
    knob_points = {knob.point for knob in pump.profile.knobs.values()}
    for signal, seen in observed.items():
        assert isinstance(seen, Sample), f"{signal}: {seen}"
        if pump.profile.signals[signal] not in knob_points:
            assert seen.value == pytest.approx(READINGS[signal], rel=0.05, abs=0.5), signal


@every(tuple(name for name in PUMPS if Signal.ALARM in profile_of(name).signals))
async def test_an_alarm_releases_every_knob(name: str, store: Store) -> None:
    pump = EmulatedPump(profile_of(name))
    driver = pump.driver()
    knobs = knobs_in_force(pump)
    owners = await owners_values(driver, knobs)
    for capability, value in owners.items():
        if knobs[capability].write_class is not WriteClass.VOLATILE:
            pump.turn(capability, value)
    longest_s = max(knob.latency_s + knob.settle_s for knob in knobs.values()) + TICK_S
    pump.pass_time(longest_s)
    before = pump.control()
    wishes = {c: values_of(knob, owners.get(c)).ours for c, knob in knobs.items()}
    actuator = Actuator(driver, store, may_write=knobs)

    assert not isinstance(await cycle(pump, driver, actuator, wishes), Refused)
    pump.pass_time(longest_s)
    assert set(store.leases()) == set(knobs)
    assert pump.control() != before

    pump.readings[Signal.ALARM] = ALARM_CODE
    verdict = Refused(())
    for _ in range(2):  # what settles is looked at again
        pump.pass_time(longest_s)
        verdict = await cycle(pump, driver, actuator, wishes)
    assert isinstance(verdict, Refused)
    assert "the pump reports alarm" in verdict.reasons[-1]
    assert store.leases() == {}
    pump.pass_time(longest_s)
    assert pump.control() == before


async def cycle(
    pump: EmulatedPump, driver: HeatPump, actuator: Actuator, wishes: Mapping[Capability, float]
) -> Verdict:
    """Sense, guard, act."""
    seen = [await driver.read(), {Signal.ROOM_C: Sample(21.0, pump.now)}]
    snapshot = freeze(seen, at=pump.now, before=None, stale_s=dict.fromkeys(Signal, DAY_S))
    verdict = judge(Wanted(wishes, None, None, "mpc", "steer"), snapshot, Memory(), UNBOUNDED)
    await actuator.apply(verdict, pump.now)
    return verdict


@every(shipped_profiles())
def test_a_number_that_could_be_anything_has_bounds(name: str) -> None:
    points = profile_of(name).points.values()
    free = [p for p in points if not isinstance(p, Point) or p.kind is Kind.FLOAT32]
    unbounded = [
        point.name
        for point in free
        if not point.codes
        and not getattr(point, "rule", "")
        and (point.minimum is None or point.maximum is None)
    ]
    assert unbounded == []


# ---- nothing is written unasked ---


@every(PUMPS)
async def test_reading_and_observing_write_nothing(name: str, store: Store) -> None:
    pump = EmulatedPump(profile_of(name))
    driver = pump.driver()
    before = pump.control()
    observer = Actuator(driver, store, may_write=())
    for _ in range(3):
        await driver.read()
        for capability, knob in driver.knobs.items():
            await driver.read_back(capability)
            wish = Allowed({capability: knob.minimum})
            assert isinstance(await observer.apply(wish, pump.now), NotApplied)
        assert await observer.hand_back(pump.now)
        pump.pass_time(TICK_S)
    await driver.close()
    assert pump.wire.commands == 0
    assert pump.wear == {}
    assert pump.control() == before


@every(tuple(name for name in PUMPS if has_identity(profile_of(name))))
async def test_probing_finds_the_family_and_writes_nothing(name: str) -> None:
    profile = profile_of(name)
    pump = EmulatedPump(profile)
    before = pump.control()
    if isinstance(profile, MqttProfile):
        found, _ = candidates_in(pump.said(), EVERY_MQTT)
    else:
        unit = profile.connection.unit
        prober = Prober(lambda _rules: pump.registers(), unit=unit)
        found = (await prober.probe(on_network(EVERY_MODBUS))).candidates
    assert name in [candidate.profile.name for candidate in found]
    assert pump.wire.commands == 0
    assert pump.wear == {}
    assert pump.control() == before
