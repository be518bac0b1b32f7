"""The example tariffs: all load, say what is made up, and bill what their sources say."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bench.tariffs import TariffFileError, load_tariff, tariff_names
from mpc.peak_tariff import PeakValue


@pytest.mark.parametrize("name", tariff_names())
def test_an_example_loads_and_says_what_is_made_up(name: str) -> None:
    example = load_tariff(name)
    assert example.synthetic
    own, in_eur = example.tariff(), example.tariff(in_eur=True)
    at = datetime(2026, 11, 10, 17, tzinfo=ZoneInfo(example.timezone))
    assert in_eur.currency == "EUR"
    assert in_eur.price_per_kwh(0.0, at) == pytest.approx(
        own.price_per_kwh(0.0, at) / example.per_eur
    )
    month = date(2026, 11, 1)
    hours = [PeakValue(at=at + timedelta(days=7 * i), kw=7.0) for i in range(3)]
    fee = sum(peak.fee(hours, month) for peak in own.peaks)
    assert fee > 0.0
    assert sum(p.fee(hours, month) for p in in_eur.peaks) == pytest.approx(fee / example.per_eur)


def test_an_unknown_example_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(TariffFileError, match="there are danish_two_part, ellevio_like, elvia"):
        load_tariff("nobody")


@pytest.mark.parametrize(
    ("month", "fee"),
    [
        (date(2024, 1, 1), 300.0),  # as in October 2024
        (date(2024, 12, 1), 300.0),
        (date(2025, 1, 1), 280.0),
        (date(2026, 6, 1), 240.0),
        (date(2026, 7, 1), 336.0),
    ],
)
def test_elvia_bills_the_step_of_its_time(month: date, fee: float) -> None:
    (capacity,) = load_tariff("elvia").tariff().peaks
    days = [
        PeakValue(at=datetime(month.year, month.month, day, 12, tzinfo=UTC), kw=6.0)
        for day in (3, 4, 5)
    ]
    assert capacity.fee(days, month) == pytest.approx(fee * 1.25)


def test_the_danish_example_has_the_printed_day() -> None:
    example = load_tariff("danish_two_part")
    midnight = datetime(2026, 2, 24, tzinfo=ZoneInfo(example.timezone)).astimezone(UTC)
    prices = example.tariff().import_prices(midnight, 3600, [0.0] * 24)
    levels = [0.1998] * 6 + [0.5993] * 11 + [1.798] * 4 + [0.5993] * 3
    assert prices == pytest.approx([1.25 * (level + 0.412) for level in levels])
