from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from mpc.estimator import (
    PASSING_S,
    PASSING_STD_W,
    correct,
    covariance_of,
    initial,
    innovation,
    lasting_std_w,
    passing_left_frac,
    predict,
    resumed,
)
from mpc.plan import Estimate

AT = datetime(2024, 1, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUSES = tuple(
    archetype(year=1990, area_m2=140.0, mass=MassClass.MEDIUM, emitter=kind) for kind in EmitterKind
)


def exact(_minute: int, room_c: float) -> float:
    return room_c


def follow(
    house: Building,
    *,
    hours: float,
    unmodelled_w: float,
    reading: Callable[[int, float], float],
    passing: Callable[[int], float] = lambda _minute: 0.0,
) -> Estimate:
    """Feed the filter each minute with readings of a true house at 21 °C that has an extra heat."""
    gain_w = house.internal_gains_w + unmodelled_w
    rest = steady_state(house, room_c=21.0, outdoor_c=0.0, gain_w=gain_w)
    heat_w = float(rest.heat_w[0])
    estimate = initial(house, at=AT, room_c=21.0, outdoor_c=0.0)
    truth = rest.state_c[:, 0]
    step = discretise(house, 60.0)
    for k in range(round(hours * 60)):
        push = drive(step, outdoor_c=0.0, ghi_w_per_m2=0.0, gain_w=gain_w + passing(k))
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
    assert found.disturbance_w == pytest.approx(300.0, abs=60.0)
    assert found.passing_w == pytest.approx(0.0, abs=60.0)
    assert found.state_c[0] == pytest.approx(21.0, abs=0.1)


@pytest.mark.parametrize("house", HOUSES)
def test_without_unknown_heat_none_is_invented(house: Building) -> None:
    found = follow(house, hours=48, unmodelled_w=0.0, reading=exact)
    assert found.disturbance_w == pytest.approx(0.0, abs=20.0)


@settings(max_examples=4, deadline=None)
@given(
    which=st.integers(0, 1),
    unmodelled_w=st.sampled_from([-300.0, 300.0]),
    seed=st.integers(0, 2**16),
    step_k=st.sampled_from([0.0, 0.1]),
)
def test_with_a_constant_unmodelled_heat_predictions_of_the_next_day_have_no_offset(
    which: int, unmodelled_w: float, seed: int, step_k: float
) -> None:
    errors_k = day_ahead_errors_k(HOUSES[which], unmodelled_w, seed=seed, step_k=step_k)
    assert abs(float(np.mean(errors_k))) <= 0.1


def day_ahead_errors_k(
    house: Building, unmodelled_w: float, *, seed: int, step_k: float
) -> list[float]:
    """True room minus its prediction of a day before, on days 4 to 7, in weather that changes.

    Heat comes in runs of an hour and sees nothing of the rooms; readings every five minutes.
    """
    rng = np.random.default_rng(seed)
    steps, step_s, day = 7 * 288, 300.0, 288
    hours = np.arange(steps) / 12.0
    outdoor = 2.0 + 4.0 * np.sin(2 * np.pi * hours / 24.0) + 3.0 * np.sin(2 * np.pi * hours / 90.0)
    ghi = np.maximum(150.0 * np.sin(2 * np.pi * (hours - 6.0) / 24.0), 0.0)
    gain_w = house.internal_gains_w
    mean_w = float(
        steady_state(house, room_c=21.0, outdoor_c=2.0, gain_w=gain_w + unmodelled_w).heat_w[0]
    )
    heat = np.where(hours % 3.0 < 1.0, 2.4, 0.3) * mean_w
    step = discretise(house, step_s)
    rest = steady_state(house, room_c=21.0, outdoor_c=2.0, gain_w=gain_w)
    push = drive(step, outdoor_c=outdoor, ghi_w_per_m2=ghi, gain_w=gain_w + unmodelled_w)
    truth = simulate(step, rest.state_c[:, 0], heat_w=heat, drive_k=push)[0]
    estimate = initial(house, at=AT, room_c=21.0, outdoor_c=2.0)
    errors_k = []
    for k in range(6 * day):
        if k >= 2 * day and k % 24 == 0:
            coming = slice(k, k + day)
            left = [passing_left_frac(j * step_s, step_s) for j in range(day)]
            gain = gain_w + estimate.disturbance_w + estimate.passing_w * np.array(left)
            seen = drive(step, outdoor_c=outdoor[coming], ghi_w_per_m2=ghi[coming], gain_w=gain)
            found = simulate(step, estimate.state_c, heat_w=heat[coming], drive_k=seen)
            errors_k.append(float(truth[k + day - 1] - found[0, -1]))
        estimate = predict(
            estimate,
            house,
            until=AT + (k + 1) * 5 * MINUTE,
            heat_w=float(heat[k]),
            outdoor_c=float(outdoor[k]),
            ghi_w_per_m2=float(ghi[k]),
        )
        seen_c = truth[k] + rng.normal(0.0, 0.1)
        if step_k:
            seen_c = round(seen_c / step_k) * step_k
        estimate = correct(estimate, room_c=seen_c, std_k=0.15)
    return errors_k


@pytest.mark.parametrize("house", HOUSES)
def test_an_open_window_passes_and_is_not_learned_as_a_house(house: Building) -> None:
    """Half an hour at 3 kW after a day."""

    def windy(minute: int) -> float:
        return -3000.0 if 24 * 60 <= minute < 24 * 60 + 30 else 0.0

    before = follow(house, hours=24, unmodelled_w=0.0, reading=exact)
    during = follow(house, hours=24.5, unmodelled_w=0.0, reading=exact, passing=windy)
    after = follow(house, hours=36, unmodelled_w=0.0, reading=exact, passing=windy)
    assert during.passing_w < -800.0
    assert during.passing_w < 4.0 * (during.disturbance_w - before.disturbance_w)
    assert after.disturbance_w == pytest.approx(before.disturbance_w, abs=60.0)


def test_what_passes_is_gone_from_a_prediction_of_the_next_day() -> None:
    start = initial(HOUSES[0], at=AT, room_c=21.0, outdoor_c=0.0)
    busy = replace(start, disturbance_w=250.0, passing_w=900.0)
    until = AT + timedelta(hours=24)
    later = predict(busy, HOUSES[0], until=until, heat_w=0.0, outdoor_c=0.0, ghi_w_per_m2=0.0)
    assert later.disturbance_w == 250.0
    assert later.passing_w < 1.0


@given(span_s=st.floats(1.0, 1e5), cut_frac=st.floats(0.01, 0.99))
def test_what_is_left_of_a_passing_heat_adds_up_over_parts_of_a_span(
    span_s: float, cut_frac: float
) -> None:
    first_s = span_s * cut_frac
    whole = passing_left_frac(0.0, span_s) * span_s
    parts = passing_left_frac(0.0, first_s) * first_s
    parts += passing_left_frac(first_s, span_s - first_s) * (span_s - first_s)
    assert parts == pytest.approx(whole, rel=1e-9)
    assert whole <= PASSING_S


def test_after_a_restart_the_lasting_heat_is_kept_and_a_little_less_sure() -> None:
    known = follow(HOUSES[0], hours=24, unmodelled_w=300.0, reading=exact)
    days_later = known.at + timedelta(days=2)
    fresh = initial(HOUSES[0], at=days_later, room_c=19.0, outdoor_c=0.0)
    again = resumed(fresh, known)
    assert (again.at, again.state_c) == (days_later, fresh.state_c)
    assert again.disturbance_w == known.disturbance_w
    before, after = covariance_of(known)[-2, -2], covariance_of(again)[-2, -2]
    assert before < after < covariance_of(fresh)[-2, -2]


def test_a_belief_of_an_earlier_shape_lends_its_lasting_heat_only() -> None:
    fresh = initial(HOUSES[0], at=AT, room_c=19.0, outdoor_c=0.0)
    old = Estimate(at=AT, state_c=fresh.state_c, disturbance_w=-120.0, covariance=(0.5,) * 9)
    assert resumed(fresh, old) == replace(fresh, disturbance_w=-120.0)


@pytest.mark.parametrize("house", HOUSES)
def test_missing_readings_make_the_filter_less_sure_of_air_and_lasting_heat(
    house: Building,
) -> None:
    estimate = follow(house, hours=24, unmodelled_w=0.0, reading=exact)
    sure = np.diag(covariance_of(estimate))[[0, -2]]
    for hours in (1, 6, 24):
        later = predict(
            estimate,
            house,
            until=estimate.at + timedelta(hours=hours),
            heat_w=2000.0,
            outdoor_c=0.0,
            ghi_w_per_m2=0.0,
        )
        unsure = np.diag(covariance_of(later))[[0, -2]]
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
        p = covariance_of(estimate)
        assert (p == p.T).all()
        assert np.linalg.eigvalsh(p).min() > 0.0
        assert p[-2, -2] <= lasting_std_w(house) ** 2 * 1.001
        assert p[-1, -1] <= PASSING_STD_W**2 * 25.0


def test_one_wild_reading_moves_little() -> None:
    calm = follow(HOUSES[0], hours=24, unmodelled_w=0.0, reading=exact)
    wild = correct(calm, room_c=calm.state_c[0] + 8.0, std_k=0.1)
    assert abs(wild.state_c[0] - calm.state_c[0]) < 0.5
    assert abs(wild.disturbance_w - calm.disturbance_w) < 30.0
    assert abs(wild.passing_w - calm.passing_w) < 300.0


def test_a_lasting_change_is_believed_within_the_hour() -> None:
    moved = follow(
        HOUSES[0],
        hours=25,
        unmodelled_w=0.0,
        reading=lambda k, c: c if k < 24 * 60 else c - 3.0,
    )
    assert moved.state_c[0] == pytest.approx(18.0, abs=0.3)


def test_an_innovation_is_measured_against_what_the_filter_expects_of_itself() -> None:
    calm = follow(HOUSES[0], hours=24, unmodelled_w=0.0, reading=exact)
    found = innovation(calm, room_c=calm.state_c[0] + 0.4, std_k=0.3)
    assert found.value_k == pytest.approx(0.4)
    assert found.std_k == pytest.approx(np.sqrt(covariance_of(calm)[0, 0] + 0.09))


def test_before_any_reading_the_filter_knows_how_little_it_knows() -> None:
    unread = initial(HOUSES[0], at=AT, room_c=None, outdoor_c=0.0)
    read = initial(HOUSES[0], at=AT, room_c=20.0, outdoor_c=0.0)
    assert covariance_of(unread)[0, 0] > 10.0 * covariance_of(read)[0, 0]
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
