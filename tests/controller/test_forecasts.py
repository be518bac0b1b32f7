"""Prices and weather: the last good answer stays, its failures are told, restarts lose nothing."""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.clock import SteppedClock
from controller.forecasts import KNOWN, Forecasts, Known
from controller.store import Store, open_store
from drivers.api import PriceSeries, WeatherSeries
from drivers.errors import DriverError, TransientError

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def prices_of(at: datetime) -> PriceSeries:
    return PriceSeries(
        issued_at=at, starts_at=at, step_s=3600, per_kwh=(0.1, None, -0.02), currency="EUR",
        source="test",
    )  # fmt: skip


def weather_of(at: datetime) -> WeatherSeries:
    return WeatherSeries(
        issued_at=at, starts_at=at, step_s=3600, outdoor_c=(0.0, -1.5), ghi_w_per_m2=(0.0, 250.0),
        source="test",
    )  # fmt: skip


@dataclass
class Prices:
    """A source that answers or fails as told."""

    failure: DriverError | None = None
    asked: list[datetime] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def fetch(self, now: datetime) -> PriceSeries:
        self.asked.append(now)
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return prices_of(now)


@dataclass
class Weather:
    """The same for weather."""

    failure: DriverError | None = None

    async def fetch(self, now: datetime) -> WeatherSeries:
        if self.failure is not None:
            raise self.failure
        return weather_of(now)


def forecasts(
    prices: Prices | None, weather: Weather | None, clock: SteppedClock, store: Store
) -> Forecasts:
    return Forecasts(prices, weather, clock=clock, store=store, every_s=900.0)


async def fetched(subject: Forecasts, at: datetime) -> Known:
    async with asyncio.TaskGroup() as tasks:
        subject.consider(at, tasks)
    return subject.known


async def test_answers_come_without_waiting(clock: SteppedClock, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        subject = forecasts(Prices(), Weather(), clock, store)
        async with asyncio.TaskGroup() as tasks:
            subject.consider(AT, tasks)
            assert subject.known == Known()
        assert subject.known == Known(prices_of(AT), weather_of(AT))


async def test_sources_are_asked_at_their_pace_and_one_at_a_time(
    clock: SteppedClock, tmp_path: Path
) -> None:
    with open_store(tmp_path / "state.db") as store:
        prices = Prices()
        subject = forecasts(prices, None, clock, store)
        await fetched(subject, AT)
        await fetched(subject, AT + timedelta(minutes=14))
        assert prices.asked == [AT]
        prices.may_answer.clear()
        async with asyncio.TaskGroup() as tasks:
            subject.consider(AT + HOUR, tasks)
            await asyncio.sleep(0)
            subject.consider(AT + 2 * HOUR, tasks)
            await asyncio.sleep(0)
            prices.may_answer.set()
        assert prices.asked == [AT, AT + HOUR]


async def test_simulated_time_waits_for_the_answers(tmp_path: Path) -> None:
    moved: list[datetime] = []

    async def advance(at: datetime) -> None:
        moved.append(at)

    clock = SteppedClock(AT, advance)
    prices = Prices()
    prices.may_answer.clear()
    with open_store(tmp_path / "state.db") as store:
        subject = forecasts(prices, None, clock, store)
        async with asyncio.TaskGroup() as tasks:
            subject.consider(AT, tasks)
            sleeping = tasks.create_task(clock.sleep_until(AT + HOUR))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not sleeping.done()
            prices.may_answer.set()
        assert moved == [AT + HOUR]


async def test_a_failing_source_keeps_the_last_good_answer_and_is_noted_once(
    clock: SteppedClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with open_store(tmp_path / "state.db") as store:
        prices, weather = Prices(), Weather()
        subject = forecasts(prices, weather, clock, store)
        await fetched(subject, AT)
        prices.failure = TransientError("the file is being written")
        for hours in (1, 2, 3):
            known = await fetched(subject, AT + hours * HOUR)
            assert known.prices == prices_of(AT)
            assert known.weather == weather_of(AT + hours * HOUR)
            assert known.notes == ("prices: the file is being written",)
        assert caplog.text.count("the last good answer stays in use") == 1
        weather.failure = TransientError("no such file")
        assert (await fetched(subject, AT + 4 * HOUR)).notes == (
            "prices: the file is being written",
            "weather: no such file",
            "weather: test of 2026-01-15 15:00 UTC stays in use",
        )
        prices.failure = weather.failure = None
        assert (await fetched(subject, AT + 5 * HOUR)).notes == ()


async def test_the_last_good_answer_survives_a_restart(clock: SteppedClock, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        await fetched(forecasts(Prices(), Weather(), clock, store), AT)
    with open_store(tmp_path / "state.db") as store:
        dead = Prices(failure=TransientError("no network"))
        subject = forecasts(dead, None, clock, store)
        before = KNOWN.dump_json(Known(prices_of(AT), weather_of(AT)))
        assert KNOWN.dump_json(subject.known) == before
        known = await fetched(subject, AT + HOUR)
        assert KNOWN.dump_json(replace(known, notes=())) == before
        assert known.notes == ("prices: no network",)


@dataclass
class LivePrices(Prices):
    """A source that remembers what it gave before a restart, if it is its own."""

    own: str = "test"
    held: PriceSeries | None = None

    def resume(self, held: PriceSeries) -> bool:
        self.held = held if held.source == self.own else None
        return self.held is not None


@pytest.mark.parametrize(("own", "kept"), [("test", True), ("another zone", False)])
async def test_a_source_takes_up_its_own_prices_and_others_are_dropped(
    clock: SteppedClock, tmp_path: Path, caplog: pytest.LogCaptureFixture, own: str, kept: bool
) -> None:
    with open_store(tmp_path / "state.db") as store:
        await fetched(forecasts(Prices(), Weather(), clock, store), AT)
    with open_store(tmp_path / "state.db") as store:
        source = LivePrices(own=own)
        known = forecasts(source, None, clock, store).known
    assert (known.prices is not None, source.held is not None) == (kept, kept)
    assert known.weather is not None
    assert ("are not used" in caplog.text) is not kept


async def test_what_stands_in_is_noted_beside_the_failures(
    clock: SteppedClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @dataclass
    class Backup(Prices):
        async def fetch(self, now: datetime) -> PriceSeries:
            return replace(prices_of(now), remark="B stands in: A is silent")

    with open_store(tmp_path / "state.db") as store:
        weather = Weather(failure=TransientError("no sky"))
        known = await fetched(forecasts(Backup(), weather, clock, store), AT)
    assert known.notes == ("prices: B stands in: A is silent", "weather: no sky")
    assert "stands in: A is silent\n" in caplog.text


async def test_unreadable_stored_forecasts_are_dropped(
    clock: SteppedClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(tmp_path / "state.db") as store:
        store.save_text("known", '{"prices": {"issued_at": "yesterday"}}')
        assert forecasts(None, None, clock, store).known == Known()
    assert "stored forecasts are unreadable" in caplog.text


async def test_an_instant_is_looked_up_in_the_weather(clock: SteppedClock, tmp_path: Path) -> None:
    with open_store(tmp_path / "state.db") as store:
        subject = forecasts(None, Weather(), clock, store)
        assert subject.outdoor_at(AT) is None
        assert subject.ghi_at(AT) == 0.0
        await fetched(subject, AT)
        assert subject.outdoor_at(AT) == 0.0
        assert subject.outdoor_at(AT + HOUR) == -1.5
        assert subject.ghi_at(AT + 1.9 * HOUR) == 250.0
        assert subject.ghi_at(AT + 2 * HOUR) == 0.0
        assert subject.outdoor_at(AT + 2 * HOUR) is None
        assert subject.outdoor_at(AT - timedelta(seconds=1)) is None
