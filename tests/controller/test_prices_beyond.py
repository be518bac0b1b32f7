"""The published prices of many days become what is expected beyond them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from controller.prices_beyond import PriceMemory
from drivers.api import PriceSeries
from mpc.horizon import PriceForecast, WeatherForecast, build_horizon
from mpc.price_shape import FIRST_DAYS
from mpc.tariff import Tariff

ZONE = ZoneInfo("Europe/Copenhagen")
START = datetime(2024, 3, 17, 23, tzinfo=UTC)  # Monday 18 March, local midnight; 31 March has 23 h
FREE = Tariff(currency="EUR", margin_frac=0.0, adder_per_kwh=0.0, vat_frac=0.0)


def hourly(
    days: float, *, step_s: int = 3600, start: datetime = START, zone: ZoneInfo = ZONE
) -> PriceSeries:
    """Every local hour costs a cent more than the one before it in the day."""
    count = round(days * 86400) // step_s
    at = [start + timedelta(seconds=step_s * k) for k in range(count)]
    return PriceSeries(
        issued_at=start,
        starts_at=start,
        step_s=step_s,
        per_kwh=tuple(0.01 * (1 + moment.astimezone(zone).hour) for moment in at),
        currency="EUR",
        source="test",
    )


def learned(series: PriceSeries, memory: PriceMemory | None = None) -> PriceMemory:
    at = series.starts_at + timedelta(seconds=series.step_s * len(series.per_kwh))
    return (PriceMemory() if memory is None else memory).seen(series, ZONE, at)


def with_holes(series: PriceSeries, holes: Sequence[int]) -> PriceSeries:
    told = tuple(None if k in holes else p for k, p in enumerate(series.per_kwh))
    return replace(series, per_kwh=told)


@pytest.mark.parametrize("step_s", [900, 1800, 3600])
def test_steps_of_any_length_teach_the_same_days(step_s: int) -> None:
    assert learned(hourly(14, step_s=step_s)).shape == learned(hourly(14)).shape


def test_hours_are_those_of_the_wall_over_the_change_of_the_clock() -> None:
    """Nineteen days around the spring change: the dearest hour stays the last of the local day."""
    memory = learned(hourly(21))
    hours = memory.shape.working.hours_per_kwh
    assert hours.index(max(hours)) == 23
    assert hours.index(min(hours)) == 0
    first, last = datetime(2024, 4, 15, 0, tzinfo=ZONE), datetime(2024, 4, 15, 23, tzinfo=ZONE)
    beyond = memory.beyond(ZONE)
    assert (beyond(last.astimezone(UTC)) or 0.0) > (beyond(first.astimezone(UTC)) or 1.0)


def test_an_autumn_day_with_25_hours_is_a_day() -> None:
    start = datetime(2024, 10, 20, 22, tzinfo=UTC)
    assert learned(hourly(14 + 1 / 24, start=start)).shape.days == 14


def test_a_day_with_few_holes_counts_and_one_with_many_does_not() -> None:
    whole = hourly(10)
    assert learned(with_holes(whole, range(48, 52))).shape.days == 10
    assert learned(with_holes(whole, range(48, 54))).shape.days == 9


def test_a_market_day_that_ends_an_hour_early_is_complete_with_the_next() -> None:
    """In Portugal the last hour of tomorrow is published the day after."""
    lisbon, series = ZoneInfo("Europe/Lisbon"), hourly(9)
    memory = PriceMemory().seen(series, lisbon, START + timedelta(days=9))
    assert memory.shape.last[-1].day.isoformat() == "2024-03-25"
    more = PriceMemory().seen(hourly(10), lisbon, START + timedelta(days=10))
    step_by_step = memory.seen(hourly(10), lisbon, START + timedelta(days=10))
    assert step_by_step.shape == more.shape


def test_every_day_is_learned_once_however_often_it_is_told() -> None:
    two_days = [
        replace(hourly(2), starts_at=START + timedelta(days=k), per_kwh=hourly(2).per_kwh)
        for k in range(9)
    ]
    memory = PriceMemory()
    for series in two_days:
        memory = learned(series, memory)
        memory = learned(series, memory)
    assert memory.shape.days == 10


def test_prices_that_may_change_are_waited_for() -> None:
    assert learned(replace(hourly(10), preliminary=True)) == PriceMemory()


def test_another_currency_begins_anew() -> None:
    known = learned(hourly(10))
    kroner = learned(replace(hourly(8), currency="DKK"), known)
    assert (kroner.shape.currency, kroner.shape.days) == ("DKK", 8)


def test_a_restart_keeps_the_shape() -> None:
    codec, memory = TypeAdapter(PriceMemory), learned(hourly(10))
    assert codec.validate_json(codec.dump_json(memory)) == memory


def test_a_damaged_date_far_ahead_is_not_looked_at() -> None:
    far = replace(hourly(1), starts_at=datetime(9999, 12, 30, 23, tzinfo=UTC))
    assert PriceMemory().seen(far, ZONE, START).shape.days == 0


def spot(prices: PriceForecast | None, now: datetime) -> tuple[list[float], list[bool], str]:
    weather = WeatherForecast(starts_at=now, step_s=3600, outdoor_c=[2.0], ghi_w_per_m2=[0.0])
    horizon = build_horizon(
        now=now, step_s=3600, length_s=48 * 3600, prices=prices, weather=weather, tariff=FREE
    )
    return list(horizon.spot_per_kwh), list(horizon.price_known), horizon.notes[0]


def forecast(series: PriceSeries, memory: PriceMemory) -> PriceForecast:
    return PriceForecast(
        starts_at=series.starts_at,
        step_s=series.step_s,
        per_kwh=series.per_kwh,
        beyond=memory.beyond(ZONE),
    )


def test_known_prices_stay_and_unknown_ones_come_from_the_shape() -> None:
    series = hourly(12)
    now = START + timedelta(days=11)
    memory = learned(series)
    found, known, note = spot(forecast(series, memory), now)
    assert known == [True] * 24 + [False] * 24
    assert found[:24] == pytest.approx(list(series.per_kwh[-24:]))
    expected = [memory.beyond(ZONE)(now + timedelta(hours=h)) for h in range(24, 48)]
    assert found[24:] == expected
    assert note == "the price of 24 h is a guess from the shape of the days before"


def test_before_a_week_is_known_the_guess_is_that_of_the_known_days() -> None:
    series = hourly(FIRST_DAYS - 1)
    now = START + timedelta(days=FIRST_DAYS - 2)
    without = replace(forecast(series, learned(series)), beyond=lambda _: None)
    assert spot(forecast(series, learned(series)), now) == spot(without, now)
    assert spot(None, now)[0] == [0.10] * 48


def test_a_shape_stands_in_where_no_price_is_left() -> None:
    lost = replace(hourly(1), per_kwh=(None,) * 24)
    found, known, _ = spot(forecast(lost, learned(hourly(14))), START + timedelta(days=14))
    assert not any(known)
    assert max(found) > 2.0 * min(found) > 0.0


@pytest.mark.parametrize("days", [2, 14])
def test_no_guess_is_negative_however_negative_the_days_before_were(days: int) -> None:
    series = hourly(days)
    paid = replace(series, per_kwh=tuple(-1.0 for _ in series.per_kwh))
    now = START + timedelta(days=days - 1)
    found, known, _ = spot(forecast(paid, learned(paid)), now)
    assert found[0] == -1.0
    assert min(p for p, k in zip(found, known, strict=True) if not k) == 0.0
