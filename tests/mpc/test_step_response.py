"""A planted dead time and ramp come back from the samples, and what is no answer is told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.step_response import Followed, NotFollowed, step_response


def samples(dead_s, ramp_s, *, change_w=-600.0, noise_w=0.0, seed=1, until_s=120):
    """Once a second from half a minute before the step."""
    t_s = np.arange(-30.0, float(until_s))
    shape = np.clip((t_s - dead_s) / max(ramp_s, 1e-9), 0.0, 1.0)
    rng = np.random.default_rng(seed)
    return t_s, 1500.0 + change_w * shape + rng.normal(0.0, noise_w, len(t_s))


@settings(max_examples=15, deadline=None)
@given(
    dead_s=st.integers(0, 60).map(float),
    ramp_s=st.integers(2, 45).map(float),
    change_w=st.sampled_from([-900.0, -300.0, 250.0, 1200.0]),
    noise_w=st.sampled_from([0.0, 5.0]),
)
def test_a_planted_dead_time_and_ramp_are_found(dead_s, ramp_s, change_w, noise_w):
    found = step_response(*samples(dead_s, ramp_s, change_w=change_w, noise_w=noise_w), change_w)
    assert isinstance(found, Followed)
    slack = 0.5 if noise_w == 0.0 else 3.0
    assert found.dead_s == pytest.approx(dead_s, abs=slack)
    assert found.ramp_s == pytest.approx(ramp_s, abs=2.0 * slack)
    assert found.change_w == pytest.approx(change_w, rel=0.05)


def test_an_answer_at_once_is_no_slower_than_the_samples_can_tell():
    found = step_response(*samples(1.0, 0.0), -600.0)
    assert isinstance(found, Followed)
    assert found.dead_s + found.ramp_s <= 2.0  # the first sample that shows it
    assert found.rough_frac == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "asked_w", "reason"),
    [
        ({"change_w": 0.0, "noise_w": 3.0}, -600.0, "asked for -600 W, the power moved by"),
        ({"change_w": 600.0}, -600.0, "asked for -600 W, the power moved by +600 W"),
        ({"change_w": -200.0}, -600.0, "asked for -600 W, the power moved by -200 W"),
        ({"noise_w": 400.0}, -600.0, "of the step beside it"),
        ({"until_s": 5}, -600.0, "the samples end too early"),
    ],
)
def test_what_is_no_answer_to_the_step_is_told(changes, asked_w, reason):
    found = step_response(*samples(2.0, 10.0, **changes), asked_w)
    assert isinstance(found, NotFollowed)
    assert reason in found.reason


def test_too_few_samples_are_no_measurement():
    assert isinstance(step_response([0.0, 1.0], [1500.0, 900.0], -600.0), NotFollowed)
