"""The simulator as a process, over real sockets."""

import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from drivers.errors import RefusedByDeviceError
from drivers.points import Space
from drivers.transports.modbus import TcpLink
from drivers.transports.mqtt import BrokerLink
from hil.broker import embedded_broker
from hil.house import load_house
from hil.serve import truth_row
from hil.simulated_house import SimulatedHouse
from hil.weather import plain_winter

START = datetime(2024, 1, 15, tzinfo=UTC)
WEATHER = plain_winter(START, days=3)

pytestmark = [pytest.mark.sockets, pytest.mark.enable_socket]


class Simulator:
    """The process and its pipes."""

    def __init__(self, process):
        self._process = process

    async def ask(self, command):
        self._process.stdin.write((json.dumps(command) + "\n").encode())
        await self._process.stdin.drain()
        return await self.hear()

    async def hear(self):
        return json.loads(await self._process.stdout.readline())

    async def interrupt(self):
        self._process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self._process.wait(), 5.0)

    async def leave(self):
        self._process.stdin.close()
        return await asyncio.wait_for(self._process.wait(), 5.0)


def setup_line(**changes):
    weather = {key: value for key, value in asdict(WEATHER).items() if not key.startswith("_")}
    return {
        "house": "timber1972",
        "seed": 3,
        "start_at": START.isoformat(),
        "weather": weather | {"starts_at": WEATHER.starts_at.isoformat()},
        "profile": "generic_modbus",
        "curve": None,
        "pump_port": 0,
        "broker": None,
        "room_setpoint_c": 21.0,
    } | changes


@contextlib.asynccontextmanager
async def simulator(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hil.serve",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        yield Simulator(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def listening(url):
    """Everything the broker delivers, and an event for each marker."""
    messages = asyncio.Queue()
    link = BrokerLink(url, "test")
    link.subscribe("#", lambda topic, payload, _: messages.put_nowait((topic, payload.decode())))
    running = asyncio.create_task(link.run())
    await link.wait_connected(5.0)
    try:
        yield messages
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def until_marker(messages, at):
    seen = []
    while True:
        topic, payload = await asyncio.wait_for(messages.get(), 5.0)
        if topic == "hil/marker":
            assert payload == at
            return seen
        seen.append((topic, payload))


async def test_lockstep_equals_the_house_in_process():
    house = SimulatedHouse(load_house("timber1972"), WEATHER, start_at=START, seed=3)
    async with simulator() as plant:
        places = (await plant.ask(setup_line()))["ready"]
        link = TcpLink("127.0.0.1", places["modbus_port"])
        async with listening(places["broker"]) as messages:
            for minute in range(1, 31):
                at = (START + timedelta(minutes=minute)).isoformat()
                assert await plant.ask({"advance": at}) == {"at": at}
                house.advance(START + timedelta(minutes=minute))
                expected = [(topic, payload) for topic, payload, _ in house.pop_messages()]
                assert await until_marker(messages, at) == expected
                over_the_wire = await link.read(1, Space.INPUT, 0, 15)
                assert over_the_wire == house.modbus.read(1, Space.INPUT, 0, 15)
            await link.write(1, 0, [150])
            house.modbus.write(1, 0, [150])
            at = START + timedelta(minutes=60)
            await plant.ask({"advance": at.isoformat()})
            house.advance(at)
            assert (await plant.ask({"truth": True}))["truth"] == truth_row(house.truth())
            traced = await plant.ask({"trace": True})
            assert len(traced["trace"]) == 31
            assert traced["columns"][0] == "at"
        await link.close()
        assert await plant.ask({"stop": True}) == {"stopped": True}
        assert await plant.leave() == 0


async def test_holes_wrong_values_and_the_meter_over_tcp():
    async with simulator() as plant:
        places = (await plant.ask(setup_line(profile="nibe_s")))["ready"]
        link = TcpLink("127.0.0.1", places["modbus_port"])
        assert len(await link.read(2, Space.INPUT, 52, 2)) == 2
        assert await link.read(1, Space.HOLDING, 30, 1) == [0]
        with pytest.raises(RefusedByDeviceError, match="code 2"):
            await link.read(1, Space.INPUT, 2, 1)
        with pytest.raises(RefusedByDeviceError, match="code 2"):
            await link.write(1, 22, [1])
        with pytest.raises(RefusedByDeviceError, match="code 3"):
            await link.write(1, 30, [11])
        await link.write(1, 30, [0xFFFE])
        assert await link.read(1, Space.HOLDING, 30, 1) == [0xFFFE]
        assert await plant.ask({"write_counts": True}) == {"write_counts": {"curve_offset": 1}}
        await link.close()


async def test_a_bad_command_is_answered_and_the_end_of_input_ends_it():
    async with simulator() as plant:
        await plant.ask(setup_line())
        assert "unknown command" in (await plant.ask({"fly": 1}))["error"]
        assert "no weather" in (await plant.ask({"advance": "2025-01-01T00:00:00+00:00"}))["error"]
        assert (await plant.ask({"setpoint": 22.0})) == {"setpoint": 22.0}
        assert (await plant.ask({"alarm": 27})) == {"alarm": 27}
        assert await plant.leave() == 0


async def test_a_broker_that_runs_already_is_used():
    async with embedded_broker() as (_, url), listening(url) as messages, simulator() as plant:
        places = (await plant.ask(setup_line(broker=url)))["ready"]
        assert places["broker"] == url
        at = (START + timedelta(minutes=1)).isoformat()
        await plant.ask({"advance": at})
        topics = [topic for topic, _ in await until_marker(messages, at)]
        rooms = ("living_room", "thermostat", "bedroom")
        assert topics == [f"zigbee2mqtt/{room}" for room in rooms]


async def test_on_the_bench_it_lives_in_real_time_until_interrupted():
    async with simulator("--wall", "--house", "rowhouse1988", "--modbus-port", "0") as plant:
        places = (await plant.hear())["ready"]
        link = TcpLink("127.0.0.1", places["modbus_port"])
        async with listening(places["broker"]):
            registers = await link.read(1, Space.INPUT, 0, 15)
        assert 200 < registers[1] < 600
        await link.close()
        assert await plant.interrupt() == 0
