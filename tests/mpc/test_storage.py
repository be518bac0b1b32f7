"""Tank and buffer: their exact steps obey the heat balance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.storage import (
    WATER_KWH_PER_L_K,
    Buffer,
    HotWater,
    Tank,
    after_draw_c,
    buffer_steps,
    heated_below,
    layers_steps,
    risen_layers,
    simulate_layers,
    warm_up_kwh,
)

TANK = Tank(
    volume_l=200.0,
    loss_w_per_k=2.0,
    layers_w_per_k=5.0,
    heat_to_upper_frac=0.5,
    cold_c=10.0,
    room_c=20.0,
    approach_k=5.0,
)
HALF_KWH_PER_K = 100.0 * WATER_KWH_PER_L_K
BUFFER = Buffer(kwh_per_k=0.5, loss_w_per_k=3.0, room_c=20.0, state_c=40.0, low_c=30.0, high_c=50.0)
FINE = 720  # parts of an hour: the balance is summed over 5 s
MANY = settings(max_examples=40, deadline=None)


@MANY
@given(
    upper_c=st.floats(10.0, 70.0),
    lower_c=st.floats(10.0, 70.0),
    heat_w=st.floats(0.0, 8000.0),
    draw_kwh_per_k=st.floats(0.0, 0.2),
    frac=st.floats(0.0, 1.0),
)
def test_heat_into_the_tank_is_stored_drawn_or_lost(
    upper_c: float, lower_c: float, heat_w: float, draw_kwh_per_k: float, frac: float
) -> None:
    tank = replace(TANK, heat_to_upper_frac=frac)
    step_h, drawn = np.full(FINE, 1.0 / FINE), np.full(FINE, draw_kwh_per_k / FINE)
    layers = layers_steps(tank, step_h=step_h, draw_kwh_per_k=drawn)
    ends = simulate_layers(layers, (upper_c, lower_c), np.full(FINE, heat_w))
    states = np.column_stack([[upper_c, lower_c], ends])
    during = 0.5 * (states[:, 1:] + states[:, :-1]).mean(axis=1)
    stored_kwh = HALF_KWH_PER_K * float(np.sum(ends[:, -1]) - upper_c - lower_c)
    lost_kwh = tank.loss_w_per_k / 1000.0 * (float(during.mean()) - tank.room_c)
    drawn_kwh = draw_kwh_per_k * (float(during[0]) - tank.cold_c)
    assert heat_w / 1000.0 == pytest.approx(stored_kwh + lost_kwh + drawn_kwh, abs=1e-3)


@MANY
@given(
    hours=st.floats(0.1, 3.0),
    heat_w=st.floats(0.0, 5000.0),
    draw_kwh_per_k=st.floats(0.0, 0.3),
    parts=st.integers(2, 6),
)
def test_one_long_step_of_the_tank_is_many_short_ones(
    hours: float, heat_w: float, draw_kwh_per_k: float, parts: int
) -> None:
    def end_c(count: int) -> list[float]:
        layers = layers_steps(
            TANK,
            step_h=np.full(count, hours / count),
            draw_kwh_per_k=np.full(count, draw_kwh_per_k / count),
        )
        ends = simulate_layers(layers, (55.0, 35.0), np.full(count, heat_w))
        return list(ends[:, -1].tolist())

    assert end_c(parts) == pytest.approx(end_c(1), abs=1e-6)


def test_a_tank_left_alone_comes_to_the_temperature_of_its_room() -> None:
    layers = layers_steps(TANK, step_h=np.full(5, 1000.0), draw_kwh_per_k=np.zeros(5))
    ends = simulate_layers(layers, (60.0, 30.0), np.zeros(5))
    assert ends[:, -1] == pytest.approx([20.0, 20.0], abs=1e-3)


@MANY
@given(in_kw=st.floats(0.0, 8.0), out_kw=st.floats(0.0, 8.0), hours=st.floats(0.1, 2.0))
def test_heat_into_the_buffer_is_stored_given_or_lost(
    in_kw: float, out_kw: float, hours: float
) -> None:
    kept, gain, drive = buffer_steps(BUFFER, np.full(FINE, hours / FINE))
    states = [BUFFER.state_c]
    for a, b, d in zip(kept, gain, drive, strict=True):
        states.append(a * states[-1] + b * (in_kw - out_kw) + d)
    mean_c = float(np.mean(0.5 * (np.array(states[1:]) + np.array(states[:-1]))))
    stored_kwh = BUFFER.kwh_per_k * (states[-1] - states[0])
    lost_kwh = BUFFER.loss_w_per_k / 1000.0 * (mean_c - BUFFER.room_c) * hours
    assert (in_kw - out_kw) * hours == pytest.approx(stored_kwh + lost_kwh, abs=1e-4)


def test_a_buffer_without_loss_is_the_limit_of_a_small_one() -> None:
    step_h = np.array([0.25, 1.0])
    tight = buffer_steps(replace(BUFFER, loss_w_per_k=0.0), step_h)
    nearly = buffer_steps(replace(BUFFER, loss_w_per_k=1e-4), step_h)
    for without, small in zip(tight, nearly, strict=True):
        assert without == pytest.approx(small, abs=1e-4)


@MANY
@given(
    upper_c=st.floats(10.0, 70.0),
    behind_k=st.floats(0.0, 30.0),
    heat_w=st.floats(0.0, 8000.0),
)
def test_warm_water_rises_and_no_heat_is_lost_by_it(
    upper_c: float, behind_k: float, heat_w: float
) -> None:
    layers = layers_steps(
        heated_below(TANK), step_h=np.full(12, 1.0 / 12.0), draw_kwh_per_k=np.zeros(12)
    )
    start_c, heat = (upper_c, upper_c - behind_k), np.full(12, heat_w)
    risen = risen_layers(layers, start_c, heat)
    assert (risen[1] <= risen[0] + 1e-9).all()
    straight = simulate_layers(layers, start_c, heat)
    assert risen.mean(axis=0) == pytest.approx(straight.mean(axis=0), abs=1e-6)


@MANY
@given(
    upper_c=st.floats(30.0, 70.0),
    behind_k=st.floats(0.0, 30.0),
    draw_kwh_per_k=st.floats(0.0, 0.3),
)
def test_a_draw_at_once_is_the_limit_of_a_quick_one(
    upper_c: float, behind_k: float, draw_kwh_per_k: float
) -> None:
    start_c = (upper_c, upper_c - behind_k)
    quick = layers_steps(TANK, step_h=np.array([1e-4]), draw_kwh_per_k=np.array([draw_kwh_per_k]))
    ends = simulate_layers(quick, start_c, np.zeros(1))
    at_once = after_draw_c(TANK, (np.array(start_c[0]), np.array(start_c[1])), draw_kwh_per_k)
    assert float(at_once) == pytest.approx(float(ends[0, 0]), abs=1e-2)


def test_each_charge_but_one_under_way_begins_with_what_the_pipes_take() -> None:
    on = np.array([True, True, False, True, True, False])
    water = HotWater(
        tank=TANK,
        state_c=(45.0, 40.0),
        draw_kwh_per_k=(0.0,) * 6,
        low_c=(40.0,) * 6,
        high_c=(55.0,) * 6,
        below_price_per_kh=1.0,
        warm_up_kwh=0.4,
    )
    assert warm_up_kwh(water, on, charging=False).tolist() == [0.4, 0.0, 0.0, 0.4, 0.0, 0.0]
    assert warm_up_kwh(water, on, charging=True).tolist() == [0.0, 0.0, 0.0, 0.4, 0.0, 0.0]
