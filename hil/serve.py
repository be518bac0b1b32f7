"""The simulated house as a process of its own: `python -m hil.serve`.

Lockstep: one JSON line of set-up on stdin, `{"ready": ...}` on stdout, then one answer line per
command line. Time passes only at {"advance": "<instant>"}; its room messages are followed on the
same connection by the instant on topic `hil/marker`, so whoever has seen the marker has seen all.
Faults come as commands too: alarm, silence, busy, restart, other_writer.
Bench: with --wall the house lives in real time (hil/wall.py).
"""

import argparse
import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from drivers.api import Capability
from drivers.errors import LinkLostError
from hil.firmware import Curve
from hil.house import house_names, load_house
from hil.manners import parse_manners
from hil.simulated_house import SimulatedHouse, Truth
from hil.wall import BenchSetup, live
from hil.weather import WeatherTrace
from hil.wires import BenchError, Wires, on_the_wire

MARKER_TOPIC = "hil/marker"
LONGEST_LINE_BYTES = 64 * 1024 * 1024  # a year of hourly weather is 1 MB

Answer = dict[str, Any]


def house_of(setup: Mapping[str, Any]) -> SimulatedHouse:
    """The house a set-up line describes; raises KeyError, TypeError or ValueError if it cannot."""
    weather = dict(setup["weather"])
    weather["starts_at"] = datetime.fromisoformat(weather["starts_at"])
    curve = setup.get("curve")
    manners = setup.get("manners")  # instead of those the profile's device has
    return SimulatedHouse(
        load_house(setup["house"]),
        WeatherTrace(**weather),
        start_at=datetime.fromisoformat(setup["start_at"]),
        seed=int(setup["seed"]),
        profile=setup.get("profile", "generic_modbus"),
        curve=None if curve is None else Curve(**curve),
        room_setpoint_c=float(setup.get("room_setpoint_c", 21.0)),
        manners=None if manners is None else parse_manners(manners),
        older_firmware=bool(setup.get("older_firmware", False)),
    )


def truth_row(truth: Truth) -> Answer:
    """The truth as JSON takes it."""
    row = asdict(truth)
    row["at"] = truth.at.isoformat()
    row["zone_c"] = list(truth.zone_c)
    row["operating_state"] = int(truth.operating_state)
    return row


class Session:
    """One house, its links and what was asked of it."""

    def __init__(self, house: SimulatedHouse, wires: Wires) -> None:
        self._house = house
        self._wires = wires
        self._trace: list[Truth] = []
        self._commands: dict[str, Callable[[Any], Answer]] = {
            "truth": lambda _: {"truth": truth_row(house.truth())},
            "trace": lambda _: self._traced(),
            "setpoint": self._turn,
            "alarm": self._fail,
            "silence": self._silence,
            "busy": self._busy,
            "other_writer": self._meddle,
            "held": lambda name: {"held": house.pump_registers.held(Capability(name))},
            "write_counts": lambda _: {"write_counts": house.pump_registers.write_counts},
        }

    async def advance(self, until: datetime) -> Answer:
        """Let time pass, publish what the rooms report, and mark the end of it."""
        await self._wires.settle()
        self._house.advance(until)
        self._trace.append(self._house.truth())
        for message in self._house.pop_messages():
            await self._wires.publish(*message)
        await self._wires.publish(MARKER_TOPIC, until.isoformat(), False)
        return {"at": until.isoformat()}

    async def answer(self, line: bytes) -> Answer | None:
        """Answer one command line; None ends the session."""
        try:
            command = json.loads(line)
            name, value = next(iter(command.items()))
            if name == "advance":
                return await self.advance(datetime.fromisoformat(value))
            if name == "restart":
                return await self._restart()
            if name == "stop":
                return None
            known = self._commands.get(name)
            return {"error": f"unknown command '{name}'"} if known is None else known(value)
        except (ValueError, TypeError, KeyError, AttributeError, StopIteration) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _traced(self) -> Answer:
        """One row per advance, columns named once."""
        columns = [field.name for field in fields(Truth)]
        rows = [list(truth_row(truth).values()) for truth in self._trace]
        return {"columns": columns, "trace": rows}

    def _turn(self, value: Any) -> Answer:
        self._house.set_room_setpoint(float(value))
        return {"setpoint": float(value)}

    def _fail(self, value: Any) -> Answer:
        self._house.set_alarm(int(value))
        return {"alarm": int(value)}

    def _silence(self, value: Any) -> Answer:
        self._house.silence(bool(value))
        return {"silence": bool(value)}

    def _busy(self, value: Any) -> Answer:
        self._house.busy(bool(value))
        return {"busy": bool(value)}

    def _meddle(self, value: Any) -> Answer:
        capability, setting = Capability(value["capability"]), float(value["value"])
        self._house.other_writer(capability, setting)
        return {"other_writer": {"capability": capability, "value": setting}}

    async def _restart(self) -> Answer:
        """A device that restarts loses its connections too."""
        self._house.restart()
        await self._wires.drop()
        return {"restart": True}


def _say(answer: Answer) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _lines() -> asyncio.StreamReader:
    """Standard input as a stream that does not block the servers."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def lockstep() -> None:
    """Serve one house to whoever holds the other end of our pipes."""
    lines = await _lines()
    setup_line = await lines.readline()
    if not setup_line:
        return
    setup = json.loads(setup_line)
    house = house_of(setup)
    async with on_the_wire(
        house.modbus,
        port=int(setup.get("pump_port", 0)),
        serial=bool(setup.get("serial", False)),
        broker_url=setup.get("broker"),
        listens=house.listens,
        command=house.command,
    ) as wires:
        session = Session(house, wires)
        _say({"ready": wires.places})
        while line := await lines.readline():
            answer = await session.answer(line)
            if answer is None:
                _say({"stopped": True})
                return
            _say(answer)


async def wall(arguments: argparse.Namespace) -> None:
    """Serve one house in real time until interrupted."""
    setup = BenchSetup(
        house=arguments.house,
        profile=arguments.profile,
        modbus_port=arguments.modbus_port,
        broker=arguments.broker,
        seed=arguments.seed,
    )
    await live(setup, lambda places: _say({"ready": places}))


def main() -> None:
    """Command line of the simulator."""
    parser = argparse.ArgumentParser(prog="python -m hil.serve", description=__doc__)
    parser.add_argument("--wall", action="store_true", help="live in real time")
    parser.add_argument("--house", default="timber1972", choices=house_names())
    parser.add_argument("--profile", default="generic_modbus", help="whose registers to show")
    parser.add_argument("--modbus-port", type=int, default=1502)
    parser.add_argument("--broker", default=None, help="mqtt://host:1883; none: one of our own")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(wall(arguments) if arguments.wall else lockstep())
        except (BenchError, LinkLostError) as error:
            raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
