"""How a house model is tried: a day ahead, as the running service predicts."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from learning import NOW

from controller.learn_trial import opening, trial_rmse_k
from mpc.building import (
    Building,
    EmitterKind,
    MassClass,
    archetype,
    discretise,
    drive,
    simulate,
    steady_state,
)
from mpc.house_data import HouseData

STEP_S = 900.0
HOUSE = archetype(
    year=1972, area_m2=130.0, mass=MassClass.LIGHT, emitter=EmitterKind.RADIATOR
)  # fmt: skip
FIRST = 7 * 96


def lived(building: Building, *, days: float = 10.0, extra_w: float = 0.0) -> HouseData:
    """Days of this very building, heated in blocks, with a heat that nobody tells."""
    count = round(days * 96)
    hours = np.arange(count) / 4.0
    outdoor_c = 3.0 + 4.0 * np.sin(2.0 * np.pi * hours / 24.0) - 2.0 * np.sin(hours / 30.0)
    heat_w = np.where(hours % 8.0 < 4.0, 4500.0, 1500.0)
    ghi_w_per_m2 = np.maximum(200.0 * np.sin(2.0 * np.pi * (hours - 6.0) / 24.0), 0.0)
    gain_w = building.internal_gains_w + extra_w
    rest = steady_state(building, room_c=20.0, outdoor_c=3.0, gain_w=gain_w)
    step = discretise(building, STEP_S)
    pushed_k = drive(step, outdoor_c=outdoor_c, ghi_w_per_m2=ghi_w_per_m2, gain_w=gain_w)
    states = simulate(step, rest.state_c[:, 0], heat_w=heat_w, drive_k=pushed_k)
    return HouseData(
        starts_at=NOW,
        step_s=STEP_S,
        room_c=np.concatenate([[20.0], states[0][:-1]]),
        heat_w=heat_w,
        outdoor_c=outdoor_c,
        ghi_w_per_m2=ghi_w_per_m2,
    )


def test_the_house_itself_predicts_almost_without_error() -> None:
    assert trial_rmse_k(HOUSE, lived(HOUSE), FIRST) < 0.03


@pytest.mark.parametrize("frac", [0.5, 1.5])
def test_another_storage_errs_more(frac: float) -> None:
    other = replace(HOUSE, mass_kwh_per_k=frac * HOUSE.mass_kwh_per_k)
    data = lived(HOUSE)
    assert trial_rmse_k(other, data, FIRST) > 3.0 * trial_rmse_k(HOUSE, data, FIRST)


@pytest.mark.parametrize("extra_w", [300.0, -300.0])
def test_a_lasting_heat_that_no_model_knows_is_no_error_of_the_model(extra_w: float) -> None:
    assert trial_rmse_k(HOUSE, lived(HOUSE, extra_w=extra_w), FIRST) < 0.15


def test_a_gap_before_the_trial_is_bridged() -> None:
    data = lived(HOUSE)
    heat_w, room_c = data.heat_w.copy(), data.room_c.copy()
    heat_w[200:220], room_c[200:260] = np.nan, np.nan
    assert trial_rmse_k(HOUSE, replace(data, heat_w=heat_w, room_c=room_c), FIRST) < 0.05


def test_a_trial_without_a_whole_known_day_tells_nothing() -> None:
    data = lived(HOUSE)
    heat_w = data.heat_w.copy()
    heat_w[FIRST::12] = np.nan
    assert math.isnan(trial_rmse_k(HOUSE, replace(data, heat_w=heat_w), FIRST))
    assert math.isnan(trial_rmse_k(HOUSE, data, len(data) - 90))


def test_wind_counts_for_a_house_that_knows_of_it() -> None:
    data = lived(HOUSE)
    usual = np.full(len(data), HOUSE.usual_wind_m_s)
    gale = np.where(np.arange(len(data)) < FIRST, usual, usual + 8.0)
    leaky = replace(HOUSE, wind_w_per_k_per_m_s=6.0)
    calm_k = trial_rmse_k(leaky, replace(data, wind_m_s=usual), FIRST)
    assert trial_rmse_k(leaky, replace(data, wind_m_s=gale), FIRST) > 3.0 * calm_k


@pytest.mark.parametrize("extra_w", [300.0, -300.0])
def test_an_opening_has_found_the_heat_that_lasts_and_ends_with_the_data(extra_w: float) -> None:
    data = lived(HOUSE, extra_w=extra_w)
    begun = opening(HOUSE, data)
    assert begun.at == NOW + timedelta(seconds=len(data) * STEP_S)
    assert begun.disturbance_w == pytest.approx(extra_w, abs=100.0)
    assert begun.state_c[0] == pytest.approx(data.room_c[-1], abs=0.5)


def test_an_opening_after_a_gap_at_the_end_is_as_old_as_the_gap() -> None:
    data = lived(HOUSE)
    heat_w = data.heat_w.copy()
    heat_w[-20:] = np.nan
    assert opening(HOUSE, replace(data, heat_w=heat_w)).at == data.at(len(data) - 20)
