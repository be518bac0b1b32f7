"""Bills for power: worked examples, hand-worked months, and that more import never costs less."""

import csv
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.peak_tariff import PeakPeriod, PeakRate, PeakTariff, PeakValue, PeakWindow
from mpc.peaks import FeeStep, PeakGroup
from mpc.tariff_calendar import Calendar, HolidayRule, Holidays, Validity, Window

EXAMPLES = Path(__file__).with_name("peak_tariff_examples.csv")
WORKDAYS = (0, 1, 2, 3, 4)
OSLO = ZoneInfo("Europe/Oslo")
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def example(case: str) -> tuple[list[float], float]:
    """Values and worked result of one row of the table."""
    with EXAMPLES.open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["case"] == case)
    return [float(value) for value in row["values_kw"].split(";")], float(row["result"])


def at(text: str, zone: ZoneInfo = OSLO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def value(text: str, kw: float, zone: ZoneInfo = OSLO) -> PeakValue:
    return PeakValue(at=at(text, zone), kw=kw)


ELVIA_STEPS_KW = (2, 5, 10, 15, 20, 25, 50, 75, 100, math.inf)
ELVIA_FEES = (1440, 2400, 4032, 5616, 7248, 8880, 16896, 24960, 33024, 65280)  # a year
ELVIA = PeakTariff(
    name="capacity",
    averaged=3,
    rates=(
        PeakRate(
            steps=tuple(
                FeeStep(below_kw=float(end), fee=fee / 12.0)
                for end, fee in zip(ELVIA_STEPS_KW, ELVIA_FEES, strict=True)
            ),
            validity=Validity(since=date(2026, 7, 1)),
        ),
    ),
    calendar=Calendar(timezone="Europe/Oslo"),
)
FLANDERS = PeakTariff(
    name="capacity",
    interval_s=900,
    group=PeakGroup.FREE,
    floor_kw=2.5,
    period=PeakPeriod.MEAN_OF_MONTHS,
    rates=(PeakRate(price_per_kw=48.0),),
    calendar=Calendar(timezone="Europe/Brussels"),
)
FJELLNETT_WEIGHTS = (1.0, 1.0, 0.85, 0.5, 0.3, 0.25, 0.25, 0.25, 0.3, 0.45, 0.7, 0.95)
FJELLNETT = PeakTariff(
    name="effekt",
    windows=tuple(
        PeakWindow(window=Window(months=(month,)), weight_frac=weight)
        for month, weight in enumerate(FJELLNETT_WEIGHTS, start=1)
    ),
    group=PeakGroup.WEEK,
    averaged=5,
    period=PeakPeriod.ROLLING_YEAR,
    rates=(PeakRate(price_per_kw=600.0),),
    calendar=Calendar(timezone="Europe/Oslo"),
)
SOLLENTUNA = PeakTariff(
    name="effekt",
    windows=(
        PeakWindow(
            window=Window(
                weekdays=WORKDAYS,
                times_s=((7 * 3600, 19 * 3600),),
                holidays=HolidayRule.EXCLUDED,
            )
        ),
    ),
    group=PeakGroup.FREE,
    averaged=3,
    rates=(
        PeakRate(price_per_kw=55.75, months=(4, 5, 6, 7, 8, 9, 10)),
        PeakRate(price_per_kw=111.5),
    ),
    calendar=Calendar(
        timezone="Europe/Stockholm", holidays=Holidays(yearly=((5, 1),), easter_days=(1,))
    ),
)
NIGHT_HALF = PeakTariff(
    name="effekt",
    windows=(
        PeakWindow(window=Window(times_s=((22 * 3600, 6 * 3600),)), weight_frac=0.5),
        PeakWindow(),
    ),
    averaged=3,
    rates=(PeakRate(price_per_kw=81.25),),
    calendar=Calendar(timezone="Europe/Stockholm"),
)


def test_flanders_bills_the_mean_of_twelve_floored_monthly_peaks() -> None:
    peaks_kw, result = example("flanders")
    zone = ZoneInfo("Europe/Brussels")
    intervals = [
        value(f"2025-{month:02}-14T18:15", kw, zone) for month, kw in enumerate(peaks_kw, start=1)
    ]
    lower = [value(f"2025-{month:02}-20T18:15", 0.0, zone) for month in range(1, 13)]
    older = [value("2024-12-31T23:45", 20.0, zone)]
    level_kw = FLANDERS.billed_level_kw([*older, *intervals, *lower], date(2025, 12, 1))
    assert level_kw == pytest.approx(result)
    assert FLANDERS.fee(intervals, date(2025, 12, 1)) == pytest.approx(result * 48.0 / 12.0)


def test_a_meter_in_flanders_that_is_new_is_billed_for_the_months_it_has() -> None:
    zone = ZoneInfo("Europe/Brussels")
    intervals = [value("2025-11-14T18:15", 1.0, zone), value("2025-12-14T18:15", 5.5, zone)]
    assert FLANDERS.billed_level_kw(intervals, date(2025, 12, 1)) == pytest.approx(4.0)


def test_norway_bills_the_mean_of_the_three_highest_days() -> None:
    days_kw, result = example("norway_3day")
    intervals = [value(f"2026-11-{2 + 3 * day:02}T17:00", kw) for day, kw in enumerate(days_kw)]
    second_of_a_day = value("2026-11-02T18:00", 8.05)
    month_before = value("2026-10-31T23:00", 30.0)
    level_kw = ELVIA.billed_level_kw([*intervals, second_of_a_day, month_before], date(2026, 11, 1))
    assert level_kw == pytest.approx(result)
    assert ELVIA.fee(intervals, date(2026, 11, 1)) == pytest.approx(336.0)


@pytest.mark.parametrize(
    ("days_kw", "fee"),
    [
        ((4.9, 5.0, 5.1), 336.0),  # the mean is on the threshold: the next step
        ((4.9, 5.0, 5.09), 200.0),
        ((1.9, 0.0, 0.0), 120.0),
        ((500.0, 500.0, 500.0), 5440.0),
    ],
)
def test_a_level_on_a_threshold_pays_the_next_step(days_kw: tuple[float, ...], fee: float) -> None:
    intervals = [value(f"2026-08-0{day}T08:00", kw) for day, kw in enumerate(days_kw, start=3)]
    assert ELVIA.fee(intervals, date(2026, 8, 1)) == pytest.approx(fee)


def test_before_a_rate_is_valid_nothing_is_billed() -> None:
    assert ELVIA.fee([value("2026-06-30T08:00", 9.0)], date(2026, 6, 1)) == 0.0


def test_fjellnett_bills_the_five_highest_weighted_weeks_of_a_year() -> None:
    weighted_kw, result = example("fjellnett_weights")
    weeks = [
        value("2026-01-14T08:00", 6.0),
        value("2026-07-15T08:00", 10.0),
        value("2026-12-16T08:00", 5.0),
        value("2026-02-11T08:00", 4.0),
        value("2026-11-11T08:00", 5.0),
    ]
    counted = [FJELLNETT.weighted(week).kw for week in weeks]
    assert counted == pytest.approx(weighted_kw)
    same_week = value("2026-01-16T08:00", 5.9)
    level_kw = FJELLNETT.billed_level_kw([*weeks, same_week], date(2026, 12, 1))
    assert level_kw == pytest.approx(result)
    assert FJELLNETT.fee(weeks, date(2026, 12, 1)) == pytest.approx(result * 600.0 / 12.0)
    a_year_on = FJELLNETT.billed_level_kw(weeks, date(2027, 1, 1))
    assert a_year_on == pytest.approx((2.5 + 4.75 + 4.0 + 3.5) / 5.0)


def test_sollentuna_bills_three_hours_of_working_days() -> None:
    (level_kw,), fee = example("sollentuna")
    hours = [value(f"2026-06-10T{hour}:00", level_kw, STOCKHOLM) for hour in ("07", "12", "18")]
    outside = [
        value("2026-06-10T19:00", 9.0, STOCKHOLM),
        value("2026-06-13T12:00", 9.0, STOCKHOLM),  # a Saturday
    ]
    assert SOLLENTUNA.fee([*hours, *outside], date(2026, 6, 1)) == pytest.approx(fee, abs=0.006)
    winter = [value(f"2026-12-10T{hour}:00", level_kw, STOCKHOLM) for hour in ("07", "12", "18")]
    assert SOLLENTUNA.fee(winter, date(2026, 12, 1)) == pytest.approx(635.55)
    may_day = [value(f"2026-05-01T{hour}:00", 9.0, STOCKHOLM) for hour in ("07", "12", "18")]
    assert SOLLENTUNA.fee(may_day, date(2026, 5, 1)) == 0.0


def test_the_night_counts_half_and_each_day_once() -> None:
    month = [
        value("2026-11-03T18:00", 4.0, STOCKHOLM),
        value("2026-11-03T23:00", 9.0, STOCKHOLM),  # 4.5
        value("2026-11-04T05:00", 6.0, STOCKHOLM),  # 3
        value("2026-11-04T06:00", 5.0, STOCKHOLM),
        value("2026-11-04T07:00", 4.9, STOCKHOLM),
        value("2026-11-09T12:00", 2.5, STOCKHOLM),
        value("2026-11-10T02:00", 4.0, STOCKHOLM),  # 2
    ]
    assert NIGHT_HALF.billed_level_kw(month, date(2026, 11, 1)) == pytest.approx(4.0)
    assert NIGHT_HALF.fee(month, date(2026, 11, 1)) == pytest.approx(325.0)


def test_days_that_are_missing_count_as_nothing() -> None:
    level_kw = NIGHT_HALF.billed_level_kw(
        [value("2026-11-03T18:00", 6.0, STOCKHOLM)], date(2026, 11, 1)
    )
    assert level_kw == pytest.approx(2.0)


def test_an_export_is_no_negative_import() -> None:
    values = [value("2026-11-03T12:00", -5.0, STOCKHOLM)]
    assert NIGHT_HALF.billed_level_kw(values, date(2026, 11, 1)) == 0.0


@pytest.mark.parametrize(
    ("day", "count"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)]
)
def test_the_days_of_the_clock_change_have_all_their_hours_in_one_group(
    day: str, count: int
) -> None:
    first = at(f"{day}T00:00")
    hours = [first + timedelta(hours=i) for i in range(26)]
    assert sum(ELVIA.group_of(hour) == date.fromisoformat(day) for hour in hours) == count
    quarter = first + timedelta(minutes=135)
    assert ELVIA.interval_start(quarter) == first + timedelta(hours=2)


def test_an_hour_that_begins_in_a_month_is_of_that_month_in_local_time() -> None:
    assert ELVIA.month_of(datetime(2026, 10, 31, 22, 59, tzinfo=UTC)) == date(2026, 10, 1)
    assert ELVIA.month_of(datetime(2026, 10, 31, 23, 0, tzinfo=UTC)) == date(2026, 11, 1)


def test_what_no_tariff_can_be_is_refused() -> None:
    with pytest.raises(ValueError, match="not metered"):
        PeakTariff(name="x", interval_s=600)
    with pytest.raises(ValueError, match="at least one"):
        PeakTariff(name="x", averaged=0)
    steps = (FeeStep(below_kw=2.0, fee=1.0), FeeStep(below_kw=math.inf, fee=2.0))
    with pytest.raises(ValueError, match="month by month"):
        PeakTariff(name="x", period=PeakPeriod.ROLLING_YEAR, rates=(PeakRate(steps=steps),))
    for wrong in (steps[:1], steps[::-1]):
        with pytest.raises(ValueError, match="no upper end"):
            PeakRate(steps=wrong)


TARIFFS = {
    "norway": ELVIA,
    "flanders": FLANDERS,
    "fjellnett": FJELLNETT,
    "sollentuna": SOLLENTUNA,
    "night half": NIGHT_HALF,
}


@pytest.mark.parametrize("name", TARIFFS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_more_import_never_lowers_the_level_or_the_fee(name: str, data: st.DataObject) -> None:
    tariff = TARIFFS[name]
    begin = datetime(2026, 8, 1, tzinfo=UTC)
    kws = data.draw(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=40))
    gaps_h = data.draw(st.lists(st.integers(1, 200), min_size=len(kws), max_size=len(kws)))
    starts = [begin + timedelta(hours=sum(gaps_h[: i + 1])) for i in range(len(kws))]
    which = data.draw(st.integers(0, len(kws) - 1))
    more_kw = data.draw(st.floats(0.0, 20.0))
    intervals = [PeakValue(at=start, kw=kw) for start, kw in zip(starts, kws, strict=True)]
    raised = list(intervals)
    raised[which] = PeakValue(at=starts[which], kw=kws[which] + more_kw)
    for month in {tariff.month_of(start) for start in starts}:
        before, after = (tariff.billed_level_kw(i, month) for i in (intervals, raised))
        assert after >= before - 1e-9
        assert tariff.fee(raised, month) >= tariff.fee(intervals, month) - 1e-9
