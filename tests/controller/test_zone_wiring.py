"""A second zone in the service: described, heard, planned for and guarded."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from asking import first_request
from guarded import AT, FLOW, LIMITS, heat, rest, snapshot
from guarded import HEALTHY as SEEN
from zoned import TOPIC, ZONE, Document, in_zones

from controller.app import stale_limits_s
from controller.config import ConfigError, HouseConfig, parse_config
from controller.connect import connect
from controller.estimate import first_belief
from controller.grid_hold import held
from controller.guard import Altered, Memory, Refused, judge
from controller.learned import house_name
from controller.model import house_model
from controller.planner import REQUEST
from controller.snapshot import Missing, Reading, Snapshot
from controller.step import COLD_K, limits, machine
from controller.wishes import Target, second_target
from drivers.api import Sample, Signal
from drivers.grid.limit import GridLimit, GridState
from drivers.rooms.second_room import SecondRoom
from drivers.transports.in_memory import MemoryMqttLink
from mpc.building import rooms_of
from mpc.plan import PlanRequest, Solved
from mpc.request_check import flaw
from mpc.solver import solve


@pytest.fixture
def zoned(document: Document) -> HouseConfig:
    return in_zones(document)


# ---- described -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"house": {"second_zone": ZONE}}, "belong together"),
        ({"second_room": {"sensor_topic": TOPIC}}, "belong together"),
        (
            {"house": {"second_zone": {"area_m2": 140.0}}, "second_room": {"sensor_topic": TOPIC}},
            "second_zone.area_m2 must be smaller than area_m2",
        ),
        (
            {"house": {"second_zone": ZONE}, "second_room": {"sensor_topic": TOPIC}},
            r"\[second_room\] needs \[mqtt\]",
        ),
        (
            {
                "house": {"second_zone": ZONE},
                "second_room": {"kind": "mqtt", "setpoint_topic": "a"},
                "mqtt": {"broker": "mqtt://192.0.2.1:1883"},
            },
            "needs temperature_topic",
        ),
    ],
    ids=["no sensor", "no zone", "too large", "no broker", "no temperature"],
)
def test_a_second_zone_that_makes_no_sense_is_refused(
    document: Document, change: Document, reason: str
) -> None:
    document["house"] |= change.pop("house", {})
    with pytest.raises(ConfigError, match=reason):
        parse_config(document | change)


def test_the_second_zone_is_cut_out_of_the_house_as_it_is_described(zoned: HouseConfig) -> None:
    model = house_model(zoned)
    zone, whole = model.building.second_zone, model.one_zone
    assert zone is not None
    assert zone.heat_frac == 0.3
    assert zone.exchange_w_per_k == 60.0
    assert zone.mass_kwh_per_k == pytest.approx(0.4 * whole.mass_kwh_per_k)
    assert model.building.floor_kwh_per_k == pytest.approx(0.7 * (whole.floor_kwh_per_k or 0.0))


def test_by_default_the_second_zone_gets_the_heat_of_its_area(document: Document) -> None:
    zone = house_model(in_zones(document, heat_frac=None)).building.second_zone
    assert zone is not None
    assert zone.heat_frac == pytest.approx(0.4)


def test_without_a_second_zone_the_model_is_that_of_one(config: HouseConfig) -> None:
    model = house_model(config)
    assert model.building is model.one_zone
    assert rooms_of(model.building) == (0,)


def test_what_was_learned_of_the_whole_house_outlives_its_division(
    config: HouseConfig, document: Document
) -> None:
    learned = replace(house_model(config).one_zone, mass_outdoor_w_per_k=77.0)
    zoned = in_zones(document)
    assert house_name(zoned) == house_name(config)
    model = house_model(zoned, learned)
    assert model.one_zone == learned
    assert model.building.mass_outdoor_w_per_k == pytest.approx(0.6 * 77.0)


# ---- heard ---------------------------------------------------------------------------------------


class Links:
    def __init__(self) -> None:
        self.broker = MemoryMqttLink()

    def modbus(self, *_: object) -> Any:
        return None

    def mqtt(self) -> MemoryMqttLink:
        return self.broker


def test_the_sensor_of_the_second_zone_is_heard_and_nothing_else_of_it(zoned: HouseConfig) -> None:
    links = Links()
    outside = connect(zoned, lambda: AT, links)
    room = next(device for device in outside.devices if isinstance(device, SecondRoom))
    links.broker.deliver(TOPIC, json.dumps({"temperature": 18.4, "occupied_heating_setpoint": 30}))
    assert asyncio.run(room.read()) == {Signal.SECOND_ROOM_C: Sample(18.4, AT)}
    assert room.name == "second room"
    asyncio.run(room.close())


def test_the_second_sensor_has_a_patience_of_its_own(document: Document) -> None:
    in_zones(document)
    document["room"] = {"sensor_topic": "zigbee2mqtt/living"}
    document["second_room"] |= {"stale_after": "45 min"}
    stale_s = stale_limits_s(parse_config(document))
    assert (stale_s[Signal.ROOM_C], stale_s[Signal.SECOND_ROOM_C]) == (7200.0, 2700.0)


# ---- planned for ---------------------------------------------------------------------------------


@pytest.fixture
def ask(zoned: HouseConfig) -> Callable[[HouseConfig], PlanRequest]:
    def asked(config: HouseConfig) -> PlanRequest:
        seen = {Signal.ROOM_C: 21.0, Signal.SECOND_ROOM_C: 20.4, Signal.OUTDOOR_C: 0.0}
        look = Snapshot(AT, {signal: Reading(value, AT) for signal, value in seen.items()})
        return first_request(look, config)

    return asked


def test_the_second_zone_is_planned_for_in_a_band_of_its_own(
    document: Document, ask: Callable[[HouseConfig], PlanRequest]
) -> None:
    plain, own = ask(in_zones(document)), ask(in_zones(document, offset_k=-2.0, band_k=0.5))
    for request, low_c, high_c in ((plain, 20.0, 22.0), (own, 18.5, 19.5)):
        band, kept_k = request.comfort.second, request.comfort.kept_k[0]
        assert band is not None
        assert (band.low_c[0], band.high_c[0]) == pytest.approx((low_c + kept_k, high_c - kept_k))
        assert flaw(request) is None
        assert REQUEST.validate_json(REQUEST.dump_json(request)) == request
    result = solve(plain)
    assert isinstance(result, Solved)
    assert result.plan.second is not None
    assert min(result.plan.second.room_c[8:]) > 19.95


def test_a_house_of_one_zone_asks_nothing_about_a_second(
    config: HouseConfig, ask: Callable[[HouseConfig], PlanRequest]
) -> None:
    request = ask(config)
    assert request.comfort.second is None
    assert request.estimate.second_w is None
    assert len(request.estimate.state_c) == 3


def test_the_second_zones_wish_goes_with_the_first_and_not_into_the_frost(
    document: Document,
) -> None:
    config = in_zones(document, offset_k=-3.0)
    away, deep = Target(15.0, 1.0, "away"), Target(7.0, 1.0, "away")
    assert second_target(away, config) == Target(12.0, 1.0, "away")
    assert second_target(deep, config) == Target(config.comfort.frost_c, 1.0, "away")


# ---- guarded -------------------------------------------------------------------------------------


def seen(**changes: float) -> Snapshot:
    return snapshot({**SEEN, **{Signal(name): value for name, value in changes.items()}})


def test_frost_in_the_second_zone_is_heated_against() -> None:
    verdict = judge(rest(), seen(second_room_c=7.5), Memory(), LIMITS)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 50.0}
    assert verdict.reasons[0] == "room 7.5 °C is at the frost floor of 8.0 °C"


def test_frost_in_the_second_zone_does_not_overheat_the_first() -> None:
    verdict = judge(heat(40.0), seen(room_c=26.5, second_room_c=-5.0), Memory(), LIMITS)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 15.0}


def test_frost_in_the_first_room_counts_however_warm_the_second_is() -> None:
    verdict = judge(rest(), seen(room_c=7.0, second_room_c=25.0), Memory(), LIMITS)
    assert isinstance(verdict, Altered)
    assert verdict.settings == {FLOW: 50.0}


def test_the_second_sensor_alone_is_no_room_temperature() -> None:
    values = dict(seen(second_room_c=20.0).signals)
    del values[Signal.ROOM_C]
    verdict = judge(heat(35.0), Snapshot(AT, values), Memory(), LIMITS)
    assert isinstance(verdict, Refused)


@pytest.mark.parametrize(("second_c", "starts"), [(17.8, True), (18.2, False)])
def test_a_cold_second_zone_comes_before_sparing_the_pump(second_c: float, starts: bool) -> None:
    spent = tuple(AT - timedelta(hours=hour) for hour in range(1, 5))
    memory = Memory(compressor_on=False, since=AT - timedelta(hours=1), starts=spent)
    bounds = replace(
        LIMITS, starts_per_day=4, day_began_at=AT - timedelta(days=1), second_room_min_c=18.0
    )
    look = seen(compressor_hz=0.0, second_room_c=second_c)
    verdict = judge(heat(40.0), look, memory, bounds)
    asked_c = getattr(verdict, "settings", {})[FLOW]
    assert (asked_c == 40.0) is starts


def test_the_guards_cold_edge_of_the_second_zone_follows_its_wish(document: Document) -> None:
    wanted = Target(21.0, 1.0, "configured")
    edges = []
    for config in (in_zones(document, offset_k=-2.0), parse_config(_without_zone(document))):
        model = house_model(config)
        look = seen()
        bounds = limits(
            look, belief=first_belief(look, model, None), model=model,
            machine=machine(config, None), config=config, target=wanted,
        )  # fmt: skip
        edges.append(bounds.second_room_min_c)
    assert edges == [18.0 - COLD_K, -np.inf]


def _without_zone(document: Document) -> Document:
    document["house"].pop("second_zone")
    document.pop("second_room")
    return document


@pytest.mark.parametrize(("second_c", "allowed_w"), [(4.0, 1500.0), (20.0, 0.0)])
def test_frost_in_the_second_zone_may_have_what_a_limit_guarantees(
    second_c: float, allowed_w: float
) -> None:
    grid = GridLimit(limit_w=0.0, guaranteed_w=1500.0, state=GridState.LIMITED)
    look = replace(seen(second_room_c=second_c), grid=grid)
    found = held(None, look, 5.0)
    assert found is not None
    assert found.allowed_w == allowed_w


def test_the_coldest_room_is_told_of_those_that_are_measured() -> None:
    assert seen(second_room_c=18.0).coldest_room_c == 18.0
    assert seen(second_room_c=25.0).coldest_room_c == 21.0
    assert seen().coldest_room_c == 21.0
    at = datetime(2026, 1, 1, tzinfo=AT.tzinfo)
    assert Snapshot(at, {Signal.ROOM_C: Missing("silent", at)}).coldest_room_c is None
