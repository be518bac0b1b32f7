"""Houses are found where the model can describe them, predicted where not, with honest bands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.building import Building as Plant
from hil.house import load_house
from hil.occupants import Family
from hil.weather import WeatherTrace
from mpc.building import (
    Building,
    EmitterKind,
    MassClass,
    archetype,
    discretise,
    steady_state,
    total_loss_w_per_k,
)
from mpc.house_data import HouseData
from mpc.identify import free_run, free_runs, identify, unlearned
from mpc.identify_fit import covariance_of
from mpc.identify_model import Identified, Order, Prior
from mpc.identify_prior import belief, logs_of

STARTS_AT = datetime(2024, 1, 8, tzinfo=UTC)
STEP_S = 1800.0
DAY = 48
HOUSE = archetype(year=1975, area_m2=130.0, mass=MassClass.MEDIUM, emitter=EmitterKind.RADIATOR)
PRIOR = Prior(building=HOUSE)
TRUE = replace(
    HOUSE,
    mass_outdoor_w_per_k=1.4 * HOUSE.mass_outdoor_w_per_k,
    mass_kwh_per_k=0.7 * HOUSE.mass_kwh_per_k,
    solar_aperture_m2=0.6 * HOUSE.solar_aperture_m2,
)


def _weather(days: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outdoor temperature with spells of some days, and sun behind clouds that come and go."""
    chance = np.random.default_rng(seed)
    hours = np.arange(days * DAY) * STEP_S / 3600.0
    spells = np.interp(hours / 24.0, np.arange(days + 2), chance.normal(0.0, 4.0, days + 2))
    clear = np.interp(hours / 24.0, np.arange(days + 2), chance.uniform(0.1, 1.0, days + 2))
    outdoor_c = 2.0 + spells + 2.0 * np.cos((hours - 14.0) * np.pi / 12.0)
    return outdoor_c, clear * np.maximum(0.0, 350.0 * np.cos((hours - 12.0) * np.pi / 9.0))


def _lived(house: Building, *, days: int, seed: int = 3, extra_w: float = 0.0) -> HouseData:
    """A house of the model's own kind under a thermostat that is moved, with noise."""
    chance = np.random.default_rng(seed)
    outdoor_c, sun = _weather(days, seed)
    step, loss = discretise(house, STEP_S), total_loss_w_per_k(house)
    x = steady_state(house, room_c=20.5, outdoor_c=outdoor_c[0], gain_w=400.0).state_c[:, 0]
    room_c, heat_w = np.empty(days * DAY), np.empty(days * DAY)
    for k in range(days * DAY):
        if k % 6 == 0:
            wish_c = 20.5 + chance.choice([-0.8, 0.0, 0.8])
        room_c[k] = x[0] + chance.normal(0.0, 0.03)
        heat_w[k] = np.clip(loss * (20.0 - outdoor_c[k] + 3.0 * (wish_c - x[0])), 0.0, 50.0 * loss)
        gain_w = house.internal_gains_w + extra_w + chance.normal(0.0, 150.0)
        x = step.a @ x + step.b_heat * heat_w[k] + step.b_outdoor * outdoor_c[k]
        x = x + step.b_solar * sun[k] + step.b_gain * gain_w
    return HouseData(
        starts_at=STARTS_AT,
        step_s=STEP_S,
        room_c=room_c,
        heat_w=heat_w,
        outdoor_c=outdoor_c,
        ghi_w_per_m2=sun,
    )


@cache
def _own_kind() -> tuple[Identified, HouseData]:
    data = _lived(TRUE, days=24)
    return identify(data.part(0, 18 * DAY), PRIOR, orders=(Order.ONE, Order.TWO)), data


@cache
def _plant() -> tuple[Identified, HouseData]:
    """The simulator's timber house: two zones, envelope, leaks with wind, people, windows."""
    days, data = 20, _lived_plant(20)
    return identify(data.part(0, (days - 5) * DAY), PRIOR, orders=(Order.TWO,)), data


def _lived_plant(days: int) -> HouseData:
    house = load_house("timber1972")
    outdoor_c, sun = _weather(days, 5)
    trace = WeatherTrace(
        starts_at=STARTS_AT,
        step_s=int(STEP_S),
        outdoor_c=outdoor_c.tolist(),
        direct_horizontal_w_per_m2=(0.5 * sun).tolist(),
        diffuse_horizontal_w_per_m2=(0.5 * sun).tolist(),
        wind_m_per_s=[4.0] * (days * DAY),
    )
    family = Family(seed=2, people=4, timezone="Europe/Copenhagen")
    plant = Plant(house.truth.building)
    plant.expose(trace.sky(STARTS_AT), gains_w=(300.0, 100.0), airing_per_h=(0.0, 0.0))
    plant.settle(air_c=20.5, radiant_frac=0.3, hours=96.0)
    chance = np.random.default_rng(4)
    room_c, heat_w = np.empty(days * DAY), np.empty(days * DAY)
    for k in range(days * DAY):
        if k % 6 == 0:
            wish_c = 20.5 + chance.choice([-0.6, 0.0, 0.6])
        room_c[k] = round(plant.living.air_c, 1)
        heat_w[k] = np.clip(150.0 * (18.0 - outdoor_c[k] + 4.0 * (wish_c - room_c[k])), 0.0, 8e3)
        living_w = 0.6 * heat_w[k]
        for minute in range(int(STEP_S) // 60):
            if minute % 5 == 0:
                at = STARTS_AT + timedelta(seconds=k * STEP_S + minute * 60.0)
                plant.expose(
                    trace.sky(at), gains_w=family.gains_w(at), airing_per_h=family.airing_per_h(at)
                )
            plant.step(
                60.0,
                convective_w=(0.7 * living_w, 0.28 * heat_w[k]),
                radiant_w=(0.3 * living_w, 0.12 * heat_w[k]),
            )
    return HouseData(
        starts_at=STARTS_AT,
        step_s=STEP_S,
        room_c=room_c,
        heat_w=heat_w,
        outdoor_c=outdoor_c,
        ghi_w_per_m2=sun,
    )


def _errors(found: Identified, data: HouseData, starts: range) -> tuple[np.ndarray, np.ndarray]:
    """Read minus predicted, and whether inside the band: starts x steps."""
    runs = free_runs(found, data, starts, 24.0)
    read = np.array([data.room_c[s + 1 : s + 1 + DAY] for s in starts])
    errors = read - np.array([one.room_c for one in runs])
    low, high = np.array([one.low_c for one in runs]), np.array([one.high_c for one in runs])
    return errors, (read >= low) & (read <= high)


@pytest.mark.timeout(60)
def test_a_house_of_the_models_kind_is_found_within_its_own_uncertainty() -> None:
    found, _ = _own_kind()
    assert found.accepted
    assert found.order is Order.TWO
    assert total_loss_w_per_k(found.building) == pytest.approx(total_loss_w_per_k(TRUE), rel=0.15)
    stds = found.log_std()
    for name in ("mass_outdoor_w_per_k", "mass_kwh_per_k", "solar_aperture_m2"):
        miss = np.log(getattr(found.building, name) / getattr(TRUE, name))
        assert abs(miss) < 3.0 * stds[name], name


@pytest.mark.timeout(120)
def test_stated_uncertainty_is_as_large_as_the_errors_of_many_houses() -> None:
    believed = belief(PRIOR, Order.TWO, windy=False)
    missed = []
    for seed in range(4):
        chance = np.random.default_rng(seed + 100)
        true = believed.with_z(np.clip(chance.normal(0.0, 0.8, len(believed.names)), -2.0, 2.0))
        data = _lived(true, days=14, seed=seed)
        found = identify(data, PRIOR, orders=(Order.TWO,), patterns=False)
        off = logs_of(found.building, found.names) - logs_of(true, found.names)
        missed.append(off / np.sqrt(np.diag(found.log_covariance)))
    assert 0.5 < np.sqrt(np.mean(np.square(missed))) < 1.5
    assert np.mean(np.abs(missed) < 1.28) > 0.7


@pytest.mark.timeout(60)
def test_learning_predicts_better_than_the_prior_on_days_not_seen() -> None:
    found, data = _own_kind()
    starts = range(18 * DAY, len(data) - DAY - 1, 2)
    learned, inside = _errors(found, data, starts)
    given, _ = _errors(unlearned(PRIOR), data, starts)
    assert np.sqrt(np.mean(learned[:, -1] ** 2)) < 0.5 * np.sqrt(np.mean(given[:, -1] ** 2))
    assert 0.6 < inside.mean() < 0.95


@pytest.mark.timeout(90)
def test_a_house_of_another_structure_is_predicted_a_day_ahead() -> None:
    found, data = _plant()
    errors, inside = _errors(found, data, range(15 * DAY, len(data) - DAY - 1, 2))
    assert np.sqrt(np.mean(errors[:, -1] ** 2)) < 0.4
    assert 0.6 < inside.mean() < 0.97


@pytest.mark.timeout(90)
def test_bands_widen_with_the_lead_and_with_what_is_not_known() -> None:
    found, data = _plant()
    start = 16 * DAY
    learned, given = free_run(found, data, start, 24.0), free_run(unlearned(PRIOR), data, start, 24)
    width = learned.high_c - learned.low_c
    assert width[-1] > width[1]
    assert np.all(given.std_k[DAY // 2 :] > learned.std_k[DAY // 2 :])


@pytest.mark.timeout(60)
def test_a_free_run_does_not_look_at_readings_after_its_start() -> None:
    found, data = _own_kind()
    start = 19 * DAY
    later = data.room_c.copy()
    later[start + 1 :] = np.nan
    blind = free_run(found, replace(data, room_c=later), start, 24.0)
    assert np.allclose(blind.room_c, free_run(found, data, start, 24.0).room_c, atol=1e-9)
    assert np.allclose(blind.room_c, free_runs(found, data, [start], 24.0)[0].room_c, atol=1e-9)


@pytest.mark.timeout(60)
def test_a_free_run_needs_the_reading_at_its_start_and_all_inputs() -> None:
    found, data = _own_kind()
    room_c, heat_w = data.room_c.copy(), data.heat_w.copy()
    room_c[900] = np.nan
    heat_w[910:920] = np.nan
    with pytest.raises(ValueError, match="not read"):
        free_run(found, replace(data, room_c=room_c), 900, 24.0)
    with pytest.raises(ValueError, match="input"):
        free_run(found, replace(data, heat_w=heat_w), 900, 24.0)
    with pytest.raises(ValueError, match="inside"):
        free_run(found, data, len(data) - 3, 24.0)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("extra_w", [-300.0, 300.0])
def test_a_constant_unknown_heat_leaves_no_offset_a_day_ahead(extra_w: float) -> None:
    found, _ = _own_kind()
    data = _lived(TRUE, days=9, seed=8, extra_w=extra_w)
    errors, _ = _errors(found, data, range(3 * DAY, 8 * DAY - 1))
    assert abs(np.mean(errors[:, -1])) < 0.1


@pytest.mark.timeout(60)
def test_an_open_window_is_listed_and_not_learned() -> None:
    plain = _lived(TRUE, days=12)
    room_c = plain.room_c.copy()
    for day in range(2, 12):
        room_c[day * DAY + 15] -= 2.5
        room_c[day * DAY + 16] -= 1.0
    aired = identify(replace(plain, room_c=room_c), PRIOR, orders=(Order.TWO,))
    quiet = identify(plain, PRIOR, orders=(Order.TWO,))
    airings = [event for event in aired.events if event.heat_w < 0.0]
    assert {event.from_at.date() for event in airings} >= {
        (STARTS_AT + timedelta(days=day)).date() for day in range(2, 12)
    }
    ratio = total_loss_w_per_k(aired.building) / total_loss_w_per_k(quiet.building)
    assert 0.85 < ratio < 1.15


@pytest.mark.timeout(60)
def test_gaps_in_the_data_do_not_stop_the_fit() -> None:
    plain = _lived(TRUE, days=16)
    room_c = plain.room_c.copy()
    room_c[100:102] = np.nan
    room_c[300:330] = np.nan
    found = identify(replace(plain, room_c=room_c), PRIOR, orders=(Order.TWO,))
    assert found.accepted
    assert total_loss_w_per_k(found.building) == pytest.approx(total_loss_w_per_k(TRUE), rel=0.2)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", ["kilowatts", "frozen", "swapped", "short", "holes"])
def test_a_fit_on_bad_data_is_never_accepted(fault: str) -> None:
    data = _lived(TRUE, days=8)
    stuck = data.room_c.copy()
    stuck[96:] = stuck[96]
    holes = np.where(np.arange(len(data)) % 84 < 40, np.nan, data.room_c)
    bad = {
        "holes": replace(data, room_c=holes),
        "kilowatts": replace(data, heat_w=data.heat_w / 1000.0),
        "frozen": replace(data, room_c=stuck),
        "swapped": replace(data, room_c=data.outdoor_c, outdoor_c=data.room_c),
        "short": data.part(0, 2 * DAY),
    }[fault]
    found = identify(bad, PRIOR, orders=(Order.TWO,))
    assert not found.accepted
    assert found.reasons


def test_nothing_is_accepted_before_anything_was_learned() -> None:
    given = unlearned(PRIOR)
    assert given.building == HOUSE
    assert not given.accepted
    assert all(direction.kept_frac == pytest.approx(1.0) for direction in given.directions)


@pytest.mark.timeout(60)
@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.3, 3.0))
def test_scaling_heat_and_house_together_leaves_predictions(scale: float) -> None:
    _, data = _own_kind()
    larger = replace(
        HOUSE,
        **{
            name: scale * getattr(HOUSE, name)
            for name in (
                "area_m2",
                "air_kwh_per_k",
                "mass_kwh_per_k",
                "air_outdoor_w_per_k",
                "mass_outdoor_w_per_k",
                "air_mass_w_per_k",
                "solar_aperture_m2",
                "internal_gains_w",
            )
        },
    )
    one = free_run(unlearned(PRIOR), data, 500, 24.0)
    other = free_run(
        unlearned(Prior(building=larger)), replace(data, heat_w=scale * data.heat_w), 500, 24.0
    )
    assert np.allclose(one.room_c, other.room_c, atol=1e-6)
    assert np.allclose(one.std_k, other.std_k, rtol=1e-4)


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.floats(-5.0, 5.0), min_size=n, max_size=n), min_size=1, max_size=12
        )
    )
)
def test_more_data_never_make_the_belief_wider(rows: list[list[float]]) -> None:
    table = np.array(rows)
    prior = np.eye(table.shape[1])
    before = np.diag(covariance_of(np.vstack([table[:-1], prior])))
    after = np.diag(covariance_of(np.vstack([table, prior])))
    assert np.all(after <= before + 1e-9)
