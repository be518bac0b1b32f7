"""Prices per kWh by local time: pieces, validity, holidays, both clock changes, export."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.horizon import PriceForecast, WeatherForecast, build_horizon
from mpc.tariff import EnergyPiece, Export, Tariff
from mpc.tariff_calendar import (
    Calendar,
    HolidayRule,
    Holidays,
    Validity,
    Window,
    easter_sunday,
    months_before,
)

OSLO = "Europe/Oslo"
COPENHAGEN = "Europe/Copenhagen"
WORKDAYS = (0, 1, 2, 3, 4)


def hours(since: int, until: int) -> tuple[int, int]:
    return since * 3600, until * 3600


def tariff(
    *energy: EnergyPiece,
    margin_frac: float = 0.0,
    vat_frac: float = 0.0,
    timezone: str = COPENHAGEN,
    holidays: Holidays | None = None,
    export: Export | None = None,
) -> Tariff:
    return Tariff(
        margin_frac=margin_frac,
        adder_per_kwh=0.0,
        vat_frac=vat_frac,
        currency="DKK",
        calendar=Calendar(timezone=timezone, holidays=holidays or Holidays()),
        energy=energy,
        export=export,
    )


# Hours 0-5, 6-16, 17-20 and 21-23 of a small Danish grid company in February 2026, in DKK/kWh.
LEVELS = [0.1998] * 6 + [0.5993] * 11 + [1.798] * 4 + [0.5993] * 3
DANISH = tariff(
    EnergyPiece(name="grid", per_kwh=0.1998, window=Window(times_s=(hours(0, 6),))),
    EnergyPiece(name="grid", per_kwh=1.798, window=Window(times_s=(hours(17, 21),))),
    EnergyPiece(name="grid", per_kwh=0.5993),
    vat_frac=0.25,
)


def local_midnight(day: date, timezone: str = COPENHAGEN) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def test_a_day_of_a_small_grid_company_has_its_printed_prices() -> None:
    prices = DANISH.import_prices(local_midnight(date(2026, 2, 24)), 3600, [0.0] * 24)
    assert prices == pytest.approx(1.25 * np.array(LEVELS))


def test_quarter_hours_repeat_the_price_of_their_hour() -> None:
    starts_at = local_midnight(date(2026, 2, 24))
    prices = DANISH.import_prices(starts_at, 900, [0.0] * 96)
    assert prices == pytest.approx(np.repeat(1.25 * np.array(LEVELS), 4))


@pytest.mark.parametrize(
    ("day", "local_hours"),
    [
        (date(2026, 3, 29), [0, 1, *range(3, 24)]),  # the hour 02 does not exist
        (date(2026, 10, 25), [0, 1, 2, *range(2, 24)]),  # the hour 02 comes twice
    ],
)
def test_on_the_days_of_the_clock_change_prices_follow_the_wall_clock(
    day: date, local_hours: list[int]
) -> None:
    count = len(local_hours)
    by_hour = tariff(
        *(
            EnergyPiece(name="grid", per_kwh=hour, window=Window(times_s=(hours(hour, hour + 1),)))
            for hour in range(24)
        )
    )
    prices = by_hour.import_prices(local_midnight(day), 900, [0.0] * (4 * count))
    assert prices == pytest.approx(np.repeat(np.array(local_hours, dtype=float), 4))
    after = local_midnight(day) + timedelta(hours=count)
    assert after == local_midnight(day + timedelta(days=1))


def test_different_names_add_up_and_of_one_name_the_first_that_fits_counts() -> None:
    both = tariff(
        EnergyPiece(name="grid", per_kwh=0.3, window=Window(months=(1,))),
        EnergyPiece(name="grid", per_kwh=0.2),
        EnergyPiece(name="tax", per_kwh=0.05),
        EnergyPiece(name="supplier", spot_frac=0.1),
        margin_frac=0.1,
    )
    january, june = datetime(2026, 1, 5, 12, tzinfo=UTC), datetime(2026, 6, 5, 12, tzinfo=UTC)
    assert both.price_per_kwh(1.0, january) == pytest.approx(1.2 + 0.35)
    assert both.price_per_kwh(1.0, june) == pytest.approx(1.2 + 0.25)
    assert both.price_per_kwh(-1.0, june) == pytest.approx(-1.2 + 0.25)


def test_a_piece_holds_from_its_first_local_day_to_the_day_before_its_end() -> None:
    valid = Validity(since=date(2026, 7, 1), until=date(2026, 8, 1))
    piece = tariff(EnergyPiece(name="grid", per_kwh=1.0, validity=valid), timezone=OSLO)
    first, end = local_midnight(date(2026, 7, 1), OSLO), local_midnight(date(2026, 8, 1), OSLO)
    second = timedelta(seconds=1)
    instants = (first - second, first, end - second, end)
    assert [piece.price_per_kwh(0.0, at) for at in instants] == [0.0, 1.0, 1.0, 0.0]
    assert [piece.ended(at) for at in (end - second, end)] == [(), ("grid",)]


ELVIA_2026 = tariff(
    EnergyPiece(
        name="grid",
        per_kwh=0.2899,
        window=Window(weekdays=WORKDAYS, times_s=(hours(6, 22),), holidays=HolidayRule.EXCLUDED),
    ),
    EnergyPiece(name="grid", per_kwh=0.1699),
    EnergyPiece(name="electricity tax", per_kwh=0.0713),
    EnergyPiece(name="Enova", per_kwh=0.01),
    vat_frac=0.25,
    timezone=OSLO,
    holidays=Holidays(yearly=((12, 25), (5, 17)), easter_days=(-3, -2, 0, 1)),
)


@pytest.mark.parametrize(
    ("local", "grid"),
    [
        ("2026-12-07T05:59", 0.1699),
        ("2026-12-07T06:00", 0.2899),
        ("2026-12-07T21:59", 0.2899),
        ("2026-12-07T22:00", 0.1699),
        ("2026-12-05T12:00", 0.1699),  # a Saturday
        ("2026-12-25T12:00", 0.1699),  # a Friday, but Christmas Day
        ("2027-03-25T12:00", 0.1699),  # Maundy Thursday
        ("2027-03-29T12:00", 0.1699),  # Easter Monday
        ("2027-03-30T12:00", 0.2899),
    ],
)
def test_a_norwegian_house_pays_the_day_rate_on_working_days_only(local: str, grid: float) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(OSLO))
    expected = (0.5 + grid + 0.0713 + 0.01) * 1.25
    assert ELVIA_2026.price_per_kwh(0.5, at) == pytest.approx(expected)


def test_holidays_can_count_like_a_sunday() -> None:
    sundays = Window(weekdays=(6,), holidays=HolidayRule.INCLUDED)
    cheap = tariff(
        EnergyPiece(name="grid", per_kwh=0.1, window=sundays),
        EnergyPiece(name="grid", per_kwh=0.4),
        holidays=Holidays(once=(date(2026, 6, 19),)),
    )
    days = [datetime(2026, 6, day, 12, tzinfo=UTC) for day in (18, 19, 20, 21)]
    assert [cheap.price_per_kwh(0.0, at) for at in days] == [0.4, 0.1, 0.4, 0.1]


def test_times_may_run_over_midnight() -> None:
    night = tariff(EnergyPiece(name="grid", per_kwh=1.0, window=Window(times_s=(hours(22, 6),))))
    prices = night.import_prices(local_midnight(date(2026, 1, 7)), 3600, [0.0] * 24)
    assert prices.tolist() == [1.0] * 6 + [0.0] * 16 + [1.0] * 2


def test_a_step_in_which_the_tariff_changes_gets_the_mean() -> None:
    half = tariff(
        EnergyPiece(name="grid", per_kwh=1.0, window=Window(times_s=((0, 1800),))),
        timezone="Asia/Kolkata",  # half an hour off the hours of UTC
    )
    midnight = datetime(2026, 1, 6, 18, 30, tzinfo=UTC)
    assert half.import_prices(midnight, 3600, [0.0, 0.0]) == pytest.approx([0.5, 0.0])
    assert half.import_prices(midnight - timedelta(minutes=30), 3600, [0.0]) == pytest.approx([0.5])


def test_what_is_unknown_of_spot_stays_unknown() -> None:
    prices = DANISH.import_prices(local_midnight(date(2026, 2, 24)), 3600, [float("nan"), 0.1])
    assert np.isnan(prices).tolist() == [True, False]


def test_a_tariff_by_time_wants_to_know_the_time() -> None:
    with pytest.raises(ValueError, match="say when"):
        DANISH.price_per_kwh(0.1)
    with pytest.raises(ValueError, match="no time zone"):
        DANISH.price_per_kwh(0.1, datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="no steps"):
        DANISH.import_prices(datetime(2026, 1, 1, tzinfo=UTC), 0, [0.1])


def test_feeding_in_earns_what_the_contract_says() -> None:
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    spot = [0.5, -0.1]

    def earned(export: Export | None) -> list[float]:
        return [
            float(p) for p in tariff(vat_frac=0.25, export=export).export_prices(at, 3600, spot)
        ]

    assert earned(None) == [0.0, 0.0]
    assert earned(Export()) == pytest.approx([0.5, -0.1])
    assert earned(Export(spot_frac=0.9, fee_per_kwh=0.02)) == pytest.approx([0.43, -0.11])
    assert earned(Export(fixed_per_kwh=0.08, vat_frac=0.25)) == pytest.approx([0.1, 0.1])
    assert earned(Export(validity=Validity(until=date(2026, 5, 1)))) == [0.0, 0.0]


@settings(max_examples=100, deadline=None)
@given(
    hour=st.integers(0, 3 * 366 * 24),
    step_s=st.sampled_from([300, 900, 1800, 3600]),
    spot=st.lists(st.floats(-1.0, 5.0), min_size=1, max_size=60),
)
def test_a_step_costs_the_mean_of_its_instants(hour: int, step_s: int, spot: list[float]) -> None:
    starts_at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    prices = ELVIA_2026.import_prices(starts_at, step_s, spot)
    for i, price in enumerate(prices):
        at = [starts_at + timedelta(seconds=step_s * i + s) for s in range(0, step_s, 300)]
        mean = sum(ELVIA_2026.price_per_kwh(spot[i], instant) for instant in at) / len(at)
        assert price == pytest.approx(mean)


def test_easter_is_known() -> None:
    known = [date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2038, 4, 25)]
    assert [easter_sunday(day.year) for day in known] == known


def test_months_are_counted_back_over_new_year() -> None:
    assert months_before(date(2026, 2, 1), 1) == date(2026, 1, 1)
    assert months_before(date(2026, 1, 1), 1) == date(2025, 12, 1)
    assert months_before(date(2026, 11, 1), 11) == date(2025, 12, 1)


def test_a_plan_is_told_when_a_tariff_has_run_out() -> None:
    ended = tariff(
        EnergyPiece(name="grid", per_kwh=0.2, validity=Validity(until=date(2026, 1, 1))),
        EnergyPiece(name="tax", per_kwh=0.1),
    )
    horizon = build_horizon(
        now=datetime(2026, 1, 1, tzinfo=UTC),
        step_s=3600,
        length_s=24 * 3600,
        prices=PriceForecast(
            starts_at=datetime(2026, 1, 1, tzinfo=UTC), step_s=3600, per_kwh=[0.5] * 24
        ),
        weather=WeatherForecast(
            starts_at=datetime(2026, 1, 1, tzinfo=UTC),
            step_s=3600,
            outdoor_c=[0.0] * 24,
            ghi_w_per_m2=[0.0] * 24,
        ),
        tariff=ended,
    )
    assert horizon.price_per_kwh == pytest.approx([0.6] * 24)
    assert horizon.notes == ("no rate is valid any more, counted as nothing: grid",)
