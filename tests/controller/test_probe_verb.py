"""The verb `probe`: words, exit codes, JSON and the recording, at a device and where none is."""

import asyncio
import json
import socket
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import app
from controller.config import parse_config
from controller.terminal import Exit
from drivers.points import encode
from drivers.profile import load_modbus_profile
from drivers.testing import RegisterBank
from hil.broker import embedded_broker
from hil.manners import Manners
from hil.modbus_server import BusServer

SENSOR = {
    "friendly_name": "living",
    "definition": {"exposes": [{"name": "temperature", "property": "temperature"}]},
}


class OneDevice(RegisterBank):
    """A healthy device of a family, as all units of a bus."""

    single_client = False

    def __init__(self, name: str) -> None:
        profile = load_modbus_profile(name)
        super().__init__(profile)
        for point, values in profile.identity.values.items():
            self.put(point, encode(profile.points[point], values[0]))

    def manners(self, unit: int) -> Manners:
        del unit
        return Manners()


class Place:
    """A Modbus port and a broker in a thread of their own."""

    def __init__(self, bank: OneDevice, said: dict[str, str]) -> None:
        self.bank = bank
        self.port = 0
        self.broker = ""
        self._said = said
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),))

    def __enter__(self) -> "Place":
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _live(self) -> None:
        server = BusServer(self.bank)  # type: ignore[arg-type]
        async with embedded_broker() as (publish, self.broker):
            self.port = await server.start()
            for topic, payload in self._said.items():
                await publish(topic, payload, True)
            self._ready.set()
            await self._stop.wait()
            await asyncio.gather(*server._clients)
            await server.close()


@pytest.fixture
def isg() -> Iterator[Place]:
    """A Stiebel ISG, and a broker with a room sensor and a meter."""
    said = {
        "zigbee2mqtt/bridge/devices": json.dumps([SENSOR]),
        "shelly-0cb8/status/em:0": json.dumps({"total_act_power": 500.0, "a_freq": 50}),
    }
    with Place(OneDevice("stiebel_isg"), said) as place:
        yield place


def probe(*words: str | int | Path) -> Any:
    """What the command says and its exit code."""
    return CliRunner().invoke(app, ["probe", *map(str, words)])


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_device_is_told_with_its_evidence_and_lines_that_can_be_used(
    isg: Place, document: dict[str, Any]
) -> None:
    said = probe("--host", "127.0.0.1", "--port", isg.port)
    assert said.exit_code == Exit.OK, said.output
    assert "unit 1 is Stiebel Eltron" in said.output
    assert "controller = 390, as it must be" in said.output
    lines = said.output[said.output.index("[heat_pump]") :]
    section = tomllib.loads(lines)["heat_pump"]
    assert section == {"profile": "stiebel_isg", "host": "127.0.0.1", "port": isg.port}
    assert parse_config(document | {"heat_pump": section})
    assert isg.bank.writes == []


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_the_same_as_json(isg: Place) -> None:
    said = probe("--host", "127.0.0.1", "--port", isg.port, "--json")
    found = json.loads(said.stdout)
    assert found["answered"]
    assert found["candidates"][0]["profile"] == "stiebel_isg"
    assert found["candidates"][0]["identified"]
    assert {missed["profile"] for missed in found["ruled_out"]} >= {"nibe_s", "sdm630"}


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_recording_is_written_once(isg: Place, tmp_path: Path) -> None:
    path = tmp_path / "isg.json"
    words = ("--host", "127.0.0.1", "--port", isg.port, "--profile", "stiebel_isg")
    assert probe(*words, "--record", path).exit_code == Exit.OK
    recording = json.loads(path.read_text())
    assert recording["profile"] == "stiebel_isg"
    assert {row["point"] for row in recording["rows"]} == set(
        load_modbus_profile("stiebel_isg").points
    )
    again = probe(*words, "--record", path)
    assert again.exit_code == Exit.USAGE
    assert "is not overwritten" in again.output
    assert isg.bank.writes == []


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_device_that_nobody_knows_is_told_honestly(isg: Place, tmp_path: Path) -> None:
    words = ("--host", "127.0.0.1", "--port", isg.port, "--profile", "nibe_s")
    said = probe(*words, "--record", tmp_path / "no.json")
    assert said.exit_code == Exit.FAILED
    assert "Nothing known answers here." in said.output
    assert "not nibe_s: " in said.output
    assert "nothing was recorded" in said.output
    assert not (tmp_path / "no.json").exists()


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_family_without_identity_is_tried_when_it_is_named(isg: Place) -> None:
    words = ("--host", "127.0.0.1", "--port", isg.port, "--profile", "generic_modbus")
    said = probe(*words)
    assert said.exit_code == Exit.FAILED
    assert "not generic_modbus: " in said.output


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_broker_tells_of_meters_and_rooms(isg: Place, tmp_path: Path) -> None:
    path = tmp_path / "meter.json"
    said = probe("--broker", isg.broker, "--listen", "1 s", "--record", path)
    assert said.exit_code == Exit.OK, said.output
    assert 'topic = "shelly-0cb8"' in said.output
    assert 'sensor_topic = "zigbee2mqtt/living"' in said.output
    assert "0cb8" not in path.read_text()


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_port_where_nobody_listens_is_told_and_fails() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        said = probe("--host", "127.0.0.1", "--port", free.getsockname()[1])
    assert said.exit_code == Exit.FAILED
    assert "cannot be reached" in said.output
    assert "Nothing known" not in said.output


@pytest.mark.sockets
@pytest.mark.enable_socket
def test_a_missing_broker_is_told_and_fails() -> None:
    said = probe("--broker", "mqtt://127.0.0.1:9", "--timeout", "1 s", "--username", "me")
    assert said.exit_code == Exit.FAILED
    assert "no broker at 127.0.0.1:9" in said.output


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ((), Exit.USAGE, "give one of --host, --serial and --broker"),
        (("--host", "a", "--broker", "mqtt://b"), Exit.USAGE, "give one of"),
        (("--host", "a", "--timeout", "5"), Exit.USAGE, "--timeout: a duration is text"),
        (("--host", "a", "--profile", "nib_s"), Exit.FAILED, "nibe_s"),
        (("--host", "a", "--profile", "heishamon"), Exit.FAILED, "no family"),
        (("--broker", "http://a"), Exit.FAILED, "write mqtt://host:1883"),
        (("--serial", "/dev/no-such-line"), Exit.FAILED, "there is no such device"),
    ],
)
def test_what_cannot_be_asked_is_told(words: tuple[str, ...], code: Exit, reason: str) -> None:
    said = probe(*words)
    assert said.exit_code == code
    assert reason in said.output


def test_an_interruption_ends_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(job: Any) -> None:
        job.close()
        raise KeyboardInterrupt

    monkeypatch.setattr("controller.probe_verb.asyncio.run", interrupted)
    said = probe("--host", "192.0.2.1")
    assert said.exit_code == Exit.FAILED
    assert "nothing was written to any device" in said.output
