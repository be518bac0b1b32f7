from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.blocks import blocks_of

STARTS_AT = datetime(2024, 3, 30, tzinfo=UTC)
STEPS_S = st.sampled_from([300, 600, 900, 1800, 3600])


@given(
    step_s=STEPS_S,
    steps=st.integers(2, 300),
    fine_s=st.floats(0.0, 50_000.0),
    gone=st.integers(0, 400),
)
def test_blocks_take_every_step_once_and_end_on_whole_hours(
    step_s: int, steps: int, fine_s: float, gone: int
) -> None:
    starts_at = STARTS_AT + timedelta(seconds=step_s * gone)
    blocks = blocks_of(starts_at, step_s=step_s, steps=steps, fine_s=fine_s)
    assert blocks.first[0] == 0
    assert (blocks.length > 0).all()
    assert (blocks.first[1:] == (blocks.first + blocks.length)[:-1]).all()
    assert blocks.first[-1] + blocks.length[-1] == steps
    assert (blocks.length[: blocks.fine] == 1).all()
    later = blocks.first[blocks.fine + 1 :]
    starts_s = starts_at.timestamp() + step_s * later
    assert (starts_s % 3600.0 == 0.0).all()
    assert (blocks.length[blocks.fine + 1 : -1] == 3600 // step_s).all()


@given(step_s=STEPS_S, steps=st.integers(2, 300), fine_s=st.floats(0.0, 50_000.0))
def test_the_number_of_blocks_does_not_depend_on_the_time_of_day(
    step_s: int, steps: int, fine_s: float
) -> None:
    sizes = {
        len(
            blocks_of(
                STARTS_AT + timedelta(seconds=step_s * k), step_s=step_s, steps=steps, fine_s=fine_s
            )
        )
        for k in range(3600 // step_s)
    }
    assert len(sizes) == 1


def test_what_is_known_per_step_is_joined_per_block() -> None:
    """Three quarter hours fine, a bridge to the hour, one hour, and an hour with what is left."""
    starts_at = STARTS_AT + timedelta(minutes=30)
    blocks = blocks_of(starts_at, step_s=900, steps=16, fine_s=2700.0)
    assert blocks.fine == 3
    assert blocks.first.tolist() == [0, 1, 2, 3, 6, 10]
    assert blocks.length.tolist() == [1, 1, 1, 3, 4, 6]
    values = np.arange(16.0)
    assert blocks.mean(values) == pytest.approx([0.0, 1.0, 2.0, 4.0, 7.5, 12.5])
    assert blocks.total(values) == pytest.approx([0.0, 1.0, 2.0, 12.0, 30.0, 75.0])
    assert blocks.highest(values).tolist() == [0.0, 1.0, 2.0, 5.0, 9.0, 15.0]
    assert blocks.lowest(values).tolist() == [0.0, 1.0, 2.0, 3.0, 6.0, 10.0]
    assert blocks.at_end(values).tolist() == [0.0, 1.0, 2.0, 5.0, 9.0, 15.0]
    assert blocks.spread(np.arange(6)).tolist() == [0, 1, 2, *[3] * 3, *[4] * 4, *[5] * 6]


@given(values=st.lists(st.floats(-1e3, 1e3), min_size=40, max_size=40), gone=st.integers(0, 3))
def test_joining_keeps_the_sum(values: list[float], gone: int) -> None:
    starts_at = STARTS_AT + timedelta(minutes=15 * gone)
    blocks = blocks_of(starts_at, step_s=900, steps=40, fine_s=3600.0)
    assert float(blocks.total(values).sum()) == pytest.approx(sum(values), abs=1e-6)
    assert float(blocks.mean(values) @ blocks.length) == pytest.approx(sum(values), abs=1e-6)
    assert float(blocks.spread(blocks.mean(values)).sum()) == pytest.approx(sum(values), abs=1e-6)


def test_steps_of_an_hour_and_short_horizons_stay_as_they_are() -> None:
    assert len(blocks_of(STARTS_AT, step_s=3600, steps=48, fine_s=8 * 3600.0)) == 48
    assert len(blocks_of(STARTS_AT, step_s=900, steps=2, fine_s=8 * 3600.0)) == 2
