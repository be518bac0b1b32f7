"""Every forecast of a plan has an age and errors, and the plan's band is sized by them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from asking import first_request

from controller.config import HouseConfig
from controller.experience import EXPERIENCE, Experience
from controller.forecast_words import forecast_words, forecasts_as_dict
from controller.forecasts import Known
from controller.margin import LEADS_S, Errors, Margin, weather_at_leads_k2, weather_over_k2
from controller.model import house_model
from controller.snapshot import Reading, Snapshot
from drivers.api import PriceSeries, Signal, WeatherSeries
from drivers.testing import AN_INSTANT
from mpc.plan import PlanRequest
from mpc.weather_errors import LEADS_S as WEATHER_LEADS_S

NOW = AN_INSTANT
HOUR = timedelta(hours=1)
DAYLIGHT = range(9, 16)


def weather(issued_at: datetime, outdoor_c: float = 2.0, sun_w_per_m2: float = 600.0) -> Known:
    """A forecast of three days from its issue on, with sun in the middle of the day."""
    at = [issued_at + HOUR * k for k in range(72)]
    series = WeatherSeries(
        issued_at=issued_at,
        starts_at=issued_at,
        step_s=3600,
        outdoor_c=(outdoor_c,) * len(at),
        ghi_w_per_m2=tuple(sun_w_per_m2 if a.hour in DAYLIGHT else 0.0 for a in at),
        source="test",
    )
    return Known(weather=series)


def look(at: datetime, outdoor_c: float = 3.0) -> Snapshot:
    values = {Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: outdoor_c}
    return Snapshot(at, {signal: Reading(value, at) for signal, value in values.items()})


@pytest.fixture
def lived(config: HouseConfig) -> Experience:
    """Ten days of hourly looks up to now; the sensor goes its own way by the hour."""
    found, model = Experience(), house_model(config)
    for hour in range(240):
        at = NOW - HOUR * (239 - hour)
        found = found.seen(
            look(at, 2.0 + 0.3 * (hour % 7)), config, model,
            running_s=0.0, asked=False, known=weather(at),
        )  # fmt: skip
    return found


@pytest.fixture
def ask(config: HouseConfig) -> Callable[..., PlanRequest]:
    def make(experience: Experience, known: Known) -> PlanRequest:
        return first_request(look(NOW), config, known=known, experience=experience)

    return make


def missed(experience: Experience, request: PlanRequest, error_k: float = 0.25) -> Experience:
    """The same after rooms missed by this for days, in weather as unsure as that of `request`."""
    usual = weather_at_leads_k2(request.horizon, request.building)
    errors = tuple(Errors(400.0, error_k**2, k2, 400.0) for k2 in usual)
    return replace(experience, margin=Margin(errors=errors))


def test_errors_are_watched_at_every_lead(lived: Experience) -> None:
    assert all(band.days > 5.0 for band in lived.weather.outdoor)
    assert all(band.days > 1.0 for band in lived.weather.sun)
    assert lived.weather.usual_age_s == 0.0


def test_a_request_tells_age_and_errors_of_its_weather(
    lived: Experience, ask: Callable[..., PlanRequest]
) -> None:
    errors = ask(lived, weather(NOW - 5 * HOUR)).horizon.errors
    assert errors is not None
    assert errors.weather_age_s == 5 * 3600.0
    assert errors.leads_s == WEATHER_LEADS_S
    assert all(low < 0.0 < high for low, high in (*errors.outdoor_k, *errors.sun_log))


def test_on_the_first_day_the_band_is_as_it_was_before(
    config: HouseConfig, ask: Callable[..., PlanRequest]
) -> None:
    request = ask(Experience(), weather(NOW))
    assert set(request.comfort.kept_k) == {config.comfort.margin_k}


def test_more_is_kept_free_where_much_sun_is_forecast(
    lived: Experience, ask: Callable[..., PlanRequest]
) -> None:
    request = ask(lived, weather(NOW))
    kept = ask(missed(lived, request), weather(NOW)).comfort.kept_k
    ends = [request.horizon.starts_at + timedelta(minutes=15 * (k + 1)) for k in range(len(kept))]
    noon = [k for k, at in zip(kept, ends, strict=True) if at.hour == 14 and at > NOW + 6 * HOUR]
    night = [k for k, at in zip(kept, ends, strict=True) if at.hour == 2]
    assert min(noon) > max(night) + 0.02


def test_more_is_kept_free_while_the_forecast_is_old(
    lived: Experience, ask: Callable[..., PlanRequest]
) -> None:
    """The forecast says the same, but was issued two days ago."""
    series = weather(NOW, sun_w_per_m2=0.0).weather
    assert series is not None
    fresh = Known(weather=series)
    old = Known(weather=replace(series, issued_at=NOW - timedelta(days=2)))
    seen = missed(lived, ask(lived, fresh))
    pairs = zip(ask(seen, fresh).comfort.kept_k, ask(seen, old).comfort.kept_k, strict=True)
    assert all(aged > new for new, aged in pairs)


def test_without_any_forecast_nothing_is_said_of_the_weather(
    lived: Experience, ask: Callable[..., PlanRequest]
) -> None:
    request = ask(lived, Known())
    assert request.horizon.errors is not None
    assert request.horizon.errors.weather_age_s is None
    assert set(weather_over_k2(request.horizon, request.building)) == {0.0}
    assert weather_at_leads_k2(request.horizon, request.building) == (0.0,) * len(LEADS_S)


def test_a_restart_keeps_what_was_watched(lived: Experience) -> None:
    assert EXPERIENCE.validate_json(EXPERIENCE.dump_json(lived)) == lived


def test_prices_tell_their_age_and_what_they_may_miss(
    config: HouseConfig, ask: Callable[..., PlanRequest]
) -> None:
    experience, model = Experience(), house_model(config)
    prices = Known()
    for day in range(20):
        start = NOW.replace(hour=0, minute=0) - timedelta(days=19 - day) - HOUR
        series = PriceSeries(
            issued_at=start,
            starts_at=start,
            step_s=3600,
            per_kwh=tuple(0.1 + 0.01 * ((hour + day) % 5) for hour in range(25)),
            currency="EUR",
            source="test",
        )
        prices = Known(prices=series)
        experience = experience.seen(
            look(start), config, model, running_s=0.0, asked=False, known=prices
        )
    request = ask(experience, prices)
    errors = request.horizon.errors
    assert errors is not None
    assert errors.price_days == 20
    assert errors.price_age_s == (NOW - start).total_seconds()
    assert [low < 0.0 < high for low, high in errors.price_per_kwh] == [True, True]
    words = forecast_words(request.horizon, "EUR")
    assert "EUR/kWh off its usual shape" in words[0]
    assert words[-1].startswith("note: ")


def test_explain_tells_the_weather_in_words_and_numbers(
    lived: Experience, ask: Callable[..., PlanRequest]
) -> None:
    horizon = ask(lived, weather(NOW - timedelta(minutes=30))).horizon
    words = forecast_words(horizon, "EUR")
    assert words[0].startswith("Weather of 30 min ago; a day ahead it is -")
    told = forecasts_as_dict(horizon)
    assert set(told["outdoor_error_k"]) == {"3 h", "6 h", "12 h", "24 h", "48 h"}
    low, high = told["sun_over_forecast"]["24 h"]
    assert low < 1.0 < high
    assert forecasts_as_dict(replace(horizon, errors=None))["weather_age_s"] is None
    assert forecast_words(replace(horizon, errors=None, notes=("why",)), "EUR") == ["note: why"]
