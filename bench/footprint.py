"""Benchmark: what the service takes of a small computer, at wall-clock time beside the emulator.

Usage: python -m bench.footprint [--minutes N] [--write]

`heatherd run` and the simulated house are processes of their own, as in a house. Everything is read
from /proc (Linux): memory as PSS, so that pages shared by service and planner count once; CPU time.
Bytes that the kernel was to write to disk are those of simulated hours (bench/written.py).
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.tables import markdown_table
from bench.written import written_mb_per_day
from controller.recorder import Records
from controller.records import RecordError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "footprint.md"
MINUTES, WRITTEN_HOURS = 10.0, 2.0
CYCLE_S, PLAN_EVERY_S, USUAL_PLAN_EVERY_S = 60.0, 180.0, 900.0
LOOK_S, QUICK_LOOK_S = 1.0, 0.1
MACHINE = platform.machine()
PATIENCE_S = 120.0
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as the installed unit has it

_HOUSE = """
[house]
timezone = "Europe/Copenhagen"
year = 1972
area_m2 = 140
emitter = "radiator"
design_flow_c = 55
[heat_pump]
profile = "generic_modbus"
host = "127.0.0.1"
port = {port}
accept_maturity = "simulated"
[mqtt]
broker = "{broker}"
[room]
sensor_topic = "zigbee2mqtt/living_room"
[prices]
csv = "{folder}/prices.csv"
[weather]
csv = "{folder}/weather.csv"
[control]
mode = "control"
cycle = "{cycle_s:g} s"
plan_every = "{plan_every_s:g} s"
[storage]
directory = "{folder}/data"
socket = "{folder}/s"
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What one process had used up to an instant."""

    pss_mb: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What was seen of service and planner."""

    minutes: float
    start_s: float  # from the command to the first finished cycle
    start_cpu_s: float
    first_plan_s: float  # from the command to the first plan
    service_mb: float  # highest PSS
    planner_mb: float
    together_mb: float  # highest sum at one instant
    cycle_cpu_s: float
    plan_cpu_s: float
    written_mb_per_day: float
    plans: int

    @property
    def cpu_frac(self) -> float:
        """Of one core, at the usual pace of plans."""
        return self.cycle_cpu_s / CYCLE_S + self.plan_cpu_s / USUAL_PLAN_EVERY_S


def used(pid: int) -> Used | None:
    """What a process has used; None once it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    pss_kb = next(float(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    ticks = int(fields[11]) + int(fields[12])  # utime, stime: fields 14 and 15 of proc(5)
    return Used(pss_kb / 1024.0, ticks / os.sysconf("SC_CLK_TCK"))


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text(encoding="ascii").split()
    return [int(child) for child in found]


@contextmanager
def emulator() -> Iterator[dict[str, object]]:
    """The simulated house in real time, with a broker of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "hil.serve", "--wall", "--modbus-port", "0"], stdout=subprocess.PIPE
    ) as process:
        try:
            words = process.stdout
            if words is None:
                raise OSError("the simulated house has no output")
            yield json.loads(words.readline())["ready"]
        finally:
            process.terminate()


def write_files(folder: Path, places: dict[str, object], now: datetime) -> Path:
    """The owner's configuration, with two days of prices and weather."""
    hour_at = now.replace(minute=0, second=0, microsecond=0)
    hours = [hour_at + timedelta(hours=n) for n in range(60)]
    with (folder / "prices.csv").open("w", encoding="utf-8", newline="") as file:
        rows = ((at.isoformat(), 80.0 + 60.0 * (at.hour in (7, 8, 17, 18, 19))) for at in hours)
        csv.writer(file).writerows([("timestamp_utc", "price"), *rows])
    with (folder / "weather.csv").open("w", encoding="utf-8", newline="") as file:
        weather = ((at.isoformat(), 2.0 + (at.hour in range(9, 17)), 0.0) for at in hours)
        csv.writer(file).writerows([("timestamp_utc", "outdoor_c", "ghi_w_per_m2"), *weather])
    path = folder / "house.toml"
    text = _HOUSE.format(
        port=places["modbus_port"], broker=places["broker"], folder=folder, cycle_s=CYCLE_S,
        plan_every_s=PLAN_EVERY_S,
    )  # fmt: skip
    path.write_text(text, encoding="utf-8")
    return path


def counted(folder: Path, kind: str) -> int:
    """How many cycles ("step") or plans ("plan") are recorded."""
    path = folder / "data" / "records.db"
    if not path.exists():
        return 0
    try:
        with closing(Records(path)) as records:
            return records.count(None if kind == "step" else kind)
    except RecordError:
        return 0  # not yet made


class Watch:
    """Looks at the service until it has been measured."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._folder = folder
        self.service: Used = Used(0.0, 0.0)
        self.planner: Used = Used(0.0, 0.0)
        self.service_mb = self.planner_mb = self.together_mb = 0.0

    def look(self) -> None:
        """One look at both processes."""
        service = used(self._pid)
        if service is None:
            raise OSError("the service has ended; its words are above")
        planners = [seen for child in children(self._pid) if (seen := used(child)) is not None]
        planner_mb = sum(one.pss_mb for one in planners)
        self.service = service
        if planners:
            self.planner = max(planners, key=lambda one: one.cpu_s)
        self.service_mb = max(self.service_mb, service.pss_mb)
        self.planner_mb = max(self.planner_mb, planner_mb)
        self.together_mb = max(self.together_mb, service.pss_mb + planner_mb)

    def until(self, table: str, count: int, patience_s: float, *, look_s: float = LOOK_S) -> None:
        """Look now and then until so many are recorded. Raises `TimeoutError`."""
        gives_up_s = time.perf_counter() + patience_s
        while counted(self._folder, table) < count:
            if time.perf_counter() > gives_up_s:
                raise TimeoutError(f"no {table} number {count} within {patience_s:g} s")
            time.sleep(look_s)
            self.look()


def as_installed(folder: Path) -> dict[str, str]:
    """The environment of the service: one thread, and code that has been compiled before."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment = {**inherited, **ONE_THREAD, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    command = [sys.executable, "-c", "import controller.cli, mpc.solver, mpc.stability"]
    subprocess.run(command, env=environment, check=True)
    return environment


def measure(minutes: float, written_hours: float) -> Footprint:
    """Run the service for so many minutes after its first plan, and simulated hours of writing."""
    written = written_mb_per_day(written_hours)
    with tempfile.TemporaryDirectory(prefix="heatherd-") as name, emulator() as places:
        folder = Path(name)
        config = write_files(folder, places, datetime.now(UTC))  # noqa: TID251  wall-clock time
        environment = as_installed(folder)
        began_s = time.perf_counter()
        command = [sys.executable, "-m", "controller", "run", "-c", str(config)]
        with subprocess.Popen(command, env=environment) as process:
            try:
                watch = Watch(process.pid, folder)
                watch.until("step", 1, PATIENCE_S, look_s=QUICK_LOOK_S)
                start_s, start_cpu_s = time.perf_counter() - began_s, watch.service.cpu_s
                watch.until("plan", 1, PATIENCE_S)
                first_plan_s = time.perf_counter() - began_s
                service, planner = watch.service, watch.planner
                cycles, plans = counted(folder, "step"), counted(folder, "plan")
                lasts = round(minutes * 60.0 / CYCLE_S)
                watch.until("step", cycles + lasts, 2.0 * minutes * 60.0 + PATIENCE_S)
                more_plans = counted(folder, "plan") - plans
                return Footprint(
                    minutes=minutes,
                    start_s=start_s,
                    start_cpu_s=start_cpu_s,
                    first_plan_s=first_plan_s,
                    service_mb=watch.service_mb,
                    planner_mb=watch.planner_mb,
                    together_mb=watch.together_mb,
                    cycle_cpu_s=(watch.service.cpu_s - service.cpu_s) / lasts,
                    plan_cpu_s=(watch.planner.cpu_s - planner.cpu_s) / max(more_plans, 1),
                    written_mb_per_day=written,
                    plans=more_plans,
                )
            finally:
                process.terminate()


def page(seen: Footprint) -> str:
    """The page for the documentation."""
    seen_of = {
        "memory of service and planner together, highest (PSS)": f"{seen.together_mb:.0f} MB",
        "of it the service": f"{seen.service_mb:.0f} MB",
        "of it the planner's process": f"{seen.planner_mb:.0f} MB",
        "start, to the first finished cycle": f"{seen.start_s:.1f} s",
        "of it CPU time of the service": f"{seen.start_cpu_s:.1f} s",
        "start, to the first plan in force": f"{seen.first_plan_s:.0f} s",
        "CPU time of a cycle": f"{1000.0 * seen.cycle_cpu_s:.0f} ms",
        "CPU time of a plan": f"{seen.plan_cpu_s:.1f} s",
        "share of one core, cycles of 60 s and plans every 15 min": f"{seen.cpu_frac:.1%}",
        "written to disk": f"{seen.written_mb_per_day:.0f} MB a day",
    }
    table = markdown_table([{"what": what, "seen": figure} for what, figure in seen_of.items()])
    minutes = f"{seen.minutes:g} minutes with {seen.plans} more plans"
    paces = f"one every {PLAN_EVERY_S / 60:g} minutes instead of every {USUAL_PLAN_EVERY_S / 60:g}"
    return f"""# What the service takes of a computer

Measured at wall-clock time: `heatherd run` beside the emulator, each a process of its own, in
control of a simulated pump over Modbus TCP and MQTT, cycles of {CYCLE_S:g} s, on {MACHINE}.
From the first plan on it was watched for {minutes},
{paces}. A first plan comes into force with the cycle after it. Other programs shared the computer:
times are upper bounds, CPU times too; a Raspberry Pi is slower. Python had compiled the code
before, as the installation does. What is written was counted in {WRITTEN_HOURS:g} simulated hours
after the first, at the default pace, a cycle a minute and a plan every
{USUAL_PLAN_EVERY_S / 60:g} minutes, each file brought to the disk after each cycle: a system that
gathers writes longer writes less.
Reproduce with `python -m bench.footprint --write`.

{table}"""


def main() -> None:
    """Measure, print, and with --write keep the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    text = page(measure(arguments.minutes, WRITTEN_HOURS))
    sys.stdout.write(text)
    if arguments.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
