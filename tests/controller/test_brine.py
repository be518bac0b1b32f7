"""Measured brine: from the pump's sensor to what plans and the estimate take for the source."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from asking import first_request
from hypothesis import given
from hypothesis import strategies as st

from controller.brine import FORGOTTEN_AFTER, SETTLED_S, Brine, source_now
from controller.config import parse_config
from controller.estimate import delivered_heat_w
from controller.experience import EXPERIENCE, Experience
from controller.forecasts import Known
from controller.model import house_model
from controller.snapshot import Reading, Snapshot
from drivers.api import OperatingState, Sample, Signal, WeatherSeries
from drivers.points import encode
from drivers.profile import load_modbus_profile
from drivers.testing import AN_INSTANT, Rig
from mpc.heat_pump import source_for
from mpc.plan import NotSolved, Plan, PlanRequest
from mpc.request_check import flaw
from mpc.rules import heating_curve_plan
from mpc.solver import solve

NOW = AN_INSTANT
OUTDOOR_C = 4.0
POINT = load_modbus_profile("nibe_s").points["brine"]
Document = dict[str, Any]


def look(brine_c: float | None, *, at: datetime = NOW, running: bool = True) -> Snapshot:
    values = {
        Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: OUTDOOR_C, Signal.FLOW_C: 38.0,
        Signal.OPERATING_STATE: OperatingState.HEATING, Signal.BRINE_C: brine_c,
        Signal.POWER_W: 1500.0 if running else 0.0,
    }  # fmt: skip
    return Snapshot(at, {s: Reading(float(v), at) for s, v in values.items() if v is not None})


def with_source(document: Document, source: str) -> Document:
    return document | {
        "heat_pump": document["heat_pump"] | {"source": source}, "control": {"horizon": "24 h"},
    }  # fmt: skip


def asked(document: Document, experience: Experience) -> PlanRequest:
    series = WeatherSeries(
        issued_at=NOW, starts_at=NOW, step_s=3600, outdoor_c=(OUTDOOR_C,) * 30,
        ghi_w_per_m2=(0.0,) * 30, source="test",
    )  # fmt: skip
    config, known = parse_config(document), Known(weather=series)
    return first_request(look(None), config, known=known, experience=experience)


def lived(document: Document, brine_c: float | None) -> Experience:
    """A look a minute over two hours of heating."""
    config = parse_config(document)
    found, model = Experience(), house_model(config)
    for minute in range(120):
        at = NOW - timedelta(minutes=119 - minute)
        found = found.seen(
            look(brine_c, at=at), config, model, running_s=60.0 * minute, asked=False
        )  # fmt: skip
    return found


def planned(request: PlanRequest) -> Plan:
    result = solve(request)
    assert not isinstance(result, NotSolved)
    return result.plan


async def test_the_driver_tells_the_brine_that_the_pump_shows(nibe: Rig) -> None:
    nibe.bank.put("brine", encode(POINT, -1.8))
    answer = (await nibe.pump.read())[Signal.BRINE_C]
    assert isinstance(answer, Sample)
    assert answer.value == -1.8


def test_measured_brine_is_where_the_plans_source_begins(document: Document) -> None:
    ground = with_source(document, "ground")
    request = asked(ground, lived(ground, -3.0))
    assert request.horizon.source_c == pytest.approx([-3.0] * 96)
    assert flaw(request) is None
    cold = heating_curve_plan(request)
    usual = heating_curve_plan(asked(ground, lived(ground, None)))
    assert sum(cold.heat_w) == pytest.approx(sum(usual.heat_w), rel=1e-3)
    assert sum(cold.power_w) > 1.02 * sum(usual.power_w)  # 2 K colder than the weather tells


def test_brine_as_the_weather_tells_it_gives_the_plan_of_the_weather(document: Document) -> None:
    ground = with_source(document, "ground")
    usual = asked(ground, Experience())
    assert usual.horizon.source_c == ()
    told_c = float(source_for(usual.heat_pump, OUTDOOR_C))
    told = asked(ground, replace(Experience(), brine=Brine(told_c, NOW)))
    one, other = planned(usual), planned(told)
    assert other.heat_w == pytest.approx(one.heat_w, abs=1.0)
    assert other.cost == pytest.approx(one.cost, rel=1e-5)


def test_an_air_source_pump_asks_the_same_question_whatever_is_called_brine(
    document: Document,
) -> None:
    air = with_source(document, "air")
    assert asked(air, replace(Experience(), brine=Brine(-3.0, NOW))) == asked(air, Experience())


def test_a_source_of_another_length_is_refused(document: Document) -> None:
    ground = with_source(document, "ground")
    request = asked(ground, Experience())
    short = replace(request, horizon=replace(request.horizon, source_c=(1.0,)))
    assert flaw(short) == "source_c has 1 entries for 96 steps"


def test_brine_that_stands_in_the_pump_says_nothing() -> None:
    assert Brine().seen(look(16.0), running_s=SETTLED_S - 1.0, span_s=60.0) == Brine()
    known = Brine(-1.0, NOW)
    assert known.seen(look(16.0), running_s=0.0, span_s=60.0) == known


def test_brine_of_another_week_is_forgotten_and_survives_a_restart_before(
    document: Document,
) -> None:
    known = replace(Experience(), brine=Brine(-1.0, NOW))
    restored = EXPERIENCE.validate_json(EXPERIENCE.dump_json(known))
    assert restored.brine.known_c(NOW + FORGOTTEN_AFTER) == -1.0
    late = NOW + FORGOTTEN_AFTER + timedelta(minutes=1)
    assert restored.brine.known_c(late) is None
    assert restored.brine.seen(look(5.0, at=late), running_s=900.0, span_s=60.0) == Brine(5.0, late)


@given(
    before_c=st.floats(-15.0, 20.0), reading_c=st.floats(-15.0, 20.0), span_s=st.floats(0.0, 1e6)
)
def test_what_is_known_of_the_brine_lies_between_its_readings(
    before_c: float, reading_c: float, span_s: float
) -> None:
    found = Brine(before_c, NOW).seen(look(reading_c), running_s=3600.0, span_s=span_s).inlet_c
    assert found is not None
    low, high = sorted((before_c, reading_c))
    assert low - 1e-9 <= found <= high + 1e-9


def test_heat_from_electricity_takes_the_brine_that_flows(document: Document) -> None:
    ground = house_model(parse_config(with_source(document, "ground")))
    heats_w = [delivered_heat_w(look(c), ground) for c in (-5.0, None, 5.0)]
    assert None not in heats_w
    assert heats_w == sorted(heats_w, key=lambda heat_w: heat_w or 0.0)
    air = house_model(parse_config(with_source(document, "air")))
    assert delivered_heat_w(look(-5.0), air) == delivered_heat_w(look(None), air)


def test_the_source_of_a_resting_pump_is_that_of_the_weather(document: Document) -> None:
    pump = house_model(parse_config(with_source(document, "ground"))).heat_pump
    resting = source_now(look(15.0, running=False), pump, OUTDOOR_C)
    assert float(resting) == float(source_for(pump, OUTDOOR_C))
    assert float(source_now(look(3.0), pump, OUTDOOR_C)) == 3.0
