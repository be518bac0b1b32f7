"""The planner's charges: what they come to is what the bill rises by."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.peak_charges import charges
from mpc.peak_cost import charge_of, level_of
from mpc.peak_state import (
    PeakState,
    Running,
    counted,
    last_level_kw,
    level_so_far_kw,
    nothing_counted,
    redated,
    settled,
)
from mpc.peak_tariff import PeakPeriod, PeakRate, PeakTariff, PeakValue, PeakWindow
from mpc.peaks import FeeStep, PeakCharge, PeakGroup
from mpc.tariff_calendar import Calendar, Window, months_before

HOUR = timedelta(hours=1)
CALENDAR = Calendar(timezone="Europe/Stockholm")
MONTHLY = PeakTariff(
    name="monthly", averaged=1, rates=(PeakRate(price_per_kw=50.0),), calendar=CALENDAR
)
THREE_DAYS = replace(MONTHLY, name="three days", averaged=3)
NIGHT_HALF = replace(
    THREE_DAYS,
    name="night half",
    windows=(
        PeakWindow(window=Window(times_s=((22 * 3600, 6 * 3600),)), weight_frac=0.5),
        PeakWindow(),
    ),
)
WORKDAY_HOURS = replace(
    MONTHLY,
    name="workday hours",
    group=PeakGroup.FREE,
    averaged=3,
    windows=(
        PeakWindow(window=Window(weekdays=(0, 1, 2, 3, 4), times_s=((7 * 3600, 19 * 3600),))),
    ),
)
STEPPED = replace(
    THREE_DAYS,
    name="stepped",
    rates=(
        PeakRate(
            steps=(
                FeeStep(below_kw=2.0, fee=120.0),
                FeeStep(below_kw=5.0, fee=200.0),
                FeeStep(below_kw=math.inf, fee=336.0),
            )
        ),
    ),
)
FLANDERS = replace(
    MONTHLY,
    name="flanders",
    interval_s=900,
    group=PeakGroup.FREE,
    floor_kw=2.5,
    period=PeakPeriod.MEAN_OF_MONTHS,
    rates=(PeakRate(price_per_kw=48.0),),
)
WEEKS = replace(
    MONTHLY,
    name="weeks",
    group=PeakGroup.WEEK,
    averaged=5,
    period=PeakPeriod.ROLLING_YEAR,
    rates=(PeakRate(price_per_kw=600.0),),
)
TARIFFS = {
    tariff.name: tariff
    for tariff in (MONTHLY, THREE_DAYS, NIGHT_HALF, WORKDAY_HOURS, STEPPED, FLANDERS, WEEKS)
}
ALIVE_SINCE = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday
CLOCK_GOES_BACK_SOON = datetime(2026, 10, 22, tzinfo=UTC)


def metered(tariff: PeakTariff, intervals: Sequence[PeakValue]) -> PeakState:
    state = nothing_counted(tariff)
    for interval in intervals:
        state = counted(tariff, state, interval)
    return state


def means(
    tariff: PeakTariff, starts_at: datetime, step_s: int, import_kw: Sequence[float]
) -> list[PeakValue]:
    """Interval means as the grid's meter sees steps that fill them exactly."""
    per = max(tariff.interval_s // step_s, 1)
    within = max(step_s // tariff.interval_s, 1)
    made = []
    for i in range(0, len(import_kw), per):
        kw = sum(import_kw[i : i + per]) / per
        first = starts_at + timedelta(seconds=step_s * i)
        made += [
            PeakValue(at=first + timedelta(seconds=tariff.interval_s * k), kw=kw)
            for k in range(within)
        ]
    return made


def bills(tariff: PeakTariff, intervals: Sequence[PeakValue], month: date) -> float:
    """All that the intervals cost on the bills that know of this month."""
    later = 1 if tariff.period is PeakPeriod.MONTH else 12
    return sum(tariff.fee(intervals, months_before(month, -i)) for i in range(later))


@pytest.mark.parametrize("name", TARIFFS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_charge_rises_as_the_bill_does(name: str, data: st.DataObject) -> None:
    tariff = TARIFFS[name]
    begin = data.draw(st.sampled_from([ALIVE_SINCE, CLOCK_GOES_BACK_SOON]))
    step_s = data.draw(st.sampled_from([900, 1800, 3600]))
    kw = st.floats(0.0, 12.0)
    before_kw = data.draw(st.lists(kw, min_size=24, max_size=5 * 24))
    past = [PeakValue(at=begin + HOUR * i, kw=mean) for i, mean in enumerate(before_kw)]
    starts_at = begin + HOUR * len(before_kw)
    steps = data.draw(st.sampled_from([12, 24, 30])) * 3600 // step_s
    one = data.draw(st.lists(kw, min_size=steps, max_size=steps))
    other = data.draw(st.lists(kw, min_size=steps, max_size=steps))
    made = charges(tariff, metered(tariff, past), starts_at=starts_at, step_s=step_s, steps=steps)
    month = date(begin.year, begin.month, 1)
    if tariff.period is PeakPeriod.MEAN_OF_MONTHS:  # the eleven months before and after are known
        middles = [months_before(month, i) + timedelta(days=14) for i in range(-11, 12) if i]
        past += [
            PeakValue(at=datetime(m.year, m.month, m.day, tzinfo=UTC), kw=3.0) for m in middles
        ]
    with_one = bills(tariff, [*past, *means(tariff, starts_at, step_s, one)], month)
    with_other = bills(tariff, [*past, *means(tariff, starts_at, step_s, other)], month)
    difference = with_one - with_other
    charged = sum(charge_of(c, one) - charge_of(c, other) for c in made)
    assert charged == pytest.approx(difference, abs=1e-6)


def test_the_running_hour_counts_with_what_was_metered_of_it() -> None:
    starts_at = datetime(2026, 11, 10, 17, 15, tzinfo=UTC)
    running = Running(starts_at=starts_at - HOUR / 4, seen_kwh=2.0, seen_s=900.0)  # 8 kW
    state = replace(nothing_counted(MONTHLY), running=running)
    (charge,) = charges(MONTHLY, state, starts_at=starts_at, step_s=900, steps=7)
    import_kw = [4.0, 4.0, 4.0, 1.0, 1.0, 1.0, 1.0]
    assert charge.past_kw == pytest.approx((2.0, 0.0))
    assert level_of(charge, import_kw) == pytest.approx(5.0)
    assert charge_of(charge, import_kw) == pytest.approx(250.0)


def test_a_hole_in_the_running_hour_is_not_zero() -> None:
    starts_at = datetime(2026, 11, 10, 17, 30, tzinfo=UTC)
    running = Running(starts_at=starts_at - HOUR / 2, seen_kwh=2.0, seen_s=900.0)
    state = replace(nothing_counted(MONTHLY), running=running)
    (charge,) = charges(MONTHLY, state, starts_at=starts_at, step_s=900, steps=2)
    assert charge.past_kw == pytest.approx((4.0,))


def test_an_interval_that_is_over_is_history_although_nothing_came_after_it() -> None:
    starts_at = datetime(2026, 11, 10, 17, tzinfo=UTC)
    running = Running(starts_at=starts_at - HOUR, seen_kwh=6.0, seen_s=3600.0)
    state = replace(nothing_counted(MONTHLY), running=running)
    (charge,) = charges(MONTHLY, state, starts_at=starts_at, step_s=3600, steps=4)
    assert charge.floor_kw == pytest.approx((6.0,))
    assert level_of(charge, [1.0] * 4) == pytest.approx(6.0)


def test_each_month_the_horizon_touches_has_its_charge() -> None:
    starts_at = datetime(2026, 11, 30, 11, tzinfo=UTC)  # noon
    state = metered(
        THREE_DAYS,
        [PeakValue(at=datetime(2026, 11, day, 18, tzinfo=UTC), kw=6.0) for day in (3, 4, 5)],
    )
    november, december = charges(THREE_DAYS, state, starts_at=starts_at, step_s=3600, steps=36)
    assert november.interval_of_step == (*range(12), *[-1] * 24)
    assert december.interval_of_step == (*[-1] * 12, *range(24))
    assert november.history_kw == (6.0, 6.0, 6.0)
    assert december.history_kw == (0.0, 0.0, 0.0)


def test_a_month_without_a_price_has_no_charge() -> None:
    winter = replace(MONTHLY, rates=(PeakRate(price_per_kw=50.0, months=(11, 12, 1, 2, 3)),))
    state = nothing_counted(winter)
    start = datetime(2026, 10, 30, tzinfo=UTC)
    made = charges(winter, state, starts_at=start, step_s=3600, steps=72)
    assert len(made) == 1
    assert made[0].interval_of_step[:47] == (-1,) * 47
    assert charges(winter, state, starts_at=start, step_s=3600, steps=24) == ()


def test_hours_outside_the_windows_are_in_no_interval() -> None:
    saturday = datetime(2026, 11, 7, 5, tzinfo=UTC)
    made = charges(
        WORKDAY_HOURS, nothing_counted(WORKDAY_HOURS), starts_at=saturday, step_s=3600, steps=60
    )
    counting = [i for i, j in enumerate(made[0].interval_of_step) if j >= 0]
    assert counting == [*range(49, 60)]  # Monday from 07:00 local time on


def test_the_level_of_last_month_stands_in_for_what_this_one_will_reach() -> None:
    october = [PeakValue(at=datetime(2026, 10, day, 18, tzinfo=UTC), kw=5.0) for day in (3, 4, 5)]
    expecting = replace(THREE_DAYS, expected_frac=0.8)
    state = metered(
        expecting, [*october, PeakValue(at=datetime(2026, 11, 1, 9, tzinfo=UTC), kw=4.5)]
    )
    assert last_level_kw(expecting, state, date(2026, 11, 1)) == pytest.approx(5.0)

    def history_kw(expected_kw: float | None, tariff: PeakTariff = expecting) -> tuple[float, ...]:
        start = datetime(2026, 11, 2, 11, tzinfo=UTC)
        (charge,) = charges(
            tariff, state, starts_at=start, step_s=3600, steps=24, expected_kw=expected_kw
        )
        return charge.history_kw

    assert history_kw(None) == pytest.approx((4.5, 4.0, 4.0))
    assert history_kw(None, THREE_DAYS) == pytest.approx((4.5, 0.0, 0.0))
    assert history_kw(0.0) == pytest.approx((4.5, 0.0, 0.0))
    assert history_kw(6.0) == pytest.approx((6.0, 6.0, 6.0))


def test_a_charge_below_the_floor_of_flanders_costs_nothing_more() -> None:
    start = datetime(2026, 11, 2, 11, tzinfo=UTC)
    (charge,) = charges(FLANDERS, nothing_counted(FLANDERS), starts_at=start, step_s=900, steps=8)
    assert charge.price_per_kw == pytest.approx(4.0)
    assert charge_of(charge, [2.4] * 8) == charge_of(charge, [0.0] * 8) == pytest.approx(10.0)
    assert charge_of(charge, [2.4] * 7 + [3.5]) == pytest.approx(14.0)


def test_a_step_longer_than_the_metered_interval_is_one_interval() -> None:
    start = datetime(2026, 11, 2, 11, tzinfo=UTC)
    (charge,) = charges(FLANDERS, nothing_counted(FLANDERS), starts_at=start, step_s=3600, steps=3)
    assert (charge.interval_s, charge.step_frac) == (3600, 1.0)
    assert level_of(charge, [1.0, 5.0, 2.0]) == pytest.approx(5.0)


def test_quarter_hours_already_metered_stay_history_when_a_longer_step_covers_them() -> None:
    start = datetime(2026, 11, 2, 11, tzinfo=UTC)
    state = metered(FLANDERS, [PeakValue(at=start, kw=7.0)])
    (charge,) = charges(FLANDERS, state, starts_at=start, step_s=3600, steps=3)
    assert charge.history_kw == (7.0,)
    assert level_of(charge, [1.0] * 3) == pytest.approx(7.0)


def test_an_import_of_the_wrong_length_is_refused() -> None:
    start = datetime(2026, 11, 2, 11, tzinfo=UTC)
    (charge,) = charges(MONTHLY, nothing_counted(MONTHLY), starts_at=start, step_s=3600, steps=3)
    with pytest.raises(ValueError, match="2 steps of import for a charge of 3"):
        charge_of(charge, [1.0, 2.0])


@pytest.mark.parametrize("name", TARIFFS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_little_that_is_kept_gives_the_level_of_all_intervals(
    name: str, data: st.DataObject
) -> None:
    tariff = TARIFFS[name]
    kws = data.draw(st.lists(st.floats(0.0, 12.0), min_size=1, max_size=200))
    gap_h = data.draw(st.sampled_from([1, 5, 30]))
    intervals = [PeakValue(at=ALIVE_SINCE + HOUR * gap_h * i, kw=kw) for i, kw in enumerate(kws)]
    state = metered(tariff, intervals)
    month = tariff.month_of(intervals[-1].at)
    assert level_so_far_kw(tariff, state, month) == pytest.approx(
        tariff.billed_level_kw(intervals, month)
    )
    assert len(state.values) <= 60


def test_a_clock_that_went_back_takes_its_peaks_along() -> None:
    future = PeakValue(at=datetime(2026, 12, 5, 18, tzinfo=UTC), kw=9.0)
    state = metered(MONTHLY, [PeakValue(at=datetime(2026, 11, 5, 18, tzinfo=UTC), kw=4.0), future])
    now = datetime(2026, 11, 6, 12, tzinfo=UTC)
    back = redated(MONTHLY, state, now)
    assert level_so_far_kw(MONTHLY, back, date(2026, 11, 1)) == pytest.approx(9.0)
    assert [value.at for value in back.values] == [datetime(2026, 11, 5, 18, tzinfo=UTC), now]


def test_a_running_interval_of_which_nothing_was_seen_is_not_counted() -> None:
    start = datetime(2026, 11, 5, 18, tzinfo=UTC)
    state = replace(nothing_counted(MONTHLY), running=Running(starts_at=start))
    assert settled(MONTHLY, state, start + HOUR) == nothing_counted(MONTHLY)
    assert settled(MONTHLY, state, start + HOUR / 2) is state


def by_hand(charge: PeakCharge, import_kw: Sequence[float]) -> float:
    """The docstring of `PeakCharge`, word by word."""
    mean_kw = list(charge.past_kw)
    for step, interval in enumerate(charge.interval_of_step):
        if interval >= 0:
            mean_kw[interval] += charge.step_frac * import_kw[step]
    groups = list(charge.floor_kw)
    for interval, group in enumerate(charge.group_of_interval):
        groups[group] = max(groups[group], charge.weight_frac[interval] * mean_kw[interval])
    highest = sorted(groups + list(charge.history_kw))[-len(charge.history_kw) :]
    return charge.price_per_kw * sum(highest) / len(highest)


@settings(max_examples=60, deadline=None)
@given(
    import_kw=st.lists(st.floats(0.0, 20.0), min_size=8, max_size=8),
    history_kw=st.lists(st.floats(0.0, 20.0), min_size=1, max_size=4),
)
def test_what_a_charge_comes_to_is_what_its_definition_says(
    import_kw: list[float], history_kw: list[float]
) -> None:
    charge = PeakCharge(
        name="x",
        kind=PeakGroup.DAY,
        interval_s=3600,
        step_frac=0.5,
        interval_of_step=(0, -1, 1, 1, 2, 2, 3, 3),
        past_kw=(1.5, 0.0, 0.0, 0.0),
        weight_frac=(1.0, 0.5, 1.0, 1.0),
        group_of_interval=(0, 0, 1, 1),
        floor_kw=(2.0, 0.0),
        history_kw=tuple(history_kw),
        price_per_kw=50.0,
    )
    assert charge_of(charge, import_kw) == pytest.approx(by_hand(charge, import_kw))
