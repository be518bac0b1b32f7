"""When weather services are asked, how answers are put together, and what stands in."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from drivers.api import WeatherSeries
from drivers.errors import DriverError, LinkLostError, SlowDownError, TransientError
from drivers.weather.backed_up import BackedUpWeather
from drivers.weather.live import LiveWeather
from drivers.weather.series import with_past
from tests.drivers.priced import at

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOW = at("2026-01-15 07:00")


def forecast(starts_at: datetime, level_c: float = 1.0, hours: int = 48) -> WeatherSeries:
    return WeatherSeries(
        issued_at=starts_at, starts_at=starts_at, step_s=3600, outdoor_c=(level_c,) * hours,
        ghi_w_per_m2=(50.0,) * hours, source="sky", wind_m_s=(3.0,) * hours,
    )  # fmt: skip


@dataclass
class Service:
    """A service that gives a forecast from the running hour on, unless told to fail."""

    name: str = "sky"
    level_c: float = 1.0
    lead: timedelta = timedelta(0)
    failure: DriverError | None = None
    asked: list[datetime] = field(default_factory=list)

    async def ask(self, at: datetime) -> WeatherSeries:
        self.asked.append(at)
        if self.failure is not None:
            raise self.failure
        return forecast(at.replace(minute=0) + self.lead, self.level_c)


async def through(source: LiveWeather, first: datetime, hours: float) -> list[WeatherSeries | str]:
    """Fetched every quarter of an hour, as the service does."""
    told: list[WeatherSeries | str] = []
    for quarter in range(round(4 * hours)):
        try:
            told.append(await source.fetch(first + 15 * quarter * MINUTE))
        except DriverError as error:
            told.append(str(error))
    return told


async def test_a_service_that_answers_is_asked_about_once_an_hour() -> None:
    service = Service()
    await through(LiveWeather(service, seed="house"), NOW, 24)
    assert 18 <= len(service.asked) <= 24


async def test_a_failing_service_is_asked_ever_less_and_its_failure_told_each_time() -> None:
    service = Service(failure=LinkLostError("gone"))
    told = await through(LiveWeather(service, seed="house"), NOW, 24)
    assert told == ["gone"] * 96
    assert len(service.asked) <= 27


async def test_a_service_that_asks_for_patience_gets_it() -> None:
    service = Service(failure=SlowDownError("429", retry_at=NOW + 5 * HOUR))
    await through(LiveWeather(service, seed="house"), NOW, 5)
    assert len(service.asked) == 1


async def test_the_running_hour_stays_known_when_a_new_forecast_begins_later() -> None:
    service = Service()
    source = LiveWeather(service, seed="house")
    await source.fetch(NOW)
    service.lead, service.level_c = 2 * HOUR, 5.0
    series = await source.fetch(NOW + 3 * HOUR)
    assert series.starts_at == NOW
    assert list(series.outdoor_c[:6]) == [1.0] * 5 + [5.0]
    assert len(series.wind_m_s or ()) == len(series.ghi_w_per_m2) == len(series.outdoor_c)


def test_the_past_is_kept_for_a_day_and_never_over_a_gap() -> None:
    held = forecast(NOW, hours=60)
    fresh = forecast(NOW + 30 * HOUR, 5.0)
    assert with_past(fresh, held).starts_at == NOW + 6 * HOUR
    after_a_gap = forecast(NOW + 61 * HOUR, 5.0)
    assert with_past(after_a_gap, held) is after_a_gap


async def test_the_second_source_stands_in_only_after_hours_without_the_first() -> None:
    first, second = Service(), Service(name="other", level_c=9.0)
    both = BackedUpWeather(LiveWeather(first, seed="a"), LiveWeather(second, seed="a"))
    assert (await both.fetch(NOW)).remark == ""
    first.failure = LinkLostError("gone")
    soon = await both.fetch(NOW + 2 * HOUR)
    assert soon.outdoor_c[0] == 1.0
    assert soon.remark == "sky of 15 Jan 07:00 UTC: gone"
    assert not second.asked
    later = await both.fetch(NOW + 7 * HOUR)
    assert later.outdoor_c[0] == 9.0
    assert later.remark == "sky stands in: gone"
    first.failure = None
    assert (await both.fetch(NOW + 9 * HOUR)).outdoor_c[-1] == 1.0


async def test_when_both_fail_both_are_named() -> None:
    both = BackedUpWeather(
        LiveWeather(Service(failure=LinkLostError("gone")), seed="a"),
        LiveWeather(Service(failure=TransientError("empty")), seed="a"),
    )
    with pytest.raises(TransientError, match="gone; and of its backup: empty"):
        await both.fetch(NOW)
