"""What is expected of prices that nobody has published yet."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.price_shape import FIRST_DAYS, FORGOTTEN_DAYS, LASTS, PriceShape, is_off

ZONE = ZoneInfo("Europe/Copenhagen")
MONDAY = date(2024, 1, 1)
CALM = dict.fromkeys(range(24), 0.1)
EVENING = {**CALM, 18: 0.34}


def learned(days: int, first: date = MONDAY) -> PriceShape:
    """Working days with a dear evening, days off without and cheaper."""
    shape = PriceShape(currency="EUR")
    for number in range(days):
        day = first + timedelta(days=number)
        shape = shape.seen(day, dict.fromkeys(range(24), 0.06) if is_off(day) else EVENING)
    return shape


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)


def test_nothing_is_expected_before_every_kind_of_day_was_known() -> None:
    next_day = MONDAY + timedelta(days=FIRST_DAYS - 1)
    assert learned(FIRST_DAYS - 1).per_kwh(at(next_day, 12)) is None
    assert learned(FIRST_DAYS).per_kwh(at(next_day, 12)) is not None
    assert PriceShape().quantiles(MONDAY) is None


def test_working_days_have_their_evening_and_days_off_their_own_level() -> None:
    shape = learned(28)  # until a Sunday
    monday, saturday = MONDAY + timedelta(days=28), MONDAY + timedelta(days=33)
    evening, noon = shape.per_kwh(at(monday, 18)), shape.per_kwh(at(monday, 12))
    assert evening is not None
    assert noon is not None
    assert evening - noon == pytest.approx(0.24 * 10 / 11, abs=1e-3)
    assert shape.per_kwh(at(saturday, 18)) == pytest.approx(0.06, abs=1e-3)


def test_a_dear_day_makes_the_next_ones_dearer_ever_less() -> None:
    shape = learned(28)
    monday = MONDAY + timedelta(days=28)
    dear = shape.seen(monday, dict.fromkeys(range(24), 0.3))
    risen = [
        (dear.per_kwh(at(monday + timedelta(days=k), 3)) or 0.0)
        - dear.working.level_per_kwh
        - dear.working.days / (dear.working.days + 1.0) * dear.working.hours_per_kwh[3]
        for k in (1, 2, 3)
    ]
    assert risen[0] > 0.0
    assert risen[1] == pytest.approx(LASTS * risen[0])
    assert risen[2] == pytest.approx(LASTS * risen[1])


def test_an_hour_without_a_price_keeps_its_shape() -> None:
    shape, monday = learned(28), MONDAY + timedelta(days=28)
    holes = {h: p for h, p in EVENING.items() if h not in (2, 18)}
    after = shape.seen(monday, holes)
    assert after.working.hours_per_kwh[18] == shape.working.hours_per_kwh[18]
    assert after.working.hours_per_kwh[2] == shape.working.hours_per_kwh[2]


def test_a_shape_of_another_season_is_forgotten() -> None:
    shape = learned(28)
    late = MONDAY + timedelta(days=27 + FORGOTTEN_DAYS)
    assert shape.knows(late)
    assert not shape.knows(late + timedelta(days=1))
    assert shape.seen(late + timedelta(days=1), CALM).days == 1


def test_eight_of_ten_prices_lie_within_the_quantiles() -> None:
    rng = np.random.default_rng(3)
    shape, level, inside, seen = PriceShape(currency="EUR"), 0.0, 0, 0
    for number in range(300):
        day = MONDAY + timedelta(days=number)
        level = 0.7 * level + float(rng.normal(0.0, 0.02))
        prices = {h: p + level + float(rng.normal(0.0, 0.01)) for h, p in EVENING.items()}
        quantiles = shape.quantiles(day)
        if quantiles is not None and number > 30:
            expected = [shape.per_kwh(at(day, hour)) or 0.0 for hour in prices]
            errors = [p - e for p, e in zip(prices.values(), expected, strict=True)]
            inside += sum(quantiles[0] <= error <= quantiles[1] for error in errors)
            seen += len(errors)
        shape = shape.seen(day, prices)
    assert inside / seen == pytest.approx(0.8, abs=0.04)


def test_two_days_ahead_is_less_sure_than_one() -> None:
    rng = np.random.default_rng(4)
    shape, level = PriceShape(currency="EUR"), 0.0
    for number in range(200):
        level = 0.8 * level + float(rng.normal(0.0, 0.03))
        day = MONDAY + timedelta(days=number)
        shape = shape.seen(day, {h: p + level for h, p in EVENING.items()})
    last = MONDAY + timedelta(days=199)
    near, far = (shape.quantiles(last + timedelta(days=k)) for k in (1, 2))
    assert near is not None
    assert far is not None
    assert far[1] - far[0] > near[1] - near[0]


@given(seed=st.integers(0, 10_000), days=st.integers(7, 30), spread=st.floats(0.0, 2.0))
def test_what_is_expected_lies_near_what_was_seen(seed: int, days: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    shape, told = PriceShape(currency="EUR"), []
    for number in range(days):
        prices = {h: float(rng.normal(0.1, spread)) for h in range(24)}
        shape = shape.seen(MONDAY + timedelta(days=number), prices)
        told += prices.values()
    span = max(told) - min(told)
    expected = shape.per_kwh(at(MONDAY + timedelta(days=days), 7))
    assert expected is not None
    assert min(told) - span - 1e-3 <= expected <= max(told) + span + 1e-3
