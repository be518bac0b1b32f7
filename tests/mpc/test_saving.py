"""What steering saved, from days whose saving is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.savings import Day, saving


def days_of(share: float, *, count: int = 40, noise: float = 0.0, seed: int = 1) -> list[Day]:
    """Days whose every fourth is on the pump's own control; the others save `share`."""
    rng = np.random.default_rng(seed)
    difference = 18.0 + 5.0 * np.sin(np.arange(count) / 6.0) + rng.normal(0.0, 1.0, count)
    ghi, rise = rng.uniform(0.0, 150.0, count), rng.normal(0.0, 0.3, count)
    own = 2.0 + 1.1 * difference + 0.02 * difference**2 - 0.02 * ghi + 3.0 * rise
    steered = np.arange(count) % 4 != 2
    used = own * (1.0 - share * steered) * (1.0 + noise * rng.normal(0.0, 1.0, count))
    return [
        Day(
            energy_kwh=float(used[i]),
            difference_k=float(difference[i]),
            ghi_w_per_m2=float(ghi[i]),
            room_rise_k=float(rise[i]),
            steered=bool(steered[i]),
            steered_before=bool(i and steered[i - 1]),
        )
        for i in range(count)
    ]


@given(st.floats(-0.3, 0.6))
@settings(max_examples=20, deadline=None)
def test_without_noise_the_saving_is_found_exactly(share: float) -> None:
    found = saving(days_of(share))
    assert found.frac == pytest.approx(share, abs=1e-6)
    assert found.high_frac - found.low_frac < 1e-4


def test_a_colder_room_is_no_saving() -> None:
    fair = days_of(0.0)
    base = np.array([day.energy_kwh for day in fair])
    cooler = [
        replace(day, difference_k=day.difference_k - 1.0, energy_kwh=kwh - 1.1 - 0.02 * (
            2.0 * day.difference_k - 1.0)) if day.steered else day
        for day, kwh in zip(fair, base, strict=True)
    ]  # fmt: skip
    found = saving(cooler)
    assert found.unadjusted_frac > 0.05
    assert found.frac == pytest.approx(0.0, abs=0.005)


def test_what_walls_give_back_the_day_after_is_counted() -> None:
    plain = days_of(0.0)
    later = [
        replace(day, energy_kwh=day.energy_kwh * (1.0 - 0.10 * day.steered + 0.04 * before))
        for day in plain
        for before in (day.steered_before,)
    ]
    assert saving(later).frac == pytest.approx(0.06, abs=1e-6)


def test_the_interval_holds_the_truth_eight_times_of_ten() -> None:
    inside = [
        found.low_frac < 0.1 < found.high_frac
        for seed in range(300)
        for found in (saving(days_of(0.1, noise=0.08, seed=seed)),)
    ]
    assert 0.75 <= np.mean(inside) <= 0.87


def test_more_days_make_the_interval_narrower() -> None:
    widths = []
    for count in (24, 96):
        found = [saving(days_of(0.1, count=count, noise=0.08, seed=seed)) for seed in range(20)]
        widths.append(np.mean([one.high_frac - one.low_frac for one in found]))
    assert widths[1] < 0.7 * widths[0]


@given(st.floats(0.01, 100.0))
@settings(max_examples=20, deadline=None)
def test_the_unit_of_the_energy_does_not_matter(scale: float) -> None:
    days = days_of(0.1, noise=0.05)
    scaled = [replace(day, energy_kwh=scale * day.energy_kwh) for day in days]
    assert saving(scaled).frac == pytest.approx(saving(days).frac, abs=1e-6)


@pytest.mark.parametrize("days", [days_of(0.1)[:13], [d for d in days_of(0.1) if d.steered]])
def test_too_few_days_of_a_kind_tell_nothing(days: list[Day]) -> None:
    with pytest.raises(ValueError, match="are needed"):
        saving(days)
