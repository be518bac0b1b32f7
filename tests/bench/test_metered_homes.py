"""First guesses of the heat loss, held against homes whose heat is metered."""

from pathlib import Path

import pytest

from bench.metered_homes import GUESSES, metered_homes, quality, table


def test_a_bills_loss_is_right_in_the_mean_and_knows_its_spread() -> None:
    found = quality(metered_homes(), GUESSES["a year's heat"])
    assert abs(found.bias) < 0.06
    assert found.said_spread == pytest.approx(found.spread, rel=0.15)
    assert 0.75 <= found.covered_frac <= 0.85


def test_a_bill_tells_more_than_year_and_area() -> None:
    by_year, by_bill, both = (quality(metered_homes(), guess) for guess in GUESSES.values())
    assert by_bill.spread < 0.6 * by_year.spread
    assert both.spread < by_year.spread


def test_year_and_area_are_no_surer_than_they_may_be() -> None:
    found = quality(metered_homes(), GUESSES["year and area"])
    assert 0.75 <= found.covered_frac <= 0.85


def test_the_page_shows_the_table_as_computed() -> None:
    page = Path("docs/how-to/use-your-energy-bill.md").read_text("utf-8")
    assert table() in page
