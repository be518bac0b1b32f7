"""COP as measured, by load."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.config import HouseConfig
from controller.model import HouseModel, house_model
from controller.pump_figures import GAIN_RANGE, PumpFigures
from controller.snapshot import Reading, Snapshot
from drivers.api import OperatingState, Signal
from mpc.heat_pump import LOAD_NODES, capacity_w, cop, measured_gain, part_load_gain

AT = datetime(2024, 1, 15, 12, tzinfo=UTC)
OUTDOOR_C, FLOW_C = 2.0, 38.0


@pytest.fixture
def model(config: HouseConfig) -> HouseModel:
    return house_model(config)


def working(
    model: HouseModel, load_frac: float, gain: float, state: OperatingState = OperatingState.HEATING
) -> Snapshot:
    """A pump whose COP is `gain` times the assumed one."""
    heat_w = load_frac * float(capacity_w(model.heat_pump, OUTDOOR_C, FLOW_C))
    assumed = float(cop(model.heat_pump, OUTDOOR_C, FLOW_C))
    assumed *= float(part_load_gain(OUTDOOR_C, FLOW_C, load_frac))
    seen = {
        Signal.HEAT_W: heat_w,
        Signal.POWER_W: heat_w / assumed / gain + model.heat_pump.standby_w,
        Signal.FLOW_C: FLOW_C,
        Signal.OUTDOOR_C: OUTDOOR_C,
        Signal.OPERATING_STATE: float(state),
    }
    return Snapshot(AT, {signal: Reading(value, AT) for signal, value in seen.items()})


def watched(snapshot: Snapshot, model: HouseModel, hours: float) -> PumpFigures:
    figures = PumpFigures()
    for _ in range(round(hours * 60)):
        figures = figures.seen(snapshot, model, running_s=7200.0, span_s=60.0)
    return figures


def test_a_pump_never_measured_is_taken_as_its_sheet_says(model: HouseModel) -> None:
    assert PumpFigures().applied(model.heat_pump) == model.heat_pump


def test_what_is_measured_at_one_load_is_learned_there_and_expected_elsewhere(
    model: HouseModel,
) -> None:
    figures = watched(working(model, LOAD_NODES[1], 1.3), model, 20.0)
    gains = figures.applied(model.heat_pump).load_gain
    assert gains[1] == pytest.approx(1.27, abs=0.03)
    assert all(1.2 < gain <= gains[1] for gain in gains)


def test_the_figures_give_back_the_measured_power(model: HouseModel) -> None:
    figures = watched(working(model, 0.5, 1.25), model, 60.0)
    learned = measured_gain(figures.applied(model.heat_pump).load_gain, 0.5)
    assert float(learned) == pytest.approx(1.25, abs=0.02)


@pytest.mark.parametrize("state", [OperatingState.DHW, OperatingState.DEFROST, OperatingState.OFF])
def test_only_heating_counts(model: HouseModel, state: OperatingState) -> None:
    assert watched(working(model, 0.5, 1.3, state), model, 1.0) == PumpFigures()


def test_a_run_that_has_just_begun_says_nothing(model: HouseModel) -> None:
    seen = PumpFigures().seen(working(model, 0.5, 1.3), model, running_s=600.0, span_s=60.0)
    assert seen == PumpFigures()


def test_a_missing_reading_is_not_a_zero(model: HouseModel) -> None:
    whole = working(model, 0.5, 1.3)
    for signal in (Signal.HEAT_W, Signal.POWER_W, Signal.FLOW_C, Signal.OUTDOOR_C):
        left = {name: value for name, value in whole.signals.items() if name is not signal}
        holed = replace(whole, signals=left)
        assert PumpFigures().seen(holed, model, running_s=7200.0, span_s=60.0) == PumpFigures()


def test_a_wrong_meter_cannot_make_the_pump_a_miracle(model: HouseModel) -> None:
    gains = watched(working(model, 0.8, 3.0), model, 40.0).applied(model.heat_pump).load_gain
    assert max(gains) <= GAIN_RANGE[1]
