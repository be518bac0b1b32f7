"""Hot water under the rules: its own hysteresis, one thing at a time."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.plan import Compressor, Plan, PlanRequest
from mpc.rule_aim import RuleOptions
from mpc.rules import RULES
from mpc.storage import HotWater, Tank, layers_steps, simulate_layers

Make = Callable[..., PlanRequest]

some = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def hot_water(steps: int, **changes: object) -> HotWater:
    """180 l between 42 and 52 °C, drawn from at seven and at nineteen o'clock."""
    usual = HotWater(
        tank=Tank(
            volume_l=180.0,
            loss_w_per_k=1.8,
            layers_w_per_k=8.0,
            heat_to_upper_frac=0.5,
            cold_c=10.0,
            room_c=20.0,
            approach_k=5.0,
        ),
        state_c=(46.0, 44.0),
        draw_kwh_per_k=tuple(0.05 if k % 96 in (28, 29, 76, 77) else 0.0 for k in range(steps)),
        low_c=(42.0,) * steps,
        high_c=(52.0,) * steps,
        below_price_per_kh=1.0,
    )
    return replace(usual, **changes)


@pytest.mark.parametrize("name", RULES)
@some
@given(
    outdoor_c=st.floats(-15.0, 25.0),
    room_c=st.floats(15.0, 25.0),
    start_c=st.floats(15.0, 55.0),
    draw=st.lists(st.floats(0.0, 0.1), min_size=48, max_size=48).map(tuple),
    run_s=st.floats(0.0, 3600.0),
)
def test_tank_and_rooms_never_get_the_compressor_at_once_and_its_times_hold(
    make_request: Make,
    name: str,
    outdoor_c: float,
    room_c: float,
    start_c: float,
    draw: tuple[float, ...],
    run_s: float,
) -> None:
    water = hot_water(48, state_c=(start_c, start_c), draw_kwh_per_k=draw)
    machine = Compressor(minimum_run_s=run_s, minimum_off_s=1200.0, dwell_s=900.0, running=False)
    request = make_request(hours=12, outdoor_c=outdoor_c, room_c=room_c)
    plan = RULES[name](replace(request, hot_water=water, compressor=machine))
    rooms, tank = np.array(plan.run_frac), np.array(plan.dhw_run_frac)
    assert not np.any((rooms > 0.0) & (tank > 0.0))
    on = (rooms > 0.0) | (tank > 0.0)
    edges = [0, *(np.flatnonzero(on[1:] != on[:-1]) + 1).tolist()]
    for first, then in pairwise(edges):
        if on[first]:
            assert (then - first) * 900.0 >= run_s - 1e-3
        elif first > 0:
            assert (then - first) * 900.0 >= 1200.0


@pytest.mark.parametrize("name", RULES)
@some
@given(start_c=st.floats(15.0, 50.0), volume_l=st.floats(100.0, 500.0))
def test_the_tank_is_never_filled_beyond_its_upper_bound(
    make_request: Make, name: str, start_c: float, volume_l: float
) -> None:
    water = hot_water(96, state_c=(start_c, start_c))
    water = replace(water, tank=replace(water.tank, volume_l=volume_l))
    request = replace(make_request(hours=24), hot_water=water)
    plan = RULES[name](request)
    layers = layers_steps(
        water.tank, step_h=np.full(96, 0.25), draw_kwh_per_k=np.array(water.draw_kwh_per_k)
    )
    ends = simulate_layers(layers, water.state_c, np.array(plan.dhw_heat_w))
    assert ends[0] == pytest.approx(plan.dhw_c, abs=0.01)  # the plan's tank is the model's
    assert np.max(np.mean(ends, axis=0)) <= 52.02


def test_a_charge_starts_below_the_lower_bound_and_goes_on_to_the_upper_one(
    make_request: Make,
) -> None:
    water = hot_water(96, state_c=(41.0, 35.0), draw_kwh_per_k=(0.0,) * 96)
    plan = RULES["heat-led"](replace(make_request(hours=24), hot_water=water))
    assert plan.dhw_run_frac[0] == 1.0
    charged = [k for k, frac in enumerate(plan.dhw_run_frac) if frac > 0.0]
    assert charged == list(range(len(charged)))
    assert max(plan.dhw_c) > 50.0
    assert sum(plan.heat_w[: len(charged)]) == 0.0


def test_the_tank_is_warm_when_a_deadline_begins(make_request: Make) -> None:
    due = tuple(48.0 if k >= 24 else 38.0 for k in range(96))
    water = hot_water(96, low_c=due, draw_kwh_per_k=(0.0,) * 96)
    plan = RULES["heat-led"](replace(make_request(hours=24), hot_water=water))
    assert plan.dhw_c[24] >= 48.0
    assert sum(plan.dhw_heat_w[:19]) == 0.0


def test_price_led_charges_the_tank_ahead_of_dear_hours(make_request: Make) -> None:
    prices = tuple(0.1 if k < 24 else 0.4 for k in range(96))
    water = hot_water(96, draw_kwh_per_k=tuple(0.04 if k in (28, 29) else 0.0 for k in range(96)))
    request = replace(make_request(hours=24, prices=prices), hot_water=water)
    dear = slice(24, None)
    heat_led, price_led = RULES["heat-led"](request), RULES["price-led"](request)
    assert sum(price_led.dhw_heat_w[:24]) > 0.0
    assert sum(price_led.dhw_heat_w[dear]) < sum(heat_led.dhw_heat_w[dear])


def test_frost_in_the_rooms_comes_before_hot_water(make_request: Make) -> None:
    water = hot_water(48, state_c=(20.0, 20.0))
    machine = Compressor(running=True, hot_water=True, since_s=60.0, dwell_s=1800.0)
    request = make_request(hours=12, outdoor_c=-5.0, room_c=3.0)
    plan = RULES["heat-led"](replace(request, hot_water=water, compressor=machine))
    thawed = next(k for k, c in enumerate(plan.room_c) if c >= request.comfort.frost_c)
    assert sum(plan.dhw_heat_w[: thawed + 1]) == 0.0
    assert sum(plan.dhw_heat_w[thawed + 1 :]) > 0.0


def test_a_power_limit_bends_the_charge(make_request: Make) -> None:
    water = hot_water(48, state_c=(30.0, 30.0))
    request = replace(make_request(hours=12, outdoor_c=5.0), hot_water=water)
    free = RULES["heat-led"](request)
    limited_w = 0.6 * max(free.power_w)
    limits = replace(request.limits, power_max_w=(limited_w,) * 48)
    plan = RULES["heat-led"](replace(request, limits=limits))
    assert 0.0 < max(plan.dhw_heat_w) < max(free.dhw_heat_w)
    assert max(plan.power_w) <= limited_w
    dark = replace(request.limits, power_max_w=(50.0,) * 48)
    assert sum(RULES["heat-led"](replace(request, limits=dark)).dhw_heat_w) == 0.0


def test_a_sanitation_within_the_pumps_reach_is_done_once(make_request: Make) -> None:
    water = hot_water(
        96,
        draw_kwh_per_k=(0.0,) * 96,
        pump_max_c=62.0,
        sanitise_c=58.0,
        sanitise_steps=(40, 70),
    )
    plan = RULES["heat-led"](replace(make_request(hours=24), hot_water=water))
    layers = layers_steps(water.tank, step_h=np.full(96, 0.25), draw_kwh_per_k=np.zeros(96))
    lower_c = simulate_layers(layers, water.state_c, np.array(plan.dhw_heat_w))[1]
    assert lower_c[40:71].max() >= 58.0
    assert lower_c[:40].max() < 53.0
    reached = int(np.argmax(lower_c >= 58.0))
    assert sum(plan.dhw_heat_w[reached + 1 : 71]) == 0.0
    out_of_reach = replace(water, pump_max_c=55.0)
    plan = RULES["heat-led"](replace(make_request(hours=24), hot_water=out_of_reach))
    assert max(plan.dhw_c) < 56.0


def test_hot_water_costs_electricity_and_circulation_counts_only_while_running(
    make_request: Make,
) -> None:
    water = hot_water(96, state_c=(35.0, 35.0))
    request = replace(make_request(hours=24, outdoor_c=18.0, room_c=23.0), hot_water=water)
    quiet = RULES["heat-led"](request)
    pumping = RULES["heat-led"](replace(request, compressor=Compressor(circulation_w=50.0)))
    busy = np.array(quiet.dhw_run_frac) + np.array(quiet.run_frac)
    more = np.array(pumping.power_w) - np.array(quiet.power_w)
    assert more == pytest.approx(50.0 * busy, abs=0.2)
    idle_w = request.heat_pump.standby_w
    drawn_w = np.array(quiet.power_w)[np.array(quiet.dhw_run_frac) == 1.0]
    assert np.all(drawn_w > idle_w + 300.0)
    assert np.array(quiet.power_w)[busy == 0.0] == pytest.approx(idle_w)


def test_without_a_tank_nothing_is_said_of_hot_water(make_request: Make) -> None:
    plan = RULES["heat-led"](make_request(), RuleOptions())
    assert plan.dhw_heat_w == plan.dhw_run_frac == plan.dhw_c == ()


def test_a_charge_by_rule_goes_on_until_the_tank_is_warm_beyond_the_pipes(
    make_request: Make,
) -> None:
    def plan_of(warm_up_kwh: float) -> Plan:
        request = make_request(hours=24)
        water = hot_water(96, state_c=(40.0, 38.0), warm_up_kwh=warm_up_kwh)
        return RULES["heat-led"](replace(request, hot_water=water))

    short, long = plan_of(0.0), plan_of(0.8)
    end = next(k for k in range(96) if short.dhw_heat_w[k] > 0.0 == short.dhw_heat_w[k + 1])
    given_kwh = [sum(plan.dhw_heat_w[: end + 4]) * 0.25 / 1000.0 for plan in (short, long)]
    assert given_kwh[1] - given_kwh[0] == pytest.approx(0.8, abs=0.3)
    assert long.dhw_c[end + 3] == pytest.approx(short.dhw_c[end + 3], abs=1.0)
