"""When services are asked, how answers are put together, and what stands in when one fails."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import PriceSeries, ResumingPrices
from drivers.errors import ConfigurationError, DriverError, SlowDownError, TransientError
from drivers.prices.backed_up import BackedUpPrices
from drivers.prices.live import LivePrices
from drivers.prices.octopus import OctopusAgile
from drivers.prices.polling import EURO_AUCTION, Attempt, Publication, jitter, next_ask_at
from drivers.prices.series import Span, ends_at, joined, known_until, series_of, spaced, spans_of
from tests.drivers.priced import at, series

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MORNING = at("2026-01-15 07:00")
PUBLISHED = at("2026-01-15 11:45")  # 12:45 in Brussels
TODAY_ENDS = at("2026-01-15 23:00")
TOMORROW_ENDS = at("2026-01-16 23:00")


@dataclass
class Market:
    """A service that knows a price for every hour that is published, unless told to fail."""

    name: str = "Market"
    publication: Publication = EURO_AUCTION
    failure: DriverError | None = None
    late: timedelta = timedelta(0)
    currency: str = "EUR"
    level: float = 0.1
    preliminary: bool = False
    asked: list[tuple[datetime, datetime, datetime]] = field(default_factory=list)

    async def ask(self, since: datetime, until: datetime, at: datetime) -> PriceSeries:
        self.asked.append((since, until, at))
        if self.failure is not None:
            raise self.failure
        known = self.publication.window(at - self.late)[1]
        hours = int((min(until, known) - since) / HOUR)
        if hours <= 0:
            raise TransientError(f"{self.name}: nothing published yet")
        return PriceSeries(
            issued_at=at, starts_at=since, step_s=3600, per_kwh=(self.level,) * hours,
            currency=self.currency, source=self.name, preliminary=self.preliminary,
        )  # fmt: skip


def live(market: Market, **more: float) -> LivePrices:
    return LivePrices(market, "EUR", seed="house", **more)


async def through(source: LivePrices, first: datetime, last: datetime) -> list[PriceSeries | str]:
    """Fetched every quarter of an hour, as the service does."""
    told: list[PriceSeries | str] = []
    now = first
    while now < last:
        try:
            told.append(await source.fetch(now))
        except DriverError as error:
            told.append(str(error))
        now += 15 * MINUTE
    return told


# ---- the market's day ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        ("2026-01-15 11:44", "2026-01-14 23:00", "2026-01-15 23:00"),
        ("2026-01-15 11:45", "2026-01-14 23:00", "2026-01-16 23:00"),
        ("2025-10-26 12:00", "2025-10-25 22:00", "2025-10-27 23:00"),  # 25 h, then 24 h
        ("2026-03-29 12:00", "2026-03-28 23:00", "2026-03-30 22:00"),  # 23 h, then 24 h
        ("2026-03-28 12:00", "2026-03-27 23:00", "2026-03-29 22:00"),  # 24 h, then 23 h
    ],
)
def test_window_is_today_and_what_is_published(now: str, first: str, last: str) -> None:
    assert EURO_AUCTION.window(at(now)) == (at(first), at(last))


def test_agile_day_ends_an_hour_before_midnight() -> None:
    publication = OctopusAgile.publication
    assert publication.window(at("2026-01-15 15:59")) == (
        at("2026-01-14 23:00"), at("2026-01-15 23:00"),
    )  # fmt: skip
    assert publication.window(at("2026-01-15 16:00"))[1] == at("2026-01-16 23:00")
    assert publication.window(at("2026-07-15 12:00"))[1] == at("2026-07-15 22:00")


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/Brussels", "Europe/London", "Europe/Helsinki"]),
    st.integers(-2, 2),
)
def test_every_instant_lies_in_its_market_day(naive: datetime, zone: str, ends_h: int) -> None:
    publication, now = Publication(zone, time(13), ends_h * HOUR), naive.replace(tzinfo=UTC)
    day = publication.day_of(now)
    following = publication.starts_at(day + timedelta(days=1))
    assert publication.starts_at(day) <= now < following
    assert publication.day_of(following) == day + timedelta(days=1)
    assert following - publication.starts_at(day) in (23 * HOUR, 24 * HOUR, 25 * HOUR)


# ---- when to ask ---------------------------------------------------------------------------------


def test_houses_spread_their_questions_and_each_repeats_its_own() -> None:
    day = TOMORROW_ENDS.date()
    delays = [jitter(f"house {number}", day) for number in range(200)]
    assert len(set(delays)) == 200
    assert timedelta(0) <= min(delays) < MINUTE
    assert 14 * MINUTE < max(delays) < 15 * MINUTE
    assert jitter("house 7", day) == delays[7]


def test_with_todays_prices_in_hand_the_next_question_follows_the_publication() -> None:
    due = next_ask_at(TODAY_ENDS, None, publication=EURO_AUCTION, seed="a")
    assert due == PUBLISHED + jitter("a", at("2026-01-16 00:00").date())
    tomorrow = next_ask_at(TOMORROW_ENDS, None, publication=EURO_AUCTION, seed="a")
    assert tomorrow is not None
    assert tomorrow - PUBLISHED > 24 * HOUR - 15 * MINUTE


def test_without_prices_the_first_question_is_now_and_the_next_ones_wait_longer() -> None:
    assert next_ask_at(None, None, publication=EURO_AUCTION, seed="a") is None
    waits = [
        next_ask_at(None, Attempt(MORNING, failures), publication=EURO_AUCTION, seed="a")
        for failures in (1, 2, 3, 4, 5, 50)
    ]
    assert [(due - MORNING) / MINUTE for due in waits if due] == [5, 10, 20, 40, 60, 60]


def test_service_that_says_when_is_obeyed() -> None:
    attempt = Attempt(MORNING, 1, retry_at=MORNING + 3 * HOUR)
    assert next_ask_at(None, attempt, publication=EURO_AUCTION, seed="a") == MORNING + 3 * HOUR


async def test_day_costs_two_questions() -> None:
    market = Market()
    source = live(market)
    told = await through(source, MORNING, MORNING + 24 * HOUR)
    assert all(isinstance(entry, PriceSeries) for entry in told)
    assert len(market.asked) == 2
    since, until, asked_at = market.asked[1]
    assert (since, until) == (TODAY_ENDS, TOMORROW_ENDS)
    assert timedelta(0) <= asked_at - PUBLISHED <= 30 * MINUTE


async def test_late_publication_is_asked_for_more_and_more_rarely() -> None:
    market = Market(late=4 * HOUR)
    await through(live(market), MORNING, MORNING + 12 * HOUR)
    asked = [asked_at for _, _, asked_at in market.asked[1:]]
    assert 4 <= len(asked) <= 9
    assert asked[-1] - PUBLISHED >= 4 * HOUR
    gaps = [after - before for before, after in pairwise(asked)]
    assert max(gaps) <= HOUR + 15 * MINUTE


async def test_outage_is_told_at_every_fetch_but_the_service_is_asked_rarely() -> None:
    market = Market()
    source = live(market)
    await source.fetch(MORNING)
    market.failure = TransientError("Market: no answer")
    told = await through(source, PUBLISHED + HOUR, PUBLISHED + 7 * 24 * HOUR)
    assert set(map(str, told)) == {"Market: no answer"}
    assert len(market.asked) < 1 + 7 * 24 + 8
    market.failure = None
    back = await through(source, PUBLISHED + 7 * 24 * HOUR, PUBLISHED + 7 * 24 * HOUR + 2 * HOUR)
    assert isinstance(back[-1], PriceSeries)


async def test_refusal_for_haste_is_waited_out() -> None:
    market = Market(failure=SlowDownError("slow", retry_at=MORNING + 2 * HOUR))
    source = live(market)
    await through(source, MORNING, MORNING + 2 * HOUR)
    assert len(market.asked) == 1


async def test_restart_asks_for_nothing_that_is_known() -> None:
    before = await live(Market()).fetch(MORNING)
    market = Market()
    source = live(market)
    assert isinstance(source, ResumingPrices)
    assert source.resume(before)
    assert await source.fetch(MORNING + HOUR) == before
    assert market.asked == []


@pytest.mark.parametrize(("source", "currency"), [("Another", "EUR"), ("Market", "DKK")])
async def test_prices_of_another_zone_or_currency_are_not_resumed(
    source: str, currency: str
) -> None:
    market = Market()
    resumed = live(market)
    held = series("2026-01-14 23:00", [9.0] * 24, source=source, currency=currency)
    assert not resumed.resume(held)
    assert not BackedUpPrices(resumed, live(Market("Second"))).resume(held)
    told = await resumed.fetch(MORNING)
    assert len(market.asked) == 1
    assert 9.0 not in told.per_kwh


# ---- putting answers together --------------------------------------------------------------------


async def test_past_week_stays_beside_the_new_prices() -> None:
    source = live(Market())
    now = MORNING
    for _ in range(12):
        told = await source.fetch(now)
        told = await source.fetch(now + 6 * HOUR)
        now += 24 * HOUR
    asked_at = now - 18 * HOUR
    assert asked_at - timedelta(days=7) - HOUR < told.starts_at <= asked_at - timedelta(days=7)
    assert None not in told.per_kwh


async def test_held_prices_of_long_ago_do_not_stretch_the_series() -> None:
    source = live(Market())
    await source.fetch(MORNING - timedelta(days=800))
    assert len((await source.fetch(MORNING)).per_kwh) == 24


async def test_preliminary_prices_are_asked_for_again_until_final() -> None:
    market = Market(preliminary=True, level=0.1)
    source = live(market)
    assert (await source.fetch(MORNING)).preliminary
    market.preliminary, market.level = False, 0.2
    told = await source.fetch(MORNING + 15 * MINUTE)
    assert not told.preliminary
    assert set(told.per_kwh) == {0.2}
    await source.fetch(MORNING + 30 * MINUTE)
    assert len(market.asked) == 2


async def test_other_currency_is_converted_or_refused() -> None:
    told = await live(Market(currency="SEK"), exchange_rate=0.09).fetch(MORNING)
    assert (told.currency, told.per_kwh[0]) == ("EUR", pytest.approx(0.009))
    with pytest.raises(ConfigurationError, match="exchange_rate"):
        await live(Market(currency="SEK")).fetch(MORNING)


def test_hole_in_a_new_answer_does_not_erase_what_was_known() -> None:
    old = series("2026-01-15 00:00", [1.0, 2.0, 3.0])
    new = series("2026-01-15 00:00", [None, 5.0, None, 7.0])
    assert joined(new, old).per_kwh == (1.0, 5.0, 3.0, 7.0)


def test_hours_and_quarter_hours_join_in_quarter_hours() -> None:
    hours = series("2026-01-15 00:00", [1.0, 2.0])
    quarters = series("2026-01-15 00:30", [5.0, None, 6.0], step_s=900)
    both = joined(quarters, hours)
    assert both.per_kwh == (1.0, 1.0, 5.0, 1.0, 6.0, 2.0, 2.0, 2.0)


CELLS = st.lists(st.none() | st.floats(-1.0, 5.0), min_size=1, max_size=60).filter(
    lambda cells: any(cell is not None for cell in cells)
)


@given(CELLS, st.randoms(use_true_random=False), st.sampled_from([900, 1800, 3600]))
def test_order_of_prices_does_not_matter(
    cells: list[float | None], random: object, step_s: int
) -> None:
    whole = series("2026-03-28 22:00", cells, step_s=step_s)
    spans = spans_of(whole)
    random.shuffle(spans)  # type: ignore[attr-defined]
    again = series_of(spans, issued_at=whole.issued_at, currency="EUR", source="test")
    assert (again.starts_at, ends_at(again)) == (whole.starts_at, ends_at(whole))
    fine = [price for price in whole.per_kwh for _ in range(whole.step_s // again.step_s)]
    assert list(again.per_kwh) == fine


@given(CELLS, CELLS, st.integers(-80, 80))
def test_join_knows_what_either_knows(
    first: list[float | None], second: list[float | None], shift: int
) -> None:
    one = series("2026-01-15 00:00", first)
    start = one.starts_at + shift * HOUR
    other = series(f"{start:%Y-%m-%d %H:%M}", second)
    both = joined(one, other)
    step = timedelta(seconds=both.step_s)
    for mine, spans in ((False, spans_of(other)), (True, spans_of(one))):
        for span in spans:
            if span.per_kwh is not None:
                found = both.per_kwh[int((span.starts_at - both.starts_at) / step)]
                assert found == span.per_kwh if mine else found is not None


def test_known_until_ends_at_the_first_hole() -> None:
    held = series("2026-01-15 00:00", [1.0, 2.0, None, 4.0])
    assert known_until(held, at("2026-01-15 00:30")) == at("2026-01-15 02:00")
    assert known_until(held, at("2026-01-15 02:30")) == at("2026-01-15 02:30")
    assert known_until(held, at("2026-01-14 23:30")) == at("2026-01-14 23:30")
    assert known_until(held, at("2026-01-15 09:00")) == at("2026-01-15 09:00")


def test_prices_off_the_grid_of_any_market_are_refused() -> None:
    with pytest.raises(TransientError, match="quarter-hours"):
        series_of(
            [Span(at("2026-01-15 00:07"), 900, 1.0)],
            issued_at=MORNING, currency="EUR", source="test",
        )  # fmt: skip


def test_starts_alone_claim_no_more_than_the_closest_spacing() -> None:
    quarter = at("2026-01-15 00:00"), at("2026-01-15 00:15"), at("2026-01-15 01:00")
    assert [span.length_s for span in spaced((start, 1.0) for start in quarter)] == [900] * 3
    assert [span.length_s for span in spaced([(MORNING, 1.0)])] == [900]


# ---- two sources ---------------------------------------------------------------------------------


def backed_up(first: Market, second: Market) -> BackedUpPrices:
    return BackedUpPrices(live(first), live(second))


async def test_second_source_stands_in_and_the_series_says_why() -> None:
    first = Market("First", failure=TransientError("First: no answer"))
    told = await backed_up(first, Market("Second", level=0.3)).fetch(MORNING)
    assert (told.source, told.per_kwh[0]) == ("Second", 0.3)
    assert told.remark == "Second stands in: First: no answer"


async def test_first_source_is_used_while_it_knows_as_much() -> None:
    told = await backed_up(Market("First"), Market("Second", level=0.3)).fetch(PUBLISHED + HOUR)
    assert (told.source, set(told.per_kwh), told.remark) == ("First", {0.1}, "")


async def test_late_first_source_is_completed_by_the_second() -> None:
    source = backed_up(Market("First", late=3 * HOUR), Market("Second", level=0.3))
    told = await source.fetch(PUBLISHED + HOUR)
    assert told.per_kwh == (0.1,) * 24 + (0.3,) * 24
    assert told.remark == "Second completes First from 2026-01-15 23:00 UTC on"


async def test_failure_of_the_second_source_does_not_matter_alone() -> None:
    second = Market("Second", failure=TransientError("Second: no answer"))
    assert (await backed_up(Market("First"), second).fetch(MORNING)).source == "First"


async def test_both_failures_are_named() -> None:
    failing = [Market(name, failure=TransientError(f"{name}: no")) for name in ("One", "Two")]
    with pytest.raises(TransientError, match=r"One: no; and of its backup: Two: no"):
        await backed_up(*failing).fetch(MORNING)


async def test_what_a_backup_gave_is_its_own_after_a_restart() -> None:
    first = Market("First", failure=TransientError("First: no answer"))
    told = await backed_up(first, Market("Second")).fetch(MORNING)
    second = Market("Second")
    source = backed_up(first, second)
    assert source.resume(told)
    again = await source.fetch(MORNING + HOUR)
    assert (again.per_kwh, again.remark) == (told.per_kwh, told.remark)
    assert second.asked == []
