"""The composition root: who may write, what is connected, and how a run begins and ends."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import app
from controller.acceptance import may_write
from controller.act import Applied
from controller.clock import SteppedClock
from controller.config import HouseConfig, parse_config
from controller.connect import PASSWORD_VARIABLE, _broker_url, connect
from controller.recorder import Records
from controller.store import Lease, Store
from controller.wishes import Wish, Wishes
from drivers.api import Capability, Maturity, OnSilence, Signal
from drivers.errors import ConfigurationError, LinkLostError
from drivers.profile import Transport, load_modbus_profile, shipped_profiles
from drivers.testing import AN_INSTANT, make_rig

MakeHouse = Callable[..., Any]
Document = dict[str, Any]
FLOW = Capability.FLOW_SETPOINT
MINUTE = timedelta(minutes=1)


def house_of(document: Document, **changes: object) -> HouseConfig:
    document["control"] = {"mode": "control"}
    for key, value in changes.items():
        section = "control" if key in {"mode", "strategy"} else "heat_pump"
        document[section][key] = value
    return parse_config(document)


# ---- may it write? -------------------------------------------------------------------------------


@pytest.mark.parametrize("proven", Maturity)
@pytest.mark.parametrize("accepted", Maturity)
def test_it_writes_only_to_what_is_proven_as_far_as_the_owner_demands(
    document: Document, proven: Maturity, accepted: Maturity
) -> None:
    config = house_of(document, accept_maturity=accepted.value)
    pump = make_rig(replace(load_modbus_profile("generic_modbus"), maturity=proven)).pump
    order = list(Maturity)
    if order.index(proven) >= order.index(accepted):
        assert may_write(config, pump)
        return
    with pytest.raises(ConfigurationError, match=f'accept_maturity = "{proven.value}"'):
        may_write(config, pump)


@pytest.mark.parametrize("silence", OnSilence)
def test_a_pump_that_stops_in_silence_needs_the_owners_word(
    document: Document, silence: OnSilence
) -> None:
    config = house_of(document, accept_maturity="simulated")
    pump = make_rig(replace(load_modbus_profile("generic_modbus"), on_silence=silence)).pump
    if silence is not OnSilence.STOPS:
        assert may_write(config, pump)
        return
    with pytest.raises(ConfigurationError, match="accept_stop_on_silence = true"):
        may_write(config, pump)
    accepted = house_of(document, accept_maturity="simulated", accept_stop_on_silence=True)
    assert may_write(accepted, pump)


@pytest.mark.parametrize(
    "name", [n for n in shipped_profiles(Transport.MODBUS) if load_modbus_profile(n).knobs]
)
def test_observing_and_the_heating_curve_need_no_proof_and_never_write(
    document: Document, name: str
) -> None:
    pump = make_rig(load_modbus_profile(name)).pump
    assert not may_write(house_of(document, mode="observe"), pump)
    assert not may_write(house_of(document, mode="control", strategy="heating-curve"), pump)


@pytest.mark.parametrize(
    "name", [n for n in shipped_profiles(Transport.MODBUS) if load_modbus_profile(n).knobs]
)
def test_no_shipped_profile_is_written_to_by_default(document: Document, name: str) -> None:
    with pytest.raises(ConfigurationError, match="is proven as far as"):
        may_write(house_of(document), make_rig(load_modbus_profile(name)).pump)


# ---- what is connected ---------------------------------------------------------------------------


async def test_everything_configured_is_connected_and_nothing_contacted(
    document: Document, clock: SteppedClock, tmp_path: Path
) -> None:
    document["meter"] = {"profile": "sdm630", "host": "192.0.2.2"}
    document["mqtt"] = {"broker": "mqtt://192.0.2.3:1883"}
    document["room"] = {"sensor_topic": "zigbee2mqtt/room"}
    document["prices"] = {"csv": str(tmp_path / "prices.csv")}
    document["weather"] = {"csv": str(tmp_path / "weather.csv")}
    outside = connect(parse_config(document), clock.now)
    assert [device.name for device in outside.devices] == ["room", "heat pump", "meter"]
    assert outside.prices is not None
    assert outside.weather is not None
    assert len(outside.background) == 1
    for device in outside.devices:
        await device.close()


def test_the_least_house_has_only_a_pump(document: Document, clock: SteppedClock) -> None:
    outside = connect(parse_config(document), clock.now)
    assert [device.name for device in outside.devices] == ["heat pump"]
    assert (outside.prices, outside.weather, outside.background) == (None, None, ())


def test_the_brokers_password_comes_from_outside_the_configuration(
    document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    document["mqtt"] = {"broker": "mqtts://192.0.2.3:8883"}
    assert _broker_url(parse_config(document)) == "mqtts://192.0.2.3:8883"
    document["mqtt"]["username"] = "heat er"
    assert _broker_url(parse_config(document)) == "mqtts://heat%20er@192.0.2.3:8883"
    monkeypatch.setenv(PASSWORD_VARIABLE, "a/b@c")
    with_variable = _broker_url(parse_config(document))
    assert with_variable == "mqtts://heat%20er:a%2Fb%40c@192.0.2.3:8883"
    (tmp_path / "secret").write_text("from file\n")
    document["mqtt"]["password_file"] = str(tmp_path / "secret")
    with_file = _broker_url(parse_config(document))
    assert with_file == "mqtts://heat%20er:from%20file@192.0.2.3:8883"


async def test_one_look_reads_everything_and_writes_nothing(make_house: MakeHouse) -> None:
    house = make_house()
    snapshot = await app.read_once(house.outside, house.clock, patience_s=5.0)
    assert snapshot.value(Signal.ROOM_C) == 20.0
    assert house.bank.writes == []


async def test_one_look_waits_for_the_messages_of_a_broker(make_house: MakeHouse) -> None:
    house = make_house()
    ended: list[str] = []

    async def link() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("link")

    outside = replace(house.outside, background=[link])
    snapshot = await app.read_once(outside, house.clock, patience_s=5.0)
    assert snapshot.at == AN_INSTANT + timedelta(seconds=5)
    await asyncio.sleep(0)
    assert ended == ["link"]


@pytest.mark.parametrize(
    ("section", "key", "value", "reason"),
    [
        ("heat_pump", "profile", "generic_modbos", "no profile 'generic_modbos'"),
        ("heat_pump", "profile", "sdm630", "is not of a heat pump"),
        ("heat_pump", "profile", "missing.toml", "cannot be read"),
        ("heat_pump", "host", None, "speaks Modbus: give its host"),
        ("mqtt", "password_file", "/nowhere/secret", "mqtt.password_file"),
    ],
)
def test_what_cannot_be_connected_is_a_configuration_error(
    document: Document, clock: SteppedClock, section: str, key: str, value: str, reason: str
) -> None:
    document["mqtt"] = {"broker": "mqtt://192.0.2.3:1883"}
    document["room"] = {"sensor_topic": "zigbee2mqtt/room"}
    document[section][key] = value
    with pytest.raises(ConfigurationError, match=reason):
        connect(parse_config(document), clock.now)


def test_a_knob_the_pump_lacks_is_a_configuration_error(
    make_house: MakeHouse, document: Document
) -> None:
    document["heat_pump"]["knob"] = "flow_setpoint"
    document["heat_pump"]["profile"] = "nibe_s"
    document["heat_pump"]["host"] = "192.0.2.1"
    house = make_house()
    with pytest.raises(ConfigurationError, match="no knob 'flow_setpoint' for heat"):
        house.loop()


# ---- a run ---------------------------------------------------------------------------------------


async def run(house: Any, minutes: int, stop: asyncio.Event | None = None) -> None:
    """The service for some simulated minutes."""
    await house.loop().run(stop or asyncio.Event(), house.clock.now() + minutes * MINUTE)


async def test_a_run_steers_records_and_hands_back(make_house: MakeHouse) -> None:
    house = make_house()
    await run(house, 15)
    records = list(house.recorder.records())
    assert [record.at for record in records] == [AN_INSTANT + n * MINUTE for n in range(15)]
    assert [record.continues for record in records] == [False] + [True] * 14
    assert isinstance(records[-1].outcome, Applied)
    assert records[-1].wanted.source == "heating-curve"
    held = await house.pump().read_back(FLOW)
    assert held.value == house.profile.knobs[FLOW].release_value
    assert house.store.leases() == {}
    assert house.store.belief() == records[-1].belief
    assert {record.config_hash for record in records} == {records[0].config_hash}
    assert HouseConfig.model_validate_json(house.recorder.latest("config")) == house.config


async def test_a_stop_ends_the_run_and_hands_back(make_house: MakeHouse) -> None:
    house = make_house()
    stop = asyncio.Event()

    def stop_after_five(at: Any) -> None:
        if at >= AN_INSTANT + 5 * MINUTE:
            stop.set()

    house.on_advance = stop_after_five
    await run(house, 60, stop)
    assert house.recorder.count() <= 6
    assert house.store.leases() == {}


async def test_observing_for_an_hour_writes_nothing(make_house: MakeHouse) -> None:
    house = make_house(mode="observe")
    await run(house, 60)
    assert house.bank.writes == []
    assert len(house.planner.asked) == 4  # it plans all the same
    assert house.recorder.count() == 60


async def test_a_crash_hands_back(make_house: MakeHouse) -> None:
    house = make_house()

    def crash(at: Any) -> None:
        if at >= AN_INSTANT + 5 * MINUTE:
            raise RuntimeError("a bug")

    house.on_advance = crash
    with pytest.raises(ExceptionGroup):
        await run(house, 60)
    assert house.bank.writes
    assert house.store.leases() == {}


@pytest.mark.parametrize("mode", ["observe", "control"])
async def test_what_an_earlier_run_left_is_handed_back_first(
    make_house: MakeHouse, mode: str
) -> None:
    house = make_house(mode=mode)
    offset = Capability.CURVE_OFFSET
    house.store.save_lease(Lease(offset, 1.0, 3.0, 1.0, AN_INSTANT, AN_INSTANT))
    house.put("curve_offset", 3.0)
    await run(house, 1)
    assert (await house.pump().read_back(offset)).value == 1.0
    assert house.store.leases() == {}


async def test_a_dead_pump_stops_nothing(make_house: MakeHouse) -> None:
    house = make_house()
    house.bank.failure = LinkLostError("unplugged")
    await run(house, 5)
    records = list(house.recorder.records())
    assert len(records) == 5
    assert records[-1].snapshot.why_missing(Signal.FLOW_C) == "unplugged"
    since = {record.snapshot.signals[Signal.FLOW_C].since for record in records}
    assert since == {AN_INSTANT}


async def test_a_wish_changes_the_target_and_hurries_the_plan(make_house: MakeHouse) -> None:
    house = make_house()
    loop = house.loop()

    def wish_after_two(at: Any) -> None:
        if at == AN_INSTANT + 2 * MINUTE:
            loop.change_wishes(Wishes(wish=Wish("override", 22.5, at, at + 3 * MINUTE)))

    house.on_advance = wish_after_two
    await loop.run(asyncio.Event(), AN_INSTANT + 10 * MINUTE)
    targets = [record.target.room_c for record in house.recorder.records()]
    assert targets == [21.0] * 2 + [22.5] * 3 + [21.0] * 5
    assert [request.made_at for request in house.planner.asked] == [
        AN_INSTANT,
        AN_INSTANT + 2 * MINUTE,
        AN_INSTANT + 5 * MINUTE,
    ]
    assert house.store.wishes() == Wishes()


async def test_a_release_survives_a_restart(make_house: MakeHouse) -> None:
    house = make_house()
    house.store.save_wishes(Wishes(released=True))
    await run(house, 3)
    assert house.bank.writes == []
    assert {record.wanted.reason for record in house.recorder.records()} == {
        "released by the owner"
    }


async def test_the_service_runs_from_files_to_files(make_house: MakeHouse, tmp_path: Path) -> None:
    house = make_house()
    folder = tmp_path / "service"
    storage = house.config.storage.model_copy(
        update={"directory": folder, "socket": folder / "s.sock"}
    )
    config = house.config.model_copy(update={"storage": storage})
    await app.run(
        config,
        clock=house.clock,
        stop=asyncio.Event(),
        outside=house.outside,
        planner=house.planner,
        until=AN_INSTANT + 3 * MINUTE,
    )
    reader = Records(folder / "records.db")
    assert reader.count() == 3
    reader.close()
    assert not await app.is_running(storage.socket)


async def test_hand_back_without_service_needs_no_pump_when_nothing_is_left(
    config: HouseConfig, clock: SteppedClock
) -> None:
    assert await app.hand_back_without_service(config, clock, stay_released=False)


def test_a_pump_that_stops_when_nobody_asks_must_be_asked_often_enough(
    document: Document, clock: SteppedClock
) -> None:
    document["heat_pump"] = {"profile": "lg_therma_v", "host": "192.0.2.1"}
    with pytest.raises(ConfigurationError, match=r"set control.cycle = .20 s. or less"):
        connect(parse_config(document), clock.now)
    document["control"] = {"cycle": "20 s"}
    assert connect(parse_config(document), clock.now).pump.on_silence is OnSilence.STOPS


async def test_a_hand_back_waits_for_a_pump_behind_a_broker_to_speak(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house()
    offset, began_at = Capability.CURVE_OFFSET, house.clock.now()
    store = Store(house.config.storage.directory / "state.db")
    store.save_lease(Lease(offset, 1.0, 3.0, 1.0, AN_INSTANT, AN_INSTANT))
    store.close()
    house.put("curve_offset", 3.0)
    house.bank.failure = LinkLostError("nothing heard yet")

    def hear(at: datetime) -> None:
        if at >= began_at + timedelta(seconds=20):
            house.bank.failure = None

    async def broker() -> None:
        await asyncio.Event().wait()

    house.on_advance = hear
    behind_a_broker = replace(house.outside, background=[broker])
    monkeypatch.setattr(app, "connect", lambda *_: behind_a_broker)
    assert await app.hand_back_without_service(house.config, house.clock, stay_released=False)
    assert (await house.pump().read_back(offset)).value == 1.0
    waited_s = (house.clock.now() - began_at).total_seconds()
    assert 20.0 <= waited_s <= app.HAND_BACK_PATIENCE_S
