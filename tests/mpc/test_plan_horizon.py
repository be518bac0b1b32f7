from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mpc.horizon import Horizon, PriceForecast, WeatherForecast, build_horizon
from mpc.tariff import Tariff

FREE = Tariff(margin_frac=0.0, adder_per_kwh=0.0, vat_frac=0.0, currency="EUR")
DANISH = ZoneInfo("Europe/Copenhagen")
MIDNIGHT = datetime(2024, 1, 15, tzinfo=UTC)
DAY_S = 86_400


def mild(starts_at: datetime, hours: int = 100) -> WeatherForecast:
    return WeatherForecast(
        starts_at=starts_at,
        step_s=3600,
        outdoor_c=tuple(float(h) for h in range(hours)),
        ghi_w_per_m2=(0.0,) * hours,
    )


def horizon(
    now: datetime,
    prices: PriceForecast | None,
    *,
    weather: WeatherForecast | None = None,
    step_s: int = 900,
    length_s: int = DAY_S,
    tariff: Tariff = FREE,
) -> Horizon:
    return build_horizon(
        now=now,
        step_s=step_s,
        length_s=length_s,
        prices=prices,
        weather=mild(MIDNIGHT - timedelta(days=1)) if weather is None else weather,
        tariff=tariff,
    )


def hourly(starts_at: datetime, values: tuple[float | None, ...]) -> PriceForecast:
    return PriceForecast(starts_at=starts_at, step_s=3600, per_kwh=values)


def test_the_first_step_contains_now_and_lies_on_the_grid() -> None:
    now = MIDNIGHT + timedelta(hours=7, minutes=44, seconds=59)
    h = horizon(now, hourly(MIDNIGHT, (0.1,) * 48))
    assert h.starts_at == MIDNIGHT + timedelta(hours=7, minutes=30)
    assert h.starts_at.utcoffset() == timedelta(0)
    assert len(h.price_per_kwh) == len(h.outdoor_c) == len(h.price_known) == 96
    on_edge = horizon(MIDNIGHT + timedelta(minutes=45), hourly(MIDNIGHT, (0.1,) * 48))
    assert on_edge.starts_at == MIDNIGHT + timedelta(minutes=45)


@pytest.mark.parametrize("price_step_s", [900, 1800, 3600])
def test_prices_of_every_usual_resolution_fall_on_their_steps(price_step_s: int) -> None:
    count = DAY_S // price_step_s
    series = PriceForecast(
        starts_at=MIDNIGHT, step_s=price_step_s, per_kwh=tuple(float(i) for i in range(count))
    )
    h = horizon(MIDNIGHT, series)
    assert h.spot_per_kwh == pytest.approx([float(k * 900 // price_step_s) for k in range(96)])
    assert all(h.price_known)
    assert h.notes == ()


def test_a_coarse_step_gets_the_mean_of_the_prices_it_covers() -> None:
    series = PriceForecast(starts_at=MIDNIGHT, step_s=900, per_kwh=(1.0, 2.0, 3.0, 4.0) * 24)
    h = horizon(MIDNIGHT, series, step_s=3600)
    assert h.spot_per_kwh == pytest.approx([2.5] * 24)


def test_a_step_is_known_only_when_all_of_it_is() -> None:
    half = PriceForecast(starts_at=MIDNIGHT, step_s=900, per_kwh=(0.1, 0.1, None, 0.1) * 24)
    assert not any(horizon(MIDNIGHT, half, step_s=3600).price_known)


def test_known_prices_are_never_altered_and_the_rest_is_a_marked_guess() -> None:
    known = tuple(0.1 + 0.01 * h for h in range(24))
    h = horizon(MIDNIGHT, hourly(MIDNIGHT, known), length_s=2 * DAY_S, step_s=3600)
    assert h.spot_per_kwh[:24] == pytest.approx(known)
    assert h.price_known == (True,) * 24 + (False,) * 24
    assert any("24 h" in note and "guess" in note for note in h.notes)


def test_the_guess_is_the_known_shape_shrunk_to_the_mean() -> None:
    known = tuple(0.1 + 0.01 * h for h in range(24))
    mean = sum(known) / 24
    h = horizon(MIDNIGHT, hourly(MIDNIGHT, known), length_s=2 * DAY_S, step_s=3600)
    assert h.spot_per_kwh[24:] == pytest.approx([mean + 0.5 * (p - mean) for p in known])
    twice = horizon(
        MIDNIGHT + timedelta(days=1),
        hourly(MIDNIGHT, (*known, *known)),
        length_s=2 * DAY_S,
        step_s=3600,
    )
    assert twice.spot_per_kwh[24:] == pytest.approx([mean + (p - mean) * 2 / 3 for p in known])


def test_the_guess_depends_on_nothing_but_known_prices() -> None:
    known = (0.1, 0.3, 0.2, None, 0.4)
    padded = (*known, None, None, None)
    plain, longer = (horizon(MIDNIGHT, hourly(MIDNIGHT, v)) for v in (known, padded))
    assert plain.spot_per_kwh == longer.spot_per_kwh
    guesses = [s for s, k in zip(plain.spot_per_kwh, plain.price_known, strict=True) if not k]
    assert min(guesses) >= 0.1
    assert max(guesses) <= 0.4


@pytest.mark.parametrize("prices", [None, hourly(MIDNIGHT, (None,) * 24), hourly(MIDNIGHT, ())])
def test_without_any_price_the_horizon_is_flat_and_says_so(prices: PriceForecast | None) -> None:
    h = horizon(MIDNIGHT, prices)
    assert len(set(h.spot_per_kwh)) == 1
    assert not any(h.price_known)
    assert any("flat price" in note for note in h.notes)


def test_zero_and_negative_prices_are_prices() -> None:
    h = horizon(MIDNIGHT, hourly(MIDNIGHT, (0.0, -0.2) * 12), step_s=3600)
    assert h.spot_per_kwh == pytest.approx((0.0, -0.2) * 12)
    assert all(h.price_known)


@pytest.mark.parametrize(
    ("start", "hours"),
    [(datetime(2024, 3, 31, tzinfo=DANISH), 23), (datetime(2024, 10, 27, tzinfo=DANISH), 25)],
)
def test_the_days_of_both_clock_changes_have_their_true_length(start: datetime, hours: int) -> None:
    prices = hourly(start, tuple(float(i) for i in range(hours)))
    h = horizon(start, prices, weather=mild(start), step_s=3600, length_s=26 * 3600)
    assert sum(h.price_known) == hours
    assert h.spot_per_kwh[:hours] == pytest.approx([float(i) for i in range(hours)])
    next_midnight = (start + timedelta(days=1)).astimezone(UTC)
    assert h.starts_at + timedelta(hours=hours) == next_midnight


def test_weather_is_averaged_over_each_step() -> None:
    h = horizon(MIDNIGHT, None, weather=mild(MIDNIGHT), step_s=7200)
    assert h.outdoor_c == pytest.approx([2.0 * k + 0.5 for k in range(12)])


def test_weather_beyond_its_end_repeats_its_last_day_and_says_so() -> None:
    h = horizon(MIDNIGHT, None, weather=mild(MIDNIGHT, hours=30), step_s=3600, length_s=2 * DAY_S)
    assert h.outdoor_c[30:] == pytest.approx([float(6 + k) for k in range(18)])
    assert any("18 h" in note and "weather" in note for note in h.notes)


def test_one_measured_temperature_is_weather_enough() -> None:
    single = WeatherForecast(starts_at=MIDNIGHT, step_s=3600, outdoor_c=(3.5,), ghi_w_per_m2=(0.0,))
    h = horizon(MIDNIGHT + timedelta(minutes=50), None, weather=single)
    assert set(h.outdoor_c) == {3.5}
    assert set(h.ghi_w_per_m2) == {0.0}


def test_instants_without_zone_and_empty_forecasts_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        horizon(MIDNIGHT.replace(tzinfo=None), None)
    empty = WeatherForecast(starts_at=MIDNIGHT, step_s=3600, outdoor_c=(), ghi_w_per_m2=())
    with pytest.raises(ValueError, match="weather forecast"):
        horizon(MIDNIGHT, None, weather=empty)
    with pytest.raises(ValueError, match="no horizon"):
        horizon(MIDNIGHT, None, length_s=60)


def test_the_tariff_is_applied_to_every_spot_price() -> None:
    tariff = Tariff(margin_frac=0.1, adder_per_kwh=0.2, vat_frac=0.25, currency="EUR")
    assert tariff.price_per_kwh(0.1) == pytest.approx((0.1 * 1.1 + 0.2) * 1.25)
    assert tariff.price_per_kwh(-1.0) < 0.0
    h = horizon(MIDNIGHT, hourly(MIDNIGHT, (0.1,) * 24), tariff=tariff)
    assert h.price_per_kwh == pytest.approx([tariff.price_per_kwh(0.1)] * 96)
