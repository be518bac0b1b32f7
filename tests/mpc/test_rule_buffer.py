"""Rules with a buffer between heat pump and emitters."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.building import EmitterKind
from mpc.plan import Compressor, PlanRequest
from mpc.rules import RULES
from mpc.storage import Buffer

Make = Callable[..., PlanRequest]

LARGE = Buffer(kwh_per_k=0.6, loss_w_per_k=2.0, room_c=18.0, state_c=42.0, low_c=38.0, high_c=46.0)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("litres", [50.0, 500.0])
def test_rooms_keep_their_band_and_the_buffer_its_own(
    make_request: Make, name: str, litres: float
) -> None:
    buffer = replace(LARGE, kwh_per_k=litres * 0.001163)
    request = replace(make_request(hours=72, outdoor_c=2.0), buffer=buffer)
    plan = RULES[name](request)
    assert min(plan.room_c) > 19.5
    assert max(plan.room_c) < 22.8
    assert max(plan.buffer_c) < 46.0 + 0.1
    lossy_k = 1.0 + buffer.loss_w_per_k * 0.001 * 72 * 25 / buffer.kwh_per_k
    assert min(plan.buffer_c) > 38.0 - lossy_k  # beyond its own losses nothing is taken


def test_a_large_buffer_saves_starts(make_request: Make) -> None:
    starts = []
    for kwh_per_k in (0.05, 1.2):
        request = make_request(hours=72, outdoor_c=9.0)
        request = replace(request, buffer=replace(LARGE, kwh_per_k=kwh_per_k))
        on = np.array(RULES["heat-led"](request).run_frac) > 0.0
        starts.append(int(np.sum(on[1:] & ~on[:-1])))
    assert starts[1] < starts[0]


def test_the_rooms_are_fed_from_the_buffer_while_the_pump_rests(make_request: Make) -> None:
    full = replace(LARGE, kwh_per_k=1.2, state_c=46.0)
    request = replace(make_request(hours=12, outdoor_c=5.0, room_c=20.5), buffer=full)
    machine = Compressor(running=False, since_s=0.0, minimum_off_s=3600.0)
    plan = RULES["heat-led"](replace(request, compressor=machine))
    without = RULES["heat-led"](replace(request, buffer=None, compressor=machine))
    assert sum(plan.heat_w[:4]) == sum(without.heat_w[:4]) == 0.0
    assert plan.buffer_c[3] < 45.0
    assert plan.room_c[3] > without.room_c[3] + 0.1


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(EmitterKind),
    outdoor_c=st.floats(-20.0, 25.0),
    room_c=st.floats(3.0, 26.0),
    state_c=st.floats(10.0, 60.0),
    kwh_per_k=st.floats(0.02, 2.0),
    run_s=st.floats(0.0, 3600.0),
)
def test_energy_is_neither_made_nor_lost_in_the_buffer(
    make_request: Make,
    kind: EmitterKind,
    outdoor_c: float,
    room_c: float,
    state_c: float,
    kwh_per_k: float,
    run_s: float,
) -> None:
    buffer = replace(LARGE, kwh_per_k=kwh_per_k, state_c=state_c, loss_w_per_k=0.0)
    machine = Compressor(minimum_run_s=run_s, minimum_off_s=600.0, running=False)
    request = make_request(kind=kind, hours=12, outdoor_c=outdoor_c, room_c=room_c)
    plan = RULES["heat-led"](replace(request, buffer=buffer, compressor=machine))
    assert np.all(np.isfinite(plan.buffer_c))
    pumped_kwh = sum(plan.heat_w) / 4000.0
    stored_kwh = (plan.buffer_c[-1] - state_c) * kwh_per_k
    assert stored_kwh <= pumped_kwh + 0.01  # what the rooms got is never negative
    rises = np.diff(np.array([state_c, *plan.buffer_c]))
    assert np.all(rises[np.array(plan.heat_w) == 0.0] <= 1e-3)
    on = np.array(plan.run_frac) > 0.0
    stops = np.flatnonzero(on[:-1] & ~on[1:]) + 1
    begun = np.flatnonzero(np.concatenate([[on[0]], on[1:] & ~on[:-1]]))
    for first, stop in zip(begun, stops, strict=False):
        assert (stop - first) * 900.0 >= run_s - 1e-3
