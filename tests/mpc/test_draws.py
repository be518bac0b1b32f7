"""The forecast of hot water drawn: prior, learning, margin."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mpc.draws import (
    HOURS,
    PERSON_KWH,
    PROFILE_M_KWH,
    SLOTS,
    Draws,
    drawn_kwh_per_k,
    expected_kwh,
    forecast_kwh,
    prior_kwh,
    reserve_kwh,
    slot_of,
    variance_kwh2,
    watched,
)

FAMILY = Draws(people=4.0)
DAY = list(range(HOURS))
certainties = st.floats(0.5, 0.99)
histories = st.lists(
    st.tuples(st.integers(0, SLOTS - 1), st.floats(0.05, 1.0), st.floats(0.0, 5.0)), max_size=40
)


def after(history):
    draws = FAMILY
    for slot, hours, kwh in history:
        draws = watched(draws, slot, hours=hours, kwh=kwh)
    return draws


def test_the_hours_of_profile_m_sum_to_the_standards_day():
    assert sum(PROFILE_M_KWH) == pytest.approx(5.845)


def test_a_person_draws_forty_litres_at_sixty_degrees_a_day():
    assert pytest.approx(2.326, abs=1e-3) == PERSON_KWH
    assert prior_kwh(3.0)[:HOURS].sum() == pytest.approx(3.0 * PERSON_KWH)
    assert prior_kwh(3.0)[HOURS:].sum() == pytest.approx(3.0 * PERSON_KWH)


def test_the_prior_has_a_morning_and_an_evening_peak_and_a_quiet_night():
    day = prior_kwh(4.0)[:HOURS]
    peaks = {h for h in DAY if day[h] > day[h - 1] and day[h] > day[(h + 1) % HOURS]}
    assert {7, 21} <= peaks
    assert day[0:6].sum() < 0.01 * day.sum()


def test_days_off_are_told_apart_from_working_days():
    friday, saturday = datetime(2026, 1, 16, 7, tzinfo=UTC), datetime(2026, 1, 17, 7, tzinfo=UTC)
    assert slot_of(friday) == 7
    assert slot_of(saturday) == 7 + HOURS


def test_watching_one_slot_moves_the_others_only_with_the_level():
    learned = expected_kwh(watched(FAMILY, 7, hours=1.0, kwh=3.0))
    before = expected_kwh(FAMILY)
    assert learned[7] > before[7]
    day = FAMILY.people * PERSON_KWH
    level = (3.0 + day) / (before[7] + day)
    assert np.delete(learned, 7) == pytest.approx(level * np.delete(before, 7))


def test_an_hour_watched_without_a_draw_lowers_the_forecast():
    assert expected_kwh(watched(FAMILY, 7, hours=1.0, kwh=0.0))[7] < expected_kwh(FAMILY)[7]


def test_after_many_weeks_the_forecast_is_what_was_drawn():
    draws = after([(21, 1.0, 2.0)] * 200)
    prior, day = prior_kwh(4.0), 4.0 * PERSON_KWH
    level = (20.0 * 2.0 + day) / (20.0 * prior[21] + day)
    assert expected_kwh(draws)[21] == pytest.approx(
        (4.0 * level * prior[21] + 20.0 * 2.0) / 24.0, rel=0.01
    )


def test_half_an_hour_watched_tells_the_rate_of_a_whole_one():
    halves = after([(21, 0.5, 1.0)] * 400)
    wholes = after([(21, 1.0, 2.0)] * 200)
    assert expected_kwh(halves)[21] == pytest.approx(expected_kwh(wholes)[21], rel=0.01)


@pytest.mark.parametrize(("hours", "kwh"), [(0.0, 1.0), (1.5, 1.0), (0.5, -0.1)])
def test_what_cannot_have_been_watched_is_refused(hours, kwh):
    with pytest.raises(ValueError, match="of an hour"):
        watched(FAMILY, 7, hours=hours, kwh=kwh)


@pytest.mark.parametrize("certainty", [0.4, 1.0])
def test_a_certainty_outside_its_range_is_refused(certainty):
    with pytest.raises(ValueError, match="certainty"):
        forecast_kwh(FAMILY, DAY, step_h=1.0, certainty_frac=certainty)


@given(histories, certainties)
def test_no_step_is_forecast_to_give_water_back(history, certainty):
    forecast = forecast_kwh(after(history), DAY * 2, step_h=1.0, certainty_frac=certainty)
    assert min(forecast) >= -1e-12


@given(histories, certainties, certainties)
def test_more_certainty_never_forecasts_less_water(history, one, other):
    draws, (less, more) = after(history), sorted((one, other))
    modest = np.cumsum(forecast_kwh(draws, DAY, step_h=1.0, certainty_frac=less))
    safe = np.cumsum(forecast_kwh(draws, DAY, step_h=1.0, certainty_frac=more))
    assert np.all(safe >= modest - 1e-9)


@given(histories)
def test_even_odds_forecast_the_mean(history):
    draws = after(history)
    forecast = forecast_kwh(draws, DAY, step_h=1.0, certainty_frac=0.5)
    assert forecast == pytest.approx(expected_kwh(draws)[:HOURS].tolist(), abs=1e-9)


@given(histories)
def test_no_variance_is_negative(history):
    assert np.all(variance_kwh2(after(history)) >= 0.0)


def test_finer_steps_forecast_the_same_day():
    whole = forecast_kwh(FAMILY, DAY, step_h=1.0, certainty_frac=0.9)
    fine = forecast_kwh(FAMILY, [h for h in DAY for _ in range(4)], step_h=0.25, certainty_frac=0.9)
    assert sum(fine) == pytest.approx(sum(whole))


def test_the_margin_holds_the_morning_in_most_of_the_days_it_was_learned_from():
    """Showers come whole or not at all: the forecast from midnight on covers most mornings."""
    chance = np.random.default_rng(1)
    days = (chance.random((120, 3)) < 0.6).sum(axis=1) * 1.4
    draws = after([(7, 1.0, float(kwh)) for kwh in days])
    forecast = forecast_kwh(draws, range(9), step_h=1.0, certainty_frac=0.9)
    assert 0.8 <= np.mean(days <= sum(forecast)) <= 1.0


def test_hotter_water_takes_less_of_the_tank_for_the_same_energy():
    assert drawn_kwh_per_k(1.0, tank_c=55.0, cold_c=10.0) == pytest.approx(1.0 / 45.0)
    assert drawn_kwh_per_k(1.0, tank_c=45.0, cold_c=10.0) > drawn_kwh_per_k(
        1.0, tank_c=55.0, cold_c=10.0
    )


def test_what_was_learned_survives_a_restart():
    codec = TypeAdapter(Draws)
    draws = after([(7, 1.0, 2.0), (31, 0.5, 0.3)])
    assert codec.validate_json(codec.dump_json(draws)) == draws


def test_the_reserve_covers_the_mean_of_the_time_to_come_and_grows_with_certainty():
    slots = [7, 8, 9, 10]
    mean = reserve_kwh(FAMILY, slots, step_h=1.0, lead_h=2.0, certainty_frac=0.5)
    expected = expected_kwh(FAMILY)
    assert mean[:2] == pytest.approx((expected[8] + expected[9], expected[9] + expected[10]))
    assert mean[3] == pytest.approx(2.0 * expected[10])  # later is like the last
    sure = reserve_kwh(FAMILY, slots, step_h=1.0, lead_h=2.0, certainty_frac=0.9)
    assert all(more > less for more, less in zip(sure, mean, strict=True))


@pytest.mark.parametrize("certainty_frac", [0.4, 1.0])
def test_a_reserve_of_no_certainty_is_refused(certainty_frac):
    with pytest.raises(ValueError, match="certainty"):
        reserve_kwh(FAMILY, [7], step_h=1.0, lead_h=1.0, certainty_frac=certainty_frac)


def test_a_family_that_draws_less_everywhere_is_soon_expected_to():
    draws = FAMILY
    for _ in range(5):
        for hour in DAY:
            draws = watched(draws, hour, hours=1.0, kwh=0.5 * prior_kwh(4.0)[hour])
    free_day = slice(HOURS, SLOTS)  # of which nothing was seen
    assert expected_kwh(draws)[free_day].sum() < 0.7 * prior_kwh(4.0)[free_day].sum()
