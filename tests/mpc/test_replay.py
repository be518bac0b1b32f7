"""What a plan says of heat, temperatures and power is what the models make of its decisions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mpc.building import EmitterKind, MassClass, capacities_kwh_per_k, discretise
from mpc.plan import Plan, PlanRequest, Solved
from mpc.power_curve import power_w
from mpc.replay import Decisions, emission_at, house_of, plan_from
from mpc.storage import WATER_KWH_PER_L_K, Buffer

Make = Callable[..., PlanRequest]
Solve = Callable[[PlanRequest], Solved]
STEP_H = 0.25
PARTS = 30  # of a step, to sum losses over


def decided(request: PlanRequest, seed: int = 1) -> Decisions:
    """Any decisions at all."""
    g, steps = np.random.default_rng(seed), len(request.horizon.outdoor_c)
    tank, heater = request.hot_water is not None, request.heater is not None
    return Decisions(
        heat_w=g.uniform(0.0, 6000.0, steps),
        dhw_heat_w=g.uniform(0.0, 800.0, steps) if tank else None,
        dhw_run_frac=g.uniform(0.1, 0.4, steps) if tank else None,
        heater_w=g.uniform(0.0, 500.0, steps) if heater else None,
        dhw_heater_w=g.uniform(0.0, 100.0, steps) if tank and heater else None,
    )


@pytest.mark.parametrize("kind", EmitterKind)
def test_heat_into_the_house_is_stored_or_lost(make_request: Make, kind: EmitterKind) -> None:
    request = make_request(kind=kind, mass=MassClass.HEAVY)
    building, house = request.building, house_of(request)
    plan = plan_from(request, house, decided(request), source="any")
    part = discretise(building, request.horizon.step_s / PARTS)
    x = house.start_c.copy()
    lost_kwh = 0.0
    for k, outdoor_c in enumerate(request.horizon.outdoor_c):
        for _ in range(PARTS):
            before = x
            x = part.a @ x + part.b_heat * plan.heat_w[k]
            x = x + part.b_outdoor * outdoor_c + part.b_gain * house.gain_w[k]
            excess_k = 0.5 * (before + x) - outdoor_c
            lost_w = building.air_outdoor_w_per_k * excess_k[0]
            lost_w += building.mass_outdoor_w_per_k * excess_k[1]
            lost_kwh += lost_w * STEP_H / PARTS / 1000.0
        assert plan.room_c[k] == pytest.approx(x[0], abs=0.001)
    stored_kwh = float(capacities_kwh_per_k(building) @ (x - house.start_c))
    given_kwh = float(np.sum(np.array(plan.heat_w) + house.gain_w)) * STEP_H / 1000.0
    assert given_kwh == pytest.approx(stored_kwh + lost_kwh, rel=1e-4)


def test_a_lossless_tank_holds_what_is_put_in(everything: Make) -> None:
    request = everything()
    assert request.hot_water is not None
    tank = replace(request.hot_water.tank, loss_w_per_k=0.0)  # both layers alike
    water = replace(request.hot_water, tank=tank, state_c=(40.0, 40.0), draw_kwh_per_k=(0.0,) * 96)
    request = replace(request, hot_water=water)
    wanted = decided(request)
    plan = plan_from(request, house_of(request), wanted, source="any")
    assert wanted.dhw_heater_w is not None
    put_kwh = float(np.sum(np.array(plan.dhw_heat_w) + wanted.dhw_heater_w)) * STEP_H / 1000.0
    stored_kwh = tank.volume_l * WATER_KWH_PER_L_K * (plan.dhw_c[-1] - 40.0)
    assert stored_kwh == pytest.approx(put_kwh, rel=1e-3)


def test_a_lossless_buffer_holds_what_is_put_in_and_not_given(make_request: Make) -> None:
    buffer = Buffer(
        kwh_per_k=0.6, loss_w_per_k=0.0, room_c=18.0, state_c=35.0, low_c=30.0, high_c=50.0
    )
    request = replace(make_request(), buffer=buffer)
    wanted = replace(decided(request), emitted_w=np.full(96, 2500.0))
    plan = plan_from(request, house_of(request), wanted, source="any")
    net_kwh = (float(np.sum(plan.heat_w)) - 96 * 2500.0) * STEP_H / 1000.0
    assert buffer.kwh_per_k * (plan.buffer_c[-1] - 35.0) == pytest.approx(net_kwh, abs=0.01)
    without = plan_from(
        replace(request, buffer=None),
        house_of(request),
        Decisions(heat_w=np.full(96, 2500.0)),
        source="any",
    )
    assert plan.room_c == without.room_c


def test_power_is_that_of_pump_tank_heater_and_circulation(everything: Make) -> None:
    request = everything()
    house = house_of(request)
    wanted = decided(request)
    whole = plan_from(request, house, wanted, source="any")
    without = plan_from(request, house, replace(wanted, dhw_heat_w=None), source="any")
    dry = replace(request, heater=None, hot_water=None)
    assert wanted.heater_w is not None
    into_w = wanted.heat_w + wanted.heater_w
    where = emission_at(request, house.during_c(house.states_c(into_w)))
    bare = np.array(plan_from(dry, house, Decisions(heat_w=wanted.heat_w), source="any").heat_w)
    assert wanted.dhw_heater_w is not None
    heater_w = (wanted.heater_w + wanted.dhw_heater_w) / 0.99
    around_w = request.compressor.circulation_w * (
        np.array(without.run_frac) + np.array(without.dhw_run_frac)
    )
    expected = power_w(where, bare) + heater_w + around_w
    assert np.array(without.power_w) == pytest.approx(expected, abs=0.5)
    assert (np.array(whole.power_w) > np.array(without.power_w)).all()


def imports_and_exports(plan: Plan, request: PlanRequest) -> tuple[np.ndarray, np.ndarray]:
    assert request.site is not None
    net_w = np.array(plan.power_w) + request.site.base_load_w - np.array(request.site.pv_w)
    return np.maximum(net_w, 0.0), np.maximum(-net_w, 0.0)


def test_import_less_export_is_the_sum_of_the_loads(
    everything: Make, relaxed_request: Make, solved: Solve
) -> None:
    request = relaxed_request(everything(outdoor_c=10.0))
    plan = solved(request).plan
    bought_w, sold_w = imports_and_exports(plan, request)
    assert request.site is not None
    loads_w = np.array(plan.power_w) + request.site.base_load_w
    assert bought_w - sold_w == pytest.approx(loads_w - np.array(request.site.pv_w))
    assert (sold_w <= np.array(request.site.pv_w) + 1e-6).all()
    assert float(sold_w.sum()) > 0.0


def test_a_first_step_that_is_half_over_gets_half_its_heat(everything: Make) -> None:
    request = replace(everything(), hot_water=None, heater=None)
    late = replace(request.estimate, at=request.estimate.at + timedelta(seconds=450))
    half = replace(request, estimate=late)
    heat = Decisions(heat_w=np.full(96, 4000.0))
    nothing = Decisions(heat_w=np.zeros(96))
    rises = []
    for asked in (request, half):
        house = house_of(asked)
        with_heat = plan_from(asked, house, heat, source="any").room_c[0]
        rises.append(with_heat - plan_from(asked, house, nothing, source="any").room_c[0])
    assert 0.4 * rises[0] < rises[1] < 0.65 * rises[0]


@pytest.mark.parametrize("kind", EmitterKind)
def test_heat_given_in_place_of_missed_heat_leaves_the_rooms_as_they_were(
    make_request: Make, kind: EmitterKind
) -> None:
    request = make_request(kind=kind)
    gone = request.horizon.starts_at + timedelta(seconds=300)
    request = replace(request, estimate=replace(request.estimate, at=gone))
    steps = len(request.horizon.outdoor_c)
    missed_w = tuple(400.0 + 10.0 * k for k in range(steps))
    heat_w = np.full(steps, 3000.0)
    without = house_of(request).states_c(heat_w)
    missing = house_of(replace(request, missed_w=missed_w)).states_c(heat_w + np.array(missed_w))
    assert missing == pytest.approx(without, abs=1e-9)
