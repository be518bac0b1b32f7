"""Records reach a real server, all of them and once, whatever happens to it meanwhile."""

import asyncio
import json
import logging
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_recorder import AT, record

from controller import app
from controller.act import Applied
from controller.config import HouseConfig, parse_config
from controller.config_export import InfluxSection
from controller.export import TOKEN_VARIABLE, Exporter, ExportError, InfluxSink, fields_of
from controller.guard import Allowed
from controller.recorder import Recorder
from controller.records import StepRecord
from controller.snapshot import Missing, Reading, Snapshot
from drivers.api import Capability, Signal
from drivers.errors import ConfigurationError

DAY = 1440
SECRET = "planted-secret-7f3a"


def measured(minutes: float) -> StepRecord:
    """A record with a room temperature that tells its minute."""
    plain = record(minutes)
    signals = {
        Signal.ROOM_C: Reading(20.0 + minutes / 10000.0, plain.at),
        Signal.FLOW_C: Missing("unplugged", plain.at),
    }
    return replace(plain, snapshot=Snapshot(plain.at, signals))


class ServerOfTest:
    """Takes points while it is there."""

    def __init__(self) -> None:
        self.there = True
        self.got: list[StepRecord] = []

    def write(self, records: Sequence[StepRecord]) -> None:
        if not self.there:
            raise ExportError("nobody is there")
        self.got.extend(records)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with closing(Recorder(tmp_path / "records.db")) as opened:
        yield opened


async def drain(exporter: Exporter) -> None:
    """All batches that there are."""
    while await exporter.send():
        pass


async def test_a_day_without_the_server_is_sent_afterwards_whole_and_in_order(
    recorder: Recorder, tmp_path: Path
) -> None:
    server = ServerOfTest()
    exporter = Exporter(recorder, server, every_s=60.0)
    recorder.append(measured(0))
    await drain(exporter)
    server.there = False
    for minute in range(1, DAY):
        recorder.append(measured(minute))
        if minute % 100 == 0:
            with pytest.raises(ExportError):
                await exporter.send()
    server.there = True
    await drain(exporter)
    assert [r.at for r in server.got] == [measured(minute).at for minute in range(DAY)]
    await drain(exporter)
    assert len(server.got) == DAY
    with closing(Recorder(tmp_path / "records.db")) as after_a_restart:
        await drain(Exporter(after_a_restart, server, every_s=60.0))
    assert len(server.got) == DAY


async def test_a_clock_that_was_set_back_hides_no_record(recorder: Recorder) -> None:
    server = ServerOfTest()
    exporter = Exporter(recorder, server, every_s=60.0)
    for minute in (100, 101, 40, 41):
        recorder.append(measured(minute))
        await drain(exporter)
    assert [r.at for r in server.got] == [measured(minute).at for minute in (100, 101, 40, 41)]


async def test_a_record_that_cannot_be_read_holds_up_nothing(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    server = ServerOfTest()
    for minute in range(3):
        recorder.append(measured(minute))
    recorder._db.execute("UPDATE step SET record = '{}' WHERE rowid = 2")
    await drain(Exporter(recorder, server, every_s=60.0))
    assert [r.at for r in server.got] == [measured(0).at, measured(2).at]
    assert "a record is not exported" in caplog.text


async def test_a_server_that_hangs_does_not_hold_up_the_house(recorder: Recorder) -> None:
    hangs, may_end = threading.Event(), threading.Event()

    class Hanging(ServerOfTest):
        def write(self, records: Sequence[StepRecord]) -> None:
            hangs.set()
            may_end.wait(15.0)
            super().write(records)

    server = Hanging()
    recorder.append(measured(0))
    sending = asyncio.ensure_future(Exporter(recorder, server, every_s=60.0).send())
    await asyncio.to_thread(hangs.wait, 15.0)
    for minute in range(1, 10):
        recorder.append(measured(minute))
    assert recorder.count() == 10
    assert not sending.done()
    may_end.set()
    await sending
    assert server.got == [measured(0)]


async def test_the_exporter_waits_for_its_server_and_says_so_once(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server, waits_s = ServerOfTest(), []
    server.there = False
    recorder.append(measured(0))

    async def sleep(seconds: float) -> None:
        waits_s.append(seconds)
        server.there = len(waits_s) >= 10
        if server.got:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await Exporter(recorder, server, every_s=60.0).run()
    assert waits_s == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0, 60.0]
    assert caplog.text.count("export waits: nobody is there") == 1
    assert caplog.text.count("export goes on") == 1


def test_only_what_was_measured_and_asked_is_exported() -> None:
    flow = Capability.FLOW_SETPOINT
    steered = replace(measured(30), verdict=Allowed({flow: 35.0}), outcome=Applied({flow: 34.9}))
    assert fields_of(steered) == {
        "room_c": 20.003,
        "target_room_c": 21.0,
        "estimated_room_c": 21.0,
        "disturbance_w": 0.0,
        "released": 0.0,
        "plan_failed": 0.0,
        "asked_flow_setpoint": 35.0,
        "in_effect_flow_setpoint": 34.9,
    }


# ---- configuration and secrets -------------------------------------------------------------------


def config_of(document: dict[str, Any], **influxdb: Any) -> HouseConfig:
    document["export"] = {"influxdb": {"url": "http://127.0.0.1:8086", **influxdb}}
    return parse_config(document)


def test_without_a_word_nothing_is_exported(document: dict[str, Any]) -> None:
    assert parse_config(document).export.influxdb is None


@pytest.mark.parametrize("url", ["ftp://here", "http://user:pw@here", "here:8086"])
def test_an_address_is_of_http_and_holds_no_password(document: dict[str, Any], url: str) -> None:
    with pytest.raises(ValueError, match=r"export\.influxdb\.url"):
        config_of(document, url=url)


def test_a_token_file_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    section = InfluxSection(url="http://127.0.0.1:1", token_file=tmp_path / "none")
    with pytest.raises(ConfigurationError, match=r"export\.influxdb\.token_file"):
        InfluxSink(section, "house")


# ---- over the wire -------------------------------------------------------------------------------


class Refusing(BaseHTTPRequestHandler):
    """A server that knows nobody; keeps what it was told."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        heard: list[Any] = self.server.heard  # type: ignore[attr-defined]
        heard.append((self.path, self.headers["Authorization"], self.rfile.read(length)))
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[Any]:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.heard = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_the_token_goes_to_the_server_and_nowhere_else(
    refusing: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(TOKEN_VARIABLE, SECRET)
    url = f"http://127.0.0.1:{refusing.server_port}"
    section = InfluxSection(url=url, org="home", bucket="b")
    with pytest.raises(ExportError) as refused:
        InfluxSink(section, "our house").write([measured(0)])
    ((path, authorization, body),) = refusing.heard
    assert urllib.parse.urlsplit(path).path == "/api/v2/write"
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(path).query) == {
        "org": ["home"], "bucket": ["b"], "precision": ["ms"],
    }  # fmt: skip
    assert authorization == f"Token {SECRET}"
    assert body.startswith(rb"heatherd,house=our\ house ")
    assert "401" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert SECRET not in caplog.text


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_server_that_is_not_there_is_told_in_words() -> None:
    section = InfluxSection(url="http://127.0.0.1:9")  # discard: nobody listens there
    with pytest.raises(ExportError, match=r"http://127\.0\.0\.1:9: "):
        InfluxSink(section, "house").write([measured(0)])


def exported_values(url: str, series: str, house: str) -> dict[int, float]:
    """What VictoriaMetrics holds: milliseconds and values, raw."""
    match = urllib.parse.quote(f'{series}{{house="{house}"}}')
    urllib.request.urlopen(f"{url}/internal/force_flush").read()
    with urllib.request.urlopen(f"{url}/api/v1/export?match[]={match}") as answer:
        lines = [json.loads(line) for line in answer.read().splitlines()]
    return {
        at: value
        for line in lines
        for at, value in zip(line["timestamps"], line["values"], strict=True)
    }


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.timeout(60)
async def test_a_real_server_has_every_record_once_even_when_it_was_sent_twice(
    recorder: Recorder, victoria_metrics: str
) -> None:
    sink = InfluxSink(InfluxSection(url=victoria_metrics), "our house")
    exporter = Exporter(recorder, sink, every_s=60.0)
    for minute in range(DAY):
        recorder.append(measured(minute))
    await drain(exporter)
    recorder.exported(DAY // 2)  # as after a power cut that took the note
    await drain(exporter)
    there = exported_values(victoria_metrics, "heatherd_room_c", "our house")
    assert there == {
        round((AT + timedelta(minutes=minute)).timestamp() * 1000): pytest.approx(20 + minute / 1e4)
        for minute in range(DAY)
    }
    assert exported_values(victoria_metrics, "heatherd_flow_c", "our house") == {}


@pytest.mark.sockets
@pytest.mark.enable_socket
@pytest.mark.timeout(60)
async def test_the_service_exports_while_it_runs(
    make_house: Callable[..., Any], document: dict[str, Any], victoria_metrics: str, tmp_path: Path
) -> None:
    document["export"] = {"influxdb": {"url": victoria_metrics, "every": "0.05 s"}}
    document["house"]["name"] = "of the service"
    house = make_house()
    storage = house.config.storage.model_copy(update={"directory": tmp_path / "service"})
    stop = asyncio.Event()

    async def stop_when_exported() -> None:
        looked_for = (victoria_metrics, "heatherd_room_c", "of the service")
        while not await asyncio.to_thread(exported_values, *looked_for):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        stop.set()

    outside = replace(house.outside, background=[stop_when_exported])
    await app.run(
        house.config.model_copy(update={"storage": storage}),
        clock=house.clock, stop=stop, outside=outside, planner=house.planner, channel=False,
    )  # fmt: skip
    assert stop.is_set()
