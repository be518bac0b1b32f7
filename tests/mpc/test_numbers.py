"""From a request to the numbers of its problem."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from mpc.building import EmitterKind
from mpc.numbers import numbers_of, sanitise_block, shape_of, stage_of
from mpc.plan import PlanRequest, Reserve
from mpc.problem import TERMS, Numbers, compiled
from mpc.solver import first_conditions

Make = Callable[..., PlanRequest]
STEPS = 96


def numbers(request: PlanRequest) -> Numbers:
    stage = stage_of(request)
    met = first_conditions(stage)
    return numbers_of(stage, met.curve, met.tank)


@pytest.mark.parametrize("kind", EmitterKind)
@pytest.mark.parametrize("late_s", [0, 600])
def test_blocks_of_the_house_are_its_steps_one_after_the_other(
    make_request: Make, kind: EmitterKind, late_s: int
) -> None:
    request = make_request(kind=kind)
    late_at = request.estimate.at + timedelta(seconds=late_s)
    stage = stage_of(replace(request, estimate=replace(request.estimate, at=late_at)))
    heat_w = np.random.default_rng(1).uniform(0.0, 6000.0, len(stage.blocks))
    steps = stage.house.states_c(stage.blocks.spread(heat_w))
    x = np.zeros(len(steps))
    for k, heat in enumerate(heat_w):
        x = stage.a[k] @ x if k else x
        x = x + stage.b_per_w[:, k] * heat + stage.drive_k[:, k]
        end = stage.blocks.first[k] + stage.blocks.length[k] - 1
        assert x == pytest.approx(steps[:, end], abs=1e-8)


def test_the_mean_of_blocks_is_that_of_straight_lines_between_their_ends(
    make_request: Make,
) -> None:
    """A room that warms by 0.1 K in every step: the mean over its step ends, from block ends."""
    stage = stage_of(make_request())
    room_c = 20.0 + 0.1 * np.arange(1, STEPS + 1)
    weights = numbers(stage.request)["hours"]
    assert float(weights.sum()) == pytest.approx(24.0)
    found = float(weights @ stage.blocks.at_end(room_c)) / 24.0
    assert found == pytest.approx(float(room_c.mean()), abs=1e-9)


def test_every_number_of_the_terms_is_there_and_fits(everything: Make) -> None:
    stage = stage_of(everything())
    ready, values = compiled(shape_of(stage)), numbers(stage.request)
    assert set(ready.symbols.numbers) <= set(values)
    for name, parameter in ready.symbols.numbers.items():
        assert np.shape(values[name]) == parameter.shape, name
        assert np.isfinite(values[name]).all(), name
    assert len(TERMS) == len({term.__name__ for term in TERMS})


def test_the_page_of_the_mathematics_follows_the_terms() -> None:
    page = (Path(__file__).parents[2] / "docs" / "mathematics.md").read_text(encoding="utf-8")
    told = re.findall(r"^\*\*`(\w+)`\*\*", page, flags=re.MULTILINE)
    assert told == [term.__name__ for term in TERMS]


def test_a_shape_is_compiled_once_for_all_its_numbers(everything: Make) -> None:
    first, second = everything(), everything(seed=7, outdoor_c=9.0, room_c=18.0)
    assert compiled(shape_of(stage_of(first))) is compiled(shape_of(stage_of(second)))
    other = replace(first, heater=None)
    assert compiled(shape_of(stage_of(other))) is not compiled(shape_of(stage_of(first)))


def test_what_a_minimum_time_forces_counts_from_now(everything: Make) -> None:
    request = everything()
    machine = replace(request.compressor, running=True, minimum_run_s=2000.0, since_s=400.0)
    for late_s, blocks in ((0, 2), (600, 3)):
        late_at = request.estimate.at + timedelta(seconds=late_s)
        asked = replace(request, compressor=machine, estimate=replace(request.estimate, at=late_at))
        assert numbers(asked)["busy_low"][:4].tolist() == [1.0] * blocks + [0.0] * (4 - blocks)


def test_what_a_rest_forbids_is_a_share_of_the_step_it_ends_in(everything: Make) -> None:
    request = everything()
    machine = replace(
        request.compressor, running=False, minimum_off_s=1800.0, since_s=900.0 - 225.0
    )
    high = numbers(replace(request, compressor=machine))["busy_high"]
    assert high[:3] == pytest.approx([0.0, 0.75, 1.0])
    rested = replace(machine, since_s=1800.0)
    late = replace(request.estimate, at=request.estimate.at + timedelta(seconds=600))
    assert numbers(replace(request, compressor=rested, estimate=late))["busy_high"][0] == 1.0


def test_starts_are_counted_by_the_local_day(everything: Make) -> None:
    request = everything()
    ends_at = request.horizon.starts_at + timedelta(hours=2)
    machine = replace(request.compressor, starts_left=1, starts_per_day=5, day_ends_at=ends_at)
    found = numbers(replace(request, compressor=machine))
    assert found["today"][:9].tolist() == [1.0] * 8 + [0.0]
    assert found["tomorrow"][:9].tolist() == [0.0] * 8 + [1.0]
    assert (float(found["starts_left"]), float(found["starts_per_day"])) == (1.0, 5.0)


def test_a_power_limit_of_a_part_of_an_hour_holds_for_its_block(everything: Make) -> None:
    request = everything()
    limit_w = tuple(800.0 if k == 70 else 6000.0 for k in range(STEPS))
    request = replace(request, limits=replace(request.limits, power_max_w=limit_w))
    found = stage_of(request).blocks.spread(numbers(request)["power_max_kw"])
    assert found[70] == 0.8
    assert found.max() == 6.0
    assert found[68:72].tolist() == [0.8] * 4


def test_where_nothing_may_run_nothing_must(everything: Make) -> None:
    request = everything()
    machine = replace(request.compressor, running=True, hot_water=True, since_s=0.0)
    limits = replace(request.limits, power_max_w=(0.0,) + (6000.0,) * 95)
    found = numbers(replace(request, compressor=machine, limits=limits))
    assert found["busy_low"][:3].tolist() == [0.0, 1.0, 0.0]
    assert found["dhw_low"][:3].tolist() == [0.0, 1.0, 0.0]


def test_what_is_sold_is_never_worth_more_than_what_is_bought(everything: Make) -> None:
    request = everything()
    assert request.site is not None
    dear = replace(request.site, export_price_per_kwh=(9.0,) * STEPS)
    found = numbers(replace(request, site=dear))
    assert (found["export_worth"] == found["import_cost"]).all()
    assert (numbers(request)["export_worth"] < found["import_cost"]).all()


def test_the_tank_is_made_hot_where_that_costs_least(everything: Make) -> None:
    prices = tuple(0.1 if k == 61 else 0.4 for k in range(STEPS))
    request = everything(prices=prices)
    assert request.hot_water is not None
    for steps in ((40, 90), (61, 65), None):
        water = replace(request.hot_water, sanitise_c=60.0, sanitise_steps=steps)
        stage = stage_of(replace(request, hot_water=water))
        tank = first_conditions(stage).tank
        assert tank is not None
        block = sanitise_block(stage, tank)
        if steps is None:
            assert block is None
            continue
        assert block is not None
        first, length = stage.blocks.first[block], stage.blocks.length[block]
        assert first <= 61 < first + length
        assert steps[0] <= first + length - 1 <= steps[1]


def test_a_reserve_narrows_the_band_by_what_its_call_would_do(everything: Make) -> None:
    request = everything()
    reserve = Reserve(up_w=(1000.0,) * STEPS, down_w=(0.0,) * STEPS, sustain_s=3600.0)
    plain, kept = numbers(request), numbers(replace(request, reserve=reserve))
    assert (kept["low_c"] > plain["low_c"] + 0.05).all()
    assert kept["high_c"] == pytest.approx(plain["high_c"])
