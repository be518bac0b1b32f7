"""A planted latency and ramp of the emulated pump's power limit are measured, inside the guard."""

import asyncio
import csv
import json
from collections import deque
from datetime import timedelta
from pathlib import Path

import pytest
from scripted import START, ScriptedWorld, config_of, spec
from typer.testing import CliRunner

from bench.run import archive_of
from controller.acceptance import accepted
from controller.cli import app
from controller.clock import SteppedClock
from controller.commission import Consent, Site
from controller.knob_pace import (
    KNOB,
    NotMeasured,
    Pace,
    keep_pace,
    measure,
    pace_before,
    refusals,
    response_of,
)
from controller.pace_verb import as_document, stages_of, words, write_seconds
from controller.qualify import Duty
from controller.store import Store
from drivers.profile import load_profile
from mpc.step_response import Followed, NotFollowed

pytestmark = pytest.mark.timeout(150)
AGREED = Consent(steps=[KNOB])
STEP_W = 400.0
EXAMPLE = Path(__file__).parents[2] / "deploy/examples/generic-modbus.toml"


class LaggingWorld(ScriptedWorld):
    """The pump's control follows a written limit after a latency, at a bounded rate."""

    latency_s, rate_w_per_s = 0, 1e9

    def __init__(self, *args):
        super().__init__(*args)
        self.house.firmware.dhw_start_c = 10.0  # no hot water is wanted
        self._orders = deque()
        self._mine = self._goal = None

    async def advance(self, until):
        while self.house.at < until:
            self._follow()
            await super().advance(min(self.house.at + timedelta(seconds=1), until))

    def _follow(self):
        firmware, at = self.house.firmware, self.house.at
        if firmware.power_limit_w != self._mine:
            due_at = at + timedelta(seconds=self.latency_s)
            self._orders.append((due_at, firmware.power_limit_w))
        while self._orders and self._orders[0][0] <= at:
            self._goal = self._orders.popleft()[1]
        before = self._mine
        if self._goal is not None and before is not None:
            low, high = before - self.rate_w_per_s, before + self.rate_w_per_s
            self._mine = min(max(self._goal, low), high)
        else:
            self._mine = self._goal
        firmware.power_limit_w = self._mine


class Job:
    """One house whose power limit is measured."""

    def __init__(self, directory, profile="generic_modbus", **pump):
        chosen = spec(profile=profile, days=0.1)
        archive = archive_of(chosen)
        self.config = config_of(chosen, archive, directory, heat_pump=pump)
        self.world = LaggingWorld(chosen, archive, {})
        self.clock = SteppedClock(START, self.world.advance)
        self.store = Store(directory / "state.db")
        self.outside = self.world.outside(self.config, self.clock.now)

    def measure(self, consent=AGREED, *, after=timedelta(minutes=40)):
        async def work():
            await self.clock.sleep_until(self.clock.now() + after)
            site = Site(
                outside=self.outside,
                store=self.store,
                clock=self.clock,
                accepted=accepted(self.config, self.outside.pump),
            )
            stages = stages_of(self.config, site)
            return await measure(site, stages, consent, step_w=STEP_W)

        return asyncio.run(work())

    def limits_w(self):
        return [v[0] for _, address, v in self.world.wire.writes if address == 1]


@pytest.fixture
def job(tmp_path):
    made = Job(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize(("latency_s", "rate_w_per_s"), [(2, 40.0), (20, 10.0)])
def test_a_planted_latency_and_ramp_of_the_emulated_pump_are_found(
    job, tmp_path, latency_s, rate_w_per_s
):
    job.world.latency_s, job.world.rate_w_per_s = latency_s, rate_w_per_s
    pace, seconds = job.measure()
    down, up = pace.followed[0::2], pace.followed[1::2]
    assert len(down) == len(up) == 2
    for step in down:  # on the way up the emulated compressor is slower than the limit
        assert step.dead_s == pytest.approx(latency_s, abs=1.5)
        assert abs(step.change_w) / step.ramp_s == pytest.approx(rate_w_per_s, rel=0.35)
    assert latency_s <= pace.latency_s <= latency_s + 4.0
    assert pace.every_s == 1.0
    held = [second.limit_w for second in seconds if second.limit_w is not None]
    assert max(held) - min(held) == STEP_W
    assert job.world.house.firmware.flow_request_c is None  # the warmer water is handed back too
    *steps, release = job.limits_w()
    assert set(steps) == {max(held), min(held)}
    assert release == 65535  # as the profile hands the knob back
    assert job.store.leases() == {}
    ramp = response_of(pace, Duty.FCR_D_UP, STEP_W).ramp_frac_per_s
    assert ramp <= rate_w_per_s / STEP_W * 1.35
    keep_pace(job.store, pace)
    assert pace_before(job.store) == pace
    write_seconds(tmp_path / "steps.csv", seconds)
    with (tmp_path / "steps.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(seconds)


def test_without_consent_nothing_is_written_and_the_question_names_both_limits(job):
    asked = []

    def ask(question):
        asked.append(question)
        return False

    assert job.measure(Consent(ask=ask)) == NotMeasured(("not agreed to",))
    assert "Move power_limit between" in asked[0]
    assert job.world.wire.writes == []


def test_an_alarm_ends_the_steps_and_hands_the_limit_back(job):
    def alarm(world):
        world.house.set_alarm(5)

    job.world._script[START + timedelta(minutes=44)] = alarm
    found = job.measure()
    assert isinstance(found, NotMeasured)
    assert any("alarm" in reason or "compressor" in reason for reason in found.reasons)
    assert job.limits_w()[-1] == 65535
    assert job.store.leases() == {}


def test_a_pump_that_rests_is_not_measured(job):
    job.world.house.firmware.curve_offset_k = -30.0
    found = job.measure()
    assert isinstance(found, NotMeasured)
    assert job.world.wire.writes == []


@pytest.mark.parametrize(
    ("profile", "pump", "reason"),
    [
        ("nibe_s", {}, "it is stored in a memory that wears"),
        ("idm_navigator", {}, "takes no limit of power in watts"),
        ("generic_modbus", {"accept_maturity": "field", "accept": ()}, "set heat_pump.accept ="),
    ],
)
def test_a_knob_that_could_never_serve_is_not_moved(tmp_path, profile, pump, reason):
    job = Job(tmp_path, profile, **pump)
    found = job.measure(after=timedelta(seconds=10))
    job.store.close()
    assert isinstance(found, NotMeasured)
    assert reason in found.reasons[0]
    assert job.world.wire.writes == []


PACE = Pace(
    measured_at=START,
    every_s=1.0,
    full_w=3000.0,
    steps=tuple(
        Followed(dead_s=1.0 + i / 2.0, ramp_s=4.0 + i, change_w=way * 400.0, rough_frac=0.0)
        for i, way in enumerate((-1.0, 1.0, -1.0, 1.0))
    ),
)


def test_what_a_pace_is_good_for_is_said_with_what_to_write_into_the_configuration():
    knob = load_profile("generic_modbus").knobs[KNOB]
    text = "\n".join(words(PACE, knob, 400.0))
    assert 'latency = "2.5 s"\nramp_frac_per_s = 0.1429  # of capacity_w = 400' in text
    assert "fcr_d_up: it is complete after 9.5 s, 5 s are allowed" in text
    assert "fcr: qualifies" in text
    assert "quarter_hour_peak: qualifies" in text
    assert as_document(PACE, knob, 400.0)["duties"]["fcr"]["refused"] == []


def test_a_capacity_beyond_the_step_is_slower_and_one_below_it_no_faster():
    ramps = [response_of(PACE, Duty.FCR, w).ramp_frac_per_s for w in (200.0, 400.0, 800.0)]
    assert ramps == [0.1429, 0.1429, 0.0714]
    assert response_of(PACE, Duty.PEAK, 400.0).ramp_frac_per_s == 0.0222  # 400 W of 3 kW in 6 s


def test_one_step_that_was_not_followed_qualifies_for_nothing():
    knob = load_profile("generic_modbus").knobs[KNOB]
    missed = Pace(measured_at=START, every_s=1.0, full_w=4000.0, steps=(NotFollowed("no"),))
    assert missed.latency_s is None
    assert all(refusals(missed, knob, duty, 400.0) for duty in Duty)
    assert "not followed: no" in "\n".join(words(missed, knob, 400.0))


def test_the_last_measurement_is_shown_again(tmp_path):
    house = tmp_path / "house.toml"
    example = EXAMPLE.read_text("utf-8")
    house.write_text(f'{example}\n[storage]\ndirectory = "{tmp_path}"\n', "utf-8")
    asked = ["measure-knob", "-c", str(house), "--last", "--json"]
    assert CliRunner().invoke(app, asked).exit_code == 1
    store = Store(tmp_path / "state.db")
    keep_pace(store, PACE)
    store.close()
    shown = json.loads(CliRunner().invoke(app, asked).output)
    assert shown["latency_s"] == 2.5
    assert shown["steps"][0]["dead_s"] == 1.0
