"""Houses whose saving is known: as warm on own control as steered, and reckoned from records."""

import numpy as np
import pytest

from bench.savings_houses import STEPS_PER_DAY, World, lived
from bench.savings_reckoned import Case, row, saved_frac, seen
from mpc.counterfactual import KnownHouse, counterfactual

COUNT, DAYS = 6, 28


@pytest.fixture(scope="module")
def world() -> World:
    return lived(COUNT, days=DAYS, seed=3)


@pytest.mark.timeout(180)
def test_own_control_keeps_the_mean_room_temperature_of_the_steered_weeks(world: World) -> None:
    steered_c, own_c = (life.room_c.mean(axis=0) for life in (world.steered, world.own))
    assert world.steered.room_c.shape == (DAYS * STEPS_PER_DAY, COUNT)
    assert np.abs(steered_c - own_c).max() < 0.05


@pytest.mark.timeout(180)
def test_rooms_stay_habitable_and_steering_moves_heat(world: World) -> None:
    assert 16.0 < float(world.steered.room_c.min()) < float(world.steered.room_c.max()) < 27.0
    moved_w = np.abs(world.steered.heat_w - world.own.heat_w).mean(axis=0)
    assert (moved_w > 50.0).all()


@pytest.mark.timeout(180)
def test_what_was_metered_of_a_house_is_told_as_it_was(world: World) -> None:
    spell, _, building, machine = seen(world, 1, seed=3)
    known = KnownHouse(
        building=building, names=("mass_outdoor_w_per_k",), log_covariance=np.diag([0.01])
    )
    told = counterfactual([spell], known, machine, draws=12)
    hours = 24.0 * DAYS / len(world.steered.power_w)
    assert told.used_kwh == pytest.approx(world.steered.power_w[:, 1].sum() * hours / 1000.0)
    assert abs(told.energy_frac.mid - saved_frac(world, 1, cost=False)) < 0.1


def test_a_row_counts_the_houses_inside_their_interval() -> None:
    inside = Case(0, True, False, True, (1.0, 2.0, 0.0, 3.0), (5.0, 5.0, 4.0, 6.0), 9.0, 9.0, 1.0)
    outside = Case(1, True, False, True, (4.0, 2.0, 0.0, 3.0), (5.0, 5.0, 4.0, 6.0), 9.0, 9.0, 1.0)
    found = row([inside, outside], cost=False)
    assert found["inside the interval, %"] == 50.0
    assert found["mean error, points"] == pytest.approx(-0.5)
