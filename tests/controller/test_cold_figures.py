"""Largest heat and defrosts as measured, by source temperature."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from asking import first_request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.cold_figures import (
    DEFROST_MOST_FRAC,
    FADE_S,
    LACK_K,
    LONGEST_STRETCH_S,
    MOST_RANGE,
    ColdFigures,
)
from controller.config import HouseConfig, parse_config
from controller.experience import EXPERIENCE, Experience
from controller.model import HouseModel, house_model
from controller.snapshot import Reading, Snapshot
from drivers.api import OperatingState, Signal
from drivers.grid.limit import GridLimit, GridState
from mpc.heat_pump import SOURCE_NODES_C, SourceKind, at_source, capacity_w

AT = datetime(2024, 1, 15, 12, tzinfo=UTC)
FLOW_C, POWER_W = 44.0, 1800.0
COLD_C = SOURCE_NODES_C[1]
MINUTE_S = 60.0


@pytest.fixture
def model(config: HouseConfig) -> HouseModel:
    return house_model(config)


def seen(
    model: HouseModel,
    *,
    most_frac: float = 0.9,
    lack_k: float = 1.0,
    outdoor_c: float = COLD_C,
    state: OperatingState = OperatingState.HEATING,
    power_w: float = POWER_W,
    **more: float,
) -> Snapshot:
    """A pump that gives this share of the map's largest heat."""
    values = {
        Signal.HEAT_W: most_frac * float(capacity_w(model.heat_pump, outdoor_c, FLOW_C)),
        Signal.POWER_W: power_w,
        Signal.FLOW_C: FLOW_C,
        Signal.FLOW_SETPOINT_C: FLOW_C + lack_k,
        Signal.OUTDOOR_C: outdoor_c,
        Signal.OPERATING_STATE: float(state),
    } | {Signal(name): value for name, value in more.items()}
    return Snapshot(AT, {signal: Reading(value, AT) for signal, value in values.items()})


def watched(
    snapshot: Snapshot, model: HouseModel, hours: float, before: ColdFigures | None = None
) -> ColdFigures:
    figures = ColdFigures() if before is None else before
    for _ in range(round(hours * 60)):
        figures = figures.seen(snapshot, model, running_s=7200.0, span_s=MINUTE_S)
    return figures


def most_frac(figures: ColdFigures, model: HouseModel, source_c: float = COLD_C) -> float:
    return float(at_source(figures.applied(model.heat_pump).most_gain, source_c, 1.0))


def test_a_pump_never_seen_at_its_limit_is_taken_as_its_sheet_says(model: HouseModel) -> None:
    assert ColdFigures().applied(model.heat_pump) == model.heat_pump


def test_less_heat_at_the_limit_is_learned_where_it_was_measured(model: HouseModel) -> None:
    figures = watched(seen(model), model, 20.0)
    assert most_frac(figures, model) == pytest.approx(0.9, abs=0.015)
    assert most_frac(figures, model, SOURCE_NODES_C[-1]) == 1.0


def test_an_hour_at_the_limit_moves_it_by_a_third_at_most(model: HouseModel) -> None:
    assert 0.96 < most_frac(watched(seen(model), model, 1.1), model) < 1.0
    assert most_frac(watched(seen(model), model, 0.9), model) == 1.0


@pytest.mark.parametrize("lack_k", [-1.0, 0.0, LACK_K - 0.1])
def test_a_pump_that_reaches_what_it_aims_at_is_not_at_its_limit(
    model: HouseModel, lack_k: float
) -> None:
    assert not any(watched(seen(model, lack_k=lack_k), model, 5.0).most_s)


def test_a_pump_that_still_speeds_up_is_not_at_its_limit(model: HouseModel) -> None:
    figures = ColdFigures()
    for minute in range(40):
        rising = seen(model, power_w=800.0 * 1.02**minute)
        figures = figures.seen(rising, model, running_s=7200.0, span_s=MINUTE_S)
    assert sum(figures.most_s) <= 2 * MINUTE_S  # the first looks know no earlier ones


def test_the_highest_speed_tells_the_limit_where_the_owner_named_it(model: HouseModel) -> None:
    named = replace(model, compressor_max_hz=90.0)
    fast = watched(seen(named, lack_k=0.0, compressor_hz=89.5), named, 5.0)
    slow = watched(seen(named, lack_k=2.0, compressor_hz=70.0), named, 5.0)
    assert most_frac(fast, named) < 0.95
    assert not any(slow.most_s)


def test_a_pump_held_back_by_the_grid_says_nothing(model: HouseModel) -> None:
    limit = GridLimit(limit_w=1500.0, guaranteed_w=0.0, state=GridState.LIMITED)
    assert not any(watched(replace(seen(model), grid=limit), model, 5.0).most_s)


def test_defrosts_between_two_looks_at_the_limit_count(model: HouseModel) -> None:
    figures = ColdFigures()
    for minute in range(600):
        defrosts = minute % 60 < 6
        state = OperatingState.DEFROST if defrosts else OperatingState.HEATING
        look = seen(model, most_frac=1.0, state=state, power_w=POWER_W)
        figures = figures.seen(look, model, running_s=7200.0, span_s=MINUTE_S)
    assert figures.most_gain[1] == pytest.approx(0.9, abs=0.01)


def test_a_long_time_away_from_the_limit_is_not_counted(model: HouseModel) -> None:
    figures = watched(seen(model), model, 2.0)
    away = watched(
        seen(model, most_frac=0.5, lack_k=0.0), model, LONGEST_STRETCH_S / 3600.0, figures
    )
    back = away.seen(seen(model), model, running_s=7200.0, span_s=MINUTE_S)
    assert back.most_gain == figures.most_gain


def test_what_was_learned_of_a_limit_fades(model: HouseModel) -> None:
    learned = watched(seen(model), model, 20.0)
    idle = seen(model, state=OperatingState.OFF)
    later = learned
    for _ in range(round(2 * FADE_S / 600.0)):
        later = later.seen(idle, model, running_s=0.0, span_s=600.0)
    assert most_frac(learned, model) < most_frac(later, model) <= 1.0


def test_a_gain_that_predicted_worse_than_the_map_is_not_used(model: HouseModel) -> None:
    misled = watched(seen(model, most_frac=0.8), model, 3.0)
    assert most_frac(misled, model) < 0.95
    assert most_frac(watched(seen(model, most_frac=1.02), model, 12.0, misled), model) > 0.97


@given(
    looks=st.lists(
        st.tuples(st.floats(-2.0, 5.0), st.floats(-25.0, 20.0), st.sampled_from(OperatingState)),
        max_size=40,
    ),
    span_s=st.floats(-60.0, 7200.0),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_seen_the_corrections_stay_in_their_bounds(
    model: HouseModel, looks: list[tuple[float, float, OperatingState]], span_s: float
) -> None:
    figures = ColdFigures()
    for share, outdoor_c, state in looks:
        look = seen(model, most_frac=share, outdoor_c=outdoor_c, state=state)
        figures = figures.seen(look, model, running_s=7200.0, span_s=span_s)
    applied = figures.applied(model.heat_pump)
    assert all(MOST_RANGE[0] <= gain <= MOST_RANGE[1] for gain in applied.most_gain)
    assert all(0.0 <= frac <= DEFROST_MOST_FRAC for frac in applied.defrost_frac)


def test_the_electricity_of_defrosts_makes_heat_dearer_where_it_was_measured(
    model: HouseModel,
) -> None:
    figures = ColdFigures()
    for minute in range(1200):
        defrosts = minute % 20 == 0
        state = OperatingState.DEFROST if defrosts else OperatingState.HEATING
        look = seen(model, state=state, outdoor_c=SOURCE_NODES_C[2])
        figures = figures.seen(look, model, running_s=7200.0, span_s=MINUTE_S)
    found = figures.applied(model.heat_pump).defrost_frac
    assert 0.03 < found[2] < 0.05
    assert found[0] == found[3] == 0.0


def test_a_pump_without_a_coil_outdoors_has_no_defrosts(model: HouseModel) -> None:
    ground = replace(model, heat_pump=replace(model.heat_pump, source=SourceKind.GROUND))
    assert not any(watched(seen(ground), ground, 2.0).heating_kwh)


def test_an_experience_without_cold_figures_can_be_read(model: HouseModel) -> None:
    figures = watched(seen(model), model, 2.0)
    kept = EXPERIENCE.dump_json(Experience(cold=figures))
    assert EXPERIENCE.validate_json(kept).cold == figures
    assert EXPERIENCE.validate_json(b"{}").cold == ColdFigures()


def test_plans_go_by_the_measured_limits_only_where_the_owner_says_so(
    model: HouseModel, document: dict[str, Any]
) -> None:
    experience = Experience(cold=watched(seen(model), model, 20.0))
    look = seen(model, state=OperatingState.OFF, room_c=21.0)
    usual = first_request(look, parse_config(document), experience=experience)
    document["heat_pump"]["measured_limits"] = True
    measured = first_request(look, parse_config(document), experience=experience)
    assert usual.heat_pump == model.heat_pump
    assert measured.heat_pump.most_gain[1] < 0.95
