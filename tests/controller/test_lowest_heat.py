"""The lowest continuous heat is learned where the pump cannot slow down any further."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.config import HouseConfig
from controller.estimate import LOWEST_OVER_FRAC, Belief, believe, first_belief
from controller.model import HouseModel, house_model
from controller.snapshot import Reading, Snapshot
from drivers.api import OperatingState, Signal
from mpc.heat_pump import capacity_w

AT = datetime(2024, 1, 15, 12, tzinfo=UTC)
OUTDOOR_C, FLOW_C = 4.0, 35.0
LEAST_FRAC = 0.3


@pytest.fixture
def model(config: HouseConfig) -> HouseModel:
    return house_model(config)


def giving(model: HouseModel, frac: float, at: datetime = AT) -> Snapshot:
    """A pump that heats with this share of its capacity."""
    seen = {
        Signal.ROOM_C: 21.0,
        Signal.OUTDOOR_C: OUTDOOR_C,
        Signal.FLOW_C: FLOW_C,
        Signal.HEAT_W: frac * float(capacity_w(model.heat_pump, OUTDOOR_C, FLOW_C)),
        Signal.OPERATING_STATE: float(OperatingState.HEATING),
    }
    return Snapshot(at, {signal: Reading(value, at) for signal, value in seen.items()})


def watched(
    model: HouseModel, frac: float, *, asked_flow_c: float | None, known: float | None = None
) -> Belief:
    """The belief after an hour of it."""
    belief = replace(first_belief(giving(model, frac), model, None), lowest_frac=known)
    before = giving(model, frac)
    for minute in range(1, 61):
        now = giving(model, frac, AT + timedelta(minutes=minute))
        belief = believe(
            belief, before=before, now=now, model=model, planned_heat_w=None, ghi_w_per_m2=0.0,
            outdoor_forecast_c=None, target_c=21.0, running_s=7200.0, asked_flow_c=asked_flow_c,
            least_frac=LEAST_FRAC,
        )  # fmt: skip
        before = now
    return belief


def test_a_flow_above_the_one_asked_for_shows_the_lowest_heat(model: HouseModel) -> None:
    first = watched(model, 0.38, asked_flow_c=FLOW_C - 1.0).lowest_frac
    later = watched(model, 0.38, asked_flow_c=FLOW_C - 1.0, known=first).lowest_frac
    assert first is not None
    assert later is not None
    assert LEAST_FRAC < first < later < 0.38


def test_a_pump_that_follows_what_is_asked_does_not_raise_the_lowest_heat(
    model: HouseModel,
) -> None:
    assert watched(model, 0.38, asked_flow_c=FLOW_C).lowest_frac is None
    assert watched(model, 0.38, asked_flow_c=None).lowest_frac is None


def test_what_was_believed_too_high_is_corrected_by_any_steady_lower_heat(
    model: HouseModel,
) -> None:
    found = watched(model, 0.33, asked_flow_c=FLOW_C, known=0.44).lowest_frac
    assert found == pytest.approx(0.33, abs=0.01)


def test_a_pump_on_its_way_down_is_not_taken_for_one_at_its_lowest(model: HouseModel) -> None:
    high = LEAST_FRAC * LOWEST_OVER_FRAC + 0.05
    assert watched(model, high, asked_flow_c=FLOW_C - 1.0).lowest_frac is None
    assert watched(model, high, asked_flow_c=FLOW_C - 1.0, known=0.35).lowest_frac == 0.35


def test_less_than_the_maker_states_is_not_believed(model: HouseModel) -> None:
    assert watched(model, 0.1, asked_flow_c=FLOW_C - 1.0).lowest_frac == pytest.approx(LEAST_FRAC)


def test_less_is_believed_sooner_than_more(model: HouseModel) -> None:
    down = watched(model, 0.32, asked_flow_c=FLOW_C - 1.0, known=0.42).lowest_frac
    up = watched(model, 0.42, asked_flow_c=FLOW_C - 1.0, known=0.32).lowest_frac
    assert down is not None
    assert up is not None
    assert down - 0.32 < 0.42 - up
