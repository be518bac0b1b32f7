"""Commissioning an emulated house: signs are found, knobs moved a step and put back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from scripted import START, ScriptedWorld, config_of, spec

from bench.run import archive_of
from controller.acceptance import accepted
from controller.act import Actuator
from controller.clock import SteppedClock
from controller.commission import Consent, Site, commission, found_before, neighbour
from controller.findings import Judgement
from controller.guard import Purpose
from controller.store import Store
from controller.wear import Ledger, is_stored
from drivers.api import Capability, Sample, Signal
from drivers.profile import Transport, load_modbus_profile, shipped_profiles

OFFSET = Capability.CURVE_OFFSET
OK, WRONG, SKIPPED = Judgement.OK, Judgement.WRONG, Judgement.SKIPPED
KETTLE_W = 2000.0
PUMPS = [
    name
    for name in shipped_profiles(Transport.MODBUS)
    if load_modbus_profile(name).kind == "heat_pump"
]


class Kitchen:
    """A meter that also sees a kettle, which somebody switches on when told."""

    def __init__(self, meter, now, sign=1.0):
        self._meter, self._now, self._sign = meter, now, sign
        self.on = False
        self.name = meter.name
        self.close = meter.close

    async def read(self):
        seen = dict(await self._meter.read())
        power = seen[Signal.METER_POWER_W]
        assert isinstance(power, Sample)
        value = power.value + (KETTLE_W if self.on else 0.0)
        seen[Signal.METER_POWER_W] = replace(power, value=self._sign * value)
        return seen


class Job:
    """One house that is being commissioned."""

    def __init__(self, directory, profile="nibe_s", **heat_pump):
        run_spec = spec(profile=profile, days=0.1)
        archive = archive_of(run_spec)
        self.config = config_of(run_spec, archive, directory, heat_pump=heat_pump)
        self.world = ScriptedWorld(run_spec, archive, {})
        self.clock = SteppedClock(START, self.world.advance)
        self.store = Store(directory / "state.db")
        self.outside = self.world.outside(self.config, self.clock.now)
        self.sign = 1.0

    def site(self):
        """As seen now, with a kitchen behind the meter."""
        *others, meter = self.outside.devices
        self.kitchen = Kitchen(meter, self.clock.now, self.sign)
        return Site(
            outside=replace(self.outside, devices=[*others, self.kitchen]),
            store=self.store,
            clock=self.clock,
            accepted=accepted(self.config, self.outside.pump),
        )

    def switch_on(self, _text):
        self.kitchen.on = True

    def commission(self, consent=Consent(), *, again=False):  # noqa: B008
        async def work():
            await self.clock.sleep_until(self.clock.now() + timedelta(minutes=30))
            return await commission(self.site(), consent, again=again)

        return asyncio.run(work())

    def held(self, capability):
        return asyncio.run(self.outside.pump.read_back(capability)).value


@pytest.fixture
def job(tmp_path):
    made = Job(tmp_path)
    yield made
    made.store.close()


def test_without_consent_it_only_looks(job):
    found = job.commission()
    assert job.world.wire.writes == []
    assert found["step of curve_offset"].text == "not agreed to"
    assert found["known load"].judgement is SKIPPED
    assert found["room sensor"].judgement is OK
    assert found["outdoor sensor"].judgement is OK


def test_an_agreed_step_is_written_seen_and_put_back(job):
    before = job.held(OFFSET)
    found = job.commission(Consent(steps=[OFFSET]))
    assert found["step of curve_offset"].judgement is OK
    assert [decoded for _, _, (decoded,) in job.world.wire.writes] == [1, 0]
    assert job.held(OFFSET) == before
    assert job.store.leases() == {}
    (wear,) = Ledger(job.store).registers()
    assert wear.writes == {Purpose.PLANNER: 1, Purpose.HAND_BACK: 1}
    assert found["step of room_setpoint"].text == "not agreed to"


def test_the_person_who_is_there_is_asked_once_per_knob(job):
    questions = []

    def ask(question):
        questions.append(question)
        return False

    job.commission(Consent(ask=ask))
    assert job.world.wire.writes == []
    knobs = job.outside.pump.knobs
    assert 1 < len(questions) <= len(knobs)
    assert any("Write 1 to curve_offset" in question for question in questions)


def test_what_was_found_good_is_not_done_again(job):
    consent = Consent(steps=[OFFSET])
    first = job.commission(consent)
    writes = len(job.world.wire.writes)
    second = job.commission(consent)
    assert len(job.world.wire.writes) == writes
    assert second["step of curve_offset"] == first["step of curve_offset"]
    assert found_before(job.store) == second


def test_a_second_round_is_made_when_asked_for(job):
    consent = Consent(steps=[OFFSET])
    job.commission(consent)
    job.commission()  # an hour passes
    job.commission(consent, again=True)
    assert len(job.world.wire.writes) == 4


def test_findings_of_another_version_are_made_again(job):
    job.store.save_text("commissioning", '{"room sensor": 5}')
    assert found_before(job.store) == {}


@pytest.mark.parametrize(("sign", "judgement"), [(1.0, OK), (-1.0, WRONG)])
def test_a_kettle_tells_the_sign_of_the_meter(job, sign, judgement):
    job.sign = sign
    found = job.commission(Consent(load_w=KETTLE_W, tell=job.switch_on))
    assert found["known load"].judgement is judgement


def test_a_kettle_that_nobody_switches_on_is_not_seen(job):
    found = job.commission(Consent(load_w=KETTLE_W, tell=lambda _: None))
    assert found["known load"].judgement is Judgement.DOUBTFUL


def test_a_step_cut_short_is_undone_by_the_next_hand(job):
    class CutError(Exception):
        """The process ends here."""

    def cut(unit, address, values):
        take(unit, address, values)
        job.world.wire.down = True
        raise CutError

    take = job.world.wire.write
    job.world.wire.write = cut
    with pytest.raises(CutError):
        job.commission(Consent(steps=[OFFSET]))
    job.world.wire.write, job.world.wire.down = take, False
    assert job.held(OFFSET) == 1.0
    next_start = Actuator(job.outside.pump, job.store, may_write=())
    assert asyncio.run(next_start.hand_back(job.clock.now()))
    assert job.held(OFFSET) == 0.0


def test_an_owners_value_beyond_what_heatherd_writes_is_left_alone(job):
    job.world.house.modbus.bus.write(1, 30, [-5 & 0xFFFF])
    found = job.commission(Consent(steps=[OFFSET]))
    assert found["step of curve_offset"].judgement is SKIPPED
    assert "-5 lies outside what heatherd writes, -3 to 5" in found["step of curve_offset"].text
    assert job.world.wire.writes == []


def test_a_knob_that_is_not_accepted_is_not_moved(tmp_path):
    job = Job(tmp_path, accept_maturity="field", accept=(Capability.ROOM_SETPOINT,))
    found = job.commission(Consent(steps=[OFFSET]))
    assert found["step of curve_offset"].text == "not accepted by the owner"
    assert job.world.wire.writes == []
    job.store.close()


@pytest.mark.parametrize("profile", PUMPS)
def test_every_emulated_pump_is_as_it_was_after_all_its_steps(tmp_path, profile):
    job = Job(tmp_path, profile)
    knobs = job.outside.pump.knobs

    async def held():
        answers = {c: await job.outside.pump.read_back(c) for c in knobs}
        return {c: a.value for c, a in answers.items() if isinstance(a, Sample)}

    asyncio.run(job.clock.sleep_until(START + timedelta(minutes=1)))
    before = asyncio.run(held())
    found = job.commission(Consent(steps=list(knobs)))
    for capability, value in asyncio.run(held()).items():
        assert value == before[capability] or not is_stored(knobs[capability])
    assert job.store.leases() == {}
    steps = {name: f for name, f in found.items() if name.startswith("step of")}
    assert set(steps) == {f"step of {capability}" for capability in knobs}
    assert [f.text for f in steps.values() if f.judgement is WRONG] == []
    job.store.close()


def test_the_step_beside_stays_inside_what_heatherd_writes():
    knob = load_modbus_profile("nibe_s").knobs[OFFSET]
    assert [neighbour(knob, v) for v in (-4.0, -3.0, 0.0, 5.0, 6.0)] == [None, -2.0, 1.0, 4.0, None]
