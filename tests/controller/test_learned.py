"""Learned versions of the house: adopted, taken back, taken up by the running service, replayed."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.actuation import choose_knob
from controller.config import HouseConfig, parse_config
from controller.kpi import kpis
from controller.learned import (
    KEY,
    LESSONS,
    Lesson,
    Lessons,
    drift_words,
    house_name,
)
from controller.loop import Loop
from controller.model import house_model
from controller.records import StepRecord, from_json, to_json
from controller.replay import replay
from controller.shadow import shadow_report
from controller.store import Store
from drivers.profile import load_profile
from mpc import estimator
from mpc.building import Building, heat_for_flow, total_loss_w_per_k
from mpc.plan import Estimate

NOW = datetime.fromisoformat("2026-01-15T12:00:00+00:00")
Document = dict[str, Any]


def lesson(
    config: HouseConfig, version: int, *, loss_frac: float = 1.2, error_k: float = 0.3
) -> Lesson:
    building = house_model(config).building
    building = replace(
        building,
        air_outdoor_w_per_k=building.air_outdoor_w_per_k * loss_frac,
        mass_outdoor_w_per_k=building.mass_outdoor_w_per_k * loss_frac,
    )
    return Lesson(
        version=version,
        learned_at=NOW,
        building=building,
        order="3R3C",
        log_std={"mass_outdoor_w_per_k": 0.1},
        loss_w_per_k=total_loss_w_per_k(building),
        from_at=NOW - timedelta(days=30),
        until_at=NOW,
        error_k=error_k,
        error_before_k=0.5,
        house=house_name(config),
    )


def lessons(config: HouseConfig, *loss_fracs: float) -> Lessons:
    found = Lessons()
    for frac in loss_fracs:
        found = found.with_new(lesson(config, found.next_version, loss_frac=frac))
    return found


def test_the_newest_lesson_holds(config: HouseConfig) -> None:
    held = lessons(config, 1.1, 1.2).in_force(config)
    assert held is not None
    assert held.version == 2


def test_a_rollback_takes_the_version_before_and_pauses_learning(config: HouseConfig) -> None:
    back = lessons(config, 1.1, 1.2).rolled_back()
    held = back.in_force(config)
    assert held is not None
    assert held.version == 1
    assert back.paused
    assert back.rolled_back().in_force(config) is None
    assert not back.resumed().paused


def test_numbers_of_versions_are_never_used_twice(config: HouseConfig) -> None:
    back = lessons(config, 1.1, 1.2).rolled_back()
    assert back.next_version == 3
    assert back.with_new(lesson(config, 3)).version == 3


def test_a_house_described_anew_starts_from_day_one(document: Document) -> None:
    config = parse_config(document)
    known = lessons(config, 1.2)
    document["house"]["year"] = 2015
    assert known.in_force(parse_config(document)) is None


def test_lessons_survive_the_disk(config: HouseConfig, store: Store) -> None:
    kept = lessons(config, 1.1, 1.2).rolled_back()
    store.save_value(KEY, LESSONS, kept)
    assert store.value(KEY, LESSONS) == kept


def test_a_loss_that_jumps_is_put_into_words(config: HouseConfig) -> None:
    steady = lessons(config, 1.0, 1.02, 0.98, 1.01)
    assert drift_words(steady, config, 0.3) == ()
    jumped = steady.with_new(lesson(config, steady.next_version, loss_frac=1.5))
    (words,) = drift_words(jumped, config, 0.3)
    assert "% more heat than it used to" in words


def test_predictions_that_got_worse_are_put_into_words(config: HouseConfig) -> None:
    (words,) = drift_words(lessons(config, 1.0), config, 0.6)
    assert "off by 0.60 K lately, 0.30 K when the model was adopted" in words


def test_emitters_give_the_same_heat_after_learning(config: HouseConfig) -> None:
    held = lesson(config, 1, loss_frac=1.5)
    before, after = house_model(config), house_model(config, held.building)
    assert total_loss_w_per_k(after.building) > 1.3 * total_loss_w_per_k(before.building)
    assert heat_for_flow(after.emitter, 40.0, 21.0) == heat_for_flow(before.emitter, 40.0, 21.0)


@pytest.mark.parametrize("floor_air_frac", [0.2, 1.0, 3.0])
def test_a_learned_floor_is_never_warmer_than_its_water(
    document: Document, floor_air_frac: float
) -> None:
    document["house"] |= {"emitter": "floor", "design_flow_c": 38.0, "year": 2005}
    config = parse_config(document)
    building = house_model(config).building
    slow = replace(building, floor_air_w_per_k=building.floor_air_w_per_k * floor_air_frac)
    emitter = house_model(config, slow).emitter
    assert emitter.design_floor_c is not None
    assert 21.0 < emitter.design_floor_c < emitter.design_flow_c - emitter.design_spread_k / 2.0


# ---- in the service ------------------------------------------------------------------------------


async def cycles(loop: Loop, clock: Any, count: int) -> list[StepRecord]:
    """So many minutes of the service."""
    seen = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            seen.append(await loop.cycle(tasks))
            await clock.sleep_until(clock.now() + timedelta(minutes=1))
    return seen


def without_floor(building: Building) -> Building:
    """The same house as a network of two capacities."""
    return replace(building, floor_kwh_per_k=None, floor_air_w_per_k=0.0)


def with_lasting_heat(record: StepRecord | None, heat_w: float) -> StepRecord:
    """The record with so much heat in its belief that its model does not explain."""
    assert record is not None
    estimate = replace(record.belief.estimate, disturbance_w=heat_w)
    return replace(record, belief=replace(record.belief, estimate=estimate))


async def test_a_lesson_is_taken_up_within_a_quarter_of_an_hour(
    make_house: Callable[..., Any],
) -> None:
    house = make_house(mode="observe")
    loop = house.loop()
    first = await cycles(loop, house.clock, 3)
    house.store.save_value(KEY, LESSONS, lessons(house.config, 1.3))
    then = await cycles(loop, house.clock, 16)
    assert first[-1].learned_hash is None
    assert then[0].learned_hash is None  # never in the middle of a quarter of an hour
    assert then[-1].learned_hash is not None
    assert house.loop()._p.stages.lesson is not None  # and at the next start


@pytest.mark.parametrize("smaller", [False, True], ids=["same-states", "fewer-states"])
async def test_what_the_old_model_could_not_explain_is_not_carried_into_the_new_one(
    make_house: Callable[..., Any], *, smaller: bool
) -> None:
    house = make_house(mode="observe")
    loop = house.loop()
    await cycles(loop, house.clock, 2)
    loop._before = with_lasting_heat(loop._before, 800.0)
    new = lesson(house.config, 1, loss_frac=1.3)
    if smaller:
        new = replace(new, building=without_floor(new.building))
    house.store.save_value(KEY, LESSONS, Lessons().with_new(new))
    seen = await cycles(loop, house.clock, 17)
    first = next(i for i, r in enumerate(seen) if r.learned_hash is not None)
    assert seen[first - 1].belief.estimate.disturbance_w > 700.0
    assert seen[first].belief.estimate.disturbance_w == 0.0
    assert seen[first].belief.emitter_gain_frac == seen[first - 1].belief.emitter_gain_frac


def opening_of(building: Building, at: datetime, heat_w: float) -> Estimate:
    """What a model believes that has followed the house for itself."""
    fresh = estimator.initial(building, at=at, room_c=19.5, outdoor_c=2.0)
    return replace(fresh, disturbance_w=heat_w)


@pytest.mark.parametrize("hours_old", [0.5, 5.0, -1.0], ids=["fresh", "old", "of-tomorrow"])
async def test_a_new_model_goes_on_from_what_it_believed_on_the_night_it_was_learned(
    make_house: Callable[..., Any], hours_old: float
) -> None:
    house = make_house(mode="observe")
    loop = house.loop()
    await cycles(loop, house.clock, 2)
    new = lesson(house.config, 1, loss_frac=1.3)
    opening = opening_of(new.building, house.clock.now() - timedelta(hours=hours_old), 500.0)
    house.store.save_value(KEY, LESSONS, replace(Lessons().with_new(new), opening=opening))
    seen = await cycles(loop, house.clock, 17)
    first = next(i for i, r in enumerate(seen) if r.learned_hash is not None)
    fresh = 0.0 < hours_old < 1.0
    assert [r.opening is not None for r in seen] == [fresh and i == first for i in range(17)]
    assert (seen[first].belief.estimate.disturbance_w > 300.0) is fresh
    assert from_json(to_json(seen[first])) == seen[first]
    knob = choose_knob(load_profile("generic_modbus").knobs, None)
    assert list(replay(house.recorder, lambda _: knob)) == [None] * 19


def test_a_rollback_by_hand_has_no_opening(config: HouseConfig) -> None:
    opening = opening_of(house_model(config).building, NOW, 500.0)
    held = replace(lessons(config, 1.0, 1.2), opening=opening)
    assert held.rolled_back().opening is None


@pytest.mark.parametrize("learned_before", [False, True])
async def test_after_a_restart_only_a_belief_older_than_the_lesson_begins_anew(
    make_house: Callable[..., Any], *, learned_before: bool
) -> None:
    house = make_house(mode="observe")
    (record,) = await cycles(house.loop(), house.clock, 1)
    belief = with_lasting_heat(record, 800.0).belief
    house.store.save_belief(belief)
    aside = timedelta(hours=-1 if learned_before else 1)
    new = replace(lesson(house.config, 1), learned_at=belief.estimate.at + aside)
    house.store.save_value(KEY, LESSONS, Lessons().with_new(new))
    (again,) = await cycles(house.loop(), house.clock, 1)
    assert again.belief.estimate.disturbance_w == (800.0 if learned_before else 0.0)


async def test_a_rollback_is_taken_up_too(make_house: Callable[..., Any]) -> None:
    house = make_house(mode="observe")
    house.store.save_value(KEY, LESSONS, lessons(house.config, 1.3))
    loop = house.loop()
    first = await cycles(loop, house.clock, 2)
    house.store.save_value(KEY, LESSONS, lessons(house.config, 1.3).rolled_back())
    then = await cycles(loop, house.clock, 16)
    assert first[-1].learned_hash is not None
    assert then[-1].learned_hash is None


@pytest.mark.parametrize("smaller", [False, True], ids=["same-states", "fewer-states"])
async def test_cycles_across_a_lesson_replay_without_difference(
    make_house: Callable[..., Any], *, smaller: bool
) -> None:
    house = make_house(mode="observe")
    loop = house.loop()
    await cycles(loop, house.clock, 2)
    new = lesson(house.config, 1)
    if smaller:
        new = replace(new, building=without_floor(new.building))
    house.store.save_value(KEY, LESSONS, Lessons().with_new(new))
    seen = await cycles(loop, house.clock, 17)
    assert len(seen[-1].belief.estimate.state_c) == (2 if smaller else 3)
    knob = choose_knob(load_profile("generic_modbus").knobs, None)
    differences = list(replay(house.recorder, lambda _: knob))
    assert len(differences) == 19
    assert differences == [None] * 19


def test_a_record_names_its_learned_house_only_if_there_is_one(
    make_house: Callable[..., Any],
) -> None:
    house = make_house(mode="observe")
    (record,) = asyncio.run(cycles(house.loop(), house.clock, 1))
    assert "learned" not in to_json(record)
    named = replace(record, learned_hash="abc")
    assert from_json(to_json(named)).learned_hash == "abc"


async def test_figures_over_a_change_of_structure_still_add_up(
    make_house: Callable[..., Any],
) -> None:
    house = make_house(mode="observe")
    loop = house.loop()
    seen = await cycles(loop, house.clock, 2)
    new = lesson(house.config, 1)
    house.store.save_value(
        KEY, LESSONS, Lessons().with_new(replace(new, building=without_floor(new.building)))
    )
    seen += await cycles(loop, house.clock, 17)
    model = house_model(house.config)
    assert math.isfinite(kpis(seen, model=model, spot_at=lambda _: 0.1).heat_left_kwh)
    report = shadow_report(
        seen, model=model, knob=None, observing=lambda _: True, spot_at=lambda _: 0.1
    )
    assert report.cycles == 19
