"""Metering: interval means as the grid's meter forms them, with holes, restarts and clock steps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.metering import Hole, Metering, metering_from
from mpc.peak_state import PeakState, level_so_far_kw, settled
from mpc.peak_tariff import PeakRate, PeakTariff
from mpc.peaks import PeakGroup
from mpc.tariff_calendar import Calendar

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
START = datetime(2026, 11, 10, 10, tzinfo=UTC)
OSLO = Calendar(timezone="Europe/Oslo")
HOURS = PeakTariff(
    name="hours", averaged=3, rates=(PeakRate(price_per_kw=50.0),), calendar=OSLO
)  # fmt: skip
QUARTERS = replace(HOURS, name="quarters", interval_s=900, group=PeakGroup.FREE)
BOTH = (HOURS, QUARTERS)


def run(
    metering: Metering,
    readings_w: Sequence[float | None],
    *,
    since: datetime = START,
    cycle_s: float = 60.0,
    tariffs: Sequence[PeakTariff] = BOTH,
) -> Metering:
    """One reading per cycle, the first at the end of the first cycle."""
    for i, import_w in enumerate(readings_w, start=1):
        at = since + timedelta(seconds=cycle_s * i)
        metering = metering.updated(at=at, import_w=import_w, span_s=cycle_s, tariffs=tariffs)
    return metering


def counted_kw(metering: Metering, tariff: PeakTariff = HOURS) -> list[float]:
    """What was counted, the interval that is just over included."""
    assert metering.until is not None
    state = settled(tariff, metering.peak_state(tariff), metering.until)
    return [value.kw for value in state.values]


def test_an_hour_counts_with_its_mean_and_a_quarter_with_its_own() -> None:
    metering = run(Metering(), [8000.0] * 15 + [2000.0] * 45)
    assert counted_kw(metering) == pytest.approx([3.5])
    assert counted_kw(metering, QUARTERS) == pytest.approx([8.0, 2.0, 2.0])
    assert metering.holes == ()


def test_a_reading_over_the_end_of_an_interval_is_divided() -> None:
    before = run(Metering(), [3000.0] * 59)
    late = before.updated(at=START + 61 * MINUTE, import_w=9000.0, span_s=120.0, tariffs=BOTH)
    assert counted_kw(late) == pytest.approx([(59 * 3.0 + 9.0) / 60.0])
    running = late.peak_state(HOURS).running
    assert running is not None
    assert (running.starts_at, running.seen_s) == (START + HOUR, 60.0)
    assert running.mean_kw == pytest.approx(9.0)


def test_an_export_counts_as_no_import() -> None:
    assert counted_kw(run(Metering(), [-4000.0] * 30 + [6000.0] * 30)) == pytest.approx([3.0])


def test_a_short_hole_is_not_zero_and_not_noted() -> None:
    metering = run(Metering(), [4000.0] * 30 + [None] * 10 + [4000.0] * 21, tariffs=[HOURS])
    assert counted_kw(metering) == pytest.approx([4.0])
    assert metering.holes == ()


def test_an_interval_seen_too_little_counts_with_what_was_seen_and_is_noted() -> None:
    metering = run(Metering(), [4000.0] * 30 + [None] * 30 + [1000.0], tariffs=[HOURS])
    assert counted_kw(metering) == pytest.approx([4.0])
    assert metering.holes == (Hole(name="hours", starts_at=START, ends_at=START + HOUR),)


def test_hours_nobody_saw_are_one_hole_and_no_value() -> None:
    metering = run(Metering(), [4000.0] * 60, tariffs=[HOURS])
    later = START + 5 * HOUR
    metering = run(metering, [2000.0] * 61, since=later, tariffs=[HOURS])
    assert [value.kw for value in metering.peak_state(HOURS).values] == pytest.approx([4.0])
    assert metering.holes == (Hole(name="hours", starts_at=START + HOUR, ends_at=later),)


def test_holes_that_follow_each_other_are_one() -> None:
    metering = run(Metering(), [None] * 181, tariffs=[HOURS])
    assert counted_kw(metering) == []
    assert metering.holes == (Hole(name="hours", starts_at=START, ends_at=START + 3 * HOUR),)


def test_a_reading_after_a_long_pause_speaks_for_ten_minutes_only() -> None:
    metering = run(Metering(), [4000.0] * 5, tariffs=[HOURS])
    metering = metering.updated(
        at=START + 50 * MINUTE, import_w=8000.0, span_s=45 * 60.0, tariffs=[HOURS]
    )
    running = metering.peak_state(HOURS).running
    assert running is not None
    assert running.seen_s == 15 * 60.0


def test_no_second_counts_twice() -> None:
    metering = run(Metering(), [4000.0] * 20, tariffs=[HOURS])
    again = metering.updated(at=START + 20 * MINUTE, import_w=9000.0, span_s=60.0, tariffs=[HOURS])
    assert again == metering
    wide = metering.updated(at=START + 21 * MINUTE, import_w=4000.0, span_s=300.0, tariffs=[HOURS])
    running = wide.peak_state(HOURS).running
    assert running is not None
    assert running.seen_s == 21 * 60.0


def test_a_clock_set_back_within_the_hour_goes_on_with_the_mean_of_all_that_was_seen() -> None:
    metering = run(Metering(), [6000.0] * 30, tariffs=[HOURS])
    metering = run(metering, [3000.0] * 45, since=START + 15 * MINUTE, tariffs=[HOURS])
    assert counted_kw(metering) == pytest.approx([(30 * 6.0 + 45 * 3.0) / 75.0])


def test_a_clock_set_back_by_days_keeps_the_peaks() -> None:
    metering = run(Metering(), [6000.0] * 61, since=START + 30 * 24 * HOUR, tariffs=[HOURS])
    metering = run(metering, [3000.0] * 60, tariffs=[HOURS])
    assert level_so_far_kw(HOURS, metering.peak_state(HOURS), date(2026, 11, 1)) == pytest.approx(
        6.0 / 3.0
    )
    assert metering.until == START + HOUR
    running = metering.peak_state(HOURS).running
    assert running is not None
    assert running.starts_at == START


def test_a_clock_set_forward_by_years_takes_no_time() -> None:
    metering = run(Metering(), [6000.0] * 60, since=datetime(1970, 1, 1, tzinfo=UTC))
    metering = run(metering, [3000.0] * 61)
    assert counted_kw(metering) == pytest.approx([3.0])
    assert metering.holes[-1].ends_at == START


def test_the_month_changes_at_local_midnight() -> None:
    before_midnight = datetime(2026, 11, 30, 22, tzinfo=UTC)
    metering = run(
        Metering(), [6000.0] * 60 + [2000.0] * 61, since=before_midnight, tariffs=[HOURS]
    )
    state = metering.peak_state(HOURS)
    levels = [level_so_far_kw(HOURS, state, date(2026, month, 1)) for month in (11, 12)]
    assert levels == pytest.approx([2.0, 2.0 / 3.0])


def test_the_repeated_hour_of_autumn_is_metered_twice() -> None:
    first_two = datetime(2026, 10, 25, 0, tzinfo=UTC)
    free = replace(HOURS, group=PeakGroup.FREE, averaged=2)
    metering = run(Metering(), [6000.0] * 60 + [2000.0] * 61, since=first_two, tariffs=[free])
    assert [value.kw for value in metering.peak_state(free).values] == pytest.approx([6.0, 2.0])


def test_a_tariff_that_measures_other_intervals_begins_anew() -> None:
    metering = run(Metering(), [4000.0] * 61, tariffs=[HOURS])
    finer = replace(HOURS, interval_s=900)
    assert metering.peak_state(finer) == PeakState(name="hours", interval_s=900)
    assert metering.peak_state(QUARTERS) == PeakState(name="quarters", interval_s=900)


def test_what_is_no_metering_is_not_taken_for_one() -> None:
    assert metering_from("") is None
    assert metering_from('{"states": 3}') is None
    assert metering_from(Metering().as_text()) == Metering()


@settings(max_examples=40, deadline=None)
@given(
    readings_w=st.lists(st.one_of(st.none(), st.floats(-5e3, 2e4)), min_size=2, max_size=400),
    cycle_s=st.sampled_from([30.0, 60.0, 61.3, 300.0]),
    data=st.data(),
)
def test_a_restart_changes_nothing(
    readings_w: list[float | None], cycle_s: float, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(readings_w) - 1))
    whole = run(Metering(), readings_w, cycle_s=cycle_s)
    first = metering_from(run(Metering(), readings_w[:cut], cycle_s=cycle_s).as_text())
    assert first is not None
    assert first.until is not None
    second = first
    for i, import_w in enumerate(readings_w[cut:], start=cut + 1):
        at = START + timedelta(seconds=cycle_s * i)
        second = second.updated(at=at, import_w=import_w, span_s=cycle_s, tariffs=BOTH)
    assert second == whole


@settings(max_examples=40, deadline=None)
@given(
    readings_w=st.lists(st.floats(0.0, 2e4), min_size=60, max_size=200),
    which=st.integers(0, 59),
    more_w=st.floats(0.0, 1e4),
)
def test_a_higher_reading_never_lowers_the_level(
    readings_w: list[float], which: int, more_w: float
) -> None:
    raised_w = list(readings_w)
    raised_w[which] += more_w
    for tariff in BOTH:
        levels = [
            tariff.mean_level_kw(run(Metering(), w).peak_state(tariff).values)
            for w in (readings_w, raised_w)
        ]
        assert levels[1] >= levels[0] - 1e-9
