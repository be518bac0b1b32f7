"""Wind: from the owner's words and the forecast to plans, estimate, records and lessons."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from asking import first_request
from hypothesis import given
from hypothesis import strategies as st

from controller.config import ConfigError, parse_config
from controller.estimate import Belief, believe, first_belief
from controller.forecasts import Known
from controller.house_prior import WIND_FRAC_PER_M_S, day_one
from controller.learn_data import house_data
from controller.learned import house_name
from controller.model import HouseModel, house_model
from controller.records import from_json, to_json
from controller.snapshot import Reading, Snapshot
from drivers.api import Signal, WeatherSeries
from drivers.testing import AN_INSTANT
from mpc.building import discretise, drive, simulate, steady_state
from mpc.plan import NotSolved, Plan, PlanRequest
from mpc.request_check import flaw
from mpc.rules import heating_curve_plan
from mpc.solver import solve
from mpc.wind import wind_gain_w

NOW = AN_INSTANT
HOURS = 60
OUTDOOR_C = 2.0
Document = dict[str, Any]


def weather(wind_m_s: float | None, gale_m_s: float | None = None) -> WeatherSeries:
    """Two days and a half of one temperature; from the sixth to the twelfth hour it may blow."""
    wind = None
    if wind_m_s is not None:
        gale = wind_m_s if gale_m_s is None else gale_m_s
        wind = tuple(gale if 6 <= hour < 12 else wind_m_s for hour in range(HOURS))
    return WeatherSeries(
        issued_at=NOW, starts_at=NOW, step_s=3600, outdoor_c=(OUTDOOR_C,) * HOURS,
        ghi_w_per_m2=(0.0,) * HOURS, source="test", wind_m_s=wind,
    )  # fmt: skip


def standing(document: Document, **house: Any) -> Document:
    told = {"control": {"horizon": "24 h"}, "weather": {"csv": "weather.csv"}}
    return document | told | {"house": document["house"] | house}


def asked(document: Document, series: WeatherSeries) -> PlanRequest:
    values = {Signal.ROOM_C: 21.0, Signal.OUTDOOR_C: OUTDOOR_C}
    snapshot = Snapshot(NOW, {s: Reading(v, NOW) for s, v in values.items()})
    return first_request(snapshot, parse_config(document), known=Known(weather=series))


def planned(request: PlanRequest) -> Plan:
    result = solve(request)
    assert not isinstance(result, NotSolved)
    return result.plan


# ---- the owner's words ---------------------------------------------------------------------------


def test_the_site_in_words_tells_how_much_more_air_a_wind_drives_through(
    document: Document,
) -> None:
    found = []
    for word, frac in WIND_FRAC_PER_M_S.items():
        building = day_one(parse_config(standing(document, wind=word))).building
        assert building.wind_w_per_k_per_m_s == frac * building.air_outdoor_w_per_k
        found.append(building.wind_w_per_k_per_m_s)
    assert found == sorted(found)


def test_the_owners_own_number_is_taken_as_it_is(document: Document) -> None:
    config = parse_config(standing(document, model={"wind_w_per_k_per_m_s": 7.5}))
    assert config.house.windy
    day = day_one(config)
    assert day.building.wind_w_per_k_per_m_s == 7.5
    assert "wind_w_per_k_per_m_s" in day.told


def test_words_and_a_number_for_the_wind_are_one_too_many(document: Document) -> None:
    both = standing(document, wind="open", model={"wind_w_per_k_per_m_s": 7.5})
    with pytest.raises(ConfigError, match="not both"):
        parse_config(both)


def test_wind_without_any_forecast_is_refused(document: Document) -> None:
    alone = {
        key: value for key, value in standing(document, wind="open").items() if key != "weather"
    }
    with pytest.raises(ConfigError, match="needs \\[weather\\]"):
        parse_config(alone)


def test_a_house_that_tells_nothing_of_wind_keeps_the_name_its_lessons_have(
    document: Document,
) -> None:
    name = house_name(parse_config(document))
    assert name == "d26839772694c1ce"  # as it was before wind could be told
    assert house_name(parse_config(standing(document, wind="open"))) != name


# ---- plans ---------------------------------------------------------------------------------------


def test_without_a_word_on_wind_questions_and_plans_are_the_same_whatever_blows(
    document: Document,
) -> None:
    calm, gale = (asked(standing(document), weather(wind)) for wind in (None, 15.0))
    assert calm == gale
    assert calm.horizon.wind_m_s == ()
    assert heating_curve_plan(calm) == heating_curve_plan(gale)


def test_wind_reaches_the_plan_and_a_gale_takes_what_the_model_says(document: Document) -> None:
    open_house = standing(document, wind="open")
    usual, gale = asked(open_house, weather(4.0)), asked(open_house, weather(4.0, gale_m_s=14.0))
    assert gale.horizon.wind_m_s[24:48] == pytest.approx([14.0] * 24)
    assert flaw(gale) is None
    plain, windy = planned(usual), planned(gale)
    more_kwh = (sum(windy.heat_w) - sum(plain.heat_w)) * 0.25 / 1000.0
    taken_kwh = usual.building.wind_w_per_k_per_m_s * 10.0 * 19.0 * 6.0 / 1000.0
    assert taken_kwh > 3.0
    assert more_kwh == pytest.approx(taken_kwh, rel=0.3)  # rooms and what is left differ
    assert sum(windy.heat_w[:48]) > sum(plain.heat_w[:48])
    assert windy.discomfort_kh == pytest.approx(plain.discomfort_kh, abs=0.5)


def test_usual_wind_leaves_the_plan_as_it_is_without_wind(document: Document) -> None:
    request = asked(standing(document, wind="open"), weather(4.0))
    without = replace(request, horizon=replace(request.horizon, wind_m_s=()))
    assert heating_curve_plan(request) == heating_curve_plan(without)


def test_a_forecast_without_wind_is_told_and_counts_as_usual(document: Document) -> None:
    horizon = asked(standing(document, wind="open"), weather(None)).horizon
    assert horizon.wind_m_s == ()
    assert "no forecast tells the wind: it counts as usual" in horizon.notes


def test_a_wind_of_another_length_is_refused(document: Document) -> None:
    request = asked(standing(document, wind="open"), weather(5.0))
    short = replace(request, horizon=replace(request.horizon, wind_m_s=(5.0, 5.0)))
    assert flaw(short) == "wind_m_s has 2 entries for 96 steps"


@given(
    one_m_s=st.floats(0.0, 40.0), more_m_s=st.floats(0.0, 40.0), outdoor_c=st.floats(-20.0, 20.0)
)
def test_more_wind_never_spares_heat_while_it_is_colder_outside(
    one_m_s: float, more_m_s: float, outdoor_c: float
) -> None:
    building = replace(house_model(CONFIG).building, wind_w_per_k_per_m_s=6.0)
    gains = wind_gain_w(
        building, wind_m_s=[one_m_s, one_m_s + more_m_s], outdoor_c=outdoor_c, target_c=21.0
    )
    assert gains[1] <= gains[0]


CONFIG = parse_config(
    {
        "house": {
            "timezone": "UTC", "year": 1975, "area_m2": 120.0, "emitter": "radiator",
            "design_flow_c": 50.0,
        },
        "heat_pump": {"profile": "nibe_s", "host": "pump"},
    }
)  # fmt: skip


# ---- the estimate --------------------------------------------------------------------------------

CYCLE_S = 300.0


def watched(model: HouseModel, wind_m_s: float, told: Callable[[float], float | None]) -> Belief:
    """Two days of a house in this wind, heated evenly; the estimate is told of it by `told`."""
    building = model.building
    rest = steady_state(
        building, room_c=21.0, outdoor_c=OUTDOOR_C, gain_w=building.internal_gains_w
    )
    heat_w, state, step = float(rest.heat_w[0]), rest.state_c[:, 0], discretise(building, CYCLE_S)

    def look(cycle: int) -> Snapshot:
        at = NOW + timedelta(seconds=cycle * CYCLE_S)
        values = {
            Signal.ROOM_C: float(state[0]), Signal.OUTDOOR_C: OUTDOOR_C, Signal.HEAT_W: heat_w,
        }  # fmt: skip
        return Snapshot(at, {s: Reading(v, at) for s, v in values.items()})

    before = look(0)
    belief = first_belief(before, model, None)
    for cycle in range(1, round(48 * 3600.0 / CYCLE_S) + 1):
        gain_w = building.internal_gains_w - building.wind_w_per_k_per_m_s * (wind_m_s - 4.0) * (
            float(state[0]) - OUTDOOR_C
        )
        push = drive(step, outdoor_c=OUTDOOR_C, ghi_w_per_m2=0.0, gain_w=gain_w)
        state = simulate(step, state, heat_w=np.array([heat_w]), drive_k=push)[:, 0]
        now = look(cycle)
        belief = believe(
            belief, before=before, now=now, model=model, planned_heat_w=None, ghi_w_per_m2=0.0,
            outdoor_forecast_c=None, target_c=21.0, running_s=3600.0, wind_m_s=told(wind_m_s),
        )  # fmt: skip
        before = now
    return belief


def test_the_estimate_takes_wind_for_wind_and_not_for_a_house_that_loses_more(
    document: Document,
) -> None:
    model = house_model(parse_config(standing(document, wind="open")))
    taken_w = model.building.wind_w_per_k_per_m_s * 6.0 * 19.0
    deaf = watched(model, 10.0, lambda _: None).estimate
    aware = watched(model, 10.0, lambda wind_m_s: wind_m_s).estimate
    assert taken_w > 500.0
    assert deaf.disturbance_w + deaf.passing_w < -0.5 * taken_w
    assert abs(aware.disturbance_w + aware.passing_w) < 0.05 * taken_w


# ---- records and what is learned from them -------------------------------------------------------


class Blowing:
    """A weather service that tells nine metres per second."""

    async def fetch(self, now: datetime) -> WeatherSeries:
        return replace(weather(9.0), issued_at=now)


@pytest.mark.parametrize(("wind", "recorded_m_s"), [("open", 9.0), (None, None)])
async def test_a_record_holds_the_wind_only_of_a_house_where_it_counts(
    document: Document, make_house: Callable[..., Any], wind: str | None, recorded_m_s: float | None
) -> None:
    if wind is not None:
        document["house"]["wind"] = wind
        document["weather"] = {"csv": "weather.csv"}  # its source is replaced below
    house = make_house(mode="observe")
    house.outside = replace(house.outside, weather=Blowing())
    loop = house.loop()
    async with asyncio.TaskGroup() as tasks:
        await loop.cycle(tasks)
    async with asyncio.TaskGroup() as tasks:
        record = await loop.cycle(tasks)
    assert record.wind_m_s == recorded_m_s
    assert from_json(to_json(record)) == record
    assert ('"wind"' in to_json(record)) == (recorded_m_s is not None)
    looks = [
        replace(record, snapshot=Snapshot(at, record.snapshot.signals))
        for at in (NOW + timedelta(minutes=minute) for minute in range(0, 31, 5))
    ]
    learned = house_data(looks, house_model(house.config)).wind_m_s
    assert (None if learned is None else learned.tolist()) == (
        None if recorded_m_s is None else [9.0, 9.0]
    )
