"""The simulated house in a process of its own, behind real Modbus TCP and MQTT, in lockstep."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from bench.archive import Archive, ArchivePrices, ArchiveWeather
from bench.spec import Address, RunSpec
from bench.world import WorldError
from controller.config import HouseConfig
from controller.connect import Outside, RealLinks, connect
from drivers.api import Now, OperatingState
from drivers.transports.mqtt import BrokerLink
from hil.serve import MARKER_TOPIC
from hil.simulated_house import Truth

PATIENCE_S = 30.0
"""Longest wait for an answer of the simulator before the run is given up."""

LONGEST_LINE_BYTES = 1 << 28
"""The trace of a year of minutes is some 100 MB."""


class ProcessWorld:
    """Plant, devices and broker beyond the sockets; advanced by messages on pipes."""

    def __init__(
        self, archive: Archive, process: asyncio.subprocess.Process | None, ready: dict[str, Any]
    ) -> None:
        self.address = Address(modbus_port=ready["modbus_port"], broker=ready["broker"])
        self.truths: list[Truth] = []
        self._archive = archive
        self._process = process
        self._link = BrokerLink(self.address.broker, "heatherd-lockstep")
        self._reached = ""
        self._marked = asyncio.Event()
        self._link.subscribe(MARKER_TOPIC, self._on_marker)

    def outside(self, config: HouseConfig, now: Now) -> Outside:
        """The very drivers of the service; only prices and weather come from the archive."""
        world = connect(config, now, RealLinks(config, self._link))
        return replace(
            world,
            prices=ArchivePrices(self._archive),
            weather=ArchiveWeather(self._archive),
        )

    async def advance(self, until: datetime) -> None:
        """Let the house live until then; back when all its messages have arrived here."""
        await self._link.wait_connected(PATIENCE_S)
        await self.command({"advance": until.isoformat()})
        async with asyncio.timeout(PATIENCE_S):
            while self._reached != until.isoformat():
                self._marked.clear()
                await self._marked.wait()

    async def finish(self) -> None:
        """Fetch the truth of the whole run."""
        self.truths = truths_in(await self.command({"trace": True}))

    async def command(self, command: dict[str, Any]) -> dict[str, Any]:
        """One command line, one answer line."""
        if self._process is None or self._process.stdin is None:
            raise WorldError("the simulator has no input")
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        answer = await _answer(self._process)
        if "error" in answer:
            raise WorldError(f"the simulator refused {next(iter(command))}: {answer['error']}")
        return answer

    def _on_marker(self, _topic: str, payload: bytes, _retained: bool) -> None:
        self._reached = payload.decode()
        self._marked.set()


@asynccontextmanager
async def process_world(
    spec: RunSpec, archive: Archive, broker: str | None
) -> AsyncIterator[ProcessWorld]:
    """Start the simulator's process; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hil.serve",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE_BYTES,
    )
    try:
        if process.stdin is None:
            raise WorldError("the simulator has no input")
        process.stdin.write(json.dumps(setup_of(spec, archive, broker)).encode() + b"\n")
        answer = await _answer(process)
        if "ready" not in answer:
            raise WorldError(f"the simulator did not start: {answer}")
        yield ProcessWorld(archive, process, answer["ready"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    if process.stdout is None:
        raise WorldError("the simulator has no output")
    async with asyncio.timeout(PATIENCE_S):
        line = await process.stdout.readline()
    if not line:
        raise WorldError("the simulator ended without an answer; its words are above")
    answer: dict[str, Any] = json.loads(line)
    return answer


def setup_of(spec: RunSpec, archive: Archive, broker: str | None) -> dict[str, Any]:
    """The first line that the simulator's process is told."""
    weather = dict(archive.truth_weather())
    weather["starts_at"] = archive.truth_weather()["starts_at"].isoformat()
    return {
        "house": spec.house,
        "seed": spec.seed,
        "start_at": spec.start_at.isoformat(),
        "weather": weather,
        "curve": None if spec.curve is None else asdict(spec.curve),
        "profile": spec.profile,
        "broker": broker,
        "room_setpoint_c": spec.room_c,
    }


def truths_in(answer: dict[str, Any]) -> list[Truth]:
    """The simulator's trace, one truth for each time it was told to advance."""
    columns = answer["columns"]
    return [_truth(dict(zip(columns, row, strict=True))) for row in answer["trace"]]


def _truth(row: dict[str, Any]) -> Truth:
    return Truth(
        **{
            **row,
            "at": datetime.fromisoformat(row["at"]),
            "zone_c": tuple(row["zone_c"]),
            "operating_state": OperatingState(row["operating_state"]),
        }
    )
