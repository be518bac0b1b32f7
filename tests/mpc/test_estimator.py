from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.arrays import FloatArray
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
from mpc.estimator import DISTURBANCE_STD_W, correct, initial, predict
from mpc.plan import Estimate

AT = datetime(2024, 1, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUSES = tuple(
    archetype(year=1990, area_m2=140.0, mass=MassClass.MEDIUM, emitter=kind) for kind in EmitterKind
)


def matrix(estimate: Estimate) -> FloatArray:
    n = len(estimate.state_c) + 1
    return np.array(estimate.covariance).reshape(n, n)


def exact(_minute: int, room_c: float) -> float:
    return room_c


def follow(
    house: Building, *, hours: float, unmodelled_w: float, reading: Callable[[int, float], float]
) -> Estimate:
    """Feed the filter each minute with readings of a true house at 21 °C that has an extra heat."""
    gain_w = house.internal_gains_w + unmodelled_w
    rest = steady_state(house, room_c=21.0, outdoor_c=0.0, gain_w=gain_w)
    heat_w = float(rest.heat_w[0])
    estimate = initial(house, at=AT, room_c=21.0, outdoor_c=0.0)
    truth = rest.state_c[:, 0]
    step = discretise(house, 60.0)
    push = drive(step, outdoor_c=0.0, ghi_w_per_m2=0.0, gain_w=gain_w)
    for k in range(round(hours * 60)):
        truth = simulate(step, truth, heat_w=[heat_w], drive_k=push)[:, 0]
        estimate = predict(
            estimate,
            house,
            until=AT + (k + 1) * MINUTE,
            heat_w=heat_w,
            outdoor_c=0.0,
            ghi_w_per_m2=0.0,
        )
        estimate = correct(estimate, room_c=reading(k, float(truth[0])), std_k=0.1)
    return estimate


@pytest.mark.parametrize("house", HOUSES)
def test_an_unknown_constant_heat_is_found_and_the_room_followed(house: Building) -> None:
    noise = np.random.default_rng(7).normal(0.0, 0.1, 72 * 60)
    found = follow(house, hours=72, unmodelled_w=300.0, reading=lambda k, c: c + float(noise[k]))
    assert found.disturbance_w == pytest.approx(300.0, abs=90.0)
    assert found.state_c[0] == pytest.approx(21.0, abs=0.1)


@pytest.mark.parametrize("house", HOUSES)
def test_without_unknown_heat_none_is_invented(house: Building) -> None:
    found = follow(house, hours=48, unmodelled_w=0.0, reading=exact)
    assert found.disturbance_w == pytest.approx(0.0, abs=20.0)


@pytest.mark.parametrize("house", HOUSES)
def test_missing_readings_make_the_filter_less_sure_of_air_and_disturbance(house: Building) -> None:
    estimate = follow(house, hours=24, unmodelled_w=0.0, reading=exact)
    sure = np.diag(matrix(estimate))[[0, -1]]
    for hours in (1, 6, 24):
        later = predict(
            estimate,
            house,
            until=estimate.at + timedelta(hours=hours),
            heat_w=2000.0,
            outdoor_c=0.0,
            ghi_w_per_m2=0.0,
        )
        unsure = np.diag(matrix(later))[[0, -1]]
        assert (unsure > sure).all()
        sure = unsure


@settings(max_examples=40)
@given(
    gaps_s=st.lists(st.floats(1.0, 40_000.0), min_size=1, max_size=12),
    readings_c=st.lists(st.none() | st.floats(5.0, 35.0), min_size=12, max_size=12),
    which=st.integers(0, 1),
)
def test_the_covariance_stays_symmetric_and_positive(
    gaps_s: list[float], readings_c: list[float | None], which: int
) -> None:
    house = HOUSES[which]
    estimate = initial(house, at=AT, room_c=20.0, outdoor_c=3.0)
    for gap_s, room_c in zip(gaps_s, readings_c, strict=False):
        estimate = predict(
            estimate,
            house,
            until=estimate.at + timedelta(seconds=gap_s),
            heat_w=3000.0,
            outdoor_c=0.0,
            ghi_w_per_m2=0.0,
        )
        if room_c is not None:
            estimate = correct(estimate, room_c=room_c, std_k=0.1)
        p = matrix(estimate)
        assert (p == p.T).all()
        assert np.linalg.eigvalsh(p).min() > 0.0
        assert p[-1, -1] <= DISTURBANCE_STD_W**2 * 1.001


def test_one_wild_reading_moves_little() -> None:
    calm = follow(HOUSES[0], hours=24, unmodelled_w=0.0, reading=exact)
    wild = correct(calm, room_c=calm.state_c[0] + 8.0, std_k=0.1)
    assert abs(wild.state_c[0] - calm.state_c[0]) < 0.5
    assert abs(wild.disturbance_w - calm.disturbance_w) < 100.0


def test_a_lasting_change_is_believed_within_the_hour() -> None:
    moved = follow(
        HOUSES[0],
        hours=25,
        unmodelled_w=0.0,
        reading=lambda k, c: c if k < 24 * 60 else c - 3.0,
    )
    assert moved.state_c[0] == pytest.approx(18.0, abs=0.3)


def test_before_any_reading_the_filter_knows_how_little_it_knows() -> None:
    unread = initial(HOUSES[0], at=AT, room_c=None, outdoor_c=0.0)
    read = initial(HOUSES[0], at=AT, room_c=20.0, outdoor_c=0.0)
    assert matrix(unread)[0, 0] > 10.0 * matrix(read)[0, 0]
    corrected = correct(unread, room_c=23.0, std_k=0.1)
    assert corrected.state_c[0] == pytest.approx(23.0, abs=0.1)


def test_the_same_inputs_give_the_same_estimate_to_the_last_bit() -> None:
    runs = [follow(HOUSES[1], hours=3, unmodelled_w=200.0, reading=exact) for _ in "ab"]
    assert runs[0] == runs[1]


def test_time_does_not_run_backwards() -> None:
    estimate = initial(HOUSES[0], at=AT, room_c=20.0, outdoor_c=0.0)
    with pytest.raises(ValueError, match="cannot predict back"):
        predict(estimate, HOUSES[0], until=AT - MINUTE, heat_w=0.0, outdoor_c=0.0, ghi_w_per_m2=0.0)
    stayed = predict(estimate, HOUSES[0], until=AT, heat_w=9000.0, outdoor_c=0.0, ghi_w_per_m2=0.0)
    assert stayed == estimate
