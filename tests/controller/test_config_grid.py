"""[grid] as the guide writes it, what it refuses, what plans make of it, and the proof."""

import asyncio
import json
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from guarded import HEALTHY, snapshot
from servers import free_port
from typer.testing import CliRunner

from controller.acceptance import tank_limit_knob
from controller.cli import app
from controller.config import ConfigError, parse_config
from controller.connect import connect
from controller.grid_hold import GridHold, Held, held, limit_in, limit_out
from controller.grid_plan import UNLIMITED_W, limits_otherwise, power_limits_w
from controller.grid_words import hot_water_under_limit
from controller.limit_log import episodes
from controller.recorder import Recorder
from controller.sense import sense
from controller.snapshot import Reading
from drivers.api import Capability, OperatingState, Signal
from drivers.errors import ConfigurationError
from drivers.grid.limit import GridLimit, GridState, Window
from drivers.profile import load_profile
from tests.controller.test_records import full_record

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/how-to/grid-operators-limit.md").read_text("utf-8")
EXAMPLE = (ROOT / "deploy/examples/generic-modbus.toml").read_text("utf-8")
AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TANK = Capability.DHW_SETPOINT


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL))
def test_check_accepts_the_guides_examples(text, tmp_path, monkeypatch):
    monkeypatch.setenv("HEATHERD_GRID_TOKEN", "a-secret-of-24-characters")
    house = tmp_path / "house.toml"
    accepted = EXAMPLE.replace('# accept_maturity = "simulated"', 'accept_maturity = "simulated"')
    house.write_text(f"{accepted}\n{text}", "utf-8")
    answer = CliRunner().invoke(app, ["check", "-c", str(house)])
    assert answer.exit_code == 0, answer.output


@pytest.mark.parametrize(
    ("grid", "word"),
    [
        ({"topic": "a/b", "contact_topic": "c/d"}, "one of"),
        ({"failsafe_minimum": "1 h"}, "7200"),
        ({"reduction": [{"starts_at": AT, "ends_at": AT, "limit_w": 1}]}, "ends after it starts"),
        (
            {"reduction": [{"starts_at": AT.replace(tzinfo=None), "ends_at": AT, "limit_w": 1}]},
            "zone",
        ),
        ({"topik": "a/b"}, "did you mean 'topic'"),
        ({"topic": "a/b", "listen": "127.0.0.1:8095"}, "one of"),
        ({"listen": "0.0.0.0:8095"}, "at home"),
        ({"listen": "8.8.8.8:8095"}, "at home"),
        ({"listen": "127.0.0.1:80"}, "port from 1024"),
        ({"listen": "house.example:8095"}, "at home"),
        ({"measure_others": True}, "needs others_w"),
        ({"measure_others": True, "others_w": 900}, r"needs \[meter\] and \[grid_meter\]"),
    ],
)
def test_a_wrong_grid_section_is_refused_in_words(grid, word):
    with pytest.raises(ConfigError, match=word):
        parse_config({**tomllib.loads(EXAMPLE), "grid": grid})


def test_a_topic_needs_a_broker():
    document = tomllib.loads(EXAMPLE)
    document.pop("mqtt")
    document.pop("room")
    with pytest.raises(ConfigError, match=r"\[grid\] with a topic needs \[mqtt\]"):
        parse_config({**document, "grid": {"topic": "a/b"}})


@pytest.mark.parametrize("token", [None, "short", "a secret with some blanks"])
def test_listening_needs_a_secret_worth_the_name(token, monkeypatch):
    monkeypatch.delenv("HEATHERD_GRID_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("HEATHERD_GRID_TOKEN", token)
    config = parse_config({**tomllib.loads(EXAMPLE), "grid": {"listen": "127.0.0.1:8095"}})
    with pytest.raises(ConfigurationError, match="secret of 16 characters"):
        connect(config, lambda: AT)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8095", ("127.0.0.1", 8095)),
        ("192.168.1.5:9000", ("192.168.1.5", 9000)),
        ("[::1]:8095", ("::1", 8095)),
        ("[fd00::5]:8095", ("fd00::5", 8095)),
    ],
)
def test_addresses_at_home_can_be_listened_on(text, address):
    config = parse_config({**tomllib.loads(EXAMPLE), "grid": {"listen": text}})
    assert config.grid.listens_at == address


def test_a_shared_limit_is_recorded_with_what_the_others_were_taken_to_draw():
    shared = replace(limit(900.0), total_w=4200.0, others_w=3300.0, remark="stated")
    assert limit_in(limit_out(shared)) == shared
    assert limit_in(limit_out(limit(900.0))) == limit(900.0)


def test_without_the_section_nobody_limits():
    assert connect(parse_config(tomllib.loads(EXAMPLE)), lambda: AT).grid is None


def limit(limit_w=None, until=None, ahead=()):
    state = GridState.UNLIMITED if limit_w is None else GridState.LIMITED
    return GridLimit(
        limit_w=limit_w, guaranteed_w=4200.0, state=state, until=until, ahead=tuple(ahead)
    )


def limits_w(grid, pump_w=None):
    return power_limits_w(AT, 3600, 6, pump_w=pump_w, grid=grid)


def test_plans_know_a_limit_until_it_ends_and_one_without_an_end_for_two_hours():
    free = UNLIMITED_W
    assert limits_w(limit(900.0, AT + HOUR * 1.5)) == (900.0, 900.0, free, free, free, free)
    assert limits_w(limit(900.0)) == (900.0, 900.0, free, free, free, free)
    assert limits_w(limit(900.0, AT + HOUR), 2000.0) == (900.0, *(2000.0,) * 5)


def test_plans_know_an_announced_window_in_every_step_it_touches():
    window = Window(starts_at=AT + HOUR * 2.5, ends_at=AT + HOUR * 3.5, limit_w=100.0)
    free = UNLIMITED_W
    assert limits_w(limit(ahead=[window])) == (free, free, 100.0, 100.0, free, free)


def test_no_limit_is_no_series():
    later = Window(starts_at=AT + HOUR * 9, ends_at=AT + HOUR * 10, limit_w=100.0)
    assert limits_w(None) is None
    assert limits_w(limit(ahead=[later])) is None


def test_a_new_window_is_news_for_plans():
    window = Window(starts_at=AT + HOUR, ends_at=AT + HOUR * 2, limit_w=100.0)
    before = replace(snapshot(HEALTHY), grid=limit())
    now = replace(snapshot(HEALTHY), grid=limit(ahead=[window]))
    assert limits_otherwise(before, now)
    assert not limits_otherwise(now, now)


def test_limit_log_tells_when_a_limit_was_obeyed_and_what_was_above_it(tmp_path):
    dimmed = limit(1000.0)
    cycles = [(2000.0, limit()), (2000.0, dimmed), (900.0, dimmed), (1100.0, dimmed),
              (None, dimmed), (900.0, limit())]  # fmt: skip
    recorder = Recorder(tmp_path / "records.db")
    config = parse_config({**tomllib.loads(EXAMPLE), "grid": {"obey_within": "2 min"}})
    recorder.keep("config", config.model_dump_json(by_alias=True), AT)
    for minute, (power_w, grid) in enumerate(cycles):
        recorder.append(cycle(AT + timedelta(minutes=minute), power_w, grid))
    recorder.close()
    asked = ["limit-log", "--records", str(tmp_path), "--json"]
    (row,) = json.loads(CliRunner().invoke(app, asked).output)["limits"]
    assert row["minutes_over_by_hot_water"] == 0.0
    assert row["received_at"] == "2026-01-15T12:01:00+00:00"
    assert row["obeyed_at"] == "2026-01-15T12:02:00+00:00"
    assert row["released_at"] == "2026-01-15T12:05:00+00:00"
    assert row["in_time"] is True
    assert (row["minutes_over"], row["minutes_unmeasured"]) == (1.0, 1.0)
    assert row["highest_w"] == 1100.0
    shown = CliRunner().invoke(app, asked[:-1])
    assert "limited: 1000 W, received 2026-01-15 13:01:00, obeyed 2026-01-15" in shown.output


def test_limit_log_names_the_minutes_that_hot_water_was_above_a_limit():
    heats, charges, none = limit(0.0), OperatingState.DHW, limit()
    cycles = [
        cycle(AT + timedelta(minutes=minute), power_w, grid, state)
        for minute, (power_w, grid, state) in enumerate(
            [(100.0, heats, None), (1400.0, heats, charges), (1400.0, heats, None),
             (100.0, heats, charges), (1400.0, none, charges), (0.0, none, None)]
        )
    ]  # fmt: skip
    (episode,) = episodes(cycles, obey_within_s=300.0)
    assert (episode.over_s, episode.dhw_over_s) == (120.0, 60.0)


@pytest.mark.parametrize(
    ("profile", "accept", "stops", "said"),
    [
        ("generic_modbus", ("power_limit", "dhw_setpoint"), True,
         "by power_limit, for limits of 500 W and more; by dhw_setpoint at 35 °C: a tank below"),
        ("generic_modbus", ("flow_setpoint",), False,
         'heat_pump.accept = ["dhw_setpoint", "flow_setpoint", "power_limit"]'),
        ("lambda_eul", ("dhw_setpoint",), True, "dhw_setpoint at 42 °C: a tank below 42 °C"),
        ("lg_therma_v", ("flow_setpoint",), False, "let a contact of the control box switch"),
        ("shelly_sg_ready", ("sg_ready",), True, "sg_ready, which blocks the compressor"),
        ("heishamon", ("sg_ready",), False, "cannot be stopped: they go on"),
    ],
)  # fmt: skip
def test_it_is_said_what_ends_the_pumps_own_hot_water(profile, accept, stops, said):
    document = tomllib.loads(EXAMPLE)
    document["heat_pump"] = {"profile": profile, "host": "192.168.1.9", "accept": list(accept)}
    if profile in ("shelly_sg_ready", "heishamon"):
        document["heat_pump"].pop("host")
        document["heat_pump"]["knob"] = "sg_ready"
    config = parse_config({**document, "grid": {"contact_topic": "a/b"}})
    found = hot_water_under_limit(config, load_profile(profile))
    assert found.stops is stops
    assert said in found.text
    assert hot_water_under_limit(parse_config(document), load_profile(profile)) is None


def test_the_tanks_set_point_yields_where_a_limit_can_come_and_the_owner_accepts_it():
    document = tomllib.loads(EXAMPLE)
    profile = load_profile("nibe_s")
    document["heat_pump"] |= {"profile": "nibe_s", "accept": ["curve_offset", "dhw_setpoint"]}
    limited = {**document, "grid": {"contact_topic": "a/b"}}
    assert tank_limit_knob(parse_config(limited), profile) is profile.knobs[TANK]
    assert tank_limit_knob(parse_config(document), profile) is None
    document["heat_pump"]["accept"] = ["curve_offset"]
    assert tank_limit_knob(parse_config(limited), profile) is None


def cycle(at, power_w, grid, state=None):
    """A recorded cycle with this power at the meter."""
    record = full_record()
    signals = {} if power_w is None else {Signal.METER_POWER_W: Reading(power_w, at)}
    if state is not None:
        signals[Signal.OPERATING_STATE] = Reading(float(state), at)
    moment = replace(record.snapshot, at=at, signals=signals, grid=grid)
    estimate = replace(record.belief.estimate, at=at)
    memory = replace(record.memory, since=None, seen_at=at)
    return replace(
        record,
        snapshot=moment,
        memory=memory,
        belief=replace(record.belief, estimate=estimate),
        plan_hash=None,
    )


def test_of_less_than_any_compressor_needs_a_pump_rests_at_once():
    grid = limit(0.0)
    moment = replace(snapshot(HEALTHY), grid=grid)
    assert held(None, moment, frost_c=8.0) == GridHold(0.0, None, Held.RESTED)
    some = replace(moment, grid=limit(900.0))
    assert held(None, some, frost_c=8.0) == GridHold(900.0)
    cold = replace(snapshot({**HEALTHY, Signal.ROOM_C: 7.0}), grid=grid)
    assert held(None, cold, frost_c=8.0) == GridHold(4200.0)


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_a_limit_posted_to_the_service_is_in_the_next_look(monkeypatch):
    token = "a-secret-of-24-characters"
    monkeypatch.setenv("HEATHERD_GRID_TOKEN", token)
    grid = {"listen": f"127.0.0.1:{free_port()}", "failsafe_w": 2000}
    outside = connect(parse_config({**tomllib.loads(EXAMPLE), "grid": grid}), lambda: AT)
    (receiver,) = outside.receivers
    task = asyncio.ensure_future(receiver())
    try:
        first = await sense([], at=AT, before=None, stale_s={}, grid=outside.grid)
        assert (first.grid.limit_w, first.grid.state) == (2000.0, GridState.INIT)
        headers = {"Authorization": f"Bearer {token}"}
        patient = httpx.AsyncHTTPTransport(retries=3)
        async with httpx.AsyncClient(headers=headers, transport=patient) as box:
            url = f"http://{grid['listen']}/grid/limit"
            answer = await box.post(url, json={"heartbeat": 1, "limit_w": 900, "duration_s": 60})
        assert answer.status_code == 200
        then = await sense([], at=AT, before=first, stale_s={}, grid=outside.grid)
        assert (then.grid.limit_w, then.grid.state) == (900.0, GridState.LIMITED)
    finally:
        task.cancel()
