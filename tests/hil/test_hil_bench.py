"""The simulated house on the bench, read by a client that knows nothing of our drivers."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiomqtt import Client
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from typer.testing import CliRunner

from controller.cli import app
from hil.device import Bus
from hil.house import load_house
from hil.manners import Manners
from hil.modbus_server import BusServer
from hil.serial_line import SerialLine
from hil.simulated_house import SimulatedHouse
from hil.verbs import hil
from hil.weather import plain_winter

START = datetime(2024, 1, 15, tzinfo=UTC)
HEATHERD = Path(sys.executable).parent / "heatherd"
NIBE_FLOW, NIBE_OFFSET = 5, 30  # input 30006 and holding 40031 of the maker's list

sockets = [pytest.mark.sockets, pytest.mark.enable_socket]


@contextlib.asynccontextmanager
async def process(*command):
    running = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


@contextlib.asynccontextmanager
async def lockstep(**changes):
    """The simulator in lockstep: how to ask it, and where its wires are."""
    weather = plain_winter(START, days=2)
    series = {key: value for key, value in asdict(weather).items() if not key.startswith("_")}
    setup = {
        "house": "timber1972",
        "seed": 3,
        "start_at": START.isoformat(),
        "weather": series | {"starts_at": START.isoformat()},
        "profile": "nibe_s",
        "serial": True,
    } | changes
    async with process(sys.executable, "-m", "hil.serve") as running:

        async def ask(command):
            running.stdin.write((json.dumps(command) + "\n").encode())
            return json.loads(await running.stdout.readline())

        yield ask, (await ask(setup))["ready"]


@contextlib.asynccontextmanager
async def client_of(client):
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


def over_tcp(port):
    return client_of(AsyncModbusTcpClient("127.0.0.1", port=port, timeout=2.0, retries=0))


def over_rtu(path):
    return client_of(AsyncModbusSerialClient(path, baudrate=9600, timeout=2.0, retries=0))


class TestLockstep:
    pytestmark = sockets

    async def test_a_foreign_client_reads_the_true_flow_temperature_on_both_wires(self):
        async with lockstep() as (ask, places):
            await ask({"advance": (START + timedelta(hours=3)).isoformat()})
            flow_c = (await ask({"truth": True}))["truth"]["flow_c"]
            async with over_tcp(places["modbus_port"]) as tcp, over_rtu(places["serial"]) as rtu:
                for client in (tcp, rtu):
                    answer = await client.read_input_registers(NIBE_FLOW, count=1, device_id=1)
                    assert answer.registers == [round(flow_c * 10)]
                assert not (await rtu.write_register(NIBE_OFFSET, 2, device_id=1)).isError()
                back = await tcp.read_holding_registers(NIBE_OFFSET, count=1, device_id=1)
                assert back.registers == [2]
                hole = await rtu.read_input_registers(2, count=1, device_id=1)
                assert hole.exception_code == 2
            assert await ask({"write_counts": True}) == {"write_counts": {"curve_offset": 1}}

    async def test_faults_are_commands_too(self):
        async with lockstep() as (ask, places):
            async with over_tcp(places["modbus_port"]) as client:
                assert await ask({"busy": True}) == {"busy": True}
                answer = await client.read_input_registers(NIBE_FLOW, count=1, device_id=1)
                assert answer.exception_code == 6
                await ask({"busy": False})
                told = {"capability": "curve_offset", "value": -3.0}
                assert await ask({"other_writer": told}) == {"other_writer": told}
                back = await client.read_holding_registers(NIBE_OFFSET, count=1, device_id=1)
                assert back.registers == [0xFFFD]
            assert (
                "no knob" in (await ask({"other_writer": told | {"capability": "on_off"}}))["error"]
            )
            assert "KeyError" in (await ask({"other_writer": {}}))["error"]
            assert await ask({"silence": True}) == {"silence": True}

    async def test_a_restart_hangs_up_and_the_pump_is_back_after_its_boot(self):
        async with lockstep() as (ask, places):
            async with over_tcp(places["modbus_port"]) as client:
                assert not (await client.read_input_registers(NIBE_FLOW, device_id=1)).isError()
                assert await ask({"restart": True}) == {"restart": True}
                async with asyncio.timeout(5.0):
                    while client.connected:  # noqa: ASYNC110  the client offers no event
                        await asyncio.sleep(0)
            await ask({"advance": (START + timedelta(minutes=2)).isoformat()})
            async with over_tcp(places["modbus_port"]) as client:
                answer = await client.read_input_registers(NIBE_FLOW, count=1, device_id=1)
                assert not answer.isError()

    async def test_a_device_for_one_client_hangs_up_on_the_second(self):
        async with (
            lockstep(manners={"single_client": True}) as (_, places),
            over_tcp(places["modbus_port"]) as first,
        ):
            assert not (await first.read_input_registers(NIBE_FLOW, device_id=1)).isError()
            reader, writer = await asyncio.open_connection("127.0.0.1", places["modbus_port"])
            assert await asyncio.wait_for(reader.read(1), 5.0) == b""
            writer.close()
            await writer.wait_closed()
            assert not (await first.read_input_registers(NIBE_FLOW, device_id=1)).isError()

    async def test_a_heat_pump_behind_mqtt_says_what_it_keeps_and_obeys_before_time_passes(self):
        base = "panasonic_heat_pump"
        async with lockstep(profile="heishamon") as (ask, places):
            at = START + timedelta(minutes=2)
            await ask({"advance": at.isoformat()})
            _, _, address = places["broker"].partition("//")
            host, _, port = address.partition(":")
            async with Client(host, int(port)) as client:
                await client.subscribe(f"{base}/main/#")
                kept = {}
                async with asyncio.timeout(5.0):
                    while f"{base}/main/Z1_Heat_Request_Temp" not in kept:
                        message = await anext(client.messages)
                        kept[message.topic.value] = message.payload.decode()
                await client.publish(f"{base}/commands/SetZ1HeatRequestTemperature", "3", qos=1)
                await ask({"advance": (at + timedelta(minutes=1)).isoformat()})
            counts = (await ask({"write_counts": True}))["write_counts"]
            assert list(counts.values()) == [1]

    async def test_what_is_no_modbus_is_hung_up_on(self):
        async with lockstep() as (_, places):
            reader, writer = await asyncio.open_connection("127.0.0.1", places["modbus_port"])
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await asyncio.wait_for(reader.read(1), 5.0) == b""
            writer.close()
            await writer.wait_closed()


class TestDevice:
    pytestmark = sockets

    async def test_a_slow_device_takes_its_time_on_both_wires(self):
        house = SimulatedHouse(
            load_house("timber1972"),
            plain_winter(START, days=2),
            start_at=START,
            seed=3,
            profile="nibe_s",
            manners=Manners(answer_s=0.7),
        )
        waited = []

        async def wait(seconds):
            waited.append(seconds)

        server, line = BusServer(house.modbus, wait=wait), SerialLine(house.modbus, wait=wait)
        port, path = await server.start(), line.open()
        async with over_tcp(port) as tcp, over_rtu(path) as rtu:
            for client in (tcp, rtu):
                assert not (await client.read_input_registers(NIBE_FLOW, device_id=1)).isError()
            assert not (await rtu.read_input_registers(52, count=2, device_id=2)).isError()
        await server.close()
        await line.close()
        assert waited == [0.7, 0.7, 0.0]  # the meter is not slow

    async def test_a_serial_line_can_be_closed_twice(self):
        line = SerialLine(Bus({}))
        line.open()
        await line.close()
        await line.close()


class TestVerbs:
    def invoke(self, *words):
        if not any(group.name == "hil" for group in app.registered_groups):
            hil(app)
        return CliRunner().invoke(app, ["hil", *words])

    @pytest.mark.sockets
    @pytest.mark.enable_socket
    async def test_hil_serve_is_the_device_in_real_time_on_both_wires(self):
        command = [HEATHERD, "hil", "serve", "--profile", "nibe_s", "--serial"]
        async with process(*command, "--modbus-port", "0", "--speed", "60") as running:
            places = {}
            while "MQTT" not in places:
                name, _, rest = (await running.stdout.readline()).decode().partition("  ")
                places[name] = rest.split()[0] if rest else ""
            port = int(places["Modbus TCP"].rpartition(":")[2])
            async with over_tcp(port) as tcp, over_rtu(places["Modbus RTU"]) as rtu:
                for client in (tcp, rtu):
                    answer = await client.read_input_registers(NIBE_FLOW, count=1, device_id=1)
                    assert 200 < answer.registers[0] < 600
            running.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(running.wait(), 10.0) == 0

    def test_hil_profiles_lists_devices_with_their_manners(self):
        listed = self.invoke("profiles").stdout
        assert "lambda_eul" in listed
        assert "plain" in listed

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--house", "villa1962"], "did you mean 'villa1961'"),
            (["--profile", "nibe"], "did you mean 'nibe_s'"),
            (["--profile", "sdm630"], "is the profile of a meter"),
            (["--meter", "nibe_s"], "is the profile of a heat_pump"),
            (["--speed", "0"], "is not between"),
        ],
    )
    def test_what_cannot_be_served_is_said_in_words(self, options, words):
        result = self.invoke("serve", *options)
        assert result.exit_code == 2
        assert words in result.stderr

    @pytest.mark.sockets
    @pytest.mark.enable_socket
    def test_without_pseudo_terminals_the_serial_line_is_said_to_be_impossible(self, monkeypatch):
        def none_left():
            raise OSError(errno.ENOENT, "No such file or directory")

        monkeypatch.setattr(os, "openpty", none_left)
        result = self.invoke("serve", "--serial", "--modbus-port", "0")
        assert result.exit_code == 2
        assert "no serial line: no pseudo-terminal" in result.stderr

    @pytest.mark.sockets
    @pytest.mark.enable_socket
    def test_a_port_that_is_taken_is_said_in_words(self):

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            result = self.invoke("serve", "--modbus-port", str(port))
        assert result.exit_code == 2
        assert f"Modbus port {port}" in result.stderr
        assert "choose another one" in result.stderr
