"""A week without any service: the house stays warm on fallbacks, and the records say which."""

from dataclasses import replace
from datetime import timedelta
from statistics import fmean

import pytest
from scripted import Story, at_hour, play, spec

from bench.run import archive_of
from controller.forecasts import KNOWN
from controller.recorder import Records
from drivers.errors import LinkLostError
from drivers.prices.backed_up import BackedUpPrices
from drivers.prices.live import LivePrices
from drivers.transports.in_memory_http import MemoryWebLink, Reply
from drivers.weather.answers import Place
from drivers.weather.live import LiveWeather
from drivers.weather.open_meteo import OpenMeteo
from tests.drivers.served import KINDS, Served, as_open_meteo

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


FIRST = "api.energidataservice.dk/dataset/DayAheadPrices cannot be reached"
SECOND = "web-api.tp.entsoe.eu/api cannot be reached"
SKY = "api.open-meteo.com/v1/forecast cannot be reached"


class Web:
    """Two price services and one for weather, as their documentation describes them."""

    def __init__(self):
        self.at = WEEK.start_at
        self._archive = archive_of(WEEK)
        spot = self._archive.zone.spot_per_kwh

        def price(at):
            return 1000.0 * spot.per_kwh[(at - spot.starts_at) // timedelta(hours=1)]

        self.first = Served(
            KINDS["energi_data_service"], price, lambda: self.at,
            silent=lambda at: FIRST_FAILS <= at < BACK,
        )  # fmt: skip
        self.second = Served(
            KINDS["entsoe"], price, lambda: self.at, silent=lambda at: ALL_FAIL <= at < BACK
        )
        self.sky = MemoryWebLink(self._forecast)

    def _forecast(self, request):
        if ALL_FAIL <= self.at < BACK:
            raise LinkLostError(f"{request.place} cannot be reached")
        return Reply(as_open_meteo(self._archive.weather_at(self.at)))

    @property
    def prices(self):
        sources = [
            LivePrices(served.service, "EUR", seed="house") for served in (self.first, self.second)
        ]
        return AtTheTime(self, BackedUpPrices(*sources))

    @property
    def weather(self):
        place = Place(latitude_deg=55.4, longitude_deg=10.4, altitude_m=None)
        return AtTheTime(self, LiveWeather(OpenMeteo(self.sky, place), seed="house"))


class AtTheTime:
    """A source that tells the web what time it is."""

    def __init__(self, web, source):
        self._web, self._source = web, source

    async def fetch(self, now):
        self._web.at = now
        return await self._source.fetch(now)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, Web]:
    web = Web()

    def online(outside):
        return replace(outside, prices=web.prices, weather=web.weather)

    return play(tmp_path_factory.mktemp("week"), {}, run_spec=WEEK, outside=online), web


def test_house_stays_warm_through_a_week_without_services(
    week: tuple[Story, Web],
) -> None:
    story, _ = week
    rooms_c = story.rooms_c()
    assert min(rooms_c) > 18.5
    assert max(rooms_c) < 23.0
    for first in range(0, len(rooms_c) - DAY, DAY):
        assert 20.5 < fmean(rooms_c[first : first + DAY]) < 21.5
    assert story.steered(at_hour(0.1), WEEK.end_at)


def test_records_say_through_the_week_which_service_fails(
    week: tuple[Story, Web],
) -> None:
    story, _ = week
    both = f"prices: {FIRST}; and of its backup: {SECOND}"
    dark = story.between(ALL_FAIL + timedelta(hours=24), BACK)
    assert len(dark) == 6 * 24 * 12
    assert all(both in record.notes for record in dark)
    assert all(f"weather: {SKY}" in r.notes for r in dark)
    light = story.between(BACK + timedelta(hours=2), WEEK.end_at)
    assert light
    assert not any("cannot be reached" in note for record in light for note in record.notes)


def test_records_say_when_the_second_service_stands_in(
    week: tuple[Story, Web],
) -> None:
    story, _ = week
    remark = f"prices: ENTSO-E DK1 stands in: {FIRST}"
    standing_in = story.between(at_hour(7.5), ALL_FAIL)
    assert standing_in
    assert all(remark in record.notes for record in standing_in)


def test_last_good_prices_stay_in_the_records_with_the_time_of_their_issue(
    week: tuple[Story, Web],
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
    assert prices.source == "ENTSO-E DK1"
    assert FIRST_FAILS <= prices.issued_at < ALL_FAIL


def test_silent_services_are_not_pestered(week: tuple[Story, Web]) -> None:
    _, web = week
    for link in (web.first.link, web.second.link, web.sky):
        assert 20 < len(link.asked) < 8 * 24 + 24
