"""What breaks around the service, each with the safe behaviour that is expected of it."""

from dataclasses import replace

import pytest
from scripted import (
    GENERIC_FLOW,
    GENERIC_ROOM,
    NO_SENSOR,
    START,
    at_hour,
    play,
    spec,
)

from bench.spec import SENSOR_TOPIC
from controller.act import Applied, NotApplied
from controller.planner import PLAN, WorkerPlanner
from controller.recorder import Records
from controller.snapshot import Missing, Reading
from drivers.api import Capability, Signal
from drivers.errors import TransientError
from mpc.plan import NotSolved

STALE = {"stale_after_s": 3600.0}
PUBLISHED = at_hour(6.75)  # 12:45 local: tomorrow's prices


def plans_in(story):
    store = Records(story.config.storage.directory / "records.db")
    plans = [PLAN.validate_json(text) for text in store.contents("plan")]
    store.close()
    return plans


def rooms_stay_liveable(story):
    rooms_c = story.rooms_c()
    return min(rooms_c) > 19.0 and max(rooms_c) < 23.5


# ---- the room ------------------------------------------------------------------------------------


def test_a_silent_room_sensor_gives_way_to_the_pumps_own(tmp_path):
    script = {at_hour(1): lambda world: world.muted.add(SENSOR_TOPIC)}
    story = play(tmp_path, script, room=STALE)
    assert story.steered(at_hour(0.1), at_hour(6))
    late = story.between(at_hour(2.2), at_hour(6))
    readings = [record.snapshot.signals[Signal.ROOM_C] for record in late]
    assert all(isinstance(reading, Reading) for reading in readings)
    assert all(reading.at == record.at for reading, record in zip(readings, late, strict=True))
    assert rooms_stay_liveable(story)


def test_with_no_room_temperature_left_the_pump_is_handed_back_until_it_returns(tmp_path):
    def loses_its_sensor(world):
        world.wire.shown[GENERIC_ROOM] = NO_SENSOR

    script = {
        START: loses_its_sensor,
        at_hour(1): lambda world: world.muted.add(SENSOR_TOPIC),
        at_hour(4): lambda world: world.muted.discard(SENSOR_TOPIC),
    }
    story = play(tmp_path, script, room=STALE)
    assert story.steered(at_hour(0.1), at_hour(1.5))
    why = story.refused(at_hour(2.1), at_hour(4))
    assert all(said.startswith("no room temperature: silent for more than 60 min") for said in why)
    assert story.asked(at_hour(2.1), at_hour(4)) == {None}
    missing = story.between(at_hour(3), at_hour(3.1))[0].snapshot.signals[Signal.ROOM_C]
    assert isinstance(missing, Missing)
    assert missing.since < at_hour(2.2)
    assert story.steered(at_hour(4.6), at_hour(6))
    assert None not in story.asked(at_hour(4.6), at_hour(5.9))


def test_a_turn_at_the_wall_thermostat_is_followed_within_a_cycle(tmp_path):
    script = {at_hour(1): lambda world: world.house.set_room_setpoint(22.5)}
    story = play(tmp_path, script, run_spec=spec(days=2 / 24))
    before = story.between(START, at_hour(1))
    assert {record.target.room_c for record in before} == {21.0}
    after = story.between(at_hour(1) + (at_hour(1) - at_hour(59 / 60)) * 2, at_hour(2))
    assert {(r.target.room_c, r.target.reason) for r in after} == {(22.5, "wall thermostat")}
    newest = max(plans_in(story), key=lambda plan: plan.made_at)
    assert max(newest.high_c) > 22.5


# ---- the pump ------------------------------------------------------------------------------------


def test_a_pump_that_stops_answering_is_left_alone_and_taken_up_again(tmp_path):
    def cable(out):
        def change(world):
            world.wire.down = out

        return change

    script = {at_hour(1): cable(True), at_hour(2): cable(False)}
    story = play(tmp_path, script, run_spec=spec(days=3 / 24))
    silent = story.between(at_hour(1), at_hour(2))
    for record in silent:
        assert isinstance(record.snapshot.signals[Signal.FLOW_C], Missing)
        assert isinstance(record.outcome, NotApplied)
    assert "the cable is out" in story.refused(at_hour(1), at_hour(2))[0]
    assert not [at for at, *_ in story.world.wire.writes if at_hour(1) <= at < at_hour(2)]
    assert story.asked(at_hour(1.25), at_hour(2)) == {None}  # its own control, once ours lapsed
    assert story.steered(at_hour(2), at_hour(3))
    assert isinstance(story.between(at_hour(2), at_hour(3))[0].outcome, Applied)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(NO_SENSOR, "reports no value"), (9000, "outside its plausible range")],
    ids=["sentinel", "900 °C"],
)
def test_a_flow_temperature_that_makes_no_sense_is_no_value(tmp_path, content, reason):
    def shows(world):
        world.wire.shown[GENERIC_FLOW] = content

    def shows_the_truth(world):
        world.wire.shown.clear()

    script = {at_hour(1): shows, at_hour(1.5): shows_the_truth}
    story = play(tmp_path, script, run_spec=spec(days=2 / 24))
    why = story.refused(at_hour(1), at_hour(1.5))
    assert all(said.startswith("the pump's flow temperature is unknown") for said in why)
    assert reason in why[0]
    assert story.asked(at_hour(1.1), at_hour(1.5)) == {None}
    assert story.steered(at_hour(1.5), at_hour(2))


def test_garbage_in_every_register_neither_stops_the_service_nor_moves_the_pump(tmp_path):
    def goes_mad(world):
        world.wire.shown.update({address: 0xFFFF - 37 * address for address in range(20)})

    def recovers(world):
        world.wire.shown.clear()

    script = {at_hour(1): goes_mad, at_hour(1.5): recovers}
    story = play(tmp_path, script, run_spec=spec(days=2.5 / 24))
    assert len(story.records) == 150
    assert story.refused(at_hour(1), at_hour(1.5))
    assert story.steered(at_hour(1.6), at_hour(2.5))
    rooms_c = [r.belief.estimate.state_c[0] for r in story.between(at_hour(1.6), at_hour(2.5))]
    assert all(18.0 < room_c < 24.0 for room_c in rooms_c)


def test_an_alarm_frees_the_pump_until_it_is_cleared(tmp_path):
    script = {
        at_hour(1): lambda world: world.house.set_alarm(27),
        at_hour(2): lambda world: world.house.set_alarm(0),
    }
    story = play(tmp_path, script, run_spec=spec(days=3 / 24))
    assert set(story.refused(at_hour(1), at_hour(2))) == {"the pump reports alarm 27"}
    assert story.asked(at_hour(1) + (at_hour(1) - at_hour(0.9)), at_hour(2)) == {None}
    assert story.steered(at_hour(2.1), at_hour(3))


# ---- prices, weather, planner --------------------------------------------------------------------


class LatePrices:
    """A price service that answers until tomorrow's prices are due, then not."""

    def __init__(self, source, *, from_at, words):
        self._source = source
        self._from_at = from_at
        self._words = words

    async def fetch(self, now):
        if now >= self._from_at:
            raise TransientError(self._words)
        return await self._source.fetch(now)


class OnlyToday:
    """A price service that never gets to know tomorrow."""

    def __init__(self, source):
        self._source = source

    async def fetch(self, now):
        series = await self._source.fetch(min(now, at_hour(6)))
        return replace(series, per_kwh=series.per_kwh[:24])


def test_late_prices_leave_the_plans_going_with_a_guess_and_a_note(tmp_path):
    story = play(
        tmp_path,
        {},
        run_spec=spec(days=10 / 24),
        outside=lambda world: replace(
            world, prices=LatePrices(world.prices, from_at=PUBLISHED, words="exchange is down")
        ),
    )
    late = story.between(at_hour(7.1), at_hour(10))
    assert all("prices: exchange is down" in record.notes for record in late)
    assert {record.wanted.source for record in late} == {"mpc"}
    newest = max(plans_in(story), key=lambda plan: plan.made_at)
    assert newest.made_at > at_hour(9)
    assert True in newest.price_known
    assert False in newest.price_known


def test_tomorrows_missing_prices_are_marked_as_guesses_in_the_plan(tmp_path):
    story = play(
        tmp_path,
        {},
        run_spec=spec(days=8 / 24),
        outside=lambda world: replace(world, prices=OnlyToday(world.prices)),
    )
    newest = max(plans_in(story), key=lambda plan: plan.made_at)
    known = sum(newest.price_known)
    assert known == 4 * 10 + 2  # until local midnight
    assert story.steered(at_hour(0.1), at_hour(8))


def test_without_any_price_the_plan_keeps_the_rooms_and_says_it_guesses(tmp_path):
    story = play(
        tmp_path,
        {},
        run_spec=spec(days=0.5),
        outside=lambda world: replace(world, prices=None),
    )
    assert not any(known for plan in plans_in(story) for known in plan.price_known)
    assert story.steered(at_hour(0.1), at_hour(12))
    assert rooms_stay_liveable(story)


def test_without_weather_the_measured_outdoor_temperature_carries_the_plan(tmp_path):
    story = play(
        tmp_path,
        {},
        run_spec=spec(days=0.5),
        outside=lambda world: replace(world, weather=None),
    )
    assert story.steered(at_hour(0.1), at_hour(12))
    assert rooms_stay_liveable(story)


class NeverSolves:
    """A planner whose solver always gives up."""

    async def solve(self, _request):
        return NotSolved("the solver ended with infeasible", None)

    def close(self):
        return None


def test_with_no_plan_ever_the_price_rule_keeps_the_rooms(tmp_path):
    story = play(tmp_path, {}, run_spec=spec(days=0.5), planner=NeverSolves())
    """Prices come with the first answers; then the rule stays."""
    later = story.between(at_hour(2), at_hour(12))
    assert {record.wanted.source for record in later} == {"heat-first-then-price"}
    assert all("no plan: price rule" in record.notes for record in later)
    assert any(record.not_solved for record in later)
    assert any(isinstance(record.outcome, Applied) for record in later)
    assert rooms_stay_liveable(story)


def test_a_planner_killed_at_its_deadline_leaves_the_rule_in_charge(tmp_path):
    short = spec(days=0.5 / 24, control=(("plan_every", "20 min"), ("horizon", "24 h")))
    story = play(tmp_path, {}, run_spec=short, planner=WorkerPlanner(deadline_s=0.05))
    later = story.records[2:]
    assert {record.wanted.source for record in later} == {"heating-curve"}
    assert sum(record.not_solved for record in story.records) >= 2


# ---- the owner -----------------------------------------------------------------------------------


def test_a_released_pump_stays_released_until_resume(tmp_path):
    async def release(world):
        await world.owner(verb="release")

    async def resume(world):
        await world.owner(verb="resume")

    script = {at_hour(1): release, at_hour(2): resume}
    story = play(tmp_path, script, run_spec=spec(days=3 / 24))
    assert [answer["ok"] for answer in story.world.answers] == [True, True]
    assert story.world.answers[0]["handed_back"] is True
    assert set(story.refused(at_hour(1.02), at_hour(2))) == {"released by the owner"}
    assert story.asked(at_hour(1.02), at_hour(2)) == {None}
    assert story.steered(at_hour(2), at_hour(3))


def test_somebody_elses_setting_is_left_alone(tmp_path):
    def turns_the_curve(world):
        world.house.modbus.write(1, 30, [8])

    story = play(
        tmp_path,
        {at_hour(2): turns_the_curve},
        run_spec=spec(profile="nibe_s", days=4 / 24),
    )
    assert story.world.offset_in_register() == 8
    outcomes = {r.outcome for r in story.between(at_hour(2.1), at_hour(4))}
    assert all(isinstance(outcome, NotApplied) for outcome in outcomes)
    assert all("somebody else set it" in outcome.reason for outcome in outcomes)


def test_at_the_end_of_a_run_the_pump_has_no_request_left(tmp_path):
    story = play(tmp_path, {}, run_spec=spec(days=1 / 24))
    assert None not in story.asked(at_hour(0.1), at_hour(0.9))
    assert story.world.house.firmware.flow_request_c is None
    settings = [record.verdict.settings for record in story.between(at_hour(0.1), at_hour(1))]
    assert all(Capability.FLOW_SETPOINT in setting for setting in settings)
