"""A week without any service: the house stays warm on fallbacks, and the records say which."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import fmean

import pytest
from scripted import Story, at_hour, play, spec

from controller.forecasts import KNOWN
from controller.recorder import Records
from drivers.errors import LinkLostError, TransientError
from drivers.prices.backed_up import BackedUpPrices
from drivers.prices.live import LivePrices
from drivers.prices.polling import EURO_AUCTION
from drivers.prices.series import series_of, spans_of

FIRST_FAILS, ALL_FAIL, BACK = at_hour(4), at_hour(8), at_hour(8 + 7 * 24)
WEEK = spec(
    days=8,
    control=(
        ("cycle", "5 min"),
        ("plan_every", "2 h"),
        ("horizon", "24 h"),
        ("step", "30 min"),
        ("refine", False),
    ),  # coarse, to save time
)


DAY = 24 * 12  # cycles
pytestmark = pytest.mark.timeout(480)


class Exchange:
    """The archive's prices as a service that can be asked for a window, until it falls silent."""

    publication = EURO_AUCTION

    def __init__(self, name, source, *, silent_from):
        self.name = name
        self.questions = 0
        self._source = source
        self._silent_from = silent_from

    async def ask(self, since, until, at):
        self.questions += 1
        if self._silent_from <= at < BACK:
            raise LinkLostError(f"{self.name} cannot be reached")
        series = await self._source.fetch(at)
        inside = [span for span in spans_of(series) if since <= span.starts_at < until]
        return series_of(inside, issued_at=at, currency=series.currency, source=self.name)


class Sky:
    """The archive's weather, silent for the same week."""

    def __init__(self, source):
        self._source = source

    async def fetch(self, now):
        if ALL_FAIL <= now < BACK:
            raise TransientError("the weather service cannot be reached")
        return await self._source.fetch(now)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, list[Exchange]]:
    exchanges: list[Exchange] = []

    def cut_off(outside):
        first = Exchange("First Exchange", outside.prices, silent_from=FIRST_FAILS)
        second = Exchange("Second Exchange", outside.prices, silent_from=ALL_FAIL)
        exchanges.extend([first, second])
        sources = [LivePrices(exchange, "EUR", seed="house") for exchange in exchanges]
        return replace(outside, prices=BackedUpPrices(*sources), weather=Sky(outside.weather))

    directory: Path = tmp_path_factory.mktemp("week")
    return play(directory, {}, run_spec=WEEK, outside=cut_off), exchanges


def test_house_stays_warm_through_a_week_without_services(
    week: tuple[Story, list[Exchange]],
) -> None:
    story, _ = week
    rooms_c = story.rooms_c()
    assert min(rooms_c) > 18.5
    assert max(rooms_c) < 23.0
    for first in range(0, len(rooms_c) - DAY, DAY):
        assert 20.5 < fmean(rooms_c[first : first + DAY]) < 21.5
    assert story.steered(at_hour(0.1), WEEK.end_at)


def test_records_say_through_the_week_which_service_fails(
    week: tuple[Story, list[Exchange]],
) -> None:
    story, _ = week
    both = (
        "prices: First Exchange cannot be reached; and of its backup: "
        "Second Exchange cannot be reached"
    )
    dark = story.between(ALL_FAIL + timedelta(hours=24), BACK)
    assert len(dark) == 6 * 24 * 12
    assert all(both in record.notes for record in dark)
    assert all("weather: the weather service cannot be reached" in r.notes for r in dark)
    light = story.between(BACK + timedelta(hours=2), WEEK.end_at)
    assert light
    assert not any("cannot be reached" in note for record in light for note in record.notes)


def test_records_say_when_the_second_service_stands_in(
    week: tuple[Story, list[Exchange]],
) -> None:
    story, _ = week
    remark = "prices: Second Exchange stands in: First Exchange cannot be reached"
    standing_in = story.between(at_hour(7.5), ALL_FAIL)
    assert standing_in
    assert all(remark in record.notes for record in standing_in)


def test_last_good_prices_stay_in_the_records_with_the_time_of_their_issue(
    week: tuple[Story, list[Exchange]],
) -> None:
    story, _ = week
    store = Records(story.config.storage.directory / "records.db")
    try:
        last = story.between(ALL_FAIL, BACK)[-1]
        assert last.forecast_hash is not None
        text = store.content(last.forecast_hash)
    finally:
        store.close()
    assert text is not None
    prices = KNOWN.validate_json(text).prices
    assert prices is not None
    assert prices.source == "Second Exchange"
    assert FIRST_FAILS <= prices.issued_at < ALL_FAIL


def test_silent_services_are_not_pestered(week: tuple[Story, list[Exchange]]) -> None:
    _, exchanges = week
    assert all(exchange.questions < 7 * 24 + 12 for exchange in exchanges)
