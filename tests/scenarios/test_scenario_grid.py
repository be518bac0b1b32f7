"""The grid operator limits the pump: by number, by silence, by an announced window, by contact."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from scripted import ScriptedWorld, Story, at_hour, config_of, live, records_in, spec

from bench.run import archive_of
from controller.app import grid_knobs, heat_knob
from controller.config_grid import GridSection
from controller.grid_hold import Held
from controller.limit_log import episodes, planned_kwh
from controller.planner import PLAN
from controller.recorder import Records
from controller.replay import replay
from drivers.api import Capability, OperatingState, Sample, Signal
from drivers.grid.limit import GridState
from hil.control_box import ControlBox

TOPIC = "grid/limit"
FLOW = Capability.FLOW_SETPOINT
LIMIT_W, WINDOW_W = 900.0, 700.0
OBEYED_WITHIN = timedelta(minutes=5)


class LimitedWorld(ScriptedWorld):
    """With a control box in the meter cupboard."""

    box = ControlBox(TOPIC)

    def __init__(self, *args):
        super().__init__(*args)
        self.dhw_start_c = []

    async def advance(self, until):
        await super().advance(until)
        self.dhw_start_c.append((until, self.house.firmware.dhw_start_c))
        self.box.advance(until.timestamp())
        for topic, payload, retain in self.box.pop_messages():
            self._mqtt.deliver(topic, payload, retain=retain)


@dataclass
class Limited:
    story: Story

    def between(self, first_h, last_h):
        return self.story.between(at_hour(first_h), at_hour(last_h))

    def power_w(self, first_h, last_h):
        return [record.snapshot.pump_power_w for record in self.between(first_h, last_h)]

    def states(self, first_h, last_h):
        return {record.snapshot.grid.state for record in self.between(first_h, last_h)}


def limited(
    directory,
    script,
    *,
    grid,
    days=0.115,
    lives=(),
    outside=lambda _, out: out,
    comfort=None,
    heat_pump=None,
    **changes,
):
    """One run of the service, ended and begun again at each instant of `lives`."""
    chosen = spec(days=days, **changes)
    archive = archive_of(chosen)
    sections = {"comfort": comfort or {}, "heat_pump": heat_pump or {}}
    config = config_of(chosen, archive, directory, **sections).model_copy(
        update={"grid": GridSection.model_validate(grid)}
    )

    async def everything():
        world = LimitedWorld(chosen, archive, script)
        world.box = ControlBox(TOPIC)
        for until in (*lives, chosen.end_at):
            await live(world, config, until=until, outside=lambda out: outside(world, out))
        return world

    return Limited(Story(asyncio.run(everything()), config, records_in(config)))


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A limit with an end, a silent box, an announced window; the pump takes a power limit."""

    def returns(world):
        world.box.alive = True
        world.box.advance(world.house.at.timestamp())
        world.box.lift()

    script = {
        at_hour(0.05): lambda world: world.box.lift(),
        at_hour(0.75): lambda world: world.box.limit(LIMIT_W, 1200.0),
        at_hour(1.2): lambda world: world.box.announce(at_hour(2), at_hour(2.4), WINDOW_W),
        at_hour(1.25): lambda world: setattr(world.box, "alive", False),
        at_hour(1.5): returns,
    }
    return limited(
        tmp_path_factory.mktemp("day"), script,
        grid={"topic": TOPIC, "failsafe_w": LIMIT_W, "recovery": "6 min"},
    )  # fmt: skip


def log_of(day):
    return episodes(day.story.records, obey_within_s=OBEYED_WITHIN.total_seconds())


def test_a_dimming_is_obeyed_at_the_meter_in_time_and_released_when_it_ends(day):
    dimmed = next(e for e in log_of(day) if e.state is GridState.LIMITED)
    assert max(day.power_w(0.5, 0.75)) > LIMIT_W  # there was something to dim
    assert dimmed.obeyed_at - dimmed.received_at <= OBEYED_WITHIN
    assert dimmed.over_s == 0.0
    assert dimmed.highest_w <= LIMIT_W
    assert timedelta(minutes=18) <= dimmed.released_at - dimmed.received_at <= timedelta(minutes=21)


def test_before_the_first_word_the_failsafe_limit_holds(day):
    first = log_of(day)[0]
    assert (first.state, first.limit_w) == (GridState.INIT, LIMIT_W)


def test_a_lost_heartbeat_limits_and_a_new_word_frees(day):
    lost = next(e for e in log_of(day) if e.state is GridState.FAILSAFE)
    assert at_hour(1.25) <= lost.received_at <= at_hour(1.25) + timedelta(minutes=4)
    assert lost.obeyed_at - lost.received_at <= OBEYED_WITHIN
    assert lost.released_at >= at_hour(1.5)
    assert day.states(1.55, 1.95) == {GridState.UNLIMITED}


def test_an_announced_window_is_known_to_plans_kept_at_the_meter_and_has_a_baseline(day):
    window = next(e for e in log_of(day) if e.state is GridState.REDUCTION)
    assert window.notice_at < at_hour(1.3)
    assert window.obeyed_at - window.received_at <= OBEYED_WITHIN
    assert window.over_s == 0.0
    assert at_hour(2.4) <= window.released_at <= at_hour(2.5) + timedelta(minutes=1)
    store = Records(day.story.config.storage.directory / "records.db")
    before = PLAN.validate_json(store.content(window.baseline_hash))
    later = day.story.between(at_hour(1.6), at_hour(1.9))[-1]
    after = PLAN.validate_json(store.content(later.plan_hash))
    store.close()
    assert before.made_at < window.notice_at < after.made_at
    inside = (at_hour(2), at_hour(2.25))
    assert planned_kwh(after, *inside) <= WINDOW_W * 0.25 / 1000.0 + 1e-6
    assert planned_kwh(before, *inside) > planned_kwh(after, *inside)


def test_limited_steps_replay_without_a_difference(day):
    store = Records(day.story.config.storage.directory / "records.db")
    found = list(replay(store, heat_knob, grid_knobs_of=grid_knobs))
    store.close()
    assert found == [None] * len(day.story.records)


def test_a_pump_without_power_limit_is_brought_under_it_by_less_heat(tmp_path):
    script = {
        at_hour(0.02): lambda world: world.box.lift(),
        at_hour(0.45): lambda world: world.box.limit(600.0, 480.0),
    }
    story = limited(
        tmp_path, script, days=0.03, profile="idm_navigator",
        grid={"topic": TOPIC, "failsafe_w": 9000.0},
    )  # fmt: skip
    (dimmed,) = [e for e in log_of(story) if e.state is GridState.LIMITED]
    assert max(story.power_w(0.4, 0.5)) > 600.0
    assert dimmed.obeyed_at - dimmed.received_at <= OBEYED_WITHIN
    assert dimmed.over_s == 0.0
    held = [r.memory.grid for r in story.story.records if r.memory.grid is not None]
    assert held[-1].step is Held.LOWERED


def test_a_limit_and_a_notice_are_kept_over_a_restart_of_the_service(tmp_path):
    script = {
        at_hour(0.05): lambda world: world.box.lift(),
        at_hour(0.4): lambda world: world.box.limit(LIMIT_W, 1800.0),
        at_hour(0.45): lambda world: world.box.announce(at_hour(3), at_hour(3.5), WINDOW_W),
    }
    story = limited(
        tmp_path, script, days=0.045, lives=[at_hour(0.55)],
        grid={"topic": TOPIC, "failsafe_w": 2000.0},
    )  # fmt: skip
    first, again = story.between(0.5, 0.55)[-1], story.between(0.55, 0.6)[0]
    assert not again.continues  # it was another process
    for record in (first, again):
        assert (record.snapshot.grid.limit_w, record.snapshot.grid.state) == (LIMIT_W, "limited")
    assert again.snapshot.grid.until == first.snapshot.grid.until
    assert again.snapshot.grid.ahead == first.snapshot.grid.ahead
    dimmed = next(e for e in log_of(story) if e.state is GridState.LIMITED)
    assert dimmed.highest_w <= LIMIT_W
    assert abs(dimmed.released_at - at_hour(0.9)) <= timedelta(minutes=2)
    assert story.states(0.95, 1.05) == {GridState.UNLIMITED}


class HouseMeter:
    """At the grid connection: the pump with a household that cooks, then is silent."""

    name = "house meter"
    cooks = (at_hour(0.6), at_hour(0.7))
    silent_from = at_hour(0.8)

    def __init__(self, world, pump):
        self._world, self._pump = world, pump

    async def read(self):
        at = self._world.house.at
        if at >= self.silent_from:
            return {}
        power = (await self._pump.read())[Signal.POWER_W]
        cooking = self.cooks[0] <= at < self.cooks[1]
        return {Signal.GRID_POWER_W: Sample(power.value + (3000.0 if cooking else 500.0), at)}

    async def close(self):
        pass


def test_a_limit_of_the_house_leaves_the_pump_what_the_measured_household_does_not_draw(tmp_path):
    script = {
        at_hour(0.05): lambda world: world.box.lift(),
        at_hour(0.4): lambda world: world.box.limit(4000.0, 3600.0),
    }
    story = limited(
        tmp_path, script, days=0.045,
        grid={"topic": TOPIC, "failsafe_w": 9000.0, "others_w": 2500.0, "measure_others": True},
        outside=lambda world, out: replace(
            out, devices=[*out.devices, HouseMeter(world, out.pump)]
        ),
    )  # fmt: skip
    dimmed = [r for r in story.between(0.42, 1.05) if r.snapshot.grid.state is GridState.LIMITED]
    shares = [(r.snapshot.grid.others_w, r.snapshot.grid.limit_w) for r in dimmed]
    assert list(dict.fromkeys(shares)) == [(500.0, 3500.0), (3000.0, 1000.0), (2500.0, 1500.0)]
    told = [r.at for r in dimmed if "not measured: stated as 2500 W" in r.snapshot.grid.remark]
    assert HouseMeter.silent_from <= told[0] <= HouseMeter.silent_from + timedelta(minutes=7)
    (episode,) = [e for e in log_of(story) if e.state is GridState.LIMITED]
    assert (episode.total_w, episode.limit_w) == (4000.0, 1000.0)
    assert episode.stated_s >= 600.0
    cooking = story.power_w(0.64, 0.7)
    assert max(cooking) <= 1000.0 < max(story.power_w(0.42, 0.6))


FROST_C = 19.5


@pytest.mark.timeout(120)
def test_a_reduction_to_nothing_never_takes_the_heat_against_frost(tmp_path):
    def without_hot_water(world, out):
        world.house.firmware.dhw_start_c = 10.0  # the tank is another story
        return out

    script = {
        at_hour(0.05): lambda world: world.box.lift(),
        at_hour(0.2): lambda world: world.box.announce(at_hour(1), at_hour(5), 0.0),
    }
    story = limited(
        tmp_path, script, days=5.3 / 24, comfort={"frost_c": FROST_C, "away_c": 20.0},
        outside=without_hot_water,
        grid={"topic": TOPIC, "failsafe_w": 9000.0, "connected_w": 6000.0, "recovery": "1 min"},
        heat_pump={"accept_maturity": "field", "accept": (FLOW, Capability.POWER_LIMIT)},
    )  # fmt: skip
    (window,) = [e for e in log_of(story) if e.state is GridState.REDUCTION]
    inside = story.between(1.1, 5.0)
    cold = [r for r in inside if r.memory.grid.allowed_w > 0.0]
    assert cold  # the house did come to its frost floor
    assert {r.memory.grid.allowed_w for r in cold} == {4200.0}
    assert max(r.snapshot.pump_power_w for r in cold) > 500.0
    assert max(r.snapshot.pump_power_w for r in inside) <= 4200.0
    first = inside.index(cold[0])
    assert all(r.snapshot.pump_power_w < 150.0 for r in inside[5:first])
    assert min(story.story.rooms_c()) > FROST_C - 0.5
    assert window.frost_s > 0.0
    assert window.obeyed_at - window.received_at <= OBEYED_WITHIN


@pytest.mark.parametrize("accept", [(), (Capability.DHW_SETPOINT,)], ids=["none", "set-point"])
def test_the_pumps_own_hot_water_ends_under_a_limit_only_where_its_set_point_may_be_written(
    tmp_path, accept
):
    def charges(world):
        world.house.firmware.dhw_boost = True  # its own clock, or somebody at its display

    script = {
        at_hour(0.02): lambda world: world.box.lift(),
        at_hour(0.3): charges,
        at_hour(0.4): lambda world: world.box.limit(0.0, 1500.0),
    }
    story = limited(
        tmp_path, script, days=1.0 / 24,
        grid={"topic": TOPIC, "failsafe_w": 9000.0},
        heat_pump={"accept_maturity": "field", "accept": (FLOW, *accept)},
    )  # fmt: skip
    (dimmed,) = [e for e in log_of(story) if e.state is GridState.LIMITED]
    states = [(r.at, r.snapshot.operating_state) for r in story.between(0.4, 0.8)]
    charged = max(at for at, state in states if state is OperatingState.DHW) - dimmed.received_at
    assert max(story.power_w(0.35, 0.4)) > 1000.0  # it did charge when the limit came
    asked = [value for _, value in story.story.world.dhw_start_c]
    if accept:
        assert charged <= timedelta(minutes=2)
        # the compressor's own shortest run goes on for the rooms
        assert dimmed.obeyed_at - dimmed.received_at <= timedelta(minutes=10)
        assert dimmed.dhw_over_s == 0.0
        assert min(asked) == 35.0
        assert asked[-1] == asked[0]
    else:
        assert charged > timedelta(minutes=15)
        assert dimmed.dhw_over_s > 600.0
        assert set(asked) == {asked[0]}
    store = Records(story.story.config.storage.directory / "records.db")
    found = list(replay(store, heat_knob, grid_knobs_of=grid_knobs))
    store.close()
    assert found == [None] * len(story.story.records)
