"""Up to which mean of the running interval the bill does not rise."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.peak_state import PeakState
from mpc.peak_tariff import ENDLESS_KW, PeakRate, PeakTariff, PeakValue, PeakWindow
from mpc.peaks import FeeStep, PeakGroup
from mpc.quarter import free_level_kw
from mpc.tariff_calendar import Calendar, Window

OSLO = Calendar(timezone="Europe/Oslo")
NOW = datetime(2026, 1, 20, 16, 20, tzinfo=UTC)
PRICED = (PeakRate(price_per_kw=50.0),)
STEPPED = (
    PeakRate(
        steps=(FeeStep(below_kw=2.0, fee=120.0), FeeStep(below_kw=5.0, fee=200.0),
               FeeStep(below_kw=ENDLESS_KW, fee=400.0))
    ),
)  # fmt: skip


def tariff(**changes):
    plain = {"name": "power", "interval_s": 900, "rates": PRICED, "calendar": OSLO}
    return PeakTariff(**{**plain, **changes})


def seen(of, *peaks):
    """Peaks of January: (day, hour in UTC, kW)."""
    values = tuple(
        PeakValue(at=datetime(2026, 1, day, hour, tzinfo=UTC), kw=kw) for day, hour, kw in peaks
    )
    return PeakState(name=of.name, interval_s=of.interval_s, values=values)


def test_the_months_highest_quarter_hour_is_paid_for():
    of = tariff(group=PeakGroup.FREE)
    assert free_level_kw(of, seen(of, (5, 8, 4.0), (9, 8, 3.0)), NOW) == 4.0


def test_of_three_days_the_third_highest_is_paid_for_on_another_day():
    of = tariff(averaged=3)
    peaks = [(5, 8, 6.0), (9, 8, 5.0), (12, 8, 4.0), (13, 8, 1.0)]
    assert free_level_kw(of, seen(of, *peaks), NOW) == 4.0


def test_what_the_running_day_has_reached_is_paid_for():
    of = tariff(averaged=3)
    peaks = [(5, 8, 6.0), (9, 8, 5.0), (12, 8, 4.0), (20, 8, 4.5)]
    assert free_level_kw(of, seen(of, *peaks), NOW) == 4.5


def test_a_fee_in_steps_leaves_room_up_to_the_next_step():
    of = tariff(averaged=3, rates=STEPPED)
    free_kw = free_level_kw(of, seen(of, (5, 8, 4.0), (9, 8, 3.0), (12, 8, 3.0)), NOW)
    assert free_kw == pytest.approx(3 * 4.99 - 7.0)  # (4 + 3 + free) / 3 stays below 5


def test_an_interval_of_half_weight_may_be_twice_as_high():
    of = tariff(
        group=PeakGroup.FREE,
        windows=(PeakWindow(window=Window(times_s=((17 * 3600, 18 * 3600),)), weight_frac=0.5),),
    )
    assert free_level_kw(of, seen(of, (5, 16, 3.0)), NOW) == 6.0
    assert free_level_kw(of, seen(of, (5, 16, 3.0)), NOW + timedelta(hours=2)) is None


def test_without_a_price_everything_is_free():
    of = tariff(rates=(PeakRate(price_per_kw=50.0, months=(7,)),))
    assert free_level_kw(of, seen(of), NOW) is None


@given(
    peaks=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 15), st.floats(0.1, 9.0)),
                   max_size=12),
    averaged=st.integers(1, 4),
    group=st.sampled_from(list(PeakGroup)),
    rates=st.sampled_from([PRICED, STEPPED]),
    more_kw=st.floats(0.05, 3.0),
)  # fmt: skip
def test_up_to_the_free_level_the_bill_stays_and_above_it_rises(
    peaks, averaged, group, rates, more_kw
):
    of = tariff(averaged=averaged, group=group, rates=rates)
    state = seen(of, *peaks)
    free_kw = free_level_kw(of, state, NOW)
    month, starts_at = of.month_of(NOW), of.interval_start(NOW)
    before = of.fee(state.values, month)
    inside = PeakValue(at=starts_at, kw=max(free_kw - 1e-9, 0.0))
    assert of.fee([*state.values, inside], month) == pytest.approx(before)
    if rates is PRICED:
        above = PeakValue(at=starts_at, kw=free_kw + more_kw)
        assert of.fee([*state.values, above], month) > before
