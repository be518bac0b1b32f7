"""What is believed of a house before anything was measured."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.bill import YIELDS, Bill, Fuel, billed_loss
from mpc.building import (
    Building,
    EmitterKind,
    MassClass,
    archetype,
    total_loss_w_per_k,
)
from mpc.climate import degree_days, heat_need_kwh, year_with
from mpc.identify_model import Prior
from mpc.prior import LossBelief, combined, prior_of, typical_loss, with_loss

HOUSE = archetype(year=1972, area_m2=140.0, mass=MassClass.MEDIUM, emitter=EmitterKind.RADIATOR)
WAYS = ("air_outdoor_w_per_k", "mass_outdoor_w_per_k")


def loss_std(prior: Prior) -> float:
    """Spread of the logarithm of the total loss, by drawing from the prior."""
    logs = np.log([getattr(prior.building, way) for way in WAYS])
    stds = np.array([prior.log_std[way] for way in WAYS])
    corr = prior.correlation.get(WAYS, 0.0)
    covariance = np.outer(stds, stds) * np.array([[1.0, corr], [corr, 1.0]])
    drawn = np.exp(np.random.default_rng(1).multivariate_normal(logs, covariance, 300))
    losses = [
        total_loss_w_per_k(
            replace(prior.building, air_outdoor_w_per_k=air, mass_outdoor_w_per_k=mass)
        )
        for air, mass in drawn.tolist()
    ]
    return float(np.std(np.log(losses)))


@pytest.mark.parametrize("log_std", [0.15, 0.3, 0.45])
def test_the_prior_spreads_the_total_loss_as_asked(log_std: float) -> None:
    assert loss_std(prior_of(HOUSE, log_std)) == pytest.approx(log_std, rel=0.25)


def test_numbers_the_owner_knows_are_believed_more() -> None:
    told = prior_of(HOUSE, 0.45, frozenset({"mass_kwh_per_k", "air_outdoor_w_per_k"}))
    assert told.log_std["mass_kwh_per_k"] == told.log_std["air_outdoor_w_per_k"] == 0.15
    assert told.log_std["mass_outdoor_w_per_k"] == 0.45


beliefs = st.builds(LossBelief, st.floats(20.0, 2000.0), st.floats(0.05, 1.0))


@given(beliefs, beliefs)
def test_two_beliefs_together_lie_between_and_are_surer(one: LossBelief, other: LossBelief) -> None:
    both = combined(one, other)
    low, high = sorted((one.w_per_k, other.w_per_k))
    assert low * (1 - 1e-9) <= both.w_per_k <= high * (1 + 1e-9)
    assert both.log_std < min(one.log_std, other.log_std)
    assert both.w_per_k == pytest.approx(combined(other, one).w_per_k)


@given(st.floats(20.0, 700.0))
def test_a_building_can_be_made_to_lose_any_likely_amount(loss_w_per_k: float) -> None:
    assert total_loss_w_per_k(with_loss(HOUSE, loss_w_per_k)) == pytest.approx(loss_w_per_k)


def test_a_loss_that_no_such_building_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no house of 140 m2"):
        with_loss(HOUSE, 1e9)


def test_eight_of_ten_lie_within_the_range() -> None:
    low, high = LossBelief(200.0, 0.3).range_w_per_k
    drawn = np.random.default_rng(2).lognormal(math.log(200.0), 0.3, 20_000)
    assert np.mean((low < drawn) & (drawn < high)) == pytest.approx(0.8, abs=0.01)


# ---- the year ------------------------------------------------------------------------------------


@given(st.floats(900.0, 6000.0), st.floats(12.0, 20.0))
def test_a_year_has_the_degree_days_it_was_made_for(kelvin_days: float, base_c: float) -> None:
    assert degree_days(year_with(kelvin_days, base_c), base_c) == pytest.approx(kelvin_days)


def test_without_gains_the_need_is_loss_times_degree_days() -> None:
    need_kwh = heat_need_kwh(
        year_with(2700.0, 20.0), loss_w_per_k=200.0, room_c=20.0, gains_w=0.0, aperture_m2=0.0
    )
    assert need_kwh == pytest.approx(200.0 * 24.0 * 2700.0 / 1000.0, rel=0.001)


def test_degree_days_of_the_tropics_are_refused() -> None:
    with pytest.raises(ValueError, match="degree days"):
        year_with(-5.0)


# ---- the bill ------------------------------------------------------------------------------------


def bill_of(house: Building, *, people: float = 0.0, fuel: Fuel = Fuel.DISTRICT_HEAT_KWH) -> Bill:
    """What a house that is as its model says would be billed."""
    year = year_with(2700.0)
    need_kwh = heat_need_kwh(
        year,
        loss_w_per_k=total_loss_w_per_k(house),
        room_c=20.0,
        gains_w=house.internal_gains_w,
        aperture_m2=house.solar_aperture_m2,
    )
    amount = need_kwh / YIELDS[fuel].kwh_per_unit
    return Bill(fuel=fuel, amount=amount, degree_days=2700.0, people=people)


@pytest.mark.parametrize("fuel", Fuel)
def test_the_loss_behind_a_bill_is_found_again(fuel: Fuel) -> None:
    found = billed_loss(bill_of(HOUSE, fuel=fuel), HOUSE)
    assert found.loss.w_per_k == pytest.approx(total_loss_w_per_k(HOUSE), rel=1e-6)


@given(st.floats(8000.0, 60000.0), st.floats(1.02, 2.0))
def test_more_heat_billed_means_more_loss(amount: float, factor: float) -> None:
    first, second = (
        billed_loss(Bill(fuel=Fuel.DISTRICT_HEAT_KWH, amount=a, degree_days=2700.0), HOUSE)
        for a in (amount, amount * factor)
    )
    assert second.loss.w_per_k > first.loss.w_per_k


def test_doubts_add_up_in_quadrature() -> None:
    found = billed_loss(bill_of(HOUSE), HOUSE)
    assert found.loss.log_std == pytest.approx(math.hypot(*found.doubts.values()))
    assert found.loss.log_std < typical_loss(HOUSE).log_std / 2.0


def test_people_nobody_counted_are_a_doubt_of_their_own() -> None:
    unknown = Bill(fuel=Fuel.GAS_M3, amount=1800.0, degree_days=2700.0)
    counted = replace(unknown, people=2.5)
    doubts = [billed_loss(bill, HOUSE).doubts["hot water"] for bill in (unknown, counted)]
    assert doubts[0] > 1.4 * doubts[1]


def test_a_bill_of_hot_water_alone_says_nothing_of_the_house() -> None:
    with pytest.raises(ValueError, match="leaves nothing for the rooms"):
        billed_loss(Bill(fuel=Fuel.GAS_KWH, amount=1500.0, degree_days=2700.0), HOUSE)
