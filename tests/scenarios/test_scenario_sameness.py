"""Closed loops in virtual time: equal runs are equal, nothing is known early, records replay."""

import json
import shutil
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from scripted import START, at_hour, play, records_in, spec

from bench.run import archive_of, run_in_memory
from controller.act import Applied
from controller.app import heat_knob
from controller.guard import Refused
from controller.planner import PLAN
from controller.recorder import Records
from controller.records import record_text
from controller.replay import Difference, replan, replay
from hil.house import load_house
from hil.occupants import Family

pytestmark = pytest.mark.timeout(90)  # half a day of whole decisions, more than once

HALF_DAY = spec(days=0.5, control=())
ALTERED_AT = at_hour(6.25)  # 11:15 UTC: half an hour before tomorrow's prices come out


class TwoFamilies:
    """The people of the house up to an instant, others with other habits after it."""

    def __init__(self, until: datetime) -> None:
        people = load_house(HALF_DAY.house).owner.people
        timezone = archive_of(HALF_DAY).zone.timezone
        self._until = until
        self._first = Family(seed=HALF_DAY.seed, people=people, timezone=timezone)
        self._then = Family(seed=99, people=people + 3, timezone=timezone)

    def _at_home(self, at):
        return self._first if at <= self._until else self._then

    def gains_w(self, at):
        return self._at_home(at).gains_w(at)

    def draw_l_per_min(self, at):
        return self._at_home(at).draw_l_per_min(at)

    def airing_per_h(self, at):
        return self._at_home(at).airing_per_h(at)


def commands(records):
    return [(r.at, r.wanted, r.verdict, r.outcome) for r in records]


@pytest.fixture(scope="session")
def half_day(tmp_path_factory):
    return run_in_memory(HALF_DAY, tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="session")
def half_day_again(tmp_path_factory):
    return run_in_memory(HALF_DAY, tmp_path_factory.mktemp("again"))


@pytest.fixture(scope="session")
def altered_half_day(tmp_path_factory):
    return play(
        tmp_path_factory.mktemp("altered"),
        {},
        run_spec=HALF_DAY,
        future=archive_of(HALF_DAY).altered_after(ALTERED_AT),
        occupants=TwoFamilies(ALTERED_AT),
    )


@pytest.fixture
def store(half_day):
    opened = Records(half_day.directory / "records.db")
    yield opened
    opened.close()


def test_equal_runs_give_equal_figures_and_commands(half_day, half_day_again):
    first, again = half_day.as_dict(), half_day_again.as_dict()
    del first["plan_time_ms"], again["plan_time_ms"]
    assert first == again
    assert half_day.truths == half_day_again.truths
    recorded = commands(records_in(half_day.config))
    assert recorded == commands(records_in(half_day_again.config))
    assert any(isinstance(outcome, Applied) for *_, outcome in recorded)


def test_nothing_is_known_before_it_was_issued(half_day, altered_half_day):
    first, other = records_in(half_day.config), altered_half_day.records
    before = [r for r in first if r.at <= ALTERED_AT]
    assert len(before) == 376
    assert commands(before) == commands(r for r in other if r.at <= ALTERED_AT)
    after = commands(r for r in first if r.at > ALTERED_AT)
    assert after != commands(r for r in other if r.at > ALTERED_AT)


def test_the_altered_world_is_another_one_after_the_instant_only(half_day, altered_half_day):
    pairs = list(zip(half_day.truths, altered_half_day.world.truths, strict=True))
    assert all(one == other for one, other in pairs if one.at <= ALTERED_AT)
    one, other = pairs[-1]
    assert abs(one.outdoor_c - other.outdoor_c) > 1.0
    assert one.zone_c != other.zone_c


def test_new_prices_change_the_plan_only_once_they_are_published(half_day, altered_half_day):
    def plans(result):
        opened = Records(result.config.storage.directory / "records.db")
        made = [PLAN.validate_json(text) for text in opened.contents("plan")]
        opened.close()
        return {plan.made_at: plan for plan in made}

    first, other = plans(half_day), plans(altered_half_day)
    assert first.keys() == other.keys()
    differing = [at for at in first if first[at].price_per_kwh != other[at].price_per_kwh]
    assert min(differing) >= datetime.fromisoformat("2024-01-15T11:45:00+00:00")


def test_a_replay_of_a_run_finds_no_difference(store):
    found = list(replay(store, heat_knob))
    assert len(found) == 720
    assert found == [None] * 720


def test_plans_solved_again_cost_the_same(store):
    first = next(replan(store))
    assert first.at == START
    assert first.replanned_cost == pytest.approx(first.recorded_cost, abs=1e-6)


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("estimate", lambda body: body["belief"][0].__setitem__(0, 25.0)),
        ("decide", lambda body: body["wanted"].__setitem__(2, 12.5)),
        ("guard", lambda body: body.__setitem__("verdict", {"refused": ["because"]})),
        ("memory", lambda body: body["memory"].__setitem__(0, None)),
    ],
)
def test_a_replay_finds_a_tampered_record(half_day, tmp_path, stage, change):
    shutil.copy(half_day.directory / "records.db", tmp_path / "records.db")
    with sqlite3.connect(tmp_path / "records.db") as db:
        at, text = db.execute("SELECT at, record FROM step ORDER BY at DESC LIMIT 1").fetchone()
        body = json.loads(record_text(text))
        change(body)
        db.execute("UPDATE step SET record = ? WHERE at = ?", (json.dumps(body), at))
    db.close()
    tampered = Records(tmp_path / "records.db")
    found = [difference for difference in replay(tampered, heat_knob) if difference is not None]
    tampered.close()
    assert [(f.at, f.stage) for f in found] == [(datetime.fromisoformat(at), stage)]
    assert isinstance(found[0], Difference)
    assert found[0].recorded != found[0].replayed


def test_each_run_is_replayed_under_its_own_settings(tmp_path):
    short = spec(days=2 / 24)
    run_in_memory(short, tmp_path)
    later = replace(
        short, start_at=short.end_at + timedelta(minutes=1), comfort=(("room_c", 22.0),)
    )
    warmer = run_in_memory(replace(later, room_c=22.0, comfort=()), tmp_path)
    opened = Records(tmp_path / "records.db")
    assert list(replay(opened, heat_knob)) == [None] * 240
    opened.close()
    assert len({record.config_hash for record in records_in(warmer.config)}) == 2


def test_records_tell_nearly_what_the_plant_knows(half_day):
    true, recorded = half_day.true, half_day.recorded
    assert recorded.electricity_kwh == pytest.approx(true.electricity_kwh, rel=0.01)
    assert recorded.cost == pytest.approx(true.cost, rel=0.01)
    assert recorded.spot_cost == pytest.approx(true.spot_cost, rel=0.01)
    assert recorded.spf == pytest.approx(true.spf, rel=0.10)  # the pump's own heat meter
    assert recorded.mean_room_temp_c == pytest.approx(true.mean_room_temp_c, abs=0.5)
    assert recorded.compressor_starts == true.compressor_starts
    assert recorded.comfort_kh_below == pytest.approx(true.comfort_kh_below, abs=2.0)
    assert recorded.comfort_kh_above == pytest.approx(true.comfort_kh_above, abs=2.0)


@pytest.mark.parametrize(
    "quiet",
    [
        spec(strategy="heating-curve", days=0.25),
        spec(control=(("mode", "observe"), ("plan_every", "1 h")), days=0.25),
        spec(profile="nibe_s", control=(("mode", "observe"), ("plan_every", "1 h")), days=0.25),
    ],
    ids=["heating curve", "observe", "observe, persistent knob"],
)
def test_who_shall_not_write_does_not(tmp_path, quiet):
    story = play(tmp_path, {}, run_spec=quiet)
    assert len(story.records) == 360
    assert story.world.wire.writes == []
    assert story.world.house.pump_registers.write_counts == {}
    assert not any(isinstance(record.outcome, Applied) for record in story.records)
    with sqlite3.connect(story.config.storage.directory / "state.db") as db:
        assert db.execute("SELECT count(*) FROM lease").fetchone() == (0,)
    db.close()
    planned = [r for r in story.records if not isinstance(r.verdict, Refused)]
    assert bool(planned) == (quiet.strategy == "mpc")  # observing shows what it would do
