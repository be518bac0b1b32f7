"""The service as its owner runs it: processes, signals, wall-clock time, a simulated pump.

Each test starts several interpreters one after the other, which a busy computer may take long for:
hence time limits above the usual one. Nothing here waits longer than it has to.
"""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from controller.owner import ask
from controller.recorder import Records
from drivers.points import Space
from drivers.transports.modbus import TcpLink

pytestmark = [pytest.mark.sockets, pytest.mark.enable_socket, pytest.mark.timeout(90)]

PATIENCE_S = 60.0
POLL_S = 0.05
FLOW_SETPOINT, CURVE_OFFSET = 0, 30
OWNERS_OFFSET = -5 & 0xFFFF  # the owner may set it; heatherd itself never goes below -3


@pytest.fixture
def home():
    """A folder with a path short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="hd") as folder:
        yield Path(folder)


def configuration(home, *, port, broker, mode="observe", profile="generic_modbus"):
    path = home / "house.toml"
    path.write_text(f"""
[house]
timezone = "Europe/Copenhagen"
year = 1972
area_m2 = 140
emitter = "radiator"
design_flow_c = 55
[heat_pump]
profile = "{profile}"
host = "127.0.0.1"
port = {port}
accept_maturity = "simulated"
[mqtt]
broker = "{broker}"
[room]
sensor_topic = "zigbee2mqtt/living_room"
[control]
mode = "{mode}"
cycle = "1 s"
[storage]
directory = "{home / "data"}"
socket = "{home / "s"}"
""")
    return path


@contextlib.asynccontextmanager
async def simulator(profile="generic_modbus"):
    """Where the simulated house listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hil.serve", "--wall", "--modbus-port", "0", "--profile", profile,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield json.loads(await process.stdout.readline())["ready"]
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def service(config, *, log):
    """The process of `heatherd run`."""
    with log.open("ab") as words:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "controller", "run", "-c", config, stderr=words
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def heatherd(*arguments):
    """One verb to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complained = await process.communicate()
    return process.returncode, said.decode(), complained.decode()


async def eventually(question):
    """Ask another process until it says yes; there is no other way to know that it got there."""
    async with asyncio.timeout(PATIENCE_S):
        while not (answer := await question()):  # noqa: ASYNC110  it is another process
            await asyncio.sleep(POLL_S)
    return answer


async def ended(process):
    async with asyncio.timeout(PATIENCE_S):
        return await process.wait()


def status_of(home):
    async def status():
        try:
            return (await ask(home / "s", {"verb": "status"}))["status"]
        except OSError:
            return None

    return status


def records_in(home):
    with contextlib.closing(Records(home / "data" / "records.db")) as records:
        return list(records.texts())


async def test_it_observes_answers_and_leaves_with_exit_code_0(home):
    async with simulator() as places:
        config = configuration(home, port=places["modbus_port"], broker=places["broker"])
        link = TcpLink("127.0.0.1", places["modbus_port"])
        async with service(config, log=home / "log") as process:
            await eventually(status_of(home))
            code, said, _ = await heatherd("status", "--json", "-c", config)
            assert code == 0
            signals = json.loads(said)["status"]["signals"]
            assert 15.0 < signals["flow_c"] < 60.0
            assert 15.0 < signals["room_c"] < 25.0
            assert await link.read(1, Space.HOLDING, FLOW_SETPOINT, 1) == [0]
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
        assert await link.read(1, Space.HOLDING, FLOW_SETPOINT, 1) == [0]
        await link.close()
    assert len(records_in(home)) >= 1
    assert "Traceback" not in (home / "log").read_text()
    assert not (home / "s").exists()


async def test_told_to_stop_while_it_steers_it_hands_the_pump_back(home):
    async with simulator() as places:
        config = configuration(
            home, port=places["modbus_port"], broker=places["broker"], mode="control"
        )
        link = TcpLink("127.0.0.1", places["modbus_port"])

        async def steers():
            return await link.read(1, Space.HOLDING, FLOW_SETPOINT, 1) != [0]

        async with service(config, log=home / "log") as process:
            await eventually(steers)
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
        assert not await steers()
        await link.close()
    assert "the pump is on its own control" in (home / "log").read_text()
    assert "Traceback" not in (home / "log").read_text()


@pytest.mark.parametrize(
    ("profile", "register", "owners"),
    [("generic_modbus", FLOW_SETPOINT, 0), ("nibe_s", CURVE_OFFSET, OWNERS_OFFSET)],
)
async def test_killed_while_it_steers_the_pump_is_restored(home, profile, register, owners):
    async with simulator(profile) as places:
        config = configuration(
            home,
            port=places["modbus_port"],
            broker=places["broker"],
            mode="control",
            profile=profile,
        )
        link = TcpLink("127.0.0.1", places["modbus_port"])
        await link.write(1, register, [owners])

        async def steers():
            return await link.read(1, Space.HOLDING, register, 1) != [owners]

        async with service(config, log=home / "log") as process:
            await eventually(steers)
            process.kill()
            assert await ended(process) == -signal.SIGKILL
        assert await steers()  # nobody could clear up
        before = records_in(home)
        code, said, complained = await heatherd("release", "--once", "-c", config, "--json")
        assert (code, complained) == (0, "")
        assert json.loads(said) == {"handed_back": True, "released": False}
        assert not await steers()
        async with service(config, log=home / "log") as process:
            await eventually(status_of(home))
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
        assert not await steers()
        await link.close()
    after = records_in(home)
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert "Traceback" not in (home / "log").read_text()


async def test_without_pump_and_broker_it_stays_up_and_says_what_is_missing(home):
    config = configuration(home, port=1, broker="mqtt://127.0.0.1:1")
    async with service(config, log=home / "log") as process:
        status = await eventually(status_of(home))
        assert "127.0.0.1:1" in status["missing"]["flow_c"]["reason"]
        assert status["verdict"] == "refused"
        code, _, complained = await heatherd("run", "-c", config)
        assert code == 3
        assert "a service already answers on" in complained
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
    log = (home / "log").read_text()
    assert "Traceback" not in log
    assert "broker 127.0.0.1:1: " in log
    assert "flow_c" in log
    assert "pymodbus" not in log


async def test_a_wrong_configuration_ends_it_with_exit_code_3(home):
    config = configuration(home, port=1, broker="mqtt://127.0.0.1:1")
    config.write_text(config.read_text().replace("[control]", "[control]\nmood = 'good'"))
    code, said, complained = await heatherd("run", "-c", config)
    assert (code, said) == (3, "")
    assert "control.mood: unknown key; did you mean 'mode'?" in complained
