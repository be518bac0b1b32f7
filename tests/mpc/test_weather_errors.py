"""Earlier forecasts are judged when their time comes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.building import EmitterKind, MassClass, archetype
from mpc.forecast_errors import ForecastErrors, mean_before, room_square_k2
from mpc.weather_errors import LEADS_S, Came, Told, WeatherErrors, usual_outdoor_k

AT = datetime(2024, 3, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOUSE = archetype(year=1972, area_m2=140.0, mass=MassClass.LIGHT, emitter=EmitterKind.RADIATOR)


def lived(
    days: int, *, error_k: float | None, sun: float = 1.0, newer: bool = True
) -> WeatherErrors:
    """Forecasts of 5 °C and 400 W/m2 every hour; what comes differs by this."""
    errors = WeatherErrors()
    for hour in range(24 * days):
        at = AT + hour * HOUR
        errors = errors.came(
            Came(
                at=at,
                issued_at=at if newer else AT - HOUR,
                outdoor_c=None if error_k is None else 5.0 + error_k,
                ghi_w_per_m2=400.0 * sun,
            )
        )
        if errors.asks(at):
            errors = errors.told(told(at))
    return errors


def told(at: datetime) -> Told:
    return Told(
        at=at,
        issued_at=at - HOUR,
        outdoor_c=(5.0,) * len(LEADS_S),
        ghi_w_per_m2=(400.0,) * len(LEADS_S),
    )


def test_before_anything_was_compared_the_usual_errors_hold() -> None:
    found = WeatherErrors().now(AT, AT)
    low_k, high_k = found.outdoor_k[LEADS_S.index(24 * 3600.0)]
    assert high_k == -low_k == pytest.approx(1.28 * usual_outdoor_k(24 * 3600.0), abs=0.01)
    assert found.weather_days == 0.0


def test_a_sensor_above_all_forecasts_moves_the_upper_quantile() -> None:
    low_k, high_k = lived(20, error_k=2.0).now(AT, AT).outdoor_k[0]
    assert high_k > 1.5
    assert high_k > -low_k


def test_good_forecasts_narrow_the_band_at_every_lead() -> None:
    good, usual = lived(20, error_k=0.1).now(AT, AT), WeatherErrors().now(AT, AT)
    for mine, theirs in zip(good.outdoor_k, usual.outdoor_k, strict=True):
        assert mine[1] - mine[0] < 0.6 * (theirs[1] - theirs[0])


def test_without_a_sensor_the_usual_temperature_errors_stay() -> None:
    found = lived(10, error_k=None, sun=0.5)
    assert all(band.days == 0.0 for band in found.outdoor)
    assert all(band.days > 0.0 for band in found.sun)


def test_a_forecast_is_no_judge_of_itself() -> None:
    found = lived(10, error_k=0.5, newer=False)
    assert all(band.days == 0.0 for band in found.sun)


def test_the_night_tells_nothing_of_the_sun() -> None:
    assert all(band.days == 0.0 for band in lived(10, error_k=0.5, sun=0.0).sun)


def test_an_old_forecast_is_less_sure_than_usual() -> None:
    errors = lived(10, error_k=0.5)
    fresh, old = errors.now(AT, AT), errors.now(AT, AT - timedelta(days=2))
    for new, aged in zip(fresh.outdoor_k, old.outdoor_k, strict=True):
        assert aged[1] > new[1]
        assert aged[0] < new[0]
    assert old.weather_age_s == 2 * 86400.0


def test_no_forecast_has_no_errors() -> None:
    assert lived(3, error_k=0.5).now(AT, None) == ForecastErrors()


def test_a_comparison_that_comes_late_lapses() -> None:
    kept = WeatherErrors().told(told(AT))
    late = AT + timedelta(seconds=LEADS_S[0]) + timedelta(minutes=11)
    after = kept.came(Came(at=late, issued_at=late, outdoor_c=9.0, ghi_w_per_m2=1.0))
    assert after.outdoor == kept.outdoor


def test_a_clock_that_was_set_back_drops_what_lies_ahead_of_it() -> None:
    kept = WeatherErrors().told(told(AT))
    back = AT - timedelta(days=1)
    after = kept.came(Came(at=back, issued_at=None, outdoor_c=5.0, ghi_w_per_m2=None))
    assert after.open == ()
    assert after.asks(back)


def test_open_comparisons_stay_few() -> None:
    assert len(lived(10, error_k=0.0).open) <= 17


@given(ghi=st.floats(0.0, 900.0), span_h=st.sampled_from([1.0, 2.0, 4.0]))
def test_more_sun_makes_rooms_less_sure_and_so_does_more_time(ghi: float, span_h: float) -> None:
    errors = WeatherErrors().now(AT, AT)
    here = room_square_k2(errors, HOUSE, span_h * 3600.0, ghi)
    assert here <= room_square_k2(errors, HOUSE, span_h * 3600.0, ghi + 50.0)
    assert here <= room_square_k2(errors, HOUSE, span_h * 3600.0 + 1800.0, ghi)
    assert room_square_k2(ForecastErrors(), HOUSE, span_h * 3600.0, ghi) == 0.0


def test_a_house_without_windows_feels_only_the_air() -> None:
    errors = WeatherErrors().now(AT, AT)
    blind = replace(HOUSE, solar_aperture_m2=0.0)
    assert room_square_k2(errors, blind, 7200.0, 500.0) == pytest.approx(
        room_square_k2(errors, HOUSE, 7200.0, 0.0)
    )


def test_the_mean_before_an_index_takes_what_there_is() -> None:
    assert mean_before((1.0, 3.0, 5.0), 3, 2) == 4.0
    assert mean_before((1.0, 3.0), 1, 8) == 1.0
    assert mean_before((), 0, 4) == 0.0
