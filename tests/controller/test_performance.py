"""What the pump's own meters say: performance by period, defrosts, the knob; and the verb."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from controller.cli import app
from controller.cold_figures import ColdFigures
from controller.config import ConfigError, parse_config
from controller.defrost_loss import LEAST_DEFROSTS, DefrostLoss, defrost_losses
from controller.experience import EXPERIENCE, Experience
from controller.knob_response import WAITS, knob_responses
from controller.performance import performances, season_of, week_of
from controller.pump_looks import METER, PUMP, Look, look_of, look_of_quarter
from controller.records import StepRecord
from controller.snapshot import Missing, Reading, Snapshot
from controller.store import open_store
from drivers.api import OperatingState, Signal

ZONE = ZoneInfo("Europe/Copenhagen")
START = datetime(2026, 1, 12, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)


def look(minutes: float, state: OperatingState | None = None, **values: float) -> Look:
    knob = values.pop("knob", None)
    return Look(START + minutes * MINUTE, {Signal(n): v for n, v in values.items()}, state,
                knob=knob)  # fmt: skip


def of_one_period(at: datetime) -> str:
    del at
    return "all"


# ---- weeks and seasons ---------------------------------------------------------------------------


def test_heat_over_electricity_is_told_by_the_local_week() -> None:
    looks = [
        look(60 * h, energy_kwh=h * 1.0, heat_energy_kwh=h * 3.2, outdoor_c=h / 24.0)
        for h in range(-24 * 7, 24 * 7)
    ]
    before, found = performances(looks, PUMP, lambda at: week_of(at, ZONE))
    assert (before.period, found.period) == ("2026-W02", "2026-W03")
    assert (before.known_h, found.known_h) == (24 * 7 - 1, 24 * 7)
    assert before.spf == pytest.approx(3.2)
    assert found.spf == pytest.approx(3.2)
    assert found.outdoor_c == pytest.approx(82.5 / 24.0)


def test_a_week_begins_at_local_midnight() -> None:
    assert week_of(datetime(2026, 1, 11, 22, 59, tzinfo=UTC), ZONE) == "2026-W02"
    assert week_of(datetime(2026, 1, 11, 23, 0, tzinfo=UTC), ZONE) == "2026-W03"


def test_a_season_joins_two_winters_halves() -> None:
    assert season_of(datetime(2025, 12, 31, tzinfo=UTC), ZONE) == "2025/26"
    assert season_of(datetime(2026, 6, 30, 21, tzinfo=UTC), ZONE) == "2025/26"
    assert season_of(datetime(2026, 6, 30, 22, tzinfo=UTC), ZONE) == "2026/27"
    assert season_of(datetime(1999, 8, 1, tzinfo=UTC), ZONE) == "1999/00"


def test_what_was_not_measured_together_counts_on_neither_side() -> None:
    looks = [
        look(0, power_w=1000.0, heat_w=3000.0),
        look(15, power_w=60_000.0),  # heat is not known
        look(30, power_w=1000.0, heat_w=3000.0),
        look(45, heat_w=90_000.0),  # electricity is not known
        look(60, power_w=1000.0, heat_w=3000.0),
        look(60 * 20, power_w=1000.0, heat_w=3000.0),  # nobody looked in between
    ]
    (found,) = performances(looks, PUMP, of_one_period)
    assert found.known_h == pytest.approx(0.5)
    assert found.electricity_kwh == pytest.approx(0.5)
    assert found.heat_kwh == pytest.approx(1.5)
    assert found.spf is None  # of half a kilowatt-hour nothing is told


def test_a_counter_tells_what_happened_while_nobody_looked() -> None:
    looks = [
        look(0, energy_kwh=10.0, heat_energy_kwh=30.0),
        look(600, energy_kwh=20.0, heat_energy_kwh=65.0),
    ]
    (found,) = performances(looks, PUMP, of_one_period)
    assert found.spf == pytest.approx(3.5)


@pytest.mark.parametrize("counter_kwh", [0.0, 25_000.0])
def test_a_counter_that_was_replaced_gives_way_to_the_power(counter_kwh: float) -> None:
    looks = [
        look(0, energy_kwh=9000.0, power_w=2000.0, heat_w=8000.0),
        look(15, energy_kwh=counter_kwh, power_w=2000.0, heat_w=8000.0),
    ]
    (found,) = performances(looks, PUMP, of_one_period)
    assert found.electricity_kwh == pytest.approx(0.5)


def test_meter_and_pump_are_told_apart() -> None:
    looks = [look(15 * n, power_w=900.0, meter_power_w=1000.0, heat_w=3600.0) for n in range(9)]
    assert performances(looks, PUMP, of_one_period)[0].spf == pytest.approx(4.0)
    assert performances(looks, METER, of_one_period)[0].spf == pytest.approx(3.6)


@settings(deadline=None)
@given(powers_w=st.lists(st.floats(0.0, 5000.0), min_size=2, max_size=40), cop=st.floats(1.0, 6.0))
def test_a_constant_cop_is_the_performance_factor_however_the_power_moves(
    powers_w: list[float], cop: float
) -> None:
    looks = [look(15 * n, power_w=p, heat_w=cop * p) for n, p in enumerate(powers_w)]
    for found in performances(looks, PUMP, of_one_period):
        assert found.spf is None or found.spf == pytest.approx(cop)


def test_old_quarters_and_new_records_make_one_season() -> None:
    old = [
        look_of_quarter(
            START + 15 * n * MINUTE,
            {"power_w": 1000.0, "heat_w": 3000.0, "operating_state": 1.4, "cycles": 15.0},
        )
        for n in range(8)
    ]
    new = [look(120 + n, power_w=1000.0, heat_w=3000.0) for n in range(61)]
    (found,) = performances([*old, *new], PUMP, of_one_period)
    assert found.known_h == pytest.approx(3.0)
    assert found.spf == pytest.approx(3.0)
    assert old[0].state is None


# ---- defrosts ------------------------------------------------------------------------------------


def frosty(
    hours: int, *, every_min: int, back_w: float = 0.0, outdoor_c: float = 1.0
) -> list[Look]:
    """Heats at COP 4 from 1 kW; defrosts for 5 of every so many minutes, then gives half for 10."""
    looks = []
    for minute in range(60 * hours + 1):
        place = minute % every_min
        state, heat_w = OperatingState.HEATING, 4000.0
        if place >= every_min - 5:
            state, heat_w = OperatingState.DEFROST, back_w
        elif place < 10 and minute >= every_min:
            heat_w = 2000.0
        looks.append(look(minute, state, heat_w=heat_w, power_w=1000.0, outdoor_c=outdoor_c))
    return looks


def test_the_loss_of_defrosts_is_that_of_the_heat_they_cost() -> None:
    (found,) = defrost_losses(frosty(24, every_min=60), PUMP)
    assert (found.from_c, found.to_c) == (-2.0, 2.0)
    assert found.defrosts == 24
    assert found.defrost_h == pytest.approx(2.0)
    assert found.steady_cop == pytest.approx(4.0)
    # per hour 5 minutes without heat and 10 with half of it
    assert found.loss_frac == pytest.approx(
        (5.0 + 10.0 / 2.0) / 60.0, abs=0.005
    )  # the first hour recovers from none
    assert not found.counts_back


def test_heat_taken_from_the_house_is_part_of_the_loss() -> None:
    without, with_back = (
        defrost_losses(frosty(24, every_min=60, back_w=w), PUMP)[0] for w in (0.0, -3000.0)
    )
    assert with_back.counts_back
    assert without.loss_frac is not None
    assert with_back.loss_frac == pytest.approx(
        without.loss_frac + 3.0 / 4.0 * 5.0 / 60.0, abs=1e-3
    )


def test_every_temperature_has_its_own_loss() -> None:
    cold, mild = frosty(24, every_min=120, outdoor_c=-5.0), frosty(24, every_min=40, outdoor_c=3.0)
    later = [replace(one, at=one.at + timedelta(days=3)) for one in mild]
    found = defrost_losses([*cold, *later], PUMP)
    assert [(one.from_c, one.to_c) for one in found] == [(-7.0, -2.0), (2.0, 7.0)]
    assert found[0].loss_frac is not None
    assert found[1].loss_frac is not None
    assert found[1].loss_frac > 2.0 * found[0].loss_frac


def test_a_pump_that_never_defrosts_loses_nothing_that_is_told() -> None:
    looks = [
        look(n, OperatingState.HEATING, heat_w=4000.0, power_w=1000.0, outdoor_c=9.0)
        for n in range(60 * 24)
    ]
    (found,) = defrost_losses(looks, PUMP)
    assert found.to_c is None
    assert found.defrosts < LEAST_DEFROSTS
    assert found.loss_frac is None
    assert found.whole_cop == found.steady_cop


def test_hot_water_and_a_pump_without_a_state_are_left_out() -> None:
    looks = [
        *(look(n, OperatingState.DHW, heat_w=9.0, power_w=9.0, outdoor_c=0.0) for n in range(9)),
        *(look(9 + n, heat_w=9.0, power_w=9.0, outdoor_c=0.0) for n in range(9)),
    ]
    assert defrost_losses(looks, PUMP) == []


@settings(deadline=None)
@given(
    whole=st.floats(0.5, 6.0),
    steady=st.floats(0.5, 6.0),
    heating_h=st.floats(0.0, 100.0),
    defrosts=st.integers(0, 50),
)
def test_a_loss_is_a_share(whole: float, steady: float, heating_h: float, defrosts: int) -> None:
    loss = DefrostLoss(
        from_c=None, to_c=-7.0, heating_h=heating_h, defrosts=defrosts, defrost_h=1.0,
        counts_back=False, whole_cop=whole, steady_cop=steady,
    ).loss_frac  # fmt: skip
    assert loss is None or 0.0 <= loss < 1.0


# ---- the knob ------------------------------------------------------------------------------------


def followed(changes: Sequence[tuple[int, float]], *, drift_k_per_h: float = 0.0) -> list[Look]:
    """A flow that goes halfway to what was asked every ten minutes; 100 W for a kelvin of it."""
    knob, flow_c, looks = 35.0, 35.0, []
    asked = dict(changes)
    for minute in range(max(asked) + 120):
        knob += asked.get(minute, 0.0)
        looks.append(
            look(
                minute, OperatingState.HEATING, knob=knob, power_w=1000.0 + 100.0 * flow_c,
                flow_c=flow_c + drift_k_per_h * minute / 60.0,
            )
        )  # fmt: skip
        flow_c += (1.0 - 0.5 ** (1.0 / 10.0)) * (knob - flow_c)
    return looks


def test_the_flow_follows_the_knob_as_it_was_seen() -> None:
    found = knob_responses(followed([(200, 4.0), (400, -4.0), (600, 2.0), (800, -2.0)]), PUMP)
    assert [one.after_s for one in found] == [wait.total_seconds() for wait in WAITS]
    for one in found:
        expected_k = 1.0 - 0.5 ** (one.after_s / 600.0)
        assert one.changes == 4
        assert one.flow_k == pytest.approx(expected_k, abs=0.03)
        assert one.power_w == pytest.approx(100.0 * expected_k, abs=3.0)


def test_weather_that_drifts_is_not_taken_for_the_knob() -> None:
    moves = [(200 * n, 3.0 * (-1) ** n) for n in range(1, 9)]
    found = knob_responses(followed(moves, drift_k_per_h=0.5), PUMP)[-1]
    assert found.flow_k == pytest.approx(1.0, abs=0.05)


def test_changes_one_upon_the_other_tell_no_more_than_they_can() -> None:
    found = knob_responses(followed([(20 * n, 1.0) for n in range(10, 20)]), PUMP)
    assert [one.after_s for one in found] == [300.0, 900.0]


def test_a_pump_that_makes_hot_water_meanwhile_says_nothing() -> None:
    looks = [
        replace(one, state=OperatingState.DHW) if n % 200 in (195, 3) else one
        for n, one in enumerate(followed([(200, 4.0), (400, -4.0), (600, 4.0)]))
    ]
    assert knob_responses(looks, PUMP) == []


@pytest.mark.parametrize("looks", [[], [look(0, knob=1.0)], [look(0), look(1)]])
def test_too_few_looks_say_nothing(looks: list[Look]) -> None:
    assert knob_responses(looks, PUMP) == []


# ---- records and the verb ------------------------------------------------------------------------


@pytest.fixture
async def record(make_house: Callable[..., Any]) -> StepRecord:
    """A record of the real loop, whose signals the tests replace."""
    async with asyncio.TaskGroup() as tasks:
        found: StepRecord = await make_house(mode="observe").loop().cycle(tasks)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration on disk, beside the records."""
    path = tmp_path / "house.toml"
    path.write_text(
        '[house]\ntimezone = "Europe/Copenhagen"\nyear = 1972\narea_m2 = 140\n'
        'emitter = "radiator"\ndesign_flow_c = 50\n'
        '[heat_pump]\nprofile = "generic_modbus"\nhost = "192.0.2.1"\npower_covers = "heater"\n'
        f'[storage]\ndirectory = "{tmp_path}"\nsocket = "{tmp_path}/owner.sock"\n'
    )
    return path


def at(record: StepRecord, instant: datetime, values: Mapping[Signal, float]) -> StepRecord:
    signals = {signal: Reading(value, instant) for signal, value in values.items()}
    return replace(record, snapshot=Snapshot(instant, signals), current=40.0)


def test_a_look_keeps_good_readings_only(record: StepRecord) -> None:
    seen = at(record, START, {Signal.POWER_W: 0.0, Signal.ROOM_C: 20.0})
    signals = {**seen.snapshot.signals, Signal.HEAT_W: Missing("gone", START)}
    seen = replace(seen, snapshot=Snapshot(START, signals))
    assert look_of(seen) == Look(START, {Signal.POWER_W: 0.0}, None, running=False, knob=40.0)


def test_the_verb_tells_the_factor_with_its_boundary(
    record: StepRecord, make_house: Callable[..., Any], file: Path
) -> None:
    recorder = make_house(mode="observe").recorder
    for one in frosty(12, every_min=60):
        assert one.state is not None
        values = {**one.values, Signal.OPERATING_STATE: float(one.state)}
        recorder.append(at(record, one.at, values))
    recorder.close()
    run = CliRunner().invoke(app, ["performance", "-c", str(file)], env={"COLUMNS": "120"})
    assert run.exit_code == 0, run.output
    for words in ("electric heater (SPF H3)", "2026-W03", "2025/26", "the loss is at least so"):
        assert words in run.output
    told = CliRunner().invoke(app, ["performance", "-c", str(file), "--json"])
    found = json.loads(told.output)
    (side,) = found["electricity"]
    assert side["covers"] == "heater"
    assert side["weeks"][0]["spf"] == pytest.approx(side["seasons"][0]["spf"])
    assert found["defrosts"][0]["loss_frac"] == pytest.approx(1.0 / 6.0, abs=0.02)
    assert found["limits"]["most_frac"] == [1.0] * len(found["limits"]["source_c"])


def test_the_verb_tells_the_largest_heat_that_was_seen(
    record: StepRecord, make_house: Callable[..., Any], file: Path
) -> None:
    recorder = make_house(mode="observe").recorder
    recorder.append(at(record, START, {}))
    recorder.close()
    with open_store(file.parent / "state.db") as store:
        learned = ColdFigures(most_gain=(0.9,) * 4, most_s=(0.0, 7200.0, 0.0, 0.0))
        store.save_value("experience", EXPERIENCE, Experience(cold=learned))
    run = CliRunner().invoke(app, ["performance", "-c", str(file)], env={"COLUMNS": "120"})
    assert run.exit_code == 0, run.output
    assert re.search(r"-5 +2\.0 +0\.95", run.output)


def test_performance_without_records_says_so(file: Path) -> None:
    run = CliRunner().invoke(app, ["performance", "-c", str(file)])
    assert run.exit_code == 5
    assert "no records" in run.output


def test_a_boundary_that_nobody_knows_is_refused(document: dict[str, Any]) -> None:
    document["heat_pump"]["meter_covers"] = "everything"
    with pytest.raises(ConfigError, match="meter_covers"):
        parse_config(document)
