"""Droop, recovery and what may be promised to the grid."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.peak_state import Running
from mpc.quarter import heat_pump_limit_w
from mpc.reserve import (
    DROOPS,
    DYNAMIC,
    Answer,
    Armed,
    Headroom,
    NotArmed,
    Product,
    Recovery,
    Warmth,
    activation_frac,
    answered,
    arm,
    asked_power_w,
    bearable_w,
    setpoint_shift_k,
    static_recovery,
    threshold_hz,
)

FREQUENCY = st.floats(min_value=48.0, max_value=52.0)
PRODUCT = st.sampled_from(list(Product))
HEADROOM = Headroom(baseline_w=1500.0, least_w=600.0, most_w=2500.0)
WARMTH = Warmth(room_c=21.0, low_c=20.0, high_c=22.5, kwh_per_k=5.0, cop=3.0)
AT = datetime(2025, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("product", "frequency_hz", "share"),
    [
        (Product.FCR_N, 49.95, 0.5),
        (Product.FCR_N, 49.9, 1.0),
        (Product.FCR_N, 50.1, -1.0),
        (Product.FCR_D_UP, 49.9, 0.0),
        (Product.FCR_D_UP, 49.7, 0.5),
        (Product.FCR_D_UP, 49.0, 1.0),
        (Product.FCR_D_UP, 50.5, 0.0),
        (Product.FCR_D_DOWN, 50.3, -0.5),
        (Product.FCR_D_DOWN, 49.0, 0.0),
        (Product.FCR, 49.995, 0.0),
        (Product.FCR, 49.9, 0.5),
        (Product.FCR, 50.3, -1.0),
    ],
)
def test_droop_answers_as_the_rules_of_the_product_say(product, frequency_hz, share):
    assert activation_frac(DROOPS[product], frequency_hz) == pytest.approx(share, abs=1e-9)


@given(PRODUCT, FREQUENCY, FREQUENCY)
def test_lower_frequency_never_asks_for_more_consumption(product, one_hz, other_hz):
    low, high = sorted((one_hz, other_hz))
    droop = DROOPS[product]
    assert activation_frac(droop, low) >= activation_frac(droop, high)


def test_many_switches_with_spread_thresholds_follow_the_line():
    droop = DROOPS[Product.FCR_D_UP]
    thresholds = [threshold_hz(droop, unit, 50) for unit in range(50)]
    for frequency_hz in (49.85, 49.7, 49.63, 49.5):
        switched = sum(50.0 - frequency_hz >= threshold for threshold in thresholds) / 50
        assert switched == pytest.approx(activation_frac(droop, frequency_hz), abs=0.02)
    with pytest.raises(ValueError, match="no unit 50"):
        threshold_hz(droop, 50, 50)


def test_a_thermostat_is_set_lower_while_the_frequency_is_low():
    assert setpoint_shift_k(0.5, 1.0) == -0.5
    assert setpoint_shift_k(-1.0, 1.0) == 1.0


def test_dynamic_answer_follows_the_frequency_both_ways():
    droop = DROOPS[Product.FCR_N]
    answer = answered(droop, DYNAMIC, Answer(), frequency_hz=49.9, step_s=1.0)
    assert answer.applied_frac == pytest.approx(1.0)
    assert answered(droop, DYNAMIC, answer, frequency_hz=50.0, step_s=1.0).applied_frac == 0.0


def test_static_answer_waits_its_time_and_then_comes_back_slowly():
    droop, recovery = DROOPS[Product.FCR_D_UP], static_recovery(0.1)
    answer = Answer(applied_frac=1.0)
    seen = []
    for _ in range(100):
        answer = answered(droop, recovery, answer, frequency_hz=50.0, step_s=1.0)
        seen.append(answer.applied_frac)
    assert seen[:30] == [1.0] * 30
    assert seen[30] == pytest.approx(0.98)
    assert seen[79] == pytest.approx(0.0, abs=1e-9)


def test_a_second_dip_while_coming_back_is_answered_at_once():
    droop, recovery = DROOPS[Product.FCR_D_UP], static_recovery(0.0)
    half = Answer(applied_frac=0.4, waiting_s=30.0)
    again = answered(droop, recovery, half, frequency_hz=49.5, step_s=1.0)
    assert again == Answer(applied_frac=1.0)


@given(st.floats(min_value=0.0, max_value=1.0))
def test_every_drawn_wait_is_over_before_a_unit_must_be_ready_again(drawn):
    recovery = static_recovery(drawn)
    assert recovery.ramp_frac_per_s is not None
    assert recovery.delay_s + 1.0 / recovery.ramp_frac_per_s < 15 * 60.0


@given(
    st.sampled_from([Product.FCR_D_UP, Product.FCR_D_DOWN]),
    st.lists(st.none() | FREQUENCY, min_size=2, max_size=60),
    st.floats(min_value=0.0, max_value=1.0),
)
def test_static_answer_never_returns_faster_than_its_ramp(product, heard, drawn):
    answer = Answer()
    recovery = static_recovery(drawn, longest_s=20.0)
    for frequency_hz in heard:
        later = answered(DROOPS[product], recovery, answer, frequency_hz=frequency_hz, step_s=1.0)
        assert abs(answer.applied_frac) - abs(later.applied_frac) <= 0.02 + 1e-9
        answer = later


def test_an_unknown_frequency_lets_the_answer_fade():
    droop = DROOPS[Product.FCR_N]
    faded = answered(droop, DYNAMIC, Answer(applied_frac=-1.0), frequency_hz=None, step_s=1.0)
    assert faded.applied_frac == pytest.approx(-0.98)


def test_a_product_of_both_directions_cannot_return_slowly():
    with pytest.raises(ValueError, match="both directions"):
        answered(
            DROOPS[Product.FCR_N], Recovery(ramp_frac_per_s=0.02), Answer(),
            frequency_hz=50.0, step_s=1.0,
        )  # fmt: skip


def test_what_is_bearable_is_the_smaller_of_power_and_comfort():
    # 1 K over two hours: 5 kWh of heat / (2 h * COP 3) = 833 W; up to the lowest speed: 900 W
    up = DROOPS[Product.FCR_D_UP]
    assert bearable_w(up, HEADROOM, WARMTH) == pytest.approx(5000.0 / 6.0)
    assert bearable_w(up, HEADROOM, replace(WARMTH, kwh_per_k=50.0)) == pytest.approx(900.0)
    assert bearable_w(up, HEADROOM, replace(WARMTH, room_c=19.5)) == 0.0
    down = DROOPS[Product.FCR_D_DOWN]
    assert bearable_w(down, HEADROOM, replace(WARMTH, kwh_per_k=50.0)) == pytest.approx(1000.0)


def test_only_what_the_plan_reserved_and_the_house_bears_is_promised():
    wish = Armed(product=Product.FCR_N, capacity_w=800.0, baseline_w=1500.0, until_at=AT)
    assert arm(wish, (800.0, 800.0), HEADROOM, WARMTH) == wish
    refused = arm(wish, (800.0, 300.0), HEADROOM, replace(WARMTH, room_c=20.1))
    assert isinstance(refused, NotArmed)
    assert refused.reasons == (
        "the plan keeps 300 W free downwards, 800 W are needed",
        "limits of the pump and comfort bear 83 W for 120 min, 800 W are needed",
    )


@given(PRODUCT, FREQUENCY, st.floats(min_value=0.0, max_value=5000.0))
def test_limits_of_the_pump_win_over_every_promise(product, frequency_hz, capacity_w):
    armed = Armed(product=product, capacity_w=capacity_w, baseline_w=1500.0, until_at=AT)
    answer = answered(DROOPS[product], DYNAMIC, Answer(), frequency_hz=frequency_hz, step_s=1.0)
    assert HEADROOM.least_w <= asked_power_w(armed, answer, HEADROOM) <= HEADROOM.most_w


@given(
    st.floats(min_value=0.0, max_value=1.0),
    st.floats(min_value=0.0, max_value=890.0),
    st.floats(min_value=0.0, max_value=3000.0),
)
def test_drawing_the_limit_for_the_rest_of_the_quarter_hits_the_level(seen_kwh, seen_s, others_w):
    running = Running(starts_at=AT, seen_kwh=seen_kwh, seen_s=seen_s)
    limit_w = heat_pump_limit_w(running, interval_s=900.0, level_kw=4.0, others_w=others_w)
    ends_kwh = seen_kwh + (limit_w + others_w) * (900.0 - seen_s) / 3.6e6
    assert ends_kwh == pytest.approx(1.0) or limit_w == 0.0


def test_a_hole_in_the_meter_leaves_no_more_than_the_level():
    running = Running(starts_at=AT, seen_kwh=0.0, seen_s=0.0)
    limit_w = heat_pump_limit_w(
        running, interval_s=900.0, level_kw=4.0, others_w=500.0, unseen_s=600.0
    )
    assert limit_w == pytest.approx(3500.0)
