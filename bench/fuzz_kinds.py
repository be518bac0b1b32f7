"""The kinds of payload, how many of each are tried, and how a slice of them is run."""

import asyncio
import logging
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from bench.fuzz_broker import fuzz_broker
from bench.fuzz_files import fuzz_houses, fuzz_profiles, fuzz_series
from bench.fuzz_frames import fuzz_frames
from bench.fuzz_http import fuzz_answers, fuzz_transport
from bench.fuzz_inbox import fuzz_inbox
from bench.fuzz_owner import fuzz_owner
from bench.fuzz_records import fuzz_records, good_records
from bench.fuzz_registers import ModbusSubject, fuzz_registers, modbus_subjects
from bench.fuzz_services import Service, services
from bench.fuzz_tally import Tally
from bench.fuzz_topics import TopicSubject, fuzz_topics, topic_subjects

MOST_MB = 300.0
SPARE_MB = 100.0
"""What a process that was larger before may grow by."""

"""Resident memory of the fuzz itself; a payload that makes it grow beyond is a violation."""

ADDRESS_SPACE_BYTES = 6 << 30
"""Of a process with everything loaded; beyond it an allocation fails and the payload is told."""

Run = Callable[[int, int, Path], Tally]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of payload."""

    name: str
    group: str  # of --kind
    frac: float  # of all payloads
    slice: int  # payloads between two signs of life
    run: Run  # count, seed, an empty folder


@cache
def _modbus() -> list[ModbusSubject]:
    return modbus_subjects()


@cache
def _topics() -> list[TopicSubject]:
    return topic_subjects()


@cache
def _services() -> list[Service]:
    return services()


@cache
def _good_records() -> bytes:
    with tempfile.TemporaryDirectory(prefix="heatherd-") as folder:
        return good_records(Path(folder))


def _transport(count: int, seed: int, _: Path) -> Tally:
    bodies = [body for service in _services() for body in service.good]
    return asyncio.run(fuzz_transport(count, seed, bodies, datetime(2026, 1, 15, 12, tzinfo=UTC)))


KINDS = (
    Kind("registers", "modbus", 0.36, 5000,
         lambda count, seed, _: asyncio.run(fuzz_registers(count, seed, _modbus()))),
    Kind("frames", "modbus", 0.1, 5000,
         lambda count, seed, _: asyncio.run(fuzz_frames(count, seed))),
    Kind("topics", "mqtt", 0.25, 5000,
         lambda count, seed, _: asyncio.run(fuzz_topics(count, seed, _topics()))),
    Kind("broker", "mqtt", 0.17, 5000,
         lambda count, seed, _: asyncio.run(fuzz_broker(count, seed))),
    Kind("answers", "http", 0.05, 5000,
         lambda count, seed, _: asyncio.run(fuzz_answers(count, seed, _services()))),
    Kind("transport", "http", 0.01, 2000, _transport),
    Kind("inbox", "http", 0.005, 2000, lambda count, seed, _: asyncio.run(fuzz_inbox(count, seed))),
    Kind("houses", "files", 0.02, 2000, lambda count, seed, _: fuzz_houses(count, seed)),
    Kind("profiles", "files", 0.01, 2000, fuzz_profiles),
    Kind("series", "files", 0.01, 5000, fuzz_series),
    Kind("records", "records", 0.005, 1000,
         lambda count, seed, folder: fuzz_records(count, seed, _good_records(), folder)),
    Kind("owner", "owner", 0.01, 3000,
         lambda count, seed, folder: asyncio.run(fuzz_owner(count, seed, folder))),
)  # fmt: skip
GROUPS = tuple(dict.fromkeys(kind.group for kind in KINDS))


@dataclass(frozen=True, slots=True)
class Slice:
    """Some payloads of one kind; the seed makes them."""

    kind: str
    count: int
    seed: int


def slices(count: int, seed: int, group: str = "all") -> list[Slice]:
    """How so many payloads are shared out; every kind is begun early."""
    kinds = [kind for kind in KINDS if group in ("all", kind.group)]
    whole = sum(kind.frac for kind in kinds)
    found: list[tuple[float, Slice]] = []
    for kind in kinds:
        share = max(1, round(count * kind.frac / whole))
        for number, first in enumerate(range(0, share, kind.slice)):
            size = min(kind.slice, share - first)
            found.append((first / share, Slice(kind.name, size, 1_000_000 * seed + number)))
    return [piece for _, piece in sorted(found, key=lambda one: one[0])]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def run_slice(piece: Slice) -> Tally:
    """Run it in this process."""
    kind = next(kind for kind in KINDS if kind.name == piece.kind)
    began_s, before_mb = time.process_time(), _peak_mb()
    with tempfile.TemporaryDirectory(prefix="hd") as folder, _same_jitter(piece.seed):
        tally = kind.run(piece.count, piece.seed, Path(folder))
    tally.cpu_s = time.process_time() - began_s
    tally.peak_mb = _peak_mb()
    if tally.peak_mb > max(MOST_MB, before_mb + SPARE_MB):
        tally.violated(piece.kind, "memory without bound", f"{tally.peak_mb:.0f} MB, {piece}")
    return tally


@contextmanager
def _same_jitter(seed: int) -> Iterator[None]:
    """Libraries draw from the shared generator."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def prepare() -> None:
    """Of a process that does nothing else."""
    logging.disable(logging.CRITICAL)  # what is said of bad payloads would fill the terminal
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
