"""The identification benchmark: drawn houses, opponents, scores, faults, measured records."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from bench import identify_houses
from bench.identify_bad import FAULTS, spoiled
from bench.identify_fits import prior_of
from bench.identify_houses import drawn_house, loss_w_per_k, record
from bench.identify_measured import emulated_runs, measured_houses, remarks
from bench.identify_opponents import (
    HOURS,
    Opponent,
    Persistence,
    filled,
    fit_arx,
    fit_one_capacity,
    hourly_starts,
    steps_ahead,
)
from bench.identify_score import OURS, Band, best_opponent
from hil.house import load_house
from mpc.arrays import FloatArray
from mpc.house_data import HouseData

START = datetime(2024, 1, 1, tzinfo=UTC)
STEPS_PER_H = 4
TAU_S, R_K_PER_W, SUN_K_M2_PER_W, GAIN_K = 60 * 3600.0, 5e-3, 0.02, 1.5


def first_order(days: int = 10) -> HouseData:
    """A house that really is one resistance and one capacity, under inputs that excite it."""
    rng = np.random.default_rng(3)
    steps = days * 24 * STEPS_PER_H
    hour = np.arange(steps) / STEPS_PER_H
    outdoor_c = 3.0 + 4.0 * np.sin(2 * np.pi * hour / 24) + 3.0 * np.sin(2 * np.pi * hour / 90)
    ghi = np.maximum(0.0, 200.0 * np.sin(2 * np.pi * (hour - 6) / 24)) * rng.uniform(0.2, 1, steps)
    heat_w = np.repeat(rng.choice([0.0, 6000.0], steps // 8), 8)
    stays = np.exp(-3600.0 / STEPS_PER_H / TAU_S)
    room_c = np.empty(steps)
    room_c[0] = 20.0
    for k in range(steps - 1):
        rest_c = outdoor_c[k] + R_K_PER_W * heat_w[k] + SUN_K_M2_PER_W * ghi[k] + GAIN_K
        room_c[k + 1] = stays * room_c[k] + (1.0 - stays) * rest_c
    return HouseData(
        starts_at=START,
        step_s=900.0,
        room_c=room_c,
        heat_w=heat_w,
        outdoor_c=outdoor_c,
        ghi_w_per_m2=ghi,
        flow_c=room_c + 10.0,
    )


def test_drawn_houses_are_reproducible_and_differ_in_every_respect() -> None:
    first, again, other = drawn_house(7, 1), drawn_house(7, 1), drawn_house(13, 1)
    base = load_house(first.house.name)

    assert first == again
    assert first.house.name == other.house.name
    assert first.house.truth.building != other.house.truth.building
    assert first.house.truth.building != base.truth.building
    assert first.house.truth.living_emitter != base.truth.living_emitter
    assert (first.start_at, first.seed) != (other.start_at, other.seed)


def test_drawn_losses_span_a_wide_range() -> None:
    ratios = []
    for number in range(60):
        drawn = drawn_house(number, 1)
        base = load_house(drawn.house.name).truth.building
        ratios.append(loss_w_per_k(drawn.house.truth.building) / loss_w_per_k(base))

    assert min(ratios) < 0.7
    assert max(ratios) > 1.4


def test_the_prior_of_a_drawn_house_holds_nothing_of_its_truth() -> None:
    drawn = drawn_house(2, 1)
    other = replace(drawn, house=replace(drawn.house, truth=load_house("brick1935").truth))

    assert prior_of(drawn).building == prior_of(other).building


def test_a_record_is_what_the_service_sees_and_unknown_heat_comes_after_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identify_houses, "TRAINED_DAYS", 1)
    monkeypatch.setattr(identify_houses, "HELD_OUT_DAYS", 1)
    found = record(drawn_house(4, 1), disturb=True)
    assert found.disturbed is not None
    plain, disturbed = found.data, found.disturbed

    assert len(plain) == len(disturbed) == 2 * 96
    np.testing.assert_array_equal(plain.room_c[1:97], disturbed.room_c[1:97])
    assert found.unknown_w == identify_houses.UNKNOWN_W
    assert disturbed.room_c[-1] > plain.room_c[-1]
    assert np.nanmax(np.abs(plain.outdoor_c * 10 - np.round(plain.outdoor_c * 10))) < 1e-9
    assert plain.heat_w.min() >= 0.0


def test_the_one_capacity_model_finds_a_house_of_its_own_structure() -> None:
    data = first_order()
    found = fit_one_capacity(data)
    starts = hourly_starts(data, 96, 5)
    missed = found.predict(data, starts) - data.room_c[steps_ahead(data, starts)]

    assert found.tau_s == pytest.approx(TAU_S, rel=0.15)
    assert found.factors[0] == pytest.approx(R_K_PER_W, rel=0.1)
    assert np.sqrt(np.mean(missed**2)) < 0.1


def test_arx_predicts_a_linear_house_nearly_exactly() -> None:
    data = first_order()
    found = fit_arx(data.part(0, 7 * 96))
    starts = hourly_starts(data, 7 * 96, 3)
    missed = found.predict(data, starts) - data.room_c[steps_ahead(data, starts)]

    assert np.max(np.abs(missed)) < 1e-3


def test_no_opponent_looks_at_the_room_after_the_start() -> None:
    data = first_order()
    start = 8 * 96
    room_c = data.room_c.copy()
    room_c[start + 1 :] = 50.0
    later = replace(data, room_c=room_c)
    opponents: list[Opponent] = [
        Persistence(),
        fit_arx(data.part(0, start)),
        fit_one_capacity(data.part(0, start)),
    ]

    for opponent in opponents:
        np.testing.assert_allclose(
            opponent.predict(data, [start]), opponent.predict(later, [start])
        )


def test_starts_leave_a_day_and_have_a_reading() -> None:
    data = first_order(3)
    room_c = data.room_c.copy()
    room_c[96] = np.nan
    holed = replace(data, room_c=room_c)
    starts = hourly_starts(holed, 96, 1)

    assert 96 not in starts
    assert steps_ahead(holed, starts).shape == (len(starts), HOURS)
    assert steps_ahead(holed, starts).max() == len(data) - 1 - 3


def test_holes_take_the_value_before_them() -> None:
    values = np.array([np.nan, 1.0, np.nan, np.nan, 2.0])

    np.testing.assert_array_equal(filled(values), [1.0, 1.0, 1.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="without a single value"):
        filled(np.array([np.nan]))


def test_the_interval_score_charges_width_and_ten_times_what_lies_outside() -> None:
    band = Band(np.array([20.0, 20.0]), np.array([21.0, 21.0]))

    assert band.score_k(np.array([20.5, 21.2])) == pytest.approx(1.0 + 0.5 * 10.0 * 0.2)
    assert band.covers_frac(np.array([20.5, 21.2])) == 0.5


def test_the_eighty_percent_quantiles_have_the_best_interval_score() -> None:
    draws: FloatArray = np.random.default_rng(1).standard_normal(20_000)
    scores = {
        half: Band(np.full(20_000, -half), np.full(20_000, half)).score_k(draws)
        for half in (0.8, 1.2816, 1.8)
    }

    assert min(scores, key=lambda half: scores[half]) == 1.2816


def test_the_best_opponent_is_never_ourselves() -> None:
    assert best_opponent({OURS: [0.1], "ARX": [0.3], "1R1C": [0.2]}, 0) == ("1R1C", 0.2)


def test_every_fault_changes_the_record_and_nothing_else_of_it() -> None:
    data = first_order(28)
    faulty = spoiled(data)

    assert set(faulty) == set(FAULTS)
    for _, bad in faulty.values():
        same = [np.array_equal(getattr(bad, n), v, equal_nan=True) for n, v in data.series()]
        assert not all(same)
        np.testing.assert_array_equal(bad.ghi_w_per_m2, data.ghi_w_per_m2)


def test_measured_houses_leave_days_out_and_state_what_they_lack() -> None:
    houses, absent = measured_houses()

    assert {house.name for house in houses} >= {"darkgreybox", "Dutch house 2"}
    assert len(houses) + len(absent) == 4
    for house in houses:
        assert 0 < house.split < len(house.data) - house.data.steps_per_day
        assert np.nanmin(house.data.room_c) > 0.0
    assert all(remark.lacks for remark in remarks())
    assert all(not run.measured for run in emulated_runs())
