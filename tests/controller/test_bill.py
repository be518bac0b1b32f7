"""A year's bill in the configuration: the heat loss a house begins with."""

from typing import Any

import pytest

from controller.config import ConfigError, parse_config
from controller.house_prior import DayOne, day_one
from controller.model import house_model
from drivers.errors import ConfigurationError
from mpc.building import total_loss_w_per_k

Document = dict[str, Any]


def with_bill(document: Document, **bill: object) -> DayOne:
    document["house"]["bill"] = bill
    return day_one(parse_config(document))


def test_without_a_bill_the_loss_is_that_of_year_and_area(document: Document) -> None:
    day = day_one(parse_config(document))
    assert day.loss == day.typical
    assert day.billed is None


def test_a_larger_bill_means_a_larger_loss(document: Document) -> None:
    losses = [with_bill(document, gas_m3=amount).loss.w_per_k for amount in (1200, 1800, 2700)]
    assert losses == sorted(losses)
    assert losses[2] > 1.5 * losses[0]


def test_a_bill_narrows_the_belief_to_less_than_half(document: Document) -> None:
    day = with_bill(document, district_heat_kwh=15000, people=2, degree_days=2730)
    assert day.loss.log_std < 0.5 * day.typical.log_std


def test_the_loss_lies_between_the_typical_one_and_the_bills(document: Document) -> None:
    day = with_bill(document, gas_kwh=30000)
    assert day.billed is not None
    assert day.typical.w_per_k < day.loss.w_per_k < day.billed.loss.w_per_k


def test_the_planners_house_loses_what_is_believed(document: Document) -> None:
    day = with_bill(document, oil_l=2000)
    assert total_loss_w_per_k(day.building) == pytest.approx(day.loss.w_per_k)
    assert house_model(parse_config(document)).building.air_outdoor_w_per_k == pytest.approx(
        day.building.air_outdoor_w_per_k
    )


def test_the_owners_own_losses_outweigh_a_bill(document: Document) -> None:
    document["house"]["model"] = {"air_outdoor_w_per_k": 40.0, "mass_outdoor_w_per_k": 100.0}
    day = with_bill(document, oil_l=4000)
    assert day.building.air_outdoor_w_per_k == 40.0
    assert day.loss.w_per_k == pytest.approx(total_loss_w_per_k(day.building))
    assert "your own numbers" in day.words


def test_a_ground_source_pump_gave_more_heat_per_kwh(document: Document) -> None:
    air = with_bill(document, heat_pump_kwh=4500).loss.w_per_k
    document["heat_pump"]["source"] = "ground"
    assert with_bill(document, heat_pump_kwh=4500).loss.w_per_k > 1.1 * air


def test_a_bill_without_hot_water_leaves_more_for_the_rooms(document: Document) -> None:
    shared = with_bill(document, gas_m3=1500).loss.w_per_k
    assert with_bill(document, gas_m3=1500, hot_water=False).loss.w_per_k > shared


def test_the_words_tell_loss_range_and_the_largest_doubt(document: Document) -> None:
    words = with_bill(document, heat_pump_kwh=4500).words
    assert "W/K" in words
    assert "by the bill (most in doubt: " in words


@pytest.mark.parametrize("bill", [{}, {"gas_m3": 1500, "oil_l": 100}], ids=["none", "two"])
def test_exactly_one_amount_makes_a_bill(document: Document, bill: Document) -> None:
    document["house"]["bill"] = bill
    with pytest.raises(ConfigError, match="one amount must be given"):
        parse_config(document)


def test_a_bill_of_hot_water_alone_is_refused_in_words(document: Document) -> None:
    with pytest.raises(ConfigurationError, match="leaves nothing for the rooms"):
        with_bill(document, district_heat_kwh=2000, people=4)


def test_degree_days_are_asked_for_where_they_are_not_known(document: Document) -> None:
    document["house"]["timezone"] = "Europe/Lisbon"
    with pytest.raises(ConfigurationError, match="degree_days must be given"):
        with_bill(document, gas_m3=800)
    assert with_bill(document, gas_m3=800, degree_days=1100).loss.w_per_k > 0.0
